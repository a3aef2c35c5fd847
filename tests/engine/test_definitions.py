"""What can run gets a version for ever; what cannot gets a sentence, and nothing is stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import engine
from engine.diagrams import definitions, lint
from engine.errors import BadDefinition
from tests.builders import diagrams
from tests.builders.diagrams import (
    end,
    flow,
    flows,
    form,
    gateway,
    lane,
    process,
    service,
    start,
    user,
)
from tests.engine.broken import BROKEN, REVIEW, plain
from tests.engine.hall import APPLICANT, REVIEWER, SECONDER, Hall
from tests.engine.misdrawn import MISDRAWN


def test_the_first_deployment_is_version_one(hall: Hall) -> None:
    deployed = definitions.current(hall.rt, "two_reviews")
    assert deployed is not None
    assert (deployed.key, deployed.version, deployed.name) == ("two_reviews", 1, "测试业务")
    assert deployed.first.form == "tests.Form"
    assert [node.id for node in deployed.steps] == ["fill", "review1", "review2", "apply"]
    assert deployed.due_days == 3


def test_the_same_content_again_is_the_same_version(hall: Hall) -> None:
    before = hall.picture()
    assert hall.deploy(diagrams.two_reviews()).version == 1
    assert hall.picture() == before


def test_other_content_is_the_next_version_and_coming_back_is_one_more(hall: Hall) -> None:
    assert hall.deploy(diagrams.two_reviews(due_working_days=5)).version == 2
    assert hall.deploy(diagrams.two_reviews()).version == 3
    (current,) = definitions.all_current(hall.rt)
    assert current.version == 3


def test_a_running_request_stays_on_its_version(hall: Hall) -> None:
    old = hall.file()
    hall.deploy(diagrams.one_review("two_reviews", name="新流程"))
    hall.approve(old, REVIEWER)
    assert hall.where(old) == ["review2"]
    assert engine.view(hall.rt, SECONDER, old).version == 1
    hall.approve(old, SECONDER)
    new = hall.file()
    assert hall.approve(new, REVIEWER).status == "completed"
    view = engine.view(hall.rt, REVIEWER, new)
    assert (view.version, view.name) == (2, "新流程")


def test_a_fresh_process_parses_the_stored_version(hall: Hall) -> None:
    no = hall.file()
    definitions._cache.clear()
    assert hall.approve(no, REVIEWER).label == "复核中"


def test_an_unknown_service_has_no_version(hall: Hall) -> None:
    assert definitions.current(hall.rt, "unknown") is None


def refused(hall: Hall, content: bytes, key: str = "p", **more: bytes) -> BadDefinition:
    with pytest.raises(BadDefinition) as said:
        hall.deploy(content, key, **more)
    assert hall.picture()["hall_definition"] == []
    assert definitions.all_current(hall.rt) == []
    for problem in said.value.problems:
        assert problem.text.endswith("。")
    return said.value


@pytest.mark.parametrize(
    ("content", "sentence", "element"),
    (BROKEN | MISDRAWN).values(),
    ids=BROKEN | MISDRAWN,
)
def test_a_diagram_that_cannot_run_is_refused_by_name(
    empty_hall: Hall, content: bytes, sentence: str, element: str | None
) -> None:
    said = refused(empty_hall, content)
    hits = [problem for problem in said.problems if re.search(sentence, problem.text)]
    assert hits, said.problems
    if element is not None:
        assert element in {problem.field for problem in hits}


def called(*parts: str, key: str = "inner") -> bytes:
    return process(key, start(f"{key}_start"), *parts, end(f"{key}_end"))


def calls(target: str, key: str) -> str:
    way = flows(f"{key}_start", f"{key}_call", f"{key}_end")
    return f"<callActivity id='{key}_call' name='转{target}' calledElement='{target}'/>{way}"


def test_processes_that_call_each_other_for_ever_are_refused(empty_hall: Hall) -> None:
    main = plain(
        "<callActivity id='call' name='转甲' calledElement='a'/>", way=flows("fill", "call", "end")
    )
    said = refused(
        empty_hall, main, a=called(calls("b", "a"), key="a"), b=called(calls("a", "b"), key="b")
    )
    assert "死循环" in said.text
    assert said.problem.field in ("a_call", "b_call")


def test_a_process_that_calls_itself_is_refused(empty_hall: Hall) -> None:
    main = plain(
        "<callActivity id='call' name='转自己' calledElement='p'/>",
        way=flows("fill", "call", "end"),
    )
    said = refused(empty_hall, main)
    assert ("死循环" in said.text, said.problem.field) == (True, "call")


def test_people_work_in_a_called_process_too(empty_hall: Hall) -> None:
    inner = process(
        "inner",
        start("i_start"),
        user("check", "现场核查", verbs="approve"),
        end("i_end"),
        flows("i_start", "check", "i_end"),
        lanes=lane("归集审核岗", "check"),
    )
    hall = empty_hall
    main = plain(
        "<callActivity id='call' name='核查' calledElement='inner'/>",
        REVIEW,
        way=flows("fill", "call", "review", "end"),
    )
    hall.deploy(main, "p", inner=inner)
    no = hall.file(key="p")
    assert hall.where(no) == ["check"]
    assert hall.tasks(no)[0].role == "归集审核岗"
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["review"]


def test_a_step_without_lane_in_a_called_process_is_refused(empty_hall: Hall) -> None:
    inner = called(
        user("check", "现场核查", verbs="approve"), flows("inner_start", "check", "inner_end")
    )
    main = plain(
        "<callActivity id='call' name='核查' calledElement='inner'/>",
        way=flows("fill", "call", "end"),
    )
    assert "“现场核查”不在任何泳道中" in refused(empty_hall, main, inner=inner).text


def test_the_first_form_is_the_first_on_the_way_not_in_the_file(empty_hall: Hall) -> None:
    hall = empty_hall
    content = process(
        "p",
        form("supplement", "补充资料", form="tests.Second"),
        start(),
        end(),
        form("fill"),
        flows("start", "fill", "supplement", "end"),
        lanes=lane("单位经办人", "fill", "supplement"),
    )
    assert hall.deploy(content, "p").first.id == "fill"
    no = hall.file(key="p")
    assert hall.where(no) == ["supplement"]
    assert hall.resubmit(no, APPLICANT, more=1).status == "completed"


def test_a_step_of_a_post_or_form_the_centre_does_not_have_is_refused(empty_hall: Hall) -> None:
    hall = empty_hall
    files = {"two_reviews.bpmn": diagrams.two_reviews()}
    roles = frozenset(("单位经办人", "归集审核岗", "归集复核岗"))
    lacking = lint.Known(roles - {"归集复核岗"}, frozenset(("tests.Other",)))
    with pytest.raises(BadDefinition) as said:
        engine.deploy(hall.rt, "two_reviews", files, known=lacking)
    found = {problem.field: problem.text for problem in said.value.problems}
    assert "泳道“归集复核岗”不是本中心的岗位" in found["review2"]
    assert "表单 tests.Form 不存在" in found["fill"]
    assert definitions.all_current(hall.rt) == []
    fitting = lint.Known(roles, frozenset(("tests.Form",)))
    assert engine.deploy(hall.rt, "two_reviews", files, known=fitting).version == 1


def test_every_problem_is_named_at_once(empty_hall: Hall) -> None:
    content = plain(
        user("lost", "无主审核", verbs="approve", color="x"),
        service("svc", "tests/nothing", "缴款入账"),
        way=flows("fill", "lost", "svc", "end"),
    )
    codes = sorted(problem.code for problem in refused(empty_hall, content).problems)
    assert codes == ["node.lane", "node.operation", "prop.unknown"]


def test_a_refused_diagram_leaves_the_deployed_one_in_place(hall: Hall) -> None:
    no = hall.file()
    before = hall.picture()
    with pytest.raises(BadDefinition):
        hall.deploy(process("two_reviews", start(), end(), flows("start", "end")))
    assert hall.picture() == before
    hall.approve(no, REVIEWER)


def test_a_loop_that_only_a_service_can_end_does_not_hang_the_deployment(empty_hall: Hall) -> None:
    """Foretelling the way runs the diagram with silent services."""
    hall = empty_hall
    content = plain(
        service("ask", "tests/echo", "查询", ready="True"),
        gateway("ready", "ask"),
        REVIEW,
        way=flows("fill", "ask", "ready", "ask")
        + flow("ready", "review", 'ask_result.get("ready")')
        + flows("review", "end"),
    )
    hall.deploy(content, "p")
    no = hall.file(key="p")
    assert hall.where(no) == ["review"]


@pytest.mark.parametrize("make", [diagrams.two_reviews, diagrams.one_review])
def test_what_we_build_tests_from_is_clean(empty_hall: Hall, make: Callable[[], bytes]) -> None:
    key = make.__name__
    assert empty_hall.deploy(make(), key).version == 1


def test_a_centre_may_have_a_service_of_its_own_and_its_files_win(tmp_path: Path) -> None:
    for name in ("shared/shared.bpmn", "centers/a/shared/shared.bpmn", "centers/a/own/own.bpmn"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (tmp_path / "centers/b").mkdir()
    found = {
        (centre, key): files
        for centre in ("a", "b")
        for key, _, files in lint.service_files(tmp_path, centre)
    }
    assert found == {
        ("a", "own"): {"own.bpmn": b"centers/a/own/own.bpmn"},
        ("a", "shared"): {"shared.bpmn": b"centers/a/shared/shared.bpmn"},
        ("b", "shared"): {"shared.bpmn": b"shared/shared.bpmn"},
    }


def test_moving_a_box_does_not_change_which_exit_is_asked_first(hall: Hall) -> None:
    boxes = "".join(
        f"<di:BPMNShape bpmnElement='{node}'><dc:Bounds x='0' y='{y}' width='9' height='9'/>"
        "</di:BPMNShape>"
        for node, y in (("first", 900), ("second", 100))
    )
    drawn = (
        "<di:BPMNDiagram xmlns:di='http://www.omg.org/spec/BPMN/20100524/DI' "
        "xmlns:dc='http://www.omg.org/spec/DD/20100524/DC'><di:BPMNPlane bpmnElement='boxes'>"
        f"{boxes}</di:BPMNPlane></di:BPMNDiagram></definitions>"
    )
    content = diagrams.process(
        "boxes",
        diagrams.start(),
        diagrams.form("fill"),
        diagrams.gateway("gate", "neither"),
        *(diagrams.user(node, node, verbs="approve") for node in ("first", "second", "neither")),
        diagrams.end(),
        diagrams.flows("start", "fill", "gate"),
        diagrams.flow("gate", "first", "True"),
        diagrams.flow("gate", "second", "True"),
        diagrams.flow("gate", "neither"),
        *(diagrams.flow(node, "end") for node in ("first", "second", "neither")),
        lanes=diagrams.lane(diagrams.OPERATOR, "fill")
        + diagrams.lane(diagrams.FIRST, "first", "second", "neither"),
    ).replace(b"</definitions>", drawn.encode())
    deployed = hall.deploy(content, "boxes")
    assert [step.id for step in deployed.steps] == ["fill", "first"]
