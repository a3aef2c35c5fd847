"""从名册选择: rows of the form's own roster are ticked, and what is missing is said beside them.

What one choice says for everybody (封存原因) is asked once, sums are typed in the person's line.
Every line has been judged like a row of the roster: whoever would be refused cannot be ticked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from engine import Actor, Runtime
from engine.errors import Problem, Refused
from forms.rosters import editing, judging
from forms.rosters.base import ColumnSpec, Desk, RosterForm, Row
from forms.rosters.filing import desk_of, form_of
from handlers.rosters import store
from handlers.rosters.models import Roster
from handlers.rosters.store import Line

OFFERED = 50  # lines of one page
SKIPPED_MAX = 100_000  # lines in front of a page: nobody pages further, they look somebody up
_NONE = Problem("rosters.none_picked", "请先勾选，再点按钮。")
_GONE = Problem("rosters.pick_gone", "勾选的数据已经变化，请刷新页面后重新选择。")


@dataclass(frozen=True, slots=True)
class Asked:
    """Columns a pick leaves open: `once` for all lines, `each` line by line."""

    once: list[ColumnSpec]
    each: list[ColumnSpec]

    @property
    def names(self) -> set[str]:
        return {spec.name for spec in (*self.once, *self.each)}

    @property
    def ticks(self) -> bool:
        """Is a line chosen by a tick?  Where a sum has to be typed in it, that chooses it."""
        return not any(spec.field.required for spec in self.each)


@dataclass(frozen=True, slots=True)
class Offer:
    """`why`: the sentence that keeps it from being ticked, else ""; `line`: what is shown."""

    key: str
    line: Line
    why: str = ""


@dataclass(frozen=True, slots=True)
class Picked:
    """`typed`: key → what stands in its line; `said`: what holds for all of them."""

    keys: Collection[str]
    typed: Mapping[str, Mapping[str, str]]
    said: Mapping[str, str]


def asked_of(form: type[RosterForm], typed: Sequence[ColumnSpec]) -> Asked:
    """`typed`: what people fill in; whom a row is about is said by the line that is ticked."""
    group = next(spec.field.group for spec in form.columns() if spec.name == form.key[0])
    open_ = [spec for spec in typed if spec.field.group != group]
    money = [spec for spec in open_ if spec.field.widget == "money"]
    return Asked([spec for spec in open_ if spec not in money], money)


def offered(
    rt: Runtime, actor: Actor, roster: Roster, asked: Asked, *, skip: int = 0, sought: str = ""
) -> tuple[list[Offer], bool]:
    """One page of lines and whether there are more; nothing is written."""
    form, desk = form_of(roster), desk_of(rt, actor, roster)
    if not 0 <= skip <= SKIPPED_MAX:
        return [], False
    found = list(islice(_matching(form, desk, sought), skip, skip + OFFERED + 1))
    usual = _usual(asked)
    # Numbers no row has: whom the roster holds already is told apart from a row that stands twice.
    rows = [Row(seq=-1 - n, texts={**each, **usual}) for n, each in enumerate(found[:OFFERED])]
    lines = judging.judge(rt, actor, roster, rows)
    there = store.taken(rt.session, roster.id, [line.subject for line in lines])
    offers = []
    for given, line in zip(found, lines, strict=False):
        wrong = [p.text for p in line.problems if p.field not in asked.names]
        why = "已在清册中" if line.subject in there else "；".join(wrong)
        offers.append(Offer(given[form.key[0]], line, why))
    return offers, len(found) > OFFERED


def pick(rt: Runtime, actor: Actor, roster: Roster, picked: Picked) -> list[Line]:
    """Put what was picked into the roster; raises Refused."""
    form, desk = form_of(roster), desk_of(rt, actor, roster)
    filled = {key for key, cells in picked.typed.items() if any(cells.values())}
    wanted = {key for key in picked.keys if key} | filled
    if not wanted:
        raise Refused(_NONE)
    rows = []
    for given in form.prefill(desk):
        key = given[form.key[0]]
        if key in wanted:
            rows.append({**given, **picked.typed.get(key, {}), **picked.said})
            if len(rows) == len(wanted):
                break
    if len(rows) < len(wanted):
        raise Refused(_GONE)
    return editing.add(rt, actor, roster.id, rows)


def _matching(form: type[RosterForm], desk: Desk, sought: str) -> Iterator[dict[str, str]]:
    wanted = sought.strip()
    for given in form.prefill(desk):
        if not wanted or any(wanted in text for text in given.values()):
            yield given


def _usual(asked: Asked) -> dict[str, str]:
    """Something for everything that is asked once, so that only the rest is judged."""
    return {
        spec.name: spec.field.options[0][0]
        for spec in asked.once
        if spec.field.required and spec.field.options
    }
