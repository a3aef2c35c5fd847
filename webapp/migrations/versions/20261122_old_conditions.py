"""conditions that were meant to go are gone from SQLite, too

Revision: 9a4f17c6e2b8, after: 4c0e7d5ab912.
"""

from alembic import op
from sqlalchemy import inspect

revision = "9a4f17c6e2b8"
down_revision = "4c0e7d5ab912"
branch_labels = None
depends_on = None

TABLES = {
    "hall_individual_account": {
        "account_status_known": "account_status in ('01', '02', '03', '04', '05', '06', '99')",
        "base_not_negative": "contribution_base_cents >= 0",
        "amounts_not_negative": "unit_monthly_amount_cents >= 0 "
        "and individual_monthly_amount_cents >= 0",
        "closed_has_a_day": "(account_status in ('03', '04', '05', '99')) = "
        "(closed_on is not null)",
    },
    "hall_task": {
        "status_known": "status in ('open','held','done','cancelled')",
        "kind_known": "kind in ('form','review')",
        "part_known": "part in ('step','vote','before','after','ask','fix')",
        "part_has_parent": "(part = 'step') = (parent_id is null)",
        "completed_has_time": "(status in ('open','held')) = (completed_at is null)",
    },
}


def upgrade() -> None:
    """Two revisions took it that SQLite forgets a table's conditions when it copies it.  It does
    not: an opening could not be taken back, and nobody could be asked for an opinion."""
    if op.get_bind().dialect.name == "postgresql":
        return
    for table, wanted in TABLES.items():
        found = {one["name"] for one in inspect(op.get_bind()).get_check_constraints(table)}
        with op.batch_alter_table(table, recreate="always") as batch:
            for name in sorted(str(name) for name in found):
                batch.drop_constraint(op.f(name), type_="check")
            for name, text in wanted.items():
                batch.create_check_constraint(op.f(f"ck_{table}_{name}"), text)


def downgrade() -> None:
    raise RuntimeError("what the new conditions allow may be there already")
