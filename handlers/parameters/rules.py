"""Which rows of parameters may be entered, and which of them is in force.  Pure.

A row holds from its first day until its own end or until the next row starts.  What the file says
is read into `Entry`; what may be done with the table is a `Plan`: values whose day has come are
history and stay as they are.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Generic, Protocol, TypeVar

from engine.errors import Problem
from handlers.parameters import declared
from handlers.parameters.kinds import Parameter

# Outside these days a date is a slip of the pen, and adding a day to the last one must not fail.
DAY_MIN, DAY_MAX = date(1949, 10, 1), date(2199, 12, 31)
EVERYWHERE = ""  # a row for the whole centre
A_DAY = timedelta(days=1)


class Given(Protocol):
    """A row as the centre's file has it; `through` is its last day, included."""

    @property
    def starts_on(self) -> date: ...
    @property
    def through(self) -> date | None: ...
    @property
    def value(self) -> str: ...
    @property
    def branch(self) -> str: ...
    @property
    def source(self) -> str: ...


class Row(Protocol):
    """A row as the table and `Entry` have it; `ends_on` is the first day without the value."""

    @property
    def branch(self) -> str: ...
    @property
    def starts_on(self) -> date: ...
    @property
    def ends_on(self) -> date | None: ...


class StoredRow(Row, Protocol):
    @property
    def key(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def source(self) -> str: ...


R = TypeVar("R", bound=Row)
S = TypeVar("S", bound=StoredRow)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the file that is right in itself; `value` is the text the table holds."""

    key: str
    branch: str
    starts_on: date
    ends_on: date | None
    value: str
    source: str

    @property
    def place(self) -> tuple[str, str, date]:
        return self.key, self.branch, self.starts_on


# ── reading the file ────────────────────────────────────────────────────────────────────────
def entries(
    given: Mapping[str, Sequence[Given]], branches: Collection[str]
) -> tuple[Entry, ...] | Problem:
    """All rows of a file, each parameter's in the order of its days; or the first mistake."""
    found: list[Entry] = []
    for key, rows in given.items():
        parameter = declared.BY_KEY.get(key)
        if parameter is None:
            return _unknown(key)
        read = _rows_of(parameter, rows, branches)
        if isinstance(read, Problem):
            return read
        found += read
    return _rates_fit(found) or tuple(found)


def _unknown(key: str) -> Problem:
    near = difflib.get_close_matches(key, declared.BY_KEY, n=1)
    hint = f"是不是 {near[0]}" if near else f"可用的有：{'、'.join(declared.BY_KEY)}"
    return Problem("parameter.unknown", f"参数 {key} 不认识，{hint}。")


def _rows_of(
    parameter: Parameter[Any], rows: Sequence[Given], branches: Collection[str]
) -> list[Entry] | Problem:
    apart: dict[str, list[Entry]] = defaultdict(list)
    for row in rows:
        entry = _entry(parameter, row, branches)
        if isinstance(entry, Problem):
            at = f"{parameter.key}（{row.starts_on} 起）"
            return Problem(entry.code, f"{at}{entry.text}")
        apart[entry.branch].append(entry)
    for own in apart.values():
        own.sort(key=lambda each: each.starts_on)
        wrong = _sequence(parameter, own)
        if wrong is not None:
            return wrong
    return [entry for own in apart.values() for entry in own]


def _entry(parameter: Parameter[Any], row: Given, branches: Collection[str]) -> Entry | Problem:
    last = row.through or row.starts_on
    if not (DAY_MIN <= row.starts_on <= last <= DAY_MAX):
        text = f"日期应在 {DAY_MIN} 至 {DAY_MAX} 之间，且 through 不早于 starts_on。"
        return Problem("parameter.day", text)
    if row.branch and not parameter.by_branch:
        return Problem("parameter.branch", "全中心只有一个值，请去掉 branch。")
    if row.branch and row.branch not in branches:
        return Problem("parameter.branch", f"branch “{row.branch}”不在 branches 中，请核对。")
    value = parameter.read(row.value.strip())
    if isinstance(value, Problem):
        return Problem(value.code, f"的 value {value.text}")
    ends_on = row.through + A_DAY if row.through else None
    return Entry(parameter.key, row.branch, row.starts_on, ends_on, value, row.source)


def _sequence(parameter: Parameter[Any], own: Sequence[Entry]) -> Problem | None:
    """Rows of one parameter and branch, by day: none overlaps, nothing is missing between."""
    # a branch without a value of its own uses the centre's: no gap
    continuous = parameter.continuous and own[0].branch == EVERYWHERE
    for before, after in zip(own, own[1:], strict=False):
        if before.starts_on == after.starts_on or (before.ends_on or DAY_MIN) > after.starts_on:
            text = (
                f"{parameter.key} 的 {before.starts_on} 和 {after.starts_on} 两行日期重叠，"
                "同一天只能有一个值。"
            )
            return Problem("parameter.overlap", text)
        if continuous and before.ends_on is not None and before.ends_on < after.starts_on:
            return _hole(parameter, before.ends_on, after.starts_on - A_DAY)
    if continuous and own[-1].ends_on is not None:
        return _hole(parameter, own[-1].ends_on, None)
    return None


def _hole(parameter: Parameter[Any], first: date, last: date | None) -> Problem:
    upto = f"至 {last} " if last else "起"
    text = f"{parameter.key} 在 {first} {upto}没有值，这个参数不能中断，请补上一行或去掉 through。"
    return Problem("parameter.hole", text)


def _rates_fit(found: Iterable[Entry]) -> Problem | None:
    """On no day may the lowest rate be above the highest."""
    low_key, high_key = declared.CONTRIBUTION_RATE_MIN.key, declared.CONTRIBUTION_RATE_MAX.key
    both = [each for each in found if each.key in (low_key, high_key)]
    for day in sorted({each.starts_on for each in both}):
        low = in_force([each for each in both if each.key == low_key], day)
        high = in_force([each for each in both if each.key == high_key], day)
        if low is None or high is None:
            continue
        lowest = declared.CONTRIBUTION_RATE_MIN.stored(low.value)
        if lowest > declared.CONTRIBUTION_RATE_MAX.stored(high.value):
            text = f"{low_key} 在 {day} 高于 {high_key}，请核对两个参数。"
            return Problem("parameter.bounds", text)
    return None


# ── which row is in force ───────────────────────────────────────────────────────────────────
def in_force(rows: Iterable[R], day: date, branch: str = EVERYWHERE) -> R | None:
    """The row of one parameter that holds on a day: the branch's own before the centre's."""
    for whose in dict.fromkeys((branch, EVERYWHERE)):
        own = [row for row in rows if row.branch == whose and row.starts_on <= day]
        row = max(own, key=lambda each: each.starts_on, default=None)
        if row is not None and (row.ends_on is None or day < row.ends_on):
            return row
    return None


def segments(
    rows: Sequence[R], first: date, last: date, branch: str = EVERYWHERE
) -> list[tuple[date, date, R | None]]:
    """(from, to, row) over the days first … last; `to` is excluded, None where nothing holds."""
    assert first <= last
    after = last + A_DAY
    edges = {row.starts_on for row in rows} | {row.ends_on for row in rows if row.ends_on}
    cuts = [first, *sorted(day for day in edges if first < day < after), after]
    found: list[tuple[date, date, R | None]] = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        row = in_force(rows, start, branch)
        if found and found[-1][2] is row:
            found[-1] = (found[-1][0], end, row)
        else:
            found.append((start, end, row))
    return found


def a_year_after(day: date) -> date:
    """The same day a year later; of 29 February, 1 March."""
    leap = (day.month, day.day) == (2, 29)
    return date(day.year + 1, 3, 1) if leap else day.replace(year=day.year + 1)


# ── what may be done with the table ─────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Plan(Generic[S]):
    """What brings the table in line with the file."""

    add: tuple[Entry, ...]
    change: tuple[tuple[S, Entry], ...]
    drop: tuple[S, ...]


def plan(wanted: Sequence[Entry], stored: Sequence[S], today: date) -> Plan[S] | Problem:
    """Refused as soon as a day up to today would read differently than it did.

    One exception: a newest row may start in the past, for the wage of July is published in August.
    Rows of a parameter that is no longer declared are left alone.
    """
    there = {(row.key, row.branch, row.starts_on): row for row in stored}
    asked = {entry.place for entry in wanted}
    ours = [row for row in stored if row.key in declared.BY_KEY]
    gone = [row for row in ours if (row.key, row.branch, row.starts_on) not in asked]
    lost = next((row for row in gone if row.starts_on <= today), None)
    if lost is not None:
        return _history(lost, "已经生效，不能从文件中删去，请恢复这一行")
    add = [entry for entry in wanted if entry.place not in there]
    for entry in add:
        same = [row for row in ours if (row.key, row.branch) == (entry.key, entry.branch)]
        latest = max((row.starts_on for row in same if row.starts_on <= today), default=DAY_MIN)
        if entry.starts_on < latest and in_force(same, entry.starts_on, entry.branch):
            return _history(entry, "那一天已有生效的值，不能插入新值")
        if entry.ends_on is not None and entry.ends_on <= today:
            before = in_force(same, entry.ends_on, entry.branch)
            if before is not None and before.starts_on < entry.starts_on:
                return _history(entry, "的截止日期已过，会使其后的日子没有值，请另写截止日期")
    change = []
    for entry in wanted:
        row = there.get(entry.place)
        if row is None or _facts(row) == _facts(entry):
            continue
        problem = _rewrites(row, entry, today)
        if problem is not None:
            return problem
        change.append((row, entry))
    return Plan(tuple(add), tuple(change), tuple(gone))


def _facts(row: StoredRow) -> tuple[object, ...]:
    return row.value, row.ends_on, row.source


def _rewrites(row: StoredRow, entry: Entry, today: date) -> Problem | None:
    """Would putting the entry in place of the row change a day that has been?"""
    if row.starts_on > today:
        return None
    if row.value != entry.value:
        parameter = declared.BY_KEY[row.key]
        now, then = parameter.shown(row.value), parameter.shown(entry.value)
        text = f"已经生效，不能由 {now} 改为 {then}，请另加一行并写明新的生效日期"
        return _history(row, text)
    ends = [end for end in (row.ends_on, entry.ends_on) if end is not None]
    if row.ends_on != entry.ends_on and min(ends) <= today:
        return _history(row, "的截止日期会改动已经过去的日子，请恢复原来的 through")
    return None


def _history(row: StoredRow | Entry, what: str) -> Problem:
    return Problem("parameter.history", f"{row.key}（{row.starts_on} 起）{what}。")
