"""What a register is: columns and filters over SQL expressions, an order, whose rows they are.

One declaration gives the page, its sums, its paging, the workbook and the sheet of paper.  Every
register names the columns that say whose a row is (`Reach`); the mechanism adds the condition, so
that no register can forget it.  Numbers of persons are masked by the kind of their column, for
everybody but who holds a post the centre lets read them, and asks to (`asking.in_full`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import ColumnElement, Select, false, or_, true

from engine.runtime import ANYWHERE
from handlers.privacy import masking
from handlers.units.reach import BRANCH, UNIT, within

if TYPE_CHECKING:
    from handlers.registers.asking import Asked

Personal = Literal["id_no", "mobile", "bank_card"]  # the kinds of a centre's [privacy]
Plain = Literal["text", "note", "name", "state"] | Personal
Measured = Literal["money", "count", "rate", "day", "month", "moment"]
Kind = Plain | Measured
# What everybody reads of such a value, in pages and in files alike; `note`: typed by people.
MASKS: Mapping[str, Callable[[str], str]] = masking.KINDS | {"note": masking.masked_text}
NUMERIC = frozenset({"money", "count", "rate"})
# A telephone shows a row as a small card: head and key share its first line, a row has one of its
# own, off is left out.
Phone = Literal["head", "key", "row", "end", "off"]
Looked = Literal["text", "account", "words", "name", "choice", "number", "person"]
FilterKind = Looked | Literal["days", "months", "fund_year"]
Default = Literal["", "month", "fund_year", "year", "latest", "first"]
Audience = Literal["operator", "staff", "both"]
OrderKind = Literal["text", "int", "day", "moment"]


@dataclass(frozen=True, slots=True)
class Drill:
    """Where a value leads to: `place` is a page the room above knows ("member", "request",
    "register:remittance_lines" …), `by` its argument → the extra value of the row."""

    place: str
    by: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.  `of`: one SQL expression, or several that `read` makes one value of.

    Values: money 分, rate Decimal percent, month "YYYY-MM", day a date, moment an aware datetime.
    `words` puts codes into words; `tones` says which words stand out (done, wait, stop, doing).
    `total`: summed over everything asked.  `action`: something to do on the page (打印), no data.
    """

    name: str
    label: str
    of: Any
    kind: Kind = "text"
    read: Callable[..., Any] | None = None
    words: Mapping[str, str] | None = None
    tones: Mapping[str, str] = field(default_factory=dict)
    total: bool = False
    phone: Phone = "end"
    drill: Drill | None = None
    action: bool = False

    @property
    def parts(self) -> tuple[Any, ...]:
        return self.of if isinstance(self.of, tuple) else (self.of,)

    def value(self, raw: Sequence[Any], full: Set[str] = frozenset()) -> Any:
        """What people may read of the columns `parts`; `full`: kinds of numbers not masked."""
        value = self.read(*raw) if self.read else raw[0]
        if self.words is not None:
            value = self.words.get(value, value)
        mask = None if self.kind in full else MASKS.get(self.kind)
        return mask(value) if mask and value else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One thing that may be asked.  `of`: the expression it is compared with.

    text: equal; account: a number, gaps and all; words: contains; name: contains within one unit,
    else the whole name; person: an ID number, which travels as the number of a row; number: the id
    of a row, from a link; days and months: from … to, both included; fund_year: one that has ended.
    `where` replaces the comparison.  `default`: what holds while nobody asks otherwise (this month,
    this fund year, the last twelve months, the latest ended fund year, the first of its options).
    """

    name: str
    label: str
    kind: FilterKind
    of: Any = None
    options: Mapping[str, str] = field(default_factory=dict)
    default: Default = ""
    where: Callable[[Any, Asked], ColumnElement[bool]] | None = None

    @property
    def params(self) -> tuple[str, ...]:
        """Its names in an address."""
        ends = self.kind in ("days", "months")
        return (f"{self.name}_from", f"{self.name}_to") if ends else (self.name,)


@dataclass(frozen=True, slots=True)
class Order:
    """One expression of the order; together they name a row, and none of them is ever null."""

    of: Any
    kind: OrderKind


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose a row is: (unit, branch) columns; several pairs when several units may see it, of which
    the first is whose it is.

    `scoped`: the columns hold domains ("unit:0208…") instead of bare numbers.
    """

    pairs: tuple[tuple[Any, Any], ...]
    scoped: bool = False

    def within(self, domains: Set[str]) -> ColumnElement[bool]:
        if ANYWHERE in domains:
            return true()
        if not self.scoped:
            return or_(false(), *(within(domains, unit, branch) for unit, branch in self.pairs))
        units = sorted(domain for domain in domains if domain.startswith(UNIT))
        branches = sorted(d.removeprefix(BRANCH) for d in domains if d.startswith(BRANCH))
        found = [unit.in_(units) for unit, _ in self.pairs if units]
        found += [branch.in_(branches) for _, branch in self.pairs if branches]
        return or_(false(), *found)

    @property
    def owner(self) -> tuple[Any, Any]:
        return self.pairs[0]

    def domains(self, owner: Sequence[Any]) -> frozenset[str]:
        """Where a post must be held to read the numbers of a row with these `owner` values."""
        unit, branch = owner
        return frozenset((unit if self.scoped else f"{UNIT}{unit}", f"{BRANCH}{branch}"))

    def of_unit(self, unit_account_no: str) -> ColumnElement[bool]:
        wanted = UNIT + unit_account_no if self.scoped else unit_account_no
        return or_(*(unit == wanted for unit, _ in self.pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One register.  `source`: a Select without columns (tables, joins, what always holds).

    `sources`: ids of the manuals' rows it answers, or the capability where no manual has it.
    `needs`: at least one of these filters must be asked by everybody.  `narrow`: a reader of many
    units must name a unit or a person, for only those are found along an index.
    `params`: values of bound parameters of its expressions.
    `extra`: what links need beside the columns, by name.
    `grouped`: primary keys of the tables a row is of, when its columns are sums over other rows.
    `noun`: what its rows are counted in; `empty`: what to do when there are none.
    `page`: an own page of the hall that shows it (its endpoint); files come from here all the same.
    """

    key: str
    title: str
    sources: tuple[str, ...]
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...]
    source: Select[Any]
    reach: Reach
    order: tuple[Order, ...]
    newest_first: bool = True
    audience: Audience = "both"
    needs: tuple[str, ...] = ()
    narrow: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)
    grouped: tuple[Any, ...] = ()
    params: Callable[[Asked], Mapping[str, Any]] | None = None
    noun: str = "条"
    empty: str = "可以放宽查询条件再查询。"
    page: str = ""
    icon: str = "list-search"
