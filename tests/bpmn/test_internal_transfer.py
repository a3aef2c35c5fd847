"""内部转移 on the centres' own diagrams, in both directions."""

from __future__ import annotations

import pytest

from engine.errors import Refused
from forms.changes_moving import InternalTransfer
from forms.rosters import editing, filing
from handlers.members.codes import SEALED
from handlers.members.models import IndividualAccount
from handlers.rosters.models import Roster
from tests.bpmn.desks import Desk, Open, typed

KEY = "internal_transfer"
CENTS = 5_000_000


def sealed(desk: Desk, cents: int = CENTS) -> str:
    number = desk.member(cents=cents)
    desk.file("seal_accounts", {"individual_account_no": number, "reason": "03"})
    return number


def who(desk: Desk, number: str) -> dict[str, str]:
    person = desk.account(number).person
    return {"person_name": person.person_name, "id_no": person.id_no}


def opened(desk: Desk, person: dict[str, str]) -> str:
    facts = {"mobile": "13800000000", "monthly_amount": "1280"}
    no = desk.file("open_accounts", person | facts)
    change = desk.changes(no)[0]
    with desk.house.sessions() as session:
        account = session.get_one(IndividualAccount, change.individual_account_id)
        return account.individual_account_no


# ── the new unit (SX, CX) ────────────────────────────────────────────────────────────────────


def test_sx_10_1_name_and_paper_bring_the_account_over_at_once(house: Open) -> None:
    centre = house("shaanxi").on("2026-08-03")
    old, new = centre.unit(), centre.unit(branch_code="SX02")
    number = sealed(old)
    no = new.file(KEY, who(old, number) | {"reason": "01"})
    assert (new.case(no).status, new.results(no)) == ("completed", [""])
    account = new.account(number)
    assert (account.unit_account_no, account.branch_code) == (new.number, "SX02")
    assert account.account_status == "01"
    assert new.balance(number).balance_cents == CENTS
    assert (old.heads, new.heads) == ((0, 0), (1, 0))
    centre.verify()


def test_sx_10_1_who_is_not_found_or_not_sealed(house: Open) -> None:
    centre = house("shaanxi").on("2026-08-03")
    old, new = centre.unit(), centre.unit()
    active = old.member()
    rows = [who(old, active), who(old, active) | {"person_name": "王小二"}, old.person()]
    rows[2].pop("mobile")
    lines = new.type(KEY, *rows)
    assert "请先由原单位办理封存" in typed(lines[0])[0]
    assert typed(lines[1]) == typed(lines[2])
    assert "没有找到" in typed(lines[1])[0]
    with pytest.raises(Refused, match="没有可以提交的数据"):
        new.submit(KEY)


def test_sx_10_2_a_file_of_people_row_by_row(house: Open) -> None:
    centre = house("shaanxi").on("2026-08-03")
    old, new = centre.unit(), centre.unit()
    numbers = [sealed(old, cents=number) for number in (0, 1, 200)]
    no = new.file(KEY, *(who(old, number) for number in numbers))
    assert new.results(no) == ["", "", ""]
    assert new.heads == (3, 0)
    centre.verify()


def test_cx_u20_the_old_unit_first_then_the_account(house: Open) -> None:
    centre = house("chuxiong")
    old, new = centre.unit(), centre.unit()
    number = sealed(old)
    row = {"individual_account_no": number, "person_name": who(old, number)["person_name"]}
    (line,) = new.type(KEY, row)
    assert typed(line) == ["请先填写转出单位，再填写该单位的个人账号。"]
    assert typed(new.change(KEY, line.seq, from_unit=old.number)) == []
    no = new.submit(KEY)
    assert (new.case(no).status, new.account(number).unit_account_no) == ("completed", new.number)


@pytest.mark.parametrize(("centre", "offered"), [("chuxiong", ()), ("xizang", (SEALED,))])
def test_cx_u20_and_xz_4a_only_ones_own_people_are_looked_up(
    house: Open, centre: str, offered: tuple[str, ...]
) -> None:
    desk = house(centre).unit()
    roster_id = desk.roster(KEY)
    with desk.rt() as rt:
        roster = rt.session.get_one(Roster, roster_id)
        found = InternalTransfer.seeks(filing.desk_of(rt, desk.operator, roster))
    assert tuple(found) == offered


# ── the old unit (XZ) ────────────────────────────────────────────────────────────────────────


def test_xz_4a_money_goes_to_the_account_opened_by_the_new_unit(house: Open) -> None:
    centre = house("xizang")
    old, new = centre.unit(), centre.unit()
    number = sealed(old)
    row = {"individual_account_no": number, "to_unit": new.number}
    (line,) = old.type(KEY, row)
    assert "请先由转入单位办理开户" in typed(line)[0]
    target = opened(new, who(old, number))
    assert typed(old.change(KEY, line.seq, to_unit=new.unit.unit_name)) == []
    no = old.submit(KEY)
    assert old.case(no).status == "completed"
    assert new.balance(target).balance_cents == CENTS
    assert (old.account(number).account_status, old.heads, new.heads) == ("03", (0, 0), (1, 0))
    assert old.changes(no)[0].reason == "工作调动"
    centre.verify()


def test_xz_4b_and_xz_4c_a_saved_transfer_is_changed_or_deleted(house: Open) -> None:
    centre = house("xizang")
    old, new = centre.unit(), centre.unit()
    number = sealed(old)
    opened(new, who(old, number))
    (line,) = old.type(KEY, {"individual_account_no": number, "to_unit": "没有的单位"})
    assert "没有找到这个单位" in typed(line)[0]
    assert typed(old.change(KEY, line.seq, to_unit=new.number)) == []
    roster = old.roster(KEY)
    with old.rt() as rt:
        editing.remove(rt, old.operator, roster, [line.seq])
    assert old.lines(KEY) == []


def test_xz_4d_and_xz_4e_faulty_rows_are_removed_and_the_rest_is_filed(house: Open) -> None:
    centre = house("xizang")
    old, new = centre.unit(), centre.unit()
    number, active = sealed(old), old.member()
    opened(new, who(old, number))
    rows = [
        {"individual_account_no": number, "to_unit": new.number},
        {"individual_account_no": active, "to_unit": new.number},
    ]
    lines = old.type(KEY, *rows)
    assert [line.sound for line in lines] == [True, False]
    assert "只有封存的账户才能办理内部转移" in typed(lines[1])[0]
    assert old.results(old.submit(KEY)) == [""]


def test_xz_4f_a_transfer_of_this_month_is_undone(house: Open) -> None:
    centre = house("xizang")
    old, new = centre.unit(), centre.unit()
    number = sealed(old)
    target = opened(new, who(old, number))
    old.file(KEY, {"individual_account_no": number, "to_unit": new.number})
    lines = old.load("undo_changes")
    assert [line.values["kind"] for line in lines] == ["内部转移", "封存"]
    no = old.submit("undo_changes", seqs=[lines[0].seq])
    assert (old.case(no).status, old.results(no)) == ("completed", [""])
    assert (old.balance(number).balance_cents, new.balance(target).balance_cents) == (CENTS, 0)
    assert old.heads == (0, 1)
    centre.verify()


def test_xz_4a_without_a_reason_it_is_a_change_of_post(house: Open) -> None:
    centre = house("xizang")
    old, new = centre.unit(), centre.unit()
    (line,) = old.type("internal_transfer", {"person_name": "无此人", "to_unit": new.number})
    assert line.values["reason"] == "01"
    assert line.values["to_unit_name"] == new.unit.unit_name, "read back before anybody is found"
