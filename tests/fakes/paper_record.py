"""Records of an installation, as `kiosk check --install` gives them, and their sheets."""

from pathlib import Path
from typing import Any

from fakes.commissioning_rows import a_finding, a_record

from kiosk.commissioning import Commissioning
from kiosk.messages import Language
from kiosk.paper.record import Sheet, tell
from kiosk.words import load_catalogue

EXAMPLE = Path(__file__).parents[2] / "provisioning" / "site.example.toml"
PLACES: dict[Language, str] = {
    "kk": "«Мысал» дәріханасы, Көкшетау, Абай к., 10",
    "ru": "Аптека «Пример», Кокшетау, ул. Абая, 10",
}
ROWS = (
    a_finding("config", code="config_ok", values={"file": "/etc/pana-kiosk/site.toml", "hash": "a1b2c3d4"}),
    a_finding("input:counter", code="input_rest", values={"pin": 17, "level": "high"}),
    a_finding("speaker", level="fault", code="speaker_broken",
              values={"device": "plughw:CARD=Device", "reason": "no such card"}),
    a_finding("modem", values={"imei": "356938035643809"}),
    a_finding("gsm", level="warning", code="gsm_weak", values={"operator": "Kcell", "dbm": -101}),
    a_finding("balance", code="balance_ok", values={"kzt": 1200}),
    a_finding("sms", level="untested", code="untested_modem", values={}),
    a_finding("path:mqtt", code="receipt_ok", values={"ms": 340}),
    a_finding("path:sms", level="fault", code="sms_failed", values={"count": 1, "reason": "no network"}),
)  # fmt: skip


def an_installation(**changes: Any) -> Commissioning:
    fields: dict[str, Any] = {
        "kiosk_id": "kz-akm-0017", "by": "Ерлан Қ.", "at": "2026-11-27T20:30:00Z", "verdict": "failed",
        "imei": "356938035643809", "operator": "Kcell", "signal_dbm": -101, "balance_kzt": 1200.5,
        "rows": ROWS,
    }  # fmt: skip
    return a_record(**(fields | changes))


def sheets(languages: tuple[Language, ...] = ("kk", "ru"), **changes: Any) -> dict[Language, Sheet]:
    made = an_installation(**changes)
    return tell(made, number=17, places=PLACES, words=load_catalogue(), languages=languages)
