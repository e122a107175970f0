"""The demo's own configuration files: one shop, one centre, one broker. Pure."""

from dataclasses import dataclass
from pathlib import Path

OFFICER = "+77010000011"
GATEWAY = "+77010000001"
KIOSK_ID = "demo-kiosk"
MONITOR_ID = "monitor-1"  # the responder that the shipped broker rules name
BUTTON = "counter"
VISITOR = "demo-officer"  # who may sign in to the pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One HTTPS door of the centre, and the files by which the kiosk proves itself to it."""

    port: int
    ca: Path
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What the files must name: folders, ports, the modem's tty and the voice; no `web_port`, no pages."""

    folder: Path
    clips: Path
    broker_port: int
    kiosk_port: int
    modem: Path
    mode: str
    gpio: int | None = None
    door: Door | None = None
    web_port: int = 0


def site_toml(wiring: Wiring) -> str:
    """Write the kiosk's configuration."""
    cover = "" if wiring.mode != "cover" else (
        '[voice.cover]\nkk = "Дүкен жиырмаға дейін ашық."\nru = "Магазин работает до двадцати часов."\n'
    )  # fmt: skip
    factory = "mock" if wiring.gpio is None else "libgpiod"
    return f"""\
[kiosk]
id = "{KIOSK_ID}"
number = 17
languages = ["kk", "ru"]

[site]
lat = 43.23815
lon = 76.94551
accuracy_m = 10
kato = "751110000"
phone = "+77270000000"
[site.name]
kk = "«Үлгі» дүкені"
ru = "Магазин «Пример»"
[site.address]
kk = "Алматы, Абай даңғылы, 10"
ru = "Алматы, проспект Абая, 10"
[site.entrance]
kk = "Ауладан, сол жақ есік"
ru = "Со двора, левая дверь"
[site.short]
kk = "Абай 10"
ru = "Абая 10"
latin = "Abay 10"

[[buttons]]
name = "{BUTTON}"
pin = {17 if wiring.gpio is None else wiring.gpio}

[gpio]
factory = "{factory}"

[lamp]
armed = true

[voice]
mode = "{wiring.mode}"
clips = "{wiring.clips}"
human = "{wiring.clips}/human"
{cover}
[mqtt]
brokers = ["127.0.0.1:{wiring.kiosk_port}"]
keepalive_s = 4
user = "{KIOSK_ID}"
password_file = "{wiring.folder}/{KIOSK_ID}.password"

{_https(wiring.door)}[sms]
device = "{wiring.modem}"
gateways = ["{GATEWAY}"]
key_file = "{wiring.folder}/sms.key"
[sms.balance]
code = "*111#"
pattern = 'Balans (-?[0-9.]+)'

[[duty.tiers]]
people = [{{ number = "{OFFICER}", language = "ru" }}]

[heartbeat]
every_s = 10

[paths]
state = "{wiring.folder}/kiosk"
run = "{wiring.folder}/run"
"""


def _https(door: Door | None) -> str:
    if door is None:
        return ""
    return f"""\
[https]
centres = ["localhost:{door.port}"]
[https.tls]
ca = "{door.ca}"
cert = "{door.cert}"
key = "{door.key}"

"""


def centre_toml(wiring: Wiring) -> str:
    """Write the centre's configuration."""
    pages = f'[web]\nlisten = "127.0.0.1:{wiring.web_port}"\n\n' if wiring.web_port else ""
    return f"""\
[monitor]
id = "{MONITOR_ID}"

[mqtt]
brokers = ["127.0.0.1:{wiring.broker_port}"]
user = "{MONITOR_ID}"
password_file = "{wiring.folder}/{MONITOR_ID}.password"

{pages}[paths]
state = "{wiring.folder}/centre"
run = "{wiring.folder}/centre-run"
"""
