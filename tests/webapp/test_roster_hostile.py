"""What no page of a roster ever sends: a sentence, or nothing found; on both databases."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from forms.excel import files
from tests.builders import rosterservices
from tests.builders.rosterservices import IDS
from tests.builders.sheets import book
from tests.webapp.hall import Hall, csrf_of, post
from tests.webapp.rostersteps import look_up

PAGE = "/services/open_accounts"


def ask(client: FlaskClient, path: str, body: str) -> Any:
    headers = {"X-CSRFToken": csrf_of(client), "Content-Type": "application/json"}
    return client.post(path, data=body, headers=headers)


@pytest.mark.parametrize("seq", ["0", "2147483648", "9" * 30])
def test_a_row_no_table_can_hold_is_gone(operator: FlaskClient, seq: str) -> None:
    answer = ask(operator, f"{PAGE}/rows/{seq}", json.dumps({"person_name": "龙德昌"}))
    assert answer.status_code == 409
    assert "刷新页面" in answer.get_json()["problem"]["text"]


@pytest.mark.parametrize("typed", ["\0", None, 7, ["龙"], {}, "龙" * 9_999])
def test_what_is_no_name_finds_nobody(operator: FlaskClient, typed: object) -> None:
    assert look_up(operator, PAGE, typed).get_json() == {"people": []}


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


def test_a_file_is_not_taken_into_a_roster_filed_while_it_was_uploaded(
    hall: Hall, app: Flask, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file is looked at for a while; in another tab the returned request is filed again."""
    rosterservices.install(app, monkeypatch, reviewed=True)
    post(operator, PAGE, {"action": "choose", "choice:rate": "8"})
    post(operator, PAGE, {"action": "paste", "cells": f"龙德昌\t01\t{IDS[0]}\t\t5390"})
    filed = post(operator, PAGE, {"action": "submit:all", "token": "a1"}).location
    hall.return_it(filed.rsplit("/", 1)[1])
    look = files.kind_of

    def slowly(content: bytes) -> Any:
        told = post(operator, f"{filed}/edit", {"action": "submit:all", "token": "b2"})
        assert told.status_code == 303, told.text
        return look(content)

    monkeypatch.setattr(files, "kind_of", slowly)
    heading = ("姓名", "证件类型", "证件号码", "手机号码", "缴存基数")
    sheet = book(heading, ("吴佳琪", "居民身份证", IDS[1], "", "5390"))
    sent = {"file": (io.BytesIO(sheet), "清册.xlsx"), "csrf_token": csrf_of(operator)}
    answer = operator.post(f"{filed}/rows/import", data=sent)
    assert answer.status_code == 409
    assert "已经提交，不能再修改" in answer.text


@pytest.mark.parametrize("name", ["a\x00b.xlsx", "\u202exslx.册", "../../etc/清册", "<b>.csv"])
def test_what_a_file_is_called_harms_nobody(operator: FlaskClient, name: str) -> None:
    sent = {"file": (io.BytesIO(b"a,b\n1,2\n"), name), "csrf_token": csrf_of(operator)}
    answer = operator.post(f"{PAGE}/import", data=sent)
    assert answer.status_code == 303, answer.text
    page = operator.get("/jobs").text
    assert "导入清册" in page
    assert not any(mark in page for mark in ("\x00", "\u202e", "../", "<b>."))
