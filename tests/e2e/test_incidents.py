"""A request that stopped by itself: what each side sees, and how an admin gets it going again."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

import engine
from tests.e2e.axe import violations
from tests.e2e.live import SERVICE, LiveHall, unit_login
from tests.e2e.visitors import NARROW, WIDE, Visitors, field, no_sideways_scroll, toast

ADMIN, REVIEWER = "qdn012", "qdn006"  # the units are of 榕江管理部
CHANGE = {
    "field": "pay_day",
    "label": "发薪日",
    "old": "15",
    "new": "20",
    "old_text": "15",
    "new_text": "20",
}


@pytest.fixture
def hall(own_hall: LiveHall) -> LiveHall:
    return own_hall


def stopped(hall: LiveHall, login: str) -> str:
    """A request filed without the list of changes that the routing table asks for."""
    who, unit = hall.actor(login), hall.unit(login)
    with hall.runtime() as rt:
        started = engine.start(
            rt, who, SERVICE, data={"form": "units.UnitInfoChange", "values": {}, "materials": []},
            scope=f"unit:{unit.unit_account_no}", scope_name=unit.unit_name,
            branch=unit.branch_code, summary="发薪日 1 项变更",
        )  # fmt: skip
    assert started.label == "系统处理中"
    return started.no


def open_incident(page: Page, no: str) -> None:
    page.goto("/incidents")
    page.get_by_role("listitem").filter(has_text=no).get_by_role("link", name="打开").click()


def test_the_data_is_put_right_and_the_request_goes_on_to_the_reviewer(
    hall: LiveHall, visitors: Visitors
) -> None:
    login = unit_login(24)
    no = stopped(hall, login)
    applicant = visitors.signed_in(hall, login)
    applicant.goto(f"/requests/{no}")
    expect(applicant.locator("h1 + .h-state")).to_have_text("系统处理中")
    expect(applicant.get_by_role("link", name="查看并处理")).to_have_count(0)

    page = visitors.signed_in(hall, ADMIN)
    page.goto(f"/requests/{no}")
    page.get_by_role("link", name="查看并处理").click()
    page.get_by_role("button", name="重试", exact=True).click()
    toast(page, "仍没有成功")
    data = field(page, "数据（JSON）")
    data.fill(data.input_value()[:-1] + ",}")
    page.locator("#f-reason").fill("申报时缺少变更清册")
    page.get_by_role("button", name="修改数据并重试").click()
    expect(page.locator("#f-data-e")).to_contain_text("不是有效的 JSON")
    typed = json.loads(data.input_value()[:-2] + "}")
    data.fill(json.dumps({**typed, "changes": [CHANGE]}, ensure_ascii=False))
    page.get_by_role("button", name="修改数据并重试").click()
    toast(page, "数据已修改，已重试")
    assert hall.view(REVIEWER, no).label == "初审中"


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_pages_are_accessible_at_both_widths(
    hall: LiveHall, visitors: Visitors, viewport: dict[str, int]
) -> None:
    no = stopped(hall, unit_login(25 if viewport is WIDE else 26))
    page = visitors.signed_in(hall, ADMIN, viewport=viewport)
    page.goto("/incidents")
    no_sideways_scroll(page)
    assert violations(page) == []
    open_incident(page, no)
    no_sideways_scroll(page)
    assert violations(page) == []
    page.get_by_role("button", name="跳过").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []


def test_everything_works_without_scripts(hall: LiveHall, visitors: Visitors) -> None:
    no = stopped(hall, unit_login(27))
    page = visitors.signed_in(hall, ADMIN, java_script_enabled=False)
    open_incident(page, no)
    page.get_by_role("button", name="重试", exact=True).click()
    toast(page, "仍没有成功")
    data = field(page, "数据（JSON）")
    typed = json.loads(data.input_value())
    data.fill(json.dumps({**typed, "changes": [CHANGE]}, ensure_ascii=False))
    page.locator("#f-reason").fill("申报时缺少变更清册")
    page.get_by_role("button", name="修改数据并重试").click()
    toast(page, "数据已修改，已重试")
