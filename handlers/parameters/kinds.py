"""What kinds of value a parameter may have, how each is written in a file and read on a screen.

A value is text in `center.toml` and in the table, and `Decimal`, `int` or `str` in Python.  `parse`
knows the kind alone, so that history stays readable when bounds move; `check` knows the bounds and
is asked when a value is entered.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, TypeVar

from engine.errors import Problem
from handlers.amounts import MONEY_CENTS_MAX, money_text, parse_money

VALUE_CHARS_MAX = 60  # the column `hall_parameter.value`; the longest number has 20
PLACES_MAX = 4  # 3.075 needs three; the central bank has never published more than four

_NUMBER = re.compile(rf"\d{{1,9}}(?:\.\d{{1,{PLACES_MAX}}})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)

V = TypeVar("V", Decimal, int, str)


@dataclass(frozen=True, kw_only=True)
class Parameter(ABC, Generic[V]):
    """One declared parameter; `source` is the rule that asks for it, not of one value.

    `continuous`: from its first day on every day has a value.  `by_branch`: a branch may have its
    own value, the others use the centre's.  `yearly`: published anew each year.
    """

    key: str
    name: str
    group: str
    source: str
    continuous: bool = True
    by_branch: bool = False
    yearly: bool = False

    @abstractmethod
    def parse(self, text: str) -> V | Problem:
        """`parameter.kind` when it is not a value of this kind."""

    @abstractmethod
    def check(self, value: V) -> Problem | None:
        """`parameter.bounds` when it cannot be right."""

    @abstractmethod
    def text(self, value: V) -> str:
        """How the value is stored; `parse` gives it back."""

    @abstractmethod
    def words(self, value: V) -> str:
        """How the value reads on a screen."""

    def read(self, text: str) -> str | Problem:
        """What a person has written, as it will be stored; refused when it cannot be right."""
        value = self.parse(text)
        wrong = value if isinstance(value, Problem) else self.check(value)
        if wrong is not None:
            return wrong
        assert not isinstance(value, Problem)
        return self.text(value)

    def stored(self, text: str) -> V:
        """The value of a row of the table."""
        value = self.parse(text)
        assert not isinstance(value, Problem), f"{self.key}: {text!r} was checked when written"
        return value

    def shown(self, text: str) -> str:
        """A row of the table in words."""
        return self.words(self.stored(text))


@dataclass(frozen=True, kw_only=True)
class Number(Parameter[Decimal]):
    """A decimal with at most four places, between two bounds, both included."""

    low: Decimal
    high: Decimal
    unit: str

    def parse(self, text: str) -> Decimal | Problem:
        if _NUMBER.fullmatch(text) is None:
            return _kind(f'应为不超过 {PLACES_MAX} 位小数的数字，例如 "1.50"', text)
        return Decimal(text)

    def check(self, value: Decimal) -> Problem | None:
        if self.low <= value <= self.high:
            return None
        return _bounds(self.words(self.low), self.words(self.high), self.words(value))

    def text(self, value: Decimal) -> str:
        """1.50 and 1.5 are one value, so they have one text."""
        return f"{value.normalize():f}"

    def words(self, value: Decimal) -> str:
        return f"{self.text(value)} {self.unit}"


@dataclass(frozen=True, kw_only=True)
class Percent(Number):
    """Percent, not a fraction: 1.50 is 1.50 %."""

    unit: str = "%"

    def words(self, value: Decimal) -> str:
        """1.50%: at least two places, as the notices print it."""
        places = max(2, -int(value.normalize().as_tuple().exponent))
        return f"{value:.{places}f}%"


@dataclass(frozen=True, kw_only=True)
class Money(Parameter[int]):
    """Written in yuan ("1890.00"), an integer number of 分 in Python."""

    low_cents: int = 1
    high_cents: int = MONEY_CENTS_MAX

    def parse(self, text: str) -> int | Problem:
        cents = parse_money(text)
        if isinstance(cents, Problem):
            return _kind('应为以元为单位、不超过两位小数的金额，例如 "1890.00"', text)
        return cents

    def check(self, value: int) -> Problem | None:
        if self.low_cents <= value <= self.high_cents:
            return None
        return _bounds(self.words(self.low_cents), self.words(self.high_cents), self.words(value))

    def text(self, value: int) -> str:
        return f"{value // 100}.{value % 100:02d}"

    def words(self, value: int) -> str:
        return f"{money_text(value)} 元"


@dataclass(frozen=True, kw_only=True)
class Whole(Parameter[int]):
    """A whole number; `among` lists the only ones there are."""

    low: int
    high: int
    unit: str
    among: tuple[int, ...] = ()

    def parse(self, text: str) -> int | Problem:
        if _WHOLE.fullmatch(text) is None:
            return _kind('应为整数，例如 "30"', text)
        return int(text)

    def check(self, value: int) -> Problem | None:
        if self.among and value not in self.among:
            allowed = "、".join(str(each) for each in self.among)
            return Problem("parameter.bounds", f"只能是 {allowed}，现在是 {value}。")
        if self.low <= value <= self.high:
            return None
        return _bounds(self.words(self.low), self.words(self.high), self.words(value))

    def text(self, value: int) -> str:
        return str(value)

    def words(self, value: int) -> str:
        return f"{value} {self.unit}"


@dataclass(frozen=True, kw_only=True)
class Choice(Parameter[str]):
    """One of a few ways of doing it: code → words."""

    options: Mapping[str, str] = field(default_factory=dict, hash=False)

    def parse(self, text: str) -> str | Problem:
        if text not in self.options:
            allowed = "、".join(f'"{code}"（{words}）' for code, words in self.options.items())
            return _kind(f"只能是 {allowed}", text)
        return text

    def check(self, value: str) -> Problem | None:
        return None  # parse has looked at the list

    def text(self, value: str) -> str:
        return value

    def words(self, value: str) -> str:
        return self.options[value]


def _kind(expected: str, text: str) -> Problem:
    shown = text if len(text) <= VALUE_CHARS_MAX else text[:VALUE_CHARS_MAX] + "…"
    return Problem("parameter.kind", f'{expected}，现在是 "{shown}"。')


def _bounds(low: str, high: str, value: str) -> Problem:
    return Problem("parameter.bounds", f"应在 {low} 至 {high} 之间，现在是 {value}。")
