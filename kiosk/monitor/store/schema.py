"""Every table of the centre's database, for SQLite and PostgreSQL alike.

Times are UTC ms since 1970 (`_ms`); a body is the JSON of its type in `kiosk.bodies`. Alembic brings an older
database up to this.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from kiosk.monitor.store.columns import Id, Number, metadata
from kiosk.monitor.store.people_tables import (
    audit,
    contacts,
    failures,
    people,
    sessions,
    shifts,
)
from kiosk.monitor.store.site_tables import commissionings, provision_logs
from kiosk.monitor.store.update_tables import releases, rollout_kiosks, rollouts

__all__ = [
    "Number", "alerts", "audit", "certificates", "commissionings", "contacts", "events", "facts", "failures",
    "inbox", "kiosks", "leases", "metadata", "people", "provision_logs", "registry", "releases",
    "rollout_kiosks", "rollouts", "sessions", "shifts", "spans", "stages", "texts", "tokens",
]  # fmt: skip

# ---- alarms

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", Id, primary_key=True),
    Column("sms_id", Id, nullable=False, default=""),  # its name before the kiosk's own id was known
    Column("kiosk_id", Id, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("kato", String(9), nullable=False),
    Column("pressed_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("door", String(8), nullable=False),
    Column("also_by", String(24), nullable=False, default=""),  # comma between
    Column("age_s", BigInteger, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("clock_note", String(12), nullable=False),
    Column("presses", BigInteger, nullable=False),
    Column("accepted_ms", BigInteger),
    Column("en_route_ms", BigInteger),
    Column("on_scene_ms", BigInteger),
    Column("closed_ms", BigInteger),
    Column("outcome", String(16), nullable=False, default=""),
    Column("sms_from", String(16), nullable=False, default=""),  # the kiosk's SIM, until the end was told
    Column("body", LargeBinary, nullable=False),
    Column("written_ms", BigInteger, nullable=False, default=0),  # by the database's clock
    Column("writer", Id, nullable=False, default=""),  # the only monitor that wrote; empty: several
    Index("alerts_received", "received_ms"),
    Index("alerts_open", "closed_ms", "received_ms"),
    Index("alerts_of_kiosk", "kiosk_id", "received_ms"),
    Index("alerts_of_region", "kato", "received_ms"),
    Index("alerts_of_kind", "kind", "received_ms"),
    Index("alerts_of_outcome", "outcome", "received_ms"),
    Index("alerts_sms_id", "sms_id"),
    Index("alerts_written", "written_ms"),
)
stages = Table(
    "stages",
    metadata,
    Column("alert_id", Id, primary_key=True),
    Column("stage", String(12), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", String(64), nullable=False),
    Column("note", String(280), nullable=False),
    Column("via", String(8), nullable=False),
    Column("outcome", String(16), nullable=False, default=""),
    Column("referral", Id, nullable=False, default=""),
)
texts = Table(  # SMS of the centre, to people and kiosks
    "texts",
    metadata,
    Column("alert_id", Id, primary_key=True),
    Column("step", String(24), primary_key=True),
    Column("recipient", Id, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("tier", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("written_ms", BigInteger, nullable=False, default=0),  # by the database's clock
    Index("texts_state", "state", "at_ms"),
    Index("texts_written", "written_ms"),
)
inbox = Table(  # SMS that came in; neither text nor whole number is kept
    "inbox",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("message_id", String(128), nullable=False, unique=True),
    Column("door", String(8), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("sender", String(24), nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("kiosk_id", Id, nullable=False),
    Column("alert_id", Id, nullable=False),
    Index("inbox_at", "at_ms"),
)

# ---- kiosks

kiosks = Table(  # the newest state of each
    "kiosks",
    metadata,
    Column("kiosk_id", Id, primary_key=True),
    Column("life", String(8), nullable=False),
    Column("why", String(12), nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("heard_ms", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),  # of its last heartbeat; empty without one
    Column("faults", String(1100), nullable=False),  # comma between
    Column("twin", Boolean, nullable=False),
    Column("missing", Integer, nullable=False, default=0),  # how many of its alerts never came
    Column("version", String(60), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("written_ms", BigInteger, nullable=False),
    # an index costs each heartbeat's write a fifth: this one only where several monitors ask by it
    Index("kiosks_written", "written_ms").ddl_if(dialect="postgresql"),
)
events = Table(
    "events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("kiosk_id", Id, nullable=False),
    Column("event_id", Id, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("code", String(60), nullable=False),
    Column("state", String(8), nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("kiosk_id", "event_id"),
    Index("events_of_kiosk", "kiosk_id", "number"),
    Index("events_of_code", "kiosk_id", "code", "at_ms"),  # the last drill of each kiosk
    Index("events_at", "at_ms"),
)
spans = Table(  # heartbeats summed up over `span_s` (300 or 3600)
    "spans",
    metadata,
    Column("kiosk_id", Id, primary_key=True),
    Column("span_s", Integer, primary_key=True),
    Column("begins_s", BigInteger, primary_key=True),
    Column("beats", Integer, nullable=False),
    Column("lost", Integer, nullable=False),
    Column("temp_c", Integer),  # the highest
    Column("signal_dbm", Integer),  # the lowest
    Column("balance_kzt", Float),  # the newest
    Column("rtt_ms", Integer),  # the highest
    Column("faults", String(1100), nullable=False),  # all that were seen, comma between
    Index("spans_begins", "span_s", "begins_s"),
)
registry = Table(
    "registry",
    metadata,
    Column("kiosk_id", Id, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),  # in signed SMS: 1 to 2^24 - 1
    *(
        Column(f"{what}_{language}", String(60), nullable=False)
        for what in ("name", "address", "entrance")
        for language in ("kk", "ru")
    ),
    Column("lat", Float, nullable=False),
    Column("lon", Float, nullable=False),
    Column("accuracy_m", Integer, nullable=False),
    Column("kato", String(9), nullable=False),
    Column("phone", String(16), nullable=False, default=""),
    Column("imei", String(16), nullable=False, default=""),
    Column("note", String(280), nullable=False, default=""),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Index("registry_kato", "kato"),
)
tokens = Table(  # one-time tokens of enrolment; only their SHA-256 is kept
    "tokens",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("kiosk_id", Id, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("used_key", String(64), nullable=False, default=""),  # SHA-256 of the public key it was used for
    Column("serial", String(64), nullable=False, default=""),  # of the certificate that it gave
    Column("made_by", Id, nullable=False),
    Index("tokens_of_kiosk", "kiosk_id"),
)
certificates = Table(
    "certificates",
    metadata,
    Column("serial", String(64), primary_key=True),  # hex
    Column("kiosk_id", Id, nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("not_after_ms", BigInteger, nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Column("reason", String(60), nullable=False, default=""),
    Column("pem", LargeBinary, nullable=False),
    Index("certificates_of_kiosk", "kiosk_id"),
)

# ---- the monitors among themselves

leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", Id, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
