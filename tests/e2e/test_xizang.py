"""西藏 (XZ-5.1): the same diagram and form; the change takes effect at once, more is locked."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.live import LiveHall
from tests.e2e.visitors import Visitors, field, sign_in, toast

ACCOUNT = "054010042637"
ADDRESS = "拉萨市城关区金珠中路 23 号"


def test_a_change_takes_effect_at_once(xizang: LiveHall, visitors: Visitors) -> None:
    page = visitors.anybody(xizang)
    sign_in(page, ACCOUNT)
    page.get_by_role("main").get_by_role("link", name="单位信息修改").click()
    field(page, "单位地址").fill(ADDRESS)
    page.get_by_role("button", name="提交", exact=True).click()
    toast(page, "单位基本信息修改成功")
    expect(page.locator(".w-title")).to_contain_text("已办结")
    no = page.url.rpartition("/")[2]
    assert no.startswith("XZ")
    page.get_by_role("link", name="打印回单").click()
    expect(page.locator(".h-sheet")).to_contain_text(ADDRESS)
    page.goto("/services/unit_info_change")
    expect(field(page, "单位地址")).to_have_value(ADDRESS)
    expect(page.get_by_text("存在未办结的单位信息修改业务")).to_have_count(0)
    page.goto("/inbox/messages")
    expect(page.locator("[data-message]").first).to_contain_text("您已完成办理单位信息修改")
    page.goto("/demo/phone")
    expect(page.locator(".h-bubble").last).to_contain_text(no, timeout=15_000)


def test_other_fields_are_grey_than_in_qiandongnan(
    xizang: LiveHall, hall: LiveHall, visitors: Visitors
) -> None:
    there = visitors.signed_in(xizang, ACCOUNT)
    there.goto("/services/unit_info_change")
    here = visitors.signed_in(hall, "020810042637")
    here.goto("/services/unit_info_change")
    for label in ("发薪日", "法定代表人姓名", "所属行业"):
        expect(field(here, label)).to_be_editable()
        locked = field(there, label)
        expect(locked).not_to_be_editable()
        expect(locked).to_have_attribute("title", re.compile("柜台"))
    for label in ("单位地址", "邮政编码", "经办人手机号码"):
        expect(field(there, label)).to_be_editable()
    expect(there.get_by_role("heading", name="申请材料")).to_have_count(0)


def test_the_desk_has_nothing_to_review(xizang: LiveHall, visitors: Visitors) -> None:
    page = visitors.signed_in(xizang, "xz006")
    page.goto("/review")
    expect(page.get_by_text("没有待审业务")).to_be_visible()
