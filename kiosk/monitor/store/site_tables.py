"""The tables of what installers left behind: records of checks, and the logs of set-ups. See `schema`."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table

from kiosk.monitor.store.columns import Id, metadata

commissionings = Table(
    "commissionings",
    metadata,
    Column("kiosk_id", Id, primary_key=True),
    Column("record_id", Id, primary_key=True),
    Column("received_ms", BigInteger, nullable=False),
    Column("verdict", String(8), nullable=False),
    Column("imei_before", String(16), nullable=False, default=""),  # the registry's, where it was another
    Column("body", LargeBinary, nullable=False),
    Index("commissionings_received", "received_ms"),
)
provision_logs = Table(
    "provision_logs",
    metadata,
    Column("kiosk_id", Id, primary_key=True),
    Column("log_id", String(64), primary_key=True),  # SHA-256 of the text
    Column("received_ms", BigInteger, nullable=False),
    Column("text", LargeBinary, nullable=False),
    Index("provision_logs_received", "received_ms"),
)
