"""Turn the invented facts into rows, in one transaction, and say who may sign in with what."""

from __future__ import annotations

from collections.abc import Iterator, Set
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import transaction
from handlers import calendars
from handlers.centers import Center
from handlers.demo import chuxiong, dazhou, qiandongnan, shaanxi, xizang
from handlers.demo.people import ECONOMIC_TYPE, Facts, Inventor, Somebody, UnitFacts
from handlers.parameters import operations as parameters
from handlers.people import operations
from handlers.people.models import Operator, Post, Staff
from handlers.units.models import Unit

PASSWORD = "Hall@2026"  # published on the sign-in page of the demonstration
FACTS = {
    "dazhou": dazhou.FACTS,
    "xizang": xizang.FACTS,
    "shaanxi": shaanxi.FACTS,
    "chuxiong": chuxiong.FACTS,
    "qiandongnan": qiandongnan.FACTS,
}
BANKS = (
    ("105", "中国建设银行"),
    ("102", "中国工商银行"),
    ("103", "中国农业银行"),
    ("104", "中国银行"),
)
RATES = ("5", "7", "8", "8", "10", "12")
FIRST_ACCOUNT = 42_637  # …042637 is the unit of the design
ACCOUNT_STEP = 311
# Fast on purpose: sixty accounts with a published password; signing in upgrades the hash.
_QUICK = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1)


class Login(NamedTuple):
    """One account for the demonstration; `door` is `unit` or `staff`."""

    door: str
    login: str
    password: str
    who: str


def load(session: Session, center: Center, *, now: datetime) -> None:
    """Everything of one centre; what is there already stays as it is."""
    parameters.sync(session, center, now=now)  # first: it refuses another centre's database
    operations.sync_branches(session, center.branches)
    operations.sync_roles(session, center.roles)
    calendars.seed(session, now.astimezone(ZONE).year - 1)
    facts = FACTS.get(center.code)
    if facts is None:  # a centre of one's own starts with its branches alone
        return
    today = now.astimezone(ZONE).date()
    with transaction(session):
        known = set(session.scalars(select(Unit.unit_account_no)))
        session.add_all(_unit_rows(facts, today, known))
        known = set(session.scalars(select(Staff.login)))
        session.add_all(_staff_rows(facts, now, known))


def logins(session: Session, center: Center | None = None) -> list[Login]:
    """The accounts worth trying, in the order of the tour; only those that exist here."""
    codes = [center.code] if center else list(FACTS)
    listed = [login for code in codes if code in FACTS for login in _tour(FACTS[code])]
    units = set(session.scalars(select(Operator.login).where(Operator.enabled)))
    staff = set(session.scalars(select(Staff.login).where(Staff.enabled)))
    present = {"unit": units, "staff": staff}
    return [login for login in listed if login.login in present[login.door]]


def _tour(facts: Facts) -> Iterator[Login]:
    first, third = facts.units[0], facts.units[2]
    people = [people for _, people in _everybody(facts)]
    no, other = _account_no(facts, 0), _account_no(facts, 2)
    yield Login("unit", no, PASSWORD, f"{people[0][1].name} · {first.name} · 单位经办人")
    yield Login("unit", f"{no}-2", PASSWORD, f"{people[0][2].name} · {first.name} · 第二经办人")
    yield Login("unit", other, PASSWORD, f"{people[2][1].name} · {third.name} · 单位经办人")
    towns = {code: area[3] for code, area in facts.areas.items()} | {"*": "全中心"}
    for number, person in enumerate(facts.staff, start=1):
        if number <= 6 or number >= len(facts.staff) - 2:  # finance and the heads
            roles = "、".join(dict.fromkeys(role for role, _ in person.posts))
            who = f"{person.name} · {roles} · {towns[person.branch_code]}"
            yield Login("staff", f"{facts.login_prefix}{number:03d}", PASSWORD, who)


def _account_no(facts: Facts, index: int) -> str:
    branches = list(facts.areas)
    branch = branches.index(facts.units[index].branch_code)
    return f"{facts.account_prefix}{10 + branch}{FIRST_ACCOUNT + index * ACCOUNT_STEP:06d}"


def _everybody(facts: Facts) -> Iterator[tuple[Inventor, list[Somebody]]]:
    """For each unit its own inventor and three people: head, operator, second operator."""
    for index, unit in enumerate(facts.units):
        inventor = Inventor(f"{facts.account_prefix}/{index}")
        area = facts.areas[unit.branch_code][0]
        people = [inventor.somebody(facts, area) for _ in range(3)]
        if _is_of_the_design(facts, index):
            people = [
                Somebody("龙德昌", "522601197209163017", "13800002806"),
                Somebody("杨秀兰", "522632198209162224", "13808556021"),
                Somebody("罗建军", "522601198504123311", "13800004417"),
            ]
        yield inventor, people


