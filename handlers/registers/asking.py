"""What somebody asks of a register: words of an address become values, or a sentence each.

Whoever types an address may write anything: a name that is no condition is refused, a day that is
none is named beside its field and nothing is read, a page size nobody offers is the usual one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_

from engine.calendar import ZONE
from engine.database import number_in
from engine.errors import Forbidden, Problem, Refused
from engine.runtime import ANYWHERE, Actor
from handlers.identifiers import compact, half_width
from handlers.ledger.interest import fund_year, fund_year_of
from handlers.months import is_month, month_of
from handlers.privacy import masking
from handlers.privacy.masking import Policy
from handlers.registers.declaring import Column, Filter, Register
from handlers.units.reach import UNIT as UNIT_DOMAIN

WORDS_CHARS_MAX = 60  # longer than any name or number that is looked for
PAGE_ROWS = 20
ROWS_OFFERED = (20, 100, 500)  # 500 print on a dozen sheets; more belongs into a file
FUND_YEARS_OFFERED = 10
UNIT = "unit"
ROWS = "rows"
PAGING = frozenset({"after", "before"})
IN_FULL = "完整号码"
WRONG_DAY = "请按 2026-07-01 的样式填写。"
WRONG_MONTH = "请按 2026-07 的样式填写。"
WRONG_ORDER = "结束不能早于开始，请核对。"
WRONG_WORDS = "有无法识别的内容，请重新填写。"
_FIRST_YEAR, _LAST_YEAR = 1950, 2199


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: the domains of their posts, the day, and the one unit an operator belongs to.

    `full`: domain → kinds of numbers a post held there may read unmasked, if asked for.
    """

    domains: Set[str]
    today: date
    unit_account_no: str = ""
    full: Mapping[str, Set[str]] = field(default_factory=dict)

    @property
    def kind(self) -> Literal["operator", "staff"]:
        return "operator" if self.unit_account_no else "staff"

    def reads_in_full(self, domains: Iterable[str]) -> frozenset[str]:
        """Kinds of numbers this reader may see unmasked in rows of these domains."""
        return frozenset().union(*(self.full.get(one, ()) for one in (*domains, ANYWHERE)))


@dataclass(frozen=True, slots=True)
class Asked:
    """`words`: parameter → text, as an address carries it; `values`: filter → what it means
    (text, an id, a year, (first, last)); `problems`: parameter → sentence; `full`: with unmasked
    numbers where the reader may see them, which no address can say (`in_full`)."""

    register: Register
    reader: Reader
    words: Mapping[str, str]
    values: Mapping[str, Any]
    problems: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    rows: int = PAGE_ROWS
    full: bool = False

    @property
    def ready(self) -> bool:
        """Nothing is wrong and nothing is missing: rows may be read."""
        return not self.problems and not self.missing

    @property
    def missing(self) -> str:
        """What has to be said first; "" when enough is."""
        needs = self.register.needs
        if needs and not any(self.values.get(name) for name in needs):
            return f"请填写{_either(self.register, needs)}中的至少一项，再点查询。"
        if self.reader.kind == "staff" and self.register.narrow and not self._narrow:
            return "请先填写单位账号，或指明一名职工，再点查询。"
        return ""

    @property
    def _narrow(self) -> bool:
        named = [one.name for one in self.register.filters if one.kind in _NAMING]
        return bool(self.unit or any(self.values.get(name) for name in named))

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """Everything asked, beside whose rows they are."""
        found = [self.register.reach.of_unit(self.unit)] if self.unit else []
        for one in self.register.filters:
            value = self.values.get(one.name)
            if value is not None:
                found += _compared(one, value, self)
        return found

    @property
    def shown(self) -> list[tuple[str, str]]:
        """The conditions in words, for sheets and files; no number of a person among them."""
        found = [("号码", IN_FULL)] if self.full else []
        found += [("单位账号", self.unit)] if self.unit else []
        for one in self.register.filters:
            value = self.values.get(one.name)
            if value is not None and one.kind != "number":
                found.append((one.label, _in_words(one, value)))
        return found


_NAMING = ("name", "person", "number", "account")


