"""Every parser of outside bytes as a target: bytes in, a value or a refusal in words out, nothing else ever.

A target raises only what its parser documents (`refuses`); anything else, a hang or a growing memory is a
find.
Where a signature would hide what lies behind it, the target signs its input itself.
"""

import hashlib
import io
import tempfile
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fakes.mqtt_bench import KIOSK, command, duty, reply
from fakes.virtual_centre import a_beat, a_status, an_alert, an_event

from kiosk import sms_signed, sms_text, wire
from kiosk.bodies import Alert, CommandResult, Heartbeat
from kiosk.bundle import archive, checking, manifest
from kiosk.bundle.manifest import BundleRefused
from kiosk.config import Config
from kiosk.config_text import decode
from kiosk.control.connection import line_of
from kiosk.fleet import sheet, template
from kiosk.journal.record import FORMAT, Damaged, unpack
from kiosk.messages import ConfigError
from kiosk.monitor import config as monitor_config
from kiosk.monitor import intake
from kiosk.monitor.ca.csr import CsrRefused, read_csr
from kiosk.monitor.hearing import Hearing, Some, encode
from kiosk.monitor.store import imports
from kiosk.monitor.store.drafts import RegistryError
from kiosk.monitor.uplink import Beats
from kiosk.monitor.web import contactsheet
from kiosk.net import child_words, modem_answers
from kiosk.net.inbox import Inbox
from kiosk.words import load_catalogue

