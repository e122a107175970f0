"""Let the database itself refuse to change or delete what the audit log says.

Only rows that are older than the fact `audit_floor_ms` may go, which retention sets, and none that is
younger than 30 days whatever that fact says.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"

SQLITE = (
    """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END""",
    """CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE number = NEW.number)
    BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END""",
    """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
    WHEN OLD.at_ms >= COALESCE((SELECT value FROM facts WHERE name = 'audit_floor_ms'), 0)
      OR OLD.at_ms >= CAST(strftime('%s', 'now') AS INTEGER) * 1000 - 2592000000
    BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END""",
)
POSTGRES = (
    """CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'DELETE' THEN
        IF OLD.at_ms < COALESCE((SELECT value FROM facts WHERE name = 'audit_floor_ms'), 0)
           AND OLD.at_ms < extract(epoch FROM clock_timestamp()) * 1000 - 2592000000 THEN
          RETURN OLD;
        END IF;
      END IF;
      RAISE EXCEPTION 'the audit log cannot be changed' USING ERRCODE = 'insufficient_privilege';
    END $$""",
    """CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_guard()""",
    """CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_guard()""",
)


def upgrade() -> None:
    """Set the guards."""
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRES:
        op.get_bind().execute(sa.text(statement.replace(":", "\\:")))
