"""A roster service with a form of the tests, on the drawn diagram of a real one.

The form computes what a real one would (月缴存额 from base and the chosen rate) and its applier
refuses whoever is called 陈不成, so that every state of a row can be met.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
from flask import Flask

import engine
from engine.diagrams.lint import service_files
from engine.errors import Problem
from engine.runtime import SYSTEM
from forms import registry
from forms.rosters.base import Choice, Desk, Row
from handlers.amounts import money_text, parse_money
from handlers.centers import Center, MaterialSlot, ServiceTexts
from handlers.rosters import applying
from handlers.rosters.applying import Application
from handlers.rosters.store import Line
from tests.builders.rosters import PERSON, Newcomers
from webapp.jobs import workshop
from webapp.runtime import runtime
from webapp.settings import ROOT

KEY = "open_accounts"
PAGE = f"/services/{KEY}"
UNLUCKY = "陈不成"
SMALLEST_CENTS = 200_000
# Real check digits; enough people for a paste.
IDS = (
    *("522632199002022210", "522601198501013010", "522632199204152427", "522624198809091634"),
    *("522626199506064425", "522630198703032211", "522601199308080822", "522624199105077038"),
)


class Hired(Newcomers):
    """个人开户 of the tests: base not below 2,000 元, monthly amount from the chosen rate."""

    form_id: ClassVar[str] = "tests.Hired"
    options: ClassVar[dict[str, str | int | bool]] = {"count_check": False}
    shut: ClassVar[bool] = False

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        rate = int(desk.choices.get("rate") or 8)
        for row in rows:
            cents = parse_money(row.values.get("contribution_base") or "0")
            if not isinstance(cents, int) or not row.values.get("contribution_base"):
                continue
            if cents < SMALLEST_CENTS:
                text = "低于下限 2,000.00 元，请改为不低于下限的数值。"
                row.refuse("tests.base", text, "contribution_base")
                continue
            row.amount_cents = cents * rate * 2 // 100
            row.values["monthly_amount"] = money_text(row.amount_cents)

    @classmethod
    def gate(cls, desk: Desk) -> list[Problem]:
        return [Problem("tests.shut", "每月 25 日后不能开户，请下月再办。")] if cls.shut else []

    @classmethod
    def choose(cls, desk: Desk) -> list[Choice]:
        return [Choice("rate", "缴存比例", (("8", "8%"), ("10", "10%")))]

    @classmethod
    def prefill(cls, desk: Desk) -> Iterator[dict[str, str]]:
        """名册: two people who are always there."""
        for name, number in (("龙德昌", IDS[0]), ("吴佳琪", IDS[1])):
            yield person(person_name=name, id_no=number)


def person(**changed: str) -> dict[str, str]:
    found = {name: PERSON[name] for name in ("person_name", "id_type", "id_no")}
    return found | {"contribution_base": "5,390.00"} | changed


def take_effect(work: Application, rows: Sequence[Line]) -> list[Problem | None]:
    refusal = Problem("tests.unlucky", "该职工在其他单位有正常账户，请先办理转移。")
    return [refusal if row.values.get("person_name") == UNLUCKY else None for row in rows]


def texts(**changed: Any) -> ServiceTexts:
    words: dict[str, Any] = {
        "name": "个人开户", "icon": "user-plus", "purpose": "为新录用的职工设立个人账户。",
        "promise": "提交后自动办结", "who": "本单位的单位经办人。", "term": "提交后立即生效。",
        "basis": "《住房公积金管理条例》第十三条", "submit_label": "全部提交",
        "submitted_toast": "开户清册已提交", "in_flight_text": "存在未办结的个人开户业务",
        "completed_text": "个人账户已设立。",
    }  # fmt: skip
    return ServiceTexts(**words | changed)


def install(
    app: Flask, monkeypatch: pytest.MonkeyPatch, *, reviewed: bool = False, **changed: Any
) -> None:
    """Deploy the service for this app; with `reviewed` 归集审核岗 looks at every roster."""
    monkeypatch.setitem(registry._FORMS, Hired.form_id, Hired)
    monkeypatch.setitem(applying._appliers, Hired.form_id, (take_effect, applying.PIECE_ROWS))
    house = app.extensions["hall"]
    offer(house.center, monkeypatch, **changed)
    with app.app_context():
        engine.deploy(runtime(), KEY, drawn(house.settings.center, reviewed=reviewed), SYSTEM)


def offer(center: Center, monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    """The centre has the service in its texts."""
    monkeypatch.setitem(center.services, KEY, texts(**changed))
    monkeypatch.setitem(center.notices, KEY, {})


def drawn(center: str, *, reviewed: bool) -> dict[str, bytes]:
    files = next(found for key, _, found in service_files(ROOT / "bpmn", center) if key == KEY)
    made = dict(files)
    diagram = f"{KEY}.bpmn"
    made[diagram] = made[diagram].replace(b"contributions.OpenAccounts", b"tests.Hired")
    if reviewed:
        table = f"{KEY}_route.dmn"
        made[table] = made[table].replace(b'"none"', b'"one"')
        assert made[table] != files[table]
    return made


def slot(**changed: Any) -> MaterialSlot:
    words: dict[str, Any] = {"id": "list", "name": "盖章名册", "required": True}
    return MaterialSlot(**words | changed)


def run_jobs(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker does: every job that is due, to its end."""
    house = app.extensions["hall"]
    shop = workshop(house.settings, clock=house.clock)
    offer(shop.center, monkeypatch)
    while due := shop.due_jobs():
        assert all(shop.run_job(each) for each in due)
    shop.engine.dispose()
