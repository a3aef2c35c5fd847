"""Requests as rows: filed, under way, decided, with the rosters and jobs that belong to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from engine.models import Definition, Instance, Job, Task
from handlers.documents.models import Receipt
from handlers.rosters.models import Roster
from tests.builders.books import BRANCH, UNIT

AT = datetime(2026, 7, 10, 2, 30, tzinfo=UTC)  # 10:30 in Shanghai


def request(definition: Definition, number: int, **values: Any) -> Instance:
    facts: dict[str, Any] = {
        "no": f"QDN-20260710-{number:06d}",
        "definition_id": definition.id,
        "key": "open_accounts",
        "name": "个人开户",
        "status": "completed",
        "label": "已办结",
        "path": [],
        "progress": "dd",
        "deciders": {},
        "summary": "3 名职工",
        "scope": f"unit:{UNIT}",
        "scope_name": "凯里市云谷文旅发展有限公司",
        "branch": BRANCH,
        "starter_id": "operator:1",
        "starter_name": "杨秀兰",
        "revision": 1,
        "state": b"",
        "started_at": AT,
        "updated_at": AT,
        "ended_at": AT + timedelta(hours=1),
    }
    return Instance(**(facts | values))


def file_some(session: Session) -> None:
    """One done with a receipt, one undo that was agreed to, one whose roster is at row 300."""
    definition = Definition(
        key="open_accounts",
        version=1,
        name="个人开户",
        sha256="0" * 64,
        files={},
        deployed_at=AT,
        deployed_by="系统",
    )
    session.add(definition)
    session.flush()
    done = request(definition, 1)
    undone = request(definition, 21, name="撤销", key="undo_changes")
    going = request(
        definition,
        51,
        name="基数调整",
        status="running",
        label="办理中",
        ended_at=None,
        in_flight=None,
    )
    session.add_all((done, undone, going))
    session.flush()
    session.add(Receipt(no=done.no, code="AAAAA-BBBBB", issued_at=AT, print_count=2))
    session.add(_decided(undone))
    job = Job(
        key="test:job",
        kind="rosters/apply",
        title="基数调整",
        owner_id="operator:1",
        owner_name="杨秀兰",
        payload={},
        status="running",
        done=300,
        total=1_000,
        created_at=AT,
        due_at=AT,
    )
    session.add(job)
    session.flush()
    for number, (case, state) in enumerate(((done, "applied"), (going, "applying"))):
        session.add(
            Roster(
                key=case.key,
                form="tests.Newcomers",
                scope=case.scope,
                branch_code=BRANCH,
                state=state,
                no=case.no,
                applied=2 - number,
                failed=1 - number,
                job_id=job.id if number else None,
                owner_id="operator:1",
                owner_name="杨秀兰",
                created_at=AT,
                updated_at=AT,
            )
        )


def _decided(case: Instance) -> Task:
    return Task(
        instance_id=case.id,
        spiff_id="0" * 32,
        visit=1,
        key=case.key,
        starter_id=case.starter_id,
        node="review",
        node_name="审核",
        kind="review",
        role="归集审核岗",
        domain=f"branch:{BRANCH}",
        status="done",
        created_at=AT,
        order_at=AT,
        completed_at=AT,
        completed_by="staff:1",
        completed_by_name="王审核",
        decision="approve",
        opinion="同意撤销",
    )
