"""The tables of people: sign-ins, what they did, shifts, and the contacts that they keep. See `schema`."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table

from kiosk.monitor.store.columns import Id, Number, metadata

people = Table(
    "people",
    metadata,
    Column("person_id", Id, primary_key=True),
    Column("name", String(60), nullable=False),
    Column("role", String(12), nullable=False),  # officer, technician, admin
    Column("language", String(2), nullable=False),
    Column("phone", String(16), nullable=False, default=""),
    Column("password_hash", String(200), nullable=False, default=""),  # empty: cannot sign in
    Column("active", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)
sessions = Table(
    "sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),
    Column("person_id", Id, nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Index("sessions_of_person", "person_id"),
)
failures = Table(  # sign-ins that failed, for the rate limit
    "failures",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("subject", String(128), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("failures_of_subject", "subject", "at_ms"),
)
audit = Table(  # the database itself refuses to change or delete a row but by retention
    "audit",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", Id, nullable=False),
    Column("what", String(40), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("detail", String(500), nullable=False),
    Index("audit_at", "at_ms"),
)
shifts = Table(  # who is on duty: weekly (`weekday` 0 = Monday, minutes of Asia/Almaty) or once (`_ms`)
    "shifts",
    metadata,
    Column("shift_id", Number, primary_key=True, autoincrement=True),
    Column("person_id", Id, nullable=False),
    Column("tier", Integer, nullable=False),
    Column("weekday", Integer),
    Column("begins_minute", Integer),
    Column("ends_minute", Integer),  # at most 2880: a shift may end on the next day
    Column("begins_ms", BigInteger),
    Column("ends_ms", BigInteger),
    Column("away", Boolean, nullable=False, default=False),  # once only: this person is not on duty then
    Index("shifts_of_person", "person_id"),
)
contacts = Table(  # crisis centres, family-support services and numbers: data of the owner
    "contacts",
    metadata,
    Column("contact_id", Id, primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("name_kk", String(120), nullable=False),
    Column("name_ru", String(120), nullable=False),
    Column("phone", String(24), nullable=False),
    Column("address_kk", String(200), nullable=False, default=""),
    Column("address_ru", String(200), nullable=False, default=""),
    Column("kato", String(9), nullable=False, default=""),
    Column("lat", Float),
    Column("lon", Float),
    Column("hours", String(60), nullable=False, default=""),
    Column("changed_ms", BigInteger, nullable=False),
)
