"""Kiosks: newest state, events, heartbeats summed up."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _kiosks()
    _events()
    _spans()


def _kiosks() -> None:
    op.create_table(
        "kiosks",
        sa.Column("kiosk_id", sa.String(64), primary_key=True),
        sa.Column("life", sa.String(8), nullable=False),
        sa.Column("why", sa.String(12), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("heard_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("faults", sa.String(1100), nullable=False),
        sa.Column("twin", sa.Boolean(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(60), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("written_ms", sa.BigInteger(), nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("kiosks_written", "kiosks", ["written_ms"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("kiosk_id", sa.String(64), nullable=False),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("kiosk_id", "event_id"),
    )
    op.create_index("events_at", "events", ["at_ms"])
    op.create_index("events_of_code", "events", ["kiosk_id", "code", "at_ms"])
    op.create_index("events_of_kiosk", "events", ["kiosk_id", "number"])


def _spans() -> None:
    op.create_table(
        "spans",
        sa.Column("kiosk_id", sa.String(64), primary_key=True),
        sa.Column("span_s", sa.Integer(), primary_key=True),
        sa.Column("begins_s", sa.BigInteger(), primary_key=True),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("temp_c", sa.Integer()),
        sa.Column("signal_dbm", sa.Integer()),
        sa.Column("balance_kzt", sa.Float()),
        sa.Column("rtt_ms", sa.Integer()),
        sa.Column("faults", sa.String(1100), nullable=False),
    )
    op.create_index("spans_begins", "spans", ["span_s", "begins_s"])