def reader_of(actor: Actor, today: date, policy: Policy | None = None) -> Reader:
    """An operator's one post is in one unit; everybody else reads what their posts reach.

    `policy`: the centre's [privacy]; without it every number stays masked.
    """
    units = [domain for domain in actor.domains if domain.startswith(UNIT_DOMAIN)]
    own = units[0].removeprefix(UNIT_DOMAIN) if len(actor.domains) == len(units) == 1 else ""
    return Reader(actor.domains, today, own, masking.readable_by(policy or {}, actor))


def personal(columns: Iterable[Column], reader: Reader) -> tuple[str, ...]:
    """Kinds of numbers among these columns that the reader may see in full in some domain."""
    kinds = dict.fromkeys(column.kind for column in columns if column.kind in masking.KINDS)
    readable = reader.reads_in_full(reader.full)
    return tuple(kind for kind in kinds if kind in readable)


def in_full(asked: Asked, columns: Iterable[Column]) -> Asked:
    """The same with unmasked numbers; whoever calls writes down that they were looked at.

    Raises Forbidden when no post of the reader may see a number of these columns.
    """
    if not personal(columns, asked.reader):
        raise Forbidden(Problem("privacy.forbidden", "您的岗位不能查看这里的完整号码。"))
    return replace(asked, full=True)


def ask(register: Register, reader: Reader, words: Mapping[str, str]) -> Asked:
    """Read the words of an address or a form; raises Refused for a name that is no condition."""
    known = {param for one in register.filters for param in one.params}
    strange = [name for name in words if name not in known | PAGING | {UNIT, ROWS}]
    if strange:
        text = "网址里有本查询没有的条件，请从菜单重新打开。"
        raise Refused(Problem("registers.unknown_filter", text))
    kept: dict[str, str] = {}
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for one in register.filters:
        typed = _typed(one, words, reader.today)
        value, wrong = _READ[one.kind](one, typed, reader)
        if value is not None:
            values[one.name] = value
        problems |= wrong
        kept |= {name: text for name, text in typed.items() if text or one.default}
    rows = number_in(words.get(ROWS, ""))
    rows = rows if rows in ROWS_OFFERED else PAGE_ROWS
    unit = reader.unit_account_no
    if not unit:
        unit = compact(_clean(words.get(UNIT, "")) or "")
        kept |= {UNIT: unit} if unit else {}
    if rows != PAGE_ROWS:
        kept[ROWS] = str(rows)
    return Asked(register, reader, kept, values, problems, unit, rows)


def fund_years(today: date) -> dict[str, str]:
    """Ended fund years, the latest first: "2026" → 2025年7月至2026年6月."""
    latest = fund_year_of(today) - 1
    return {
        str(year): f"{year - 1}年7月至{year}年6月"
        for year in range(latest, latest - FUND_YEARS_OFFERED, -1)
    }


def day_in_words(typed: str) -> date | None:
    """2026-07-01, 2026/7/1 or 20260701; None for what is no day."""
    text = half_width(typed).replace("/", "-").replace(".", "-")
    if len(text) == len("20260701") and text.isdecimal():
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    parts = text.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() for part in parts):
        return None
    try:
        found = date(*(int(part[:5]) for part in parts))
    except ValueError:
        return None
    return found if _FIRST_YEAR <= found.year <= _LAST_YEAR else None


def month_in_words(typed: str) -> str | None:
    """2026-07 or 202607; None for what is no month."""
    text = half_width(typed).replace("/", "-").replace(".", "-")
    if len(text) == len("202607") and text.isdecimal():
        text = f"{text[:4]}-{text[4:]}"
    sound = is_month(text) and _FIRST_YEAR <= int(text[:4]) <= _LAST_YEAR
    return text if sound else None


# ── reading what was typed ─────────────────────────────────────────────────────────────────────

Read = tuple[Any, dict[str, str]]


def _typed(one: Filter, words: Mapping[str, str], today: date) -> dict[str, str]:
    """What was typed, or the default when this filter was not on the page at all."""
    if one.default and not any(name in words for name in one.params):
        return dict(zip(one.params, _default(one, today), strict=True))
    return {name: words.get(name, "")[:WORDS_CHARS_MAX].strip() for name in one.params}


