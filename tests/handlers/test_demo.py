"""The demonstration's data: complete, plausible, right in every check digit, always the same."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from handlers import centers, demo, identifiers
from handlers.centers import Center, CenterError
from handlers.people import queries, sign_in
from handlers.people.models import Branch, Operator, Post, Staff
from handlers.units import codes
from handlers.units.models import Unit
from tests.builders import people

ROOT = Path(__file__).resolve().parents[2]
CODES = ("dazhou", "xizang", "shaanxi", "chuxiong", "qiandongnan")


@pytest.fixture(params=CODES)
def center(request: pytest.FixtureRequest) -> Center:
    return centers.load(ROOT, request.param)


@pytest.fixture
def load(sqlite_url: str, clock: Any) -> Iterator[Callable[[Center], Session]]:
    with people.store(sqlite_url) as sessions, sessions() as session:

        def into(center: Center) -> Session:
            demo.load(session, center, now=clock())
            return session

        yield into


def count(session: Session, kind: Any) -> int:
    return session.scalar(select(func.count()).select_from(kind)) or 0


SIZES = {
    "dazhou": [4, 16, 17, 12],
    "xizang": [8, 40, 41, 14],
    "shaanxi": [3, 16, 17, 12],
    "chuxiong": [5, 16, 17, 12],
    "qiandongnan": [8, 40, 41, 14],
}


def test_a_centre_has_its_branches_units_with_operators_and_staff(
    load: Any, center: Center
) -> None:
    session = load(center)
    sizes = [count(session, kind) for kind in (Branch, Unit, Operator, Staff)]
    assert sizes == SIZES[center.code]


def test_loading_is_quick_and_the_second_time_changes_nothing(load: Any, center: Center) -> None:
    start = time.perf_counter()
    session = load(center)
    assert time.perf_counter() - start < 3
    session.scalars(select(Unit)).first().unit_address = "已改"  # type: ignore[union-attr]
    session.commit()
    hashes = list(session.scalars(select(Operator.password_hash).order_by(Operator.id)))
    start = time.perf_counter()
    load(center)
    assert time.perf_counter() - start < 1
    assert count(session, Unit) == SIZES[center.code][1]
    assert session.scalars(select(Unit)).first().unit_address == "已改"  # type: ignore[union-attr]
    assert list(session.scalars(select(Operator.password_hash).order_by(Operator.id))) == hashes


def test_a_database_belongs_to_one_centre(load: Any) -> None:
    session = load(centers.load(ROOT, "qiandongnan"))
    with pytest.raises(CenterError, match="这个数据库是 qiandongnan 的，不能用来打开 xizang"):
        load(centers.load(ROOT, "xizang"))
    assert (count(session, Branch), count(session, Unit)) == (8, 40)
    assert len(demo.logins(session)) == 12


def test_every_number_is_valid_and_nobody_shares_one(load: Any, center: Center, clock: Any) -> None:
    session = load(center)
    today = clock().date()
    ids = []
    for unit in session.scalars(select(Unit)):
        assert identifiers.check_uscc(unit.uscc) == unit.uscc
        assert identifiers.check_landline(unit.unit_phone) == unit.unit_phone
        assert identifiers.check_postcode(unit.unit_postcode) == unit.unit_postcode
        assert identifiers.check_email(unit.unit_email) == unit.unit_email
        ids += [unit.uscc, unit.legal_rep_id_no, unit.bank_account_no]
        assert identifiers.check_resident_id(unit.legal_rep_id_no, today) == unit.legal_rep_id_no
    for operator in session.scalars(select(Operator)):
        assert identifiers.check_resident_id(operator.id_no, today) == operator.id_no
        assert identifiers.check_mobile(operator.mobile) == operator.mobile
        ids.append(operator.id_no)
    repeated = [number for number, times in Counter(ids).items() if times > 1]
    assert repeated == []


def test_units_make_sense(load: Any, center: Center, clock: Any) -> None:
    session = load(center)
    branch_codes = {branch.code for branch in center.branches}
    units = session.scalars(select(Unit)).all()
    assert {unit.branch_code for unit in units} == branch_codes
    assert len({unit.unit_name for unit in units}) == SIZES[center.code][1]
    for unit in units:
        assert unit.unit_industry in codes.INDUSTRIES
        assert unit.unit_economic_type in codes.ECONOMIC_TYPES
        assert unit.unit_founded_on < unit.unit_opened_on < clock().date()
        assert 5 <= unit.unit_rate <= 12
        assert unit.unit_rate == unit.individual_rate
        assert unit.paid_through_month in ("2026-05", "2026-06")
        assert unit.active_headcount > 0


def test_the_first_unit_is_the_one_of_the_design(load: Any) -> None:
    session = load(centers.load(ROOT, "qiandongnan"))
    unit = session.scalars(select(Unit).where(Unit.unit_account_no == "020810042637")).one()
    assert unit.unit_name == "凯里市云谷文旅发展有限公司"
    assert unit.unit_address == "凯里市宁波路 18 号"
    assert identifiers.mask_uscc(unit.uscc) == "91522601MA********"
    assert identifiers.mask_id(unit.legal_rep_id_no) == "522601********3017"
    assert (unit.legal_rep_name, unit.pay_day, unit.active_headcount) == ("龙德昌", 15, 172)
    first, second = queries.operators_of(session, "020810042637")
    assert (first.name, identifiers.mask_mobile(first.mobile)) == ("杨秀兰", "138****6021")
    assert (first.login, second.login) == ("020810042637", "020810042637-2")


def test_every_branch_has_a_first_and_another_second_reviewer(load: Any, center: Center) -> None:
    session = load(center)
    for branch in center.branches:
        first = set(queries.holders(session, "归集审核岗", f"branch:{branch.code}"))
        second = set(queries.holders(session, "归集复核岗", f"branch:{branch.code}"))
        assert first - second
        assert second - first


def test_every_branch_has_somebody_for_the_money_who_reviews_nothing(
    load: Any, center: Center
) -> None:
    session = load(center)
    for branch in center.branches:
        finance = set(queries.holders(session, "财务岗", f"branch:{branch.code}"))
        reviewers = {
            who
            for role in ("归集审核岗", "归集复核岗")
            for who in queries.holders(session, role, f"branch:{branch.code}")
        }
        assert finance
        assert not finance & reviewers


def test_kaili_has_two_of_each_and_one_person_with_both_posts(load: Any) -> None:
    session = load(centers.load(ROOT, "qiandongnan"))
    first = set(queries.holders(session, "归集审核岗", "branch:QDN01"))
    second = set(queries.holders(session, "归集复核岗", "branch:QDN01"))
    assert len(first - second) >= 2
    assert len(second - first) >= 2
    assert len(first & second) == 1


def test_posts_name_real_branches(load: Any, center: Center) -> None:
    session = load(center)
    codes_known = {branch.code for branch in center.branches} | {"*"}
    assert set(session.scalars(select(Post.branch_code))) <= codes_known
    assert set(session.scalars(select(Staff.branch_code))) <= codes_known


def test_every_listed_login_opens_its_door(load: Any, center: Center, clock: Any) -> None:
    session = load(center)
    listed = demo.logins(session, center)
    assert Counter(login.door for login in listed) == {"unit": 3, "staff": 9}
    for door, login, password, who in listed:
        user_id = sign_in.check(session, door, login, password, now=clock())
        assert isinstance(user_id, str), who
        actor = queries.actor(session, user_id)
        assert actor is not None
        assert who.startswith(actor.name)


def test_a_database_without_the_demonstration_lists_no_logins(sqlite_url: str) -> None:
    with people.store(sqlite_url) as sessions, sessions() as session:
        assert demo.logins(session, centers.load(ROOT, "qiandongnan")) == []


def test_a_centre_of_ones_own_gets_its_branches_and_nothing_invented(load: Any) -> None:
    own = centers.load(ROOT, "qiandongnan").model_copy(update={"code": "elsewhere"})
    session = load(own)
    assert count(session, Branch) == 8
    assert count(session, Unit) == 0
    assert demo.logins(session, own) == []
