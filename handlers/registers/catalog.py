"""All registers there are, and which of them a centre offers to whom, under which words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.errors import HallError, NotFound, Problem
from handlers.centers import Center, RegisterEntry
from handlers.registers import books, changes, logs, payments, staff, undoing, units
from handlers.registers.asking import Reader
from handlers.registers.declaring import Column, Register

ALL: tuple[Register, ...] = (
    *staff.REGISTERS,
    *changes.REGISTERS,
    *payments.REGISTERS,
    *books.REGISTERS,
    *units.REGISTERS,
    *logs.REGISTERS,
    *undoing.REGISTERS,
)
BY_KEY = {register.key: register for register in ALL}
assert len(BY_KEY) == len(ALL), "two registers of one key"


@dataclass(frozen=True, slots=True)
class Offered:
    """A register as one centre shows it: its name, its group, the places of the columns shown."""

    register: Register
    name: str
    group: str
    places: tuple[int, ...]
    columns: tuple[Column, ...]

    @property
    def key(self) -> str:
        return self.register.key

    @property
    def data(self) -> list[tuple[int, Column]]:
        """Places and columns of a file: without what is only to be clicked on."""
        pairs = zip(self.places, self.columns, strict=True)
        return [(place, column) for place, column in pairs if not column.action]


def offered(center: Center, reader: Reader) -> list[Offered]:
    """What the centre's file lists and this reader may open, in the order of the file."""
    return [
        _offer(center, entry, BY_KEY[entry.key])
        for entry in center.registers
        if entry.key in BY_KEY and _may(BY_KEY[entry.key], reader)
    ]


def find(center: Center, reader: Reader, key: str) -> Offered:
    """NotFound for what does not exist, is not offered here or is not for this reader: drills
    (remittance_lines) need no entry of their own."""
    register = BY_KEY.get(key)
    entry = next((one for one in center.registers if one.key == key), None)
    entry = entry or (RegisterEntry(key=key) if key in _reached_from(center) else None)
    if register is None or entry is None or not _may(register, reader):
        text = "没有这项查询，请从左侧菜单重新打开。"
        raise NotFound(Problem("registers.not_found", text))
    return _offer(center, entry, register)


def misfits(center: Center) -> Iterable[Problem]:
    """What center.toml says of registers that do not exist: one sentence each."""
    for entry in center.registers:
        register = BY_KEY.get(entry.key)
        if register is None:
            known = "、".join(BY_KEY)
            text = f"registers 里的查询“{entry.key}”不存在，可以使用的有：{known}。"
            yield Problem("registers.unknown", text)
            continue
        columns = [column.name for column in register.columns]
        for name in (*entry.hidden, *entry.labels):
            if name not in columns:
                text = f"查询“{entry.key}”没有列“{name}”，可以使用的有：{'、'.join(columns)}。"
                yield Problem("registers.unknown_column", text)


def check(center: Center) -> None:
    for problem in misfits(center):
        raise HallError(problem)


def _reached_from(center: Center) -> set[str]:
    """Registers that columns of offered ones lead to."""
    shown = [BY_KEY[entry.key] for entry in center.registers if entry.key in BY_KEY]
    drills = [column.drill.place for one in shown for column in one.columns if column.drill]
    return {place.removeprefix("register:") for place in drills if place.startswith("register:")}


def _may(register: Register, reader: Reader) -> bool:
    return register.audience in ("both", reader.kind)


def _offer(center: Center, entry: RegisterEntry, register: Register) -> Offered:
    shown = [
        (place, replace(column, label=entry.labels.get(column.name, column.label)))
        for place, column in enumerate(register.columns)
        if column.name not in entry.hidden
    ]
    return Offered(
        register=register,
        name=entry.name or register.title,
        group=entry.group or center.query_group,
        places=tuple(place for place, _ in shown),
        columns=tuple(column for _, column in shown),
    )
