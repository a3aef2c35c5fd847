"""The pages over the books: what they show, to whom, and what they hide."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from engine.database import transaction
from handlers import centers
from handlers.members import operations
from handlers.members.models import IndividualAccount
from handlers.units.books import Remitted
from tests.builders import members
from tests.builders.members import name_of, resident_id
from tests.webapp.hall import UNIT, Hall, post
from webapp import charts
from webapp.runtime import db
from webapp.settings import ROOT

OTHER = "020810043259"  # the stranger's unit, of the same branch
NUMBERS = range(801, 804)
UNKNOWN = "019999999999"
STATES = {"seal": {"reason": "01"}, "freeze": {}, "close": {"reason": "03"}}


@pytest.fixture
def people(hall: Hall) -> list[str]:
    """Three more members of the operator's unit with a year of payments; their account numbers."""
    with hall.app.app_context():
        return numbers_of(members.a_year(hall.runtime(), NUMBERS, unit_account_no=UNIT))


def numbers_of(accounts: list[IndividualAccount]) -> list[str]:
    return [account.individual_account_no for account in accounts]


def turn(hall: Hall, verb: str, number: str) -> None:
    with hall.app.app_context():
        rt = hall.runtime()
        with transaction(rt.session):
            getattr(operations, verb)(rt, number, **STATES[verb])


def found(client: FlaskClient, **typed: Any) -> Any:
    """查询: through the redirect, as a browser goes."""
    answer = post(client, "/members", typed)
    assert answer.status_code == 303, answer.text
    return client.get(answer.location)


def listed(page: Any) -> list[str]:
    return re.findall(r'aria-label="职工基本情况：([^"]+)"', page.text)


def fact(page: Any, label: str) -> str:
    cell = re.search(rf"<dt>{label}[^<]*</dt><dd>([^<]*)</dd>", page.text)
    assert cell, f"{label} is not on the page"
    return cell[1]


def figure(page: Any, label: str) -> str:
    cell = re.search(rf'<dt>{label}</dt><dd class="h-num">([\d,.]+)', page.text)
    assert cell, f"{label} is no figure of the page"
    return cell[1]


# ── the list ─────────────────────────────────────────────────────────────────────────────────


def test_a_whole_id_number_finds_one_person_and_stays_out_of_the_address(
    operator: FlaskClient, people: list[str]
) -> None:
    answer = post(operator, "/members", {"id_no": resident_id(802)})
    assert resident_id(802) not in answer.location
    page = operator.get(answer.location)
    assert listed(page) == [name_of(802)]
    assert resident_id(802) not in page.text
    assert f"522601********{resident_id(802)[-4:]}" in page.text
    assert "138****0802" in page.text
    assert "13800000802" not in page.text
    assert "建设银行 8765" in page.text
    assert "6217001230000098765" not in page.text


def test_filters_narrow_the_list_and_its_sums(
    hall: Hall, operator: FlaskClient, people: list[str]
) -> None:
    turn(hall, "freeze", people[1])
    page = found(operator, status="06", since="2024-07-01", until="2024-07-01")
    assert listed(page) == [name_of(802)]
    assert figure(page, "账户余额合计") == "15,360.00"
    assert figure(page, "月缴存额合计") == "0.00"
    assert listed(found(operator, number=people[2])) == [name_of(803)]
    assert "没有符合条件的职工" in found(operator, id_no=resident_id(802)[:17]).text
    assert "没有符合条件的职工" in found(operator, name="%").text


def test_the_found_person_stays_found_when_another_filter_is_added(
    operator: FlaskClient, people: list[str]
) -> None:
    page = found(operator, id_no=resident_id(802))
    person = re.search(r'name="person" value="(\d+)"', page.text)
    assert person
    assert listed(found(operator, person=person[1], status="01")) == [name_of(802)]
    assert listed(found(operator, person=person[1], status="02")) == []


def test_a_date_that_is_none_is_named_and_filters_nothing(
    operator: FlaskClient, people: list[str]
) -> None:
    page = found(operator, since="昨天", number=people[0])
    assert "请按 2026-07-01 的样式填写。" in page.text
    assert listed(page) == [name_of(801)]


ODD = ("after=%00", "person=99999999999", "number=" + "9" * 99, "rows=7", "unit=%00&name=%00")


def test_odd_addresses_are_answered(operator: FlaskClient, reviewer: FlaskClient) -> None:
    for query in ODD:
        for client in (operator, reviewer):
            assert client.get(f"/members?{query}").status_code == 200, query
    assert "没有符合条件的职工" in found(operator, id_no="\x00\u2028", name="\x00").text
    assert reviewer.get("/units?q=%00&after=%00").status_code == 200
    assert reviewer.get("/units/%00").status_code == 404
    assert operator.get("/members/%00").status_code == 404


