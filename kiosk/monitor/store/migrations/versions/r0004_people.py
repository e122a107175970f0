"""People, their sign-ins, shifts and the contacts."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _people()
    _sessions()
    _failures()
    _audit()
    _shifts()
    _contacts()


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("person_id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("role", sa.String(12), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("phone", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_hash", sa.String(64), primary_key=True),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("sessions_of_person", "sessions", ["person_id"])


def _failures() -> None:
    op.create_table(
        "failures",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("failures_of_subject", "failures", ["subject", "at_ms"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
    )
    op.create_index("audit_at", "audit", ["at_ms"])


def _shifts() -> None:
    op.create_table(
        "shifts",
        sa.Column("shift_id", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.Integer()),
        sa.Column("begins_minute", sa.Integer()),
        sa.Column("ends_minute", sa.Integer()),
        sa.Column("begins_ms", sa.BigInteger()),
        sa.Column("ends_ms", sa.BigInteger()),
        sa.Column("away", sa.Boolean(), nullable=False),
    )
    op.create_index("shifts_of_person", "shifts", ["person_id"])


def _contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("contact_id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("name_kk", sa.String(120), nullable=False),
        sa.Column("name_ru", sa.String(120), nullable=False),
        sa.Column("phone", sa.String(24), nullable=False),
        sa.Column("address_kk", sa.String(200), nullable=False),
        sa.Column("address_ru", sa.String(200), nullable=False),
        sa.Column("kato", sa.String(9), nullable=False),
        sa.Column("lat", sa.Float()),
        sa.Column("lon", sa.Float()),
        sa.Column("hours", sa.String(60), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
    )
