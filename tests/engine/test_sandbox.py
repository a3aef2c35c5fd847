"""What an admin writes can compute with the request's data, at a bounded cost, and nothing else."""

from __future__ import annotations

import json
import time
import traceback
from typing import Any

import pytest

from engine.scripts.meter import STEPS_MAX
from engine.scripts.script import Sandbox, ScriptError, compiled, evaluate

STOPPED_SECONDS_MAX = 5  # a backstop for a loop without end, on however slow a machine

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

BOMBS = {
    "power": "10**10**8",
    "shift": "1 << 10**9",
    "long numbers": "2**62 * 2**62 * 2**62 * 2**62",
    "text times": "'x' * 10**10",
    "list times": "10**9 * [0]",
    "f-string width": "f'{1:>1000000000}'",
    "f-string of a width": "f'{1:{text}}'",
    "percent": "'%1000000000d' % 1",
    "ljust": "'x'.ljust(10**9)",
    "zfill": "'x'.zfill(10**9)",
    "expandtabs": "'\\t'.expandtabs(10**9)",
    "replace": "text.replace('', text)",
    "join": "text.join(['y'] * 100000)",
    "many copies": "len([text + 'x' for i in range(10**5)])",
    "nested loops": "[0 for a in range(10**4) for b in range(10**4)]",
    "sum": "sum(range(10**9))",
    "sum of lists": "sum([[0]] * 10000, [])",
    "list": "list(range(10**9))",
    "max": "max(range(10**9))",
    "sorted": "sorted(range(10**9))",
    "all": "all(n >= 0 for n in range(10**9))",
    "any": "any(range(0, 1)) or any([0] * 10**7)",
    "key of sorted": "sorted(rows, key=lambda row: sum(range(10**9)))",
    "round": "round(5, -(10**9))",
    "digits": "int('9' * 4000)",
    "same hashes": "dict([[n * (2**61 - 1), 1] for n in range(50000)])",
    "recursion": "(lambda f: f(f))(lambda f: f(f))",
    "large result": "[text for n in range(50000)]",
    "brackets": "(" * 3000 + ")" * 3000,
    "minuses": "-" * 9000 + "1",
    "many terms": "1" + "+1" * 4000,
    "long": "x" * 20_000,
    "zero byte": "x\0",
}
DOUBLING = "a = [1]\nb = [1]\nfor n in range(60):\n    a = [a, a]\n    b = [b, b]\n"
SCRIPT_BOMBS = {
    "endless": "while True:\n    pass",
    "endless for": "for row in rows:\n    rows.append(row)",
    "function": "def f():\n    f()\nf()",
    "swallowing": "while True:\n    try:\n        f()\n    except:\n        pass",
    "extend": "while True:\n    rows.extend(rows)",
    "text": "while True:\n    text += text",
    "number": "n = 2\nwhile True:\n    n = n * n",
    "delete at the front": "a = [0] * 500000\nwhile a:\n    del a[0]",
    "stored": DOUBLING,
    "compared": DOUBLING + "x = a == b",
    "looked for": DOUBLING + "x = a in [b]",
    "sorted": DOUBLING + "x = sorted([a, b])",
    "index": DOUBLING + "x = [a].index(b)",
    "hashed": "t = (1, 2)\nfor n in range(60):\n    t = (t, t)\nx = {t: 1}",
    "in itself": "a = []\na.append(a)",
    "deep": "a = []\nfor n in range(90000):\n    a = [a]",
    "deep and compared": "a = []\nfor n in range(90000):\n    a = [a]\nx = a == [a]",
    "generators": "g = rows\nfor n in range(30000):\n    g = (q for q in g)",
    "big rounds": f"for n in range(90000):\n    rows.append([{'[0],' * 2000}])",
}


def run(script: str, **data: Any) -> dict[str, Any]:
    Sandbox(None, None).execute(script, data)
    return data


@pytest.mark.parametrize("expression", ESCAPES.values(), ids=ESCAPES)
def test_an_expression_cannot_leave_the_sandbox(expression: str) -> None:
    data: dict[str, Any] = {"x": "text"}
    with pytest.raises(ScriptError):
        Sandbox(None, None).evaluate(expression, data)
    assert data == {"x": "text"}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_script_cannot_leave_the_sandbox(script: str) -> None:
    data: dict[str, Any] = {"x": "text"}
    with pytest.raises(ScriptError):
        Sandbox(None, None).execute(script, data)
    assert data == {"x": "text"}
    assert evaluate("len(x) + sum([1])", data) == 5


