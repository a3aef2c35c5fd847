"""The workbook a unit downloads, fills in and uploads; with rows it is the centre's 名册."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from itertools import chain

from forms.excel.books import book
from forms.excel.sheets import RosterSheet, origin
from forms.rosters.base import Desk, RosterForm
from handlers.centers import ServiceTexts


def template(
    form: type[RosterForm],
    texts: ServiceTexts | None,
    *,
    key: str = "",
    center: str = "",
    desk: Desk | None = None,
    rows: Iterable[Mapping[str, str]] = (),
) -> bytes:
    """An .xlsx file.  `key`: of the service; `desk`: whose unit stands in title and marks.

    `rows`: canonical texts as `form.prefill` yields them; drawn one by one, however many.
    """
    out = io.BytesIO()
    marks, unit_name = origin(form, desk, key=key, center=center)
    given = iter(rows)
    first = next(given, None)
    with book(out, form.title) as made:
        sheet = RosterSheet(made, form, texts, unit_name=unit_name, filled=first is not None)
        for row in chain([first] if first is not None else [], given):
            sheet.row(row)
        sheet.finish(marks)
    return out.getvalue()
