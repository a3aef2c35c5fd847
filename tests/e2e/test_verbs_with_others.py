"""Drawing others in, in the browser: 转办, 委派, 加签, 减签, 抄送, 催办, 留言, 常用意见."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.axe import look
from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import (
    NARROW,
    WIDE,
    Team,
    Visitors,
    more,
    no_sideways_scroll,
    pick,
    record,
    toast,
)

FIRST, OTHER, SECOND, FAR = "qdn001", "qdn002", "qdn003", "qdn006"  # 王审核 赵审核 李复核 吴审核
SIZES = {"wide": WIDE, "narrow": NARROW}


def approve_button(page: Page) -> Locator:
    return page.get_by_role("button", name="同意", exact=True)


def from_todo(page: Page, no: str) -> None:
    """As it reaches them: from the box of what they have to do."""
    page.goto("/inbox/todo")
    page.get_by_role("link", name=f"打开：单位信息变更 {no}").click()
    page.wait_for_url(f"**/requests/{no}*")


@pytest.mark.parametrize("width", SIZES)
def test_a_step_is_handed_to_a_colleague(own_hall: LiveHall, team: Team, width: str) -> None:
    no = own_hall.file(unit_login(0 if width == "wide" else 1), pay_day="28")
    first, other = team(FIRST, SIZES[width]), team(OTHER, SIZES[width])
    first.goto(f"/requests/{no}")
    if width == "wide":
        first.get_by_role("button", name="更多", exact=True).click()
        look(first, "more-menu")
        first.keyboard.press("Escape")
    dialog = more(first, "转办")
    expect(dialog.get_by_role("heading")).to_have_text("转给谁办理")
    no_sideways_scroll(first)
    dialog.get_by_role(
        "combobox", name="转给"
    ).click()  # colleagues of the post are offered at once
    expect(dialog.get_by_role("option")).to_have_text(
        [re.compile("^周同舟"), re.compile("^赵审核")]
    )
    if width == "wide":
        look(first, "transfer-options")
    pick(dialog, "转给", "赵审核")
    dialog.get_by_role("button", name="确定转办").click()
    expect(first.get_by_role("alert").first).to_contain_text("必须填写原因")
    expect(first.get_by_role("checkbox", name=re.compile("^赵审核"))).to_be_checked()
    if width == "wide":
        look(first, "transfer-reason-missing")
    first.get_by_label("转办原因").fill("我外出培训一周")
    first.get_by_role("button", name="确定转办").click()
    toast(first, f"已转办 {no}")
    from_todo(other, no)
    expect(record(other).nth(1)).to_contain_text("岗位待办池 → 赵审核")
    expect(record(other).nth(1)).to_contain_text("我外出培训一周")
    other.get_by_label("审批意见").fill("同意")
    approve_button(other).click()
    toast(other, f"已同意 {no}")
    first.goto(f"/requests/{no}")
    expect(approve_button(first)).to_have_count(0)


@pytest.mark.parametrize("width", SIZES)
def test_a_question_comes_back_answered(own_hall: LiveHall, team: Team, width: str) -> None:
    no = own_hall.file(unit_login(2 if width == "wide" else 3), pay_day="28")
    first, second = team(FIRST, SIZES[width]), team(SECOND, SIZES[width])
    first.goto(f"/requests/{no}")
    dialog = more(first, "委派")
    pick(dialog, "委派给", "李复核")
    dialog.get_by_label("要问的问题").fill("发薪日可以改到 28 日吗？")
    if width == "wide":
        look(first, "ask-dialog")
    dialog.get_by_role("button", name="确定委派").click()
    toast(first, f"已委派 {no}")
    expect(approve_button(first)).to_have_count(0)
    expect(first.get_by_role("main")).to_contain_text("还差 1 人：李复核")
    from_todo(second, no)
    expect(second.locator("#bar")).to_contain_text("发薪日可以改到 28 日吗？")
    if width == "wide":
        look(second, "asked")
    second.get_by_role("button", name="回复", exact=True).click()
    expect(second.locator("#op-e")).to_have_text("请先写明您的意见。")
    second.get_by_label("审批意见").fill("可以，不影响缴存。")
    second.get_by_role("button", name="回复", exact=True).click()
    toast(second, f"已回复 {no}")
    from_todo(first, no)
    expect(record(first).filter(has_text="回复委派")).to_contain_text("可以，不影响缴存。")
    expect(approve_button(first)).to_be_visible()
    if width == "wide":
        look(first, "answered")


def test_signers_before_and_after_one_of_them_dropped(own_hall: LiveHall, team: Team) -> None:
    no = own_hall.file(unit_login(4), pay_day="28")
    first, other, second = team(FIRST), team(OTHER), team(SECOND)
    first.goto(f"/requests/{no}")
    dialog = more(first, "加签")
    dialog.get_by_role("radio", name="前加签").check()
    dialog.get_by_role("radio", name="按选定的先后逐个审").check()
    for name in ("李复核", "赵审核"):
        pick(dialog, "加签人", name)
    dialog.get_by_label("说明").fill("请先看地址")
    look(first, "add-sign-dialog")
    dialog.get_by_role("button", name="确定加签").click()
    toast(first, f"已加签 {no}")
    table = first.locator("section.card").filter(has_text="各方意见")
    expect(table.get_by_role("listitem").filter(has_text="李复核")).to_contain_text("待办理")
    expect(table.get_by_role("listitem").filter(has_text="赵审核")).to_contain_text("未轮到")
    look(first, "add-sign-waiting")
    table.get_by_role("listitem").filter(has_text="赵审核").get_by_role("button").click()
    dialog = first.get_by_role("dialog", name="减签：赵审核")
    dialog.get_by_label("原因").fill("在休假")
    look(first, "drop-sign-dialog")
    dialog.get_by_role("button", name="确定减签").click()
    toast(first, f"已减签 {no}")
    from_todo(second, no)
    expect(second.locator("#bar")).to_contain_text("请先看地址")
    approve_button(second).click()
    toast(second, f"已同意 {no}")

    from_todo(first, no)
    dialog = more(first, "加签")
    dialog.get_by_role("radio", name="后加签").check()
    pick(dialog, "加签人", "赵审核")
    dialog.get_by_role("button", name="确定加签").click()
    toast(first, f"已加签 {no}")
    approve_button(first).click()
    toast(first, f"已同意 {no}")
    assert own_hall.view(FIRST, no).label == "初审中", "the one added behind has not decided yet"
    from_todo(other, no)
    approve_button(other).click()
    toast(other, f"已同意 {no}")
    assert own_hall.view(FIRST, no).label == "复核中"
    first.goto(f"/requests/{no}")
    expect(record(first).filter(has_text="后加签 · 同意")).to_contain_text("赵审核")


def test_a_copy_is_announced_opened_and_marked_as_read(own_hall: LiveHall, team: Team) -> None:
    no = own_hall.file(unit_login(5), pay_day="28")
    first, far = team(FIRST), team(FAR)
    first.goto(f"/requests/{no}")
    dialog = more(first, "抄送")
    pick(dialog, "抄送给", "吴审核")
    dialog.get_by_label("附言").fill("供黎平参考")
    look(first, "copy-dialog")
    dialog.get_by_role("button", name="确定抄送").click()
    toast(first, f"已抄送 {no}")
    copies = first.locator("section.card").filter(has_text="抄送 ·")
    expect(copies).to_contain_text("未阅")
    far.goto("/inbox/messages")
    message = far.locator("[data-message]").first
    expect(message).to_contain_text("供黎平参考")
    message.get_by_role("link", name=re.compile("^查看")).click()
    far.get_by_role("link", name="打开业务").click()
    expect(far.get_by_role("heading", name="单位信息变更", level=1)).to_be_visible()
    expect(approve_button(far)).to_have_count(0)
    look(far, "copied")
    first.reload()
    expect(copies).to_contain_text("已阅")
    expect(copies).not_to_contain_text("未阅")


def test_the_applicant_urges_as_often_as_allowed(own_hall: LiveHall, team: Team) -> None:
    login = unit_login(6)
    no = own_hall.file(login, pay_day="28")
    own_hall.claim(OTHER, no)
    applicant, other = team(login, NARROW), team(OTHER)
    applicant.goto(f"/requests/{no}")
    for left in (2, 1):
        applicant.get_by_role("button", name="催办", exact=True).click()
        dialog = applicant.get_by_role("dialog", name="催办这件业务")
        expect(dialog).to_contain_text(f"今天还可以催办 {left} 次")
        dialog.get_by_label("附言").fill(f"本月发薪前要用，第 {3 - left} 次")
        if left == 2:
            look(applicant, "urge-dialog")
        dialog.get_by_role("button", name="确定催办").click()
        toast(applicant, f"已催办 {no}")
    expect(applicant.get_by_role("button", name="催办", exact=True)).to_have_count(0)
    other.goto("/inbox/messages")
    expect(other.locator("[data-message]").filter(has_text="本月发薪前要用")).to_have_count(2)


@pytest.mark.parametrize("width", SIZES)
def test_a_comment_carries_a_file_both_sides_can_open(
    own_hall: LiveHall, team: Team, licence: Path, width: str
) -> None:
    login = unit_login(7 if width == "wide" else 8)
    no = own_hall.file(login, pay_day="28")
    applicant, first = team(login, SIZES[width]), team(FIRST, SIZES[width])
    applicant.goto(f"/requests/{no}")
    dialog = more(applicant, "留言")
    dialog.get_by_label("留言内容").fill("新的营业执照先给您看一下。")
    dialog.locator("input[type=file]").set_input_files(licence)
    expect(dialog.get_by_role("link", name="营业执照副本.jpg")).to_be_visible()
    if width == "wide":
        look(applicant, "comment-dialog")
    dialog.get_by_role("button", name="确定留言").click()
    toast(applicant, f"已留言 {no}")
    first.goto(f"/requests/{no}")
    line = record(first).filter(has_text="新的营业执照先给您看一下。")
    line.get_by_role("link", name="营业执照副本.jpg").click()
    expect(first.locator("#viewer img")).to_be_visible()
    if width == "wide":
        look(first, "comment-file-open")
    first.get_by_role("button", name="关闭").first.click()


def test_an_opinion_is_kept_used_and_removed(own_hall: LiveHall, team: Team) -> None:
    no = own_hall.file(unit_login(9), pay_day="28")
    page = team(FIRST)
    page.goto(f"/requests/{no}")
    opinion, words = page.get_by_label("审批意见"), "已与银行核对，同意"
    opinion.fill(words)
    page.get_by_role("button", name="加入常用").click()
    toast(page, "已加入常用意见")
    chip = page.get_by_role("group", name="常用意见").get_by_role("button", name=words)
    expect(chip).to_be_visible()
    page.reload()
    opinion.fill("")
    chip.click()
    expect(opinion).to_have_value(words)
    page.get_by_role("link", name="管理", exact=True).click()
    page.get_by_label("添加一条").fill("请补充说明")
    page.get_by_role("button", name="添加", exact=True).click()
    page.get_by_role("button", name="上移：请补充说明").click()
    own = page.locator(".w-own li")
    expect(own).to_contain_text(["请补充说明", words])
    look(page, "opinions")
    page.get_by_role("button", name=f"删除：{words}").click()
    expect(own).to_have_count(1)
    page.get_by_role("link", name="返回").click()
    expect(page).to_have_url(f"{own_hall.url}/requests/{no}")
    expect(page.get_by_role("group", name="常用意见")).not_to_contain_text(words)


def test_handing_over_returning_and_approving_without_scripts(
    own_hall: LiveHall, visitors: Visitors
) -> None:
    no = own_hall.file(unit_login(10), pay_day="28")
    first, other = (
        visitors.signed_in(own_hall, who, java_script_enabled=False) for who in (FIRST, OTHER)
    )
    first.goto(f"/requests/{no}")
    dialog = more(first, "转办")
    dialog.get_by_label("转给").fill("审核")
    dialog.get_by_label("转办原因").fill("出差")
    dialog.get_by_role("button", name="确定转办").click()
    expect(first.get_by_role("alert").first).to_contain_text("请在列表中选定")
    first.get_by_role("radio", name=re.compile("^赵审核")).check()
    first.get_by_role("button", name="确定转办").click()
    toast(first, f"已转办 {no}")
    other.goto(f"/requests/{no}")
    other.get_by_label("审批意见").fill("请核对发薪日")
    other.get_by_role("button", name="退回", exact=True).click()
    other.get_by_role("radio", name="直接回到我").check()
    other.get_by_role("button", name="确定退回").click()
    toast(other, f"已退回 {no}")
    applicant = visitors.signed_in(own_hall, unit_login(10), java_script_enabled=False)
    applicant.goto(f"/requests/{no}/edit")
    applicant.locator("#bar").get_by_role("button", name="提交审核").click()
    toast(applicant, "已提交至中心审核")
    other.goto(f"/requests/{no}")
    approve_button(other).click()
    toast(other, f"已同意 {no}")
