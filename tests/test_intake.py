"""Every event has its part, and none raises, whatever the kiosk is doing."""

from typing import get_args

import pytest
from fakes.virtual_kiosk import VirtualKiosk

from kiosk.bodies import Command, Reply
from kiosk.effects import Effect
from kiosk.messages import (
    BalanceRead,
    BoardRead,
    BodyRefused,
    CertificateRead,
    CertificateRenewed,
    CommandReceived,
    DrillAsked,
    EdgeSeen,
    HttpsAnswered,
    HttpsFailed,
    InputLost,
    InputName,
    JournalBroke,
    JournalLoaded,
    JournalSaved,
    KioskEvent,
    LevelRead,
    LinkFell,
    LinkHeard,
    LinkRose,
    ModemStatus,
    PapersRead,
    PresenceSeen,
    Published,
    PublishFailed,
    ReplyReceived,
    SayAsked,
    SmsFailed,
    SmsReceived,
    SmsReported,
    SmsSent,
    Snapshot,
    StatusAsked,
    Token,
    TrialAsked,
    UpdateRefused,
    UpdateSeen,
    VoiceBroke,
    VoiceEnded,
    VoiceRecovered,
    VoiceRefreshed,
    VoiceStarted,
    Woken,
    WorkerFailed,
    WorkerRecovered,
)

NAME, TOKEN, AT = InputName("counter"), Token("x"), "2026-11-21T10:00:00Z"
BOARD = BoardRead(
    temp_c=None, under_voltage=False, throttled=False, disk_free_mb=None, mem_free_mb=None, clock_synced=True
)
# An example of each event, with what people who follow hear of it from an idle kiosk.
EXAMPLES: list[tuple[KioskEvent, list[str]]] = [
    (EdgeSeen(input=NAME, high=False, at_s=1.0), []),
    (LevelRead(input=NAME, high=True, at_s=1.0), []),
    (HttpsAnswered(token=TOKEN), []),
    (HttpsFailed(TOKEN, "refused"), []),
    (CertificateRenewed(), ["certificate_renewed"]),
    (PapersRead(missing={"cert_missing": "kiosk.pem: it is empty"}), ["fault_raised"]),
    (CertificateRenewed("refused"), ["fault_raised"]),
    (InputLost(NAME, "ENODEV"), ["fault_raised"]),
    (LinkRose("mqtt", "broker"), ["link_up"]),
    (LinkRose("sms", "modem"), ["link_up"]),
    (LinkRose("https", "server"), []),
    (LinkFell("mqtt", "reset"), ["fault_raised"]),
    (LinkFell("sms", "EIO"), ["fault_raised"]),
    (LinkHeard(link="mqtt", at_s=1.0, rtt_ms=3), []),
    (Published(token=TOKEN, code=0), []),
    (Published(token=Token("alert.01X.1"), code=0x87), []),
    (PublishFailed(TOKEN, "not connected"), ["publish_failed"]),
    (ReplyReceived(Reply(alert_id="01X", stage="closed", at=AT), "mqtt"), []),
    (
        CommandReceived(Command(command_id="c9", name="report", at=AT, expires_at="2030-01-01T00:00:00Z")),
        ["command"],
    ),
    (PresenceSeen("mon-1", False), ["fault_raised"]),
    (CertificateRead(3), ["fault_raised"]),
    (BodyRefused("ack", "not JSON"), ["refused"]),
    (BodyRefused("cmd", "not JSON"), ["refused"]),
    (
        ModemStatus(imei="1", sim="missing", registration="home", operator="K", signal_dbm=None),
        ["fault_raised"],
    ),
    (BalanceRead(None, "timeout"), ["fault_raised"]),
    (SmsSent(token=TOKEN, reference=1, parts=1), []),
    (SmsFailed(TOKEN, "x"), []),
    (SmsReported(1, "delivered"), ["sms_report"]),
    (SmsReceived("+77010000011", "ok 4711"), ["sms_ignored"]),
    (VoiceStarted(key="cover", language="kk", source="clip"), ["said"]),
    (VoiceEnded("cover"), []),
    (VoiceBroke("no card"), ["fault_raised"]),
    (VoiceRecovered(), []),
    (VoiceRefreshed(""), ["voice_refreshed"]),
    (BOARD, []),
    (JournalLoaded(Snapshot(), "journal.damaged"), ["journal_quarantined"]),
    (JournalSaved(), []),
    (JournalBroke("disk full"), ["fault_raised"]),
    (WorkerFailed("lamp", "x"), ["fault_raised"]),
    (WorkerRecovered("lamp"), []),
    (StatusAsked(TOKEN), []),
    (DrillAsked(token=TOKEN), ["drill"]),
    (TrialAsked(token=TOKEN, button="counter", seconds=5.0), ["trial_begun"]),
    (SayAsked(TOKEN, "received"), ["rehearse"]),
    (UpdateSeen(ordered=True), []),
    (UpdateRefused("c9", "disk full"), ["update"]),
    (Woken(), []),
]


def idle() -> VirtualKiosk:
    return VirtualKiosk().start().board().quiet()


def names(effects: list[Effect]) -> list[str]:
    return [e.what for e in effects if hasattr(e, "what") and e.what not in ("status", "balance", "sent")]


def test_every_kind_of_event_has_an_example_here() -> None:
    assert {type(event) for event, _ in EXAMPLES} == set(get_args(KioskEvent))


@pytest.mark.parametrize(("event", "heard"), EXAMPLES)
def test_each_event_reaches_its_part(event: KioskEvent, heard: list[str]) -> None:
    assert names(idle().feed(event)) == heard


@pytest.mark.parametrize("event", [event for event, _ in EXAMPLES], ids=lambda event: type(event).__name__)
def test_no_event_ends_an_alarm_or_keeps_it_from_going_out(event: KioskEvent) -> None:
    virtual = VirtualKiosk().start().board().modem().online()
    virtual.feed(event)
    virtual.press()
    virtual.feed(event)
    assert any(case.incident.kind == "press" for case in virtual.parts.alarm.cases.open)
    assert any(alert.kind == "press" for alert in virtual.alerts) or virtual.texts
