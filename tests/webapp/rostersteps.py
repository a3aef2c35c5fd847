"""Steps the tests of roster pages share: type, press a button, read the rows."""

from __future__ import annotations

import re
from typing import Any

from flask.testing import FlaskClient

from tests.builders.rosterservices import IDS, PAGE, person
from tests.webapp.hall import csrf_of, post


def enter(client: FlaskClient, **typed: str) -> Any:
    return post(client, PAGE, {"action": "enter", **person(**typed)})


def press(client: FlaskClient, action: str, **fields: Any) -> Any:
    return post(client, PAGE, {"action": action, **fields})


def fill(client: FlaskClient, *names: str) -> None:
    for name, number in zip(names, IDS, strict=False):
        answer = enter(client, person_name=name, id_no=number)
        assert answer.status_code == 303, answer.text


def rows_of(page: str) -> dict[int, str]:
    found = re.findall(r'<tr data-row="(\d+)"(.*?)</tr>', page, re.DOTALL)
    return {int(seq): html for seq, html in found}


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="(\w+)"', page)
    assert found
    return found[1]


def submit(client: FlaskClient, action: str = "submit:all", **fields: Any) -> Any:
    press(client, "choose", **{"choice:rate": "8"})
    return press(client, action, token=token_of(client.get(PAGE).text), **fields)


def with_a_fault(client: FlaskClient) -> None:
    lines = [f"龙德昌\t01\t{IDS[0]}\t\t5390", f"吴佳琪\t01\t{IDS[1]}\t\t1800"]
    press(client, "paste", cells="\n".join(lines))


def look_up(client: FlaskClient, page: str, typed: object) -> Any:
    """查找职工 of this roster page; the answer."""
    headers = {"X-CSRFToken": csrf_of(client), "Accept": "application/json"}
    return client.post(f"{page}/people", json={"q": typed}, headers=headers)