def test_staff_must_say_whom_they_look_for(reviewer: FlaskClient, people: list[str]) -> None:
    assert "先说要找谁" in reviewer.get("/members").text
    assert listed(found(reviewer, number=people[0])) == [name_of(801)]
    assert listed(found(reviewer, unit=UNIT, id_no=resident_id(803))) == [name_of(803)]


def test_nobody_is_found_in_units_and_branches_that_are_not_theirs(
    stranger: FlaskClient, far_reviewer: FlaskClient, people: list[str]
) -> None:
    for client in (stranger, far_reviewer):
        assert listed(found(client, number=people[0])) == []
        assert listed(found(client, unit=UNIT, id_no=resident_id(801))) == []


# ── one member ───────────────────────────────────────────────────────────────────────────────


def test_the_facts_of_a_member_are_all_there_and_masked(
    operator: FlaskClient, people: list[str]
) -> None:
    page = operator.get(f"/members/{people[0]}")
    for label, text in {
        "单位名称": "凯里市云谷文旅发展有限公司",
        "职工账号": people[0],
        "职工姓名": name_of(801),
        "性别": "男",
        "身份证号": f"522601********{resident_id(801)[-4:]}",
        "职工工号": "Y801",
        "手机号": "138****0801",
        "联名卡号": "***************8765",
        "联名卡银行": "建设银行",
        "开户日期": "2024-07-01",
        "最近汇缴年月": "2026-06",
        "最近缴款时间": "2026-06-25（20 天前）",
        "工资基数（元）": "8,000.00",
        "单位缴存比例": "8%",
        "职工月缴存额（元）": "640.00",
        "当年归集余额（元）": "14,860.00",
        "是否贷款": "否",
    }.items():
        assert fact(page, label) == text
    assert figure(page, "账户余额") == "14,860.00"
    assert figure(page, "月缴存额") == "1,280.00"


def test_a_sealed_account_says_since_when_and_why(
    hall: Hall, operator: FlaskClient, people: list[str]
) -> None:
    turn(hall, "seal", people[0])
    page = operator.get(f"/members/{people[0]}")
    assert fact(page, "封存日期") == "2026-07-15"
    assert fact(page, "封存原因") == "离职/终止劳动关系"
    assert "停缴前 1,280.00" in page.text


def test_a_closed_account_says_when_and_why(hall: Hall, operator: FlaskClient) -> None:
    number = members.in_hall(hall)
    turn(hall, "close", number)
    page = operator.get(f"/members/{number}")
    assert fact(page, "销户日期") == "2026-07-15"
    assert fact(page, "销户原因") == "离退休"
    assert listed(found(operator, number=number, status="closed")) == [name_of(901)]


def test_a_foreign_number_reads_like_an_unknown_one(
    stranger: FlaskClient, far_reviewer: FlaskClient, people: list[str]
) -> None:
    for client in (stranger, far_reviewer):
        for tail in ("", "/ledger"):
            theirs, nobodys = (
                client.get(f"/members/{number}{tail}") for number in (people[0], UNKNOWN)
            )
            assert theirs.status_code == nobodys.status_code == 404
            assert "没有找到这个职工账号" in theirs.text
            assert _sentence(theirs.text) == _sentence(nobodys.text)


def _sentence(page: str) -> str:
    found = re.search(r"没有找到这个(?:职工|单位)账号[^<]+", page)
    assert found
    return found[0]


def test_the_ledger_shows_a_correction_beside_what_it_corrects(
    operator: FlaskClient, people: list[str]
) -> None:
    page = operator.get(f"/members/{people[0]}/ledger").text
    rows = re.findall(r'<tr id="e(\d+)">(.*?)</tr>', page, re.DOTALL)
    assert [int(number) for number, _ in rows] == list(range(15, 0, -1))
    by_number = {int(number): text for number, text in rows}
    assert "公积金汇缴2026-06至2026-06" in by_number[12]
    assert "冲账：公积金汇缴2026-06至2026-06" in by_number[14]
    assert 'href="#e13"' in by_number[14]
    assert "原因：重复入账" in by_number[14]
    assert "-1,280.00" in by_number[14]
    assert 'href="#e14"' in by_number[13]
    assert "500.00" in by_number[15]
    assert figure(operator.get(f"/members/{people[0]}/ledger"), "收入合计") == "15,360.00"


def test_the_ledger_is_read_by_posting_day_and_from_any_place(
    operator: FlaskClient, people: list[str]
) -> None:
    place = f"/members/{people[0]}/ledger"
    page = operator.get(f"{place}?since=2026-05-01&until=2026-05-31").text
    assert re.findall(r'<tr id="e(\d+)"', page) == ["11"]
    page = operator.get(f"{place}?before=3").text
    assert re.findall(r'<tr id="e(\d+)"', page) == ["2", "1"]
    assert "返回首页" in page
    assert "请按 2026-07-01 的样式填写。" in operator.get(f"{place}?since=x").text
    assert "这段日期没有入账" in operator.get(f"{place}?until=1999-01-01").text


