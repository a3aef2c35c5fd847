"""缴存比例调整 on the centres' own diagrams."""

from __future__ import annotations

from sqlalchemy import select

from handlers.contributions.models import UnitRateChange
from tests.bpmn.desks import Desk, Open

KEY = "rate_adjustment"
LOWER = ("congress_decision", "lower_application")


def rates(desk: Desk) -> tuple[float, float]:
    return float(desk.unit.unit_rate), float(desk.unit.individual_rate)


def register(desk: Desk) -> list[UnitRateChange]:
    with desk.house.sessions() as session:
        mine = UnitRateChange.unit_account_no == desk.number
        return list(session.scalars(select(UnitRateChange).where(mine)))


def test_xz_2_3_higher_takes_effect_without_materials(house: Open) -> None:
    desk = house("xizang").unit()
    number = desk.member(contribution_base_cents=1_616_700)
    no = desk.apply(KEY, rate="12")
    assert (desk.case(no).status, rates(desk)) == ("completed", (12, 12))
    account = desk.account(number)
    assert (account.unit_rate, account.unit_monthly_amount_cents) == (12, 194_000)
    (change,) = register(desk)
    assert (change.old_unit_rate, change.new_unit_rate, change.headcount) == (8, 12, 1)


def test_xz_2_3_lower_needs_materials_and_a_review(house: Open) -> None:
    desk = house("xizang").unit()
    _, problems = desk.judged(KEY, rate="6")
    assert all("请上传" in text for text in problems)
    assert len(problems) == 2
    no = desk.apply(KEY, rate="6", materials=LOWER)
    assert (desk.case(no).status, rates(desk)) == ("running", (8, 8))
    assert desk.approve(no, desk.task(no).role).status == "completed"
    assert rates(desk) == (6, 6)
    other = house("xizang").unit()
    no = other.apply(KEY, rate="6", materials=LOWER)
    assert other.refuse(no, other.task(no).role).status == "refused"
    assert (rates(other), register(other)) == ((8, 8), [])


def test_xz_2_3_below_5_above_12_twice_a_year_or_the_same(house: Open) -> None:
    desk = house("xizang").unit()
    for wished, words in (("4", "5% 至 12%"), ("13", "5% 至 12%"), ("8", "相同"), ("", "请填写")):
        _, problems = desk.judged(KEY, rate=wished, materials=LOWER)
        assert words in problems[0], wished
    desk.apply(KEY, rate="10")
    _, problems = desk.judged(KEY, rate="12")
    assert "每年最多 1 次" in problems[0]


def test_cx_u22_only_the_units_rate_and_a_reason(house: Open) -> None:
    desk = house("chuxiong").unit()
    no = desk.apply(KEY, unit_rate="10", reason="集体协商")
    assert (desk.case(no).status, rates(desk)) == ("completed", (10, 8))
    assert register(desk)[0].reason == "集体协商"


def test_dz_u_09_both_rates_with_the_committees_approval(house: Open) -> None:
    desk = house("dazhou").unit()
    typed = {"unit_rate": "10", "individual_rate": "9"}
    _, problems = desk.judged(KEY, **typed)
    assert "请上传" in problems[0]
    no = desk.apply(KEY, **typed, materials=["committee_approval"])
    assert rates(desk) == (8, 8)
    assert desk.approve(no, desk.task(no).role).status == "completed"
    assert rates(desk) == (10, 9)


def test_qdn_05_only_rates_on_offer_and_reviewed(house: Open) -> None:
    desk = house("qiandongnan").unit()
    _, problems = desk.judged(KEY, offer="11.5")
    assert problems == ["请从下拉列表中选择调整后的缴存比例。"]
    no = desk.apply(KEY, offer="10")
    while desk.case(no).status == "running":
        done = desk.house.staff(desk.task(no).role)
        role = desk.task(no).role
        desk.approve(no, role)
        if desk.case(no).status == "running":
            assert desk.approve(no, desk.task(no).role, other_than=done).status == "completed"
    assert rates(desk) == (10, 10)
