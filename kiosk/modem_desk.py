"""The one modem among all open incidents: which text goes next, and what became of each. Pure.

Owns that one text at a time is with the modem, real alarms before drills. Whom to write to, and when, is
`texting`'s.
"""

from dataclasses import replace

from kiosk import sms_route, texting, transmission
from kiosk.bodies import Token
from kiosk.cases import Case, Cases, links_of, tell
from kiosk.delivery import Links, LinkState
from kiosk.effects import Effect, SendSms
from kiosk.messages import Now
from kiosk.reports import Reports
from kiosk.site import Site
from kiosk.sms_route import Job
from kiosk.texting import Ladder


class ModemDesk:
    """Hands texts to the modem. `link` is what is known of it, `with_modem` the text that it has."""

    def __init__(self, site: Site, cases: Cases, ladder: Ladder, reports: Reports) -> None:
        self._site = site
        self._cases = cases
        self._reports = reports
        self._whole = ladder
        self._ladder = self._reachable()
        self._count = 0
        self.link: LinkState = "unknown"
        self.with_modem: tuple[Token, float] | None = None

    @property
    def is_free(self) -> bool:
        """Tell whether nothing is with the modem, nor will be soon: then others may ask it things."""
        return self.with_modem is None and not any(_needs_modem(case) for case in self._cases.open)

    def _reachable(self) -> Ladder:
        """Give whom to write to: the gateways only believe a signature, people need none."""
        unsigned = not self._site.key and self._whole.duty.tiers
        return replace(self._whole, gateways=()) if unsigned else self._whole

    def take_key(self, site: Site, now: Now) -> None:
        """Sign from now on; what is open goes to the gateways too."""
        self._site = site
        self._ladder = self._reachable()
        for case in self._cases.open:
            if case.sms.begun and texting.wanted(case.incident, "gateway"):
                self.text_gateways(case, now)

    def text_gateways(self, case: Case, now: Now) -> None:
        """Text the gateways (again)."""
        self._cases.put(replace(case, sms=texting.gateways(case.sms, self._ladder, now.s)))

    def rose(self) -> None:
        """Note that the modem can send."""
        self.link = "up"

    def fell(self, now: Now) -> list[Effect]:
        """Note that the modem is lost; a text that was with it counts as failed."""
        self.link = "down"
        return self.failed(self.with_modem[0], "modem lost", now) if self.with_modem else []

    def sent(self, token: Token, reference: int, parts: int) -> list[Effect]:
        """Note that the network took a text."""
        self._free(token)
        out: list[Effect] = []
        for case in self._cases.open:
            job = sms_route.job_of(case.sms, token)
            if job:
                self._cases.put(replace(case, sms=sms_route.sent(case.sms, token, reference)))
                out.append(tell("sms_sent", case.incident, to=job.mark, parts=parts))
        return out

    def failed(self, token: Token, reason: str, now: Now) -> list[Effect]:
        """Note that a text was not sent; it is tried again."""
        self._free(token)
        out: list[Effect] = []
        for case in self._cases.open:
            job = sms_route.job_of(case.sms, token)
            if job:
                waits = sms_route.failed(case.sms, token, now.s, self._ladder.timing)
                self._cases.put(replace(case, sms=waits))
                told = tell("sms_failed", case.incident, to=job.mark, reason=reason[:80])
                out.append(replace(told, level="warning"))
        return out

    def reported(self, reference: int, *, delivered: bool) -> None:
        """Note a handset's report; it is shown, never spoken."""
        for case in self._cases.open:
            self._cases.put(replace(case, sms=sms_route.reported(case.sms, reference, delivered=delivered)))

    def _free(self, token: Token) -> None:
        if self.with_modem and self.with_modem[0] == token:
            self.with_modem = None

    # ---- what is due

    def run(self, now: Now, links: Links) -> list[Effect]:
        """Queue what is due, and hand the most urgent text over when the modem is free."""
        if self._site.config.sms is None:
            return []
        out: list[Effect] = []
        if self.with_modem and now.s >= self.with_modem[1]:
            out = self.failed(self.with_modem[0], "no answer from the modem's worker", now)
        for case in self._cases.open:
            begin_s = texting.begin_s(case.sms, case.incident, links_of(case, links), self._ladder)
            tier_s = texting.tier_due_s(case.sms, case.incident, self._ladder)
            if begin_s is not None and now.s >= begin_s:
                begun = texting.begin(case.sms, case.incident, self._ladder, now.s)
                self._cases.put(replace(case, sms=begun))
            elif tier_s is not None and now.s >= tier_s:
                again = texting.next_tier(case.sms, case.incident, self._ladder, now.s)
                self._cases.put(replace(case, sms=again))
        if self.link != "up" or self.with_modem:
            return out
        return out + self._hand(now, self._site.config.sms.send_deadline_s)

    def _hand(self, now: Now, deadline_s: float) -> list[Effect]:
        ready = [(case, texting.ready(case.sms, case.incident, now.s)) for case in reversed(self._cases.open)]
        texts = [(case, job) for case, job in ready if job]
        if not texts:
            return []
        case, job = min(texts, key=_urgency)
        self._count += 1
        alert_id = case.incident.alert_id
        token = Token(f"sms.{alert_id}.{job.mark}.{self._count}")
        self.with_modem = (token, now.s + 2 * deadline_s + 30)
        handed = sms_route.handed(case.sms, job.mark, token, now.s, presses=case.incident.presses)
        self._cases.put(replace(case, sms=handed))
        self._cases.attempted(alert_id)
        clock = transmission.clock_of_text(case.incident, now, self._reports.health.clock)
        text = transmission.sms(self._site, case.incident, job.form, clock)
        told = tell("sent", case.incident, path="sms", to=job.mark)
        return [SendSms(token=token, number=job.number, text=text), told]

    def wake_s(self, links: Links) -> float | None:
        """Give the next monotonic time at which `run` has something to do."""
        if self._site.config.sms is None:
            return None
        free = self.link == "up" and self.with_modem is None
        times: list[float | None] = [self.with_modem[1] if self.with_modem else None]
        for case in self._cases.open:
            times.append(texting.begin_s(case.sms, case.incident, links_of(case, links), self._ladder))
            times.append(texting.tier_due_s(case.sms, case.incident, self._ladder))
            times.append(texting.due_s(case.sms, case.incident) if free else None)
        return min([at_s for at_s in times if at_s is not None], default=None)


def _needs_modem(case: Case) -> bool:
    seeks_people = case.incident.kind != "tamper" and texting.wanted(case.incident, "latin")
    return seeks_people or texting.due_s(case.sms, case.incident) is not None


def _urgency(text: tuple[Case, Job]) -> tuple[bool, float, bool]:
    case, job = text
    return case.incident.kind != "press", *texting.urgency(job)
