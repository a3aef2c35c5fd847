"""单位信息变更 as the manual tells it (第1篇, 业务办理篇 1): from the form to the receipt.

One long walk, each station a function named after what the manual says; then what the flow chart
and the messages show, one by one.  tests/real/test_whole_path.py goes the same way on PostgreSQL.
"""

from __future__ import annotations

import re
from pathlib import Path

import segno
from playwright.sync_api import Locator, Page, expect

from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import NARROW, Visitors, field, sign_in, toast

OPERATOR, FIRST, SECOND = unit_login(0), "qdn001", "qdn003"  # 杨秀兰, 王审核, 李复核
ADDRESS, MOBILE = "凯里市清江大道 126 号云谷大厦 8 层", "13808556024"
BACK = "营业执照影像缺右下角，请补正。"
BLOCKED = "存在未审批完成的单位信息变更业务"


def test_the_walk_of_the_manual(hall: LiveHall, visitors: Visitors, licence: Path) -> None:
    operator, first, second = (visitors.anybody(hall) for _ in range(3))
    sign_in(operator, OPERATOR)
    _the_home_shows_the_unit(operator)
    _changes_are_listed_and_dropped(operator)
    _a_wrong_value_is_explained_and_nothing_is_lost(operator)
    no = _the_request_is_filed(operator, licence)
    _a_second_one_is_not_accepted(operator)
    sign_in(first, FIRST, door="staff")
    _the_first_reviewer_claims_and_returns(first, no)
    _the_operator_files_again(operator, no)
    _a_reviewer_agrees(first, no, "材料齐全，同意")
    sign_in(second, SECOND, door="staff")
    _a_reviewer_agrees(second, no, "同意")
    _the_record_has_changed(operator, hall)
    _the_message_is_read_and_deleted(operator)
    _the_receipt_proves_itself(operator, visitors.anybody(hall), no, hall)


def _the_home_shows_the_unit(page: Page) -> None:
    expect(page.get_by_role("heading", name="凯里市云谷文旅发展有限公司")).to_be_visible()
    expect(page.get_by_text(f"单位账号 {OPERATOR}")).to_be_visible()
    expect(page.get_by_text("经办人 杨秀兰")).to_be_visible()
    for box in ("消息", "待办", "已办", "我发起的", "已阅"):
        expect(page.get_by_role("tab", name=re.compile(f"^{box}"))).to_be_visible()


def _changes_are_listed_and_dropped(page: Page) -> None:
    page.get_by_role("main").get_by_role("link", name="单位信息变更").click()
    field(page, "单位地址").fill(ADDRESS)
    field(page, "经办人手机号码").fill(MOBILE)
    field(page, "发薪日").select_option("18")
    field(page, "邮政编码").fill("556011")
    rows = page.locator("#changes tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.filter(has_text="单位地址")).to_contain_text(ADDRESS)
    page.get_by_role("button", name="取消修改：邮政编码").click()
    expect(rows).to_have_count(3)
    expect(field(page, "邮政编码")).to_have_value("556000")
    name = field(page, "单位名称")
    expect(name).not_to_be_editable()
    expect(name).to_have_attribute("title", re.compile("柜台"))


def _a_wrong_value_is_explained_and_nothing_is_lost(page: Page) -> None:
    field(page, "经办人手机号码").fill("1380855602")
    page.get_by_role("button", name="提交审核").click()
    summary = page.get_by_role("alert").filter(has_text="处需要修改后才能提交")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("listitem")).to_have_count(2)
    expect(summary).to_contain_text("营业执照副本")
    expect(field(page, "单位地址")).to_have_value(ADDRESS)
    expect(field(page, "经办人手机号码")).to_have_value("1380855602")
    expect(field(page, "发薪日")).to_have_value("18")
    expect(page.locator("#e-operator_mobile")).to_contain_text("11 位")
    summary.get_by_role("link", name="经办人手机号码").click()
    expect(field(page, "经办人手机号码")).to_be_in_viewport()


def _the_request_is_filed(page: Page, licence: Path) -> str:
    field(page, "经办人手机号码").fill(MOBILE)
    slot = page.locator("[data-slot=business_licence]")
    expect(slot).to_contain_text("本次必传")
    slot.locator("#m-business_licence").set_input_files(licence)
    expect(slot.locator("[data-file]")).to_contain_text("营业执照副本.jpg")
    expect(page.locator("[data-summary]")).to_be_hidden()  # nothing is wrong any more
    page.get_by_role("button", name="提交审核").click()
    toast(page, "已提交至中心审核")  # gone after five seconds, so it is looked for first
    page.wait_for_url("**/requests/*")
    no = page.url.rpartition("/")[2]
    expect(page.get_by_role("main")).to_contain_text(no)
    return no


