"""What no page of a roster ever sends: a sentence, or nothing found; on both databases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.webapp.hall import csrf_of

PAGE = "/services/open_accounts"


def ask(client: FlaskClient, path: str, body: str) -> Any:
    headers = {"X-CSRFToken": csrf_of(client), "Content-Type": "application/json"}
    return client.post(path, data=body, headers=headers)


@pytest.mark.parametrize("seq", ["0", "2147483648", "9" * 30])
def test_a_row_no_table_can_hold_is_gone(operator: FlaskClient, seq: str) -> None:
    answer = ask(operator, f"{PAGE}/rows/{seq}", json.dumps({"person_name": "龙德昌"}))
    assert answer.status_code == 409
    assert "刷新页面" in answer.get_json()["problem"]["text"]


def test_half_a_name_finds_no_people(operator: FlaskClient) -> None:
    assert operator.get(f"{PAGE}/people?q=%00").get_json() == {"people": []}


@pytest.mark.parametrize("path", ["rows", "rows/1", "check"])
def test_half_a_character_is_not_kept_where_it_would_break_the_page(
    operator: FlaskClient, path: str
) -> None:
    """A lone surrogate passes JSON and no browser can be sent it; the roster is its unit's, and
    colleagues would not see it any more."""
    ask(operator, f"{PAGE}/rows", json.dumps({"text": "龙德昌"}))
    said = "\ud800"
    half = json.dumps({"person_name": said, "text": said, "values": {"person_name": said}})
    assert ask(operator, f"{PAGE}/{path}", half).status_code in (200, 422)
    assert operator.get(PAGE).status_code == 200
