"""A town of units worked through the hall's public verbs, over a 30 June, beside a straight line.

Small towns here; `make prove` works two hundred units for two years.
"""

from __future__ import annotations

import ast
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.builders import people
from tests.proof import comparing, planning, running
from tests.proof import plan as p
from tests.proof.plan import Deed, Person, Plan, Unit
from tests.proof.recompute import Books, half_up
from tests.proof.running import Proof
from tests.servers import Databases

HERE = Path(__file__).parent
SMALL = {"units": 5, "months": 3, "first": (2025, 5)}
TINY = {"units": 4, "months": 3, "first": (2025, 5)}
SEEDS = {"amount": 9568, "base": 5453}  # towns in which most things happen
VERBS = {
    *(p.OPEN, p.SEAL, p.UNSEAL, p.BASE, p.RATE, p.TRANSFER, p.MERGE, p.UNDO, p.SIGN, p.DEPOSIT),
    *(p.ASSESS, p.CANCEL, p.REGISTER, p.BACK, p.ARRIVE, p.CLEAR),
}


def small(entry: str) -> Plan:
    return planning.drawn(SEEDS[entry], entry=entry, **SMALL)  # type: ignore[arg-type]


def tiny(entry: str, *, seed: int) -> Plan:
    return planning.drawn(seed, entry=entry, **TINY)  # type: ignore[arg-type]


def differences(one: Proof, half: int) -> list[str]:
    with people.store(one.url) as sessions, sessions() as session:
        return comparing.differences(one, session, half=half)


@pytest.mark.parametrize(("kind", "entry"), [("sqlite", "amount"), ("postgresql", "base")])
def test_one_process(databases: Databases, kind: str, entry: str) -> None:
    url = databases.sqlite() if kind == "sqlite" else databases.postgres()
    one = running.proof(small(entry), url)
    for half, days in enumerate(one.halves):
        running.alone(one, days)
        assert differences(one, half) == []
    label, account = next(iter(one.expected[1].accounts.items()))
    account.balance += 1  # a comparison that sees one 分 would have seen it above
    (seen,) = differences(one, 1)
    assert seen.startswith(f"{label}: ")
    databases.drop(url)


def test_two_processes_at_the_same_units(postgresql_url: str) -> None:
    one = running.proof(tiny("amount", seed=1), postgresql_url)
    assert running.together(one, one.halves[0]) == 0
    assert differences(one, 0) == []


def test_two_processes_killed_at_any_moment(sqlite_url: str) -> None:
    one = running.proof(tiny("base", seed=2), sqlite_url)
    with running.small_pieces():
        assert running.together(one, one.halves[0], seed=3) > 3
    assert differences(one, 0) == []


def test_the_small_towns_see_every_verb() -> None:
    plans = [small(entry) for entry in SEEDS]
    assert {deed.verb for plan in plans for deed in plan.deeds} == VERBS
    hows = {deed.how for plan in plans for deed in plan.deeds}
    assert {p.ALL, p.PART, p.REST, p.SHORT, p.OVER} <= hows
    assert any(deed.rival for deed in tiny("amount", seed=1).deeds)
    assert any(deed.rival for deed in tiny("base", seed=2).deeds)


def test_a_seed_is_one_plan_for_ever() -> None:
    assert planning.drawn(7, units=20, entry="base") == planning.drawn(7, units=20, entry="base")
    assert planning.drawn(7, units=20, entry="base") != planning.drawn(8, units=20, entry="base")


@pytest.mark.parametrize("name", ["plan", "sketch", "dues", "planning", "recompute"])
def test_the_straight_line_asks_no_product_code(name: str) -> None:
    tree = ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))
    asked = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    asked |= {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    rooms = {module.split(".")[0] for module in asked if not module.startswith("tests.proof")}
    assert rooms <= {"__future__", "collections", "dataclasses", "datetime", "random"}


def test_the_straight_line_gives_the_glossarys_interest() -> None:
    """Glossary §6 without its withdrawal: 20,000.00 on 1 July and 1,200.00 on the 10th of twelve
    months; the products are 7,300,000 + 2,707,200 yuan, the interest 416.97."""
    first, day = date(2025, 7, 1), date(2025, 7, 10)
    deeds = [
        Deed("open", first, 0, p.OPEN, who=("P@000",), cents=(20_000_00,)),
        Deed("first", first, 0, p.BACK, who=("P@000",), cents=(20_000_00,), month="2025-06"),
        Deed("paid", first, 0, p.ARRIVE, how=p.ALL, memo=p.SLIP),
    ]
    while day < date(2026, 7, 1):
        month = p.month_text(day.year, day.month)
        deeds += [
            Deed(f"{day}", day, 0, p.BACK, who=("P@000",), cents=(1_200_00,), month=month),
            Deed(f"{day}/paid", day, 0, p.ARRIVE, how=p.ALL, memo=p.SLIP),
        ]
        day = (day + timedelta(days=31)).replace(day=10)
    unit = Unit("0", "", 0, (5, 5), signed=False)
    plan = Plan("base", (unit,), {"P": Person("", "", "")}, tuple(deeds), "2025-07")
    account = Books(plan).run(plan.ends_on).accounts["P@000"]
    assert account.interest == half_up(10_007_200_00 * 15, 1_000 * 360) == 416_97
    assert account.carried == account.balance == 34_816_97
