"""Registers on screen: an operator narrows, turns and drills; paper and empty pages look right."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from engine.database import transaction
from handlers.members.models import IndividualAccount
from tests.builders import members
from tests.builders.members import name_of, resident_id
from tests.builders.registers import change, due
from tests.e2e.axe import look
from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import Visitors, field

OPERATOR, REVIEWER = unit_login(1), "qdn001"
PEOPLE = range(841, 866)


@pytest.fixture(scope="module")
def people(open_hall: Callable[[str, str], LiveHall]) -> list[IndividualAccount]:
    """Twenty-five people of the unit who were sealed this year, and two remittances of it."""
    hall = open_hall("qiandongnan", "sqlite")
    with hall.runtime() as rt:
        made = members.a_year(rt, PEOPLE, unit_account_no=OPERATOR)
        today = rt.clock().date()
        with transaction(rt.session) as session:
            for number, one in enumerate(made, 1):
                facts = {"old_status": "01", "new_status": "02", "effective_on": today}
                session.add(change(one, number, kind="seal", reason="01", **facts))
            for number, state in ((1, "posted"), (2, "assessed")):
                month = f"2026-0{number}"
                more = {"unit_account_no": OPERATOR, "state": state, "assessed_on": today}
                session.add(due(900 + number, month, **more))
        for account in made:
            rt.session.refresh(account)
            rt.session.expunge(account)
    return made


def test_qdn_06_3_an_operator_narrows_turns_and_drills(
    hall: LiveHall, visitors: Visitors, people: list[IndividualAccount]
) -> None:
    page = visitors.signed_in(hall, OPERATOR)
    page.goto("/")
    page.get_by_role("link", name="缴存人账户状态变更查询").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("缴存人账户状态变更查询")
    expect(page.get_by_text("第 1–20 条，共 25 条")).to_be_visible()
    look(page, "register-rows")
    page.get_by_role("link", name="下一页").click()
    expect(page.get_by_text("第 21–25 条，共 25 条")).to_be_visible()
    page.get_by_role("link", name="上一页").click()
    expect(page.get_by_text("第 1–20 条，共 25 条")).to_be_visible()
    field(page, "变更日期起").fill("昨天")
    page.get_by_role("button", name="查询", exact=True).click()
    expect(page.get_by_text("请按 2026-07-01 的样式填写。")).to_be_visible()
    look(page, "register-wrong")
    field(page, "变更日期起").fill("")
    field(page, "职工账号").fill(people[0].individual_account_no)
    page.get_by_role("button", name="查询", exact=True).click()
    expect(page.get_by_text("第 1–1 条，共 1 条")).to_be_visible()
    page.get_by_role("link", name=name_of(PEOPLE[0])).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name_of(PEOPLE[0]))


def test_qdn_03_2_money_registers_and_their_sheets_look_right(
    hall: LiveHall, visitors: Visitors, people: list[IndividualAccount]
) -> None:
    page = visitors.signed_in(hall, OPERATOR)
    for key in ("remittances", "unit_journal", "suspense", "files"):
        page.goto(f"/registers/{key}")
        look(page, f"register-{key}")
    page.goto("/registers/remittances")
    page.get_by_role("link", name="打印", exact=True).last.click()
    expect(page.get_by_text("大写")).to_be_visible()
    look(page, "register-slip")
    page.goto("/registers/unit_journal/print")
    look(page, "register-sheet")


def test_staff_are_told_whom_to_name(hall: LiveHall, visitors: Visitors) -> None:
    page = visitors.signed_in(hall, REVIEWER)
    page.goto("/registers/seal_changes")
    expect(page.get_by_text("请先填写单位账号，或指明一名职工")).to_be_visible()
    look(page, "register-missing")


def test_a_reviewer_looks_at_full_numbers_and_the_log_of_files(
    hall: LiveHall, visitors: Visitors, people: list[IndividualAccount]
) -> None:
    page = visitors.signed_in(hall, REVIEWER)
    page.goto(f"/registers/seal_changes?unit={OPERATOR}")
    expect(page.get_by_text(resident_id(PEOPLE[-1]))).to_have_count(0)
    page.get_by_role("button", name="查看完整号码").click()
    expect(page.get_by_text("这次查看已登记")).to_be_visible()
    expect(page.get_by_text(resident_id(PEOPLE[-1]))).to_be_visible()
    look(page, "register-full")
    page.get_by_role("link", name="返回", exact=True).click()
    expect(page.get_by_text(resident_id(PEOPLE[-1]))).to_have_count(0)
    page.goto(f"/registers/seal_changes/print?unit={OPERATOR}")
    page.goto("/registers/export_log")
    expect(page.get_by_role("cell", name="打印页").first).to_be_visible()
    look(page, "register-exports")