def test_hostile_keys_in_the_data_do_not_disarm_the_guards() -> None:
    data: dict[str, Any] = {
        "_each_": "x",
        "__builtins__": {},
        "_add_": None,
        "_sum_": 0,
        "sum": 1,
        "rows": [1],
    }
    assert evaluate("rows[0] + len(rows) + sum(rows) + sum", data) == 4
    with pytest.raises(ScriptError):
        evaluate("10**10**8", {"_power_": "x"})
    with pytest.raises(ScriptError):
        evaluate("rows.__class__", data)
    before = dict(data)
    assert run("rows.append(2 + 3)", **data) == {**before, "rows": [1, 5]}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_an_expression_that_costs_too_much_is_stopped_within_a_second(bomb: str) -> None:
    explodes(Sandbox(None, None).evaluate, bomb)


@pytest.mark.parametrize("bomb", SCRIPT_BOMBS.values(), ids=SCRIPT_BOMBS)
def test_a_script_that_costs_too_much_is_stopped(bomb: str) -> None:
    explodes(Sandbox(None, None).execute, bomb)


def explodes(run: Any, bomb: str) -> None:
    data = {"x": 1, "text": "甲a" * 50_000, "rows": [{"a": 1}] * 300}
    before, began = json.dumps(data), time.thread_time()
    with pytest.raises(ScriptError, match=r"^(表达式|脚本|脚本第 \d+ 行)“.*”：.+。$"):
        run(bomb, data)
    assert time.thread_time() - began < STOPPED_SECONDS_MAX
    assert json.dumps(data) == before


def test_the_clock_stops_what_the_steps_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10**6))
    monkeypatch.setattr("engine.scripts.meter.time.thread_time", lambda: float(next(ticks)))
    with pytest.raises(ScriptError, match="计算时间过长"):
        evaluate("[n for n in range(5000)]", {})
    assert next(ticks) < 5, "it was looked at early and often enough"


def test_a_normal_amount_of_data_is_well_within_the_limits() -> None:
    rows = [{"name": f"职工{n}", "cents": n} for n in range(5_000)]
    script = """
total = 0
late = []
for row in rows:
    total += row["cents"]
    if row["cents"] % 2 == 1 and row["name"].startswith("职工"):
        late.append({"name": row["name"], "text": f"{row['cents'] / 100:.2f} 元"})
top = sorted(rows, key=lambda row: row["cents"], reverse=True)[0]["name"]
"""
    data = run(script, rows=rows)
    assert (data["total"], len(data["late"]), data["top"]) == (12_497_500, 2_500, "职工4999")


def test_steps_are_counted_for_each_run_alone() -> None:
    """A request that has run many expressions has as much left for the next."""
    rounds = STEPS_MAX // 2
    for _ in range(3):
        assert evaluate(f"sum(n for n in range({rounds // 2})) > 0", {})


SAYS = {
    "x + 1": ("文字与数字不能这样运算", "Unfit"),
    'values["missing"]': ("没有“missing”这一项，可以改用 .get()", "KeyError"),
    "values[x]": ("要取的一项不存在，可以改用 .get()", "KeyError"),
    "missing > 1": ("没有名为 missing 的数据", "NameError"),
    "len(rows) / 0": ("除数为零", "ZeroDivisionError"),
    "rows[5]": ("列表或文字没有这么长", "IndexError"),
    "int(x)": ("数值不对，例如把文字当作数字，或在列表中没有找到", "ValueError"),
    "float(x)": ("数值不对，例如把文字当作数字，或在列表中没有找到", "ValueError"),
    "rows.index(x)": ("数值不对，例如把文字当作数字，或在列表中没有找到", "ValueError"),
    "f'{x:d}'": ("数值不对，例如把文字当作数字，或在列表中没有找到", "ValueError"),
    "f'{rows}'": ("列表不能直接写成文字", "Unfit"),
    "x.pop(0) if False else rows.get(x)": ("表达式不能改动数据（pop），请改用脚本", "SyntaxError"),
    "rows.get(x)": ("列表没有方法 get", "Unfit"),
    "x < 1": ("类型不符", "TypeError"),
    "(1, 2)": ("结果不能保存", "NotJson"),
    "sum([10**300])": ("乘方的指数最大为", "OverLimit"),
}


