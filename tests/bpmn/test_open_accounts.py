"""个人开户 on the centres' own diagrams, to every end."""

from __future__ import annotations

import pytest

from engine.database import transaction
from engine.errors import Refused
from handlers.members import operations
from tests.bpmn.desks import Open, typed

KEY = "open_accounts"


def test_sx_3_1_opening_takes_effect_at_once(house: Open) -> None:
    desk = house("shaanxi").unit()
    no = desk.file(KEY, desk.person(contribution_base="9,000.00"))
    assert (desk.case(no).status, desk.results(no)) == ("completed", [""])
    (change,) = desk.changes(no)
    assert (change.kind, change.new_base_cents) == ("open", 900_000)
    assert desk.heads == (1, 0)
    assert len(desk.told(no)) == 1
    desk.house.verify()


def test_sx_3_1_papers_and_ages_that_belong_to_the_counter(house: Open) -> None:
    desk = house("shaanxi").on("2026-07-15").unit()
    old = desk.person(contribution_base="9,000.00", id_no="522601196601153011")
    passport = desk.person(contribution_base="9,000.00", id_type="03", id_no="E12345678")
    lines = desk.type(KEY, old, passport)
    assert "中心柜台" in typed(lines[0])[0]
    assert typed(lines[1]) == ["网上只能用居民身份证开户，使用其他证件的请到中心柜台办理。"]
    with pytest.raises(Refused, match="没有可以提交的数据"):
        desk.submit(KEY)


def test_sx_3_2_many_rows_at_once_and_the_faulty_ones_stay_behind(house: Open) -> None:
    desk = house("shaanxi").unit()
    rows = [desk.person(contribution_base="9,000.00") for _ in range(4)]
    rows[2]["contribution_base"] = "100.00"
    rows[3]["id_no"] = rows[0]["id_no"]
    lines = desk.type(KEY, *rows)
    assert [line.sound for line in lines] == [True, True, False, False]
    assert "不能低于下限" in typed(lines[2])[0]
    assert "第 1 行" in typed(lines[3])[0]
    no = desk.submit(KEY)
    assert desk.results(no) == ["", ""]
    assert len(desk.lines(KEY)) == 2


def test_xz_2_1a_the_monthly_amount_is_typed_and_the_rest_follows(house: Open) -> None:
    desk = house("xizang").unit(unit_rate=12, individual_rate=12)
    (line,) = desk.type(KEY, desk.person(monthly_amount="5390"))
    assert typed(line) == []
    wanted = {
        "contribution_base": "22,458.00",
        "unit_amount": "2,695.00",
        "individual_amount": "2,695.00",
    }
    assert {name: line.values[name] for name in wanted} == wanted
    no = desk.submit(KEY)
    assert (desk.case(no).status, desk.changes(no)[0].new_base_cents) == ("completed", 2_245_800)


def test_xz_2_1d_only_rows_with_a_good_check_are_submitted(house: Open) -> None:
    desk = house("xizang").unit(unit_rate=12, individual_rate=12)
    rows = [desk.person(monthly_amount="2400"), desk.person(monthly_amount="24.50")]
    lines = desk.type(KEY, *rows)
    assert typed(lines[1]) == ["月缴存额只能填写整数元，请去掉角和分。"]
    no = desk.submit(KEY, seqs=[lines[0].seq])
    assert desk.results(no) == [""]


def test_cx_u16_checks_appear_at_the_row_and_opening_is_automatic(house: Open) -> None:
    desk = house("chuxiong").unit(unit_rate=12, individual_rate=12)
    first = desk.person(monthly_amount="1200")
    no = desk.file(KEY, first)
    assert desk.case(no).status == "completed"
    again, more = desk.type(KEY, first, desk.person(monthly_amount="99,999.00"))
    assert "本单位已有账户" in typed(again)[0]
    assert typed(more)[0].endswith("高于上限 24,450.00 元，请减少月缴存额。"), "an amount was typed"


def test_qdn_07a_a_person_known_elsewhere_is_told_what_to_do_next(house: Open) -> None:
    centre = house("qiandongnan")
    desk, other = centre.unit(), centre.unit()
    row = desk.person(contribution_base="6,000.00")
    assert other.case(other.file(KEY, row, rate="8")).status == "completed"
    (line,) = desk.type(KEY, row, rate="8")
    assert typed(line) == []
    assert "内部转移" in line.notes[0]
    assert desk.case(desk.submit(KEY)).status == "completed"


def test_qdn_07b_the_rate_is_chosen_first(house: Open) -> None:
    desk = house("qiandongnan").unit()
    desk.type(KEY, desk.person(contribution_base="6,000.00"))
    with pytest.raises(Refused, match="请先选择缴存比例"):
        desk.submit(KEY)
    lines = desk.type(KEY, desk.person(contribution_base="6,000.00"), rate="10")
    assert lines[0].values["unit_amount"] == "600.00"
    no = desk.submit(KEY)
    assert desk.results(no) == ["", ""]
    assert {change.new_unit_cents for change in desk.changes(no)} == {60_000}


def test_dz_u_06_1_the_centre_looks_at_an_opening_once(house: Open) -> None:
    desk = house("dazhou").unit()
    no = desk.file(KEY, desk.person(contribution_base="6,000.00"))
    assert (desk.case(no).status, desk.heads) == ("running", (0, 0))
    assert desk.approve(no, "归集审核岗").status == "completed"
    assert desk.heads == (1, 0)


def test_dz_u_06_1_a_refused_opening_opens_nobody(house: Open) -> None:
    desk = house("dazhou").unit()
    no = desk.file(KEY, desk.person(contribution_base="6,000.00"))
    assert desk.refuse(no, "归集审核岗").status == "refused"
    assert (desk.heads, desk.changes(no)) == ((0, 0), [])


def test_c12_more_rows_than_can_be_waited_for_go_on_as_a_job(house: Open) -> None:
    desk = house("shaanxi").unit()
    rows = [desk.person(contribution_base="9,000.00") for _ in range(310)]
    no = desk.file(KEY, *rows)
    assert (desk.case(no).status, desk.heads) == ("running", (0, 0))
    desk.house.run_jobs()
    assert (desk.case(no).status, desk.heads) == ("completed", (310, 0))


def test_c11_when_nobody_could_be_opened_the_request_says_so(house: Open) -> None:
    centre = house("dazhou")
    desk = centre.unit()
    row = desk.person(contribution_base="6,000.00")
    first = desk.file(KEY, row)
    with desk.rt() as rt, transaction(rt.session):  # meanwhile at the counter
        facts = {key: row[key] for key in ("person_name", "id_no", "mobile")}
        operations.open_account(rt, operations.Opening(desk.number, **facts))
    outcome = desk.approve(first, "归集审核岗")
    assert outcome.status == "refused"
    assert "本单位已有账户" in desk.results(first)[0]
