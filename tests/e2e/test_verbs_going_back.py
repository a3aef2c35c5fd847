"""Ways back in the browser: 退回 straight and step by step, 取回, 终止; by all they concern."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.axe import look
from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import NARROW, WIDE, Team, field, more, record, toast

FIRST, SECOND, ADMIN = "qdn001", "qdn003", "qdn012"  # 王审核, 李复核, 龙主管
WHY = "单位地址与营业执照不一致，请更正。"


def approve(page: Page, no: str, opinion: str = "同意") -> None:
    page.goto(f"/requests/{no}")
    page.get_by_label("审批意见").fill(opinion)
    page.get_by_role("button", name="同意", exact=True).click()
    toast(page, f"已同意 {no}")


def send_back(page: Page, no: str, step: str, after: str = "", seen_as: str = "") -> None:
    """退回 to a step, in the words of the dialog."""
    page.goto(f"/requests/{no}")
    page.get_by_label("审批意见").fill(WHY)
    page.get_by_role("button", name="退回", exact=True).click()
    dialog = page.get_by_role("dialog", name="退回到哪一步")
    dialog.get_by_role("radio", name=step).check()
    if after:
        dialog.get_by_role("radio", name=after).check()
    if seen_as:
        look(page, seen_as)
    dialog.get_by_role("button", name="确定退回").click()
    toast(page, f"已退回 {no}")


def correct(page: Page, no: str, pay_day: str) -> None:
    """The applicant finds it under 待办, changes a value and files it again."""
    page.goto("/inbox/todo")
    page.get_by_role("link", name=f"打开：单位信息变更 {no}").click()
    page.locator("#bar").get_by_role("link", name="修改后重新提交").click()
    field(page, "发薪日").select_option(pay_day)
    page.get_by_role("button", name="提交审核").click()
    toast(page, "已提交至中心审核")


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_returned_straight_it_comes_back_to_the_one_who_returned_it(
    own_hall: LiveHall, team: Team, width: str
) -> None:
    size = WIDE if width == "wide" else NARROW
    login = unit_login(0 if width == "wide" else 1)
    no = own_hall.file(login, pay_day="28")
    applicant, first, second = (team(who, size) for who in (login, FIRST, SECOND))
    approve(first, no, "初审通过")
    send_back(second, no, "填写申请", "直接回到我", "return-dialog" if width == "wide" else "")
    applicant.goto(f"/requests/{no}")
    expect(applicant.get_by_text("李复核 退回了这件申请")).to_be_visible()
    name = own_hall.actor(login).name
    expect(applicant.get_by_text(f"等待{name}更正后交回")).to_be_visible()
    if width == "wide":
        look(applicant, "return-straight-applicant")
    correct(applicant, no, "20")
    expect(record(applicant).filter(has_text="改好后交回复核")).to_have_count(1)
    first.goto(f"/requests/{no}")
    expect(first.get_by_role("button", name="同意", exact=True)).to_have_count(0)
    second.goto("/inbox/todo")
    second.get_by_role("link", name=f"打开：单位信息变更 {no}").click()
    expect(record(second).filter(has_text="初审通过")).to_have_count(1)
    if width == "wide":
        look(second, "return-straight-back")
    approve(second, no)
    assert own_hall.unit(login).pay_day == 20


def test_returned_step_by_step_everybody_decides_again(own_hall: LiveHall, team: Team) -> None:
    login = unit_login(2)
    no = own_hall.file(login, pay_day="28")
    applicant, first, second = (team(who) for who in (login, FIRST, SECOND))
    approve(first, no)
    send_back(second, no, "初审")
    expect_state(first, no, "初审中")
    first.goto("/review")
    expect(first.locator("tr[data-task]").filter(has_text="凯里市清水江实验中学")).to_have_count(1)
    send_back(first, no, "填写申请", "重新逐级审批")
    correct(applicant, no, "21")
    expect_state(second, no, "初审中")
    expect(second.get_by_role("button", name="同意", exact=True)).to_have_count(0)
    approve(first, no)
    approve(second, no)
    expect_state(applicant, no, "已办结")


def expect_state(page: Page, no: str, label: str) -> None:
    page.goto(f"/requests/{no}")
    expect(page.locator("h1 + .h-state")).to_have_text(label)


def test_a_decision_is_taken_back_until_somebody_works_on_the_next_step(
    own_hall: LiveHall, team: Team
) -> None:
    no = own_hall.file(unit_login(3), pay_day="28")
    first, second = team(FIRST), team(SECOND)
    approve(first, no, "看错了一件")
    first.goto(f"/requests/{no}")
    first.get_by_role("button", name="取回", exact=True).click()
    dialog = first.get_by_role("dialog", name="取回刚才的决定？")
    dialog.get_by_label("取回原因").fill("点错了一件")
    look(first, "take-back-dialog")
    dialog.get_by_role("button", name="确定取回").click()
    toast(first, f"已取回 {no}")
    expect(record(first).filter(has_text="点错了一件")).to_contain_text("回到“初审”")
    expect(first.get_by_role("button", name="同意", exact=True)).to_be_visible()
    approve(first, no)
    stale = first.context.new_page()
    stale.goto(f"/requests/{no}")
    approve(second, no)
    stale.get_by_role("button", name="取回", exact=True).click()
    stale.get_by_role("button", name="确定取回").click()
    expect(stale.get_by_role("main")).to_contain_text("李复核")
    expect(stale.locator(".h-alert").first).to_be_visible()
    look(stale, "take-back-too-late")


def test_an_admin_ends_what_cannot_go_on_and_the_applicant_reads_why(
    own_hall: LiveHall, team: Team
) -> None:
    login = unit_login(4)
    no = own_hall.file(login, pay_day="28")
    admin, applicant = team(ADMIN), team(login)
    admin.goto(f"/requests/{no}")
    dialog = more(admin, "终止")
    look(admin, "terminate-dialog")
    dialog.get_by_role("button", name="确定终止").click()
    expect(admin.get_by_role("alert").first).to_contain_text("必须填写原因")
    look(admin, "terminate-reason-missing")
    admin.get_by_label("终止原因").fill("单位重复录入，另有一件在办。")
    admin.get_by_role("button", name="确定终止").click()
    toast(admin, f"流程已终止 {no}")
    expect_state(applicant, no, "已终止")
    expect(record(applicant).first).to_contain_text("单位重复录入，另有一件在办。")
    look(applicant, "terminated-applicant")
    applicant.goto("/inbox/messages")
    expect(applicant.locator("[data-message]").first).to_contain_text("终止")
