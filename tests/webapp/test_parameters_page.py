"""业务参数: those who answer for the values see today's, the past and the coming ones."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import delete

from engine import Actor
from handlers.parameters.models import ParameterValue
from tests.builders.people import at
from tests.conftest import Clock
from tests.webapp.hall import Hall
from webapp import cli
from webapp.parameters import may_read
from webapp.runtime import db


@pytest.fixture
def admin(hall: Hall) -> FlaskClient:
    return hall.signed_in("admin")


def item(page: str, name: str) -> str:
    """The row of one parameter, as its text."""
    rows = [row for row in page.split("<li><div><h3>") if row.startswith(name)]
    assert len(rows) == 1, f"{name}: {len(rows)} rows"
    return " ".join(re.sub(r"<[^>]*>", " ", rows[0]).split())


def test_the_value_of_today_stands_with_its_first_day_and_its_source(admin: FlaskClient) -> None:
    page = admin.get("/parameters").text
    rate = item(page, "首套贷款利率，五年以上")
    assert "2.60% 2025-05-08 起" in rate
    assert "中国人民银行 2025-05-07 通知" in rate
    assert "以前的 3 个值 ：首套贷款利率，五年以上 2024-05-18 起：2.85%" in rate
    wage = item(page, "上年度职工月平均工资")
    assert "7,915.00 元 2026-07-01 起" in wage
    assert "演示数据" in wage


def test_a_change_that_is_coming_is_announced_and_takes_effect_by_itself(
    admin: FlaskClient, hall: Hall, clock: Clock
) -> None:
    before = item(admin.get("/parameters").text, "贷款申请作出决定")
    assert "将调整" in before
    assert "2026-09-20 起：10 日" in before
    assert "15 日 2002-03-24 起" in before
    clock.set(at("2026-09-20T08:00:00+08:00"))
    after = item(hall.signed_in("admin").get("/parameters").text, "贷款申请作出决定")
    assert "10 日 2026-09-20 起" in after
    assert "将调整" not in after
    assert "以前的 1 个值 ：贷款申请作出决定 2002-03-24 起：15 日" in after


def test_a_branch_with_its_own_value_has_its_own_row(admin: FlaskClient) -> None:
    page = admin.get("/parameters").text
    assert "1,660.00 元" in item(page, "缴存基数下限 <")
    assert "1,890.00 元" in item(page, "缴存基数下限 · 凯里管理部")


def test_a_parameter_nobody_has_set_and_one_too_old_stand_out(hall: Hall, clock: Clock) -> None:
    with hall.app.app_context():
        db.session.execute(delete(ParameterValue).where(ParameterValue.key == "penalty_base"))
        db.session.commit()
    clock.set(at("2027-07-01T08:00:00+08:00"))
    page = hall.signed_in("admin").get("/parameters").text
    assert "未设定" in item(page, "罚息的计算基础")
    assert "超过一年未更新" in item(page, "上年度职工月平均工资")
    assert page.count("未设定") == page.count("超过一年未更新") == 1


def test_only_those_who_answer_for_the_values_see_them(
    hall: Hall, operator: FlaskClient, reviewer: FlaskClient, admin: FlaskClient
) -> None:
    for client in (operator, reviewer):
        assert client.get("/parameters").status_code == 403
    assert 'href="/parameters"' not in reviewer.get("/review").text
    assert 'href="/parameters"' in admin.get("/review").text


@pytest.mark.parametrize(
    ("role", "reads"), [("业务主管", True), ("流程管理员", True), ("归集复核岗", False)]
)
def test_a_supervisor_of_one_branch_may_read_them_too(role: str, reads: bool) -> None:
    assert may_read(Actor("staff:1", "龙主管", frozenset({(role, "branch:QDN01")}))) is reads


def test_the_command_prints_one_line_each_of_the_day_asked_for(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = hall.app.extensions["hall"].settings
    monkeypatch.setattr("webapp.parameters.configuration.load", lambda: settings)
    for day, words in (("2026-09-19", "15 日"), ("2026-09-20", "10 日")):
        done = CliRunner().invoke(cli.hall, ["parameters", "--day", day], catch_exceptions=False)
        assert f"deadline_loan\t贷款申请作出决定\t{words}" in done.output.splitlines()
        assert done.exit_code == 0
    with hall.app.app_context():
        db.session.execute(delete(ParameterValue).where(ParameterValue.key == "penalty_base"))
        db.session.commit()
    done = CliRunner().invoke(cli.hall, ["parameters", "--day", "2026-09-20"])
    assert "penalty_base\t罚息的计算基础\t2026-09-20 没有设定值" in done.output.splitlines()
    assert done.exit_code == 1
