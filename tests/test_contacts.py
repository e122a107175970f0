"""All inputs through the real core: buttons, tamper, mains, and that each is being read."""

import pytest
from fakes.virtual_kiosk import VirtualKiosk, example_config

from kiosk.config import Button, Contact, Duty
from kiosk.contacts import QUEUE_PATIENCE_S, READ_EVERY_S, UNREAD_MAX_S
from kiosk.effects import OpenInput, ReadInputs
from kiosk.messages import EdgeSeen, InputLost, InputName, LevelRead, LinkFell, Woken

COUNTER = InputName("counter")
EXTRA = {"tamper": Contact(pin=22, wiring="nc", pull="up"), "mains_lost": Contact(pin=23)}


def kiosk(**config: object) -> VirtualKiosk:
    return VirtualKiosk(config=example_config(**config)).start().board().modem().online().quiet()


def test_a_press_opens_an_alarm_within_50_ms_of_the_contact() -> None:
    virtual = kiosk()
    begun_s = virtual.now_s
    virtual.edge("counter", pressed=True)
    virtual.run(0.05)
    assert virtual.alerts
    assert virtual.parts.alarm.cases.open[0].incident.pressed_s - begun_s <= 0.05


def test_a_tap_of_30_ms_whose_edges_come_together_after_a_second_counts() -> None:
    """Pitfall 14: the kernel's times drive it."""
    virtual = kiosk()
    began_s = virtual.now_s
    virtual.sleep(1.0)
    for pressed, at_s in ((True, began_s), (False, began_s + 0.030)):
        virtual.feed(EdgeSeen(input=COUNTER, high=virtual.wired("counter", pressed=pressed), at_s=at_s))
    assert virtual.stages == ["sending"]


def test_interference_of_5_ms_whose_edges_come_together_after_a_second_does_not() -> None:
    """Pitfall 19: the turn of the first edge must not believe a level that the second undoes."""
    virtual = kiosk()
    began_s = virtual.now_s
    virtual.sleep(1.0)
    for pressed, at_s in ((True, began_s), (False, began_s + 0.005)):
        virtual.feed(EdgeSeen(input=COUNTER, high=virtual.wired("counter", pressed=pressed), at_s=at_s))
    assert virtual.run(5.0).stages == []


STANDSTILL = 32.0  # longer than a button may be held before it is stuck


@pytest.mark.parametrize("seen", [0, 1, 2, 3])
@pytest.mark.parametrize("between", [None, LinkFell("mqtt", "keepalive"), Woken(), LevelRead])
def test_two_taps_count_although_the_process_stood_still_meanwhile(seen: int, between: object) -> None:
    """Found by the simulation (54396002.380); `seen` edges came before it stood still, the rest waited."""
    virtual = kiosk(buttons=(Button(name="counter", pin=17, guard="double"),))
    began_s = virtual.now_s
    edges = [(True, 0.0), (False, 0.2), (True, 0.6), (False, 0.8)]

    def feed(pressed: bool, after_s: float) -> None:
        high = virtual.wired("counter", pressed=pressed)
        virtual.feed(EdgeSeen(input=COUNTER, high=high, at_s=began_s + after_s))

    for pressed, after_s in edges[:seen]:
        virtual.run(began_s + after_s - virtual.now_s)
        feed(pressed, after_s)
    assert virtual.stages == []
    virtual.sleep(STANDSTILL)
    for pressed, after_s in edges[seen:]:
        if between is LevelRead:
            virtual.level("counter", pressed=False)
        elif isinstance(between, LinkFell | Woken):
            virtual.feed(between)
        feed(pressed, after_s)
    assert len(virtual.run(READ_EVERY_S).stages) == 1
    assert not any(code.startswith("button") for code, _ in virtual.events)


def test_a_tap_is_no_hold_because_the_process_stood_still_meanwhile() -> None:
    virtual = kiosk(buttons=(Button(name="counter", pin=17, guard="hold"),))
    began_s = virtual.now_s
    virtual.edge("counter", pressed=True)
    virtual.closed["counter"] = False
    virtual.sleep(STANDSTILL)
    virtual.feed(Woken())
    virtual.feed(EdgeSeen(input=COUNTER, high=virtual.wired("counter", pressed=False), at_s=began_s + 0.2))
    assert virtual.run(READ_EVERY_S).stages == []


