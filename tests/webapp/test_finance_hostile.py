"""财务岗 before its pages: what a browser sends and what the file of a bank may hold."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from forms.excel.reading import ROWS_MAX
from forms.rosters.checking import ROW_CENTS_MAX
from tests.webapp.hall import PEOPLE, Hall, csrf_of, post
from tests.webapp.rostersteps import token_of

STATEMENT, CLEARING = "/services/bank_statement", "/services/suspense_clearing"
PAYER = "凯里市云谷文旅发展有限公司"
RECEIPT = {"arrived_on": "2026-07-14", "amount_in": "12.00", "payer_name": PAYER}
UNSTORABLE = ("龙\x00德", "\u202e龙德", "龙\x1b德")


@pytest.fixture
def cashier(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """欧财务, 财务岗 of all branches."""
    monkeypatch.setitem(PEOPLE, "cashier", ("staff", "qdn014"))
    return hall.signed_in("cashier")


class _Controls(HTMLParser):
    """What a browser posts when one button of a form is pressed: names and values in the order of
    the page, every control as it stands."""

    def __init__(self, form: str, button: str) -> None:
        super().__init__()
        self.pairs: list[tuple[str, str]] = []
        self._form, self._button, self._inside, self._select = form, button, False, ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = found.get("id") == self._form
        name = found.get("name", "")
        if tag == "option" and self._select and "selected" in found:
            self.pairs[-1] = (self._select, found["value"])
        if not name or not (self._inside or found.get("form") == self._form):
            return
        if tag == "button":
            pressed = (found.get("value"), found.get("tabindex")) == (self._button, None)
            self.pairs += [(name, self._button)] if pressed else []
        elif tag in ("input", "textarea", "select"):
            self.pairs.append((name, found.get("value", "")))
            self._select = name if tag == "select" else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"


def pressed(page: str, button: str, **typed: str) -> MultiDict[str, str]:
    """The post of a filing page with these fields typed over what it shows."""
    controls = _Controls("filing", button)
    controls.feed(page)
    shown = {name for name, _ in controls.pairs}
    assert typed.keys() <= shown, f"no such field on the page: {typed.keys() - shown}"
    return MultiDict([(name, typed.get(name, value)) for name, value in controls.pairs])


def arrive(cashier: FlaskClient, **row: str) -> str:
    """A receipt of the unit is imported; where its request is."""
    post(cashier, STATEMENT, {"action": "enter", "bank_serial": "S1", **RECEIPT, **row})
    sent = {"action": "submit:all", "token": token_of(cashier.get(STATEMENT).text)}
    answer = post(cashier, STATEMENT, sent)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def test_sx_7_3_the_button_of_the_clearing_page_files_what_the_second_person_reads(
    hall: Hall, cashier: FlaskClient
) -> None:
    second_reviewer = hall.signed_in("second_reviewer")
    arrive(cashier)
    typed = {"receipt": "1", "treatment": "refund", "reason": "单位来函，汇错账户"}
    answer = cashier.post(CLEARING, data=pressed(cashier.get(CLEARING).text, "submit", **typed))
    assert answer.status_code == 303, "the page came back as if nothing had been pressed"
    page = second_reviewer.get(answer.location).text
    assert "2026-07-14 020810042637 12.00 元" in page, "whose money, and how much"
    assert "退回单位" in page


@pytest.mark.parametrize("text", UNSTORABLE)
@pytest.mark.parametrize("column", ["payer_name", "payer_account_no", "memo"])
def test_what_no_column_can_hold_is_left_out_of_what_a_bank_wrote(
    cashier: FlaskClient, column: str, text: str
) -> None:
    post(cashier, STATEMENT, {"action": "enter", "bank_serial": "S1", **RECEIPT})
    headers = {"X-CSRFToken": csrf_of(cashier), "Content-Type": "application/json"}
    answer = cashier.post(f"{STATEMENT}/rows/1", data=json.dumps({column: text}), headers=headers)
    assert answer.status_code == 200, answer.text
    sent = {"action": "submit:all", "token": token_of(cashier.get(STATEMENT).text)}
    answer = post(cashier, STATEMENT, sent)
    assert answer.status_code == 303, answer.text
    page = cashier.get(f"{answer.location}/rows").text
    assert "办理成功" in page
    assert not any(mark in page for mark in "\x00\u202e\x1b")


def test_sums_no_database_can_add_up_are_refused_row_by_row(cashier: FlaskClient) -> None:
    assert ROW_CENTS_MAX * ROWS_MAX < 2**63
    typed = {**RECEIPT, "amount_in": "10,000,000,000,000.00"}
    post(cashier, STATEMENT, {"action": "paste", "cells": "S1\t2026-07-14\t10000000000000.00"})
    answer = post(cashier, STATEMENT, {"action": "enter", "bank_serial": "S2", **typed})
    assert answer.status_code == 422
    assert "金额超过 1,000 亿元" in answer.text
    assert "有误" in cashier.get(STATEMENT).text


def test_a_page_works_for_the_branch_it_shows_whatever_another_tab_has_gone_on_to(
    cashier: FlaskClient,
) -> None:
    first = cashier.get(f"{STATEMENT}?branch=QDN01").text
    shown = re.search(r'<input type="hidden" name="place" value="(\w+)">', first)
    assert shown is not None
    assert f'<meta name="place" content="{shown[1]}">' in first, "for the script"
    cashier.get(f"{STATEMENT}?branch=QDN02")
    post(cashier, STATEMENT, {"action": "enter", "bank_serial": "S1", **RECEIPT, "place": shown[1]})
    cashier.get(f"{STATEMENT}?branch=QDN02")
    headers = {"X-CSRFToken": csrf_of(cashier), "X-Place": shown[1]}
    told = cashier.post(f"{STATEMENT}/rows", json={"text": "S2\t2026-07-14\t8.00"}, headers=headers)
    assert told.status_code == 200
    pages = {one: cashier.get(f"{STATEMENT}?branch={one}").text for one in ("QDN01", "QDN02")}
    assert pages["QDN01"].count("data-row=") == 2
    assert "data-row=" not in pages["QDN02"]


def test_a_branch_somebody_holds_no_post_in_is_nobodys_place(cashier: FlaskClient) -> None:
    cashier.get(f"{STATEMENT}?branch=QDN01")
    typed = {"bank_serial": "S1", **RECEIPT, "place": "XZ01"}
    assert post(cashier, STATEMENT, {"action": "enter", **typed}).status_code == 303
    assert "data-row=" in cashier.get(f"{STATEMENT}?branch=QDN01").text
