"""从名册选择 on the page (XZ-2.1c, QDN-09): a tick, a reason, a click."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from forms.changes_sealing import SealAccounts
from tests.builders import members
from tests.webapp.hall import Hall, post
from tests.webapp.rostersteps import rows_of, token_of

SEAL, WHOLE = "/services/seal_accounts", "/services/base_adjustment"
LEFT = "01"  # 离职/终止劳动关系


@pytest.fixture
def store() -> str:
    return "sqlite"


@pytest.fixture
def people(hall: Hall) -> list[str]:
    return [members.in_hall(hall, number) for number in (901, 902)]


def offered(page: str) -> list[str]:
    return re.findall(r'name="pick" value="([^"]+)"', page)


def pick(client: FlaskClient, *keys: str, **fields: Any) -> Any:
    return post(client, f"{SEAL}?tab=pick", {"action": "pick", "pick": list(keys), **fields})


def test_the_list_is_the_first_way_in(operator: FlaskClient, people: list[str]) -> None:
    page = operator.get(SEAL).text
    assert set(people) <= set(offered(page))
    assert re.search(r'id="t-pick"[^>]*aria-selected="true"', page)
    assert "载入名册" not in page, "rows nobody wants are not loaded"


def test_ticked_people_join_the_roster_with_the_reason(
    operator: FlaskClient, people: list[str]
) -> None:
    answer = pick(operator, people[0], reason=LEFT)
    assert answer.status_code == 303
    page = operator.get(answer.location).text
    (row,) = rows_of(page).values()
    assert "离职/终止劳动关系" in row
    assert "合格" in row
    assert "已在清册中" in page
    assert people[0] not in offered(page)


def test_without_a_reason_the_ticks_stay_and_the_sentence_says_what_to_do(
    operator: FlaskClient, people: list[str]
) -> None:
    answer = pick(operator, people[0])
    assert answer.status_code == 422
    assert "请选择封存原因" in answer.text
    assert re.search(rf'name="pick" value="{people[0]}"[^>]* checked', answer.text)
    assert not rows_of(operator.get(SEAL).text)


def test_where_everybody_has_to_be_in_it_nobody_is_ticked(operator: FlaskClient) -> None:
    page = operator.get(WHOLE).text
    assert "从名册选择" not in page
    assert "载入名册" in page


@pytest.fixture
def only_picks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As 本月已提交数据 (XZ-2.1e): nothing else can be in the roster."""
    monkeypatch.setattr(SealAccounts, "only_picks", True)


@pytest.mark.usefixtures("only_picks")
def test_xz_2_1e_where_nothing_else_can_be_in_it_a_pick_is_filed_at_once(
    operator: FlaskClient, people: list[str]
) -> None:
    page = operator.get(SEAL).text
    assert "单笔录入" not in page
    assert "批量导入" not in page
    assert "待提交清册" not in page, "there is nothing to wait"
    filed = {"action": "pick:file", "reason": LEFT, "pick": people[0], "token": token_of(page)}
    answer = post(operator, f"{SEAL}?tab=pick", filed)
    assert "/requests/" in answer.location
    assert post(operator, f"{SEAL}?tab=pick", filed).location == answer.location
    assert people[0] in operator.get(answer.location).text
    left = offered(operator.get(SEAL).text)
    assert people[0] not in left
    assert people[1] in left