def _is_of_the_design(facts: Facts, index: int) -> bool:
    return facts.units[index] is qiandongnan.FACTS.units[0]


def _unit_rows(facts: Facts, today: date, known: Set[str]) -> Iterator[Unit | Operator]:
    for index, (inventor, people) in enumerate(_everybody(facts)):
        no = _account_no(facts, index)
        if no in known:
            continue
        row = unit_row(facts, facts.units[index], inventor, today=today)
        row.unit_account_no = no
        row.unit_email = f"u{no[-6:]}@example.cn"
        row.legal_rep_name, row.legal_rep_id_no = people[0].name, people[0].id_no
        if _is_of_the_design(facts, index):
            _as_designed(row)
        yield row
        for number, person in enumerate(people[1 : 3 if index == 0 else 2], start=1):
            yield operator(row, person, number, password_hash())


def unit_row(facts: Facts, unit: UnitFacts, inventor: Inventor, *, today: date) -> Unit:
    """A unit's record, still without its number and its people."""
    area, postcode, dialling, town = facts.areas[unit.branch_code]
    chance = inventor.random
    founded = date(1999, 1, 1) + timedelta(days=chance.randrange(8_000))
    bank_code, bank = chance.choice(BANKS)
    rate = Decimal(chance.choice(RATES))
    # Few large, many small: the forty have two thousand people together.
    staff = 4 + int(150 * (chance.randrange(6, 240) / 240) ** 3)
    return Unit(
        unit_name=unit.name,
        unit_address=unit.address,
        uscc=inventor.uscc(unit.kind, area),
        unit_economic_type=ECONOMIC_TYPE[unit.kind],
        unit_industry=unit.industry,
        unit_postcode=postcode,
        unit_phone=f"{dialling}-8{chance.randrange(100_000, 999_999)}",
        legal_rep_id_type="01",
        pay_day=chance.choice((5, 10, 15, 20, 25)),
        unit_founded_on=founded,
        unit_opened_on=founded + timedelta(days=chance.randrange(10, 50)),
        entrusted_bank_name=f"{bank}{town}分行",
        entrusted_bank_code=bank_code,
        bank_account_no=inventor.bank_account(),
        unit_rate=rate,
        individual_rate=rate,
        active_headcount=staff,
        sealed_headcount=staff // 11,
        unit_status="01",
        paid_through_month=_months_ago(today, chance.choice((1, 1, 1, 2))),
        branch_code=unit.branch_code,
    )


def _as_designed(row: Unit) -> None:
    row.unit_phone = "0855-8236100"
    row.pay_day = 15
    row.unit_founded_on, row.unit_opened_on = date(2014, 3, 3), date(2014, 3, 26)
    row.entrusted_bank_name, row.entrusted_bank_code = "中国建设银行凯里分行", "105"
    row.unit_rate = row.individual_rate = Decimal(8)
    row.active_headcount, row.sealed_headcount = 172, 14


def password_hash() -> str:
    """Another salt each time."""
    return _QUICK.hash(PASSWORD)


def operator(unit: Unit, person: Somebody, number: int, password_hash: str) -> Operator:
    first = number == 1
    return Operator(
        unit_account_no=unit.unit_account_no,
        login=unit.unit_account_no if first else f"{unit.unit_account_no}-{number}",
        name=person.name,
        id_type="01",
        id_no=person.id_no,
        mobile=person.mobile,
        phone="0855-8236117" if person.name == "杨秀兰" and first else unit.unit_phone,
        password_hash=password_hash,
        remark="" if first else "第二经办人",
    )


def _staff_rows(facts: Facts, now: datetime, known: Set[str]) -> Iterator[Staff]:
    inventor = Inventor(f"{facts.account_prefix}/staff")
    for number, person in enumerate(facts.staff, start=1):
        login, mobile = f"{facts.login_prefix}{number:03d}", inventor.mobile()
        if login in known:
            continue
        yield Staff(
            login=login,
            name=person.name,
            mobile=mobile,
            branch_code=person.branch_code,
            password_hash=_QUICK.hash(PASSWORD),
            password_changed_at=now,
            posts=[Post(role=role, branch_code=code) for role, code in person.posts],
        )


def _months_ago(today: date, months: int) -> str:
    count = today.year * 12 + today.month - 1 - months
    return f"{count // 12}-{count % 12 + 1:02d}"
