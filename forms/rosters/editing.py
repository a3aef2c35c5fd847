"""Work on a roster before it is filed: rows typed, pasted, changed, removed, loaded; its choices.

Each function is one transaction: it holds the roster, judges what it touches and keeps the verdicts
with the rows.  The page, tests and programs all work here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any

import engine
from engine import Actor, Runtime
from engine.database import transaction
from engine.errors import Conflict, Forbidden, Problem, Refused
from forms.excel import templates
from forms.excel.reading import ROWS_MAX
from forms.rosters import importing, judging
from forms.rosters.base import Row
from forms.rosters.filing import desk_of, form_of
from handlers.rosters import store
from handlers.rosters.models import OPEN, SUBMITTED, Roster
from handlers.rosters.store import Line

AT_ONCE_ROWS = judging.AT_ONCE_ROWS  # typed or pasted in one go
CELL_CHARS_MAX = 2_000  # far above any column; what is longer is refused by the check anyway

LOADED = "单位名册.xlsx"

_BUSY = Problem("rosters.busy", "这张清册正在导入或复核，请等完成后再修改。")
_NOT_NOW = Problem("rosters.not_now", "这张清册已经提交，不能再修改，请刷新页面查看进度。")
_NOT_YOURS = Problem("rosters.not_yours", "这张清册不属于您的单位，不能办理。")
_ROW_GONE = Problem("rosters.row_gone", "这一行刚刚被删除或提交，请刷新页面后再操作。")
_TOO_MANY = Problem(
    "rosters.too_many", f"一次最多录入或粘贴 {AT_ONCE_ROWS:,} 行，更多的数据请用批量导入。"
)
_FULL = Problem("rosters.full", f"一张清册最多 {ROWS_MAX:,} 行，请先提交一部分再录入。")
_CHOICE = Problem("rosters.choice", "请从列表中选择一项。")
_LOAD_FIRST = Problem(
    "rosters.load_large", f"名册超过 {AT_ONCE_ROWS:,} 行，请先清空清册，再载入名册。"
)


def require(rt: Runtime, actor: Actor, roster: Roster) -> None:
    """Who may work on a roster: the people of its unit while it is open, and whoever a request was
    returned to; raises Forbidden or Conflict."""
    if roster.state == OPEN:
        deployed = engine.definitions.current(rt, roster.key)
        if deployed is None or not actor.holds(deployed.first.role, roster.scope):
            raise Forbidden(_NOT_YOURS)
        return
    view = engine.view(rt, actor, roster.no)  # NotFound for strangers
    if roster.state != SUBMITTED or "submit" not in view.verbs:
        raise Conflict(_NOT_NOW)


def held(rt: Runtime, actor: Actor, roster_id: int) -> Roster:
    """The roster, locked, for somebody who may change it now."""
    roster = store.locked(rt.session, roster_id)
    require(rt, actor, roster)
    if store.busy(rt.session, roster):
        raise Conflict(_BUSY)
    return roster


def add(
    rt: Runtime, actor: Actor, roster_id: int, typed: Sequence[Mapping[str, str]]
) -> list[Line]:
    """Append rows as they were typed; the lines with their verdicts."""
    if len(typed) > AT_ONCE_ROWS:
        raise Refused(_TOO_MANY)
    with transaction(rt.session):
        roster = held(rt, actor, roster_id)
        return _append(rt, actor, roster, typed)


def _append(
    rt: Runtime, actor: Actor, roster: Roster, typed: Sequence[Mapping[str, str]]
) -> list[Line]:
    first = roster.next_seq
    if first + len(typed) > ROWS_MAX and store.sums(rt.session, roster.id).rows >= ROWS_MAX:
        raise Refused(_FULL)
    rows = [Row(seq=first + place, texts=dict(each)) for place, each in enumerate(typed)]
    lines = judging.judge(rt, actor, roster, rows)
    store.add(rt.session, roster, lines)
    roster.updated_at = rt.clock()
    return lines


def enter(
    rt: Runtime, actor: Actor, roster_id: int, typed: Mapping[str, str], *, seq: int = 0
) -> Line:
    """单笔录入: one row that is kept only when it is right; with `seq` it replaces that row."""
    with transaction(rt.session):
        roster = held(rt, actor, roster_id)
        before = store.row(rt.session, roster.id, seq) if seq else None
        if seq and before is None:
            raise Conflict(_ROW_GONE)
        texts = (dict(before.values) if before else {}) | dict(typed)
        (line,) = judging.judge(rt, actor, roster, [Row(seq=seq or roster.next_seq, texts=texts)])
        if line.problems:
            return line
        return (
            _overlay(rt, actor, roster, {seq: typed})[0]
            if seq
            else _append(rt, actor, roster, [typed])[0]
        )


def change(
    rt: Runtime, actor: Actor, roster_id: int, *, seq: int, typed: Mapping[str, str]
) -> list[Line]:
    """Lay what was typed over one row; Conflict when it is gone.

    The line with its new verdict, and behind it others whose verdict has changed with it.
    """
    return overlay(rt, actor, roster_id, {seq: typed})


def overlay(
    rt: Runtime,
    actor: Actor,
    roster_id: int,
    typed: Mapping[int, Mapping[str, str]],
    *,
    more: Sequence[Mapping[str, str]] = (),
) -> list[Line]:
    """Change several rows by number and append others behind them: a paste into the grid."""
    if len(typed) + len(more) > AT_ONCE_ROWS:
        raise Refused(_TOO_MANY)
    with transaction(rt.session):
        roster = held(rt, actor, roster_id)
        lines = _overlay(rt, actor, roster, typed) if typed else []
        return lines + (_append(rt, actor, roster, more) if more else [])


def _overlay(
    rt: Runtime, actor: Actor, roster: Roster, typed: Mapping[int, Mapping[str, str]]
) -> list[Line]:
    there = store.named(rt.session, roster.id, typed)
    if len(there) < len(typed):
        raise Conflict(_ROW_GONE)
    before = {line.subject for line in there}
    rows = [Row(seq=one.seq, texts=dict(one.values) | dict(typed[one.seq])) for one in there]
    lines = judging.judge(rt, actor, roster, rows)
    store.replace_many(rt.session, roster, lines)
    roster.updated_at = rt.clock()
    left = before - {line.subject for line in lines}
    return lines + judging.relieved(rt, actor, roster, left)


def remove(
    rt: Runtime,
    actor: Actor,
    roster_id: int,
    seqs: Collection[int] | None = None,
    *,
    state: str = "",
) -> int:
    """Delete rows by number, all of a state, or all there are; how many."""
    with transaction(rt.session):
        roster = held(rt, actor, roster_id)
        twins = store.subjects_of(rt.session, roster.id, seqs) if seqs is not None else set()
        count = store.remove(rt.session, roster, seqs, state=state)
        judging.relieved(rt, actor, roster, twins)
        roster.updated_at = rt.clock()
        return count


def choose(rt: Runtime, actor: Actor, roster_id: int, chosen: Mapping[str, str]) -> bool:
    """Keep what was chosen for the roster as a whole; True when a job judges its rows anew.

    One thing is chosen after the other: what is still empty is asked for when the roster is filed.
    """
    with transaction(rt.session):
        roster = held(rt, actor, roster_id)
        offered = form_of(roster).choose(desk_of(rt, actor, roster))
        kept = dict(roster.choices)
        for choice in offered:
            value = chosen.get(choice.name, kept.get(choice.name, ""))
            if value and value not in dict(choice.options):
                raise Refused(Problem(_CHOICE.code, _CHOICE.text, choice.name))
            kept[choice.name] = value
        if kept == roster.choices:
            return False
        roster.choices = kept
        return judging.again(rt, actor, roster)


def load(rt: Runtime, actor: Actor, roster_id: int) -> tuple[int, bool]:
    """载入名册: rows of the form's own roster that are not in this one yet.

    How many, and whether a job goes on with it (then the number is not known).
    """
    with transaction(rt.session):
        roster = held(rt, actor, roster_id)
        form, desk = form_of(roster), desk_of(rt, actor, roster)
        first = list(islice(form.prefill(desk), AT_ONCE_ROWS + 1))
        if len(first) <= AT_ONCE_ROWS:
            return _missing(rt, actor, roster, first), False
        if store.sums(rt.session, roster.id).rows:
            raise Refused(_LOAD_FIRST)
        book = templates.template(
            form, desk.texts, key=roster.key, center=rt.profile.code, desk=desk,
            rows=form.prefill(desk),
        )  # fmt: skip
    importing.start_import(rt, actor, roster, book, file_name=LOADED, stated_rows=None)
    return 0, True


def _missing(rt: Runtime, actor: Actor, roster: Roster, given: Sequence[Mapping[str, str]]) -> int:
    start = roster.next_seq
    rows = [Row(seq=start + place, texts=dict(each)) for place, each in enumerate(given)]
    lines = judging.judge(rt, actor, roster, rows)
    there = store.taken(rt.session, roster.id, [line.subject for line in lines])
    fresh = [line for line in lines if line.subject not in there]
    store.add(rt.session, roster, fresh)
    roster.updated_at = rt.clock()
    return len(fresh)


def put_back(rt: Runtime, actor: Actor, filed: Roster) -> tuple[int, bool]:
    """放回重新办理: rows of a request that came to nothing stand in the 待提交清册 again.

    Copies, so that the request keeps its own; once, whoever presses how often.  How many, and
    whether a job judges them anew.
    """
    with transaction(rt.session):
        filed = store.locked(rt.session, filed.id)
        if filed.reused_at is not None:
            return 0, False
        target = store.open_roster(
            rt, actor, filed.key, filed.form, scope=filed.scope, branch=filed.branch_code
        )
        target = held(rt, actor, target.id)
        behind = target.next_seq - 1
        if not target.choices:
            target.choices = dict(filed.choices)
        count = store.copy_back(rt.session, filed, target)
        filed.reused_at = target.updated_at = rt.clock()
        return count, judging.again(rt, actor, target, after=behind)


def cells(typed: Mapping[Any, Any], names: Collection[str]) -> dict[str, str]:
    """Texts of known columns out of whatever was sent, each of bounded length."""
    return {
        name: str(typed[name])[:CELL_CHARS_MAX]
        for name in names
        if isinstance(typed.get(name), str | int | float) and not isinstance(typed[name], bool)
    }
