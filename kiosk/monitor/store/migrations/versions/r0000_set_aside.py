"""Move the tables of a centre that knew no steps out of the way; r0006 copies them.

That centre kept everything in one SQLite file with plain tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0000"
down_revision: str | None = None

OLD = ("alerts", "stages", "kiosks", "events", "facts")


def upgrade() -> None:
    """Rename what is there."""
    there = set(sa.inspect(op.get_bind()).get_table_names())
    if "alerts" in there:
        op.execute("DROP INDEX IF EXISTS alerts_received")
    for name in OLD:
        if name in there:
            op.rename_table(name, f"old_{name}")
