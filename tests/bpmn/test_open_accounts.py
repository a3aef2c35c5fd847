"""个人开户 on the centres' own diagrams, to every end."""

from __future__ import annotations

import pytest

from tests.bpmn.desks import Open, typed

KEY = "open_accounts"


def test_sx_3_1_opening_takes_effect_at_once(house: Open) -> None:
    desk = house("shaanxi").unit()
    row = desk.person(contribution_base="9,000.00")
    no = desk.file(KEY, row)
    assert desk.case(no).status == "completed"
    assert desk.results(no) == [""]
    (change,) = desk.changes(no)
    assert (change.kind, change.new_base_cents) == ("open", 900_000)
    assert desk.heads == (1, 0)


def test_x(house: Open) -> None:
    desk = house("shaanxi").unit()
    (line,) = desk.type(KEY, desk.person(contribution_base="9,000.00", person_name=""))
    assert typed(line) == ["请填写姓名。"]
    assert pytest
