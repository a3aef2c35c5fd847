"""Every page in every state: axe finds nothing, nothing scrolls sideways, the console stays silent.

Each state is looked at on a desk (1440 px) and on a phone (390 px), under the page's own policy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import engine
from tests.e2e.axe import look, violations
from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import NARROW, Visitors, field

# 镇远管理部 and its four units, one for each way a request can stand; 天柱 for filled-in forms.
RUNNING, RETURNED, DONE, REFUSED = (unit_login(line) for line in range(16, 20))
FILLING, EMPTY = unit_login(20), unit_login(21)
REVIEWER, SECOND, CHIEF = "qdn008", "qdn009", "qdn012"
NOBODY = ""


@dataclass(frozen=True)
class Scene:
    """What is on the desks while the pages are looked at."""

    hall: LiveHall
    licence: Path
    running: str
    returned: str
    done: str
    refused: str

    def code(self) -> str:
        with self.hall.shop.sessions() as session:
            from datetime import UTC, datetime

            from handlers import documents

            code = documents.receipt_for(session, self.done, datetime.now(UTC)).code
            session.commit()
            return code


@pytest.fixture(scope="module")
def scene(open_hall: Callable[[str, str], LiveHall], licence: Path) -> Scene:
    hall = open_hall("qiandongnan", "sqlite")
    running = hall.file(RUNNING, pay_day="28", operator_mobile="13800001001")
    returned = hall.file(RETURNED, pay_day="28")
    hall.decide(REVIEWER, returned, "return", "营业执照影像缺右下角，请补正后重新提交。")
    done = hall.complete(DONE, (REVIEWER, SECOND), pay_day="28", unit_email="new@example.cn")
    refused = hall.file(REFUSED, pay_day="28")
    hall.decide(REVIEWER, refused, "refuse", "与登记信息不一致，不予办理。")
    return Scene(hall, licence, running, returned, done, refused)


Arrive = Callable[[Page, Scene], object]


def _at(path: str) -> Arrive:
    return lambda page, scene: page.goto(path.format(**vars(scene)))


def _wrong_captcha(page: Page, scene: Scene) -> None:
    page.goto("/signin")
    for label, text in (("单位账号", DONE), ("登录密码", "x"), ("验证码", "0000")):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="登录", exact=True).click()
    page.get_by_text("验证码不对或已过期").wait_for()


def _with_changes(page: Page, scene: Scene) -> None:
    page.goto("/services/unit_info_change")
    field(page, "单位地址").fill("天柱县凤城街道工业园 12 号 3 栋 2 单元 1801 室")
    field(page, "经办人手机号码").fill("1380855602")
    slot = page.locator("[data-slot=business_licence]")
    if not slot.locator("[data-file]").count():
        slot.locator("#m-business_licence").set_input_files(scene.licence)
    slot.locator("[data-file]").first.wait_for()


def _with_errors(page: Page, scene: Scene) -> None:
    _with_changes(page, scene)
    page.locator("[data-slot=business_licence]").get_by_role(
        "button", name="取消上传"
    ).first.click()
    field(page, "邮政编码").fill("55")
    page.get_by_role("button", name="提交审核").click()
    page.get_by_text("处需要修改后才能提交").wait_for()


def _with_a_refused_file(page: Page, scene: Scene) -> None:
    page.goto("/services/unit_info_change")
    slot = page.locator("[data-slot=other]")
    slot.locator("#m-other").set_input_files(
        {"name": "执照.png", "mimeType": "image/png", "buffer": b"<html>"}
    )
    expect(slot.locator("[data-slot-error]")).to_be_visible()


def _viewer(page: Page, scene: Scene) -> None:
    _with_changes(page, scene)
    page.locator("[data-slot=business_licence] [data-file] a").first.click()
    page.locator("#viewer img").wait_for()
    page.get_by_role("button", name="向右转 90 度").click()


def _dialog(path: str, button: str) -> Arrive:
    def arrive(page: Page, scene: Scene) -> None:
        page.goto(path.format(**vars(scene)))
        page.get_by_role("button", name=button, exact=True).click()
        page.locator(".w-ask:popover-open").wait_for()

    return arrive


def _refuse(page: Page, scene: Scene) -> None:
    page.goto(f"/requests/{scene.running}")
    page.get_by_label("审批意见").fill("材料不符")
    page.get_by_role("button", name="更多").click()
    page.get_by_role("button", name="驳回").click()
    page.locator(".w-ask:popover-open").wait_for()


def _reason_missing(page: Page, scene: Scene) -> None:
    page.goto(f"/requests/{scene.running}")
    page.get_by_role("button", name="退回").click()
    expect(page.locator("#op-e")).to_be_visible()


def _desk(page: Page, scene: Scene) -> None:
    page.goto("/review")
    page.locator(".h-pane form").wait_for()


def _help(page: Page, scene: Scene) -> None:
    _desk(page, scene)
    page.keyboard.press("?")
    page.get_by_role("dialog", name="键盘操作").wait_for()


def _menu(page: Page, scene: Scene) -> None:
    page.set_viewport_size(NARROW)
    page.goto("/")
    page.get_by_role("button", name="打开业务菜单").click()
    page.locator("#rail:popover-open").wait_for()


def _end_confirmation(page: Page, scene: Scene) -> None:
    page.goto("/?box=todo")
    page.get_by_role("button", name="结束流程").click()
    page.get_by_role("dialog", name="结束流程确认").wait_for()


def _message(page: Page, scene: Scene) -> None:
    page.goto("/inbox/messages")
    page.get_by_role("link", name="查看").first.click()
    page.locator(".h-letter").wait_for()


def _session_gone(page: Page, scene: Scene) -> None:
    """The cookie itself is gone, so nobody can be told whose form it was."""
    page.goto("/services/unit_info_change")
    page.context.clear_cookies()
    page.get_by_role("button", name="提交审核").click()
    page.get_by_role("heading", name="登录已过期").wait_for()


def _somebody_else_now(page: Page, scene: Scene) -> None:
    page.goto("/services/unit_info_change")
    page.context.add_cookies([scene.hall.cookie_of(FILLING)])  # type: ignore[list-item]
    page.get_by_role("button", name="提交审核").click()
    page.get_by_role("heading", name="请确认后再提交").wait_for()


def _moved_on(page: Page, scene: Scene) -> None:
    no = scene.hall.file(REFUSED, pay_day="28")
    page.goto(f"/requests/{no}")
    page.get_by_label("审批意见").fill("同意变更。")
    with scene.hall.runtime() as rt:
        engine.withdraw(rt, scene.hall.actor(REFUSED), no)
    page.get_by_role("button", name="同意", exact=True).click()
    page.locator(".h-alert").first.wait_for()


STATES: dict[str, tuple[str, Arrive]] = {
    "signin-unit": (NOBODY, _at("/signin")),
    "signin-person": (NOBODY, _at("/signin?door=person")),
    "signin-developer": (NOBODY, _at("/signin?door=developer")),
    "signin-staff": (NOBODY, _at("/signin?door=staff")),
    "signin-wrong-captcha": (NOBODY, _wrong_captcha),
    "signin-expired": (NOBODY, _at("/signin?expired=kept")),
    "password": (DONE, _at("/password")),
    "home-messages": (DONE, _at("/")),
    "home-todo": (RETURNED, _at("/?box=todo")),
    "home-todo-confirm": (RETURNED, _end_confirmation),
    "home-done": (DONE, _at("/?box=done")),
    "home-started": (DONE, _at("/?box=started")),
    "home-read": (EMPTY, _at("/?box=read")),
    "home-menu": (DONE, _menu),
    "service-plain": (EMPTY, _at("/services/unit_info_change")),
    "service-changed": (FILLING, _with_changes),
    "service-errors": (FILLING, _with_errors),
    "service-refused-file": (FILLING, _with_a_refused_file),
    "service-viewer": (FILLING, _viewer),
    "service-in-flight": (RUNNING, _at("/services/unit_info_change")),
    "service-unknown": (DONE, _at("/services/nothing")),
    "request-operator": (RUNNING, _at("/requests/{running}")),
    "request-withdraw": (RUNNING, _dialog("/requests/{running}", "撤回")),
    "request-returned": (RETURNED, _at("/requests/{returned}")),
    "request-edit": (RETURNED, _at("/requests/{returned}/edit")),
    "request-done": (DONE, _at("/requests/{done}")),
    "request-refused": (REFUSED, _at("/requests/{refused}")),
    "request-reviewer": (REVIEWER, _at("/requests/{running}")),
    "request-refuse": (REVIEWER, _refuse),
    "request-reason-missing": (REVIEWER, _reason_missing),
    "request-too-late": (REVIEWER, _moved_on),
    "request-reviewer-done": (SECOND, _at("/requests/{done}")),
    "request-chief": (CHIEF, _at("/requests/{running}")),
    "parameters": (CHIEF, _at("/parameters")),
    "receipt": (DONE, _at("/requests/{done}/receipt")),
    "desk": (REVIEWER, _desk),
    "desk-help": (REVIEWER, _help),
    "desk-nothing-found": (REVIEWER, _at("/review?due=over")),
    "desk-empty": ("qdn010", _at("/review")),
    "staff-home": (REVIEWER, _at("/inbox/done")),
    "message": (DONE, _message),
    "inbox-messages": (DONE, _at("/inbox/messages")),
    "inbox-todo": (RETURNED, _at("/inbox/todo")),
    "inbox-done": (DONE, _at("/inbox/done")),
    "inbox-started": (DONE, _at("/inbox/started")),
    "inbox-read": (EMPTY, _at("/inbox/read")),
    "inbox-wrong-date": (DONE, _at("/inbox/started?since=昨天&q=没有这个")),
    "search": (DONE, _at("/search?q=QDN")),
    "search-nothing": (DONE, _at("/search?q=没有这个")),
    "search-short": (DONE, _at("/search?q=Q")),
    "search-empty": (REVIEWER, _at("/search")),
    "about": (NOBODY, _at("/about")),
    "accessibility": (DONE, _at("/accessibility")),
    "branches": (DONE, _at("/branches")),
    "verify": (NOBODY, _at("/verify")),
    "verify-true": (NOBODY, lambda page, scene: page.goto(f"/verify/{scene.code()}")),
    "verify-false": (NOBODY, _at("/verify/AAAAA-AAAAA")),
    "phone": (NOBODY, _at("/demo/phone")),
    "error-404": (DONE, _at("/nothing/here")),
    "error-404-nobody": (NOBODY, _at("/nothing/here")),
    "error-403": (DONE, _at("/review")),
    "error-expired": (EMPTY, _session_gone),
    "error-somebody-else": (EMPTY, _somebody_else_now),
}


@pytest.mark.parametrize("name", STATES)
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    name: str, scene: Scene, visitors: Visitors
) -> None:
    login, arrive = STATES[name]
    page = visitors.signed_in(scene.hall, login) if login else visitors.anybody(scene.hall)
    arrive(page, scene)
    look(page, name)


def test_axe_would_find_something(scene: Scene, visitors: Visitors) -> None:
    page = visitors.anybody(scene.hall)
    page.goto("/about")
    page.evaluate("document.getElementById('main').append(document.createElement('button'))")
    assert [line for line in violations(page) if line.startswith("button-name")]
