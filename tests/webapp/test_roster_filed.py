"""A filed roster on the pages of its request: what each of them sees, corrects and takes back."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook

from tests.builders import rosterservices
from tests.builders.members import resident_id
from tests.builders.rosterservices import IDS, PAGE, UNLUCKY, run_jobs
from tests.webapp.hall import Hall, csrf_of, post
from tests.webapp.steps import act

JSON = {"Accept": "application/json"}


@pytest.fixture
def store() -> str:
    """What pages show does not depend on the store; test_roster_editing.py walks both."""
    return "sqlite"


@pytest.fixture
def service(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    rosterservices.install(app, monkeypatch)


@pytest.fixture
def reviewed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    rosterservices.install(app, monkeypatch, reviewed=True)


def file(client: FlaskClient, *names: str) -> str:
    lines = [f"{n}\t01\t{number}\t\t5390" for n, number in zip(names, IDS, strict=False)]
    post(client, PAGE, {"action": "choose", "choice:rate": "8"})
    post(client, PAGE, {"action": "paste", "cells": "\n".join(lines)})
    answer = post(client, PAGE, {"action": "submit:all", "token": "a1"})
    assert answer.status_code == 303, answer.text
    return str(answer.location.rsplit("/", 1)[1])


def ask(client: FlaskClient, path: str, data: Any) -> Any:
    headers = {"X-CSRFToken": csrf_of(client), **JSON}
    return client.post(path, json=data, headers=headers)


@pytest.mark.usefixtures("service")
def test_rows_that_failed_say_why_and_can_be_downloaded(operator: FlaskClient) -> None:
    no = file(operator, "龙德昌", UNLUCKY)
    page = operator.get(f"/requests/{no}").text
    assert "成功 1 名，失败 1 名" in page
    rows = operator.get(f"/requests/{no}/rows?state=failed").text
    assert "办理失败" in rows
    assert "请先办理转移" in rows
    assert "龙德昌" not in rows
    with operator.get(f"/requests/{no}/rows.xlsx?state=failed") as answer:
        sheet = load_workbook(io.BytesIO(answer.data)).worksheets[0]
    texts = " ".join(str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value)
    assert "请先办理转移" in texts
    assert IDS[1] in texts, "one's own unit mends it and imports it again"


@pytest.mark.usefixtures("service")
def test_a_long_roster_is_applied_in_the_background_and_the_page_follows_it(
    operator: FlaskClient, hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(operator, PAGE, {"action": "choose", "choice:rate": "8"})
    lines = [f"职工甲\t01\t{number}\t\t5390" for number in map(resident_id, range(1, 302))]
    post(operator, PAGE, {"action": "paste", "cells": "\n".join(lines)})
    answer = post(operator, PAGE, {"action": "submit:all", "token": "a1"})
    no = answer.location.rsplit("/", 1)[1]
    page = operator.get(answer.location).text
    assert "可以离开本页，办理会继续" in page
    followed = re.search(r'data-job="([^"]+)"', page)
    assert followed
    assert operator.get(followed[1]).get_json()["over"] is False
    assert operator.get(f"/requests/{no}/rows").text.count("data-row=") == 50
    run_jobs(hall.app, monkeypatch)
    assert operator.get(followed[1]).get_json()["over"] is True
    assert "成功 301 名" in operator.get(answer.location).text


@pytest.mark.usefixtures("service")
def test_what_failed_is_put_back_once_to_be_mended(operator: FlaskClient) -> None:
    no = file(operator, "龙德昌", UNLUCKY)
    assert "把清册放回重新办理" in operator.get(f"/requests/{no}").text
    for _ in range(2):
        answer = post(operator, f"/requests/{no}/rows/reuse")
        assert answer.location == PAGE
    page = operator.get(PAGE).text
    assert page.count("data-row=") == 1
    assert UNLUCKY in page
    assert "清册已放回待提交" in operator.get(f"/requests/{no}").text


@pytest.mark.usefixtures("reviewed")
def test_the_reviewer_sees_the_same_rows_with_masked_numbers(
    operator: FlaskClient, reviewer: FlaskClient, far_reviewer: FlaskClient
) -> None:
    no = file(operator, "龙德昌", "吴佳琪")
    page = reviewer.get(f"/requests/{no}").text
    assert "1,724.80 元" in page
    assert "龙德昌" in page
    assert IDS[0] not in page
    assert "没有修改" not in page
    assert "吴佳琪" in reviewer.get(f"/requests/{no}/rows").text
    with reviewer.get(f"/requests/{no}/rows.xlsx") as answer:
        sheet = load_workbook(io.BytesIO(answer.data)).worksheets[0]
    texts = " ".join(str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value)
    assert "522632********2210" in texts
    assert IDS[0] not in texts
    assert far_reviewer.get(f"/requests/{no}/rows").status_code == 404


@pytest.mark.usefixtures("reviewed")
def test_the_desk_shows_counts_and_sum(operator: FlaskClient, reviewer: FlaskClient) -> None:
    file(operator, "龙德昌")
    preview = re.search(r'data-preview="([^"]+)"', reviewer.get("/review").text)
    assert preview
    pane = reviewer.get(preview[1].replace("&amp;", "&")).text
    assert "1 名" in pane
    assert "862.40" in pane


@pytest.mark.usefixtures("reviewed")
def test_a_returned_roster_is_mended_in_the_grid_and_filed_again(
    operator: FlaskClient, reviewer: FlaskClient, hall: Hall
) -> None:
    no = file(operator, "龙德昌", "吴佳琪")
    assert operator.get(f"/requests/{no}/edit").status_code == 303, "not with its applicant"
    hall.return_it(no, opinion="龙德昌的基数不对。")
    edit = operator.get(f"/requests/{no}/edit").text
    assert "龙德昌的基数不对" in edit
    assert edit.count("data-row=") == 2
    answer = ask(operator, f"/requests/{no}/rows/1", {"contribution_base": "1"})
    assert "低于下限" in answer.get_json()["rows"]["1"]
    told = post(operator, f"/requests/{no}/edit", {"action": "submit:all", "token": "b2"})
    assert told.status_code == 422
    assert "还有 1 行有误" in told.text
    ask(operator, f"/requests/{no}/rows/1", {"contribution_base": "6000"})
    told = post(operator, f"/requests/{no}/edit", {"action": "submit:all", "token": "b2"})
    assert told.status_code == 303, told.text
    page = reviewer.get(f"/requests/{no}").text
    assert "1,822.40 元" in page
    answer = ask(operator, f"/requests/{no}/rows/1", {"contribution_base": "9000"})
    assert answer.status_code == 409, "it is with the centre again"


@pytest.mark.usefixtures("reviewed")
def test_a_withdrawn_roster_is_taken_up_again(operator: FlaskClient) -> None:
    no = file(operator, "龙德昌")
    assert "把清册放回" not in operator.get(f"/requests/{no}").text
    assert post(operator, f"/requests/{no}/rows/reuse").location == f"/requests/{no}"
    assert act(operator, no, "withdraw").status_code == 303
    post(operator, f"/requests/{no}/rows/reuse")
    assert "龙德昌" in operator.get(PAGE).text


@pytest.mark.usefixtures("service")
def test_the_receipt_counts_people_and_money(operator: FlaskClient) -> None:
    no = file(operator, "龙德昌", "吴佳琪")
    sheet = operator.get(f"/requests/{no}/receipt").text
    assert "2 名" in sheet
    assert "1,724.80 元" in sheet
    assert "变更前" not in sheet
    printed = operator.get(f"/requests/{no}/rows/print").text
    assert "龙德昌" in printed
    assert no in printed


# ── what the script asks ───────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("service")
def test_a_cell_is_changed_and_the_row_comes_back_with_its_verdict(operator: FlaskClient) -> None:
    post(operator, PAGE, {"action": "paste", "cells": f"龙德昌\t01\t{IDS[0]}\t\t5390"})
    answer = ask(operator, f"{PAGE}/rows/1", {"contribution_base": "6000"}).get_json()
    assert "960.00" in answer["rows"]["1"]
    assert answer["sums"] == {"rows": "1", "sound": "1", "faulty": "0", "money": "960.00"}
    same = ask(operator, f"{PAGE}/rows/1", {"id_no": "522632********2210"}).get_json()
    assert "合格" in same["rows"]["1"], "a masked number that comes back was not typed"


@pytest.mark.usefixtures("service")
def test_a_stale_page_is_told_that_its_row_is_gone(operator: FlaskClient) -> None:
    post(operator, PAGE, {"action": "paste", "cells": f"龙德昌\t01\t{IDS[0]}\t\t5390"})
    post(operator, PAGE, {"action": "delete:all"})
    answer = ask(operator, f"{PAGE}/rows/1", {"contribution_base": "6000"})
    assert answer.status_code == 409
    assert "刚刚被删除或提交" in answer.get_json()["problem"]["text"]


@pytest.mark.parametrize(
    "body",
    [[1, 2], {}, {"contribution_base": {"a": 1}}, {"monthly_amount": "1"}, {"unknown": "x"}, None],
)
@pytest.mark.usefixtures("service")
def test_hostile_json_is_a_sentence(operator: FlaskClient, body: Any) -> None:
    post(operator, PAGE, {"action": "paste", "cells": f"龙德昌\t01\t{IDS[0]}\t\t5390"})
    answer = ask(operator, f"{PAGE}/rows/1", body)
    assert answer.status_code == 422
    assert "没有看懂" in answer.get_json()["problem"]["text"]


@pytest.mark.usefixtures("service")
def test_ten_megabytes_of_paste_are_refused_in_words(operator: FlaskClient) -> None:
    answer = ask(operator, f"{PAGE}/rows", {"text": "甲\t乙\n" * 1_000_000})
    assert answer.status_code == 422
    assert "一次最多 2,000 行" in answer.get_json()["problem"]["text"]
    assert ask(operator, f"{PAGE}/rows", {"text": ["a"]}).status_code == 422


@pytest.mark.usefixtures("service")
def test_a_paste_from_a_cell_goes_down_and_then_appends(operator: FlaskClient) -> None:
    lines = [f"{n}\t01\t{i}\t\t5390" for n, i in zip(("甲一", "乙二"), IDS, strict=False)]
    post(operator, PAGE, {"action": "paste", "cells": "\n".join(lines)})
    told = ask(
        operator,
        f"{PAGE}/rows",
        {"text": "6000\n7000\n8000", "seq": 1, "column": "contribution_base"},
    )
    assert told.get_json()["text"] == "粘贴了 3 行，合格 2 行，有误 1 行"
    page = operator.get(PAGE).text
    assert "6,000.00" in page
    assert "7,000.00" in page
    assert page.count("data-row=") == 3


@pytest.mark.usefixtures("service")
def test_the_entry_form_is_judged_and_completed_while_it_is_typed(operator: FlaskClient) -> None:
    typed = rosterservices.person(person_name="龙德昌", id_no=IDS[0], contribution_base="1800")
    told = ask(operator, f"{PAGE}/check", {"values": typed}).get_json()
    assert "低于下限" in told["problems"]["contribution_base"]
    told = ask(
        operator, f"{PAGE}/check", {"values": typed | {"contribution_base": "5390"}}
    ).get_json()
    assert told["problems"] == {}
    assert told["computed"] == [{"label": "月缴存额", "text": "862.40"}]
    assert "清册里还没有数据" in operator.get(PAGE).text, "nothing is kept"