def _a_second_one_is_not_accepted(page: Page) -> None:
    page.goto("/services/unit_info_change")
    expect(page.get_by_text(BLOCKED)).to_be_visible()
    field(page, "发薪日").select_option("9")
    page.get_by_role("button", name="提交审核").click()
    expect(page.get_by_role("alert").filter(has_text=BLOCKED)).to_be_visible()
    expect(field(page, "发薪日")).to_have_value("9")
    page.goto("/services/unit_info_change")  # what was typed is a draft now
    expect(field(page, "发薪日")).to_have_value("9")
    page.get_by_role("button", name="放弃草稿").click()
    toast(page, "草稿已放弃")
    expect(field(page, "发薪日")).to_have_value("15")


def _the_first_reviewer_claims_and_returns(page: Page, no: str) -> None:
    assert page.url.endswith("/review"), "reviewers start at their desk"
    row = page.locator("tr[data-task]").filter(has_text="凯里市云谷文旅发展有限公司")
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="领取 1 件").click()
    toast(page, "已领取 1 件")
    expect(row).to_contain_text("王审核")
    page.goto(f"/requests/{no}")
    page.get_by_role("button", name="退回").click()
    opinion = page.get_by_label("审批意见")
    expect(opinion).to_be_focused()
    expect(page.locator("#op-e")).to_contain_text("请先写明退回理由")
    opinion.fill(BACK)
    page.get_by_role("button", name="退回").click()
    page.get_by_role("button", name="确定退回").click()
    toast(page, f"已退回 {no}")


def _the_operator_files_again(page: Page, no: str) -> None:
    page.goto("/")
    page.get_by_role("tab", name=re.compile("^待办")).click()
    panel = page.get_by_role("tabpanel", name=re.compile("^待办"))
    expect(panel).to_contain_text(BACK)
    panel.get_by_role("link", name=re.compile("^打开")).first.click()
    expect(page.get_by_text("王审核 退回了这件申请")).to_be_visible()
    page.locator("#bar").get_by_role("link", name="修改后重新提交").click()
    expect(field(page, "单位地址")).to_have_value(ADDRESS)
    expect(page.locator("[data-slot=business_licence] [data-file]")).to_have_count(1)
    page.get_by_role("button", name="提交审核").click()
    toast(page, "已提交至中心审核")
    page.wait_for_url(f"**/requests/{no}")


def _a_reviewer_agrees(page: Page, no: str, opinion: str) -> None:
    page.goto(f"/requests/{no}")
    page.get_by_label("审批意见").fill(opinion)
    page.get_by_role("button", name="同意", exact=True).click()
    toast(page, f"已同意 {no}")


def _the_record_has_changed(page: Page, hall: LiveHall) -> None:
    page.goto("/unit")
    expect(page.get_by_role("main")).to_contain_text("每月 18 日")
    page.goto("/")
    expect(page.locator(".h-unit")).to_contain_text("138****6024")
    page.goto("/services/unit_info_change")
    expect(field(page, "单位地址")).to_have_value(ADDRESS)
    assert hall.unit(OPERATOR).pay_day == 18


def _the_message_is_read_and_deleted(page: Page) -> None:
    page.goto("/")
    title = "尊敬的杨秀兰，您已完成办理单位信息变更！"
    rows = page.get_by_role("tabpanel", name=re.compile("^消息")).locator("[data-message]")
    row = rows.filter(has_text=title)
    before = rows.count()
    row.get_by_role("button", name="标为已阅").click()
    toast(page, "已标为已阅")
    expect(rows).to_have_count(before - 1)
    page.goto("/inbox/read")
    read = page.locator("[data-message]").filter(has_text=title)
    read.get_by_role("link", name="查看").click()
    for words in ("业务名称", "单位信息变更", "推送渠道", "已阅"):
        expect(page.locator(".h-letter")).to_contain_text(words)
    page.goto("/inbox/read")
    read.get_by_role("button", name="删除").click()
    toast(page, "消息已删除")
    expect(read).to_have_count(0)
    page.get_by_role("button", name="撤销").click()
    expect(read).to_have_count(1)


