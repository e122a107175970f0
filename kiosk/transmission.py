"""The bodies and texts of one alert, and whose answer counts. Pure."""

from kiosk import sms_signed, sms_text, wire
from kiosk.bodies import Alert, Clock, Reply, Route
from kiosk.config import Duty
from kiosk.incident import Incident
from kiosk.messages import Now
from kiosk.site import Site
from kiosk.sms_route import Form

JUDGED_MAX_S = 18_000.0  # an hour before the six after which the centre takes a text for one held back


def alert(site: Site, of: Incident, now: Now, *, attempt: int, route: Route) -> Alert:
    """Compose the alert as it travels now."""
    return Alert(
        alert_id=of.alert_id,
        kiosk_id=site.config.kiosk.id,
        kind=of.kind,
        button=of.button,
        pressed_at=wire.utc_text(of.pressed_utc_ms),
        clock=of.clock,
        presses=of.presses,
        seq=of.seq,
        attempt=attempt,
        sent_at=wire.utc_text(now.utc_ms),
        route=route,
        place=site.config.site.place(),
        versions={"kiosk": site.version},
        also=of.also,
        stage=of.stage,
        by=of.by,
        duty=_is_drill_for_people(of),
    )


def clock_of_text(of: Incident, now: Now, clock: Clock) -> Clock:
    """Tell whether the centre may judge a text by the second of its press; `clock` is the kiosk's now.

    Not where it is true and long ago, nor where nobody knows how long the power was gone.
    """
    age_s = max(now.s - of.pressed_s, abs(now.utc_ms - of.pressed_utc_ms) / 1000)
    unknown = of.resumed and clock == "unsynced"
    return "unsynced" if unknown or age_s > JUDGED_MAX_S else of.clock


def sms(site: Site, of: Incident, form: Form, clock: Clock) -> str:
    """Compose the text for one form; the gateway's carries the signed machine form, once there is a key."""
    occasion = sms_text.Occasion(
        kind=of.kind, button=of.button, code=of.code, pressed_utc_ms=of.pressed_utc_ms
    )
    if form != "gateway":
        return sms_text.compose(site.words, site.config, form, occasion)
    human = sms_text.compose(site.words, site.config, "latin", occasion)
    if not site.key:
        return human
    names = [button.name for button in site.config.buttons]
    machine = sms_signed.MachineAlert(
        number=site.config.kiosk.number,
        seq=of.seq,
        pressed_s=of.pressed_utc_ms // 1000,
        kind=of.kind,
        clock=clock,
        button=names.index(of.button) if of.button in names else sms_signed.OTHER_BUTTON,
        presses=of.presses,
        lat=site.config.site.lat,
        lon=site.config.site.lon,
        duty=_is_drill_for_people(of),
    )
    return f"{human} {sms_signed.pack(machine, site.key)}"


def _is_drill_for_people(of: Incident) -> bool:
    return of.kind == "drill" and of.duty


def answer_is_for(site: Site, of: Incident, answer: sms_signed.CentreAnswer) -> bool:
    """Tell whether the centre signed this answer for this incident."""
    return bool(site.key) and sms_signed.verify_answer(
        answer,
        site.key,
        number=site.config.kiosk.number,
        seq=of.seq,
        pressed_s=of.pressed_utc_ms // 1000,
    )


def sms_reply(of: Incident, answer: sms_signed.CentreAnswer, now: Now) -> Reply:
    """Turn the centre's signed SMS into a reply; a count that is full says nothing of how many there were."""
    presses = answer.presses if answer.presses < sms_signed.PRESSES_MAX else 0
    at = wire.utc_text(now.utc_ms)
    return Reply(alert_id=of.alert_id, stage=answer.stage, at=at, by="centre-sms", presses=presses)


def officer_mark(duty: Duty, number: str) -> str:
    """Name a listed officer without the number (`duty1.2`); empty for anybody else."""
    for place, tier in enumerate(duty.tiers, 1):
        for order, officer in enumerate(tier.people, 1):
            if sms_text.listed(number, (officer.number,)):
                return f"duty{place}.{order}"
    return ""
