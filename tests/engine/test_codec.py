"""A request saved and loaded before every step is the same request: path, data, open steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine, TaskDataEnvironment
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.spiff.parser.process import SpiffBpmnParser
from SpiffWorkflow.util.task import TaskState

import engine
from engine import Runtime
from engine.diagrams import dialect
from engine.diagrams.rehearsal import open_tasks
from engine.errors import OperationFailed, Refused
from engine.requests import advancing
from engine.scripts.script import ScriptEngine
from engine.tokens import codec
from engine.tokens.workflow import Workflow
from tests.builders import diagrams
from tests.engine.hall import REVIEWER, SECONDER, Hall

HERE = Path(__file__).parent
SERVICE = HERE.parents[1] / "bpmn" / "unit_info_change"
CENTER = HERE.parents[1] / "bpmn" / "centers" / "qiandongnan" / "unit_info_change"
SEED = {"form": "", "values": {}, "changes": [], "materials": [], "decision": "", "rounds": 60}
STEPS_MAX = 400
NOW = datetime(2026, 7, 15, 1, 30, tzinfo=UTC)


class Silent(ScriptEngine):
    def call_service(self, task: Any, **kwargs: Any) -> str:
        return '{"ok": 1}'


class StockEnvironment(TaskDataEnvironment):  # type: ignore[misc]
    def call_service(self, *_args: Any, **_kwargs: Any) -> str:
        return '{"ok": 1}'


def ours_engine() -> Silent:
    return Silent(cast(Runtime, SimpleNamespace(clock=lambda: NOW)))


def parsed(key: str, files: dict[str, bytes]) -> Any:
    return dialect.parse(key, files)


def stock(key: str, files: dict[str, bytes]) -> BpmnWorkflow:
    parser = SpiffBpmnParser()
    for name, content in files.items():
        (parser.add_dmn_str if name.endswith(".dmn") else parser.add_bpmn_str)(content)
    spec, subs = parser.get_spec(key), parser.get_subprocess_specs(key)
    environment = StockEnvironment({"before_due": lambda hours: "2999-01-01T00:00:00+08:00"})
    return BpmnWorkflow(spec, subs, script_engine=PythonScriptEngine(environment))


def walk(workflow: Any, before_each: Callable[[Any], Any]) -> dict[str, Any]:
    """Run whatever is ready first, step by step; people write something down on the way."""
    workflow.task_tree.data.update(json.loads(json.dumps(SEED)))
    path = []
    for step in range(STEPS_MAX):
        workflow = before_each(workflow)
        ready = workflow.get_tasks(state=TaskState.READY)
        if not ready:
            break
        task = ready[0]
        if task.task_spec.manual:
            task.data[f"u{step % 7}"] = {"typename": "x", "step": step}
            if "item" in task.data:  # one of several: what it gives back
                task.data["item_out"] = step
        path.append(task.task_spec.name)
        task.run()
        for parent_id in list(workflow.subprocesses):
            parent = workflow.get_task_from_id(parent_id)
            if parent is not None and parent.state == TaskState.STARTED:
                parent.task_spec._update(parent)
    definite = workflow.get_tasks(state=TaskState.DEFINITE_MASK)
    states = [(task.task_spec.name, task.state) for task in definite]
    return {
        "path": path,
        "completed": workflow.completed,
        "data": workflow.data,
        "states": sorted(states),
    }


def saved_and_loaded(deployed: Any) -> Callable[[Any], Any]:
    def reload(workflow: Any) -> Any:
        blob = codec.dumps(workflow)
        return codec.loads(blob, deployed.spec, deployed.subspecs, ours_engine())

    return reload


def files_of(path: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes()}


SMALL = sorted((HERE / "diagrams").glob("*.bpmn"))
OUR_SERVICE = files_of(SERVICE / "unit_info_change.bpmn") | files_of(
    CENTER / "unit_info_change_route.dmn"
)


@pytest.mark.parametrize(
    ("key", "files"),
    [(path.stem, files_of(path)) for path in SMALL] + [("unit_info_change", OUR_SERVICE)],
    ids=[path.stem for path in SMALL] + ["unit_info_change"],
)
def test_saving_and_loading_before_every_step_changes_nothing(
    key: str, files: dict[str, bytes]
) -> None:
    expected = walk(stock(key, files), lambda workflow: workflow)
    deployed = dialect.parse(key, files)
    workflow = Workflow(deployed.spec, deployed.subspecs, script_engine=ours_engine())
    assert walk(workflow, saved_and_loaded(deployed)) == expected
    assert expected["completed"] or key == "event_subprocess"  # waits for ever: see lint
    assert len(expected["path"]) > 4


def test_the_corpus_is_there() -> None:
    assert len(SMALL) >= 10


def test_a_loop_of_400_rounds_ends_though_the_library_stops_at_333(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(
        diagrams.process(
            "rounds",
            diagrams.start(),
            diagrams.form("fill"),
            diagrams.script("step", "n = n + 1"),
            diagrams.gateway("more", "review"),
            diagrams.user("review", "审核", verbs="approve,return"),
            diagrams.end(),
            diagrams.flows("start", "fill", "step", "more", "review", "end"),
            diagrams.flow("more", "step", "n < 400"),
            lanes=diagrams.lane("单位经办人", "fill") + diagrams.lane("归集审核岗", "review"),
        ),
        "rounds",
    )
    no = hall.file(key="rounds", data={"n": 0})
    assert hall.where(no) == ["review"]
    assert engine.view(hall.rt, REVIEWER, no).data["n"] == 400
    assert hall.approve(no, REVIEWER).status == "completed"


def test_a_loop_that_never_ends_is_stopped_with_a_sentence(
    empty_hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall = empty_hall
    monkeypatch.setattr(advancing, "AUTO_STEPS_MAX", 50)
    way = diagrams.flows("review", "step", "more", "end") + diagrams.flow("more", "step", "n > 0")
    parts = diagrams.script("step", "n = 1") + diagrams.gateway("more", "end")
    hall.deploy(diagrams.one_review(between=parts, way=way), "one_review")
    no = hall.file(key="one_review")
    before = hall.case(no).state
    with pytest.raises(OperationFailed, match="循环不止"):
        hall.approve(no, REVIEWER)
    assert hall.case(no).state == before
    assert hall.verbs(no) == ["start"]


HOSTILE_KEYS = st.sampled_from(
    ["typename", "data", "v", "sub", "tasks", "__class__", "__builtins__", "", "0", "\x00", "键"]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["BpmnTaskSpec", "\u2028", "\U0001f600", "a" * 3000, 0, 1, 0.0, 1.0, -0.0])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(HOSTILE_KEYS | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
DATA = st.dictionaries(HOSTILE_KEYS | st.text(max_size=8), VALUES, max_size=6)
PLAIN = dialect.parse("one_review", {"one_review.bpmn": diagrams.one_review()})


def exact(value: Any) -> str:
    """Text that tells 1 from 1.0 and True, 0.0 from -0.0."""
    return json.dumps(value, sort_keys=True)


@settings(max_examples=150, deadline=None)
@given(DATA, DATA, st.booleans())
def test_hostile_data_comes_back_as_it_was(
    parent: dict[str, Any], change: dict[str, Any], replace: bool
) -> None:
    workflow = Workflow(PLAIN.spec, PLAIN.subspecs, script_engine=ours_engine())
    workflow.task_tree.data.update(parent)
    workflow.do_engine_steps()
    (form,) = open_tasks(workflow)
    form.run()
    workflow.do_engine_steps()
    (review,) = open_tasks(workflow)
    review.data = change if replace else {**review.data, **change}
    blob = codec.dumps(workflow)
    again = codec.loads(blob, PLAIN.spec, PLAIN.subspecs, ours_engine())
    assert set(again.tasks) == set(workflow.tasks)
    for task_id, task in workflow.tasks.items():
        copy = again.tasks[task_id]
        assert exact(copy.data) == exact(task.data)
        assert (copy._state, copy._parent) == (task._state, task._parent)
        assert copy._children == task._children
    third = codec.loads(codec.dumps(again), PLAIN.spec, PLAIN.subspecs, ours_engine())
    assert {key: exact(task.data) for key, task in third.tasks.items()} == {
        key: exact(task.data) for key, task in workflow.tasks.items()
    }


def nested(levels: int) -> Any:
    deep: Any = "bottom"
    for level in range(levels):
        deep = [deep] if level % 2 else {"typename": deep}
    return deep


def test_data_as_deep_as_it_may_be_comes_back(hall: Hall) -> None:
    values = nested(codec.NESTING_MAX - 1)
    no = hall.file(data={"values": values, "changes": []})
    hall.approve(no, REVIEWER)
    assert engine.view(hall.rt, REVIEWER, no).data["values"] == values


ODD_BUT_JSON = {
    "": {"": [""]},
    "0": 0,
    "typename": {"typename": "Task", "data": 1},
    "zeros": [0, 0.0, -0.0, False, None, "", [], {}],
    "ones": [1, 1.0, True],
    "ends": [2**63 - 1, -(2**63), 2**64 - 1, 1e308, 5e-324, 0.1 + 0.2],
    "text": ["\x00", "\u2028", "\U0001f600", "null", "\ufeff"],
    "long": "长" * 300_000,
    "__class__": "str",
    "none": None,
}


def test_odd_data_comes_back_to_the_type_after_filing_deciding_and_returning(hall: Hall) -> None:
    no = hall.file(data=ODD_BUT_JSON)
    hall.approve(no, REVIEWER)
    hall.send_back(no, SECONDER, "review1")
    data = engine.view(hall.rt, REVIEWER, no).data
    assert exact({key: data[key] for key in ODD_BUT_JSON}) == exact(ODD_BUT_JSON)
    assert "never" not in data


NOT_JSON = [
    float("nan"),
    float("inf"),
    -float("inf"),
    Decimal("1.10"),
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1).date(),
    b"bytes",
    {1, 2},
    (1, 2),
    {1: "int key"},
    {None: "no key"},
    2**64,
    -(2**63) - 1,
    10**5000,
    "\ud800",
    {"\udfff": "half a key"},
    object(),
    [[{"deep": float("nan")}]],
    nested(codec.NESTING_MAX + 1),
    nested(100_000),
]


@pytest.mark.parametrize("value", NOT_JSON, ids=lambda value: type(value).__name__)
def test_what_json_cannot_keep_is_refused_and_nothing_is_written(hall: Hall, value: Any) -> None:
    no = hall.file()
    hall.send_back(no, REVIEWER)
    before = hall.picture()
    with pytest.raises(Refused, match="请") as said:
        hall.file(data={"values": {"x": value}}, scope="unit:other", who=OTHER)
    assert said.value.code in ("data.not_json", "data.deep")
    with pytest.raises(Refused, match="请"):
        hall.resubmit(no, values={"x": value})
    assert hall.picture() == before


@pytest.mark.parametrize("data", [None, [], "x", 1])
def test_a_filing_is_a_dictionary(hall: Hall, data: Any) -> None:
    with pytest.raises(Refused, match="不是表单数据"):
        hall.file(data=data)


def test_a_filing_larger_than_any_form_is_refused(hall: Hall) -> None:
    with pytest.raises(Refused, match="2 MB"):
        hall.file(data={"x": "y" * codec.DATA_BYTES_MAX})


def test_what_the_caller_changes_afterwards_is_not_in_the_request(hall: Hall) -> None:
    values = {"pay_day": "20"}
    no = hall.file(also=lambda *_: values.update(pay_day="31"), data={"values": values})
    values["pay_day"] = "1"
    hall.approve(no, REVIEWER)
    assert engine.view(hall.rt, REVIEWER, no).data["values"] == {"pay_day": "20"}


OTHER = engine.Actor("operator:8", "别人", frozenset({("单位经办人", "unit:other")}))


@pytest.mark.parametrize("value", NOT_JSON[:-2], ids=lambda value: type(value).__name__)
def test_an_operation_cannot_smuggle_in_what_json_cannot_keep(hall: Hall, value: Any) -> None:
    way = diagrams.flows("review", "odd", "end")
    part = diagrams.service("odd", "tests/odd", "古怪")
    engine.operations._registry["tests/odd"] = lambda call: {"x": value}
    hall.deploy(diagrams.one_review(between=part, way=way), "one_review")
    no = hall.file(key="one_review")
    assert hall.approve(no, REVIEWER).status == "running"  # decided, and halted before the step
    assert hall.case(no).incidents == 1
    assert "odd_result" not in engine.view(hall.rt, REVIEWER, no).data


def test_a_changed_type_is_a_change() -> None:
    """1, 1.0 and True are equal to Python; a saved request must not confuse them."""
    workflow = Workflow(PLAIN.spec, PLAIN.subspecs, script_engine=ours_engine())
    workflow.task_tree.data.update({"a": 1, "b": True, "c": [0, {"d": 1.0}]})
    workflow.do_engine_steps()
    (form,) = open_tasks(workflow)
    form.data = {"a": True, "b": 1, "c": [False, {"d": 1}]}
    again = codec.loads(codec.dumps(workflow), PLAIN.spec, PLAIN.subspecs, ours_engine())
    (form,) = open_tasks(again)
    assert exact(form.data) == exact({"a": True, "b": 1, "c": [False, {"d": 1}]})


def test_the_state_does_not_hold_the_diagram(hall: Hall) -> None:
    no = hall.file()
    hall.approve(no, REVIEWER)
    assert len(hall.case(no).state) < 4096
