"""业务回单 and its public check."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from tests.webapp.hall import Hall, post
from tests.webapp.steps import decide, filed, seen_by
from webapp.receipts import mask_unit


@pytest.fixture
def completed(operator: FlaskClient, reviewer: FlaskClient, hall: Hall) -> str:
    no = filed(operator, operator_mobile="13808556024")
    decide(reviewer, no, "approve", **seen_by(reviewer, no))
    second = hall.signed_in("second_reviewer")
    decide(second, no, "approve", **seen_by(second, no))
    return no


def code_of(client: FlaskClient, no: str) -> str:
    found = re.search(r'class="w-code">([^<]+)<', client.get(f"/requests/{no}/receipt").text)
    assert found
    return found[1]


def test_the_sheet_names_the_change_and_who_decided(operator: FlaskClient, completed: str) -> None:
    page = operator.get(f"/requests/{completed}/receipt").text
    assert "138****6024" in page
    assert "13808556024" not in page
    assert page.index("初审") < page.index("复核")
    assert 'aria-label="验真二维码"' in page
    assert "尚未打印" in page


def test_every_print_is_counted(operator: FlaskClient, completed: str) -> None:
    for times in (1, 2):
        answer = post(operator, f"/requests/{completed}/receipt")
        page = operator.get(answer.location).text
        assert f"第 {times} 次打印" in page
        assert "data-print-now" in page


def test_no_receipt_before_the_end(operator: FlaskClient) -> None:
    no = filed(operator)
    assert operator.get(f"/requests/{no}/receipt").location == f"/requests/{no}"
    assert "业务办结后才能打印回单" in operator.get(f"/requests/{no}").text
    assert post(operator, f"/requests/{no}/receipt").status_code == 404


def test_strangers_get_no_receipt(stranger: FlaskClient, completed: str) -> None:
    assert stranger.get(f"/requests/{completed}/receipt").status_code == 404
    assert post(stranger, f"/requests/{completed}/receipt").status_code == 404


def test_anybody_may_check_a_code_and_learns_only_what_is_on_the_sheet(
    browser: FlaskClient, operator: FlaskClient, completed: str
) -> None:
    code = code_of(operator, completed)
    for path in (f"/verify/{code}", f"/verify?code={code.lower().replace('-', ' ')}"):
        page = browser.get(path).text
        assert completed in page
        assert "已办结" in page
        assert "凯里市云谷文旅发展有限公司" not in page
        assert "凯里市云" in page


def test_an_unknown_code_says_what_to_do(browser: FlaskClient) -> None:
    answer = browser.get("/verify/<b>NOPE")
    assert answer.status_code == 404
    assert "未查到" in answer.text
    assert "12329" in answer.text
    assert "<b>NOPE" not in answer.text


def test_checking_is_rate_limited(browser: FlaskClient) -> None:
    answers = [browser.get("/verify/AAAAA-AAAAA").status_code for _ in range(40)]
    assert answers[0] == 404
    assert answers[-1] == 429


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("凯里市云谷文旅发展有限公司", "凯里市云*****有限公司"),
        ("黔电", "黔*"),
        ("雷山县医院", "雷***院"),
    ],
)
def test_a_units_name_is_half_hidden(name: str, shown: str) -> None:
    assert mask_unit(name) == shown
