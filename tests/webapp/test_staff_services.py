"""Services that staff start: in the menu of who holds the post, for the branch they work for."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.webapp.hall import PEOPLE, Hall, post

PAGE = "/services/bank_statement"
LINE = "20260715000001\t2026-07-14\t12,800.00\t凯里市云谷文旅发展有限公司"


@pytest.fixture
def store() -> str:
    return "sqlite"


@pytest.fixture
def cashier(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """欧财务, 财务岗 of all branches."""
    monkeypatch.setitem(PEOPLE, "cashier", ("staff", "qdn014"))
    return hall.signed_in("cashier")


def test_the_menu_shows_a_service_to_who_may_start_it(
    cashier: FlaskClient, operator: FlaskClient, reviewer: FlaskClient
) -> None:
    assert f'href="{PAGE}"' in cashier.get("/review").text
    assert f'href="{PAGE}"' not in operator.get("/").text
    assert f'href="{PAGE}"' not in reviewer.get("/review").text
    assert 'href="/services/unit_info_change"' not in cashier.get("/review").text


def test_nobody_else_opens_it(operator: FlaskClient, reviewer: FlaskClient) -> None:
    assert operator.get(PAGE).status_code == reviewer.get(PAGE).status_code == 403
    assert post(operator, PAGE, {"action": "delete:all"}).status_code == 403


def test_each_branch_has_its_own_roster_and_the_choice_of_branch_stays(
    cashier: FlaskClient,
) -> None:
    assert "办理管理部" in cashier.get(PAGE).text
    cashier.get(f"{PAGE}?branch=QDN02")
    answer = post(cashier, PAGE, {"action": "paste", "cells": LINE})
    assert answer.status_code == 303, answer.text
    assert "12,800.00" in cashier.get(PAGE).text
    assert "12,800.00" not in cashier.get(f"{PAGE}?branch=QDN01").text
    assert "12,800.00" not in cashier.get(f"{PAGE}?branch=XZ99").text, "unknown: where one was"


def test_an_application_of_staff_is_for_a_branch_too(
    cashier: FlaskClient, operator: FlaskClient
) -> None:
    page = cashier.get("/services/suspense_clearing")
    assert page.status_code == 200
    assert "办理管理部" in page.text
    assert operator.get("/services/suspense_clearing").status_code == 403
