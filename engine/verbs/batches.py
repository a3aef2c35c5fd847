"""Starting many requests at once: one transaction, all of them or none.

What is the same for all (diagram, permission, who is in the way) is asked once, the rows are
written together, and filings that answer the diagram's questions alike share one foretold path.
Each request begins exactly as a single one does: `starting.begin`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import cast

from sqlalchemy import Table, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine import history
from engine.database import transaction
from engine.diagrams import definitions
from engine.diagrams.routes import Routes
from engine.errors import HallError, Problem, Refused
from engine.models import Instance
from engine.requests import incidents, saving
from engine.requests.advancing import HALTS_MAX, NOWHERE, StepFailed
from engine.requests.cases import Case
from engine.runtime import Actor, Runtime
from engine.tokens import codec
from engine.verbs import starting
from engine.verbs.gathering import Gathering
from engine.verbs.moves import Outcome
from engine.verbs.starting import Filing

BATCH_MAX = 1_000  # one transaction holds the database's write lock: some seconds at most
AlsoMany = Callable[[Session, list[Case]], None] | None
PUT_OFF = (starting.FIRST, saving.OPEN_TASK, history.INSERT, saving.SAVE)
_CASE = cast(Table, Instance.__table__)


class RowRefused(Refused):
    """Nothing was filed; `row` (from 0) is the first filing that cannot be."""

    def __init__(self, row: int, problem: Problem) -> None:
        text = f"第 {row + 1} 件：{problem.text.rstrip('。')}；整批没有提交。"
        super().__init__(replace(problem, text=text))
        self.row = row


def start_many(
    rt: Runtime, actor: Actor, key: str, filings: Sequence[Filing], *, also: AlsoMany = None
) -> list[Outcome]:
    """批量提交: start a request for each filing, in order; at most `BATCH_MAX`.

    `also(session, cases)` runs in the same transaction.  The same batch filed again (all tokens
    known) answers with the first one's requests.  RowRefused names the filing that cannot be filed.
    """
    if not 0 < len(filings) <= BATCH_MAX:
        text = f"一次可以提交 1 至 {BATCH_MAX} 件，请分批提交。"
        raise Refused(Problem("batch.size", text))
    batch = _Batch(actor, key, [_accepted(row, each) for row, each in enumerate(filings)], also)
    try:
        return _durably(rt, batch)
    except IntegrityError:
        # Somebody was faster between our look and our insert: look again, now it is there to see.
        with transaction(rt.session):
            again = _already(rt, batch)
        if again is None:
            raise
        return again


@dataclass(slots=True)
class _Batch:
    actor: Actor
    key: str
    filings: list[Filing]
    also: AlsoMany
    careful: bool = False  # a step has failed: every filing gets a savepoint


def _accepted(row: int, filing: Filing) -> Filing:
    try:
        return replace(filing, data=codec.accepted(filing.data))
    except HallError as refusal:
        raise RowRefused(row, refusal.problem) from None


def _durably(rt: Runtime, batch: _Batch) -> list[Outcome]:
    """Savepoints only when a step has failed: almost no batch needs them."""
    try:
        with transaction(rt.session):
            return _start(rt, batch)
    except StepFailed:
        batch.careful = True
    try:
        with transaction(rt.session):
            return _start(rt, batch)
    except RowRefused as refusal:
        failure = refusal.__cause__
        if isinstance(failure, StepFailed):
            with transaction(rt.session):
                incidents.record_loose(rt, failure.case, failure.halt)
        raise


def _start(rt: Runtime, batch: _Batch) -> list[Outcome]:
    actor, filings = batch.actor, batch.filings
    deployed = starting.startable(rt, actor, batch.key, filings)
    first = _already(rt, batch)
    if first is not None:
        return first
    routes = Routes(deployed, rt)
    filed = [(each, routes.of(each.data)) for each in filings]
    cases = starting.insert_requests(rt, actor, deployed, filed)
    gathering = Gathering(rt.session, PUT_OFF)
    writing = replace(rt, session=gathering.as_session)
    for row, filing in enumerate(filings):
        try:
            if batch.careful:
                cases[row] = _begun_carefully(writing, gathering, actor, (cases[row], filing))
            else:
                starting.begin(writing, actor, cases[row], filing.data)
        except HallError as refusal:
            if isinstance(refusal, StepFailed) and not batch.careful:
                raise
            raise RowRefused(row, refusal.problem) from refusal
    gathering.say()
    if batch.also is not None:
        batch.also(rt.session, cases)
    for case in cases:
        starting.tell(rt, actor, case)
    return [Outcome(case.no, case.status, case.label) for case in cases]


def _begun_carefully(
    rt: Runtime, gathering: Gathering, actor: Actor, what: tuple[Case, Filing]
) -> Case:
    """Begin one request, again from its savepoint when a step fails, stopping before it."""
    case, filing = what
    while True:
        attempt = _copy(case)
        try:
            with rt.session.begin_nested():
                starting.begin(rt, actor, attempt, filing.data)
                gathering.say()
            return attempt
        except StepFailed as failure:
            gathering.forget()
            if failure.halt.nth == NOWHERE or len(rt.halts) >= HALTS_MAX:
                raise
            rt = replace(rt, halts=(*rt.halts, failure.halt))


def _copy(case: Case) -> Case:
    """A request that has not begun, as often as it takes."""
    values = {each.name: getattr(case, each.name) for each in fields(case)}
    own = {name: copy(value) for name, value in values.items() if type(value) in (dict, list)}
    return replace(case, **own)


def _already(rt: Runtime, batch: _Batch) -> list[Outcome] | None:
    """The requests of a batch that is filed again; RowRefused for one that is in the way."""
    before = _filed_before(rt, batch)
    if before is None:
        _in_the_way(rt, batch)
    return before


def _filed_before(rt: Runtime, batch: _Batch) -> list[Outcome] | None:
    tokens = [each.token for each in batch.filings]
    _refuse_twice(tokens, "batch.token_twice", "与第 {first} 件重复")
    given = [token for token in tokens if token]
    query = select(_CASE.c.token, _CASE.c.no, _CASE.c.status, _CASE.c.label)
    query = query.where(_CASE.c.token.in_(given), _CASE.c.starter_id == batch.actor.id)
    known = {row.token: row for row in rt.session.execute(query)} if given else {}
    if not known:
        return None
    if len(known) == len(tokens):
        return [Outcome(*known[token][1:]) for token in tokens if token]
    row, token = next((row, token) for row, token in enumerate(tokens) if token in known)
    text = f"已经提交过，流水号 {known[token].no}，请去掉后再提交"
    raise RowRefused(row, Problem("batch.filed", text))


def _in_the_way(rt: Runtime, batch: _Batch) -> None:
    """One request of a service in flight for each scope, where the diagram says so."""
    deployed = definitions.current(rt, batch.key)
    if deployed is None or deployed.props.get("in_flight") != "scope":
        return
    keys = [f"{batch.key}|{each.scope}" for each in batch.filings]
    _refuse_twice(keys, "request.in_flight", "与第 {first} 件是同一个单位，一次只能提交一件")
    query = select(_CASE.c.in_flight, _CASE.c.no, _CASE.c.name).where(_CASE.c.in_flight.in_(keys))
    blocking = {row.in_flight: row for row in rt.session.execute(query)}
    for row, key in enumerate(keys):
        if key in blocking:
            other = blocking[key]
            text = f"存在未审批完成的{other.name}业务，流水号 {other.no}，审批完成后才能再次提交"
            raise RowRefused(row, Problem("request.in_flight", text))


def _refuse_twice(values: Sequence[str | None], code: str, text: str) -> None:
    first: dict[str, int] = {}
    for row, value in enumerate(values):
        if value and value in first:
            raise RowRefused(row, Problem(code, text.format(first=first[value] + 1)))
        if value:
            first[value] = row
