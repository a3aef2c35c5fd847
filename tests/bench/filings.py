"""The request the benchmark works on: diagram, people, operation, and many open copies of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, select, update
from sqlalchemy.orm import Session

import engine
from engine import Actor, Runtime, Weekdays
from engine.database import transaction
from engine.models import Base, Task
from engine.operations import Call, operation
from engine.owed import outbox

KEY = "bench_step"
STEP = "check"  # the step whose approval is measured
UNIT = "020810042637"
OPINION = "材料齐全，同意办理。"
DIAGRAMS = Path(__file__).parent / "diagrams"
NOW = datetime(2026, 7, 15, 1, 30, tzinfo=UTC)  # a standing clock: the same bytes in every run

_own = MetaData()  # not the hall's: migrations must not know this table
LEDGER = Table(
    "bench_unit",
    _own,
    Column("id", Integer, primary_key=True),
    Column("no", String(40), nullable=False, unique=True),
    Column("unit_address", String(200), nullable=False),
    Column("changes", Integer, nullable=False, default=0),
)
# What the operation does to its own table and what it owes afterwards; the floor does the same.
EFFECT = (
    update(LEDGER)
    .where(LEDGER.c.no == bindparam("unit"))
    .values(unit_address=bindparam("address"), changes=LEDGER.c.changes + 1)
)
RESULT = {"changed": 2}

APPLICANT = Actor("operator:12", "杨秀兰", frozenset({("单位经办人", f"unit:{UNIT}")}))
REVIEWER = Actor(
    "staff:3",
    "王审核",
    frozenset({("归集审核岗", "branch:QDN01"), ("归集审核岗", "branch:QDN02")}),
    "归集审核岗 · 凯里管理部",
)
ADDRESS = "贵州省黔东南苗族侗族自治州凯里市北京西路 21 号"
DATA: dict[str, Any] = {
    "form": "bench.Form",
    "values": {
        "unit_account_no": UNIT,
        "unit_name": "凯里市清水江农业发展有限公司",
        "unit_address": ADDRESS,
        "unit_postcode": "556000",
        "unit_phone": "0855-8223344",
        "pay_day": "15",
    },
    "changes": [
        {
            "field": "unit_address",
            "label": "单位地址",
            "old": "贵州省黔东南苗族侗族自治州凯里市文化北路 5 号",
            "new": ADDRESS,
            "old_text": "贵州省黔东南苗族侗族自治州凯里市文化北路 5 号",
            "new_text": ADDRESS,
        },
        {
            "field": "pay_day",
            "label": "发薪日",
            "old": "10",
            "new": "15",
            "old_text": "每月 10 日",
            "new_text": "每月 15 日",
        },
    ],
    "materials": [],
}

# the keyword arguments of `engine.start`
FILED: dict[str, Any] = {
    "data": DATA,
    "scope": f"unit:{UNIT}",
    "scope_name": "凯里市清水江农业发展有限公司",
    "branch": "QDN01",
    "summary": "单位地址、发薪日 2 项变更",
}


@operation("bench/record")
def record(call: Call) -> dict[str, Any]:
    """One update of one's own table and one item for the outbox, the least a real effect does."""
    address = call.data["values"]["unit_address"]
    call.session.execute(EFFECT, {"unit": call.params["unit"], "address": address})
    outbox.put(
        call.session,
        "bench",
        {"no": call.no},
        key=f"bench:{call.key}",
        now=call.rt.clock(),
        instance_id=call.instance.id,
    )
    return dict(RESULT)


def runtime(session: Session) -> Runtime:
    return Runtime(session, lambda: NOW, Weekdays(), "QDN")


def prepare(session: Session) -> None:
    """Tables, the unit the operation changes, the diagram."""
    database = session.get_bind()
    Base.metadata.create_all(database)
    _own.create_all(database)
    with transaction(session):
        session.execute(LEDGER.insert().values(no=UNIT, unit_address="-", changes=0))
    files = {path.name: path.read_bytes() for path in sorted(DIAGRAMS.iterdir())}
    engine.deploy(runtime(session), KEY, files)


def file_many(session: Session, count: int) -> list[int]:
    """File so many requests; the ids of their open review steps, in order."""
    rt = runtime(session)
    for _ in range(count):
        engine.start(rt, APPLICANT, KEY, **FILED)
    found = select(Task.id).where(Task.node == STEP, Task.status == "open").order_by(Task.id)
    ids = list(session.scalars(found))
    session.rollback()
    assert len(ids) == count
    return ids
