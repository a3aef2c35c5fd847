"""从名册选择: the tab of a roster page where lines of the form's own roster are ticked.

What `forms.rosters.picking` offers is drawn as a table; what was typed stays when it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request

from engine.database import number_in
from engine.errors import Problem, Refused
from forms.rosters import editing, picking
from forms.rosters.base import ColumnSpec
from forms.rosters.picking import Asked, Offer, Picked
from handlers.rosters.store import Line
from webapp import rostergrid
from webapp.rosterbench import Bench
from webapp.rostergrid import Cell
from webapp.runtime import actor, runtime

SOUGHT_CHARS_MAX = 60
ACTION = "pick"  # with this the page is posted
FILED_AT_ONCE = "file"


@dataclass(frozen=True, slots=True)
class Sum:
    """An input in a line."""

    name: str
    label: str
    value: str
    usual: str  # what holds when nothing is typed


@dataclass(frozen=True, slots=True)
class PickRow:
    key: str
    name: str
    cells: list[Cell]
    sums: list[Sum]
    picked: bool
    why: str


@dataclass(frozen=True, slots=True)
class Picker:
    """What `rosters/_pick.html` reads."""

    asked: Asked
    heads: list[ColumnSpec]
    rows: list[PickRow]
    sought: str
    seeks: bool
    skip: int
    more: bool

    @property
    def numbers(self) -> set[str]:
        return {spec.name for spec in self.heads if rostergrid.is_number(spec)}

    @property
    def next_skip(self) -> int:
        return self.skip + picking.OFFERED


def picker(bench: Bench) -> Picker | None:
    """One page of the list; None for a roster whose rows are not ticked."""
    if not bench.picks:
        return None
    asked = picking.asked_of(bench.form, bench.typed)
    skip = number_in(request.args.get("skip", "")) or 0
    sought = request.args.get("find", "")[:SOUGHT_CHARS_MAX].strip()
    offers, more = picking.offered(
        runtime(), actor(), bench.roster, asked, skip=skip, sought=sought
    )
    heads = _heads(bench, asked, [offer.line for offer in offers])
    shown = [_row(offer, bench.columns, heads, asked) for offer in offers]
    seeks = bool(sought or more or skip)
    return Picker(asked, heads, shown, sought, seeks, skip, more)


def _typed_once(asked: Asked) -> dict[str, str]:
    """What was said for all lines; raises Refused when something is missing."""
    said = editing.cells(request.form, [spec.name for spec in asked.once])
    for spec in asked.once:
        if spec.field.required and not said.get(spec.name, "").strip():
            verb = "请选择" if spec.field.options else "请填写"
            raise Refused(Problem("form.missing", f"{verb}{spec.label}。", spec.name))
    return said


def pick(bench: Bench) -> list[Line]:
    """Put what was ticked into the roster; raises Refused."""
    asked = picking.asked_of(bench.form, bench.typed)
    picked = Picked(request.form.getlist("pick"), _typed_each(asked), _typed_once(asked))
    return picking.pick(runtime(), actor(), bench.roster, picked)


def _typed_each(asked: Asked) -> dict[str, dict[str, str]]:
    """Key → column → text, of the inputs in which something stands."""
    found: dict[str, dict[str, str]] = {}
    for spec in asked.each:
        for field, text in request.form.items():
            name, _, key = field.partition(":")
            if name == spec.name and key and text.strip():
                cells = editing.cells({spec.name: text}, [spec.name])
                found.setdefault(key, {}).update(cells)
    return found


def _heads(bench: Bench, asked: Asked, lines: Sequence[Line]) -> list[ColumnSpec]:
    """Columns in which one of the lines has something; those asked for are drawn apart."""
    filled = {name for line in lines for name, text in line.values.items() if text}
    return [spec for spec in bench.columns if spec.name in filled and spec.name not in asked.names]


def _row(
    offer: Offer, columns: Sequence[ColumnSpec], heads: Sequence[ColumnSpec], asked: Asked
) -> PickRow:
    view = rostergrid.row_view(offer.line, columns)
    drawn = {spec.name for spec in heads}
    posted = request.form if request.method == "POST" else {}
    sums = [
        Sum(
            spec.name,
            spec.label,
            posted.get(f"{spec.name}:{offer.key}", ""),
            str(offer.line.values.get(spec.name, "")),
        )
        for spec in asked.each
    ]
    picked = request.method == "POST" and offer.key in request.form.getlist("pick")
    cells = [cell for cell in view.cells if cell.name in drawn]
    return PickRow(offer.key, view.name, cells, sums, picked and not offer.why, offer.why)