ROOT = Path(__file__).parents[2]
SAID_MAX = 100_000
KEY = b"a key that the fuzzer has"
SIGNER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(KEY).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One parser: how it is run, what it may raise, and inputs to begin with."""

    run: Callable[[bytes], object]
    seeds: Callable[[], tuple[bytes, ...]]
    refuses: tuple[type[Exception], ...] = ()

    def take(self, data: bytes) -> None:
        """Run it on one input; what is not a refusal comes out."""
        try:
            self.run(data)
        except self.refuses as refusal:
            said = str(refusal)
        else:
            return
        assert said.strip(), "a refusal that says nothing"
        assert len(said) < SAID_MAX, "a refusal that nobody can read"


def _split(data: bytes) -> tuple[str, bytes]:
    """Let the input choose a topic, or anything else in words, and a body behind it."""
    head, _, body = data.partition(b"\n")
    return head.decode("utf-8", "replace"), body


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@cache
def _words():  # type: ignore[no-untyped-def]
    return load_catalogue()


def _kiosk_mqtt(data: bytes) -> object:
    topic, body = _split(data)
    return Inbox(KIOSK).read(topic, body, retained=False, now_s=0.0)


def _centre_mqtt(data: bytes) -> object:
    topic, body = _split(data)
    found = intake.read(intake.Heard(topic, body, retained=False, receipt=None))
    intake.BeatReader(4).read({topic: (body, 0), wire.topic(KIOSK, "hb"): (body, 0)})
    return found


def _ears(data: bytes) -> object:
    return Hearing(Beats(lambda _: None), lambda _: None).listen(io.BytesIO(data))


def _sms_machine(data: bytes) -> object:
    """Read an SMS, and the same bytes as a signed form whose signature is right."""
    text = _text(data)
    sms_signed.find_number(text)
    sms_signed.unpack(text, KEY)
    body = data[: sms_signed.LAYOUT.size].ljust(sms_signed.LAYOUT.size, b"\0")
    tag = sms_signed._tag(KEY, body)[: sms_signed.TAG_BYTES]
    return sms_signed.unpack(sms_signed.MARK + b32encode(body + tag).decode().rstrip("="), KEY)


def _sms_person(data: bytes) -> object:
    text = _text(data)
    sms_text.listed(text, ("+77010000001",))
    answer = sms_signed.parse_answer(text)
    if answer is not None:
        sms_signed.verify_answer(answer, KEY, number=1, seq=1, pressed_s=1)
    return sms_text.parse_reply(_words(), text)


def _gammu(data: bytes) -> object:
    """Whatever gammu makes of what a modem says."""
    text = data.decode("utf-16-le", "surrogatepass") if _is_utf16(data) else _text(data)
    record = {"Type": "Deliver", "Number": text[:40], "Text": text, "DeliveryStatus": len(data)}
    told = child_words.message_told(record)
    told["text"].encode()
    told = child_words.ussd_told(record, "(.*)")
    f"{told['text']}{told['reason']}".encode()
    return modem_answers.report_status(len(data) % 256)


def _is_utf16(data: bytes) -> bool:
    try:
        data.decode("utf-16-le", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _balance(data: bytes) -> object:
    told = child_words.ussd_told({"Text": _text(data)}, r"Balans:? *(-?[0-9]+(?:[.,][0-9]+)?)")
    return modem_answers.read_balance(told["text"], told["reason"])


def _site(data: bytes) -> object:
    return decode(Config, _text(data), "site.toml")


def _centre_config(data: bytes) -> object:
    return monitor_config.read(_text(data), "monitor.toml")


def _fleet(data: bytes) -> object:
    return template.read(_text(data), "fleet.toml")


def _manifest(data: bytes) -> object:
    return manifest.parse(data, "bundle")


def _archive(data: bytes) -> object:
    return list(archive.members(io.BytesIO(data), len(data), "bundle"))


def _bundle(data: bytes) -> object:
    """Give the archive a manifest that the owner signed, so that all behind the signature is reached."""
    listed, _, content = data.partition(b"\0\0")
    signed = SIGNER.sign(listed)
    parts = [_member("MANIFEST", listed), _member("MANIFEST.sig", signed), content]
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        file.write(b"".join(parts))
        file.flush()
        return checking.verify(Path(file.name), SIGNER.public_key(), kind="kiosk")


def _member(name: str, content: bytes) -> bytes:
    return archive.header_of(name, len(content)) + content + bytes(-len(content) % 512)


def _journal(data: bytes) -> object:
    return unpack(FORMAT, data, hashlib.sha256(data).hexdigest())


def _registry_csv(data: bytes) -> object:
    return list(imports._rows(_text(data)))


def _fleet_csv(data: bytes) -> object:
    return sheet.read(_text(data))


def _contacts_csv(data: bytes) -> object:
    return contactsheet.read(data)


def _door(data: bytes) -> object:
    return [wire.parse(kind, data) for kind in (Alert, Heartbeat, CommandResult)]


def _seeds_mqtt() -> tuple[bytes, ...]:
    bodies = (an_alert(), a_beat(), a_status(), an_event())
    named = [f"pana/v1/k/kz-1/{leaf}\n".encode() for leaf in ("alert/A1", "hb", "status", "event/E1")]
    mine = (
        (wire.topic(KIOSK, "ack", "01A"), reply()),
        (wire.topic(KIOSK, "cmd", "01C"), command()),
        (wire.monitor_topic("monitor-1"), duty()),
    )
    return (
        *(head + wire.encode(body) for head, body in zip(named, bodies, strict=True)),
        *(topic.encode() + b"\n" + body for topic, body in mine),
    )


def _example(name: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: ((ROOT / "provisioning" / name).read_bytes(),)


def _seed_manifest() -> tuple[bytes, ...]:
    lines = (
        "pana-bundle 1", "kind: kiosk", "version: 0.1.0", "made-at: 2026-11-27T01:00:00Z",
        "kiosk: kz-ala-0001", "number: 17", f"release: {'ab' * 32}", "",
        f"{hashlib.sha256(b'x').hexdigest()}  site.toml", "",
    )  # fmt: skip
    return ("\n".join(lines).encode(),)


def _seed_bundle() -> tuple[bytes, ...]:
    end = bytes(1024)
    return (_seed_manifest()[0] + b"\0\0" + _member("site.toml", b"x") + end,)


def _seed_sms() -> tuple[bytes, ...]:
    alert = sms_signed.MachineAlert(
        number=17, seq=3, pressed_s=1_790_000_000, kind="press", clock="synced", button=1, presses=2,
        lat=43.23815, lon=76.94551,
    )  # fmt: skip
    answer = sms_signed.sign_answer(KEY, number=1, seq=1, pressed_s=1, code="4711", stage="accepted")
    return (f"SOS! {sms_signed.pack(alert, KEY)}".encode(), answer.encode(), b"OK 4711", "ЕДУ 4711".encode())


def _seed_ears() -> tuple[bytes, ...]:
    return (encode(Some((("pana/v1/k/kz-1/hb", wire.encode(a_beat()), 2),))),)


TARGETS: dict[str, Target] = {
    "kiosk_mqtt": Target(run=_kiosk_mqtt, seeds=_seeds_mqtt),
    "centre_mqtt": Target(run=_centre_mqtt, seeds=_seeds_mqtt),
    "ears": Target(run=_ears, seeds=_seed_ears),
    "door": Target(run=_door, seeds=lambda: (wire.encode(an_alert()),)),
    "sms_machine": Target(run=_sms_machine, seeds=_seed_sms),
    "sms_person": Target(run=_sms_person, seeds=_seed_sms),
    "gammu": Target(run=_gammu, seeds=_seed_sms),
    "balance": Target(run=_balance, seeds=lambda: (b"Balans: 1234,50 tg", b"Balans -3")),
    "site_config": Target(run=_site, seeds=_example("site.example.toml"), refuses=(ConfigError,)),
    "centre_config": Target(
        run=_centre_config, seeds=_example("monitor.example.toml"), refuses=(ConfigError,)
    ),
    "fleet_config": Target(run=_fleet, seeds=_example("fleet.example.toml"), refuses=(ConfigError,)),
    "manifest": Target(run=_manifest, seeds=_seed_manifest, refuses=(BundleRefused,)),
    "archive": Target(run=_archive, seeds=_seed_bundle, refuses=(BundleRefused,)),
    "bundle": Target(run=_bundle, seeds=_seed_bundle, refuses=(BundleRefused,)),
    "journal": Target(run=_journal, seeds=lambda: (b"{}",), refuses=(Damaged,)),
    "registry_csv": Target(run=_registry_csv, seeds=_example("fleet.example.csv"), refuses=(RegistryError,)),
    "fleet_csv": Target(run=_fleet_csv, seeds=_example("fleet.example.csv")),
    "contacts_csv": Target(run=_contacts_csv, seeds=_example("contacts.sample.csv")),
    "csr": Target(
        run=read_csr,
        seeds=lambda: (b"-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n",),
        refuses=(CsrRefused,),
    ),
    "control": Target(run=lambda data: line_of({"text": _text(data)}), seeds=lambda: (b"status",)),
}
