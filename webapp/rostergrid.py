"""Rows of a roster as a page draws them: cells, verdicts in words, sums, one page of the rows.

Personal numbers are masked, also for whoever typed them; a cell that is wrong shows what was typed,
so that it can be mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.database import number_in
from engine.errors import Problem
from forms.rosters.base import ColumnSpec, RosterForm
from handlers.amounts import money_text
from handlers.privacy import masking
from handlers.rosters import store
from handlers.rosters.models import DONE, FAILED, FAULTY, SOUND, Roster
from handlers.rosters.store import Line, Sums
from webapp.runtime import session

ROWS_SHOWN = 50  # of a page: more is slower to look through than to filter
UNBROKEN_CHARS_MAX = 24
HEADS = ("person_name", "name", "payer_name", "unit_name")  # whom a card on a phone is called after
STATES = {"": "全部", FAULTY: "有误", SOUND: "合格"}
RESULTS = {"": "全部", FAILED: "失败", DONE: "成功", SOUND: "待办理"}
WORDS = {SOUND: "合格", FAULTY: "有误", DONE: "办理成功", FAILED: "办理失败"}
TONES = {SOUND: "", FAULTY: "bad", DONE: "", FAILED: "bad"}


@dataclass(frozen=True, slots=True)
class Cell:
    """`value`: what an editor starts from; `text`: what is read."""

    name: str
    label: str
    text: str
    value: str
    number: bool
    typed: bool
    error: str
    place: str  # is-head | is-key | is-row | is-off: where a phone puts it

    @property
    def unbroken(self) -> bool:
        """A day, a number of an account: not to be torn at its hyphens."""
        return self.text.isascii() and len(self.text) <= UNBROKEN_CHARS_MAX


@dataclass(frozen=True, slots=True)
class RowView:
    seq: int
    state: str
    label: str
    tone: str
    sentence: str
    cells: list[Cell]
    name: str  # for buttons: 选择 龙德昌
    cents: int


@dataclass(frozen=True, slots=True)
class Tab:
    """One choice of the filter."""

    label: str
    count: int
    url: str
    on: bool
    state: str


@dataclass(slots=True)
class Grid:
    """One page of rows, and what holds for all of them."""

    rows: list[RowView]
    columns: list[ColumnSpec]
    sums: Sums
    tabs: list[Tab]
    state: str
    noun: str
    amount_label: str = ""
    next_url: str = ""
    first_url: str = ""

    def keep_filled(self) -> None:
        """Leave out the columns in which none of these rows has anything."""
        filled = {cell.name for row in self.rows for cell in row.cells if cell.text}
        self.columns = [spec for spec in self.columns if spec.name in filled]
        for row in self.rows:
            row.cells[:] = [cell for cell in row.cells if cell.name in filled]

    @property
    def numbers(self) -> set[str]:
        return {spec.name for spec in self.columns if is_number(spec)}

    @property
    def sound_money(self) -> str:
        return money_text(self.sums.sound_cents)

    @property
    def whole_money(self) -> str:
        return money_text(self.sums.amount_cents)

    @property
    def counter(self) -> str:
        """名 of people, 条 of anything else."""
        return "名" if self.noun == "职工" else "条"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows an address asks for."""

    state: str = ""
    after: int = 0

    @classmethod
    def of(cls, words: Mapping[str, str], known: Iterable[str]) -> Asked:
        state = words.get("state", "")
        after = number_in(words.get("after", "")) or 0
        return cls(state if state in known else "", after)

    @property
    def words(self) -> dict[str, Any]:
        found = {"state": self.state, "after": self.after}
        return {name: value for name, value in found.items() if value}


