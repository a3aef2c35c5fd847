"""Invented people and numbers: right in every check digit, and nobody's.

Everything comes from a random generator with a fixed seed, so each demonstration is the same one.
Mobile numbers have 0000 in the middle, so that one sees at a glance that they are made up.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from handlers.identifiers import org_code_check_digit, resident_check_digit, uscc_check_digit

# What a registration authority writes into the first two places (GB 32100).
USCC_PREFIX = {"company": "91", "state": "91", "agency": "11", "public": "12"}
ECONOMIC_TYPE = {"company": "159", "state": "151", "agency": "110", "public": "110"}
_MEN = "德昌 永福 国强 建军 志明 文斌 光华 正龙 家祥 世荣 昌盛 宏伟 启明 朝阳 树林"
_WOMEN = "秀兰 玉梅 佳琪 秀英 海燕 春花 晓丽 银妹 美玲 桂芝 丽娟 雪梅 小凤 红霞 翠云"


@dataclass(frozen=True, slots=True)
class UnitFacts:
    branch_code: str
    kind: str
    industry: str
    name: str
    address: str

    @classmethod
    def parse(cls, table: str) -> tuple[UnitFacts, ...]:
        rows = []
        for line in table.strip().splitlines():
            left, address = line.split("|")
            branch_code, kind, industry, name = left.split(maxsplit=3)
            assert kind in USCC_PREFIX
            rows.append(cls(branch_code, kind, industry, name, address))
        return tuple(rows)


@dataclass(frozen=True, slots=True)
class StaffFacts:
    name: str
    branch_code: str
    posts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """One centre: `areas` gives area code, postcode, dialling code and town of each branch."""

    account_prefix: str
    login_prefix: str
    areas: dict[str, tuple[str, str, str, str]]
    surnames: str
    units: tuple[UnitFacts, ...]
    staff: tuple[StaffFacts, ...]
    names: str = ""  # whole names, where people have no surname
    surname_weights: str = ""  # "杨18 吴14": how common each is, for people by the thousand
    tibetan: float = 0.0  # share of people with a Tibetan name
    stems: str = ""  # what invented units are called after


@dataclass(frozen=True, slots=True)
class Somebody:
    name: str
    id_no: str
    mobile: str


class Inventor:
    """Makes numbers up, never the same twice."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self._used: set[str] = set()

    def somebody(self, facts: Facts, area: str) -> Somebody:
        woman = self.random.random() < 0.5
        if facts.names and self.random.random() < 0.7:
            name = self.random.choice(facts.names.split())
        else:
            given = (_WOMEN if woman else _MEN).split()
            name = self.random.choice(facts.surnames) + self.random.choice(given)
        return Somebody(name, self.resident_id(area, woman=woman), self.mobile())

    def resident_id(self, area: str, *, woman: bool) -> str:
        born = date(1968, 1, 1) + timedelta(days=self.random.randrange(365 * 32))
        order = self.random.randrange(1, 499) * 2 + (0 if woman else 1)
        first17 = f"{area}{born:%Y%m%d}{order:03d}"
        return self._once(first17 + resident_check_digit(first17), area, woman)

    def _once(self, number: str, area: str, woman: bool) -> str:
        if number in self._used:
            return self.resident_id(area, woman=woman)
        self._used.add(number)
        return number

    def mobile(self) -> str:
        head = self.random.choice(("135", "136", "138", "139", "150", "158", "180", "189"))
        number = f"{head}0000{self.random.randrange(10_000):04d}"
        if number in self._used:
            return self.mobile()
        self._used.add(number)
        return number

    def uscc(self, kind: str, area: str) -> str:
        if kind in ("company", "state"):
            tail = "".join(self.random.choice("0123456789ABCDEFGHJKLMNPQRTUWXY") for _ in range(6))
            first8 = f"MA{tail}"
        else:
            first8 = f"{self.random.randrange(42_900_000, 43_000_000)}"
        first17 = USCC_PREFIX[kind] + area + first8 + org_code_check_digit(first8)
        return first17 + uscc_check_digit(first17)

    def bank_account(self) -> str:
        return "5200" + "".join(self.random.choice("0123456789") for _ in range(16))