def _the_receipt_proves_itself(page: Page, public: Page, no: str, hall: LiveHall) -> None:
    page.goto(f"/requests/{no}")
    page.get_by_role("link", name="打印回单").click()
    sheet = page.locator(".h-sheet")
    for words in (no, "凯里市云谷文旅发展有限公司", ADDRESS, "王审核", "李复核"):
        expect(sheet).to_contain_text(words)
    code = sheet.locator(".w-code").inner_text()
    address = f"{hall.url}/verify/{code}"
    assert _dark(sheet) == _dark_modules(address), "the QR code leads to the page that verifies it"
    public.goto(address)
    expect(public.get_by_role("heading", name="此回单由本中心出具")).to_be_visible()
    expect(public.get_by_role("main")).to_contain_text(no)
    public.goto("/verify/" + ("A" if code[0] != "A" else "B") + code[1:])
    expect(public.get_by_role("alert")).to_contain_text("未查到")


def _dark(sheet: Locator) -> set[tuple[int, int]]:
    """The dark modules of the drawn code, read back from its strokes."""
    path = sheet.locator(".w-qr path").nth(1).get_attribute("d") or ""
    found = set()
    for x, y, run in re.findall(r"M(\d+) ([\d.]+)h(\d+)", path):
        found |= {(int(x) + step, int(float(y))) for step in range(int(run))}
    left, top = min(x for x, _ in found), min(y for _, y in found)
    return {(x - left, y - top) for x, y in found}


def _dark_modules(text: str) -> set[tuple[int, int]]:
    matrix = segno.make(text, error="m").matrix
    return {(x, y) for y, row in enumerate(matrix) for x, bit in enumerate(row) if bit}


def test_the_sms_of_a_finished_request_arrives_on_the_phone(
    hall_on_both: LiveHall, visitors: Visitors
) -> None:
    login = unit_login(9)
    no = hall_on_both.complete(login, (FIRST, SECOND), operator_mobile=MOBILE)
    page = visitors.anybody(hall_on_both)
    page.goto(f"/demo/phone?mobile={MOBILE}")
    bubble = page.locator(".h-bubble").filter(has_text=f"您已完成办理单位信息变更！流水号{no}")
    expect(bubble).to_be_visible(timeout=10_000)  # the page looks again every three seconds


def test_the_flow_chart_shows_where_the_request_stands_and_who_said_what(
    hall: LiveHall, visitors: Visitors
) -> None:
    login = unit_login(10)
    no = hall.file(login, pay_day="11")
    page = visitors.signed_in(hall, login)
    page.goto(f"/requests/{no}")
    expect(_shape(page, "fill")).to_have_class(re.compile("is-done"))
    expect(_shape(page, "review1")).to_have_class(re.compile("is-current"))
    expect(_shape(page, "review2")).not_to_have_class(re.compile("is-(done|current)"))
    hall.decide(FIRST, no, "approve", "地址已核对，同意")
    page.reload()
    expect(_shape(page, "review1")).to_have_class(re.compile("is-done"))
    expect(_shape(page, "review2")).to_have_class(re.compile("is-current"))
    tip = page.locator("[data-diagram-tip]")
    _shape(page, "review1").hover()
    expect(tip).to_contain_text("王审核")
    expect(tip).to_contain_text("地址已核对，同意")
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    _shape(page, "review1").focus()
    expect(tip).to_contain_text("地址已核对，同意")
    expect(page.locator(".h-pin")).to_contain_text("归集复核岗待领取")


def test_the_mark_of_bpmn_io_stays_visible_at_every_width(
    hall: LiveHall, visitors: Visitors
) -> None:
    login = unit_login(11)
    page = visitors.signed_in(hall, login)
    page.goto(f"/requests/{hall.file(login, pay_day='11')}")
    mark = page.locator(".bjs-powered-by")
    for size in (page.viewport_size, NARROW):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.locator("html[data-diagram=ready]").wait_for()
        mark.evaluate("mark => mark.scrollIntoView({block: 'center', behavior: 'instant'})")
        expect(mark).to_be_in_viewport()
        on_top = mark.evaluate(
            """mark => { const box = mark.getBoundingClientRect();
            const spots = [[0.5, 0.5], [0.15, 0.5], [0.85, 0.5]];
            return spots.every(([x, y]) => mark.contains(document.elementFromPoint(
                box.left + box.width * x, box.top + box.height * y))); }"""
        )
        assert on_top, f"something covers the mark of bpmn.io at {size}"


def _shape(page: Page, element: str) -> Locator:
    return page.locator(f".djs-element[data-element-id={element}]")
