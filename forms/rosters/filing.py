"""提交 of a roster: its sound rows become a request.  The page, tests and programs all file here.

Rows are judged once more when they are few enough to wait for; what has become wrong meanwhile
stays in the 待提交清册 with its sentence, and nothing is filed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import engine
from engine import Actor, Case, Outcome, Runtime
from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import Conflict, Forbidden, NotFound, Problem, Refused
from engine.models import Instance
from forms import registry
from forms.applications import Desk
from forms.base import missing_materials
from forms.rosters import checking
from forms.rosters.base import RosterForm, Row
from handlers.centers import ServiceTexts
from handlers.parameters import accepted_on
from handlers.rosters import store
from handlers.rosters.models import FAULTY, OPEN, SOUND, SUBMITTED, Roster

RECHECK_ROWS_MAX = 2_000  # a second; the application of a longer roster judges every row anyway

_NOTHING = Problem("rosters.empty", "没有可以提交的数据，请先录入或导入，并处理有误的行。")
_CHANGED = Problem("rosters.changed", "清册刚刚被改动，请刷新页面核对后再提交。")
_IMPORTING = Problem("rosters.importing", "文件还在导入，请等导入完成后再提交。")


@dataclass(frozen=True, slots=True)
class Filed:
    """What goes with the rows: whose request, what it is called, which materials, page's token."""

    scope_name: str
    name: str = ""
    token: str | None = None
    materials: Sequence[Mapping[str, str]] = ()


def desk_of(rt: Runtime, actor: Actor, roster: Roster) -> Desk:
    """Where the rows of a roster are judged."""
    texts: ServiceTexts | None = rt.profile.services.get(roster.key)
    if texts is None:
        raise NotFound(Problem("rosters.no_service", "本中心没有开通这项业务。"))
    return Desk(
        session=rt.session,
        actor=actor,
        scope=roster.scope,
        branch=roster.branch_code,
        today=rt.clock().astimezone(ZONE).date(),
        texts=texts,
        choices={name: str(value) for name, value in roster.choices.items()},
        accepted_on=_accepted_on(rt.session, roster),
    )


def _accepted_on(session: Session, roster: Roster) -> date | None:
    """Of a roster that belongs to a request already."""
    if not roster.no:
        return None
    return accepted_on(session.scalars(select(Instance).where(Instance.no == roster.no)).one())


def form_of(roster: Roster) -> type[RosterForm]:
    form = registry.roster(roster.form)
    assert form is not None, roster.form
    return form


def submit(
    rt: Runtime,
    actor: Actor,
    roster_id: int,
    filed: Filed,
    *,
    seqs: Collection[int] | None = None,
    also: Any = None,
) -> Outcome:
    """File the sound rows, or those named; raises Refused with everything that is in the way."""
    with transaction(rt.session):
        roster = store.locked(rt.session, roster_id)
        key, scope, branch = roster.key, roster.scope, roster.branch_code
        _mine(actor, rt, roster)
        form, desk = form_of(roster), desk_of(rt, actor, roster)
        _in_the_way(form, desk, roster, filed)
        bad = _recheck(desk, form, roster, seqs)
        lacking = [] if bad else form.whole(desk, roster.id, seqs)
        sums = measured(rt.session, roster, seqs)
        facts = form.route_facts(desk, roster.id)
    if bad is not None:
        raise Refused(bad)
    if not sums.rows:
        raise Refused(_NOTHING)
    if lacking:
        raise Refused(*lacking)

    def before(session: Any, case: Case) -> None:
        here = store.locked(session, roster_id)
        if here.state != OPEN:
            raise Conflict(_CHANGED)
        moved = store.sums(session, store.submit(rt, here, case.no, seqs).id)
        if (moved.rows, moved.amount_cents) != (sums.rows, sums.cents):
            raise Conflict(_CHANGED)

    data = _data(form, filed, sums, facts)
    return engine.start(
        rt,
        actor,
        key,
        before=before,
        also=also,
        data=data,
        scope=scope,
        scope_name=filed.scope_name,
        branch=branch,
        summary=counted(form, sums.rows),
        token=filed.token,
        name=filed.name,
    )