def _default(one: Filter, today: date) -> tuple[str, ...]:
    if one.default == "latest":
        return (next(iter(fund_years(today))),)
    if one.default == "first":
        return (next(iter(one.options)),)
    first = {
        "month": today.replace(day=1),
        "fund_year": fund_year(fund_year_of(today))[0],
        "year": _a_year_before(today),
    }[one.default]
    return (month_of(first) if one.kind == "months" else first.isoformat(), "")


def _a_year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year - 1, day=28)


def _clean(typed: str) -> str | None:
    """None for what no column can hold: a database raises on a NUL instead of finding nothing."""
    text = typed[:WORDS_CHARS_MAX].strip()
    return text if text.isprintable() else None


def _text(one: Filter, typed: Mapping[str, str], reader: Reader) -> Read:
    text = _clean(typed[one.name])
    if text is None:
        return None, {one.name: WRONG_WORDS}
    if one.kind == "account":
        text = compact(text)
    return half_width(text) or None, {}


def _choice(one: Filter, typed: Mapping[str, str], reader: Reader) -> Read:
    options = fund_years(reader.today) if one.kind == "fund_year" else one.options
    text = typed[one.name]
    if one.kind == "fund_year" and text not in options:
        return None, {one.name: "请选择已经结束的公积金年度。"}
    return (text if text in options else None), {}


def _number(one: Filter, typed: Mapping[str, str], reader: Reader) -> Read:
    text = typed[one.name]
    found = number_in(text)
    if text and found is None:
        return None, {one.name: WRONG_WORDS}
    return found, {}


def _span(parse: Callable[[str], Any], sentence: str) -> Callable[..., Read]:
    def read(one: Filter, typed: Mapping[str, str], reader: Reader) -> Read:
        ends = [parse(text) if text else None for text in typed.values()]
        wrong = {
            name: sentence
            for (name, text), end in zip(typed.items(), ends, strict=True)
            if text and end is None
        }
        first, last = ends
        if first is not None and last is not None and last < first:
            wrong[one.params[1]] = WRONG_ORDER
        return (None if wrong or ends == [None, None] else (first, last)), wrong

    return read


_READ: Mapping[str, Callable[..., Read]] = {
    "text": _text,
    "account": _text,
    "words": _text,
    "name": _text,
    "choice": _choice,
    "fund_year": _choice,
    "number": _number,
    "person": _number,
    "days": _span(day_in_words, WRONG_DAY),
    "months": _span(month_in_words, WRONG_MONTH),
}


# ── what it means ──────────────────────────────────────────────────────────────────────────────


def _compared(one: Filter, value: Any, asked: Asked) -> list[ColumnElement[bool]]:
    if one.where is not None:
        return [one.where(value, asked)]
    if one.of is None:  # its value is a bound parameter of the register's expressions
        return []
    if one.kind in ("days", "months"):
        first, last = value
        return _between(one.of, first, last)
    # among a million people only a whole name is found through the index
    if one.kind == "words" or (one.kind == "name" and asked.unit):
        return [one.of.icontains(value, autoescape=True)]
    return [one.of == value]


def _between(column: Any, first: Any, last: Any) -> list[ColumnElement[bool]]:
    found = [column >= first] if first is not None else []
    return found + ([column <= last] if last is not None else [])


def _in_words(one: Filter, value: Any) -> str:
    if one.kind in ("days", "months"):
        first, last = value
        if first is None:
            return f"{last} 及以前"
        return f"{first} 至 {last}" if last is not None else f"{first} 起"
    if one.kind == "person":
        return "按号码筛选"
    if one.kind == "fund_year":
        return f"{int(value) - 1}年7月至{value}年6月"
    return one.options.get(value, value)


def _either(register: Register, needs: tuple[str, ...]) -> str:
    labels = [one.label for one in register.filters if one.name in needs and one.kind != "number"]
    return "、".join(labels)


def on_days(moment: Any) -> Callable[[Any, Asked], ColumnElement[bool]]:
    """`where` of a filter by local days over a column that holds moments."""

    def where(span: Any, _asked: Asked) -> ColumnElement[bool]:
        first, last = span
        found = [moment >= _midnight(first)] if first is not None else []
        if last is not None:
            found.append(moment < _midnight(last + timedelta(days=1)))
        return and_(*found)

    return where


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZONE)
