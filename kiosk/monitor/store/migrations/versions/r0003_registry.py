"""The registry of kiosks, their tokens and certificates."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Make the tables."""
    _registry()
    _tokens()
    _certificates()


def _registry() -> None:
    op.create_table(
        "registry",
        sa.Column("kiosk_id", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer(), nullable=False, unique=True),
        sa.Column("name_kk", sa.String(60), nullable=False),
        sa.Column("name_ru", sa.String(60), nullable=False),
        sa.Column("address_kk", sa.String(60), nullable=False),
        sa.Column("address_ru", sa.String(60), nullable=False),
        sa.Column("entrance_kk", sa.String(60), nullable=False),
        sa.Column("entrance_ru", sa.String(60), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("accuracy_m", sa.Integer(), nullable=False),
        sa.Column("kato", sa.String(9), nullable=False),
        sa.Column("phone", sa.String(16), nullable=False),
        sa.Column("imei", sa.String(16), nullable=False),
        sa.Column("note", sa.String(280), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger()),
    )
    op.create_index("registry_kato", "registry", ["kato"])


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("kiosk_id", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger()),
        sa.Column("used_key", sa.String(64), nullable=False),
        sa.Column("serial", sa.String(64), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
    )
    op.create_index("tokens_of_kiosk", "tokens", ["kiosk_id"])


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("serial", sa.String(64), primary_key=True),
        sa.Column("kiosk_id", sa.String(64), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.Column("not_after_ms", sa.BigInteger(), nullable=False),
        sa.Column("issued_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger()),
        sa.Column("reason", sa.String(60), nullable=False),
        sa.Column("pem", sa.LargeBinary(), nullable=False),
    )
    op.create_index("certificates_of_kiosk", "certificates", ["kiosk_id"])
