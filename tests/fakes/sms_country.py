"""A real kiosk and a real centre that reach one another by SMS: two simulated modems on one network."""

import contextlib
import secrets
import time
from pathlib import Path
from typing import Any, Self

import httpx
from kiosk_site import KioskSite, wait_for
from sqlalchemy import insert, select

from kiosk.demo import settings
from kiosk.monitor import config as monitor_config
from kiosk.monitor.sms_keys import derive
from kiosk.monitor.store.engine import make_engine
from kiosk.monitor.store.schema import inbox, people, registry, texts
from kiosk.sim.broker import free_port
from kiosk.sim.modem import SimModem
from kiosk.sim.phone import Phone

OFFICER = "+77010000021"
SIM = "+77010000017"  # of the kiosk's modem
NUMBER = 17
TOKEN = "a webhook token of some length"


class SmsCountry:
    """One site whose gateway number is the centre's own modem."""

    def __init__(self) -> None:
        self.site = site = KioskSite(beat_s=5)
        self.folder = site.folder
        self.master = secrets.token_bytes(32)
        self.key = derive(self.master, settings.KIOSK_ID)
        (self.folder / "sms.key").write_text(self.key.hex())
        (self.folder / "master.key").write_text(self.master.hex())
        (self.folder / "webhook.token").write_text(TOKEN)
        (self.folder / "inbox").mkdir()
        self.officer = Phone(OFFICER)
        self.modem = SimModem(
            number=settings.GATEWAY, link=self.folder / "centre-modem", phones=(self.officer,)
        )
        self._join(site.modem, settings.GATEWAY, self.modem, SIM)
        self._join(self.modem, SIM, site.modem, settings.GATEWAY)
        self.port = free_port()
        toml = self.folder / "centre.toml"
        toml.write_text(toml.read_text() + self._sms())
        self._ends = contextlib.ExitStack()

    @staticmethod
    def _join(sender: SimModem, number: str, to: SimModem, known_as: str) -> None:
        """Let what one modem sends to a number arrive at the other modem."""
        bridge = Phone(number, on_text=lambda received: to.deliver(known_as, received.text))
        sender.network.add(bridge)

    def _sms(self) -> str:
        return f"""
[sms]
master_key_file = "{self.folder}/master.key"
first = "modem"
smsd_inbox = "{self.folder}/inbox"
webhook_token_file = "{self.folder}/webhook.token"
[sms.modem]
device = "{self.folder}/centre-modem"
[web]
listen = "127.0.0.1:{self.port}"
"""

    def __enter__(self) -> Self:
        self._ends.enter_context(self.site)
        self._ends.enter_context(self.modem)
        try:
            self._begin()
        except BaseException:
            self._ends.close()
            raise
        return self

    def _begin(self) -> None:
        self.site.start_centre()
        wait_for(lambda: self.site.ask_centre(ask="status").get("link"))
        config = monitor_config.read((self.folder / "centre.toml").read_text(), "centre.toml")
        self.engine = make_engine(config.store_url)
        self._ends.callback(self.engine.dispose)
        self._fill()

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _fill(self) -> None:
        words = {"name": "Магазин", "address": "Абая 10", "entrance": "Со двора"}
        place = {f"{what}_{lang}": text for what, text in words.items() for lang in ("kk", "ru")}
        kiosk = {
            "kiosk_id": settings.KIOSK_ID, "number": NUMBER, "lat": 43.23815, "lon": 76.94551,
            "accuracy_m": 10, "kato": "751110000", "created_ms": 1, "changed_ms": 1,
        }  # fmt: skip
        person = {
            "person_id": "aigul", "name": "Айгуль", "role": "officer", "language": "ru", "phone": OFFICER,
            "active": True, "created_ms": 1, "changed_ms": 1,
        }  # fmt: skip
        with self.engine.connect().execution_options(writes=True) as db, db.begin():
            db.execute(insert(registry).values(kiosk | place))
            db.execute(insert(people).values(person))
        assert self.site.ask_centre(ask="reload")["ok"]

    # ---- what there is to see

    def inbox(self) -> list[Any]:
        with self.engine.connect() as db:
            return list(db.execute(select(inbox).order_by(inbox.c.number)))

    def texts(self, kind: str) -> list[Any]:
        with self.engine.connect() as db:
            return list(db.execute(select(texts).where(texts.c.kind == kind)))

    def smsd(self, sender: str, text: str) -> Path:
        """Write a text as gammu-smsd does."""
        name = time.strftime("IN%Y%m%d_%H%M%S_00_") + f"{sender}_00.txt"
        path = self.folder / "inbox" / name
        path.with_suffix(".tmp").write_text(text)
        return path.with_suffix(".tmp").rename(path)

    def post(self, body: bytes, token: str = TOKEN) -> int:
        """Hand a text over as an operator does; give the HTTP status."""
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        url = f"http://127.0.0.1:{self.port}/v1/sms"
        return httpx.post(url, content=body, headers=headers, trust_env=False, timeout=30).status_code
