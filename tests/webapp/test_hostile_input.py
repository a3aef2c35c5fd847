"""What no page of ours ever sends: it gets a sentence, and never a page that says we are broken."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from structlog.contextvars import clear_contextvars

from tests.webapp.hall import Hall, csrf_of, post
from tests.webapp.steps import PAGE, decide, filed, seen_by, submit
from webapp import filing as filing_pages
from webapp.observability import configure_logging
from webapp.settings import load

NESTED = "[" * 100_000
DIGITS = "9" * 5_000  # more than Python turns into a number


@pytest.mark.parametrize("body", [NESTED, '{"a":' * 50_000, json.dumps({"base": NESTED})])
def test_a_draft_nested_without_end_is_refused(operator: FlaskClient, body: str) -> None:
    headers = {"X-CSRFToken": csrf_of(operator), "Content-Type": "application/json"}
    assert operator.post(f"{PAGE}/draft", data=body, headers=headers).status_code in (200, 400)
    assert operator.get(PAGE).status_code == 200


def test_a_page_that_shows_nested_values_is_read_as_showing_none(operator: FlaskClient) -> None:
    assert post(operator, PAGE, {"action": "save", "base": NESTED}).status_code == 200


@pytest.mark.parametrize("field", ["task", "seen"])
@pytest.mark.parametrize("number", [DIGITS, "9" * 30, "\uff12", "²"])
def test_a_decision_with_an_impossible_number_is_refused(
    reviewer: FlaskClient, operator: FlaskClient, field: str, number: str
) -> None:
    no = filed(operator)
    fields = seen_by(reviewer, no) | {"opinion": "请补正。", field: number}
    assert decide(reviewer, no, "refuse", **fields).status_code in (400, 409, 422)


def test_claiming_impossible_rows_takes_none(reviewer: FlaskClient) -> None:
    answer = post(reviewer, "/review/claim", {"task": [DIGITS, "9" * 30, "²"]})
    assert answer.status_code == 303


@pytest.mark.parametrize("number", ["2147483648", "9" * 20])
def test_the_preview_of_an_impossible_step_is_not_found(reviewer: FlaskClient, number: str) -> None:
    assert reviewer.get(f"/review/{number}/preview").status_code == 404


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1-1-1"])
def test_a_day_outside_the_calendar_filters_nothing_and_says_so(
    operator: FlaskClient, day: str
) -> None:
    page = operator.get(f"/inbox/started?since={day}&until={day}")
    assert page.status_code == 200
    assert "的样式填写" in page.text


@pytest.mark.parametrize(
    "path", ["/inbox/todo?key=%00", "/inbox/started?key=%00", "/services/%00", "/review?key=%00"]
)
def test_half_a_name_finds_nothing(operator: FlaskClient, reviewer: FlaskClient, path: str) -> None:
    """PostgreSQL raises on a NUL where SQLite finds nothing."""
    client = reviewer if path.startswith("/review") else operator
    assert client.get(path).status_code in (200, 404)


@pytest.mark.parametrize("name", ["key", "cause"])
def test_half_a_name_finds_no_incident(hall: Hall, name: str) -> None:
    admin = hall.signed_in("admin")
    assert "没有符合条件的异常" in admin.get(f"/incidents?{name}=%00").text
    answer = post(admin, "/incidents/retry", {name: "\x00"}, follow_redirects=True)
    assert "没有需要重试的" in answer.text


def test_a_step_of_another_request_is_not_decided_under_this_ones_address(
    hall: Hall, reviewer: FlaskClient, operator: FlaskClient
) -> None:
    """Files sent along would stand in the record of the wrong request."""
    here, other = filed(operator), hall.file("stranger")
    foreign = hall.task_of(other, "reviewer")
    for task in (foreign, 2_000_000_000, 0):
        assert decide(reviewer, here, "approve", task=task).status_code == 404
    assert hall.task_of(other, "reviewer") == foreign


def test_a_field_called_like_the_draft_itself_does_not_lock_the_page(
    hall: Hall, operator: FlaskClient
) -> None:
    token = csrf_of(operator)
    hall.clock.advance(hours=1)
    operator.post(PAGE, data={"csrf_token": token, "values": "abc", "action": "save"})
    assert hall.signed_in("operator").get(PAGE).status_code == 200


def test_a_draft_saved_after_its_page_was_filed_does_not_swallow_the_next_filing(
    operator: FlaskClient,
) -> None:
    """The autosave that was under way when 提交 was pressed carries the used token."""
    first = filed(operator)
    post(operator, f"{PAGE}/draft", {"token": "a1b2c3", "pay_day": "10"})
    page = operator.get(PAGE).text
    assert 'value="a1b2c3"' not in page, "that token already stands for " + first


def test_the_second_click_is_answered_as_the_first_even_without_the_materials_it_took(
    operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = filed(operator)
    monkeypatch.setattr(filing_pages, "already", _late(filing_pages.already))
    answer = submit(operator, pay_day="")
    assert answer.status_code == 303, "the browser shows the answer to the last click"
    assert answer.location.endswith(first)


def _late(look: Callable[[str], str | None]) -> Callable[[str], str | None]:
    """The second click looks before the first one is committed."""
    asked: list[str] = []

    def already(token: str) -> str | None:
        asked.append(token)
        return None if len(asked) == 1 else look(token)

    return already


def test_logs_for_people_hold_no_values_of_a_failed_function() -> None:
    root = logging.getLogger()
    kept, level = root.handlers, root.level
    stream = io.StringIO()
    try:
        configure_logging(load(environ={}, mode="demo", log={"format": "text"}))
        root.handlers[0].stream = stream  # type: ignore[attr-defined]
        _fail_with("Hall@2026")
    finally:
        root.handlers[:], root.level = kept, level
        clear_contextvars()
    assert "RuntimeError" in stream.getvalue()
    assert "Hall@2026" not in stream.getvalue()


def _fail_with(password: str) -> None:
    try:
        raise RuntimeError(f"{len(password)} characters")
    except RuntimeError:
        logging.getLogger("hall.web").exception("failed")
