"""The tables of releases that are offered and of their roll-outs. See `schema`."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from kiosk.monitor.store.columns import Id, metadata

releases = Table(
    "releases",
    metadata,
    Column("release_id", String(64), primary_key=True),  # SHA-256 of its MANIFEST
    Column("version", String(40), nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("made_at", String(24), nullable=False),
    Column("targets", String(500), nullable=False),  # comma between
    Column("added_ms", BigInteger, nullable=False),
    Column("added_by", Id, nullable=False),
)
rollouts = Table(
    "rollouts",
    metadata,
    Column("rollout_id", Id, primary_key=True),
    Column("release_id", String(64), nullable=False),
    Column("version", String(40), nullable=False),
    Column("steps", String(60), nullable=False),  # percentages, comma between
    Column("at_once", Integer, nullable=False),
    Column("stop_after", Integer, nullable=False),
    Column("soak_s", Integer, nullable=False),
    Column("state", String(8), nullable=False),
    Column("step", Integer, nullable=False),
    Column("step_ms", BigInteger, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("started_by", Id, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Index("rollouts_started", "started_ms"),
)
rollout_kiosks = Table(
    "rollout_kiosks",
    metadata,
    Column("rollout_id", Id, primary_key=True),
    Column("kiosk_id", Id, primary_key=True),
    Column("phase", String(8), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("after", BigInteger, nullable=False),  # the newest event when it was ordered
    Column("reason", String(280), nullable=False),
    Index("rollout_kiosks_phase", "rollout_id", "phase"),
)
