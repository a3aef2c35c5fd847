"""The units of a demonstration: the named ones of the centre, and as many more as are asked for.

Sizes are heavy-tailed (few large, many small), and of forty units each has its own trouble: late,
behind, deferred, paying ahead, paying what fits no bill, booked twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from random import Random
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from handlers.demo import loading
from handlers.demo.crews import CLOSED_SHARE, FROZEN_SHARE, Firm, Habits, Heads, heads_of
from handlers.demo.names import Names
from handlers.demo.numbers import Numbers
from handlers.demo.people import Facts, Inventor, Somebody, UnitFacts
from handlers.demo.window import Window
from handlers.months import month_of
from handlers.units.models import Unit

ANNUAL, RATES_CHANGE = "annual_assessment", "rate_adjustment"  # keys of services
CALM_UNITS = 3  # those of the tour: nothing but what a unit sees every month
SLOTS = 40  # one unit in so many has each trouble
FREEZING = 24
RATE_SLOTS = 8  # one unit in so many has changed its rates
MONTHS_FOR_TROUBLE = 10
MEMBERS_MIN = 3
PARETO = 1.15  # the smaller, the heavier the tail
LARGEST = 60.0  # times the smallest: one unit must not be half the centre
CAPITAL_SHARE = 0.2  # of the units, on top of its own eighth
YOUNG_SHARE, YOUNG_MONTHS = 0.05, 12  # units opened within the window, and how early in it
FIRST_ACCOUNT, ACCOUNT_STEP = 100_000, 7  # behind the numbers of the named units
# How often each rate is met (条例 art. 18: at least 5; at most 12 in practice).
RATES, RATES_WEIGHTS = (5, 6, 7, 8, 9, 10, 11, 12), (20, 6, 8, 24, 4, 14, 2, 22)
# Kind of body, industry (GB/T 4754 section) and what its names end in; the commonest first.
_TRADES = tuple(
    line.split()
    for line in """
