"""exports say for whom

Revision: 4c0e7d5ab912, after: 7b91c2d0e3f4.
"""

import sqlalchemy as sa
from alembic import op

revision = "4c0e7d5ab912"
down_revision = "7b91c2d0e3f4"
branch_labels = None
depends_on = None

TABLE = "hall_export_record"


def upgrade() -> None:
    # Rows of before belong to nobody's branch: only who reads everything finds them.  The defaults
    # stay in the database: to drop them SQLite would have to copy a table nobody may delete from.
    for name, chars in (("scope", 80), ("branch", 20)):
        op.add_column(TABLE, sa.Column(name, sa.String(chars), nullable=False, server_default=""))
        op.create_index(f"ix_{TABLE}_{name}", TABLE, [name, "at", "id"])


def downgrade() -> None:
    raise RuntimeError("whose an export was is not thrown away")
