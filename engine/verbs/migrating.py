"""换版本: a running request goes on along another version of its diagram.

Requests stay on the version they started with unless an admin asks.  Each is taken over whole, in
one transaction with a history row, or left where it is with the reason in a sentence.  A dry run
is the real one, rolled back at the end: it says exactly what the real one would.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, and_, exists, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from engine.database import transaction
from engine.diagrams import definitions, rehearsal
from engine.diagrams.dialect import Deployed
from engine.errors import Conflict, Forbidden, HallError, Problem, Refused
from engine.models import RUNNING_STATES, History, Instance
from engine.owed import jobs
from engine.requests import cases
from engine.requests.cases import Case
from engine.runtime import Actor, Runtime
from engine.scripts.script import ScriptEngine
from engine.tokens import codec
from engine.tokens.workflow import Workflow
from engine.verbs import following, rebinding, substitutes
from engine.verbs.moves import Move, durably, finish, open_request, reason_of
from engine.verbs.permissions import administered, administers

KIND = "engine.migrate"
AT_ONCE_MAX = 50  # a page waits for so many; more is a job
NUMBERS_MAX = 1_000  # chosen one by one; more is "all of this version"
LEFT_SHOWN_MAX = 200  # of those left, with their reasons: an admin mends the diagram, not a list
STRAY = "这一版的在办业务里没有这个流水号，请核对。"
BATCH = 50  # requests read at a time
_log = logging.getLogger("hall.migrating")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one request, or would; `text` says where it stands or why it was left."""

    no: str
    ok: bool
    text: str


@dataclass(slots=True)
class Tally:
    """What became of a selection: at most LEFT_SHOWN_MAX of those left are listed."""

    dry_run: bool
    moved: int = 0
    left: int = 0
    rows: list[list[str]] = field(default_factory=list)  # [no, reason] of those left

    def add(self, verdict: Verdict) -> None:
        if verdict.ok:
            self.moved += 1
            return
        self.left += 1
        if len(self.rows) < LEFT_SHOWN_MAX:
            self.rows.append([verdict.no, verdict.text])


@dataclass(frozen=True, slots=True)
class Errand:
    """From which version to which (definition ids), and why."""

    key: str
    frm: int
    to: int
    reason: str
    dry_run: bool = False


