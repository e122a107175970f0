"""What may come in besides the story: strategies of numbers, texts, clocks and hostile events."""

from fakes.virtual_kiosk import KEY
from hypothesis import strategies as st

from kiosk.bodies import Reply
from kiosk.config import Contact
from kiosk.config_voice import Cover
from kiosk.messages import (
    BalanceRead,
    BodyRefused,
    CertificateRead,
    HttpsAnswered,
    HttpsFailed,
    InputLost,
    InputName,
    ModemStatus,
    PapersRead,
    Published,
    PublishFailed,
    ReplyReceived,
    SmsFailed,
    SmsReported,
    SmsSent,
    Token,
    VoiceBroke,
    VoiceStarted,
    Woken,
    WorkerFailed,
)
from kiosk.wire import UTC_MAX_MS

REPLIES = ("received", "accepted", "en_route", "on_scene", "closed")
OFFICERS, GATEWAY = ("+77010000011", "+77010000013"), "+77010000001"
COVER = Cover(kk="Құрметті сатып алушылар.", ru="Уважаемые покупатели.", every_min=5)
TAMPER = Contact(pin=22, wiring="nc", pull="up")
AT = "2026-11-21T10:00:00Z"
NUMBERS = st.sampled_from([*OFFICERS, GATEWAY, "+77019999999", "Bank", ""])
TEXTS = st.sampled_from(
    ["ok", "ok 0000", "OK 9999", "A1R 4711 closed AAAAAAAAAA", "close 4711", "ё" * 200, ""]
)
SECONDS = st.sampled_from([0.001, 0.02, 0.5, 1.0, 4.0, 6.0, 11.0, 30.0, 61.0, 130.0])
JUMPS_MS = st.sampled_from([-10 * 365 * 86_400_000, -3_600_000, 3_600_000, 10 * 365 * 86_400_000, UTC_MAX_MS])
LINKS = st.sampled_from(["up", "up", "down", "unknown"])
HOSTILE = st.one_of(
    st.builds(
        Reply, alert_id=st.just("01NOBODY"), stage=st.sampled_from(REPLIES), at=st.just(AT),
        presses=st.integers(0, 2**53 - 1),
    ).map(lambda reply: ReplyReceived(reply, "mqtt")),
    st.builds(SmsReported, st.integers(0, 255), st.sampled_from(["delivered", "failed", "pending"])),
    st.builds(SmsSent, token=st.just(Token("sms.x.gateway1.1")), reference=st.just(0), parts=st.just(1)),
    st.builds(SmsFailed, st.just(Token("sms.x.gateway1.1")), st.just("hung")),
    st.builds(Published, token=st.sampled_from(["", "alert.x.1", "hb"]).map(Token), code=st.integers(0, 255)),
    st.builds(PublishFailed, st.just(Token("alert.x.1")), st.just("no")),
    st.builds(HttpsFailed, st.sampled_from(["post.x.1", "poll.x.1"]).map(Token), st.text(max_size=300)),
    st.builds(
        HttpsAnswered, token=st.sampled_from(["post.x.1", "probe.1"]).map(Token),
        replies=st.just((Reply(alert_id="01NOBODY", stage="closed", at=AT),)),
    ),
    st.builds(BodyRefused, st.just("ack"), st.text(max_size=300)),
    st.builds(CertificateRead, st.integers(-10, 90), st.integers(-1, 400)),
    st.builds(
        PapersRead, sms_key=st.sampled_from([b"", KEY]),
        missing=st.dictionaries(st.sampled_from(["cert_missing", "sms_key_missing"]), st.just("x")),
    ),
    st.builds(BalanceRead, st.sampled_from([None, 0.0, -5.5, 1e6]), st.just("x")),
    st.builds(
        ModemStatus, imei=st.just(""), sim=st.sampled_from(["ready", "missing", "puk_needed"]),
        registration=st.sampled_from(["home", "denied"]), operator=st.text(max_size=40), signal_dbm=st.none(),
    ),
    st.sampled_from([
        VoiceBroke("x"), WorkerFailed("voice", "x"), InputLost(InputName("fitting"), "ENODEV"),
        InputLost(InputName("nobody"), "?"), VoiceStarted(key="drill", language="kk", source="clip"), Woken(),
    ]),
)  # fmt: skip