def test_staff_with_the_post_may_ask_for_the_whole_number(
    reviewer: FlaskClient, operator: FlaskClient, people: list[str]
) -> None:
    assert "查看完整号码" not in operator.get(f"/members/{people[0]}").text
    assert "查看完整号码" in reviewer.get(f"/members/{people[0]}").text
    shown = post(reviewer, f"/privacy/member/{people[0]}", {"field": "id_no"})
    assert resident_id(801) in shown.text


# ── units ────────────────────────────────────────────────────────────────────────────────────


def test_the_unit_page_adds_up_what_the_books_hold(hall: Hall, operator: FlaskClient) -> None:
    before = figures(operator)
    with hall.app.app_context():
        members.a_year(hall.runtime(), NUMBERS, unit_account_no=UNIT)
    after = figures(operator)
    assert {name: after[name] - before[name] for name in after} == {
        "公积金余额": 3 * 12 * 128_000 - 50_000,
        "月缴存额": 3 * 128_000,
        "缴存人数": 3,
    }


def figures(client: FlaskClient) -> dict[str, int]:
    page = client.get("/unit")
    names = ("公积金余额", "月缴存额", "缴存人数")
    return {name: int(re.sub(r"\D", "", figure(page, name))) for name in names}


def test_the_unit_page_names_what_is_registered(operator: FlaskClient) -> None:
    page = operator.get("/unit")
    with_code = fact(page, "统一社会信用代码")
    assert fact(page, "组织机构代码") == with_code[8:17]
    assert fact(page, "管理部") == "凯里管理部"
    assert fact(page, "发薪日") == "每月 15 日"
    assert fact(page, "经办人手机") == "138****6021"
    assert "*" in fact(page, "法人证件号码")


def test_staff_find_units_of_their_branch_by_number_and_name(reviewer: FlaskClient) -> None:
    for q in (UNIT, "云谷"):
        page = reviewer.get(f"/units?q={q}").text
        assert re.findall(r'href="/units/(\d+)"', page) == [UNIT]
    assert "没有找到“黎平”" in reviewer.get("/units?q=黎平").text
    assert reviewer.get(f"/units/{UNIT}").status_code == 200


def test_a_foreign_unit_reads_like_an_unknown_one(far_reviewer: FlaskClient) -> None:
    texts = {_sentence(far_reviewer.get(f"/units/{no}").text) for no in (UNIT, UNKNOWN)}
    assert texts == {"没有找到这个单位账号，请核对账号，或用单位名称重新查找。"}


def test_the_menu_has_the_group_the_centre_names(
    operator: FlaskClient, reviewer: FlaskClient
) -> None:
    page = operator.get("/").text
    assert re.search(r"<p>信息查询</p>\s*<a href=\"/unit\"", page)
    assert re.search(r"<p>信息查询</p>\s*<a href=\"/units\"", reviewer.get("/review").text)
    assert centers.load(ROOT, "xizang").query_group == "查询打印"


# ── home ─────────────────────────────────────────────────────────────────────────────────────


def test_home_shows_the_money_and_a_year_of_remittances(
    operator: FlaskClient, people: list[str]
) -> None:
    page = operator.get("/")
    assert figure(page, "公积金余额")
    assert figure(page, "月缴存额")
    assert "缴存统计" in page.text
    rows = re.findall(r'<tr><th scope="row">(\d+年\d+月)</th>', page.text)
    assert (len(rows), rows[0], rows[-1]) == (12, "2025年7月", "2026年6月")


def test_home_asks_the_database_no_more_for_more_people(hall: Hall, operator: FlaskClient) -> None:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    def asked_with(numbers: range) -> int:
        with hall.app.app_context():
            members.a_year(hall.runtime(), numbers, unit_account_no=UNIT)
            engine = db.engine
        operator.get("/")  # the first look of the day also writes down that somebody is here
        event.listen(engine, "before_cursor_execute", note)
        operator.get("/")
        event.remove(engine, "before_cursor_execute", note)
        found = len(statements)
        statements.clear()
        return found

    assert 0 < asked_with(range(801, 802)) == asked_with(range(810, 830))


def test_bars_are_as_high_as_their_months_are_large() -> None:
    rows = [Remitted("2026-05", 1_000_000, 1), Remitted("2026-06", 2_000_000, 2)]
    chart = charts.remittances(rows)
    assert chart is not None
    assert chart.bars[1].height == pytest.approx(2 * chart.bars[0].height, abs=0.1)
    assert [bar.newest for bar in chart.bars] == [False, True]
    assert chart.newest == "2.00 万元"
    assert chart.summary == "2026年5月 1.00 万元，2026年6月 2.00 万元，合计 3.00 万元"
    assert charts.remittances([Remitted("2026-06")]) is None
