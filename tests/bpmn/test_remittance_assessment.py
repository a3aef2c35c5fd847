"""汇缴核定 and 取消核定 on the centres' own diagrams, to every end."""

from __future__ import annotations

from tests.bpmn.desks import Open, typed
from tests.bpmn.tills import choices, panels, remittances

KEY, CANCEL = "remittance_assessment", "cancel_assessment"
JUNE = {"paid_through_month": "2026-06"}
MONTHLY = "1,280.00"  # of one member: 8,000.00 at 8 % and 8 %


def test_xz_2_4a_a_month_is_assessed_with_its_summary(house: Open) -> None:
    desk = house("xizang").unit(**JUNE)
    desk.member()
    desk.member()
    assert choices(desk, KEY, "through") == ["2026-07"]
    lines = panels(desk, KEY, through="2026-07")["2026 年 7 月汇缴"]
    assert [line[0] for line in lines] == [
        *("上月正常汇缴", "本月增加汇缴", "本月调整基数"),
        *("本月减少汇缴", "本月正常汇缴", "本月补缴"),
    ]
    assert lines[4][1:] == ["2", "2,560.00"]
    no = desk.apply(KEY, through="2026-07")
    assert desk.case(no).status == "completed"
    assert remittances(desk) == [("remittance", "2026-07", "assessed")]
    assert len(desk.told(no)) == 1


def test_xz_2_4a_a_roster_not_submitted_is_named_first(house: Open) -> None:
    desk = house("xizang").unit(**JUNE)
    desk.member()
    (line,) = desk.type("seal_accounts", {"individual_account_no": desk.member(), "reason": "退休"})
    assert typed(line) == []
    _, problems = desk.judged(KEY, through="2026-07")
    assert any("待提交的清册：封存 1 条" in text for text in problems)


def test_sx_12_1_july_waits_for_the_annual_assessment(house: Open) -> None:
    desk = house("shaanxi").unit(**JUNE)
    desk.member(paid_through="2026-06")
    _, problems = desk.judged(KEY, through="2026-07")
    assert problems == ["核定 2026-07 前须先完成 2026 年度的年度核定，请先办理年度核定。"]


def test_sx_12_1_a_month_that_is_paid_is_refused(house: Open) -> None:
    desk = house("shaanxi").unit(**JUNE)
    desk.member(paid_through="2026-06")
    _, problems = desk.judged(KEY, through="2026-06")
    assert problems == ["2026-06 已核定或已缴，核定月份须晚于 2026-06，请重新选择。"]


def test_sx_12_1_one_month_after_the_other(house: Open) -> None:
    desk = house("shaanxi").unit(paid_through_month="2026-04")
    desk.member(paid_through="2026-04")
    desk.apply(KEY, through="2026-05")
    _, problems = desk.judged(KEY, through="2026-08")
    assert problems[0].startswith("月份须连续，从 2026-06 开始")
    desk.apply(KEY, through="2026-06")
    assert [month for _, month, _ in remittances(desk)] == ["2026-05", "2026-06"]


def test_qdn_03_1_several_months_at_once(house: Open) -> None:
    desk = house("qiandongnan").unit(**JUNE)
    desk.member()
    shown = panels(desk, KEY, through="2026-08")["逐月金额"]
    assert shown == [["2026 年 7 月", "1", MONTHLY], ["2026 年 8 月", "1", MONTHLY]]
    no = desk.apply(KEY, through="2026-08")
    assert desk.case(no).status == "completed"
    assert choices(desk, KEY, "through")[0] == "2026-09"


def test_qdn_03_1_nothing_is_assessed_while_business_is_unfinished(house: Open) -> None:
    desk = house("qiandongnan").unit(**JUNE)
    member = desk.member()
    (line,) = desk.type("seal_accounts", {"individual_account_no": member, "reason": "退休"})
    assert typed(line) == []
    _, problems = desk.judged(KEY, through="2026-07")
    assert any("封存" in text for text in problems)


def test_sx_14_1_an_assessment_is_cancelled_and_made_anew(house: Open) -> None:
    desk = house("shaanxi").unit(paid_through_month="2026-04")
    desk.member(paid_through="2026-04")
    desk.apply(KEY, through="2026-05")
    assert choices(desk, CANCEL, "which") == ["2026-05"]
    no = desk.apply(CANCEL, which="2026-05")
    assert desk.case(no).status == "completed"
    desk.apply(KEY, through="2026-05")
    assert [state for _, _, state in remittances(desk)] == ["cancelled", "assessed"]


def test_qdn_03_2_several_months_are_deleted_newest_first(house: Open) -> None:
    desk = house("qiandongnan").unit(**JUNE)
    desk.member()
    desk.apply(KEY, through="2026-09")
    assert choices(desk, CANCEL, "which") == ["2026-09", "2026-08", "2026-07"]
    desk.apply(CANCEL, which="2026-08")
    assert [state for _, _, state in remittances(desk)] == ["assessed", "cancelled", "cancelled"]
    _, problems = desk.judged(CANCEL, which="2026-08")
    assert problems == ["所选的核定已取消或已入账，请刷新后重新选择。"]
