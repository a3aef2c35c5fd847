"""Deciding together in the browser: 会签 by every rule, 批量同意, kept filters, keys."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.e2e.axe import look
from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import NARROW, WIDE, Team, record, toast

FIRST, OTHER, SECOND, FOURTH = "qdn001", "qdn002", "qdn003", "qdn004"
ALONE = "qdn006"  # 吴审核: 榕江管理部 alone, so that nothing else is on the desk
DESK = "/review?branch=QDN05"


def vote(page: Page, no: str, opinion: str = "同意", *, refuse: bool = False) -> None:
    """From the box of what is to be done, to the toast."""
    page.goto("/inbox/todo")
    page.get_by_role("link", name=f"打开：单位信息变更 {no}").click()
    page.get_by_label("审批意见").fill(opinion)
    if refuse:
        page.get_by_role("button", name="更多", exact=True).click()
        page.get_by_role("button", name="驳回", exact=True).click()
        page.get_by_role("button", name="确定驳回").click()
    else:
        page.get_by_role("button", name="同意", exact=True).click()
    toast(page, f"已{'驳回' if refuse else '同意'} {no}")


def voters(hall: LiveHall, *logins: str) -> str:
    return "users:" + ",".join(hall.actor(login).id for login in logins)


def table(page: Page, no: str) -> Locator:
    page.goto(f"/requests/{no}")
    return page.locator("section.card").filter(has_text="各方意见")


def test_all_must_agree_and_each_sees_who_has(own_hall: LiveHall, team: Team) -> None:
    own_hall.redraw(sign="all", signers="归集审核岗,归集复核岗")
    no = own_hall.file(unit_login(0), pay_day="28")
    first, second = team(FIRST, NARROW), team(SECOND, NARROW)
    expect(table(first, no)).to_contain_text("会签，全部同意才通过，有一人驳回即驳回。")
    vote(first, no, "没有意见")
    seen = table(second, no)
    expect(seen).to_contain_text("已有 1 人给出意见，还差 1 人")
    expect(seen.get_by_role("listitem").filter(has_text="王审核")).to_contain_text("没有意见")
    second.set_viewport_size(WIDE)  # type: ignore[arg-type]
    look(second, "vote-all")
    vote(second, no)
    assert own_hall.view(FIRST, no).label == "复核中"
    fourth = team(FOURTH)
    vote(fourth, no, "复核通过")
    assert own_hall.view(FIRST, no).status == "completed"


def test_one_who_refuses_ends_a_vote_of_all(own_hall: LiveHall, team: Team) -> None:
    own_hall.redraw(sign="all", signers="归集审核岗,归集复核岗")
    no = own_hall.file(unit_login(1), pay_day="28")
    vote(team(SECOND), no, "与登记信息不一致", refuse=True)
    applicant = team(unit_login(1))
    applicant.goto(f"/requests/{no}")
    expect(applicant.locator("h1 + .h-state")).to_have_text("不予办理")
    expect(record(applicant).filter(has_text="会签驳回")).to_contain_text("与登记信息不一致")
    look(applicant, "vote-refused")


def test_a_share_of_the_voters_is_enough(own_hall: LiveHall, team: Team) -> None:
    own_hall.redraw(sign="ratio:0.6", signers=voters(own_hall, FIRST, OTHER, SECOND))
    no = own_hall.file(unit_login(2), pay_day="28")
    expect(table(team(FIRST), no)).to_contain_text("会签，同意达到 60% 即通过。")
    vote(team(FIRST), no)
    vote(team(OTHER), no, "不同意变更", refuse=True)
    assert own_hall.view(FIRST, no).label == "初审中", "one of each: nothing is settled"
    vote(team(SECOND), no)
    assert own_hall.view(FIRST, no).label == "复核中"
    page = team(FIRST)
    expect(table(page, no).get_by_role("listitem")).to_have_count(3)
    expect(record(page).filter(has_text="会签结果：同意")).to_have_count(1)


def test_in_turn_the_second_waits_for_the_first(own_hall: LiveHall, team: Team) -> None:
    own_hall.redraw(sign="in_turn", signers=voters(own_hall, SECOND, FIRST))
    no = own_hall.file(unit_login(3), pay_day="28")
    first, second = team(FIRST), team(SECOND)
    seats = table(first, no).get_by_role("listitem")
    expect(seats).to_contain_text(["李复核", "王审核"])
    expect(seats.nth(1)).to_contain_text("未轮到")
    expect(first.get_by_role("button", name="同意", exact=True)).to_have_count(0)
    vote(second, no)
    vote(first, no)
    assert own_hall.view(FIRST, no).label == "复核中"


def test_many_are_approved_at_once_and_the_result_lists_each(
    own_hall: LiveHall, team: Team
) -> None:
    own_hall.redraw()
    single = own_hall.file(unit_login(4), pay_day="28")
    own_hall.redraw(batch="true")
    numbers = [own_hall.file(unit_login(line), pay_day="28") for line in (5, 6, 7)]
    names = [own_hall.unit(unit_login(line)).unit_name for line in (4, 5, 6, 7)]
    page = team(FIRST)
    page.goto("/review?branch=QDN01")
    for name in names:
        page.get_by_role("checkbox", name=f"选择 {name}").check()
    expect(page.get_by_role("button", name="领取 4 件")).to_be_enabled()
    page.get_by_role("button", name="批量同意 3 件").click()
    dialog = page.get_by_role("dialog", name="批量同意")
    expect(dialog).to_contain_text("另有 1 件须逐件审核，不会办理")
    dialog.get_by_role("button", name="材料齐全，同意").click()
    look(page, "batch-dialog")
    own_hall.decide(OTHER, numbers[1], "approve", "同意")  # a colleague is faster with one
    dialog.get_by_role("button", name="确定同意").click()
    rows = page.get_by_role("row")
    expect(rows.filter(has_text=numbers[0])).to_contain_text("已同意")
    expect(rows.filter(has_text=numbers[1])).to_contain_text("未办理")
    expect(rows.filter(has_text=numbers[2])).to_contain_text("已同意")
    expect(rows.filter(has_text=single)).to_contain_text("未办理")
    look(page, "batch-results")
    page.get_by_role("link", name=numbers[0]).click()
    line = record(page).filter(has_text="批量办理")
    expect(line).to_contain_text("材料齐全，同意")
    assert own_hall.view(FIRST, single).label == "初审中"


def test_a_filter_is_kept_and_removed(own_hall: LiveHall, team: Team) -> None:
    own_hall.redraw()
    own_hall.file(unit_login(24), pay_day="28")
    page = team(ALONE)
    page.goto("/review")
    filters = page.get_by_role("navigation", name="筛选")
    filters.get_by_role("link", name=re.compile("^榕江管理部")).click()
    filters.get_by_role("button", name="保存当前筛选").click()
    dialog = page.get_by_role("dialog", name="保存当前筛选")
    expect(dialog.get_by_label("名称")).to_have_value("榕江管理部")
    dialog.get_by_label("名称").fill("我的榕江")
    look(page, "filter-dialog")
    dialog.get_by_role("button", name="保存", exact=True).click()
    toast(page, "已保存筛选“我的榕江”")
    page.goto("/review")
    kept = filters.get_by_role("link", name=re.compile("^我的榕江"))
    expect(kept).to_contain_text("1")
    look(page, "filter-kept")
    kept.click()
    page.wait_for_url(f"**{DESK}")
    page.get_by_role("button", name="删除筛选：我的榕江").click()
    toast(page, "筛选已删除")
    expect(kept).to_have_count(0)


def test_keys_decide_and_lead_to_the_choice_of_a_step(own_hall: LiveHall, team: Team) -> None:
    own_hall.redraw()
    agreed, returned = (own_hall.file(unit_login(line), pay_day="28") for line in (8, 9))
    for no in (agreed, returned):
        own_hall.decide(FIRST, no, "approve", "同意")
    page = team(FOURTH)
    page.goto("/review?branch=QDN01")
    pane = page.locator(".h-pane")
    for no, key in ((agreed, "a"), (returned, "r")):
        page.get_by_role("row").filter(has=page.locator(f"a[href$='{no}']")).click()
        expect(pane.locator(".h-num")).to_have_text(no)
        page.keyboard.press(key)
        if key == "a":
            toast(page, f"已同意 {agreed}")
    page.wait_for_url(f"**/requests/{returned}#bar")  # of several steps one is chosen there