class _OnlyTried(Exception):
    """Rolls a dry run back."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.text)
        self.verdict = verdict


# ── one request ────────────────────────────────────────────────────────────────────────────────


def migrate_one(
    rt: Runtime, actor: Actor, no: str, *, to: int, reason: str = "", dry_run: bool = False
) -> Verdict:
    """Take one request over to the version with definition id `to`, or say why not.

    Raises NotFound and Forbidden (admins of the branch only), and ReasonMissing but for a dry run.
    """
    opinion = "" if dry_run else reason_of(reason, "换版本", "原因", "原因")

    def deed(rt: Runtime) -> Verdict:
        move = open_request(rt, actor, "migrate", no)
        move.opinion = opinion
        verdict = _migrate(move, definitions.load(rt, to))
        if dry_run:
            raise _OnlyTried(verdict)
        return verdict

    try:
        return durably(rt, deed)
    except _OnlyTried as tried:
        return tried.verdict
    except (Conflict, Refused) as refusal:
        return Verdict(no, ok=False, text=refusal.text)


def migrate_many(
    rt: Runtime, actor: Actor, nos: Iterable[str], *, to: int, reason: str, dry_run: bool = False
) -> list[Verdict]:
    """The same for several, each in its own transaction; what cannot be done is told, not
    raised."""
    if not dry_run:
        reason_of(reason, "换版本", "原因", "原因")
    return [_told(rt, actor, no, to=to, reason=reason, dry_run=dry_run) for no in nos]


def _told(rt: Runtime, actor: Actor, no: str, **how: Any) -> Verdict:
    try:
        return migrate_one(rt, actor, no, **how)
    except HallError as refusal:
        return Verdict(no, ok=False, text=refusal.text)
    except SQLAlchemyError:
        raise  # the database is away for all of them
    except Exception:  # one odd request must not keep thousands of others where they are
        _log.exception("request %s could not be migrated", no)
        return Verdict(no, ok=False, text="没有换成，业务未受影响；请联系中心技术人员查看日志。")


def _migrate(move: Move, new: Deployed) -> Verdict:
    rt, case, old = move.rt, move.case, move.case.deployed
    if new.key != case.key:
        raise _refusal(f"这件业务是“{case.name}”，不能换成另一项业务的流程。")
    if new.id == old.id:
        raise _refusal(f"这件业务已经是第 {new.version} 版。")
    workflow = cases.unpack(rt, case, move.actor)
    text = _obstacle(rt, case, workflow, new)
    if text is not None:
        raise _refusal(text)
    case.workflow = rebinding.rebind(workflow, new, ScriptEngine(rt, case, move.actor))
    ahead, end = rehearsal.foretell(new, rt, codec.dumps(case.workflow))
    join = rebinding.stuck(end)
    if join is not None:
        raise _refusal(f"在新版本中会一直停在汇合处“{join}”，走不到结束。")
    case.deployed = new
    for row in case.open:
        following.follow(move, row, old.nodes[row.node])
    case.path = following.path(case, ahead)
    change = update(Instance).where(Instance.id == case.id)
    rt.session.execute(change.values(definition_id=new.id, name=new.name))
    case.name = new.name
    move.detail = {"from": old.version, "to": new.version}
    finish(move)
    return Verdict(case.no, ok=True, text=_said(case, old))


def _obstacle(rt: Runtime, case: Case, workflow: Workflow, new: Deployed) -> str | None:
    return (
        rebinding.obstacle(workflow, new)
        or following.obstacle(case, new)
        or following.unsolved(rt, case, new)
    )


def _refusal(text: str) -> Refused:
    return Refused(Problem("migrate.refused", text))


def _said(case: Case, old: Deployed) -> str:
    steps = dict.fromkeys(case.deployed.nodes[row.node].name for row in case.open)
    where = f"停在“{'、'.join(steps)}”" if steps else case.label
    return f"第 {old.version} 版 → 第 {case.deployed.version} 版，{where}。"


# ── a selection ────────────────────────────────────────────────────────────────────────────────


def chosen(rt: Runtime, actor: Actor, key: str, frm: int) -> int:
    """How many running requests of this version the actor may take over."""
    count = (
        select(func.count()).select_from(Instance).where(Instance.key == key, administered(actor))
    )
    running = (Instance.definition_id == frm, Instance.status.in_(RUNNING_STATES))
    return rt.session.scalar(count.where(*running)) or 0


def order(
    rt: Runtime,
    actor: Actor,
    key: str,
    *,
    frm: int,
    to: int,
    nos: list[str] | None,
    reason: str,
    dry_run: bool = False,
    token: str | None = None,
) -> int:
    """A job that takes over all running requests of version `frm` (or those in `nos`), or tries to;
    its id.  `token` makes a double click one job."""
    check(rt, actor, Errand(key, frm, to, reason, dry_run), nos)
    what = "试运行换版本" if dry_run else "换版本"
    old, new = (definitions.load(rt, each) for each in (frm, to))
    payload = {
        "actor": actor.id,
        "key": key,
        "frm": frm,
        "to": to,
        "reason": reason,
        "dry_run": dry_run,
        "nos": nos,
        "since": rt.clock().isoformat(),
    }
    with transaction(rt.session):
        return jobs.put(
            rt,
            actor,
            KIND,
            payload,
            key=f"migrate:{actor.id}:{token or uuid4().hex}",
            title=f"{what}：{new.name}第 {old.version} 版 → 第 {new.version} 版",
        )


def run(rt: Runtime, actor: Actor, errand: Errand, nos: list[str] | None = None) -> Tally:
    """The same at once, for a selection a page can wait for; Refused above AT_ONCE_MAX."""
    check(rt, actor, errand, nos)
    wanted = asdict(errand) | {"nos": nos, "since": rt.clock().isoformat()}
    query = _selection(actor, wanted)
    found = [no for _, no, _ in rt.session.execute(query.limit(AT_ONCE_MAX + 1))]
    if len(found) > AT_ONCE_MAX:
        raise _refusal(f"超过 {AT_ONCE_MAX} 件，请转为后台任务办理。")
    tally = _begun(rt, query, wanted)
    how: dict[str, Any] = {"reason": errand.reason, "dry_run": errand.dry_run}
    for verdict in migrate_many(rt, actor, found, to=errand.to, **how):
        tally.add(verdict)
    return tally


def check(rt: Runtime, actor: Actor, errand: Errand, nos: list[str] | None = None) -> None:
    """Forbidden, ReasonMissing or Refused when this cannot even be tried."""
    if not administers(actor):
        raise Forbidden(
            Problem("migrate.not_admin", "只有流程管理员可以让业务换版本，您没有该岗位。")
        )
    old, new = (definitions.load(rt, each) for each in (errand.frm, errand.to))
    if old.key != errand.key or new.key != errand.key:
        raise _refusal("两个版本须是同一项业务的流程，请重新选择版本。")
    if old.id == new.id:
        raise _refusal("换到的版本须与现在的版本不同，请重新选择版本。")
    if nos is not None and not 0 < len(nos) <= NUMBERS_MAX:
        raise _refusal(f"请选择 1 至 {NUMBERS_MAX} 件业务，或选择这一版的全部业务。")
    if not errand.dry_run:
        reason_of(errand.reason, "换版本", "原因", "原因")


@jobs.handler(KIND)
def _work(work: jobs.Work) -> dict[str, Any]:
    """Keyset by id.  A piece done twice finds its requests on the new version already: moved."""
    wanted, at = work.payload, dict(work.cursor)
    after, total = at.pop("after", 0), work.total
    tally = Tally(**at) if at else None
    how = {name: wanted[name] for name in ("to", "reason", "dry_run")}
    while True:
        with work.shop.sessions() as session:
            rt = work.shop.runtime(session)
            actor = rt.directory.find(wanted["actor"])
            if actor is None:
                raise LookupError("whoever ordered this is no longer in the hall")
            actor = replace(actor, mandates=substitutes.mandates_of(rt, actor.id))
            query = _selection(actor, wanted)
            if tally is None:
                tally = _begun(rt, query, wanted)
                count = select(func.count()).select_from(query.order_by(None).subquery())
                total = tally.left + (session.scalar(count) or 0)
            batch = session.execute(query.where(Instance.id > after).limit(BATCH)).all()
            for after, no, version in batch:
                done = version == wanted["to"]
                tally.add(Verdict(no, ok=True, text="") if done else _told(rt, actor, no, **how))
                cursor = {**asdict(tally), "after": after}
                work.report(tally.moved + tally.left, total=total, cursor=cursor)
        if len(batch) < BATCH:
            return {"total": tally.moved + tally.left, **asdict(tally)}


def _begun(rt: Runtime, query: Select[int, str, int], wanted: dict[str, Any]) -> Tally:
    """Nothing moved yet; numbers that name nothing to move are left from the beginning."""
    tally = Tally(wanted["dry_run"])
    if wanted["nos"] is not None:
        known = {no for _, no, _ in rt.session.execute(query)}
        for no in dict.fromkeys(wanted["nos"]):
            if no not in known:
                tally.add(Verdict(no, ok=False, text=STRAY))
    return tally


def _selection(actor: Actor, wanted: dict[str, Any]) -> Select[int, str, int]:
    """(id, no, definition id), by id: what runs on `frm`, and what this errand has moved."""
    since = datetime.fromisoformat(wanted["since"])
    moved = exists().where(
        History.instance_id == Instance.id, History.verb == "migrate", History.at >= since
    )
    here = and_(Instance.definition_id == wanted["frm"], Instance.status.in_(RUNNING_STATES))
    if not wanted["dry_run"]:
        here = or_(here, and_(Instance.definition_id == wanted["to"], moved))
    query = select(Instance.id, Instance.no, Instance.definition_id).where(here)
    if wanted["nos"] is not None:
        query = query.where(Instance.no.in_(wanted["nos"]))
    mine = (Instance.key == wanted["key"], administered(actor))
    return query.where(*mine).order_by(Instance.id)
