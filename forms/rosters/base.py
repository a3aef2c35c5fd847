"""A roster form: one declaration, from which grid, template, import, check and error file follow.

A subclass declares its columns like the fields of a record form and says what the business asks of
a row (`judge`, in bulk: it sees a whole piece of the roster at once and must not ask the database
row by row).  Values travel as canonical text, as in record forms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, ClassVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict

from engine.errors import Problem
from forms.applications import Desk
from forms.declared import FactGroup, FieldSpec, spec_of
from handlers.centers import ServiceTexts
from handlers.members.codes import FROZEN, NORMAL, SEALED

__all__ = ["LIST", "Choice", "Column", "ColumnSpec", "Desk", "RosterForm", "Row"]

LIST = "prefilled"  # option of forms that have a 名册: a centre may do without (CX-U17)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What a roster's column is besides its field.  Stands in `Annotated` beside Item and kind.

    `locked`: filled in by the centre (名册), a changed cell is refused (QDN-02).  `computed`: never
    typed, shown after the check; not in the template.  `internal`: names a row and
    means nothing to people; never drawn.  `aliases`: headings real files use for it.
    """

    width: int = 0  # in characters of the sheet; 0: from the label and the kind
    locked: bool = False
    computed: bool = False
    internal: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column of one form, ready to draw, read and write."""

    field: FieldSpec
    column: Column

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def label(self) -> str:
        return self.field.label

    @property
    def typed(self) -> bool:
        """A person fills it in."""
        return not (self.column.locked or self.column.computed)


@dataclass(slots=True)
class Row:
    """One row under check.

    `seq`: its number in the roster, or in the sheet while it is read.  `texts`: as typed.
    `values`: canonical texts of the cells that are sound, and what `judge` computes.  A problem's
    `field` names a column, or nothing for the row as a whole.
    """

    seq: int
    texts: dict[str, str]
    values: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    subject: str = ""
    amount_cents: int = 0

    def refuse(self, code: str, text: str, column: str | None = None) -> None:
        self.problems.append(Problem(code, text, column))

    @property
    def sound(self) -> bool:
        return not self.problems


class RosterForm(BaseModel):
    """Subclasses declare columns: `Annotated[kind, Item(…), Column(…)]`.

    `key`: the columns that say whom a row is about; two rows with the same are refused.
    `amount`: the column the roster is summed by ("" for none).  `noun`: what a row is (职工).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    form_id: ClassVar[str]
    title: ClassVar[str]
    noun: ClassVar[str] = "职工"
    key: ClassVar[tuple[str, ...]]
    amount: ClassVar[str] = ""
    # Names of `ServiceTexts.options` this form reads, with their default.
    options: ClassVar[Mapping[str, str | int | bool]] = {}
    first_way: ClassVar[str] = "single"  # the way in that is opened first, where nothing is ticked
    # Nothing but what the 名册 offers can be in it, and it is filed from there (本月已提交数据).
    only_picks: ClassVar[bool] = False

    @classmethod
    def picks(cls, texts: ServiceTexts) -> bool:
        """May rows of the 名册 be ticked (`forms.rosters.picking`)?"""
        return False

    @classmethod
    def columns(cls, texts: ServiceTexts | None = None) -> list[ColumnSpec]:
        """The columns of this centre, in order; hidden ones are left out."""
        hidden = texts.hidden if texts else ()
        return [spec for spec in _columns(cls) if spec.name not in hidden]

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        """Complete computed values, set `subject` and `amount_cents`, refuse what the rules refuse.

        Called with at most some thousand rows at a time, whose cells have been checked; rows with
        problems already are in it too and may be skipped.
        """
        raise NotImplementedError

    @classmethod
    def gate(cls, desk: Desk) -> list[Problem]:
        """Why this roster cannot be worked now at all (window, order of businesses, unit state)."""
        return []

    @classmethod
    def route_facts(cls, desk: Desk, roster_id: int) -> dict[str, Any]:
        """`facts` in the data of the request: what decision tables and conditions may ask."""
        return {}

    @classmethod
    def whole(cls, desk: Desk, roster_id: int, seqs: Collection[int] | None) -> list[Problem]:
        """What is wrong with the rows about to be filed taken together (all sound ones, or those
        named): somebody is missing who has to be in it (QDN-02, SX-11.1)."""
        return []

    @classmethod
    def choose(cls, desk: Desk) -> list[Choice]:
        """What has to be chosen for the roster as a whole before rows are filled in."""
        return []

    @classmethod
    def seeks(cls, desk: Desk) -> Collection[str]:
        """States of the accounts the entry form helps to find among the unit's people (查找职工);
        none: whom it is about has to be typed."""
        return (NORMAL, SEALED, FROZEN)

    @classmethod
    def prefill(cls, desk: Desk) -> Iterator[dict[str, str]]:
        """Rows the template is filled with and 载入名册 puts into the grid; canonical texts."""
        return iter(())

    @classmethod
    def option(cls, texts: ServiceTexts, name: str) -> Any:
        return texts.options.get(name, cls.options[name])

    @classmethod
    def misfits(cls, texts: ServiceTexts) -> list[Problem]:
        """Names in the centre's file that this form does not know."""
        known = {spec.name for spec in _columns(cls)}
        named = [name for name in (*texts.hidden, *texts.locked) if name not in known]
        named += [name for name in texts.options if name not in cls.options]
        return [
            Problem("form.unknown_field", f"“{cls.title}”没有项目“{name}”，请核对中心配置。", name)
            for name in dict.fromkeys(named)
        ]

    @classmethod
    def facts(cls, values: Mapping[str, str], texts: ServiceTexts | None = None) -> list[FactGroup]:
        """A request keeps a roster's sums in its data; rows are shown from the roster itself."""
        return []


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing chosen for the whole roster: 缴存比例, 缴款方式 (`options`: value → words)."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    required: bool = True


@cache
def _columns(form: type[RosterForm]) -> tuple[ColumnSpec, ...]:
    hints = get_type_hints(form, include_extras=True)
    return tuple(
        ColumnSpec(spec_of(name, hints[name]), _column(hints[name])) for name in form.model_fields
    )


def _column(annotation: Any) -> Column:
    """Look through Annotated[…] and `X | None`."""
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        found = next((extra for extra in extras if isinstance(extra, Column)), None)
        return found or _column(inner)
    for inner in get_args(annotation):
        found = _column(inner)
        if found != Column():
            return found
    return Column()