@pytest.mark.parametrize("guard", ["single", "hold"])
def test_a_button_that_is_still_held_when_the_process_moves_again_counts_within_a_second(guard: str) -> None:
    virtual = kiosk(buttons=(Button(name="counter", pin=17, guard=guard),))  # type: ignore[arg-type]
    began_s = virtual.now_s
    virtual.closed["counter"] = True
    virtual.sleep(8.0)
    virtual.feed(EdgeSeen(input=COUNTER, high=virtual.wired("counter", pressed=True), at_s=began_s + 3.0))
    assert virtual.run(QUEUE_PATIENCE_S + 0.1).stages == ["sending"]


@pytest.mark.parametrize(("guard", "stages"), [("single", ["sending"]), ("hold", []), ("double", [])])
def test_a_level_from_before_a_standstill_counts_at_once_and_its_guard_does_not(
    guard: str, stages: list[str]
) -> None:
    virtual = kiosk(buttons=(Button(name="counter", pin=17, guard=guard),))  # type: ignore[arg-type]
    virtual.edge("counter", pressed=True)
    virtual.sleep(STANDSTILL)
    virtual.feed(Woken())
    assert virtual.stages == stages
    assert virtual.faults == ()


def test_a_button_that_is_held_counts_though_the_process_is_late_at_every_turn() -> None:
    virtual = kiosk()
    virtual.edge("counter", pressed=True)
    for _ in range(3):
        virtual.sleep(READ_EVERY_S + 5.0)
        virtual.feed(Woken())
    assert len(virtual.stages) == 1


def test_a_press_that_waited_in_the_queue_before_the_core_was_there_counts() -> None:
    """The buttons are armed before anything else loads: levels and edges are older than the start."""
    virtual = VirtualKiosk(reads=False)
    virtual.take(virtual.core.start(virtual.now()))
    story = ((LevelRead, False, 0.9), (EdgeSeen, True, 0.5), (EdgeSeen, False, 0.3))
    for kind, pressed, before_s in story:
        high = virtual.wired("counter", pressed=pressed)
        virtual.feed(kind(input=COUNTER, high=high, at_s=virtual.now_s - before_s))
    assert virtual.stages == ["pressed"]


def test_a_single_late_edge_is_believed_in_the_next_turn() -> None:
    virtual = kiosk().run(2.0)
    high = virtual.wired("counter", pressed=True)
    virtual.closed["counter"] = True
    virtual.feed(EdgeSeen(input=COUNTER, high=high, at_s=virtual.now_s - 1.0))
    assert virtual.core.next_wake_s() < virtual.now_s
    virtual.feed(Woken())
    assert virtual.stages == ["sending"]


def test_an_edge_from_the_future_counts_as_now() -> None:
    virtual = kiosk()
    virtual.closed["counter"] = True
    virtual.feed(
        EdgeSeen(input=COUNTER, high=virtual.wired("counter", pressed=True), at_s=virtual.now_s + 500.0)
    )
    assert virtual.run(0.05).stages == ["sending"]


@pytest.mark.parametrize("guard", ["hold", "double"])
def test_a_guarded_button_is_not_set_off_by_a_touch(guard: str) -> None:
    button = Button(name="counter", pin=17, guard=guard)  # type: ignore[arg-type]
    virtual = kiosk(buttons=(button,)).press()
    assert virtual.stages == []
    virtual.press(for_s=1.1)
    assert virtual.stages == ["sending"]


def test_the_health_knows_the_last_press() -> None:
    virtual = kiosk().press()
    assert virtual.parts.heartbeat(virtual.now()).button.last_press_at == virtual.utc_ms // 1000


# ---- held at start, stuck, lost


def test_a_button_held_at_start_is_an_alarm_when_somebody_lets_go_and_a_fault_when_nobody_does() -> None:
    """Pitfall 15."""
    for held_s, stages in ((10.0, ["sending"]), (40.0, [])):
        virtual = VirtualKiosk().start()
        virtual.feed(InputLost(COUNTER, "gone"))
        virtual.level("counter", pressed=True)
        virtual.online().run(held_s)
        assert ("button_stuck:counter" in virtual.faults) == (held_s > 30.0)
        assert virtual.stages == []
        virtual.edge("counter", pressed=False)
        assert virtual.run(0.1).stages == stages
        assert "button_stuck:counter" not in virtual.faults


