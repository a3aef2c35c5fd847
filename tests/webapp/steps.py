"""Steps the tests of the working pages share: fill in, upload, decide, all through the pages."""

from __future__ import annotations

import io
import re
from typing import Any

from flask.testing import FlaskClient
from PIL import Image

from tests.webapp.hall import SERVICE, csrf_of, post

PAGE = f"/services/{SERVICE}"
JSON = {"Accept": "application/json"}


def picture(colour: str = "white") -> io.BytesIO:
    stream = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(stream, "JPEG")
    stream.seek(0)
    return stream


def upload(
    client: FlaskClient, slot: str = "other", content: io.BytesIO | None = None, **how: Any
) -> Any:
    name, path = how.get("name", "照片.jpg"), how.get("path", f"{PAGE}/materials")
    data = {"slot": slot, "file": (content or picture(), name), "csrf_token": csrf_of(client)}
    return client.post(path, data=data, content_type="multipart/form-data", headers=JSON)


def token_of(answer: Any) -> str:
    found = re.search(r"/materials/([0-9a-f]{32})", answer.get_json()["files"])
    assert found, answer.text
    return found[1]


def submit(client: FlaskClient, path: str = PAGE, **typed: str) -> Any:
    return post(client, path, {"action": "submit", "token": "a1b2c3", **typed})


def filed(client: FlaskClient, **typed: str) -> str:
    """提交 through the page; the number of the new request."""
    answer = submit(client, **({"pay_day": "10"} | typed))
    assert answer.status_code == 303, answer.text
    return str(answer.location.rsplit("/", 1)[1])


def decide(client: FlaskClient, no: str, verb: str, **fields: Any) -> Any:
    return post(client, f"/requests/{no}/{verb}", fields)


def seen_by(client: FlaskClient, no: str) -> dict[str, str]:
    """The hidden fields of the decision bar: which step, and which revision the page showed."""
    page = client.get(f"/requests/{no}").text
    task = re.search(r'name="task" value="(\d+)"', page)
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert task, "no decision bar"
    assert seen
    return {"task": task[1], "seen": seen[1]}


def act(client: FlaskClient, no: str, verb: str, **fields: Any) -> Any:
    """A verb as the page posts it: with the step and the revision it showed, whoever looks."""
    page = client.get(f"/requests/{no}").text
    page = page.partition('id="bar"')[2] or page
    shown = {name: re.search(rf'name="{name}" value="(\d*)"', page) for name in ("task", "seen")}
    hidden = {name: found[1] for name, found in shown.items() if found}
    return decide(client, no, verb, **(hidden | fields))


def offered(client: FlaskClient, no: str) -> set[str]:
    """The verbs this page has a button for."""
    return set(re.findall(r'data-act="(\w+)"', client.get(f"/requests/{no}").text))
