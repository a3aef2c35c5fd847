"""What an expression or script may cost: every run counts steps and stops at a limit.

A step is a round of a loop, an operation, or so many characters or items copied, compared or built,
and is paid before the work is done: memory and time are bounded by the same number.  No signals and
no threads, so it holds in any worker; the clock (CPU time of this thread) is only a backstop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from types import GeneratorType
from typing import Any

STEPS_MAX = 300_000  # twenty thousand rounds of a loop of some lines; about 60 ms
CPU_SECONDS_MAX = 0.25  # the backstop, should something cost more than its steps
STEPS_BETWEEN_LOOKS = 256  # looking at the clock costs as much as three steps
CHARS_PER_STEP = 32  # built: a run makes at most 9.6 million characters
ITEMS_PER_STEP = 4  # built: at most 1.2 million places in lists
SEEN_PER_STEP = 16  # only looked at
NUMBER_MAX = 2**63  # what can be stored; longer ones cost time
EXPONENT_MAX = 64
DIGITS_MAX = 18  # of round()
FIELD_CHARS_MAX = 100  # of zfill()

_SCALARS = frozenset((str, int, float, bool, type(None)))
_STR = frozenset(
    ("startswith", "endswith", "strip", "lstrip", "rstrip", "upper", "lower", "split", "splitlines")
    + ("join", "replace", "find", "count", "index", "zfill", "removeprefix", "removesuffix")
    + ("isdigit", "isdecimal", "isalpha", "isalnum")
)
_DICT = frozenset(
    ("get", "keys", "values", "items", "copy", "pop", "clear", "setdefault", "update")
)
_LIST = frozenset(
    ("append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse")
    + ("index", "count", "copy")
)
METHODS = _STR | _DICT | _LIST
CHANGING = frozenset(
    ("append", "extend", "insert", "remove", "pop", "clear", "update", "setdefault")
    + ("sort", "reverse")
)
_OF_TYPE: dict[type, frozenset[str]] = {str: _STR, dict: _DICT, list: _LIST}
_NAMES = {str: "文字", dict: "字典", list: "列表", int: "数字", float: "数字", bool: "真假"}


class OverLimit(Exception):  # noqa: N818
    """The run has cost too much; scripts have no `try`, so nothing can hold it up."""


class Unfit(TypeError):
    """An operation this value does not have; the text is a Chinese sentence without data."""


def kind(value: Any) -> str:
    """What people call the type of this value."""
    return "空值" if value is None else _NAMES.get(type(value), "其他内容")


def larger(value: Any, size_max: int) -> bool:
    """Does this value hold more items and characters than that, counted as a walk meets them?"""
    size, stack = 0, [value]
    while stack and size <= size_max:
        here = stack.pop()
        if type(here) is dict:
            size += len(here)
            if size <= size_max:
                stack += here.keys()
                stack += here.values()
        elif type(here) in (list, tuple, set):
            size += len(here)
            if size <= size_max:
                stack += here
        elif type(here) is str:
            size += len(here)
    return size > size_max


class Meter:
    """The account of one run, and the operations that are paid from it.

    A public method `x` (or `x_`) is `_x_` in compiled code, see `sandbox`.
    """

    __slots__ = ("_left", "_until", "_watch")

    def __init__(self) -> None:
        self._left = STEPS_MAX
        self._watch = STEPS_MAX - STEPS_BETWEEN_LOOKS
        self._until = 0.0

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < self._watch:
            self._look()

    def _look(self) -> None:
        if self._left < 0:
            raise OverLimit(f"超过 {STEPS_MAX} 步，已停止；请检查循环，或减少要处理的数据")
        self._watch = self._left - STEPS_BETWEEN_LOOKS
        now = time.thread_time()
        if not self._until:
            self._until = now + CPU_SECONDS_MAX
        elif now > self._until:
            raise OverLimit("计算时间过长，已停止；请检查循环，或减少要处理的数据")

    # loops

    def each(self, source: Iterable[Any], cost: int) -> Iterator[Any]:
        for item in source:
            self._left -= cost
            if self._left < self._watch:
                self._look()
            yield item

    def counted(self, cost: int, value: Any) -> Any:
        self._spend(cost)
        return value

    def _items(self, source: Any) -> Any:
        """A collection that can be walked at once, paid for."""
        if type(source) in (list, tuple, dict, set, str):
            self._spend(1 + len(source) // ITEMS_PER_STEP)
            return source
        return list(self.each(source, 1))

    # comparing

    def weighed(self, value: Any) -> Any:
        """The value, when it may be compared: what hangs below it is paid for.

        Lists that hold the same list twice, forty levels deep, are small in memory and endless to
        walk: hence counted as a walk meets them.
        """
        if type(value) not in _SCALARS or type(value) is str:
            self._spend(1 + self._weight(value) // SEEN_PER_STEP)
        return value

    def _weight(self, value: Any) -> int:
        """Items and 1/32 of the characters below a value; pays for the walk while it walks."""
        if type(value) is str:
            return 1 + len(value) // CHARS_PER_STEP
        weight, stack = 0, [value]
        while stack:
            here = stack.pop()
            weight += 1
            if type(here) is str:
                weight += len(here) // CHARS_PER_STEP
            elif type(here) is dict:
                self._spend(len(here) // SEEN_PER_STEP)
                stack += here.keys()
                stack += here.values()
            elif type(here) in (list, tuple, set):
                self._spend(len(here) // SEEN_PER_STEP)
                stack += here
            if weight % SEEN_PER_STEP == 0:
                self._spend(1)
        return weight

    # arithmetic

    def _number(self, value: Any) -> Any:
        if type(value) is int and not -NUMBER_MAX <= value <= NUMBER_MAX:
            raise OverLimit("数字过大，已停止")
        return value

    def add(self, left: Any, right: Any) -> Any:
        if type(left) is str and type(right) is str:
            self._spend(1 + (len(left) + len(right)) // CHARS_PER_STEP)
            return left + right
        if type(left) is list and type(right) is list:
            self._spend(1 + (len(left) + len(right)) // ITEMS_PER_STEP)
            return left + right
        self._numbers(left, right)
        return self._number(left + right)

    def sub(self, left: Any, right: Any) -> Any:
        self._numbers(left, right)
        return self._number(left - right)

    def mult(self, left: Any, right: Any) -> Any:
        if type(right) in (str, list):
            left, right = right, left
        if type(left) in (str, list) and type(right) is int:
            unit = CHARS_PER_STEP if type(left) is str else ITEMS_PER_STEP
            self._spend(1 + len(left) * max(right, 0) // unit)
            return left * right
        self._numbers(left, right)
        return self._number(left * right)

    def div(self, left: Any, right: Any) -> Any:
        self._numbers(left, right)
        return left / right

    def floordiv(self, left: Any, right: Any) -> Any:
        self._numbers(left, right)
        return left // right

    def mod(self, left: Any, right: Any) -> Any:
        self._numbers(left, right)
        return left % right

    def power(self, left: Any, right: Any) -> Any:
        self._numbers(left, right)
        if abs(right) > EXPONENT_MAX:
            raise OverLimit(f"乘方的指数最大为 {EXPONENT_MAX}")
        value = left**right
        if type(value) is complex:
            raise Unfit("负数不能开方")
        return self._number(value)

    def _numbers(self, left: Any, right: Any) -> None:
        self._spend(1)
        for value in (left, right):
            if type(value) not in (int, float, bool):
                raise Unfit(f"{kind(left)}与{kind(right)}不能这样运算")
            self._number(value)

    def round_(self, value: Any, digits: int = 0) -> Any:
        self._numbers(value, digits)
        if not -DIGITS_MAX <= digits <= DIGITS_MAX:
            raise OverLimit(f"round 的位数最大为 {DIGITS_MAX}")
        return round(value, digits) if digits else round(value)

    def int_(self, value: Any = 0) -> Any:
        if len(self.str_(value)) > FIELD_CHARS_MAX:
            raise OverLimit("数字过大，已停止")
        return self._number(int(value))

    # text

    def scalar(self, value: Any) -> Any:
        if type(value) not in _SCALARS:
            raise Unfit(f"{kind(value)}不能直接写成文字")
        self._spend(1 + (len(value) // CHARS_PER_STEP if type(value) is str else 0))
        return self._number(value)

    def str_(self, value: Any = "") -> str:
        return str(self.scalar(value))

    def sliced(self, value: Any) -> Any:
        if type(value) not in (str, list, tuple):
            raise Unfit(f"{kind(value)}不能取一段")
        unit = CHARS_PER_STEP if type(value) is str else ITEMS_PER_STEP
        self._spend(1 + len(value) // unit)
        return value

    # functions over collections

    def tuple_(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        """Tuples in tuples could be endless to hash; nobody needs them."""
        if tuple in map(type, value):
            raise Unfit("圆括号中不能再放圆括号，请用列表")
        self._spend(1)
        return value

    def sum_(self, source: Any, start: Any = 0) -> Any:
        total = start
        for value in self.each(source, 1):
            self._numbers(total, value)
            total += value
        return self._number(total)

    def any_(self, source: Any) -> bool:
        return any(source if type(source) is GeneratorType else self.each(source, 1))

    def all_(self, source: Any) -> bool:
        return all(source if type(source) is GeneratorType else self.each(source, 1))

    def min_(self, *values: Any, **options: Any) -> Any:
        return self._choice(min, values, options)

    def max_(self, *values: Any, **options: Any) -> Any:
        return self._choice(max, values, options)

    def _choice(
        self, choose: Callable[..., Any], values: tuple[Any, ...], options: dict[str, Any]
    ) -> Any:
        source = self._items(values[0]) if len(values) == 1 else values
        return choose(self.weighed(source), **options)

    def sorted_(self, source: Any, **options: Any) -> list[Any]:
        items = self.weighed(list(self._items(source)))
        self._spend(len(items))
        return sorted(items, **options)

    def list_(self, source: Any = ()) -> Any:
        return list(self._items(source))

    def dict_(self, source: Any = (), **more: Any) -> Any:
        if type(source) is dict:
            self._spend(1 + len(source) // ITEMS_PER_STEP)
            return {**source, **more}
        return {**{key: value for key, value in self.each(source, 1)}, **more}

    # methods

    def method(self, target: Any, name: str, *args: Any, **named: Any) -> Any:
        """`target.name(...)`, for text, lists and dicts."""
        if name not in _OF_TYPE.get(type(target), ()):
            raise Unfit(f"{kind(target)}没有方法 {name}")
        self._spend(1 + len(target) // CHARS_PER_STEP)
        special = _SPECIAL.get((type(target), name))
        if special is not None:
            return special(self, target, *args, **named)
        return getattr(target, name)(*args, **named)

    def _join(self, target: str, source: Any) -> str:
        items = self._items(source)
        chars = sum(len(item) for item in items) + len(target) * len(items)
        self._spend(chars // CHARS_PER_STEP)
        return target.join(items)

    def _replace(self, target: str, old: str, new: str) -> str:
        grown = target.count(old) * len(new)
        self._spend(grown // CHARS_PER_STEP)
        return target.replace(old, new)

    def _zfill(self, target: str, width: int) -> str:
        if width > FIELD_CHARS_MAX:
            raise OverLimit(f"zfill 的宽度最大为 {FIELD_CHARS_MAX}")
        return target.zfill(width)

    def _split(self, target: str, *args: Any, **named: Any) -> list[str]:
        self._spend(len(target) // ITEMS_PER_STEP)
        return target.split(*args, **named)

    def _splitlines(self, target: str) -> list[str]:
        self._spend(len(target) // ITEMS_PER_STEP)
        return target.splitlines()

    def _extend(self, target: list[Any], source: Any) -> None:
        target.extend(self._items(source))

    def _sort(self, target: list[Any], **options: Any) -> None:
        target[:] = self.sorted_(target, **options)

    def _copy(self, target: Any) -> Any:
        self._spend(len(target) // ITEMS_PER_STEP)
        return target.copy()

    def _find(self, target: list[Any], value: Any, name: str) -> Any:
        self.weighed(target)
        return getattr(target, name)(self.weighed(value))

    def _remove(self, target: list[Any], value: Any) -> None:
        self._find(target, value, "remove")

    def _index(self, target: list[Any], value: Any) -> int:
        found: int = self._find(target, value, "index")
        return found

    def _count(self, target: list[Any], value: Any) -> int:
        found: int = self._find(target, value, "count")
        return found

    def _keys(self, target: dict[str, Any]) -> list[str]:
        return list(self._items(target))

    def _values(self, target: dict[str, Any]) -> list[Any]:
        return self._copied(target, target.values())

    def _pairs(self, target: dict[str, Any]) -> list[Any]:
        return [[key, value] for key, value in self._copied(target, target.items())]

    def _copied(self, target: dict[str, Any], view: Iterable[Any]) -> list[Any]:
        self._spend(len(target) // ITEMS_PER_STEP)
        return list(view)

    def _update(self, target: dict[str, Any], source: Any = (), **more: Any) -> None:
        target.update(self.dict_(source, **more))


_SPECIAL: dict[tuple[type, str], Callable[..., Any]] = {
    (str, "join"): Meter._join,
    (str, "replace"): Meter._replace,
    (str, "zfill"): Meter._zfill,
    (str, "split"): Meter._split,
    (str, "splitlines"): Meter._splitlines,
    (list, "extend"): Meter._extend,
    (list, "sort"): Meter._sort,
    (list, "copy"): Meter._copy,
    (list, "remove"): Meter._remove,
    (list, "index"): Meter._index,
    (list, "count"): Meter._count,
    (dict, "copy"): Meter._copy,
    (dict, "keys"): Meter._keys,
    (dict, "values"): Meter._values,
    (dict, "items"): Meter._pairs,
    (dict, "update"): Meter._update,
}
GUARDS = {
    f"_{name.rstrip('_')}_": function
    for name, function in vars(Meter).items()
    if not name.startswith("_")
}
