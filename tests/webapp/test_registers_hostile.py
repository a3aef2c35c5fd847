"""What no page of a register ever sends: a sentence, or nothing found; on both databases."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Clock
from tests.webapp.hall import Hall, post
from tests.webapp.registering import LIST, offering, sealed_people


@pytest.fixture
def hall(app: Flask, clock: Clock) -> Hall:
    return offering(app, clock)


@pytest.mark.parametrize("token", ["\x00", "a\x00b", "9" * 300, "\u202e"])
def test_a_token_no_page_has_made_is_none(hall: Hall, operator: FlaskClient, token: str) -> None:
    sealed_people(hall)
    answer = post(operator, f"{LIST}/requests", {"reason": "核对账目", "token": token})
    assert answer.status_code == 303


@pytest.mark.parametrize("ending", ["rows", "rows.json", "rows.xlsx", "rows/print"])
def test_a_roster_of_no_form_is_not_found(hall: Hall, operator: FlaskClient, ending: str) -> None:
    assert operator.get(f"/requests/{hall.file()}/{ending}?form=%00").status_code == 404