def test_a_stuck_button_does_not_stop_the_others() -> None:
    virtual = kiosk()
    virtual.edge("counter", pressed=True)
    virtual.run(31.0)
    virtual.reply("closed")
    assert virtual.faults == ("button_stuck:counter",)
    assert virtual.lamp == "fault"
    virtual.press("fitting", for_s=1.2)
    assert virtual.stages == ["sending"]


def test_a_lost_input_is_told_opened_again_and_clears_itself() -> None:
    """Pitfall 18b."""
    virtual = kiosk()
    virtual.reads = False
    virtual.feed(InputLost(COUNTER, "ENODEV"))
    assert virtual.faults == ("button_lost:counter",)
    assert virtual.parts.heartbeat(virtual.now()).button.level == "lost"
    assert virtual.quiet().run(READ_EVERY_S + 0.1).of(OpenInput) == [OpenInput(COUNTER)]
    virtual.level("counter", pressed=False)
    assert virtual.faults == ()
    assert virtual.press().stages == ["sending"]


def test_a_stuck_button_that_is_lost_and_comes_back_free_is_not_stuck_any_more() -> None:
    virtual = kiosk()
    virtual.edge("counter", pressed=True)
    virtual.run(31.0)
    virtual.feed(InputLost(COUNTER, "ENODEV"))
    virtual.level("counter", pressed=False)
    assert virtual.run(1.0).faults == ()


def test_a_lost_release_is_found_by_the_level_re_check() -> None:
    """Pitfall 16."""
    virtual = kiosk()
    virtual.edge("counter", pressed=True)
    virtual.run(0.1).reply("closed")
    virtual.closed["counter"] = False
    virtual.run(READ_EVERY_S + 0.1)
    virtual.press()
    assert len({alert.alert_id for alert in virtual.alerts}) == 2


def test_a_lost_press_is_found_by_the_level_re_check() -> None:
    virtual = kiosk()
    virtual.closed["counter"] = True
    assert virtual.run(READ_EVERY_S + 0.1).stages == ["sending"]


def test_an_input_that_nobody_reads_is_a_fault() -> None:
    """Pitfall 17: a dead reader looks just like a button that is not pressed."""
    virtual = kiosk()
    virtual.reads = False
    virtual.run(UNREAD_MAX_S + READ_EVERY_S)
    assert virtual.faults == ("button_unread:counter", "button_unread:fitting")
    virtual.reads = True
    assert virtual.run(READ_EVERY_S + 0.1).faults == ()


def test_a_kiosk_that_slept_itself_accuses_no_input() -> None:
    virtual = kiosk()
    virtual.sleep(120.0)
    virtual.feed(Woken())
    assert virtual.run(1.0).faults == ()
    assert ReadInputs() in virtual.effects


def test_a_line_that_hums_is_told_and_a_press_through_it_counts() -> None:
    virtual = kiosk()
    for _ in range(600):
        virtual.edge("counter", pressed=True)
        virtual.run(0.01)
        virtual.edge("counter", pressed=False)
        virtual.run(0.01)
    assert "button_noisy:counter" in virtual.faults
    virtual.press()
    assert virtual.stages == ["sending"]
    assert virtual.run(1.0).faults == ()


def test_an_unknown_input_is_ignored() -> None:
    virtual = kiosk()
    virtual.feed(LevelRead(input=InputName("nobody"), high=True, at_s=virtual.now_s))
    virtual.feed(InputLost(InputName("nobody"), "?"))
    assert virtual.faults == ()


# ---- tamper and mains


def test_tamper_alerts_the_centre_and_never_calls_people() -> None:
    virtual = kiosk(**EXTRA).offline().quiet()
    virtual.edge("tamper", pressed=True)
    virtual.run(1.0).send_all_sms().run(300.0)
    assert [text.number for text in virtual.texts] == ["+77010000001"]
    assert virtual.said == []
    virtual.online()
    assert virtual.alerts[-1].kind == "tamper"
    assert virtual.lamp == "fault"


