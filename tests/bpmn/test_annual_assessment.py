"""年度核定 (SX-11.1) on 陕西省直's own diagram."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from engine.errors import Refused
from handlers.contributions.models import AnnualAssessment
from tests.bpmn.desks import Desk, Open, typed

KEY = "annual_assessment"


def in_july(house: Open, paid_through: str = "2026-06") -> Desk:
    return house("shaanxi").on("2026-07-10").unit(paid_through_month=paid_through)


def test_sx_11_1_everybody_paid_through_june_gets_a_base_for_the_year(house: Open) -> None:
    desk = in_july(house)
    first, second = (desk.member(paid_through="2026-06") for _ in range(2))
    desk.member()  # opened in July: not in it
    lines = desk.load(KEY)
    assert [line.values["individual_account_no"] for line in lines] == [first, second]
    desk.change(KEY, lines[0].seq, contribution_base="9,000.00")
    with pytest.raises(Refused, match=f"还缺 1 人：{second}"):
        desk.submit(KEY)
    desk.change(KEY, lines[1].seq, contribution_base="8,000.00")
    no = desk.submit(KEY)
    assert desk.case(no).status == "completed"
    with desk.house.sessions() as session:
        mine = AnnualAssessment.unit_account_no == desk.number
        done = session.scalars(select(AnnualAssessment).where(mine)).one()
    assert (done.fund_year, done.headcount, done.new_base_cents) == (2026, 2, 1_700_000)
    assert desk.account(first).contribution_base_cents == 900_000


def test_sx_11_1_once_in_a_fund_year_and_then_july_is_open(house: Open) -> None:
    desk = in_july(house)
    number = desk.member(paid_through="2026-06")
    row = {"individual_account_no": number, "contribution_base": "9,000.00"}
    desk.file(KEY, row)
    (line,) = desk.type(KEY, row)
    assert "每个年度只能办理一次" in typed(line)[0]
    sealed = desk.file("seal_accounts", {"individual_account_no": number, "reason": "01"})
    assert desk.case(sealed).status == "completed"


def test_sx_11_1_not_before_june_is_remitted(house: Open) -> None:
    desk = in_july(house, paid_through="2026-05")
    number = desk.member(paid_through="2026-05")
    row = {"individual_account_no": number, "contribution_base": "9,000.00"}
    (line,) = desk.type(KEY, row)
    assert typed(line) == ["请先完成 2026 年 6 月的汇缴，入账后再办理 2026 年度核定。"]
    assert len(desk.load(KEY)) == 1, "nobody is offered"


def test_sx_11_1_a_year_left_out_comes_first(house: Open) -> None:
    centre = house("shaanxi").on("2026-07-10")
    desk = centre.unit(paid_through_month="2026-06")
    number = desk.member(paid_through="2026-06")
    row = {"individual_account_no": number, "contribution_base": "9,000.00"}
    desk.file(KEY, row)
    centre.on("2028-07-10")
    (line,) = desk.type(KEY, row)
    assert "请先完成 2027 年 6 月的汇缴" in typed(line)[0]


def test_sx_11_1_a_base_outside_the_limits_and_a_late_comer(house: Open) -> None:
    desk = in_july(house)
    number, late = desk.member(paid_through="2026-06"), desk.member()
    lines = desk.type(
        KEY,
        {"individual_account_no": number, "contribution_base": "1"},
        {"individual_account_no": late, "contribution_base": "9,000.00"},
    )
    assert "不能低于下限" in typed(lines[0])[0]
    assert "不参加本次年度核定" in typed(lines[1])[0]
