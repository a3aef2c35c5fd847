"""The faulty rows of a roster as a workbook: mend the red cells and import it as it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from forms.excel.books import book
from forms.excel.sheets import RosterSheet, origin
from forms.rosters.base import Desk, RosterForm
from handlers.centers import ServiceTexts
from handlers.rosters.store import Line

_END = "。；; "


def errors_book(
    form: type[RosterForm],
    texts: ServiceTexts | None,
    rows: Iterable[Line],
    out: BinaryIO,
    *,
    everything: bool = False,
    key: str = "",
    center: str = "",
    desk: Desk | None = None,
) -> int:
    """Write the rows with problems (with `everything` all rows) and say how many they are.

    A row that was refused when it was applied counts as one with a problem.
    """
    marks, unit_name = origin(form, desk, key=key, center=center)
    count = 0
    with book(out, f"{form.title}错误数据") as made:
        sheet = RosterSheet(made, form, texts, unit_name=unit_name, filled=True, errors=True)
        labels = {spec.name: spec.label for spec in sheet.columns}
        for line in rows:
            if line.sound and not line.result and not everything:
                continue
            sheet.row(line.values, faults(line), said(line, labels))
            count += 1
        sheet.finish(marks)
    return count


def faults(line: Line) -> dict[str, str]:
    """What is wrong with single cells: column → sentences."""
    found: dict[str, str] = {}
    for problem in line.problems:
        if problem.field:
            before = found.get(problem.field)
            found[problem.field] = f"{before}\n{problem.text}" if before else problem.text
    return found


def said(line: Line, labels: dict[str, str]) -> str:
    """All that is wrong with a row, each sentence under the name of its column."""
    parts = []
    for problem in line.problems:
        label = labels.get(problem.field or "", "")
        named = not label or label in problem.text
        parts.append(problem.text if named else f"{label}：{problem.text}")
    if line.result:
        parts.append(line.result)
    return "；".join(part.rstrip(_END) for part in parts) + "。" * bool(parts)
