"""Whether rows of a roster are right, in words.  One row of the grid, a paste and a file of a
hundred thousand rows are judged here alike.

Cells first (each by its kind), then the business (`RosterForm.judge`, a piece at a time), then who
is in the roster twice.  A wrong cell keeps what was typed, so that a person can mend it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from engine.errors import Problem
from forms.excel import cells
from forms.kinds import TYPED_SLACK, Context
from forms.rosters.base import ColumnSpec, Desk, RosterForm, Row
from forms.typed import is_blank
from handlers.centers import ServiceTexts
from handlers.privacy.columns import blind
from handlers.rosters.store import Line

MEMORY_MAX = 5_000  # texts of a column that are known to be right, and what they are
OPTIONS_TOLD_MAX = 6
# 1,000 亿元: no unit's month, and what the longest roster adds up to is a number a database holds.
ROW_CENTS_MAX = 10**13
SUBJECT = "roster.subject"  # purpose of the keyed hash that says whom a row is about

Key = tuple[str, ...]
# Which subjects the roster holds already: subject → number of the first row; or whom to ask.
Taken = Mapping[str, int] | Callable[[Collection[str]], Mapping[str, int]]


def check(
    desk: Desk,
    form: type[RosterForm],
    rows: Sequence[Row],
    *,
    taken: Taken | None = None,
    cells_by: CellCheck | None = None,
) -> None:
    """Judge rows, at most some thousand; they carry their verdicts afterwards.

    `taken` is asked once, after `judge`; a row that is named there with its own number is itself.
    `cells_by`: kept from piece to piece by whoever checks many; else made anew.
    """
    (cells_by or CellCheck(form, desk.texts, today=desk.today)).run(rows)
    form.judge(desk, rows)
    for row in rows:
        if abs(row.amount_cents) > ROW_CENTS_MAX:
            row.amount_cents = 0
            text = "金额超过 1,000 亿元，请核对是否多填了数字。"
            row.refuse("rosters.too_large", text, form.amount)
        if not row.subject and all(name in row.values for name in form.key):
            row.subject = blind(SUBJECT, "\0".join(row.values[name] for name in form.key))
    _find_twice(form, rows, taken)


def check_cells(
    form: type[RosterForm],
    texts: ServiceTexts | None,
    rows: Iterable[Row],
    *,
    today: date,
    given: Mapping[Key, Mapping[str, str]] | None = None,
) -> None:
    """The cells alone: what is sound is in `values`, canonical.  `given`: see `given_rows`."""
    CellCheck(form, texts, today=today, given=given).run(rows)


def given_rows(desk: Desk, form: type[RosterForm]) -> dict[Key, Mapping[str, str]] | None:
    """What the centre has filled in, by the form's key; None for a form without locked columns.

    Reads the whole 名册: for imports, not for one row.
    """
    if not any(_locked(spec, desk.texts) for spec in form.columns(desk.texts)):
        return None
    return {tuple(row.get(name, "") for name in form.key): row for row in form.prefill(desk)}


def to_line(row: Row) -> Line:
    """A checked row as it is stored."""
    return Line(
        values=row.texts | row.values,
        problems=row.problems,
        notes=row.notes,
        subject=row.subject,
        amount_cents=row.amount_cents,
    )


def sentence(row: Row | Line, problem: Problem, columns: Sequence[ColumnSpec]) -> str:
    """第 12 行“证件号码”：现在是“5226…”，少 1 位，请填写 18 位居民身份证号码。"""
    where = f"第 {row.seq} 行"
    spec = next((one for one in columns if one.name == problem.field), None)
    if spec is None:
        return f"{where}：{problem.text}"
    typed = cells.shown((row.texts if isinstance(row, Row) else row.values).get(spec.name, ""))
    says_it = problem.text.startswith("现在是") or not typed
    return f"{where}“{spec.label}”：{'' if says_it else f'现在是“{typed}”，'}{problem.text}"


class _Cell:
    """How the cells of one column are checked.

    `memory`: right texts and what they mean, until there are so many that it does not pay.
    """

    __slots__ = (
        *("check", "codes", "depends", "locked", "memory", "most", "name", "remembers", "spec"),
        *("to_text", "usual"),
    )

    def __init__(self, spec: ColumnSpec, *, locked: bool, usual: Any = "") -> None:
        self.spec, self.name, self.locked = spec, spec.name, locked
        self.usual = usual if isinstance(usual, str) else ""  # what a cell left empty means
        kind = spec.field.kind
        self.check, self.to_text = kind.check, kind.to_text
        self.depends, self.most = bool(kind.depends), kind.maxlength + TYPED_SLACK
        self.codes = _codes(spec)
        self.memory: dict[str, str] = {}
        self.remembers = not self.depends

    def value(self, text: str, context: Context) -> str | Problem:
        """Canonical text of something that is not blank."""
        if self.codes:
            code = self.codes.get(text) or self.codes.get(_bare(text))
            if code is None:
                return self._unknown()
            text = code
        elif len(text) > self.most:
            most, now = self.spec.field.kind.maxlength, len(text)
            return Problem("text.too_long", f"最多 {most} 个字，现有 {now} 个字，请缩短。")
        found = self.check(text, context)
        return found if isinstance(found, Problem) else self.to_text(found)

    def remember(self, text: str, value: str) -> None:
        self.memory[text] = value
        if len(self.memory) > MEMORY_MAX:  # everybody has another one
            self.memory, self.remembers = {}, False

    def _unknown(self) -> Problem:
        words = [word for _, word in self.spec.field.options]
        told = "、".join(words[:OPTIONS_TOLD_MAX])
        more = f"等 {len(words)} 项" if len(words) > OPTIONS_TOLD_MAX else ""
        return Problem("choice.unknown", f"应为{told}{more}中的一项，请从下拉列表中选择。")


class CellCheck:
    """The check of cells for one form under one centre's texts, on one day."""

    def __init__(
        self,
        form: type[RosterForm],
        texts: ServiceTexts | None,
        *,
        today: date,
        given: Mapping[Key, Mapping[str, str]] | None = None,
    ) -> None:
        self._form, self._today, self._given = form, today, given
        columns = form.columns(texts)
        self._computed = [spec.name for spec in columns if spec.column.computed]
        made = [
            _Cell(spec, locked=_locked(spec, texts), usual=form.model_fields[spec.name].default)
            for spec in columns
            if not spec.column.computed
        ]
        # a column that follows from another is checked behind it
        self._cells = sorted(made, key=lambda cell: cell.depends)

    def run(self, rows: Iterable[Row]) -> None:
        for row in rows:
            for name in self._computed:
                row.texts.pop(name, None)
            self._row(row)

    def _row(self, row: Row) -> None:
        texts, values = row.texts, row.values
        unread = {one.field for one in row.problems} if row.problems else ()
        context = Context(self._today, texts)
        for cell in self._cells:
            name = cell.name
            text = texts.get(name, "")
            known = cell.memory.get(text)
            if known is not None:
                values[name] = known
            elif name not in unread:
                if cell.depends:
                    context = Context(self._today, texts | values)
                self._cell(row, cell, text, context)
        if self._given is not None:
            self._compare(row, self._given)

    def _cell(self, row: Row, cell: _Cell, text: str, context: Context) -> None:
        if cells.is_tidy(text):
            found = cell.value(text, context)
        else:
            plain = cells.tidy(text, cell.spec.field)
            if not plain or is_blank(plain):
                required = cell.spec.field.required
                row.values[cell.name] = "" if required else cell.usual
                if required and not (cell.locked and self._given is not None):
                    row.problems.append(_missing(cell.spec))
                return
            found = cells.lost_digits(plain, cell.spec.field) or cell.value(plain, context)
        if isinstance(found, Problem):
            row.values.pop(cell.name, None)
            row.problems.append(Problem(found.code, found.text, cell.name))
            return
        row.values[cell.name] = found
        if cell.remembers:
            cell.remember(text, found)

    def _compare(self, row: Row, given: Mapping[Key, Mapping[str, str]]) -> None:
        """Locked cells: left empty they are filled in, changed they are refused."""
        found = given.get(tuple(row.values.get(name, "") for name in self._form.key))
        for cell in self._cells:
            spec = cell.spec
            if not cell.locked or spec.name not in row.values:
                continue
            typed = row.values[spec.name]
            here = typed if found is None else found.get(spec.name, "")
            if not typed:
                row.values[spec.name] = here
                if not here and spec.field.required:
                    row.problems.append(_missing(spec))
            elif typed != here:
                read = spec.field.reading_or_empty(here)
                text = f"这一列由中心填好，不能修改，应为“{read}”，请改回或重新下载模板。"
                row.problems.append(Problem("form.locked", text, spec.name))


