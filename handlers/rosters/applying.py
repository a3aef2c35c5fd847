"""A submitted roster takes effect: at once when it is small, in pieces when it is not.

An applier is registered for a form.  It gets some rows at a time and says of each whether it took
effect; what it writes for a row it refuses it must leave out itself.  A piece and the marks on its
rows are one transaction, so that a piece done twice finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import OperationFailed, Problem
from engine.operations import Call, operation
from engine.owed import jobs
from engine.owed.jobs import Work
from engine.runtime import SYSTEM, Actor, Runtime
from engine.verbs import occurrences
from handlers.rosters import store
from handlers.rosters.models import APPLIED, APPLYING, SOUND, SUBMITTED, Roster
from handlers.rosters.store import Line

# Short enough that nobody waits for the writer of SQLite; a roster of one piece is applied inside
# the verb, a longer one by a job.
PIECE_ROWS = 300
MESSAGE = "roster_applied"
JOB = "rosters/apply"

_GONE = Problem("rosters.gone", "没有找到申请的清册，请退回经办人重新提交。")


@dataclass(frozen=True, slots=True)
class Application:
    """What an applier may know besides its rows.

    `key` begins the keys of what it posts and registers: `f"{work.key}:{row.seq}"` names one row
    for ever.  `accepted_on`: the local day the request was filed, whose parameters hold.
    """

    rt: Runtime
    actor: Actor
    no: str
    key: str
    scope: str
    branch: str
    choices: dict[str, Any]
    accepted_on: date
    today: date

    @property
    def session(self) -> Session:
        return self.rt.session

    @property
    def unit_account_no(self) -> str:
        return self.scope.removeprefix("unit:") if self.scope.startswith("unit:") else ""


Applier = Callable[[Application, Sequence[Line]], Sequence[Problem | None]]
Finisher = Callable[[Application, Roster], None]
_appliers: dict[str, tuple[Applier, int]] = {}
_finishers: dict[str, Finisher] = {}


def applier(form: str, *, piece: int = PIECE_ROWS) -> Callable[[Applier], Applier]:
    """Register what a row of this form does: one Problem or None for each row, in order.

    `piece`: rows of one transaction; fewer where a row is much work (a voucher of its own).
    """

    def register(function: Applier) -> Applier:
        known = _appliers.get(form, (function, piece))
        assert known == (function, piece), f"two appliers of {form}"
        _appliers[form] = function, piece
        return function

    return register


def finisher(form: str) -> Callable[[Finisher], Finisher]:
    """Register what happens once, behind the last row, in the transaction of the last piece."""

    def register(function: Finisher) -> Finisher:
        assert _finishers.get(form, function) is function, f"two finishers of {form}"
        _finishers[form] = function
        return function

    return register


@operation("rosters/apply")
def apply(call: Call) -> dict[str, Any]:
    """Apply the roster of the request.  Parameter `form`: which one, when a request has several.

    Result: `pending` True when a job goes on with it and the message `roster_applied` will follow;
    else `applied` and `failed` count rows.
    """
    form = str(call.params.get("form") or "")
    roster = store.of_request(call.session, call.no, form)
    if roster is None:
        raise OperationFailed(_GONE)
    roster = store.locked(call.session, roster.id)
    sums = store.sums(call.session, roster.id)
    if roster.state == APPLIED:
        return {"pending": False, "applied": sums.done, "failed": sums.failed}
    assert roster.state in (SUBMITTED, APPLYING), roster.state
    started = call.instance.started_at.isoformat()
    if sums.sound > _appliers[roster.form][1]:
        roster.state = APPLYING
        payload = {
            "roster": roster.id,
            "no": call.no,
            "rows": sums.sound,
            "started_at": started,
            "actor": [call.instance.starter_id, call.instance.starter_name],
        }
        roster.job_id = jobs.put(
            call.rt,
            call.actor,
            JOB,
            payload,
            title=f"{call.instance.name} {sums.sound:,} 行",
            key=f"{JOB}:{roster.id}",
        )
        return {"pending": True, "applied": 0, "failed": 0}
    starter = Actor(call.instance.starter_id, call.instance.starter_name)
    work = _application(call.rt, roster, starter, call.instance.started_at)
    _piece(work, roster)
    _finish(work, roster)
    return {"pending": False, "applied": roster.applied, "failed": roster.failed}


def _application(rt: Runtime, roster: Roster, actor: Actor, started_at: datetime) -> Application:
    return Application(
        rt=rt,
        actor=actor,
        no=roster.no,
        key=f"roster:{roster.id}",
        scope=roster.scope,
        branch=roster.branch_code,
        choices=dict(roster.choices),
        accepted_on=started_at.astimezone(ZONE).date(),
        today=rt.clock().astimezone(ZONE).date(),
    )


def _piece(work: Application, roster: Roster) -> int:
    """Apply the next rows; how many that were."""
    function, piece = _appliers[roster.form]
    rows = store.rows(work.session, roster.id, limit=piece, state=SOUND)
    if not rows:
        return 0
    outcomes = function(work, rows)
    assert len(outcomes) == len(rows), f"{roster.form}: an outcome for each row"
    marks = [
        (row.seq, outcome.text if outcome else "")
        for row, outcome in zip(rows, outcomes, strict=True)
    ]
    store.mark(work.session, roster.id, marks)
    failed = sum(bool(why) for _, why in marks)
    roster.failed += failed
    roster.applied += len(rows) - failed
    work.session.flush()
    return len(rows)


def _finish(work: Application, roster: Roster) -> None:
    roster.state, roster.updated_at = APPLIED, work.rt.clock()
    finish = _finishers.get(roster.form)
    if finish is not None:
        finish(work, roster)
    work.session.flush()


@jobs.handler(JOB, whole=True)
def _apply_job(work: Work) -> dict[str, Any]:
    """Piece by piece until no sound row is left, then the diagram goes on."""
    roster_id, no = int(work.payload["roster"]), str(work.payload["no"])
    started = datetime.fromisoformat(work.payload["started_at"])
    actor = Actor(*work.payload["actor"])
    while True:
        with work.shop.sessions() as session, transaction(session):
            rt = work.shop.runtime(session)
            roster = store.locked(session, roster_id)
            if roster.state == APPLIED:
                break
            application = _application(rt, roster, actor, started)
            if not _piece(application, roster):
                _finish(application, roster)
                break
            done = roster.applied + roster.failed
        work.report(done, total=int(work.payload["rows"]), cursor={"done": done})
    with work.shop.sessions() as session:
        rt = work.shop.runtime(session)
        roster = store.locked(session, roster_id)
        result = {"pending": False, "applied": roster.applied, "failed": roster.failed}
        session.rollback()
        # once: killed behind it, the next run must not answer for another roster of the request
        once = f"{MESSAGE}:{roster_id}"
        occurrences.deliver(rt, SYSTEM, MESSAGE, correlation=no, payload=result, once=once)
    return result
