"""基数调整 on the centres' own diagrams."""

from __future__ import annotations

import pytest

import engine
from engine.errors import Refused
from tests.bpmn.desks import Desk, Open, typed

KEY = "base_adjustment"


def in_xizang(house: Open) -> Desk:
    return house("xizang").unit(unit_rate=12, individual_rate=12)


def amount(number: str, yuan: str) -> dict[str, str]:
    return {"individual_account_no": number, "monthly_amount": yuan}


def base(number: str, yuan: str) -> dict[str, str]:
    return {"individual_account_no": number, "contribution_base": yuan}


def test_xz_2_2a_in_range_it_takes_effect_at_once(house: Open) -> None:
    desk = in_xizang(house)
    number = desk.member(contribution_base_cents=1_000_000)
    (line,) = desk.type(KEY, amount(number, "3880"))
    assert (line.values["old_base"], line.values["contribution_base"]) == ("10,000.00", "16,167.00")
    no = desk.submit(KEY)
    assert desk.case(no).status == "completed"
    assert desk.account(number).contribution_base_cents == 1_616_700


def test_xz_2_2a_out_of_range_the_second_post_decides(house: Open) -> None:
    desk = in_xizang(house)
    number, other = desk.member(), desk.member()
    (line,) = desk.type(KEY, amount(number, "30000"))
    assert typed(line) == []
    assert "提交后由中心复核" in line.notes[0]
    no = desk.submit(KEY)
    assert (desk.case(no).status, desk.task(no).role) == ("running", "归集复核岗")
    assert desk.account(number).contribution_base_cents == 800_000
    assert desk.approve(no, "归集复核岗").status == "completed"
    assert desk.account(number).monthly_amount_cents == 3_000_000
    no = desk.file(KEY, amount(other, "30000"))
    assert desk.refuse(no, "归集复核岗").status == "refused"
    assert desk.account(other).contribution_base_cents == 800_000


def test_xz_2_2b_the_whole_roster_comes_filled_in_and_faulty_rows_stay(house: Open) -> None:
    desk = in_xizang(house)
    first, second = desk.member(), desk.member()
    lines = desk.load(KEY)
    assert [line.values["old_base"] for line in lines] == ["8,000.00", "8,000.00"]
    assert typed(lines[0]) == ["请填写月缴存额。"] or typed(lines[0]) == ["请填写调整后月缴存额。"]
    assert typed(desk.change(KEY, lines[0].seq, monthly_amount="2400")) == []
    no = desk.submit(KEY)
    assert desk.results(no) == [""]
    assert desk.account(first).contribution_base_cents == 1_000_000
    assert desk.account(second).contribution_base_cents == 800_000
    assert len(desk.lines(KEY)) == 1


def test_cx_u19_the_amount_is_typed_and_nobody_reviews(house: Open) -> None:
    desk = house("chuxiong").unit(unit_rate=12, individual_rate=12)
    number = desk.member()
    no = desk.file(KEY, amount(number, "2400"))
    assert desk.case(no).status == "completed"
    (line,) = desk.type(KEY, amount(number, "2600"))
    assert "每年最多 1 次" in typed(line)[0]


def test_dz_u_06_2_once_a_year_and_reviewed(house: Open) -> None:
    desk = house("dazhou").unit()
    number = desk.member()
    no = desk.file(KEY, base(number, "9,000.00"))
    assert desk.approve(no, "归集审核岗").status == "completed"
    (line,) = desk.type(KEY, base(number, "9,500.00"))
    assert "每年最多 1 次" in typed(line)[0]


def test_qdn_02_everybody_in_july_with_materials_and_two_reviews(house: Open) -> None:
    desk = house("qiandongnan").on("2026-07-10").unit()
    first, second = desk.member(), desk.member()
    sealed = desk.member()
    desk.file("seal_accounts", {"individual_account_no": sealed, "reason": "01"})
    lines = desk.load(KEY)
    assert len(lines) == 2
    desk.change(KEY, lines[0].seq, contribution_base="9,000.00")
    with pytest.raises(Refused) as refused:
        desk.submit(KEY)
    assert "请上传" in refused.value.problems[0].text
    with pytest.raises(Refused, match=f"还缺 1 人：{second}"):
        desk.submit(KEY, materials=["base_form"])
    desk.change(KEY, lines[1].seq, contribution_base="8,000.00")
    no = desk.submit(KEY, materials=["base_form"])
    reviewer = desk.house.staff("归集审核岗")
    desk.approve(no, "归集审核岗")
    assert desk.approve(no, "归集复核岗", other_than=reviewer).status == "completed"
    assert desk.account(first).contribution_base_cents == 900_000
    assert len(desk.changes(no)) == 1


def test_qdn_02_no_second_submission_while_one_is_pending(house: Open) -> None:
    desk = house("qiandongnan").on("2026-07-10").unit()
    number = desk.member()
    desk.type(KEY, base(number, "9,000.00"))
    no = desk.submit(KEY, materials=["base_form"])
    desk.type(KEY, base(number, "9,100.00"))
    with pytest.raises(engine.InFlight) as pending:
        desk.submit(KEY, materials=["base_form"])
    assert pending.value.no == no


def test_qdn_02_outside_july_and_outside_the_limits(house: Open) -> None:
    desk = house("qiandongnan").on("2026-08-01").unit()
    number = desk.member()
    (line,) = desk.type(KEY, base(number, "1,000.00"))
    assert "不能低于下限" in typed(line)[0]
    desk.change(KEY, line.seq, contribution_base="9,000.00")
    with pytest.raises(Refused, match="只在每年 7 月办理"):
        desk.submit(KEY, materials=["base_form"])


def test_qdn_02_a_refused_adjustment_changes_nothing(house: Open) -> None:
    desk = house("qiandongnan").on("2026-07-10").unit()
    number = desk.member()
    desk.type(KEY, base(number, "9,000.00"))
    no = desk.submit(KEY, materials=["base_form"])
    assert desk.refuse(no, "归集审核岗").status == "refused"
    assert desk.account(number).contribution_base_cents == 800_000


def test_qdn_02_filed_in_july_and_sent_back_it_may_be_filed_again_in_august(house: Open) -> None:
    """It runs under the day it was accepted on, the window and the turn of the year too."""
    desk = house("qiandongnan").on("2026-07-31").unit()
    number = desk.member()
    desk.type(KEY, base(number, "9,000.00"))
    no = desk.submit(KEY, materials=["base_form"])
    desk.house.on("2026-08-03")
    desk.send_back(no, "归集审核岗")
    desk.submit_again(no, materials=["base_form"])
    desk.approve(no, "归集审核岗")
    reviewer = desk.house.staff("归集审核岗")
    assert desk.approve(no, "归集复核岗", other_than=reviewer).status == "completed"
    assert desk.account(number).contribution_base_cents == 900_000
