"""The books on screen: an operator looks up own people and unit, staff those of their branch."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from engine.database import transaction
from handlers.ledger import accounts, posting
from handlers.ledger.drafts import Draft, Line
from handlers.members import operations
from handlers.members.models import IndividualAccount
from tests.builders import members
from tests.builders.books import CLERK
from tests.builders.members import name_of, resident_id
from tests.e2e.axe import look
from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import Visitors, field

OPERATOR, REVIEWER = unit_login(0), "qdn001"  # 凯里市云谷文旅, 凯里管理部
EMPTY = unit_login(24)  # 榕江管理部
PEOPLE = range(801, 841)  # no demonstration invents these numbers: all born on one day
SUSPENSE_CENTS = 120_400


@pytest.fixture(scope="module")
def people(open_hall: Callable[[str, str], LiveHall]) -> list[IndividualAccount]:
    """Forty more people of the unit, a year of theirs, and 1,204.00 in suspense."""
    hall = open_hall("qiandongnan", "sqlite")
    with hall.runtime() as rt:
        made = members.a_year(rt, PEOPLE, unit_account_no=OPERATOR)
        with transaction(rt.session) as session:
            operations.seal(rt, made[3].individual_account_no, reason="01")
            operations.freeze(rt, made[4].individual_account_no)
            branch, day = made[0].branch_code, made[0].opened_on
            bank = accounts.of_branch(session, "bank", branch, opened_on=day)
            suspense = accounts.open_account(
                session,
                "suspense",
                OPERATOR,
                branch_code=branch,
                opened_on=day,
                unit_account_no=OPERATOR,
            )
            lines = (Line(bank, -SUSPENSE_CENTS), Line(suspense, SUSPENSE_CENTS))
            posting.post(rt, CLERK, Draft("test:suspense", "suspense_deposit", branch, lines))
        for account in made:
            rt.session.refresh(account)
            rt.session.expunge(account)
    return made


def search(page: Page, **typed: str) -> None:
    for label, text in typed.items():
        field(page, label).fill(text)
    page.get_by_role("button", name="查询", exact=True).click()
    page.wait_for_url(re.compile("/members|/units"))


def fact(page: Page, label: str) -> str:
    found = page.locator(".h-facts > div").filter(has=page.locator("dt", has_text=label)).first
    return found.locator("dd").inner_text()


def test_an_operator_finds_a_member_and_reads_facts_and_ledger(
    hall: LiveHall, visitors: Visitors, people: list[IndividualAccount]
) -> None:
    page = visitors.signed_in(hall, OPERATOR)
    page.goto("/")
    expect(page.locator(".h-unit")).to_contain_text("公积金余额")
    expect(page.get_by_role("img", name="近 12 个月汇缴额")).to_be_visible()
    look(page, "books-home")
    page.get_by_role("link", name="缴存人账户信息").click()
    look(page, "books-members")
    search(page, 身份证号=resident_id(801))
    assert resident_id(801) not in page.url
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(1)
    assert resident_id(801) not in page.content()
    look(page, "books-found")
    rows.get_by_role("link", name=f"职工基本情况：{name_of(801)}").click()
    assert fact(page, "身份证号") == "522601********" + resident_id(801)[-4:]
    assert fact(page, "工资基数") == "8,000.00"
    assert fact(page, "是否贷款") == "否"
    look(page, "books-member")
    page.get_by_role("link", name="职工明细", exact=True).click()
    look(page, "books-ledger")
    expect(page.locator("tbody tr").first).to_contain_text("部分提取")
    page.get_by_role("link", name=re.compile("冲销第 13 笔")).click()
    assert page.url.endswith("#e13")
    expect(page.locator("#e13")).to_contain_text("已由第 14 笔冲账")
    search(page, 入账日期起="1999-01-01", 入账日期止="1999-12-31")
    expect(page.get_by_text("这段日期没有入账")).to_be_visible()
    look(page, "books-ledger-empty")


def test_a_list_of_many_people_is_read_page_by_page(
    hall: LiveHall, visitors: Visitors, people: list[IndividualAccount]
) -> None:
    page = visitors.signed_in(hall, OPERATOR)
    page.goto("/members")
    expect(page.locator("tbody tr")).to_have_count(20)
    page.get_by_role("link", name="下一页").click()
    expect(page.locator(".h-count")).to_contain_text("第 21–40 人")
    page.get_by_role("link", name="返回首页").click()
    expect(page.locator(".h-count")).to_contain_text("第 1–20 人")
    search(page, 职工姓名="没有这个人")
    expect(page.get_by_text("没有符合条件的职工")).to_be_visible()
    look(page, "books-nobody")
    page.get_by_role("link", name="重置").click()
    expect(page.locator("tbody tr")).to_have_count(20)


def test_the_units_own_facts_and_a_unit_without_anybody(
    hall: LiveHall, visitors: Visitors, people: list[IndividualAccount]
) -> None:
    page = visitors.signed_in(hall, OPERATOR)
    page.goto("/unit")
    assert fact(page, "组织机构代码") == hall.unit(OPERATOR).uscc[8:17]
    assert fact(page, "公积金暂存额") == "1,204.00"
    look(page, "books-unit")
    empty = visitors.signed_in(hall, EMPTY)
    for name, path in (("unit", "/unit"), ("members", "/members"), ("home", "/")):
        empty.goto(path)
        look(empty, f"books-empty-{name}")


def test_staff_look_units_and_people_of_their_branch_up(
    hall: LiveHall, visitors: Visitors, people: list[IndividualAccount]
) -> None:
    page = visitors.signed_in(hall, REVIEWER)
    page.goto("/units")
    look(page, "books-units")
    page.get_by_label("单位账号或名称").fill("云谷")
    search(page)
    page.get_by_role("link", name="凯里市云谷文旅发展有限公司").click()
    look(page, "books-staff-unit")
    page.locator("#main").get_by_role("link", name="缴存人账户信息").click()
    expect(page.locator("tbody tr")).to_have_count(20)
    look(page, "books-staff-members")
    page.get_by_role("link", name="重置").click()
    page.goto("/members")
    expect(page.get_by_text("先说要找谁")).to_be_visible()
    look(page, "books-staff-ask")
    search(page, 职工账号=people[3].individual_account_no)
    page.get_by_role("link", name=f"职工基本情况：{name_of(804)}").click()
    assert fact(page, "封存原因") == "离职/终止劳动关系"
    look(page, "books-staff-member")
    far = visitors.signed_in(hall, "qdn006")
    answer = far.goto(f"/members/{people[3].individual_account_no}")
    assert answer is not None
    assert answer.status == 404
    look(far, "books-not-theirs")
