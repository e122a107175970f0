"""Alerts with their stages, and every SMS."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = "0000"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _alerts()
    _stages()
    _texts()
    _inbox()


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String(64), primary_key=True),
        sa.Column("sms_id", sa.String(64), nullable=False),
        sa.Column("kiosk_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("kato", sa.String(9), nullable=False),
        sa.Column("pressed_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("door", sa.String(8), nullable=False),
        sa.Column("also_by", sa.String(24), nullable=False),
        sa.Column("age_s", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("clock_note", sa.String(12), nullable=False),
        sa.Column("presses", sa.BigInteger(), nullable=False),
        sa.Column("accepted_ms", sa.BigInteger()),
        sa.Column("en_route_ms", sa.BigInteger()),
        sa.Column("on_scene_ms", sa.BigInteger()),
        sa.Column("closed_ms", sa.BigInteger()),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("sms_from", sa.String(16), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("written_ms", sa.BigInteger(), nullable=False),
        sa.Column("writer", sa.String(64), nullable=False),
    )
    op.create_index("alerts_of_kind", "alerts", ["kind", "received_ms"])
    op.create_index("alerts_of_kiosk", "alerts", ["kiosk_id", "received_ms"])
    op.create_index("alerts_of_outcome", "alerts", ["outcome", "received_ms"])
    op.create_index("alerts_of_region", "alerts", ["kato", "received_ms"])
    op.create_index("alerts_open", "alerts", ["closed_ms", "received_ms"])
    op.create_index("alerts_received", "alerts", ["received_ms"])
    op.create_index("alerts_sms_id", "alerts", ["sms_id"])
    op.create_index("alerts_written", "alerts", ["written_ms"])


def _stages() -> None:
    op.create_table(
        "stages",
        sa.Column("alert_id", sa.String(64), primary_key=True),
        sa.Column("stage", sa.String(12), primary_key=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("note", sa.String(280), nullable=False),
        sa.Column("via", sa.String(8), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("referral", sa.String(64), nullable=False),
    )


def _texts() -> None:
    op.create_table(
        "texts",
        sa.Column("alert_id", sa.String(64), primary_key=True),
        sa.Column("step", sa.String(24), primary_key=True),
        sa.Column("recipient", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("written_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("texts_state", "texts", ["state", "at_ms"])
    op.create_index("texts_written", "texts", ["written_ms"])


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("message_id", sa.String(128), nullable=False, unique=True),
        sa.Column("door", sa.String(8), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.String(24), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("kiosk_id", sa.String(64), nullable=False),
        sa.Column("alert_id", sa.String(64), nullable=False),
    )
    op.create_index("inbox_at", "inbox", ["at_ms"])
