"""An application on the filing page: choices of the day, rules, consequences, no changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import engine
from engine import Actor
from engine.diagrams.lint import service_files
from engine.errors import Problem
from engine.runtime import SYSTEM
from forms import registry
from forms.applications import ApplicationForm, Desk, Panel
from forms.declared import Item
from forms.fields import Money, text
from forms.kinds import Kind, Options
from handlers.amounts import money_text, parse_money
from handlers.centers import MaterialSlot
from tests.builders import rosterservices
from tests.webapp.hall import Hall, csrf_of, post
from webapp.runtime import runtime
from webapp.settings import ROOT

KEY = "unit_info_change"  # any drawn service with a review will do
PAGE = f"/services/{KEY}"
Chosen = Annotated[str, Kind(check=lambda typed, _: typed, maxlength=7, widget="select")]


class Deposit(ApplicationForm):
    """预缴 of the tests: a month to choose, an amount, at most what the balance allows."""

    form_id: ClassVar[str] = "tests.Deposit"
    title: ClassVar[str] = "预缴"
    condition_names: ClassVar[frozenset[str]] = frozenset({"large"})

    month: Annotated[Chosen, Item(label="预缴到", group="预缴", required=True)]
    amount: Annotated[Money, Item(label="预缴金额", group="预缴", required=True)]
    remark: Annotated[str, text(60), Item(label="备注", group="预缴")] = ""

    @classmethod
    def load(cls, session: Session, actor: Actor, scope: str) -> dict[str, str]:
        return {}

    @classmethod
    def choices(cls, desk: Desk) -> Mapping[str, Options]:
        return {"month": (("2026-08", "2026 年 8 月"), ("2026-09", "2026 年 9 月"))}

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        if values["month"] == "2026-09":
            return [Problem("tests.month", "8 月还没有缴，请先缴 8 月。", "month")]
        if _cents(values) == 100:
            return [Problem("tests.whole", "本单位已办理缓缴，不能预缴。")]
        return []

    @classmethod
    def panels(cls, desk: Desk, values: Mapping[str, str]) -> list[Panel]:
        shown = money_text(_cents(values))
        return [Panel("预缴之后", ("项目", "金额"), [("余额", shown)], numeric=frozenset({1}))]

    @classmethod
    def conditions(cls, current: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
        return ["large"] if _cents(values) >= 1_000_000 else []

    @classmethod
    def route_facts(cls, desk: Desk, values: Mapping[str, str]) -> dict[str, Any]:
        return {"cents": _cents(values)}


def _cents(values: Mapping[str, str]) -> int:
    found = parse_money(values.get("amount") or "0")
    return found if isinstance(found, int) else 0


@pytest.fixture
def store() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def service(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._FORMS, Deposit.form_id, Deposit)
    house = app.extensions["hall"]
    slot = MaterialSlot(id="proof", name="资金来源说明", required=True, when=("large",))
    words = {"name": "预缴", "submit_label": "预缴", "submitted_toast": "预缴已提交"}
    offered = rosterservices.texts(
        **words, materials=(slot,), next_service=KEY, next_text="再办一笔？"
    )
    monkeypatch.setitem(house.center.services, KEY, offered)
    files = next(
        f for key, _, f in service_files(ROOT / "bpmn", house.settings.center) if key == KEY
    )
    name = f"{KEY}.bpmn"
    drawn = files[name].replace(b"units.UnitInfoChange", b"tests.Deposit")
    with app.app_context():
        engine.deploy(runtime(), KEY, dict(files) | {name: drawn}, SYSTEM)


def submit(client: FlaskClient, **typed: str) -> Any:
    return post(client, PAGE, {"action": "submit", "token": "t1", **typed})


def draft(client: FlaskClient, **values: str) -> Any:
    headers = {"X-CSRFToken": csrf_of(client)}
    return client.post(f"{PAGE}/draft", json={"values": values}, headers=headers).get_json()


def test_what_may_be_chosen_today_fills_the_list_and_there_is_no_list_of_changes(
    operator: FlaskClient,
) -> None:
    page = operator.get(PAGE).text
    assert '<option value="2026-08">2026 年 8 月</option>' in page
    assert "待变更清册" not in page
    assert "项变更" not in page


def test_consequences_follow_what_is_typed(operator: FlaskClient) -> None:
    told = draft(operator, month="2026-08", amount="5000")
    assert "5,000.00" in told["panels"]
    assert told["problems"] == {}
    page = operator.get(PAGE).text
    assert "预缴之后" in page, "without scripts too"
    assert "5,000.00" in page


def test_a_rule_speaks_beside_its_field_and_for_the_whole(operator: FlaskClient) -> None:
    assert "请先缴 8 月" in draft(operator, month="2026-09", amount="5000")["problems"]["month"]
    assert draft(operator, month="2026-08", amount="1")["said"] == ["本单位已办理缓缴，不能预缴。"]
    assert draft(operator, month="2026-09")["problems"] == {}, "half filled in is not judged"


def test_what_the_business_refuses_is_not_filed(operator: FlaskClient) -> None:
    answer = submit(operator, month="2026-09", amount="5000")
    assert answer.status_code == 422
    assert re.search(r'id="e-month">8 月还没有缴', answer.text)
    answer = submit(operator, month="2026-08", amount="1")
    assert "本单位已办理缓缴" in answer.text


def test_a_condition_asks_for_its_material(operator: FlaskClient) -> None:
    assert draft(operator, month="2026-08", amount="10000")["when"] == ["large"]
    answer = submit(operator, month="2026-08", amount="10000")
    assert answer.status_code == 422
    assert "请上传“资金来源说明”" in answer.text


def test_what_is_filed_reads_as_facts_everywhere(
    operator: FlaskClient, reviewer: FlaskClient, hall: Hall
) -> None:
    answer = submit(operator, month="2026-08", amount="5000", remark="季度预缴")
    assert answer.status_code == 303, answer.text
    no = answer.location.rsplit("/", 1)[1]
    with hall.app.app_context():
        view = engine.view(runtime(), hall.actor("operator"), no)
    assert view.data["facts"] == {"cents": 500_000}
    assert view.data["changes"] == []
    assert view.summary == "预缴到 2026 年 8 月，预缴金额 5,000.00，备注 季度预缴"
    page = reviewer.get(f"/requests/{no}").text
    assert "申请内容" in page
    assert "季度预缴" in page
    assert "变更前" not in page


def test_what_comes_next_is_asked_once(operator: FlaskClient) -> None:
    answer = submit(operator, month="2026-08", amount="5000")
    page = operator.get(answer.location).text
    assert "再办一笔？" in page
    assert f'href="{PAGE}"' in page
    assert "再办一笔？" not in operator.get(answer.location).text


def test_a_returned_application_opens_with_what_was_filed(
    operator: FlaskClient, hall: Hall
) -> None:
    no = submit(operator, month="2026-08", amount="5000").location.rsplit("/", 1)[1]
    hall.return_it(no, opinion="金额请核对。")
    page = operator.get(f"/requests/{no}/edit").text
    assert 'value="5,000.00"' in page
    assert '<option value="2026-08" selected>' in page
    fields = {"action": "submit", "token": "t2", "month": "2026-08", "amount": "6000"}
    assert post(operator, f"/requests/{no}/edit", fields).status_code == 303
