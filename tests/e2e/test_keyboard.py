"""Everything by keyboard: signing in, filing, and a whole decision; the focus is always seen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from handlers.demo import PASSWORD
from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import NARROW, Visitors, field, toast

# 榕江管理部 alone, so that nothing else is on the desk.
UNITS = [unit_login(line) for line in (24, 25, 26)]
REVIEWER, SECOND = "qdn006", "qdn007"
DESK = "/review?branch=QDN05"


def _press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def _tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Tab until something with this name has the focus."""
    for _ in range(80):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        focused = page.evaluate(
            "(e => e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || '')"
            "(document.activeElement)"
        )
        if focused.strip().rstrip("*").strip() == name:
            return
    raise AssertionError(f"{name} cannot be reached with Tab")


def test_signing_in_needs_no_mouse(hall: LiveHall, visitors: Visitors) -> None:
    page = visitors.anybody(hall)
    page.goto("/signin?door=staff")
    expect(page.get_by_label("工号")).to_be_focused()
    page.keyboard.type("qdn011")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    hint = re.search(r"：(\w+)", page.locator("#f-captcha-h").inner_text())
    assert hint
    page.keyboard.type(hint[1])
    page.keyboard.press("Enter")
    page.wait_for_url("**/review")


def test_the_skip_link_is_first_and_leads_to_the_content(
    hall: LiveHall, visitors: Visitors
) -> None:
    page = visitors.signed_in(hall, UNITS[0])
    page.goto("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="跳到主要内容")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    inside = page.evaluate("document.getElementById('main').contains(document.activeElement)")
    assert inside, "Tab goes on inside the content"


def test_tabs_follow_the_arrow_keys(hall: LiveHall, visitors: Visitors) -> None:
    page = visitors.signed_in(hall, UNITS[0])
    page.goto("/")
    page.get_by_role("tab", name=re.compile("^消息")).focus()
    _press(page, "ArrowRight")
    expect(page.get_by_role("tab", name=re.compile("^待办"))).to_be_focused()
    expect(page.get_by_role("tabpanel", name=re.compile("^待办"))).to_be_visible()
    _press(page, "ArrowLeft", "ArrowLeft")
    expect(page.get_by_role("tab", name=re.compile("^已阅"))).to_have_attribute(
        "aria-selected", "true"
    )


def test_enter_in_a_field_files_nothing_and_tab_reaches_the_button(
    hall: LiveHall, visitors: Visitors
) -> None:
    login = unit_login(30)
    page = visitors.signed_in(hall, login)
    page.goto("/services/unit_info_change")
    postcode = field(page, "邮政编码")
    postcode.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("556399")
    page.keyboard.press("Enter")
    expect(page.locator("[data-saved]")).to_contain_text("草稿已于")
    assert hall.requests_of(login) == []
    _tab_to(page, "提交审核")
    page.keyboard.press("Enter")
    toast(page, "已提交至中心审核")


def test_a_whole_decision_on_the_desk_by_keys(hall: LiveHall, visitors: Visitors) -> None:
    first, second, third = (hall.file(login, pay_day="28") for login in UNITS[:3])
    page = visitors.signed_in(hall, REVIEWER)
    page.goto(DESK)
    pane = page.locator(".h-pane")
    expect(pane).to_contain_text(first)
    _press(page, "j")
    expect(pane).to_contain_text(second)
    _press(page, "j", "k", "k")
    expect(pane).to_contain_text(first)

    _press(page, "?")
    help_ = page.get_by_role("dialog", name="键盘操作")
    expect(help_).to_be_visible()
    _press(page, "Escape")
    expect(help_).to_be_hidden()

    _press(page, "r")  # 退回 asks for the reason first
    opinion = pane.get_by_label("审批意见")
    expect(opinion).to_be_focused()
    expect(pane.locator("[data-reason-error]")).to_contain_text("请先写明退回理由")
    page.keyboard.type("jk 请补正电话")  # letters are letters while typing
    expect(opinion).to_have_value("jk 请补正电话")
    _press(page, "Escape")
    expect(page.locator("tr[aria-current] a")).to_be_focused()
    _press(page, "r")
    toast(page, f"已退回 {first}")
    assert page.url.endswith(DESK), "back on the same desk"

    expect(pane).to_contain_text(second)
    _press(page, "a")
    toast(page, f"已同意 {second}")

    expect(pane).to_contain_text(third)
    _press(page, "o")
    page.wait_for_url(f"**/requests/{third}")
    _tab_to(page, "审批意见")
    page.keyboard.type("同意变更")
    _tab_to(page, "同意")
    page.keyboard.press("Enter")
    toast(page, f"已同意 {third}")
    assert hall.view(UNITS[0], first).status == "returned"
    assert {hall.view(UNITS[i], no).label for i, no in ((1, second), (2, third))} == {"复核中"}


# What has the focus: does it look so, and can it be seen at all?
FOCUS = """() => {
    const e = document.activeElement;
    if (!e || e === document.body) return null;
    const shown = e.matches('input[type=file]') ? e.nextElementSibling || e : e;
    const box = shown.getBoundingClientRect(), style = getComputedStyle(shown);
    const drawn = e.matches('.djs-element') && e.querySelector('.djs-visual > :first-child');
    const ring = drawn ? getComputedStyle(drawn).strokeWidth === '4px'
        : style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0
        || style.boxShadow !== 'none';
    const spots = [[.5, .5], [.1, .5], [.9, .5], [.5, .15], [.5, .85]];
    const seen = spots.some(([x, y]) => {
        const top = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y);
        return top && (shown.contains(top) || top.contains(shown) && top.closest('svg, label'));
    });
    return {what: e.outerHTML.slice(0, 140), ring, seen};
}"""


def _settled(page: Page) -> dict[str, Any] | None:
    """What has the focus, once the page has come to rest."""
    stop: dict[str, Any] | None = None
    for _ in range(10):
        stop = page.evaluate(FOCUS)
        if stop is None or (stop["ring"] and stop["seen"]):
            break
        page.wait_for_timeout(50)
    return stop


@pytest.mark.parametrize("size", ["wide", "narrow"])
@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("", "/signin"),
        (unit_login(29), "/"),
        (unit_login(29), "/services/unit_info_change"),
        (unit_login(29), "/requests/{no}"),
        ("qdn008", "/requests/{no}"),
        ("qdn008", "/review?branch=QDN06"),
    ],
)
def test_the_focus_is_always_seen(
    hall: LiveHall, visitors: Visitors, who: str, path: str, *, size: str
) -> None:
    owner = unit_login(29)
    numbers = hall.requests_of(owner) or [hall.file(owner)]
    page = visitors.signed_in(hall, who) if who else visitors.anybody(hall)
    if size == "narrow":
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    page.goto(path.format(no=numbers[0]))
    page.wait_for_load_state("networkidle")
    page.evaluate("document.activeElement.blur()")
    stops = []
    for _ in range(70):
        page.keyboard.press("Tab")
        stop = _settled(page)
        if stop is None or stop in stops:
            break
        stops.append(stop)
    assert len(stops) > 5, stops
    invisible = [stop for stop in stops if not stop["ring"] or not stop["seen"]]
    assert not invisible, "\n".join(map(str, invisible))


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_the_top_bar_stays_in_view_to_the_end_of_a_long_page(
    hall: LiveHall, visitors: Visitors, size: str
) -> None:
    page = visitors.signed_in(hall, unit_login(31))
    if size == "narrow":
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    page.goto("/services/unit_info_change")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert page.evaluate("scrollY > 0")
    assert page.evaluate("document.querySelector('.h-top').getBoundingClientRect().top") == 0
