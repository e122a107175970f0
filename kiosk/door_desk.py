"""The doors of the centre among all open incidents: what is posted next, and whose answers are asked. Pure.

Owns that one post and one question are under way at most, each on its own thread, real alarms before drills.
When to post and to ask is `posting`'s.
"""

from dataclasses import dataclass, replace

from kiosk import posting, transmission
from kiosk.bodies import Token
from kiosk.cases import Case, Cases, links_of, tell
from kiosk.config import Timing
from kiosk.delivery import Links
from kiosk.effects import Effect, PollReplies, PostAlert
from kiosk.messages import Now
from kiosk.site import Site

POLL_MAX_S = 40.0  # the doors hold a question for at most 25 s; then its own deadline; then a reserve


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """A call that a worker has; without an answer it counts as failed at `until_s`."""

    token: Token
    alert_id: str
    began_s: float
    until_s: float


class DoorDesk:
    """Hands alerts and questions to the doors' workers; does nothing on a site without [https]."""

    def __init__(self, site: Site, cases: Cases, timing: Timing) -> None:
        self._site = site
        self._cases = cases
        self._timing = timing
        self._count = 0
        self._asked: tuple[str, ...] = ()
        self.post: UnderWay | None = None
        self.poll: UnderWay | None = None

    def answered(self, token: Token) -> str:
        """Note that a door answered a call; give the id of the alert that it was about, empty for none."""
        call = self._take(token)
        if call is None:
            return ""
        case = self._cases.find(call.alert_id)
        if case and token.startswith("poll."):
            self._cases.put(replace(case, post=posting.polled(case.post, call.began_s)))
        return call.alert_id

    def failed(self, token: Token, reason: str, now: Now) -> list[Effect]:
        """Note that a call failed; it is tried again at the next door."""
        call = self._take(token)
        case = self._cases.find(call.alert_id) if call else None
        if case is None:
            return []
        if token.startswith("poll."):
            self._cases.put(replace(case, post=posting.poll_failed(case.post, now.s)))
            return []
        told = tell("post_failed", case.incident, reason=reason[:160])
        return [replace(told, level="warning")]

    def _take(self, token: Token) -> UnderWay | None:
        """Give the call under way that has this token, which is then under way no more."""
        if self.post and self.post.token == token:
            call, self.post = self.post, None
            return call
        if self.poll and self.poll.token == token:
            call, self.poll = self.poll, None
            return call
        return None

    # ---- what is due

    def run(self, now: Now, links: Links) -> list[Effect]:
        """Post what is due and ask for what may have been answered."""
        if self._site.config.https is None:
            return []
        out: list[Effect] = []
        for call in (self.post, self.poll):
            if call and now.s >= call.until_s:
                out += self.failed(call.token, "no answer from the door's worker", now)
        if self.post is None:
            out += self._post(now, links)
        return out if self.poll else out + self._poll(now, links)

    def _post(self, now: Now, links: Links) -> list[Effect]:
        https = self._site.config.https
        due = [case for case in reversed(self._cases.open) if _is_due(self._post_s(case, links), now.s)]
        if not due or https is None:
            return []
        case = min(due, key=lambda one: (one.incident.kind != "press", one.post.tries))
        alert_id = case.incident.alert_id
        route = posting.began(case.post, now.s, len(https.centres))
        self._cases.put(replace(case, post=route))
        self._cases.attempted(alert_id)
        token = self._token("post", alert_id)
        until_s = now.s + 2 * https.deadline_s + 5
        self.post = UnderWay(token=token, alert_id=alert_id, began_s=now.s, until_s=until_s)
        body = transmission.alert(self._site, case.incident, now, attempt=route.attempt, route="https")
        return [PostAlert(token, body), tell("sent", case.incident, path="https", attempt=route.attempt)]

    def _poll(self, now: Now, links: Links) -> list[Effect]:
        """Ask about one incident; of several alike they take turns, tamper when no press is open."""
        due = [case for case in reversed(self._cases.open) if _is_due(_poll_s(case, links), now.s)]
        if not due:
            return []
        case = min(due, key=lambda one: (one.incident.kind != "press", self._turn(one)))
        incident = case.incident
        self._asked = (*(old for old in self._asked if self._cases.find(old)), incident.alert_id)[-16:]
        token = self._token("poll", incident.alert_id)
        until_s = now.s + 2 * POLL_MAX_S
        self.poll = UnderWay(token=token, alert_id=incident.alert_id, began_s=now.s, until_s=until_s)
        after = "received" if incident.stage in ("pressed", "sending", "closed") else incident.stage
        return [PollReplies(token=token, alert_id=incident.alert_id, after=after)]

    def _turn(self, case: Case) -> int:
        """Give how lately this one was asked about; -1 for never."""
        asked = [place for place, alert_id in enumerate(self._asked) if alert_id == case.incident.alert_id]
        return max(asked, default=-1)

    def _post_s(self, case: Case, links: Links) -> float | None:
        return posting.due_s(case.post, case.incident, links_of(case, links), self._timing)

    def _token(self, kind: str, alert_id: str) -> Token:
        self._count += 1
        return Token(f"{kind}.{alert_id}.{self._count}")

    def wake_s(self, links: Links) -> float | None:
        """Give the next monotonic time at which `run` has something to do."""
        if self._site.config.https is None:
            return None
        times: list[float | None] = [call.until_s for call in (self.post, self.poll) if call]
        for case in self._cases.open:
            times.append(None if self.post else self._post_s(case, links))
            times.append(None if self.poll else _poll_s(case, links))
        return min([at_s for at_s in times if at_s is not None], default=None)


def _poll_s(case: Case, links: Links) -> float | None:
    return posting.poll_due_s(case.post, case.incident, links)


def _is_due(at_s: float | None, now_s: float) -> bool:
    return at_s is not None and now_s >= at_s
