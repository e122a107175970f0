"""Everything that can happen to a kiosk, in any order, hostile or not: a hypothesis state machine.

Each rule tells the witness what is true, lets the core have it, and lets the core catch up.
"""

from dataclasses import replace
from typing import Any

from fakes.kiosk_hazards import (
    AT,
    COVER,
    GATEWAY,
    HOSTILE,
    JUMPS_MS,
    LINKS,
    NUMBERS,
    OFFICERS,
    REPLIES,
    SECONDS,
    TAMPER,
    TEXTS,
)
from fakes.kiosk_witness import POLL_AGAIN_S, POLL_WORKER_MAX_S, POST_WORKER_MAX_S, Witness
from fakes.virtual_kiosk import DOORS, KEY, VirtualKiosk, example_config
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kiosk import sms_signed
from kiosk.bodies import Reply
from kiosk.cases import CASES_MAX
from kiosk.effects import Answer, Effect
from kiosk.messages import (
    DrillAsked,
    EdgeSeen,
    HttpsAnswered,
    HttpsFailed,
    IncidentRecord,
    InputName,
    JournalLoaded,
    KioskEvent,
    LinkFell,
    LinkRose,
    PresenceSeen,
    Published,
    ReplyReceived,
    SayAsked,
    SmsFailed,
    SmsReceived,
    SmsSent,
    Token,
    TrialAsked,
    Woken,
)


