"""Are the triggers still there that keep vouchers and entries from being changed?"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from handlers.ledger.checks.faults import Fault
from handlers.ledger.models import APPEND_ONLY

_PRESENT = {
    "sqlite": text("select name from sqlite_master where type = 'trigger'"),
    "postgresql": text(
        "select tgname from pg_trigger join pg_class on pg_class.oid = tgrelid "
        "where tgenabled in ('O', 'A') and relname = any(:tables) "
        "and relnamespace = current_schema()::regnamespace"
    ),
}
_NAMES = {"sqlite": ("{}_no_update", "{}_no_delete"), "postgresql": ("{}_append_only",)}


def check(session: Session) -> list[Fault]:
    dialect = session.get_bind().dialect.name
    values = {"tables": list(APPEND_ONLY)} if dialect == "postgresql" else {}
    present = set(session.scalars(_PRESENT[dialect], values))
    wanted = [(table, name.format(table)) for table in APPEND_ONLY for name in _NAMES[dialect]]
    lost = [(table, name) for table, name in wanted if name not in present]
    said = "禁止改动的触发器 {} 已不存在或被停用，请查明是谁、为什么去掉的。"
    return [Fault(f"数据表 {table}", "guard.missing", said.format(name)) for table, name in lost]