def grid(
    roster: Roster,
    form: type[RosterForm],
    columns: Sequence[ColumnSpec],
    *,
    asked: Asked,
    words: Mapping[str, str],
    address: Callable[..., str],
    typed: frozenset[str] = frozenset(),
    rows: int = ROWS_SHOWN,
) -> Grid:
    """`words`: the filter's states in order; `address(**words)`: of this page; `typed`: columns
    that may be changed here."""
    found = store.rows(session(), roster.id, after=asked.after, limit=rows + 1, state=asked.state)
    shown, sums = found[:rows], store.sums(session(), roster.id)
    counts = {"": sums.rows, **counted(sums)}
    tabs = [
        Tab(label, counts[state], address(**Asked(state).words), state == asked.state, state)
        for state, label in words.items()
    ]
    more = Asked(asked.state, shown[-1].seq if shown else 0)
    return Grid(
        rows=[row_view(line, columns, typed, sound=words[SOUND]) for line in shown],
        columns=list(columns),
        sums=sums,
        tabs=tabs,
        state=asked.state,
        noun=form.noun,
        amount_label=amount_label(form, columns),
        next_url=address(**more.words) if len(found) > rows else "",
        first_url=address(**Asked(asked.state).words) if asked.after else "",
    )


def counted(sums: Sums) -> dict[str, int]:
    return {SOUND: sums.sound, FAULTY: sums.faulty, DONE: sums.done, FAILED: sums.failed}


def amount_label(form: type[RosterForm], columns: Sequence[ColumnSpec]) -> str:
    return next((spec.label for spec in columns if spec.name == form.amount), "")


def row_view(
    line: Line,
    columns: Sequence[ColumnSpec],
    typed: frozenset[str] = frozenset(),
    *,
    sound: str = WORDS[SOUND],
) -> RowView:
    """`sound`: what a row that is right is called: 合格, and once it is filed 待办理."""
    faults: dict[str, str] = {}
    for problem in line.problems:
        faults.setdefault(problem.field or "", problem.text)
    head = _head(columns)
    state = line.state or (SOUND if line.sound else FAULTY)
    cells = [_cell(spec, line, faults, head=head, typed=spec.name in typed) for spec in columns]
    name = next((cell.text for cell in cells if cell.name == head), "") or f"第 {line.seq} 行"
    return RowView(
        seq=line.seq,
        state=state,
        label=sound if state == SOUND else WORDS[state],
        tone=TONES[state] or ("warn" if line.notes and state == SOUND else ""),
        sentence=sentence(line, columns),
        cells=cells,
        name=name,
        cents=line.amount_cents,
    )


def sentence(line: Line, columns: Sequence[ColumnSpec]) -> str:
    """Everything there is to say about a row, each sentence with the name of its column."""
    labels = {spec.name: spec.label for spec in columns}
    said = [_named(problem, labels) for problem in line.problems]
    said += [note for note in line.notes if note]
    said += [line.result] if line.result else []
    return "；".join(text.rstrip("。；") for text in dict.fromkeys(said))


def _named(problem: Problem, labels: Mapping[str, str]) -> str:
    label = labels.get(problem.field or "", "")
    return problem.text if not label or label in problem.text else f"{label}：{problem.text}"


def _head(columns: Sequence[ColumnSpec]) -> str:
    names = [spec.name for spec in columns]
    return next((name for name in HEADS if name in names), names[0])


def _cell(
    spec: ColumnSpec, line: Line, faults: Mapping[str, str], *, head: str, typed: bool
) -> Cell:
    value = str(line.values.get(spec.name, ""))
    error = faults.get(spec.name, "")
    text = value if error else spec.field.reading(value)
    return Cell(
        name=spec.name,
        label=spec.label,
        text=text,
        value=text if masking.is_personal(spec.field.mask) else value,
        number=is_number(spec),
        typed=typed,
        error=error,
        place="is-head" if spec.name == head else ("is-row" if text or error else "is-off"),
    )


def untouched(spec: ColumnSpec, sent: str, value: str) -> bool:
    """A masked number that came back as it was shown was not typed."""
    return masking.is_personal(spec.field.mask) and sent == spec.field.reading(value)


def is_number(spec: ColumnSpec) -> bool:
    return spec.field.widget == "money" or spec.field.inputmode == "decimal"
