"""With JavaScript switched off everything can still be done, only with more page loads."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import Visitors, field, sign_in, toast

ADDRESS = "黎平县翘街 21 号"
OPERATOR, REVIEWER, SECOND = unit_login(12), "qdn006", "qdn007"  # 黎平管理部


def test_a_request_is_filed_returned_corrected_and_decided_without_scripts(
    hall: LiveHall, visitors: Visitors, licence: Path
) -> None:
    page = visitors.anybody(hall, java_script_enabled=False)
    sign_in(page, OPERATOR)
    page.get_by_role("main").get_by_role("link", name="单位信息变更").click()
    field(page, "单位地址").fill(ADDRESS)
    field(page, "邮政编码").fill("557399")
    field(page, "单位电子信箱").fill("not an address")
    page.locator("#bar").get_by_role("button", name="保存").click()
    rows = page.locator("#changes tbody tr")
    expect(rows).to_have_count(3)
    page.get_by_role("button", name="取消修改：邮政编码").click()
    expect(rows).to_have_count(2)
    expect(field(page, "单位地址")).to_have_value(ADDRESS)
    page.locator("#bar").get_by_role("button", name="提交审核").click()
    expect(page.get_by_role("alert").first).to_contain_text("2 处需要修改")
    field(page, "单位电子信箱").fill("office@example.cn")
    slot = page.locator("[data-slot=business_licence]")
    slot.locator("#m-business_licence").set_input_files(licence)
    slot.get_by_role("button", name="上传").click()
    expect(slot.locator("[data-file]")).to_have_count(1)
    slot.get_by_role("button", name="取消上传").click()
    expect(slot.locator("[data-file]")).to_have_count(0)
    slot.locator("#m-business_licence").set_input_files(licence)
    page.locator("#bar").get_by_role("button", name="提交审核").click()
    toast(page, "已提交至中心审核")
    no = page.url.rpartition("/")[2]
    expect(page.locator(".h-thumbs li")).to_have_count(1)
    expect(page.get_by_text("流程图以文字表示")).to_be_visible()

    reviewer = visitors.anybody(hall, java_script_enabled=False)
    sign_in(reviewer, REVIEWER, door="staff")
    row = reviewer.locator("tr[data-task]").filter(has_text="黎平县侗乡旅游开发有限公司")
    row.get_by_role("checkbox").check()
    reviewer.get_by_role("button", name="领取").click()
    toast(reviewer, "已领取 1 件")
    row.get_by_role("link").click()
    reviewer.get_by_role("button", name="退回").click()
    reviewer.get_by_role("button", name="确定退回").click()
    expect(reviewer.locator("#op-e")).to_be_visible()
    reviewer.get_by_label("审批意见").fill("请核对邮箱。")
    reviewer.get_by_role("button", name="退回").click()
    reviewer.get_by_role("button", name="确定退回").click()
    toast(reviewer, f"已退回 {no}")

    page.goto(f"/requests/{no}")
    page.locator("#bar").get_by_role("link", name="修改后重新提交").click()
    field(page, "单位电子信箱").fill("info@example.cn")
    page.locator("#bar").get_by_role("button", name="提交审核").click()
    toast(page, "已提交至中心审核")
    reviewer.goto(f"/requests/{no}")
    reviewer.get_by_role("button", name="同意", exact=True).click()
    toast(reviewer, f"已同意 {no}")
    hall.decide(SECOND, no, "approve", "同意")
    assert hall.unit(OPERATOR).unit_address == ADDRESS


def test_messages_and_the_ways_out_work_without_scripts(hall: LiveHall, visitors: Visitors) -> None:
    login = unit_login(13)
    no = hall.file(login)
    hall.decide(REVIEWER, no, "return", "请补正。")
    page = visitors.signed_in(hall, login, java_script_enabled=False)
    page.goto("/")
    page.get_by_role("tab", name="待办").click()
    expect(page.get_by_role("link", name=f"打开：单位信息变更 {no}")).to_be_visible()
    page.goto("/inbox/messages")
    rows = page.locator("[data-message]")
    before = rows.count()
    rows.first.get_by_role("button", name="标为已阅").click()
    toast(page, "已标为已阅")
    expect(rows).to_have_count(before - 1)
    page.goto("/inbox/read")
    rows.first.get_by_role("button", name="删除").click()
    toast(page, "消息已删除")
    expect(rows).to_have_count(0)
    page.get_by_role("button", name="撤销").click()
    toast(page, "消息已恢复")
    page.goto("/inbox/read")
    expect(rows).to_have_count(1)
    page.goto(f"/requests/{no}")
    page.get_by_role("button", name="结束流程").click()
    page.get_by_role("button", name="确定结束").click()
    toast(page, f"流程已结束 {no}")
