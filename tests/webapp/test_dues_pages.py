"""汇缴核定 in the browser (QDN-03.1): months offered, sums shown before anybody submits."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from tests.builders import members
from tests.webapp import steps
from tests.webapp.hall import Hall, post

PAGE, CANCEL = "/services/remittance_assessment", "/services/cancel_assessment"


def submit(client: FlaskClient, page: str, token: str = "a1", **typed: str) -> str:
    answer = steps.submit(client, page, token=token, **typed)
    assert answer.status_code == 303, answer.text
    return client.get(answer.location).text


def offered(client: FlaskClient, page: str) -> list[str]:
    return re.findall(r'<option value="(\d{4}-\d{2})"', client.get(page).text)


def test_qdn_03_1_months_and_sums_are_shown_and_assessed(hall: Hall, operator: FlaskClient) -> None:
    members.in_hall(hall, 901)
    months = offered(operator, PAGE)
    assert len(months) > 1
    assert "请确认本月是否有人员变动情况！" in operator.get(PAGE).text
    page = post(operator, PAGE, {"action": "save", "through": months[1]}).text
    assert "本月正常汇缴" in page
    assert "逐月金额" in page
    assert "人民币" in page
    told = submit(operator, PAGE, through=months[0])
    assert "汇缴核定" in told
    assert offered(operator, PAGE)[0] == months[1]


def test_qdn_03_2_what_was_assessed_is_offered_for_deletion(
    hall: Hall, operator: FlaskClient
) -> None:
    members.in_hall(hall, 901)
    first = offered(operator, PAGE)[0]
    submit(operator, PAGE, through=first)
    assert offered(operator, CANCEL) == [first]
    submit(operator, CANCEL, "a2", which=first)
    assert offered(operator, PAGE)[0] == first


def test_with_nothing_to_cancel_the_page_says_so_and_offers_no_button(
    hall: Hall, operator: FlaskClient
) -> None:
    members.in_hall(hall, 901)
    page = operator.get(CANCEL).text
    assert "没有可以取消的核定" in page
    assert re.search(r'value="submit"[^>]* disabled', page)
    assert re.search(r'<li class="is-now" aria-current="step">填写', page)
    submit(operator, PAGE, through=offered(operator, PAGE)[0])
    page = operator.get(CANCEL).text
    assert "没有可以取消的核定" not in page
    assert not re.search(r'value="submit"[^>]* disabled', page)


def test_a_month_somebody_else_has_assessed_meanwhile_is_refused_in_words(
    hall: Hall, operator: FlaskClient
) -> None:
    members.in_hall(hall, 901)
    colleague = hall.signed_in("colleague")
    first = offered(operator, PAGE)[0]
    submit(colleague, PAGE, through=first)
    answer = steps.submit(operator, PAGE, through=first)
    assert answer.status_code == 422
    assert "已核定或已缴" in answer.text


def test_the_next_month_is_chosen_already_and_the_request_says_what_is_due(
    hall: Hall, operator: FlaskClient
) -> None:
    members.in_hall(hall, 901)
    page = operator.get(PAGE).text
    first = offered(operator, PAGE)[0]
    assert f'<option value="{first}" selected>' in page
    told = submit(operator, PAGE, through=first)
    assert "核定人数" in told
    assert "应缴金额" in told
    assert "（人民币" in told


def test_sums_that_moved_since_the_page_was_drawn_are_shown_before_anything_is_filed(
    hall: Hall, operator: FlaskClient
) -> None:
    """CX-U25a: the bank would be asked for another sum than the one on the page."""
    members.in_hall(hall, 901)
    page = operator.get(PAGE).text
    first = offered(operator, PAGE)[0]
    (seen,) = re.findall(r'name="consequences" id="consequences" value="(\w+)"', page)
    members.in_hall(hall, 902)
    answer = steps.submit(operator, PAGE, through=first, consequences=seen)
    assert answer.status_code == 409
    assert "人数或金额有了变化" in answer.text
    (seen,) = re.findall(r'name="consequences" id="consequences" value="(\w+)"', answer.text)
    assert steps.submit(operator, PAGE, through=first, consequences=seen).status_code == 303
