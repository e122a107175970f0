"""The people, numbers and configurations of a story's shops, as the real types have them."""

from functools import lru_cache

from kiosk.bodies import KioskId, Place, Words
from kiosk.config import (
    Balance,
    Button,
    Config,
    Contact,
    Duty,
    Https,
    Identity,
    Mqtt,
    Officer,
    ShortPlace,
    Sms,
    Tier,
    Timing,
)
from kiosk.config import Site as SitePlace
from kiosk.config_voice import Cover, VoiceSite
from kiosk.monitor.escalation import Pace
from kiosk.monitor.records import Person, Plan, Registered
from kiosk.monitor.sms_keys import SmsKeys, derive
from kiosk.monitor.staff import SmsRules
from kiosk.prompts import Catalogue
from kiosk.simulate.story import Shop
from kiosk.site import Site

MASTER = b"the master key of all simulated kiosks"
MONITORS = ("mon-a", "mon-b")
GATEWAYS = ("+77010000001", "+77010000002")  # the SIM of each monitor's modem
LANGUAGES = ("kk", "ru", "latin")
COVER = Cover(kk="Құрметті сатып алушылар.", ru="Уважаемые покупатели.", every_min=5)


def kiosk_id(number: int) -> str:
    """Name a kiosk."""
    return f"kz-sim-{number:02d}"


def sim_of(number: int) -> str:
    """Give the telephone number of a kiosk's SIM."""
    return f"+770190000{number:02d}"


def officers(shop: Shop) -> tuple[tuple[Person, ...], ...]:
    """Give the people of a shop's tiers; all shops share the same people, place by place."""
    return tuple(
        tuple(
            Person(
                person_id=f"officer-{tier}{order}",
                phone=f"+770100010{tier}{order}",
                language=LANGUAGES[(tier + order) % 3],  # type: ignore[arg-type]
            )
            for order in range(1, people + 1)
        )
        for tier, people in enumerate(shop.tiers, 1)
    )


def _duty(shop: Shop) -> Duty:
    return Duty(
        tiers=tuple(
            Tier(people=tuple(Officer(number=one.phone, language=one.language) for one in tier))
            for tier in officers(shop)
        )
    )


def _words(text: str) -> Words:
    return Words(kk=f"{text} kk", ru=f"{text} ru")


def place_of(number: int) -> Place:
    """Give the place of a kiosk."""
    return _site(number).place()


def _site(number: int) -> SitePlace:
    return SitePlace(
        name=_words(f"Shop {number}"), address=_words(f"Abay {number}"), entrance=_words("yard"),
        short=ShortPlace(kk=f"Абай {number}", ru=f"Абая {number}", latin=f"Abay {number}"),
        lat=43.2 + number / 100, lon=76.9, accuracy_m=10, kato="751110000",
    )  # fmt: skip


@lru_cache(maxsize=256)
def config_of(shop: Shop, number: int) -> Config:
    """Give the configuration of a shop."""
    sms = Sms(
        device="/dev/pana-modem", gateways=GATEWAYS[: shop.gateways], key_file="/k",
        power_pin=25 if shop.power else None,
        balance=Balance(code="*100#", pattern="([0-9]+)") if shop.balance else None,
    )  # fmt: skip
    return Config(
        kiosk=Identity(id=kiosk_id(number), number=number, languages=("kk", "ru")),
        site=_site(number),
        buttons=(Button(name="counter", pin=17, guard=shop.guard),),
        voice=VoiceSite(mode=shop.mode, cover=COVER if shop.mode == "cover" else None),
        mqtt=Mqtt(
            brokers=("alarm-a.example.kz:8883", "alarm-b.example.kz:8883"),
            protocol="5" if shop.five else "3.1.1",
        ),
        duty=_duty(shop),
        https=Https(centres=("a.example.kz:8443", "b.example.kz:8443")) if shop.https else None,
        sms=sms if shop.sms else None,
        tamper=Contact(pin=22, wiring="nc") if shop.tamper else None,
        timing=Timing(incident_max_s=shop.max_s),
    )


def site_of(shop: Shop, number: int, words: Catalogue, *, safe_start: bool) -> Site:
    """Give what a kiosk's core is told at its start."""
    return Site(
        config=config_of(shop, number), words=words, key=derive(MASTER, kiosk_id(number)), version="0.1.0",
        config_hash="simulate", safe_start=safe_start,
    )  # fmt: skip


def rules_of(words: Catalogue) -> SmsRules:
    """Give what a centre needs for SMS."""
    return SmsRules(keys=SmsKeys(MASTER), words=words, pace=Pace())


def plan_of(shops: tuple[Shop, ...]) -> Plan:
    """Give the centre's registry and its people on duty: those of the shop that has most."""
    tiers = max((officers(shop) for shop in shops), key=lambda tiers: sum(len(tier) for tier in tiers))
    people = dict.fromkeys(person for shop in shops for tier in officers(shop) for person in tier)
    kiosks = tuple(
        Registered(kiosk_id=KioskId(kiosk_id(number)), number=number, place=place_of(number))
        for number in range(1, len(shops) + 1)
    )
    return Plan(tiers=tiers, kiosks=kiosks, people=tuple(people))
