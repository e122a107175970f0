"""Every effect reaches its device's worker, and what waits in vain is replaced."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.mqtt_bench import PATIENCE_S, Ear
from kiosk_site import wait_for

from kiosk import effects as do
from kiosk.bodies import Alert, AlertId, Place, Token, Words
from kiosk.bodies import Event as EventBody
from kiosk.dispatch import Dispatch
from kiosk.messages import (
    DeviceError,
    HttpsFailed,
    IncidentRecord,
    InputName,
    LinkFell,
    PublishFailed,
    SmsFailed,
    Snapshot,
    UpdateRefused,
    VoiceRefreshed,
    WorkerRecovered,
)
from kiosk.runtime import Worker
from kiosk.updates import UpdateRequest

NAMES = (
    "inputs", "mqtt", "https", "https_poll", "sms", "journal", "voice", "lamp", "board", "render", "renew",
    "updates",
)  # fmt: skip
ORDER = UpdateRequest(command_id="c1", release="ab" * 32, version="0.2.0")
EVENT = EventBody(event_id="e1", kiosk_id="k-1", at="2026-01-02T03:04:05.678Z", code="mqtt_down")


class Noting:
    """A device that notes every call; `broken` is what the calls raise, by name."""

    def __init__(self, name: str, calls: list[str], broken: dict[str, Exception]) -> None:
        self._name = name
        self._calls = calls
        self._broken = broken

    def __getattr__(self, method: str) -> Any:
        def call(*args: object, **more: object) -> None:
            shown = ", ".join([*map(str, args), *(f"{key}={value}" for key, value in more.items())])
            self._calls.append(f"{self._name}.{method}({shown})")
            if method in self._broken:
                raise self._broken[method]

        return call


class Bench:
    """Workers around noting devices, in the shape of `Devices`."""

    lamp: Worker[Any]

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.broken: dict[str, Exception] = {}
        self.local: list[object] = []
        self.ear = Ear()
        for name in NAMES:
            device = Noting(name, self.calls, self.broken)
            worker: Worker[Any] = Worker(
                name,
                lambda device=device: device,
                self.ear,
                broken=lambda reason, name=name: _fell(name, reason),
            )
            setattr(self, name, worker)
        self.dispatch = Dispatch(self, self.local.append)  # type: ignore[arg-type]

    def workers(self) -> list[Worker[Any]]:
        return [getattr(self, name) for name in NAMES]

    def cycle_modem_power(self, off_s: float) -> None:
        self.calls.append(f"power.cycle({off_s})")

    def render_clips(self, file: Path) -> None:
        self.calls.append("render")
        self.ear(VoiceRefreshed(""))

    def renew_certificate(self, file: Path) -> None:
        self.calls.append("renew")

    def settle(self) -> list[str]:
        """Let every worker do what waits; gives all calls."""
        for worker in self.workers():
            if not worker._thread.is_alive():
                worker.start()
            done = threading.Event()
            worker.submit(lambda _, done=done: done.set())
            assert done.wait(PATIENCE_S)
        return self.calls


def _fell(name: str, reason: str) -> Any:
    return LinkFell(name, reason) if name in ("mqtt", "sms") else None  # type: ignore[arg-type]


@pytest.fixture
def bench() -> Any:
    bench = Bench()
    yield bench
    for worker in bench.workers():
        worker.close(lambda _: None, timeout_s=PATIENCE_S)


REACHES = [
    (do.OpenMqtt(7), "mqtt.open(7)"),
    (do.DropMqtt("deaf"), "mqtt.drop(deaf)"),
    (do.Publish(Token("event.e1"), EVENT), f"mqtt.publish(event.e1, {EVENT})"),
    (do.OpenModem("cfun"), "sms.open(cfun)"),
    (do.PollModem("balance"), "sms.poll(balance)"),
    (do.SendSms(token=Token("t"), number="+7", text="SOS"), "sms.send(t, +7, SOS)"),
    (do.CyclePower(5.0), "power.cycle(5.0)"),
    (do.Say("received", cut=True), "voice.say(received, cut=True)"),
    (do.Hush(), "voice.hush()"),
    (do.ProbeVoice(), "voice.probe()"),
    (do.Light("armed"), "lamp.show(armed)"),
    (do.ReadInputs(), "inputs.read()"),
    (do.OpenInput(InputName("counter")), "inputs.reopen(counter)"),
    (do.ReadBoard(), "board.read()"),
    (do.Save(Snapshot()), f"journal.save({Snapshot()})"),
    (do.RefreshVoice(), "render"),
    (do.ProbeHttps(Token("probe.1")), "https_poll.probe(probe.1)"),
    (do.PollReplies(token=Token("p"), alert_id="01A", after="received"), "https_poll.poll(p, 01A, received)"),
    (do.RenewCertificate(), "renew"),
    (do.RequestUpdate(ORDER), f"updates.request({ORDER})"),
    (do.LookForUpdate(), "updates.look()"),
    (do.ForgetUpdate("u1"), "updates.forget(u1)"),
]


@pytest.mark.parametrize(("effect", "call"), REACHES, ids=lambda value: type(value).__name__)
def test_an_effect_reaches_its_device(bench: Bench, effect: do.Effect, call: str) -> None:
    bench.dispatch.carry_out(effect)
    assert bench.settle() == [call]


@pytest.mark.parametrize("effect", [do.Tell("armed"), do.Answer(Token("a"), {}), do.Stop(0, "")])
def test_what_concerns_no_device_goes_to_the_wiring(bench: Bench, effect: do.Effect) -> None:
    bench.dispatch.carry_out(effect)
    assert bench.local == [effect]
    assert bench.settle() == []


def test_of_what_waits_only_the_newest_of_a_kind_is_done(bench: Bench) -> None:
    for effect in (
        do.Light("armed"), do.Light("alerting"), do.ReadBoard(), do.ReadBoard(), do.PollModem("status"),
        do.PollModem("status"), do.OpenModem("none"), do.OpenModem("cfun"), do.ProbeVoice(), do.ProbeVoice(),
        do.Save(Snapshot(seq=1)), do.Save(Snapshot(seq=2)), do.ReadInputs(), do.ReadInputs(),
    ):  # fmt: skip
        bench.dispatch.carry_out(effect)
    assert sorted(bench.settle()) == sorted([
        "lamp.show(alerting)", "board.read()", "sms.poll(status)", "sms.open(cfun)", "voice.probe()",
        f"journal.save({Snapshot(seq=2)})", "inputs.read()",
    ])  # fmt: skip


def test_a_lamp_that_failed_is_shown_again_with_every_heartbeat_until_it_works(bench: Bench) -> None:
    """The core tells a pattern once: a pin that was busy at the start would stay dark until a press."""
    bench.broken["show"] = DeviceError("the pin is busy")
    bench.dispatch.carry_out(do.ReadBoard())  # before any pattern: nothing to show
    bench.dispatch.carry_out(do.Light("armed"))
    bench.dispatch.carry_out(do.Light("fault"))
    bench.lamp.start()
    for shows in (1, 2):
        wait_for(lambda shows=shows: bench.calls == ["lamp.show(fault)"] * shows, PATIENCE_S)
        wait_for(lambda: bench.lamp._failed and not bench.lamp._busy_since_s, PATIENCE_S)
        assert not bench.ear.all(WorkerRecovered)
        if shows == 2:
            del bench.broken["show"]
        bench.dispatch.carry_out(do.ReadBoard())
    assert bench.ear.hear(WorkerRecovered) == WorkerRecovered("lamp")
    assert bench.calls == ["lamp.show(fault)"] * 3


def test_a_snapshot_that_waits_is_replaced_by_none_with_other_stages(bench: Bench) -> None:
    """The history shows every stage, however slow the disk is."""
    sending, received = (
        Snapshot(seq=1, saved_utc_ms=1, incidents=(IncidentRecord(
            alert_id=AlertId("A"), kind="press", button="counter", pressed_utc_ms=1, clock="synced", seq=1,
            code="4711", stage=stage,
        ),)) for stage in ("sending", "received")
    )  # fmt: skip
    for snapshot in (Snapshot(), sending, replace(sending, saved_utc_ms=2), received, Snapshot(seq=1)):
        bench.dispatch.carry_out(do.Save(snapshot))
    saved = [Snapshot(), replace(sending, saved_utc_ms=2), received, Snapshot(seq=1)]
    assert bench.settle() == [f"journal.save({snapshot})" for snapshot in saved[1:]]


def test_texts_and_publishes_all_go_in_their_order(bench: Bench) -> None:
    for number in range(3):
        bench.dispatch.carry_out(do.SendSms(token=Token(str(number)), number="+7", text="SOS"))
        bench.dispatch.carry_out(do.Publish(Token(str(number)), EVENT))
    calls = bench.settle()
    assert [call for call in calls if call.startswith("sms")] == [f"sms.send({n}, +7, SOS)" for n in range(3)]
    assert len([call for call in calls if call.startswith("mqtt.publish")]) == 3


def test_a_text_that_a_driver_chokes_on_has_failed_and_the_link_is_told(bench: Bench) -> None:
    bench.broken["send"] = RuntimeError("choked")
    bench.dispatch.carry_out(do.SendSms(token=Token("t"), number="+7", text="SOS"))
    bench.settle()
    assert bench.ear.hear(SmsFailed) == SmsFailed(Token("t"), "RuntimeError: choked")
    assert bench.ear.hear(LinkFell).link == "sms"


def test_a_post_that_a_driver_chokes_on_has_failed_and_others_go_on(bench: Bench, alert: Any) -> None:
    bench.broken["post"] = RuntimeError("choked")
    bench.dispatch.carry_out(do.PostAlert(Token("post.1"), alert))
    bench.settle()
    assert bench.ear.hear(HttpsFailed) == HttpsFailed(Token("post.1"), "RuntimeError: choked")
    assert bench.calls[0].startswith("https.post(post.1, ")


def test_a_publish_that_a_driver_chokes_on_makes_the_link_anew(bench: Bench, alert: Any) -> None:
    """Else the core would take a connected link for lost, and nothing would ever tell it otherwise."""
    bench.broken["publish"] = RuntimeError("choked")
    bench.dispatch.carry_out(do.Publish(Token("alert.1"), alert))
    bench.settle()
    bench.settle()
    assert bench.ear.hear(LinkFell).link == "mqtt"
    assert bench.ear.hear(PublishFailed) == PublishFailed(Token("alert.1"), "RuntimeError: choked")
    assert bench.calls[-1] == "mqtt.drop(RuntimeError: choked)"


def test_only_an_alert_that_was_not_published_is_told_one_by_one(bench: Bench) -> None:
    bench.broken["publish"] = RuntimeError("choked")
    bench.dispatch.carry_out(do.Publish(Token("event.e1"), EVENT))
    bench.settle()
    assert bench.ear.all(PublishFailed) == []


@pytest.fixture
def alert() -> Any:
    words = Words(kk="а", ru="б")
    place = Place(
        name=words, address=words, entrance=words, lat=43.0, lon=76.0, accuracy_m=10, kato="751110000"
    )
    return Alert(
        alert_id=AlertId("01JZZZZZZZZZZZZZZZZZZZZZZZ"), kiosk_id="k-1", kind="press", button="counter",
        pressed_at="2026-01-02T03:04:05.678Z", clock="synced", presses=1, seq=1, attempt=1,
        sent_at="2026-01-02T03:04:05.678Z", route="mqtt", place=place, versions={},
    )  # fmt: skip


def test_an_order_that_cannot_be_laid_down_is_told(bench: Bench) -> None:
    bench.broken["request"] = OSError("disk full")
    bench.dispatch.carry_out(do.RequestUpdate(ORDER))
    bench.settle()
    assert bench.ear.hear(UpdateRefused) == UpdateRefused("c1", "OSError: disk full")
