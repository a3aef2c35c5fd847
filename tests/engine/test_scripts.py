"""What becomes of a request whose diagram computes: scripts, conditions, and their mistakes."""

from __future__ import annotations

import pytest
from sqlalchemy import select

import engine
from engine.errors import BadDefinition
from engine.models import Incident
from tests.builders import diagrams
from tests.engine.hall import REVIEWER, Hall


def with_script(hall: Hall, text: str) -> str:
    way = diagrams.flows("review", "script", "again", "end")
    parts = diagrams.script("script", text, "计算金额") + diagrams.user(
        "again", "再审", verbs="approve,return"
    )
    content = diagrams.one_review(between=parts, way=way).replace(
        b"<flowNodeRef>review<", b"<flowNodeRef>again</flowNodeRef><flowNodeRef>review<"
    )
    hall.deploy(content, "one_review")
    return hall.file(
        key="one_review", data={"values": {"rows": [1], "name": "李小明"}, "changes": []}
    )


def test_nested_changes_of_a_script_do_not_leak_into_earlier_steps(empty_hall: Hall) -> None:
    hall = empty_hall
    no = with_script(hall, 'values["rows"].append(2)\nvalues["new"] = {"a": 1}')
    hall.approve(no, REVIEWER)
    everywhere = engine.Actor("s", "某", frozenset({("归集审核岗", "*")}))
    assert engine.view(hall.rt, REVIEWER, no).data["values"]["rows"] == [1, 2]
    hall.send_back(no, everywhere, "review")
    assert engine.view(hall.rt, REVIEWER, no).data["values"] == {"rows": [1], "name": "李小明"}


def incident(hall: Hall) -> tuple[str, str]:
    """What the admins are shown of the only incident: its error, and error and trace together."""
    (row,) = hall.rt.session.execute(select(Incident.error, Incident.trace)).all()
    hall.rt.session.rollback()
    return row.error, row.error + row.trace


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = no_such_name", "没有名为 no_such_name 的数据"),
        ("x = 1 / 0", "除数为零"),
        ('x = values["missing"]', "没有“missing”这一项"),
        ('x = values["name"] + 1', "文字与数字不能这样运算"),
        ('x = int(values["name"])', "数值不对"),
        ('x = {}[values["name"]]', "要取的一项不存在"),
        ("while True:\n    x = 1", "超过 300000 步，已停止"),
        ('x = "x" * 10 ** 10', "超过 300000 步，已停止"),
    ],
)
def test_a_script_that_fails_leaves_an_incident_that_tells_nothing_of_the_person(
    empty_hall: Hall, text: str, reason: str
) -> None:
    hall = empty_hall
    script = f'values["rows"].append(2)\n{text}'
    no = with_script(hall, script)
    hall.approve(no, REVIEWER)
    error, all_of_it = incident(hall)
    assert reason in error
    assert "脚本第 2 行“" + text.splitlines()[0] in error
    assert "李小明" not in all_of_it
    data = engine.view(hall.rt, REVIEWER, no).data
    assert data["values"] == {"rows": [1], "name": "李小明"}, "nothing of it is kept"


@pytest.mark.parametrize(
    "text", ['x = float("nan")', "x = (1, 2)", "x = 2 ** 63 * 1.0 // 0.1 * 1e308"]
)
def test_a_script_whose_result_cannot_be_kept_leaves_an_incident(
    empty_hall: Hall, text: str
) -> None:
    hall = empty_hall
    hall.approve(with_script(hall, text), REVIEWER)
    assert (
        incident(hall)[0] == f"表达式“{text}”：结果不能保存：只能是文字、数字、真假、列表和字典。"
    )


def test_a_condition_that_fails_leaves_an_incident(empty_hall: Hall) -> None:
    hall = empty_hall
    way = diagrams.flows("review", "gate", "end") + diagrams.flow("gate", "other", "amount > 5")
    parts = diagrams.gateway("gate", "end") + diagrams.end("other")
    hall.deploy(diagrams.one_review(between=parts, way=way), "one_review")
    hall.approve(hall.file(key="one_review"), REVIEWER)
    assert incident(hall)[0] == "表达式“amount > 5”：没有名为 amount 的数据。"


@pytest.mark.parametrize("text", ["x = ", "import os", "x.__class__", "exec('1')", "x = (" * 999])
def test_a_script_that_cannot_be_allowed_is_refused_at_deploy(empty_hall: Hall, text: str) -> None:
    with pytest.raises(BadDefinition, match="“计算金额”的表达式.*不能用") as said:
        with_script(empty_hall, text)
    assert said.value.problem.field == "script"
    assert empty_hall.picture()["hall_definition"] == []
