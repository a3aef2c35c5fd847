"""个人账户合并 (SX-8.1) on 陕西省直's own diagram."""

from __future__ import annotations

from tests.bpmn.desks import Desk, Open, typed
from tests.bpmn.test_internal_transfer import sealed, who

KEY = "account_merge"


def two_accounts(house: Open) -> tuple[Desk, str, str]:
    """Somebody with an account of this unit and one that was transferred here."""
    centre = house("shaanxi").on("2026-08-03")
    old, desk = centre.unit(), centre.unit()
    source = sealed(old, cents=300_000)
    target = desk.member(**who(old, source), cents=200)
    desk.file("internal_transfer", who(old, source))
    return desk, source, target


def test_sx_8_1_the_source_goes_into_the_target_without_review(house: Open) -> None:
    desk, source, target = two_accounts(house)
    (line,) = desk.type(KEY, {"source_account_no": source, "target_account_no": target})
    assert (typed(line), line.values["balance"]) == ([], "3,000.00")
    no = desk.submit(KEY)
    assert (desk.case(no).status, desk.results(no)) == ("completed", [""])
    assert desk.balance(target).balance_cents == 300_200
    assert (desk.account(source).account_status, desk.heads) == ("03", (1, 0))
    desk.house.verify()


def test_sx_8_1_different_people_and_other_units_are_refused(house: Open) -> None:
    desk, source, target = two_accounts(house)
    stranger, elsewhere = desk.member(), desk.house.unit().member()
    pairs = [(source, stranger), (elsewhere, target), (source, source)]
    rows = [{"source_account_no": one, "target_account_no": other} for one, other in pairs]
    lines = desk.type(KEY, *rows)
    assert "不是同一名职工" in typed(lines[0])[0]
    assert typed(lines[1]) == ["本单位没有这个个人账号，请核对账号。"]
    assert "相同" in typed(lines[2])[0]


def test_sx_8_1_an_account_that_was_merged_meanwhile_is_told(house: Open) -> None:
    desk, source, target = two_accounts(house)
    row = {"source_account_no": source, "target_account_no": target}
    desk.file(KEY, row)
    (line,) = desk.type(KEY, row)
    assert "已合并销户" in typed(line)[0]
