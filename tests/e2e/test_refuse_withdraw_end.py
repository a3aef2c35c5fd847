"""The other ways a request ends: refused by the centre, withdrawn or ended by the applicant."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import Visitors, field, toast

REASON = "营业执照与登记信息不一致，请核对后重新申请。"


def _files_a_new_one(page: Page) -> None:
    page.goto("/services/unit_info_change")
    expect(page.get_by_text("存在未审批完成的单位信息变更业务")).to_have_count(0)
    field(page, "邮政编码").fill("556019")
    page.get_by_role("button", name="提交审核").click()
    toast(page, "已提交至中心审核")


def test_a_refused_request_ends_with_its_reason_and_changes_nothing(
    hall: LiveHall, visitors: Visitors
) -> None:
    login = unit_login(1)
    before = hall.unit(login).pay_day
    no = hall.file(login, pay_day="22")
    page = visitors.signed_in(hall, "qdn002")
    page.goto(f"/requests/{no}")
    page.get_by_role("button", name="更多").click()
    page.get_by_role("button", name="驳回").click()
    expect(page.locator("#op-e")).to_contain_text("请先写明驳回理由")
    page.get_by_label("审批意见").fill(REASON)
    page.get_by_role("button", name="更多").click()
    page.get_by_role("button", name="驳回").click()
    dialog = page.get_by_role("dialog", name="驳回这件申请？")
    expect(dialog).to_contain_text("不能恢复")
    dialog.get_by_role("button", name="确定驳回").click()
    toast(page, f"已驳回 {no}")

    operator = visitors.signed_in(hall, login)
    operator.goto(f"/requests/{no}")
    expect(operator.locator(".w-title")).to_contain_text("不予办理")
    expect(operator.get_by_label("办理记录与下一步")).to_contain_text(REASON)
    operator.goto("/inbox/messages")
    expect(operator.locator("[data-message]").first).to_contain_text("未通过审核")
    assert hall.unit(login).pay_day == before, "a refused change is not made"
    _files_a_new_one(operator)


def test_an_applicant_withdraws_until_somebody_has_decided(
    hall: LiveHall, visitors: Visitors
) -> None:
    login = unit_login(2)
    no = hall.file(login, pay_day="22")
    page = visitors.signed_in(hall, login)
    page.goto("/")
    page.get_by_role("tab", name=re.compile("^我发起的")).click()
    page.get_by_role("link", name=f"查看：单位信息变更 {no}").click()
    page.get_by_role("button", name="撤回", exact=True).click()
    dialog = page.get_by_role("dialog", name="撤回这件申请？")
    dialog.get_by_role("button", name="确定撤回").click()
    toast(page, f"申请已撤回 {no}")
    expect(page.locator(".w-title")).to_contain_text("已撤回")
    expect(page.get_by_role("button", name="撤回", exact=True)).to_have_count(0)
    _files_a_new_one(page)
    second = page.url.rpartition("/")[2]
    hall.decide("qdn001", second, "approve")
    page.reload()
    expect(page.get_by_role("button", name="撤回", exact=True)).to_have_count(0)


def test_a_returned_request_is_ended_from_the_todo_box_and_a_new_one_filed(
    hall: LiveHall, visitors: Visitors
) -> None:
    login = unit_login(3)
    no = hall.file(login, pay_day="22")
    hall.decide("qdn001", no, "return", REASON)
    page = visitors.signed_in(hall, login)
    page.goto("/services/unit_info_change")
    expect(page.get_by_text("存在未审批完成的单位信息变更业务")).to_be_visible()
    page.goto("/?box=todo")
    page.get_by_role("button", name=f"结束流程：单位信息变更 {no}").click()
    dialog = page.get_by_role("dialog", name="结束流程确认")
    expect(dialog).to_contain_text(no)
    dialog.get_by_role("button", name="取消").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name=f"结束流程：单位信息变更 {no}").click()
    dialog.get_by_role("button", name="确定").click()
    toast(page, f"流程已结束 {no}")
    expect(page.locator(".w-title")).to_contain_text("已结束")
    expect(page.get_by_label("办理记录与下一步")).to_contain_text(REASON)
    page.goto("/inbox/todo")
    expect(page.get_by_text("没有待办")).to_be_visible()
    _files_a_new_one(page)