company F 商贸有限公司
company C 食品有限公司
company E 建筑工程有限公司
public P 小学
company H 酒店管理有限公司
company G 物流有限公司
public Q 卫生院
company I 信息技术有限公司
public P 中学
company K 物业服务有限公司
company C 建材有限公司
company R 文化传播有限公司
agency S 便民服务中心（演示）
company A 农业开发有限公司
public P 幼儿园
company L 人力资源有限公司
state D 供水有限公司
public N 水库管理所
state L 城市建设投资有限公司
company Q 医院有限公司
company B 矿业有限公司
company J 小额贷款有限公司
""".strip().splitlines()
)
_STREETS = "人民 解放 建设 中山 环城东 环城西 文化 新华 民族 团结 滨河 友谊 振兴 学府"


@dataclass(frozen=True)
class Plan:
    """What was asked for, of which centre and when."""

    facts: Facts
    window: Window
    units: int
    members: int
    seed: int
    services: frozenset[str] = frozenset()  # what the centre offers

    @cached_property
    def kept(self) -> int:
        """The fund year in which some units have not adjusted bases yet; 0: all of them have.

        The last one, if it began within the window; never where every year is assessed anew.
        """
        year = self.window.year(self.window.count - 1)
        return year if year > self.window.year(0) and ANNUAL not in self.services else 0


def invent(session: Session, plan: Plan, numbers: Numbers, password_hash: str) -> None:
    """Add the units beyond the named ones, each with an operator."""
    facts = plan.facts
    seed = f"{plan.seed}/{facts.account_prefix}/units"
    chance, inventor, names = Random(seed), Inventor(seed), Names(facts)
    used = {unit.name for unit in facts.units}
    for place in range(plan.units - len(facts.units)):
        unit = _invented(plan, chance, inventor, used)
        branch = list(facts.areas).index(unit.branch_code)
        serial = FIRST_ACCOUNT + place * ACCOUNT_STEP
        unit.unit_account_no = f"{facts.account_prefix}{10 + branch}{serial:06d}"
        unit.unit_email = f"u{serial:06d}@example.cn"
        area = facts.areas[unit.branch_code][0]
        head, operator = (_somebody(chance, names, numbers, area) for _ in range(2))
        unit.legal_rep_name, unit.legal_rep_id_no = head.name, head.id_no
        session.add_all((unit, loading.operator(unit, operator, 1, password_hash)))


def _invented(plan: Plan, chance: Random, inventor: Inventor, used: set[str]) -> Unit:
    facts = plan.facts
    branches = list(facts.areas)
    branch = branches[0] if chance.random() < CAPITAL_SHARE else chance.choice(branches)
    kind, industry, tail = _TRADES[int(len(_TRADES) * chance.random() ** 1.3)]
    town = facts.areas[branch][3]
    name = town + chance.choice(facts.stems.split()) + tail
    while name in used:
        name = town + "".join(chance.sample(facts.stems.split(), 2)) + tail
    used.add(name)
    address = f"{town}{chance.choice(_STREETS.split())}路 {chance.randrange(1, 300)} 号"
    made = UnitFacts(branch, kind, industry, name, address)
    unit = loading.unit_row(facts, made, inventor, today=plan.window.today)
    unit.unit_rate, unit.individual_rate = _rates(chance)
    if chance.random() < YOUNG_SHARE and plan.window.count > YOUNG_MONTHS + MONTHS_FOR_TROUBLE:
        founded = plan.window.first_day + timedelta(days=chance.randrange(30 * YOUNG_MONTHS))
        unit.unit_founded_on, unit.unit_opened_on = founded, founded + timedelta(days=20)
    return unit


def _rates(chance: Random) -> tuple[Decimal, Decimal]:
    """Mostly the same on both sides."""
    unit = chance.choices(RATES, RATES_WEIGHTS)[0]
    person = unit if chance.random() < 0.9 else max(RATES[0], unit - chance.randrange(1, 3))
    return Decimal(unit), Decimal(person)


def _somebody(chance: Random, names: Names, numbers: Numbers, area: str) -> Somebody:
    woman = chance.random() < 0.5
    born = date(1968, 1, 1) + timedelta(days=chance.randrange(365 * 30))
    name = names.draw(chance, woman=woman, born=born.year)
    return Somebody(name, numbers.resident_id(area, born, woman=woman), numbers.mobile())


# ── as the books see them ──────────────────────────────────────────────────────────────────────
def firms(session: Session, plan: Plan) -> list[Firm]:
    """Every unit of the centre with its heads and habits, in the order of opening."""
    mine = Unit.branch_code.in_(plan.facts.areas)
    units = session.scalars(select(Unit).where(mine).order_by(Unit.id).limit(plan.units)).all()
    named = len(plan.facts.units)
    heads = [_named_heads(unit) for unit in units[:named]]
    rest = plan.members - sum(each.total for each in heads)
    heads += map(heads_of, _sizes(plan, len(units) - len(heads), rest))
    heads = [_with_frozen(each, _slot(place, plan.seed)) for place, each in enumerate(heads)]
    return [
        Firm(
            account_no=unit.unit_account_no,
            branch_code=unit.branch_code,
            industry=unit.unit_industry,
            opened_on=unit.unit_opened_on or plan.window.first_day,
            pay_day=unit.pay_day or 15,
            unit_rate=unit.unit_rate,
            individual_rate=unit.individual_rate,
            heads=heads[place],
            habits=_habits(plan, unit, place),
            **_adjusted(plan, unit, place),
        )
        for place, unit in enumerate(units)
    ]


def _adjusted(plan: Plan, unit: Unit, place: int) -> dict[str, Any]:
    """Those of the tour have their bases still to adjust; some have changed their rates instead."""
    if not plan.kept or place < CALM_UNITS:
        return {"kept": plan.kept}
    if place % RATE_SLOTS != RATE_SLOTS // 2 or RATES_CHANGE not in plan.services:
        return {}
    step = -1 if unit.unit_rate > min(RATES) and unit.individual_rate > min(RATES) else 1
    return {
        "kept": plan.kept,
        "rates_before": (unit.unit_rate + step, unit.individual_rate + step),
    }


def _slot(place: int, seed: int) -> int | None:
    return None if place < CALM_UNITS else (place + seed) % SLOTS


def _named_heads(unit: Unit) -> Heads:
    """What the unit's record says, and those whom it does not count."""
    active, sealed = unit.active_headcount, unit.sealed_headcount
    return Heads(active, sealed, int(active * CLOSED_SHARE), int(active * FROZEN_SHARE))


def _with_frozen(heads: Heads, slot: int | None) -> Heads:
    return replace(heads, frozen=max(heads.frozen, int(slot == FREEZING)))


def _sizes(plan: Plan, count: int, members: int) -> Iterator[int]:
    """So many units share the members: a few have hundreds, most a dozen."""
    chance = Random(f"{plan.seed}/{plan.facts.account_prefix}/sizes")
    weights = [min(chance.paretovariate(PARETO), LARGEST) for _ in range(count)]
    left, whole = members, sum(weights)
    for weight in weights:
        size = max(MEMBERS_MIN, round(left * weight / whole))
        left, whole = max(0, left - size), whole - weight
        yield size


def _habits(plan: Plan, unit: Unit, place: int) -> Habits:
    window, count = plan.window, plan.window.count
    opened = max(0, window.place(month_of(unit.unit_opened_on or window.first_day)))
    behind = max(0, min(count, count - 1 - window.place(unit.paid_through_month)))
    slot = _slot(place, plan.seed) if count - opened >= MONTHS_FOR_TROUBLE else None
    troubles = {
        10: Habits(opened, advance=max(opened, count - 5)),
        12: Habits(opened, stray=count - 1),
        14: Habits(opened, refund=count - 5),
        16: Habits(opened, twice=count - 3),
        18: Habits(opened, twice=count - 8),
        20: Habits(opened, behind=1),
        22: Habits(opened, late=count - 6),
        26: Habits(opened, behind=3),
        28: Habits(opened, behind=6, deferred=True),
    }
    return troubles.get(slot or 0) or Habits(opened, behind)
