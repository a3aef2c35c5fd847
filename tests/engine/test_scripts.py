"""What an admin writes into a diagram can compute with the request's data and do nothing else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

import engine
from engine.errors import BadDefinition, OperationFailed
from engine.script import Sandbox, compiled, evaluate
from tests.builders import diagrams
from tests.engine.hall import REVIEWER, Hall

ESCAPES = {
    "dunder walk": "().__class__.__base__.__subclasses__()",
    "dunder by string": "getattr((), '__class__')",
    "format attribute": "'{0.__class__}'.format(x)",
    "format_map": "'{a.__class__}'.format_map({'a': x})",
    "format as a method taken aside": "[m for m in ['{0.__class__}'.format]][0](x)",
    "str.format": "str.format('{0.__class__}', x)",
    "generator frame": "(n for n in [1]).gi_frame.f_back.f_globals",
    "generator code": "(n for n in [1]).gi_code",
    "type()": "type(x)",
    "type of class": "type('X', (), {})",
    "import": "__import__('os').system('true')",
    "open": "open('/etc/passwd').read()",
    "eval": "eval('1')",
    "exec": "exec('a = 1')",
    "compile": "compile('1', '', 'eval')",
    "globals": "globals()",
    "vars": "vars(x)",
    "builtins": "__builtins__['__import__']('os')",
    "lambda default": "(lambda f=open: f('/etc/passwd'))()",
    "lambda globals": "(lambda: 1).__globals__",
    "function of the hall": "before_due.__func__.__globals__",
    "bound self": "before_due.__self__.rt.session",
    "guard by name": "_getattr_(x, '__class__')",
    "f-string": "f'{x.__class__}'",
    "walrus over a guard": "(_getattr_ := len)",
    "exception traceback": "x.with_traceback",
    "setattr": "setattr(x, 'a', 1)",
    "input": "input()",
    "breakpoint": "breakpoint()",
}
SCRIPTS = {
    "import statement": "import os",
    "from import": "from os import system",
    "function attribute": "def f():\n    pass\nf.__globals__['x'] = 1",
    "class": "class A:\n    pass\na = A()",
    "write to a guard": "_write_ = len",
    "walk the frames": "try:\n    1 / 0\nexcept Exception as e:\n    y = e.__traceback__",
    "global builtins": "__builtins__['len'] = 1",
    "async": "async def f():\n    pass",
    "match class pattern": "match x:\n    case str(__class__=c):\n        y = c",
    "decorator": "@open\ndef f():\n    pass",
    "star import": "from os import *",
    "keep a function": "y = len",
    "yield": "y = (yield)",
}

BLOCKED = (SyntaxError, NameError, AttributeError, NotImplementedError, TypeError, KeyError)


def run(script: str, **data: Any) -> dict[str, Any]:
    Sandbox(None, None).execute(script, data)
    return data


@pytest.mark.parametrize("expression", ESCAPES.values(), ids=ESCAPES)
def test_an_expression_cannot_leave_the_sandbox(expression: str) -> None:
    data: dict[str, Any] = {"x": "text"}
    with pytest.raises(BLOCKED):
        Sandbox(None, None).evaluate(expression, data)
    assert data == {"x": "text"}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_cannot_leave_the_sandbox(script: str) -> None:
    data: dict[str, Any] = {"x": "text"}
    before = len(compiled("len(x)", "eval").co_code), evaluate("len(x)", data)
    with contextlib.suppress(*BLOCKED, SyntaxWarning):  # some are let run and achieve nothing
        run(script, **data)
    assert data == {"x": "text"}
    assert (len(compiled("len(x)", "eval").co_code), evaluate("len(x)", data)) == before


def test_hostile_keys_in_the_data_do_not_disarm_the_guards() -> None:
    data = {"_getattr_": "x", "__builtins__": {}, "_getitem_": None, "_write_": 0, "rows": [1]}
    assert evaluate("rows[0] + len(rows)", data) == 2
    with pytest.raises((SyntaxError, NameError, AttributeError)):
        evaluate("rows.__class__", data)


def test_a_script_computes_and_assigns() -> None:
    script = """
total = 0
names = []
for row in rows:
    total += row["cents"]
    if row["cents"] > 100 and row["name"].startswith("甲"):
        names = names + [row["name"]]