def resubmit(
    rt: Runtime, actor: Actor, roster_id: int, filed: Filed, *, task_id: int, also: Any = None
) -> Outcome:
    """重新提交 of a request that came back, with every row of its own roster."""
    with transaction(rt.session):
        roster = store.locked(rt.session, roster_id)
        form, desk = form_of(roster), desk_of(rt, actor, roster)
        _in_the_way(form, desk, roster, filed)
        bad = _recheck(desk, form, roster, None)
        lacking = [] if bad else form.whole(desk, roster.id, None)
        whole, seen = store.sums(rt.session, roster.id), roster.updated_at
        sums = measured(rt.session, roster, None)
        facts = form.route_facts(desk, roster.id)
    if bad is not None:
        raise Refused(bad)
    if whole.faulty:
        text = f"清册里还有 {whole.faulty:,} 行有误，请改正或删除后再提交。"
        raise Refused(Problem("rosters.faulty_left", text))
    if not sums.rows:
        raise Refused(_NOTHING)
    if lacking:
        raise Refused(*lacking)

    def last(session: Any, case: Case) -> None:
        here = store.locked(session, roster_id)
        if here.state == SUBMITTED and here.updated_at != seen:
            raise Conflict(_CHANGED)
        if also is not None:
            also(session, case)

    data = _data(form, filed, sums, facts)
    summary = counted(form, sums.rows)
    return engine.submit(rt, actor, task_id, data=data, summary=summary, also=last)


def _data(
    form: type[RosterForm], filed: Filed, sums: Measured, facts: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "form": form.form_id,
        "values": {},
        "changes": [],
        "materials": [dict(one) for one in filed.materials],
        "rows": sums.rows,
        "total_cents": sums.cents,
        "facts": {"noted": sums.noted} | dict(facts),
    }


def counted(form: type[RosterForm], rows: int) -> str:
    """12 名职工, 3 条流水"""
    return f"{rows:,} {'名' if form.noun == '职工' else '条'}{form.noun}"


def _mine(actor: Actor, rt: Runtime, roster: Roster) -> None:
    deployed = engine.definitions.current(rt, roster.key)
    if deployed is None or not actor.holds(deployed.first.role, roster.scope):
        raise Forbidden(Problem("rosters.not_yours", "这张清册不属于您的单位，不能提交。"))


def _in_the_way(form: type[RosterForm], desk: Desk, roster: Roster, filed: Filed) -> None:
    problems = []
    if store.busy(desk.session, roster):
        problems.append(_IMPORTING)
    problems += form.gate(desk)
    for choice in form.choose(desk):
        if choice.required and roster.choices.get(choice.name) not in dict(choice.options):
            text = f"请先选择{choice.label}。"
            problems.append(Problem("rosters.choice", text, choice.name))
    counts: dict[str, int] = {}
    for one in filed.materials:
        counts[one["slot"]] = counts.get(one["slot"], 0) + 1
    problems += missing_materials(desk.texts, [], counts)
    if problems:
        raise Refused(*problems)


def _recheck(
    desk: Desk, form: type[RosterForm], roster: Roster, seqs: Collection[int] | None
) -> Problem | None:
    """Judge the rows again and keep the verdicts; why they cannot be filed."""
    session = desk.session
    sums = store.sums(session, roster.id)
    if (len(seqs) if seqs is not None else sums.sound) > RECHECK_ROWS_MAX:
        return None
    wanted = (
        store.rows(session, roster.id, limit=RECHECK_ROWS_MAX, state=SOUND)
        if seqs is None
        else store.named(session, roster.id, seqs)
    )
    if seqs is not None and any(line.state == FAULTY for line in wanted):
        text = "选中的数据里有校验未通过的行，请先修改或取消选择。"
        return Problem("rosters.faulty_selected", text)
    rows = [Row(seq=line.seq, texts=dict(line.values)) for line in wanted if line.state == SOUND]
    checking.check(desk, form, rows, taken={})
    judged = [replace(checking.to_line(row), seq=row.seq) for row in rows]
    store.replace_many(session, roster, judged)
    bad = [row for row in rows if not row.sound]
    if not bad:
        return None
    text = (
        f"有 {len(bad)} 行在提交前复核时没有通过（例如：{bad[0].problems[0].text}）"
        "，已标出，请处理后再提交。"
    )
    return Problem("rosters.became_faulty", text)


@dataclass(frozen=True, slots=True)
class Measured:
    """Of the sound rows about to be filed; `noted`: rows the check has remarked upon."""

    rows: int
    cents: int
    noted: int


def measured(session: Session, roster: Roster, seqs: Collection[int] | None) -> Measured:
    if seqs is None:
        sums = store.sums(session, roster.id)
        return Measured(sums.sound, sums.sound_cents, sums.noted)
    lines = [one for one in store.named(session, roster.id, seqs) if one.state == SOUND]
    cents = sum(line.amount_cents for line in lines)
    return Measured(len(lines), cents, sum(bool(line.notes) for line in lines))
