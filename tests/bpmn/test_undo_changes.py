"""本月已提交数据 and 撤销 (XZ-2.1e) on 西藏's own diagram."""

from __future__ import annotations

import pytest

from engine.errors import Refused
from tests.bpmn.desks import Open, typed

KEY = "undo_changes"


def test_xz_2_1e_this_months_changes_are_offered_newest_first_and_undone(house: Open) -> None:
    desk = house("xizang").unit(unit_rate=12, individual_rate=12)
    number = desk.member()
    desk.file("open_accounts", desk.person(monthly_amount="2400"))
    desk.file("seal_accounts", {"individual_account_no": number, "reason": "01"})
    lines = desk.load(KEY)
    assert [line.values["kind"] for line in lines] == ["封存", "开户"]
    assert lines[0].values["individual_account_no"] == number
    assert desk.heads == (1, 1)
    no = desk.submit(KEY)
    assert (desk.case(no).status, desk.results(no)) == ("completed", ["", ""])
    assert desk.heads == (1, 0)
    (sealed,) = desk.changes(kind="seal")
    assert (sealed.undone_no, sealed.undone_by) == (no, desk.operator.name)
    assert desk.account(number).account_status == "01"
    desk.house.verify()


def test_xz_2_1e_an_older_month_cannot_be_undone(house: Open) -> None:
    centre = house("xizang").on("2026-07-31")
    desk = centre.unit()
    desk.file("seal_accounts", {"individual_account_no": desk.member(), "reason": "01"})
    (change,) = desk.changes(kind="seal")
    centre.on("2026-08-01")
    assert desk.load(KEY) == []
    (line,) = desk.type(KEY, {"change_no": str(change.id)})
    assert "只有当月生效的变更可以撤销" in typed(line)[0]
    with pytest.raises(Refused, match="没有可以提交的数据"):
        desk.submit(KEY)


def test_xz_2_1e_an_earlier_change_waits_for_the_later_one(house: Open) -> None:
    desk = house("xizang").unit(unit_rate=12, individual_rate=12)
    number = desk.member()
    who = {"individual_account_no": number}
    desk.file("base_adjustment", who | {"monthly_amount": "2400"})
    desk.file("seal_accounts", who | {"reason": "01"})
    (change,) = desk.changes(kind="base")
    (line,) = desk.type(KEY, {"change_no": str(change.id)})
    assert (typed(line), len(line.notes)) == ([], 1)
    no = desk.submit(KEY)
    assert "请先撤销（或一并撤销）后来的变更" in desk.results(no)[0]
    assert desk.case(no).status == "refused"


def test_xz_2_1e_what_was_undone_is_gone_from_the_list(house: Open) -> None:
    desk = house("xizang").unit()
    desk.file("seal_accounts", {"individual_account_no": desk.member(), "reason": "01"})
    desk.load(KEY)
    desk.submit(KEY)
    assert desk.load(KEY) == []