class KioskMachine(RuleBasedStateMachine):
    """One kiosk, its surroundings and a witness."""

    virtual: VirtualKiosk
    witness: Witness

    @initialize(
        mode=st.sampled_from(["spoken", "cover", "off"]),
        has_sms=st.sampled_from([True, True, True, False]),
        has_https=st.sampled_from([True, True, False]),
        mqtt=LINKS,
        pressed=st.booleans(),
    )
    def begin(self, mode: str, has_sms: bool, has_https: bool, mqtt: str, pressed: bool) -> None:
        changes: dict[str, Any] = {"voice__mode": mode, "voice__cover": COVER, "tamper": TAMPER}
        changes["https"] = DOORS if has_https else None
        if not has_sms:
            changes |= {"sms": None, "duty__tiers": ()}
        self.virtual = VirtualKiosk(config=example_config(**changes))
        self.witness = Witness(mode=mode, has_sms=has_sms, has_https=has_https, now_s=self.virtual.now_s)
        self._attach()
        self.virtual.start().board()
        self._rest()
        self._links_settle(mqtt)
        if pressed:
            self.somebody_presses(held_s=0.2)

    def _links_settle(self, mqtt: str) -> None:
        if mqtt != "unknown":
            self.mqtt_rises_or_falls(up=mqtt == "up")
        if self.witness.has_sms:
            self.the_modem_rises_or_falls(up=True)

    def _attach(self) -> None:
        """Let the witness see every turn as it comes out."""
        virtual, witness = self.virtual, self.witness
        take = virtual.take

        def watched(effects: list[Effect]) -> list[Effect]:
            witness.now_s = virtual.now_s
            witness.watch(effects)
            return take(effects)

        virtual.take = watched  # type: ignore[method-assign]

    def _feed(self, event: KioskEvent) -> list[Effect]:
        """Let one event in; what comes out at once, and whatever is due at this very moment."""
        out = self.virtual.feed(event)
        self._rest()
        return out

    def _rest(self) -> None:
        self.virtual.run(0.0)

    @invariant()
    def what_must_hold_at_rest(self) -> None:
        if hasattr(self, "virtual"):
            self.witness.now_s = self.virtual.now_s
            self.witness.demand(self.virtual.core.status(self.virtual.now()))
            now = self.virtual.core.snapshot(self.virtual.now())
            assert now.incidents == self.witness.disk.incidents, "what is open is not on disk"

    # ---- people at the kiosk

    def _expect_press(self, before: int) -> None:
        assert sum(self.witness.presses.values()) == before + 1, "a press while armed was not counted"

    @rule(held_s=st.sampled_from([0.03, 0.2, 3.0]))
    def somebody_presses(self, held_s: float) -> None:
        before = sum(self.witness.presses.values())
        self.virtual.press("counter", for_s=held_s)
        self._expect_press(before)

    @rule(late_s=st.sampled_from([0.05, 1.0, 20.0]))
    def somebody_taps_and_the_edges_come_late(self, late_s: float) -> None:
        before, began_s = sum(self.witness.presses.values()), self.virtual.now_s
        self.virtual.sleep(late_s)
        self._late_tap(began_s + 0.001, began_s + 0.031)
        self._expect_press(before)

    def _late_tap(self, down_s: float, up_s: float) -> None:
        """Both edges wait in the queue, so no answer to a level read can come between them."""
        self.virtual.reads = False
        for pressed, at_s in ((True, down_s), (False, up_s)):
            high = self.virtual.wired("counter", pressed=pressed)
            self.virtual.feed(EdgeSeen(input=InputName("counter"), high=high, at_s=at_s))
        self.virtual.reads = True
        self._rest()

    @rule()
    def interference_comes_late(self) -> None:
        before, began_s = sum(self.witness.presses.values()), self.virtual.now_s
        self.virtual.sleep(0.5)
        self._late_tap(began_s + 0.001, began_s + 0.006)
        assert sum(self.witness.presses.values()) == before, "interference became a press"

    @rule(duty=st.booleans(), whole=st.booleans())
    def somebody_drills(self, duty: bool, whole: bool) -> None:
        self._feed(DrillAsked(token=Token("ask"), duty=duty, whole=whole))

    @rule(key=st.sampled_from(["pressed", "received", "closed", "cover", "nonsense"]))
    def an_installer_wants_to_hear(self, key: str) -> None:
        self._feed(SayAsked(Token("ask"), key))

    @rule(seconds=st.sampled_from([-1.0, 5.0, 60.0, 1e9, float("nan")]))
    def an_installer_turns_to_another_button(self, seconds: float) -> None:
        """Whatever is tried there, a press of the counter's button is an alarm."""
        self._feed(TrialAsked(token=Token("ask"), button="fitting", seconds=seconds))

    @rule(late_s=st.sampled_from([0.1, 4.0, 61.0]))
    def an_installer_tries_the_button(self, late_s: float) -> None:
        """One press is a trial, while nothing is open and in time; the next one is an alarm."""
        out = self._feed(TrialAsked(token=Token("ask"), button="counter", seconds=60.0))
        begun = any(isinstance(effect, Answer) and effect.state["ok"] for effect in out)
        assert not begun or not self.witness.open
        before = sum(self.witness.presses.values())
        self.virtual.run(late_s)
        self.virtual.press("counter")
        tried = begun and late_s < 60.0
        now = sum(self.witness.presses.values())
        assert now <= before + (not tried), "a trial press became an alarm"
        assert now == before + (not tried), "a press while armed was not counted"
        if tried:
            self.somebody_presses(held_s=0.2)

    @rule()
    def the_case_is_opened_and_shut(self) -> None:
        for pressed in (True, False):
            self.virtual.edge("tamper", pressed=pressed)
            self.virtual.run(0.1)

    @rule()
    def somebody_presses_while_the_case_is_opened(self) -> None:
        """Both in one turn: the aggressor tears at it, and the cashier presses."""
        before = sum(self.witness.presses.values())
        for pressed in (True, False):
            for name in ("counter", "tamper"):
                self.virtual.edge(name, pressed=pressed)
            self.virtual.run(0.2)
        self._expect_press(before)

    # ---- the centre and people far away

    def _alerts(self) -> list[Any]:
        return list(self.virtual.parts.alarm.cases.open)

    @precondition(lambda self: self._alerts())
    @rule(
        data=st.data(),
        stages=st.lists(st.sampled_from(REPLIES), min_size=1, max_size=3),
        by_sms=st.booleans(),
    )
    def the_centre_answers(self, data: st.DataObject, stages: list[Any], by_sms: bool) -> None:
        """Answers may overtake one another on the way."""
        of = data.draw(st.sampled_from(self._alerts())).incident
        by_sms = by_sms and self.witness.has_sms
        for stage in stages:
            self.witness.delivered[of.alert_id] |= {stage, "sms" if by_sms else "mqtt"}
            self.witness.centre_told.add(of.alert_id)
            self.witness.mqtt_told |= set() if by_sms else {of.alert_id}
            if not by_sms:
                self.witness.confirmed(of.alert_id)
            if by_sms:
                signed = sms_signed.sign_answer(
                    KEY, number=17, seq=of.seq, pressed_s=of.pressed_utc_ms // 1000, code=of.code, stage=stage
                )
                self._feed(SmsReceived(GATEWAY, signed))
            else:
                reply = Reply(alert_id=of.alert_id, stage=stage, at=AT, presses=of.presses, by="op-1")
                self._feed(ReplyReceived(reply, "mqtt"))

    @rule(number=NUMBERS, text=TEXTS)
    def somebody_writes_nonsense(self, number: str, text: str) -> None:
        if any(case.incident.code in text for case in self._alerts()):
            return  # an answer by chance
        self._feed(SmsReceived(number, text))

    @precondition(lambda self: self.witness.open and self.witness.has_sms)
    @rule(number=st.sampled_from(OFFICERS), word=st.sampled_from([("ok", "accepted"), ("еду", "en_route")]))
    def an_officer_answers(self, number: str, word: tuple[str, str]) -> None:
        of = next(case.incident for case in reversed(self._alerts()) if case.incident.kind == "press")
        if self.virtual.parts.alarm.cases.ended_lately(of.code, self.virtual.now_s):
            return  # it may be meant for the one that ended, and is not taken for this one
        if sum(case.incident.code == of.code for case in self._alerts()) > 1:
            return  # one was opened before the other was read from the journal
        self.witness.delivered[of.alert_id].add(word[1])
        self._feed(SmsReceived(number, f"{word[0]} {of.code}"))

    @rule(
        name=st.sampled_from(["drill", "report", "restart", "refresh-voice", "update"]),
        number=st.integers(1, 5),
    )
    def the_centre_orders(self, name: str, number: int) -> None:
        self.virtual.order(name, number)
        self._rest()

    @rule(monitor=st.sampled_from(["mon-1", "mon-2"]), on_duty=st.booleans())
    def a_responder_comes_or_goes(self, monitor: str, on_duty: bool) -> None:
        self.witness.on_duty[monitor] = on_duty
        self._feed(PresenceSeen(monitor, on_duty))

    @precondition(lambda self: self.virtual.alert_tokens)
    @rule(code=st.sampled_from([0, 0, 0x10, 0x87]))
    def the_broker_acknowledges(self, code: int) -> None:
        token = self.virtual.alert_tokens[-1]
        if code:
            self.witness.unheard.add(token.split(".")[1])
        self._feed(Published(token=Token(token), code=code))

    @rule(event=HOSTILE)
    def something_strange_comes(self, event: KioskEvent) -> None:
        self._feed(event)

    # ---- links

    @rule(up=st.booleans())
    def mqtt_rises_or_falls(self, up: bool) -> None:
        if up:
            self.witness.published = {}
        self.witness.mqtt = "up" if up else "down"
        self.witness.mqtt_told, self.witness.again_s = set(), {}
        _ = self.virtual.online() if up else self.virtual.offline()
        self._rest()

    # ---- doors

    def _answer(self, token: str, stages: list[Any], *, lies: bool, given_up: bool) -> None:
        """Let a door say what the centre knows, or something about an alert that nobody asked about.

        What a call that was given up brings is not waited for any more: the kiosk asks again.
        """
        alert_id = token.split(".")[1]
        if stages and not (lies or given_up):
            self.witness.delivered[alert_id] |= {*stages, "https"}
            self.witness.centre_told.add(alert_id)
            self.witness.anew_s.pop(alert_id, None)
        of = "01NOBODY" if lies else alert_id
        presses = self.witness.posted.get(alert_id, 1)
        replies = tuple(Reply(alert_id=of, stage=stage, at=AT, presses=presses) for stage in stages)
        self._feed(HttpsAnswered(token=Token(token), replies=replies, rtt_ms=30, peer="door"))

    @precondition(lambda self: self.witness.post)
    @rule(
        stage=st.sampled_from(["received", "received", *REPLIES]), lies=st.sampled_from([False, False, True])
    )
    def a_door_gives_a_receipt(self, stage: str, lies: bool) -> None:
        if self.witness.gives_up_now(self.witness.post_s, POST_WORKER_MAX_S):
            return
        token, given_up = self.witness.post, self.witness.post_is_free
        self.witness.post = ""
        self._answer(token, [stage], lies=lies, given_up=given_up)

    @precondition(lambda self: self.witness.poll)
    @rule(stages=st.lists(st.sampled_from(REPLIES), max_size=2), lies=st.sampled_from([False, False, True]))
    def a_door_tells_later_stages(self, stages: list[Any], lies: bool) -> None:
        if self.witness.gives_up_now(self.witness.poll_s, POLL_WORKER_MAX_S):
            return
        token, given_up = self.witness.poll, self.witness.poll_is_free
        self.witness.poll = ""
        self.witness.again_s[token.split(".")[1]] = self.virtual.now_s + POLL_AGAIN_S
        self._answer(token, stages, lies=lies, given_up=given_up)

    @precondition(lambda self: self.witness.post or self.witness.poll)
    @rule(data=st.data())
    def a_door_fails(self, data: st.DataObject) -> None:
        calls = [token for token in (self.witness.post, self.witness.poll) if token]
        token = data.draw(st.sampled_from(calls))
        if token == self.witness.post:
            self.witness.post = ""
        else:
            self.witness.poll = ""
            self.witness.again_s[token.split(".")[1]] = self.virtual.now_s + POLL_AGAIN_S
        self._feed(HttpsFailed(Token(token), "status 503"))

    @precondition(lambda self: self.witness.has_sms)
    @rule(up=st.booleans())
    def the_modem_rises_or_falls(self, up: bool) -> None:
        self.witness.sms = "up" if up else "down"
        self.witness.with_modem = self.witness.with_modem if up else ""
        self._feed(LinkRose("sms", "modem") if up else LinkFell("sms", "EIO"))

    @precondition(lambda self: self.witness.with_modem)
    @rule(fails=st.booleans())
    def the_network_takes_a_text_or_not(self, fails: bool) -> None:
        token, self.witness.with_modem = Token(self.witness.with_modem), ""
        self._feed(SmsFailed(token, "CMS 38") if fails else SmsSent(token=token, reference=1, parts=1))

    @precondition(lambda self: self.witness.with_modem)
    @rule()
    def the_network_takes_every_text(self) -> None:
        for _ in range(40):
            if self.witness.with_modem:
                self.the_network_takes_a_text_or_not(fails=False)
        assert not self.witness.with_modem, "texts without end"

    # ---- time, clocks, power

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        turns = len(self.virtual.turns)
        self.virtual.run(seconds)
        assert len(self.virtual.turns) - turns <= 40 + 4 * seconds, "the core does not sleep"

    @rule(seconds=SECONDS)
    def the_loop_wakes_late(self, seconds: float) -> None:
        self.virtual.sleep(seconds)
        self._feed(Woken())

    @rule(jump_ms=JUMPS_MS)
    def the_clock_jumps(self, jump_ms: int) -> None:
        self.virtual.utc_ms += jump_ms

    @rule()
    def the_journal_is_told_twice(self) -> None:
        self._feed(JournalLoaded(self.witness.disk))

    @rule(
        off_s=st.sampled_from([1.0, 3600.0, -10 * 365 * 86_400.0]),
        pressed_first=st.booleans(),
        read_s=st.sampled_from([0.0, 0.0, 3.0]),
        mqtt=LINKS,
    )
    def the_power_is_cut(self, off_s: float, pressed_first: bool, read_s: float, mqtt: str) -> None:
        """What was saved last comes back, even when somebody presses before it is read, however slowly."""
        disk = self.witness.disk
        again = VirtualKiosk(config=self.virtual.config, now_s=20.0, count=self.virtual.count + 1000)
        again.utc_ms = self.virtual.utc_ms + round(off_s * 1000)
        self.virtual = again
        self.witness.crashed(again.now_s)
        self._attach()
        again.begin()
        if pressed_first and len(disk.incidents) < CASES_MAX - 2:
            again.press("counter")
        again.run(read_s)
        assert self.witness.disk is disk, "written before the journal was read"
        meanwhile = set(self.witness.open)
        self._feed(JournalLoaded(disk))
        after = [record for record in self.witness.disk.incidents if record.alert_id not in meanwhile]
        before = [record for record in disk.incidents if record.kind != "drill"]
        assert _sent(after) == _sent(before), "a power cut changed an incident"
        self._links_settle(mqtt)


def _sent(records: list[IncidentRecord]) -> list[IncidentRecord]:
    """Take every first attempt as made: HTTPS may make it in the very turn that brings an old alert back."""
    return [replace(one, stage="sending") if one.stage == "pressed" else one for one in records]