def test_a_text_about_tamper_that_fails_is_not_tried_again_once_the_centre_has_it() -> None:
    """Found by the simulation (464362528.694): it was sent for minutes about what a person had ended."""
    virtual = kiosk(**EXTRA).offline().quiet()
    virtual.edge("tamper", pressed=True)
    virtual.run(1.0).sms_done(wrong="CMS 38")
    virtual.online().reply("received")
    assert virtual.quiet().run(250.0).texts == []


def test_tamper_during_an_alarm_and_an_alarm_during_tamper_both_go_out() -> None:
    for first, second in (("tamper", "counter"), ("counter", "tamper")):
        virtual = kiosk(**EXTRA)
        for name in (first, second):
            virtual.edge(name, pressed=True)
            virtual.run(0.2)
        assert {alert.kind for alert in virtual.alerts} == {"press", "tamper"}
        assert virtual.said[0] == "pressed"


def test_tamper_again_in_the_very_turn_that_closes_the_first_is_an_alert_of_its_own() -> None:
    virtual = kiosk(tamper=EXTRA["tamper"])
    virtual.edge("tamper", pressed=True)
    virtual.run(0.1)
    (first,) = virtual.alerts
    virtual.edge("tamper", pressed=False)
    virtual.run(60.0).quiet()
    virtual.edge("tamper", pressed=True)
    virtual.sleep(1.1)  # it settles in the turn in which the closing is read
    virtual.reply("closed", alert=first)
    assert [(alert.kind, alert.alert_id != first.alert_id) for alert in virtual.alerts] == [("tamper", True)]


@pytest.mark.parametrize("order", [("tamper", "counter"), ("counter", "tamper")])
def test_tamper_and_a_press_in_one_turn_are_two_alerts_with_names_of_their_own(
    order: tuple[str, str],
) -> None:
    """Found by the simulation (574658379.1553): both had the turn's fresh name, and one was lost."""
    virtual = kiosk(**EXTRA)
    for name in order:
        virtual.edge(name, pressed=True)
    virtual.run(0.2)
    by_kind = {alert.kind: alert.alert_id for alert in virtual.alerts}
    assert set(by_kind) == {"press", "tamper"}
    assert by_kind["press"] != by_kind["tamper"]
    assert virtual.said[0] == "pressed"
    assert {record.kind for record in virtual.core.snapshot(virtual.now()).incidents} == {"press", "tamper"}


def test_an_open_case_is_told_once_until_the_centre_closes_it() -> None:
    virtual = kiosk(**EXTRA)
    for pressed in (True, False, True, False):
        virtual.edge("tamper", pressed=pressed)
        virtual.run(0.2)
    assert len({alert.alert_id for alert in virtual.alerts}) == 1
    assert virtual.events.count(("tamper_open", "raised")) == 2


def test_a_case_open_at_start_is_a_fault_and_no_alert() -> None:
    virtual = VirtualKiosk(config=example_config(**EXTRA), reads=False)
    virtual.begin()
    virtual.level("tamper", pressed=True)
    virtual.run(1.0)
    assert "tamper_open" in virtual.faults
    assert virtual.stages == []
    virtual.edge("tamper", pressed=False)
    virtual.run(1.0)
    assert "tamper_open" not in virtual.faults
    assert virtual.stages == []


def test_the_mains_contact_tells_the_power_once_it_was_read() -> None:
    virtual = VirtualKiosk(config=example_config(**EXTRA), reads=False).begin()
    assert virtual.parts.heartbeat(virtual.now()).power == "unknown"
    virtual.level("mains_lost", pressed=False)
    assert virtual.run(0.1).parts.heartbeat(virtual.now()).power == "mains"
    virtual.edge("mains_lost", pressed=True)
    virtual.run(0.1)
    assert virtual.parts.heartbeat(virtual.now()).power == "battery"
    assert "mains_lost" in virtual.faults
    assert virtual.stages == []


def test_status_tells_every_input() -> None:
    virtual = kiosk(**EXTRA, duty=Duty(tiers=()))
    virtual.edge("counter", pressed=True)
    status = virtual.parts.status(virtual.now())
    assert status["inputs"] == {
        "counter": "pressed", "fitting": "released", "tamper": "released", "mains_lost": "released",
    }  # fmt: skip
    assert status["levels"] == dict.fromkeys(status["inputs"], "released")  # type: ignore[call-overload]
