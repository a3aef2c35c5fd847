"""封存 and 启封 on the centres' own diagrams."""

from __future__ import annotations

import pytest

from engine.database import transaction
from engine.errors import Refused
from handlers.members import operations
from tests.bpmn.desks import Open, typed

SEAL, UNSEAL = "seal_accounts", "unseal_accounts"


def test_xz_2_1c_the_page_offers_the_normal_ones_and_a_reason_must_be_chosen(house: Open) -> None:
    desk = house("xizang").unit()
    numbers = [desk.member(), desk.member()]
    lines = desk.load(SEAL)
    assert [line.values["individual_account_no"] for line in lines] == numbers
    assert typed(lines[0]) == ["请选择封存原因。"]
    line = desk.change(SEAL, lines[0].seq, reason="离职/终止劳动关系")
    assert typed(line) == []
    no = desk.submit(SEAL, seqs=[line.seq])
    assert (desk.case(no).status, desk.heads) == ("completed", (1, 1))
    assert desk.changes(no)[0].reason == "离职/终止劳动关系"


def test_xz_2_1b_the_page_offers_the_sealed_ones_and_unsealing_is_automatic(house: Open) -> None:
    desk = house("xizang").unit()
    number = desk.member()
    desk.member()
    desk.file(SEAL, {"individual_account_no": number, "reason": "04"})
    (line,) = desk.load(UNSEAL)
    assert line.values["individual_account_no"] == number
    assert typed(desk.change(UNSEAL, line.seq, reason="02")) == []
    assert desk.case(desk.submit(UNSEAL)).status == "completed"
    assert desk.heads == (2, 0)


def test_sx_9_1_by_name_account_or_paper_and_never_before_julys_assessment(house: Open) -> None:
    centre = house("shaanxi").on("2026-06-15")
    desk = centre.unit(paid_through_month="2026-05")
    number = desk.member()
    name = desk.account(number).person.person_name
    centre.on("2026-07-15")
    (line,) = desk.type(SEAL, {"person_name": name, "reason": "01"})
    assert line.values["individual_account_no"] == number
    with pytest.raises(Refused, match="7 月须先完成 2026 年度核定"):
        desk.submit(SEAL)
    centre.on("2026-08-03")
    assert desk.case(desk.submit(SEAL)).status == "completed"


def test_sx_9_2_rows_that_cannot_be_sealed_say_why(house: Open) -> None:
    desk = house("shaanxi").on("2026-08-03").unit()
    first = desk.member()
    reason = {"reason": "02"}
    desk.file(SEAL, {"individual_account_no": first} | reason)
    rows = [{"individual_account_no": first}, {"person_name": "没有此人"}, {"id_no": "123"}]
    lines = desk.type(SEAL, *(row | reason for row in rows))
    assert [typed(line)[0][:12] for line in lines] == [
        "个人账户现在是封存状态，",
        "本单位没有叫这个姓名的职",
        "本单位没有持这个证件号码",
    ]


def test_sx_9_3_unsealing_needs_a_base_and_not_the_month_of_sealing(house: Open) -> None:
    centre = house("shaanxi").on("2026-08-03")
    desk = centre.unit()
    number = desk.member()
    who = {"individual_account_no": number, "reason": "01"}
    desk.file(SEAL, who)
    (line,) = desk.type(UNSEAL, who | {"contribution_base": "9,000.00"})
    assert "到中心柜台办理" in typed(line)[0]
    centre.on("2026-09-01")
    assert typed(desk.change(UNSEAL, line.seq, contribution_base="")) == ["请填写缴存基数。"]
    assert typed(desk.change(UNSEAL, line.seq, contribution_base="9,100.00")) == []
    no = desk.submit(UNSEAL)
    assert (desk.case(no).status, desk.heads) == ("completed", (1, 0))
    assert desk.account(number).contribution_base_cents == 910_000


def test_sx_9_4_too_old_to_be_unsealed_online(house: Open) -> None:
    centre = house("shaanxi").on("2024-08-03")
    desk = centre.unit()
    number = desk.member(id_no="522601196501153014")
    desk.file(SEAL, {"individual_account_no": number, "reason": "02"})
    centre.on("2028-09-01")
    row = {"individual_account_no": number, "reason": "01", "contribution_base": "9,100.00"}
    (line,) = desk.type(UNSEAL, row)
    assert "网上不能办理" in typed(line)[0]


@pytest.mark.parametrize("row", ["CX-U17", "CX-U18"])
def test_cx_u17_and_cx_u18_by_account_number(house: Open, row: str) -> None:
    desk = house("chuxiong").unit()
    who = {"individual_account_no": desk.member(), "reason": "99"}
    no = desk.file(SEAL, who)
    if row == "CX-U18":
        no = desk.file(UNSEAL, who)
    assert desk.case(no).status == "completed"
    assert desk.heads == ((0, 1) if row == "CX-U17" else (1, 0))


def test_qdn_09a_and_qdn_09b_name_and_paper_are_filled_in_by_the_system(house: Open) -> None:
    desk = house("qiandongnan").unit()
    number = desk.member()
    desk.file(SEAL, {"individual_account_no": number, "reason": "01"})
    (line,) = desk.type(UNSEAL, {"individual_account_no": number, "reason": "01"})
    person = desk.account(number).person
    assert line.values["person_name"] == person.person_name
    assert line.values["registered_id"] == person.id_no[:6] + "********" + person.id_no[-4:]
    assert desk.case(desk.submit(UNSEAL)).status == "completed"


def test_qdn_09c_sealing_goes_the_same_way(house: Open) -> None:
    desk = house("qiandongnan").unit()
    no = desk.file(SEAL, {"individual_account_no": desk.member(), "reason": "02"})
    assert (desk.case(no).status, desk.heads) == ("completed", (0, 1))


def test_dz_u_06_3_the_centre_looks_at_sealing_and_unsealing(house: Open) -> None:
    desk = house("dazhou").unit()
    who = {"individual_account_no": desk.member(), "reason": "01"}
    no = desk.file(SEAL, who)
    assert desk.heads == (1, 0)
    assert desk.approve(no, "归集审核岗").status == "completed"
    assert desk.heads == (0, 1)
    no = desk.file(UNSEAL, who)
    assert desk.refuse(no, "归集审核岗").status == "refused"
    assert desk.heads == (0, 1)


def test_c13_sealing_too_late_is_told_when_it_takes_effect(house: Open) -> None:
    desk = house("dazhou").unit()
    number = desk.member()
    no = desk.file(SEAL, {"individual_account_no": number, "reason": "01"})
    with desk.rt() as rt, transaction(rt.session):  # meanwhile at the counter
        operations.freeze(rt, number)
    assert desk.approve(no, "归集审核岗").status == "refused"
    assert "已冻结" in desk.results(no)[0]
