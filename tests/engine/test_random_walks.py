"""Anybody tries anything, in seeded order: the engine allows, refuses and leaves what the model
says, and what must always hold holds after every step."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

import engine
from engine import Actor, audit, errors
from engine.boxes import inbox
from engine.diagrams.rehearsal import open_tasks
from engine.models import History, Instance, Subscription, Task
from engine.requests import cases
from engine.verbs import timers
from tests.builders.diagrams import FIRST, OPERATOR
from tests.engine.hall import (
    BOTH,
    BRANCH,
    EVERYWHERE,
    FAR,
    KEEPER,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    STRANGER,
    Hall,
    filing,
    person,
)
from tests.engine.model import ROLES, Request, walked

STEPS = 150
SCOPES = ("unit:1", "unit:2", "unit:3")
OWN = tuple((OPERATOR, scope) for scope in SCOPES)
CLERK, CLERK_2 = person("operator:11", "杨一", *OWN), person("operator:12", "杨二", *OWN)
# an operator of the units who also reviews
TWICE = person("staff:77", "姚兼职", *OWN, (FIRST, f"branch:{BRANCH}"))
CENTRE = (REVIEWER, REVIEWER_2, SECONDER, SECONDER_2, BOTH, EVERYWHERE, TWICE)
PEOPLE = (*CENTRE, CLERK, CLERK_2, FAR, STRANGER, KEEPER)
VERBS = ("claim", "release", "transfer", "return", "submit", "take_back") + ("approve",) * 3
RARELY = ("refuse", "withdraw", "end", "terminate")
Try = tuple[str, Actor, str, Any]


class Walk:
    """One walk; `requests` maps numbers to what the model thinks of them."""

    def __init__(self, hall: Hall, seed: int) -> None:
        self.hall, self.luck = hall, random.Random(seed)
        self.requests: dict[str, Request] = {}
        self.allowed: Counter[str] = Counter()
        self.refused = 0
        hall.rt.directory.move_in(CLERK, CLERK_2, TWICE)  # type: ignore[attr-defined]
        hall.deploy(walked(), "walked")

    def step(self) -> None:
        self.hall.clock.advance(minutes=1)
        no = self.luck.choice([no for no, it in self.requests.items() if it.running] or [""])
        if not no or self.luck.random() < 0.08:
            no = self.file()
        else:
            self.try_out(no, self.attempt(self.requests[no]))
        if self.luck.random() < 0.05:
            self.ring(no)
        self.check(no)

    # ── trying ─────────────────────────────────────────────────────────────────────────────────

    def file(self) -> str:
        """File one, or find that one is in the way."""
        scope, who = self.luck.choice(SCOPES), self.luck.choice((CLERK, CLERK_2, TWICE, REVIEWER))
        blocking = [no for no, it in self.requests.items() if it.running and it.scope == scope]
        found: list[str] = []

        def deed() -> None:
            found.append(engine.start(self.hall.rt, who, "walked", **filing(scope=scope)).no)

        expected = not blocking and who is not REVIEWER
        self.allowed["start"] += self.agree(expected, deed, f"{who.name} files for {scope}")
        for no in found:
            self.requests[no] = Request.filed(scope, who)
        return (found or blocking or list(self.requests) or [self.file()])[0]

    def attempt(self, request: Request) -> Try:
        """Half of it is possible, half is anything."""
        verbs = list(VERBS if self.luck.random() < 0.96 else RARELY)
        self.luck.shuffle(verbs)
        for verb in verbs if self.luck.random() < 0.5 else ():
            tries = [
                (verb, who, node, self.what(verb, node)) for node in request.open for who in PEOPLE
            ]
            possible = [each for each in tries if request.may(*each)]
            if possible:
                return self.luck.choice(possible)
        node = self.luck.choice(list(request.open) if self.luck.random() < 0.9 else list(ROLES))
        return verbs[0], self.luck.choice(PEOPLE), node, self.what(verbs[0], node)

    def what(self, verb: str, node: str) -> Any:
        if verb == "transfer":
            return self.luck.choice(CENTRE)
        return self.luck.choice(list(ROLES)[:4]) if verb == "return" else None

    def ring(self, no: str) -> None:
        """The timer beside the first review reminds somebody, once a visit, and moves nobody."""
        case = self.hall.case(no)
        armed = case.next_timer_at
        assert armed is None or "a" in self.requests[no].open
        if armed is not None and armed > self.hall.clock():
            self.hall.clock.set(armed)
        assert timers.fire(self.hall.rt, case.id) is (armed is not None)
        if armed is not None:
            self.requests[no].undo = None
            self.allowed["ring"] += 1

    def try_out(self, no: str, attempt: Try) -> None:
        request = self.requests[no]
        verb, who, node, what = attempt
        story = f"{no}: {who.name} {verb} {node} {getattr(what, 'name', what)}"
        expected = request.may(verb, who, node, what)
        if self.agree(expected, lambda: self.perform(no, attempt), story):
            request.do(verb, who, node, what)
            self.allowed[f"{verb} {node}" if verb == "approve" else verb] += 1

    def agree(self, expected: bool, deed: Callable[[], None], story: str) -> bool:
        """Whether it was done; the engine must think the same of it as the model."""
        try:
            deed()
        except errors.HallError as refusal:
            self.refused += 1
            said = str(refusal)
        else:
            said = ""
        assert (not said) is expected, f"{story}: {said or 'should be refused'}"
        return expected

    def perform(self, no: str, attempt: Try) -> None:
        (verb, who, node, what), rt = attempt, self.hall.rt
        if verb in ("withdraw", "end", "take_back", "terminate"):
            said = {"reason": "重复"} if verb == "terminate" else {}
            getattr(engine, verb)(rt, who, no, **said)
            return
        row = self.row(no, node)
        if verb == "transfer":
            engine.transfer(rt, who, row, to=what.id, reason="出差")
        elif verb == "return":
            engine.return_to(rt, who, row, node=what, opinion="缺章")
        elif verb == "submit":
            engine.submit(rt, who, row, data={}, summary="改好了")
        elif verb == "refuse":
            engine.refuse(rt, who, row, opinion="不符")
        else:
            getattr(engine, verb)(rt, who, row)

    def row(self, no: str, node: str) -> int:
        """The latest row of this step, open or not; of another request's when there is none."""
        with self.hall.sessions() as session:
            mine = select(Task.id).join(Instance).where(Instance.no == no, Task.node == node)
            return session.scalar(mine.order_by(Task.id.desc()).limit(1)) or 0

    # ── what must hold ─────────────────────────────────────────────────────────────────────────

    def check(self, no: str) -> None:
        request, case = self.requests[no], self.hall.case(no)
        rows = self.hall.tasks(no)
        assert {row.node: row.assignee for row in rows} == {
            node: token.assignee for node, token in request.open.items()
        }
        assert len(rows) == len(request.open)
        assert case.status == request.status
        assert len(case.progress) == len(case.path)
        assert (case.in_flight is not None) == request.running
        assert all(row.role or row.assignee for row in rows), "somebody's"
        self.check_rows(case, rows)
        self.check_people(no, request)

    def check_rows(self, case: Instance, rows: list[Task]) -> None:
        with self.hall.sessions() as session:
            count = select(func.count()).where(History.instance_id == case.id)
            assert session.scalar(count) == case.revision
            if case.ended_at is not None:
                waits = select(func.count()).where(Subscription.instance_id == case.id)
                assert (rows, case.next_timer_at, session.scalar(waits)) == ([], None, 0)
                return
        loaded = cases.load(self.hall.rt, no=case.no)
        tokens = open_tasks(cases.unpack(self.hall.rt, loaded))
        assert sorted(token.id.hex for token in tokens) == sorted(row.spiff_id for row in rows)
        self.hall.rt.session.rollback()

    def check_people(self, no: str, request: Request) -> None:
        """Some look at the request, and everybody they look at sees their own work only."""
        for who in self.luck.sample(PEOPLE, 3):
            if who in (FAR, STRANGER):
                with pytest.raises(errors.NotFound):
                    engine.view(self.hall.rt, who, no)
            else:
                seen = engine.view(self.hall.rt, who, no)
                assert ("take_back" in seen.verbs) == request.may("take_back", who, "")
            self.hall.rt.session.rollback()
            page = inbox.todo(self.hall.rt, who, limit=100)
            assert sorted((row.no, row.node) for row in page.rows) == self.work_of(who)

    def work_of(self, who: Actor) -> list[tuple[str, str]]:
        return sorted(
            (no, node)
            for no, it in self.requests.items()
            for node in it.open
            if any(it.may(verb, who, node) for verb in ("claim", "approve", "submit"))
        )


@pytest.mark.parametrize(
    ("database_url", "seed"),
    [("sqlite", 1), ("sqlite", 2), ("postgresql", 3)],
    indirect=["database_url"],
)
def test_the_engine_does_what_the_model_says(empty_hall: Hall, seed: int) -> None:
    walk = Walk(empty_hall, seed)
    for _ in range(STEPS):
        walk.step()
    assert audit.verify(empty_hall.rt).faults == ()
    assert min(walk.allowed.total(), walk.refused) > STEPS / 6, "it tried both"
    assert walk.allowed["approve z"] > 0, "it came to the end"
