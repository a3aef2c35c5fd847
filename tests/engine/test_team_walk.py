"""Whatever people do to each other's steps, in whatever order: a seeded walk over all of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from sqlalchemy import select

import engine
from engine import Actor, errors
from engine.diagrams.rehearsal import open_tasks
from engine.models import Instance, Task
from engine.requests import cases
from engine.verbs import permissions
from engine.verbs.permissions import TASK_VERBS
from tests.builders import diagrams
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    EVERYBODY,
    EVERYWHERE,
    FAR,
    KEEPER,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    Hall,
)

STEPS = 200
RUNNING_MAX = 4  # few requests, so that much happens to each
STAFF = (REVIEWER, REVIEWER_2, SECONDER, SECONDER_2, BOTH, FAR, EVERYWHERE, KEEPER)
SIGNS = ("all", "any", "ratio:0.5", "in_turn")


class Walk:
    """One random walk: requests are filed, and anybody tries anything on any row."""

    def __init__(self, hall: Hall, seed: int) -> None:
        self.hall, self.luck, self.refusals = hall, random.Random(seed), 0
        team = f"users:{REVIEWER.id},{REVIEWER_2.id},{EVERYWHERE.id}"
        self.keys = [f"joint_{sign.partition(':')[0]}" for sign in SIGNS]
        for key, sign in zip(self.keys, SIGNS, strict=True):
            verbs = "approve,refuse,return"
            content = diagrams.joint_review(key, sign=sign, signers=team, verbs=verbs)
            hall.deploy(content, key)
        hall.deploy(diagrams.one_review(), "one_review")
        self.keys += ["one_review"] * len(SIGNS)
        self.numbers: list[str] = []  # of requests that still run
        self.decided: dict[int, list[str | None]] = {}

    def file(self) -> None:
        if len(self.numbers) < RUNNING_MAX:
            self.numbers.append(self.hall.file(key=self.luck.choice(self.keys)))

    def step(self) -> None:
        """Try things until one is allowed."""
        rows = self.rows()
        if not rows:
            self.file()
        while rows and not self.tried(rows):
            self.refusals += 1
            assert self.refusals < STEPS * 50, "nearly everything is refused"

    def tried(self, rows: list[Task]) -> bool:
        row, who = self.luck.choice(rows), self.luck.choice((*STAFF, APPLICANT))
        if row.assignee is not None and self.luck.random() < 0.7:
            who = next(each for each in EVERYBODY if each.id == row.assignee)
        self.hall.clock.advance(minutes=1)
        try:
            self.luck.choice(self.deeds())(who, row)
        except errors.HallError:
            return False
        return True

    def rows(self) -> list[Task]:
        with self.hall.sessions() as session:
            query = select(Task).where(Task.status.in_(("open", "held"))).order_by(Task.id)
            return list(session.scalars(query))

    def deeds(self) -> list[Callable[[Actor, Task], Any]]:
        rt, some = self.hall.rt, self.luck.choice

        def add(who: Actor, row: Task) -> None:
            people = [each.id for each in self.luck.sample(STAFF, 2)]
            when, in_turn = some(("before", "after")), some((True, False))
            engine.add_sign(rt, who, row.id, people=people, when=when, in_turn=in_turn)

        return [
            lambda who, row: engine.approve(rt, who, row.id),
            lambda who, row: engine.approve(rt, who, row.id),
            lambda who, row: engine.refuse(rt, who, row.id, opinion="不符"),
            lambda who, row: engine.ask(rt, who, row.id, to=some(STAFF).id, question="您看呢？"),
            lambda who, row: engine.answer(rt, who, row.id, opinion="可以"),
            add,
            lambda who, row: engine.drop_sign(rt, some((who, KEEPER)), row.id, reason="不必"),
            lambda who, row: engine.return_to(
                rt,
                who,
                row.id,
                node=some(("fill", "joint")),
                opinion="缺章",
                straight=some("01") == "1",
            ),
            lambda who, row: engine.transfer(rt, who, row.id, to=some(STAFF).id, reason="出差"),
            lambda who, row: engine.claim(rt, who, row.id),
            lambda who, row: engine.release(rt, who, row.id),
            lambda who, row: engine.submit(rt, who, row.id, data={}, summary="改好了"),
            lambda who, row: self.file(),
        ]

    # ── what must hold ─────────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        rows = self.rows()
        by_id = {row.id: row for row in rows}
        for row in rows:
            if row.status == "open":
                assert all(each.status == "held" for each in above(by_id, row))
            else:
                token = [each for each in rows if each.spiff_id == row.spiff_id]
                assert any(each.status == "open" for each in token), "nobody it could wait for"
                if row.parent_id is None:
                    assert any(row in above(by_id, each) for each in token if each.status == "open")
        for no in list(self.numbers):
            self.check_request(no, rows)
        with self.hall.sessions() as session:
            columns = (Task.id, Task.decision, Task.completed_by)
            done = session.execute(select(*columns).where(Task.status == "done")).all()
        for row_id, *decided in done:
            assert self.decided.setdefault(row_id, decided) == decided, "decided twice"

    def check_request(self, no: str, rows: list[Task]) -> None:
        verbs = self.hall.verbs(no)  # checks that the history has no gap
        case = self.hall.case(no)
        mine = [row for row in rows if row.instance_id == case.id]
        roots = [row.spiff_id for row in mine if row.parent_id is None]
        assert roots == self.tokens(case), (no, verbs)
        assert {row.spiff_id for row in mine} == set(roots)
        if case.ended_at is not None:
            self.numbers.remove(no)
        else:
            assert self.somebody_can(no, mine), f"{no} is stuck after {verbs}"

    def tokens(self, case: Instance) -> list[str]:
        if case.ended_at is not None:
            return []
        found = cases.load(self.hall.rt, no=case.no)
        workflow = cases.unpack(self.hall.rt, found)
        self.hall.rt.session.rollback()
        return [token.id.hex for token in open_tasks(workflow)]

    def somebody_can(self, no: str, rows: list[Task]) -> bool:
        case = cases.load(self.hall.rt, no=no)
        self.hall.rt.session.rollback()
        moving = set(TASK_VERBS) - {"claim", "release", "batch"}
        return any(
            permissions.may(who, verb, case, row) is None
            for who in EVERYBODY
            for row in case.open
            for verb in moving
        )


def above(by_id: dict[int, Task], row: Task) -> list[Task]:
    found = []
    while row.parent_id is not None:
        row = by_id[row.parent_id]
        found.append(row)
    return found


def test_nothing_gets_stuck_doubled_or_lost_whatever_people_do(empty_hall: Hall) -> None:
    walk = Walk(empty_hall, seed=20260715)
    for _ in range(STEPS):
        walk.step()
        walk.check()
    with empty_hall.sessions() as session:
        decided = session.scalars(select(Task.decision).where(Task.status == "done")).all()
    assert {"approve", "answer", "return", "submit"} <= set(decided)