@pytest.mark.parametrize(("expression", "says"), SAYS.items())
def test_an_error_says_where_and_why_and_nothing_of_the_person(
    expression: str, says: tuple[str, str]
) -> None:
    data = {"x": "52260119900101123X", "rows": [1], "values": {"a": 1}}
    with pytest.raises(ScriptError) as said:
        Sandbox(None, None).evaluate(expression, data)
    assert expression in str(said.value)
    assert (says[0] in str(said.value), said.value.kind) == (True, says[1])
    assert data["x"] not in "".join(traceback.format_exception(said.value))  # type: ignore[operator]


def test_an_error_of_a_script_names_the_line_and_changes_nothing() -> None:
    data: dict[str, Any] = {"rows": [{"cents": 1}, {}], "values": {"a": {"b": 1}}}
    script = 'values["a"]["b"] = 2\nrows.append(3)\nfor row in rows:\n    x = row["cents"]\n'
    with pytest.raises(
        ScriptError, match='脚本第 4 行“x = row."cents".”：没有“cents”这一项'
    ) as said:
        Sandbox(None, None).execute(script, data)
    assert (said.value.line, said.value.source) == (4, script)
    assert data == {"rows": [{"cents": 1}, {}], "values": {"a": {"b": 1}}}


REFUSED = {
    "x = 1 if rows.foo else 2": '没有|取数据请写成 名称."foo".',
    "x = rows.__class__": "取数据请写成",
    "x = foo(1)": "没有函数 foo，可以用：abs、",
    "try:\n    x = 1\nexcept Exception:\n    pass": "第 1 行：不能用 try（出错时流程会停下",
    "x = 1\nimport os": "第 2 行：不能用 import",
    "x = lambda a: a": "lambda 只能写在 sorted",
    "x = sorted(rows, key=lambda a, b: a)": "lambda 只能有一个参数",
    "x = sorted(rows, key=lambda a=x: a)": "不能有默认值",
    "x = rows\n_x = 1": "名称不能以下划线开头：_x",
    "x = (a for a in rows)": "其他地方请用",
    "x = [0 for rows[0] in rows]": "循环变量只能是名称",
    "rows[0:1] = rows": "不能给一段列表赋值",
    'rows["a"] += 1': "请把 rows.'a'. 的运算写成",
    "x = max(*rows)": "调用时不能用",
    "a, *b = rows": "赋值时不能用",
    "x.y = 1": "不能取 .y",
    "x = f'{rows!r}'": "不能用 !r",
    "x = b'a'": "只能写文字、数字",
    "x = ": "第 1 行：写法有误",
}


@pytest.mark.parametrize(("script", "reason"), REFUSED.items())
def test_what_may_not_be_written_is_refused_with_a_sentence(script: str, reason: str) -> None:
    with pytest.raises(SyntaxError, match=reason):
        compiled(script, "exec")


@pytest.mark.parametrize("target", ['values["a"]', "rows[0]"])
def test_an_expression_cannot_write_through_a_loop_variable(target: str) -> None:
    data = {"values": {"a": 1}, "rows": [1]}
    with pytest.raises(ScriptError, match="循环变量只能是名称"):
        Sandbox(None, None).evaluate(f"[0 for {target} in [7]]", data)
    assert data == {"values": {"a": 1}, "rows": [1]}


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
        ("max(rows, key=lambda row: len(row))", {"ok": True}),
        ("{**values, 'b': [*rows, 1]}", {"a": 2, "b": [{"ok": True}, 1]}),
        ("[key for key, value in values.items() if value == 2]", ["a"]),
        ("f'{values[\"a\"] / 3:.2f}元{text}'", "0.67元甲乙丙"),
        ("str(values['a']).zfill(3) + text[1:]", "002乙丙"),
        ("1 < values['a'] <= 2 and -values['a'] < 0", True),
        ("values['a'] in (1, 2) and values == {'a': 2}", True),
        ("len({row['ok'] for row in rows})", 1),
        ("text.split('乙')", ["甲", "丙"]),
        ("round(values['a'] * 1.005, 2) + values['a'] ** 2 - 7 // 2 % 2", 5.01),
        ("int('3') + min(1, 2) + sum([1, 2.5]) + abs(-1)", 8.5),
        ("list(values) + sorted(values.keys()) + [bool(text)]", ["a", "a", True]),
        ("any(row['ok'] and value for row in rows for value in [0, 1])", True),
        ("dict(values, b=1)", {"a": 2, "b": 1}),
        ("'、'.join(str(n) for n in range(3))", "0、1、2"),
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
    with pytest.raises(ScriptError, match="表达式不能改动数据"):
        Sandbox(None, None).evaluate(expression, data)
    assert json.dumps(data) == before