def _find_twice(form: type[RosterForm], rows: Sequence[Row], taken: Taken | None) -> None:
    subjects = [row.subject for row in rows if row.subject]
    if not subjects:
        return
    held = taken(subjects) if callable(taken) else taken or {}
    here: dict[str, int] = {}
    for row in rows:
        if not row.subject:
            continue
        first = held.get(row.subject, row.seq)
        if first == row.seq:
            first = here.setdefault(row.subject, row.seq)
        if first != row.seq:
            row.refuse("rosters.twice", _twice(form, first), form.key[0] if form.key else None)


def _twice(form: type[RosterForm], first: int) -> str:
    labels = {spec.name: spec.label for spec in form.columns()}
    same = "、".join(labels[name] for name in form.key)
    return f"与第 {first} 行的{same}相同，同一{form.noun}只能有一行，请删去其中一行。"


def _missing(spec: ColumnSpec) -> Problem:
    verb = "请选择" if spec.field.options else "请填写"
    return Problem("form.missing", f"{verb}{spec.label}。", spec.name)


def _locked(spec: ColumnSpec, texts: ServiceTexts | None) -> bool:
    return spec.column.locked or (texts is not None and spec.name in texts.locked)


def _codes(spec: ColumnSpec) -> dict[str, str]:
    """Everything people write for an option: its code, its words, both together."""
    found: dict[str, str] = {}
    for code, word in spec.field.options:
        bare = _bare(word)
        for said in (code, bare, code.lower(), f"{code}{bare}", f"{bare}{code}"):
            found.setdefault(said, code)
    for code, _ in spec.field.options:
        if code.isdecimal():  # a workbook drops the zero of 01
            found.setdefault(str(int(code)), code)
    return found


_LOOSE = str.maketrans("", "", " \t\r\n-—_.、:：()（）[]【】|/")


def _bare(text: Any) -> str:
    """An option without blanks, brackets and what parts code and words."""
    return str(text).translate(_LOOSE).lower()