average = round(total / len(rows))
rows[0]["seen"] = True
biggest = max([row["cents"] for row in rows])
first, second = rows[0]["name"], rows[1]["name"]
"""
    rows = [{"name": "甲一", "cents": 300}, {"name": "乙", "cents": 100}]
    data = run(script, rows=rows)
    assert (data["total"], data["average"], data["biggest"]) == (400, 200, 300)
    assert data["names"] == ["甲一"]
    assert data["rows"][0] == {"name": "甲一", "cents": 300, "seen": True}
    assert (data["first"], data["second"]) == ("甲一", "乙")
    assert "seen" not in rows[0], "the script worked on its own copy"


def test_a_script_may_delete_what_it_no_longer_needs() -> None:
    assert run("del x", x=1, y=2) == {"y": 2}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('values["a"] > 1 and not done', True),
        ('values.get("b", 7)', 7),
        ('all(row["ok"] for row in rows)', True),
        ("sorted([3, 1, 2])[0]", 1),
        ('"甲" in text', True),
        ("text[0:2]", "甲乙"),
        ('", ".join([text, text])', "甲乙丙, 甲乙丙"),
        ("{'k': [1, {'z': None}]}", {"k": [1, {"z": None}]}),
        ("1 if done else 2", 2),
    ],
)
def test_expressions_compute(expression: str, value: Any) -> None:
    data = {"values": {"a": 2}, "done": False, "rows": [{"ok": True}], "text": "甲乙丙"}
    assert Sandbox(None, None).evaluate(expression, data) == value


@pytest.mark.parametrize(
    "expression",
    [
        'values.update({"a": 2})',
        'values.pop("a")',
        "rows.append(3)",
        "rows.sort()",
        "rows.clear()",
        'values.setdefault("b", 1)',
        "[rows.remove(r) for r in [1]]",
    ],
)
def test_an_expression_cannot_change_the_data_it_looks_at(expression: str) -> None:
    """Data is shared between the steps of a request: a condition must not rewrite its past."""
    data = {"values": {"a": 1}, "rows": [2, 1]}
    before = json.dumps(data)
    with pytest.raises(SyntaxError, match="must not change"):
        Sandbox(None, None).evaluate(expression, data)
    assert json.dumps(data) == before


def with_script(hall: Hall, text: str) -> str:
    way = diagrams.flows("review", "script", "again", "end")
    parts = diagrams.script("script", text, "计算金额") + diagrams.user(
        "again", "再审", verbs="approve,return"
    )
    content = diagrams.one_review(between=parts, way=way).replace(
        b"<flowNodeRef>review<", b"<flowNodeRef>again</flowNodeRef><flowNodeRef>review<"
    )
    hall.deploy(content, "one_review")
    return hall.file(key="one_review", data={"values": {"rows": [1]}, "changes": []})


def test_nested_changes_of_a_script_do_not_leak_into_earlier_steps(empty_hall: Hall) -> None:
    hall = empty_hall
    no = with_script(hall, 'values["rows"].append(2)\nvalues["new"] = {"a": 1}')
    hall.approve(no, REVIEWER)
    everywhere = engine.Actor("s", "某", frozenset({("归集审核岗", "*")}))
    assert engine.view(hall.rt, REVIEWER, no).data["values"] == {"rows": [1, 2], "new": {"a": 1}}
    hall.send_back(no, everywhere, "review")
    assert engine.view(hall.rt, REVIEWER, no).data["values"] == {"rows": [1]}


@pytest.mark.parametrize(
    "text",
    [
        "x = no_such_name",
        "x = 1 / 0",
        'x = values["missing"]',
        "x = {}[7]",
        'x = values["rows"].no_such_attribute',
        "x = len",
        'x = float("nan")',
        "x = (1, 2)",
    ],
)
def test_a_broken_script_is_a_sentence_and_leaves_the_request(empty_hall: Hall, text: str) -> None:
    hall = empty_hall
    no = with_script(hall, text)
    before = hall.picture()
    with pytest.raises(OperationFailed, match="自动步骤“计算金额”没有成功，业务停留在原处"):
        hall.approve(no, REVIEWER)
    assert hall.picture() == before


def test_a_broken_condition_is_a_sentence_and_leaves_the_request(empty_hall: Hall) -> None:
    hall = empty_hall
    way = diagrams.flows("review", "gate", "end") + diagrams.flow("gate", "other", "amount > 5")
    parts = diagrams.gateway("gate", "end") + diagrams.end("other")
    hall.deploy(diagrams.one_review(between=parts, way=way), "one_review")
    no = hall.file(key="one_review")
    before = hall.picture()
    with pytest.raises(OperationFailed, match="没有成功，业务停留在原处，请联系中心管理员处理"):
        hall.approve(no, REVIEWER)
    assert hall.picture() == before


def test_a_gateway_without_a_way_out_is_a_sentence(empty_hall: Hall) -> None:
    hall = empty_hall
    way = diagrams.flows("review", "gate") + diagrams.flow("gate", "end", "1 > 2")
    hall.deploy(diagrams.one_review(between=diagrams.gateway("gate"), way=way), "one_review")
    no = hall.file(key="one_review")
    with pytest.raises(OperationFailed, match="没有成功"):
        hall.approve(no, REVIEWER)
    assert hall.where(no) == ["review"]


@pytest.mark.parametrize("text", ["x = ", "import os", "x.__class__", "exec('1')"])
def test_a_script_that_cannot_be_allowed_is_refused_at_deploy(empty_hall: Hall, text: str) -> None:
    with pytest.raises(BadDefinition, match="“计算金额”的表达式.*不能用") as said:
        with_script(empty_hall, text)
    assert said.value.problem.field == "script"
    assert empty_hall.picture()["hall_definition"] == []
