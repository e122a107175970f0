"""What installers left behind: records of their checks, and the logs of set-ups."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "commissionings",
        sa.Column("kiosk_id", sa.String(64), primary_key=True),
        sa.Column("record_id", sa.String(64), primary_key=True),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("imei_before", sa.String(16), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_index("commissionings_received", "commissionings", ["received_ms"])
    op.create_table(
        "provision_logs",
        sa.Column("kiosk_id", sa.String(64), primary_key=True),
        sa.Column("log_id", sa.String(64), primary_key=True),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
    )
    op.create_index("provision_logs_received", "provision_logs", ["received_ms"])
