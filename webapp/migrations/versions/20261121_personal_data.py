"""personal data

Numbers of people, what was filed and every copy of it are sealed (handlers.privacy, engine.sealing).
Each column is made anew beside the plain one, filled batch by batch and put in its place: the same
on both databases, and no constraint of a table is touched.

Revision: c41d7e0a92b6, after: 55ff86a5bfe2.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from handlers.privacy import keyring

revision = "c41d7e0a92b6"
down_revision = "55ff86a5bfe2"
branch_labels = None
depends_on = None

BATCH = 500
NUMBER = sa.String(160)
TEXTS = {
    "hall_unit": {
        "legal_rep_id_no": ("person.id_no", NUMBER),
        "bank_account_no": ("bank_account_no", NUMBER),
    },
    "hall_unit_change": {
        "old": ("unit_change.value", sa.String()),
        "new": ("unit_change.value", sa.String()),
    },
    "hall_operator": {"id_no": ("person.id_no", NUMBER), "mobile": ("person.mobile", NUMBER)},
    "hall_staff": {"mobile": ("person.mobile", NUMBER)},
    "hall_sms_message": {"mobile": ("person.mobile", NUMBER), "text": ("sms.text", sa.String())},
}
# What was JSON or text becomes bytes; the purpose is "table.column".
BLOBS = {
    "hall_history": ("detail",),
    "hall_effect": ("result",),
    "hall_draft": ("data",),
    "hall_outbox": ("payload", "last_error"),
    "hall_job": ("payload", "cursor", "result", "last_error"),
    "hall_incident": ("error", "trace"),
    "hall_repair": ("data",),
    "hall_sms_message": ("params",),
}
NULLABLE = {"hall_outbox": ("last_error",), "hall_job": ("last_error",)}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("PRAGMA secure_delete=ON")  # what was plain must not stay on free pages
    op.drop_index("ix_hall_sms_message_mobile", "hall_sms_message")
    op.add_column(
        "hall_sms_message",
        sa.Column("mobile_index", sa.String(32), nullable=False, server_default=""),
    )
    _each_row("hall_sms_message", ["mobile"], _index_of_mobile)
    for table, columns in TEXTS.items():
        for name, (purpose, kind) in columns.items():
            _exchange(table, name, kind, lambda v, p=purpose: keyring.encrypt(p, v))
    for table, names in BLOBS.items():
        for name in names:
            purpose = f"{table}.{name}"
            _exchange(
                table, name, sa.LargeBinary(), lambda v, p=purpose: keyring.seal(p, v.encode())
            )
    _each_row("hall_instance", ["state"], _sealed_state)
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("hall_sms_message", "mobile_index", server_default=None)
    op.create_index(
        "ix_hall_sms_message_mobile", "hall_sms_message", ["mobile_index", "claimed_at"]
    )


def _exchange(table: str, name: str, kind: Any, seal: Any) -> None:
    """Make the column of its new kind, fill it, put it in the place of the plain one."""
    new, nullable = f"{name}_sealed", name in NULLABLE.get(table, ())
    default = None if nullable else sa.text("''")
    op.add_column(table, sa.Column(new, kind, nullable=nullable, server_default=default))
    _each_row(table, [name], lambda row: {new: None if row[name] is None else seal(row[name])})
    op.drop_column(table, name)
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {new} TO {name}")
    if default is not None and op.get_bind().dialect.name == "postgresql":
        op.alter_column(table, name, server_default=None)


def _each_row(table: str, names: list[str], change: Any) -> None:
    """Write what `change` makes of the named columns of each row."""
    connection = op.get_bind()
    read = ", ".join(f"CAST({n} AS TEXT) AS {n}" if n != "state" else n for n in names)
    # quoted nowhere: no column here is a reserved word of either database
    query = sa.text(f"SELECT id, {read} FROM {table} WHERE id > :last ORDER BY id LIMIT {BATCH}")  # noqa: S608
    last = 0
    while rows := connection.execute(query, {"last": last}).mappings().all():
        changes = [{**change(row), "this": row["id"]} for row in rows]
        given = ", ".join(f"{name} = :{name}" for name in changes[0] if name != "this")
        connection.execute(sa.text(f"UPDATE {table} SET {given} WHERE id = :this"), changes)  # noqa: S608
        last = rows[-1]["id"]


def _index_of_mobile(row: Any) -> dict[str, Any]:
    return {"mobile_index": keyring.blind("person.mobile", row["mobile"])}


def _sealed_state(row: Any) -> dict[str, Any]:
    return {"state": keyring.seal("hall_instance.state", bytes(row["state"]))}


def downgrade() -> None:
    raise RuntimeError("what is sealed is not made plain again")
