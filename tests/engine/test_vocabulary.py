"""Every element of the vocabulary at work: filed, decided, told and timed through the verbs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

import engine
from engine import errors
from engine.diagrams.dialect import parse
from engine.models import History, Instance
from engine.runtime import SYSTEM
from engine.verbs import occurrences, timers
from tests.builders import diagrams
from tests.builders.diagrams import FIRST, flows
from tests.engine.hall import APPLICANT, BRANCH, COLLEAGUE, REVIEWER, Hall, filing, person
from tests.engine.test_equivalence import CORPUS, STORIES, drawn
from tests.engine.twins import SEED, Happening, Ours, files_of, run

# nobody reviews two steps of one request
REVIEWERS = [person(f"staff:{50 + n}", f"审核{n}", (FIRST, f"branch:{BRANCH}")) for n in range(8)]
HERE = Path(__file__).parent / "corpus"


def diagram(name: str) -> dict[str, bytes]:
    return files_of(HERE / f"{name}.bpmn")


def file(hall: Hall, name: str, **filed: Any) -> str:
    """Deploy a diagram of the corpus and file a request."""
    engine.deploy(hall.rt, name, diagram(name))
    data = filing()["data"] | SEED | filed.pop("data", {})
    return hall.file(key=name, data=data, **filed)


def act(hall: Hall, no: str, nth: int) -> None:
    """The next person does the first open step."""
    task = hall.tasks(no)[0]
    if task.kind == "form":
        given = {"item_out": nth + 2}
        engine.submit(hall.rt, APPLICANT, task.id, data=given, summary="一项")
    else:
        engine.approve(hall.rt, REVIEWERS[nth], task.id)


def happen(hall: Hall, no: str, told: Happening) -> None:
    kind, what = told
    if kind == "hours":
        hall.clock.advance(hours=what, seconds=1)
        ring(hall)
    elif kind == "message":
        occurrences.deliver(hall.rt, SYSTEM, what, correlation=no, payload={"from": what})
    else:
        occurrences.broadcast(hall.rt, SYSTEM, what, {"from": what})


def ring(hall: Hall) -> list[bool]:
    hall.rt.session.rollback()
    due = timers.due(hall.rt.session, hall.clock())
    return [timers.fire(hall.rt, each) for each in due]


def passed(hall: Hall, no: str) -> Counter[str]:
    """The activities of the history: decided by people, or run by the engine in between."""
    hall.verbs(no)  # in order and without gaps
    with hall.sessions() as session:
        query = select(History).join(Instance).where(Instance.no == no)
        rows = list(session.scalars(query))
    found = Counter(each["node"] for row in rows for each in row.detail.get("auto", ()))
    found += Counter(row.node for row in rows if row.verb in ("approve", "submit") and row.node)
    return found + Counter(["fill"])


KINDS = sorted({path.stem.partition("_")[0] for path in CORPUS})


@pytest.mark.parametrize("kind", KINDS)
def test_each_diagram_of_the_corpus_goes_its_way_through_the_verbs(
    empty_hall: Hall, kind: str
) -> None:
    for path in CORPUS:
        if path.stem.partition("_")[0] == kind:
            goes_its_way(empty_hall, path)


def goes_its_way(hall: Hall, path: Path) -> None:
    story = list(STORIES.get(path.stem, ()))
    no = file(hall, path.stem)
    decided = 0
    for _ in range(40):
        hall.rt.session.rollback()
        if story and story[0][0] != "people":
            happen(hall, no, story.pop(0))
        elif hall.case(no).status == "running" and hall.tasks(no):
            story = story[1:]
            act(hall, no, decided)
            decided += 1
        else:
            break
    assert hall.case(no).status == "completed", (path.stem, hall.where(no))
    assert hall.case(no).next_timer_at is None
    assert hall.case(no).waits is None
    nodes = parse(path.stem, files_of(path)).nodes
    ours = run(Ours, path, STORIES.get(path.stem, ()))
    assert passed(hall, no) == Counter(name for name in drawn(ours.path) if name in nodes)


# --- errors of operations


@contextmanager
def statements(hall: Hall) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    event.listen(hall.database, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(hall.database, "before_cursor_execute", note)


def test_an_error_of_an_operation_goes_the_drawn_way_and_undoes_what_was_written(
    empty_hall: Hall,
) -> None:
    hall = empty_hall
    hall.desk.failing = {"bpmn_error"}
    no = file(hall, "error_of_a_service")
    assert hall.where(no) == ["repair"]
    assert hall.messages() == []
    said = engine.view(hall.rt, REVIEWER, no).data["why"]
    assert said == {"code": "NO_FUNDS", "text": "账户余额不足，请先补缴。"}
    assert hall.approve(no, REVIEWER).status == "completed"


def test_an_error_nobody_catches_is_a_refusal_in_its_own_words(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.desk.failing = {"bpmn_error"}
    part = diagrams.service("apply", "tests/bpmn_error")
    hall.deploy(
        diagrams.one_review(between=part, way=flows("review", "apply", "end")), "one_review"
    )
    no = hall.file(key="one_review")
    before = hall.picture()
    with pytest.raises(errors.OperationFailed, match="账户余额不足，请先补缴。"):
        hall.approve(no, REVIEWER)
    assert hall.picture() == before


def test_an_error_with_another_code_is_not_caught(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.desk.failing = {"bpmn_error"}
    files = diagram("error_of_a_service")
    other = {name: text.replace(b"NO_FUNDS", b"NO_ACCOUNT") for name, text in files.items()}
    engine.deploy(hall.rt, "error_of_a_service", other)
    with pytest.raises(errors.BpmnError, match="账户余额不足"):
        hall.file(key="error_of_a_service")


def test_a_savepoint_is_only_taken_where_an_error_is_caught(empty_hall: Hall) -> None:
    hall = empty_hall
    with statements(hall) as said:
        file(hall, "task_service")
    assert not any("SAVEPOINT" in each for each in said)
    with statements(hall) as said:
        file(hall, "error_of_a_service", who=COLLEAGUE)
    assert sum(each.startswith("SAVEPOINT") for each in said) == 1


def test_an_error_event_nobody_catches_is_an_incident(empty_hall: Hall) -> None:
    hall = empty_hall
    files = diagram("error_boundary")
    text = files["error_boundary.bpmn"].decode()
    start, end = text.index("<boundaryEvent"), text.index("</boundaryEvent>")
    without = text[:start] + text[end + len("</boundaryEvent>") :]
    cut = without.replace('sourceRef="bad"', 'sourceRef="fill"')
    with pytest.raises(errors.BadDefinition, match="有多条出口"):
        engine.deploy(hall.rt, "error_boundary", {"error_boundary.bpmn": cut.encode()})
    plain = diagrams.process(
        "lost",
        "<startEvent id='start'/>" + diagrams.form("fill"),
        "<endEvent id='end' name='失败'><errorEventDefinition errorRef='e1'/></endEvent>",
        flows("start", "fill", "end"),
        lanes=diagrams.lane(diagrams.OPERATOR, "fill"),
    )
    found = plain.replace(b"<process", b"<error id='e1' name='x' errorCode='X'/><process", 1)
    hall.deploy(found, "lost")
    no = hall.file(key="lost")
    assert (hall.case(no).status, hall.case(no).incidents) == ("running", 1)


# --- branches and rounds


def test_nothing_runs_after_a_terminate_end(empty_hall: Hall) -> None:
    """The library goes on with what was ready a moment before."""
    hall = empty_hall
    no = file(hall, "terminate_at_once")
    assert hall.case(no).status == "completed"
    assert "ran" not in engine.view(hall.rt, REVIEWER, no).data


@pytest.mark.parametrize("items", [list(range(1_001)), None, 7])
def test_a_collection_that_cannot_be_gone_through_is_an_incident(
    empty_hall: Hall, items: Any
) -> None:
    hall = empty_hall
    no = file(hall, "each_script", data={"items": items})
    assert (hall.case(no).status, hall.case(no).incidents) == ("running", 1)
    assert hall.where(no) == []


def test_several_people_work_on_their_rounds_at_once(empty_hall: Hall) -> None:
    hall = empty_hall
    no = file(hall, "each_count")
    assert hall.where(no) == ["review"] * 3
    assert {task.role for task in hall.tasks(no)} == {FIRST}
    for nth in range(3):
        act(hall, no, nth)
    assert hall.case(no).status == "completed"
