"""A request that goes round for ever stays small, and nobody can tell what it has forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from SpiffWorkflow.bpmn.specs.defaults import InclusiveGateway, ParallelGateway
from SpiffWorkflow.util.task import TaskState

import engine
from engine import Runtime
from engine.boxes.view import marks
from engine.diagrams import dialect
from engine.diagrams.rehearsal import open_tasks
from engine.requests.cases import Case
from engine.scripts.script import ScriptEngine
from engine.tokens import codec, pruning
from engine.tokens.workflow import Workflow
from engine.verbs.returning import up
from tests.builders import diagrams
from tests.engine.hall import REVIEWER, REVIEWER_2, Hall
from tests.engine.rounds import BLOCKS, automatic, rounds
from tests.engine.twins import Ours, run

BLOB_BYTES_MAX = 8192
STEPS_MAX = 2_000
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.bpmn"))
_MESSAGE, _SIGNAL = ("message", "回执"), ("signal", "停办")
_HOURS, _PEOPLE = ("hours", 5), ("people", 1)
STORIES: list[tuple[tuple[str, Any], ...]] = [
    (_HOURS, _MESSAGE, _SIGNAL, _HOURS),
    (_PEOPLE, _MESSAGE, _PEOPLE, _SIGNAL, _HOURS),
    (_PEOPLE, _PEOPLE, _HOURS, _HOURS),
]
RETURNS_UNTIL = 60  # then it may end


class Walk:
    """One request walked step by step, saved, forgotten and loaded before each: what could be seen
    on the way."""

    def __init__(self, files: dict[str, bytes], key: str, above: int | None) -> None:
        self.deployed = dialect.parse(key, files)
        self.above = above
        self.now = datetime(2026, 7, 15, 1, 30, tzinfo=UTC)
        self.seen: list[Any] = []
        self.tasks = self.blob_bytes = 0
        spec, subspecs = self.deployed.spec, self.deployed.subspecs
        self.workflow = Workflow(spec, subspecs, script_engine=self._scripts())
        self._run_on()

    def _scripts(self) -> ScriptEngine:
        return ScriptEngine(cast(Runtime, SimpleNamespace(clock=lambda: self.now)))

    def _run_on(self) -> None:
        self.workflow.do_engine_steps(lambda task: self.seen.append(task.task_spec.name))

    def to_the_end(self, *, going_back: bool = False) -> Walk:
        for number in range(STEPS_MAX):
            self._save()
            if self.workflow.completed:
                break
            self._step(number, going_back and number % 5 == 4 and number < RETURNS_UNTIL)
        return self

    def _save(self) -> None:
        if self.above is not None:
            pruning.prune(self.workflow, self.above)
        blob = codec.dumps(self.workflow)
        self.tasks = max(self.tasks, sum(1 for _ in self.workflow.everything()))
        self.blob_bytes = max(self.blob_bytes, len(blob))
        spec, subspecs = self.deployed.spec, self.deployed.subspecs
        self.workflow = codec.loads(blob, spec, subspecs, self._scripts())

    def _step(self, number: int, going_back: bool) -> None:
        if number % 2 or not open_tasks(self.workflow):
            self._let_time_pass()
        ready = open_tasks(self.workflow)
        if not ready:
            assert self.workflow.completed, f"stuck after {number} steps"
            return
        task = ready[number * 7 // 3 % len(ready)]  # branches arrive in ever another order
        places = self._places(task)
        self.seen.append((task.task_spec.name, json.dumps(task.data), places, self._marks()))
        if going_back and places:
            name = places[number % len(places)]
            self.workflow.reset_from_task_id(_latest(task, name).id)
            return
        task.data["by"] = task.data[f"by_{task.task_spec.name.split()[0]}"] = number
        if "item" in task.data:
            task.data["item_out"] = number
        task.run()
        self._run_on()

    def _let_time_pass(self) -> None:
        self.now += timedelta(hours=2)
        self.workflow.script_engine.ringing = True
        self.workflow.refresh_timers()
        self.workflow.script_engine.ringing = False
        self._run_on()

    def _places(self, task: Any) -> list[str]:
        """Human steps on the way, the latest first, none across a fork: what a return may reach."""
        places = []
        for step in up(task):
            if isinstance(step.task_spec, ParallelGateway | InclusiveGateway):
                break
            if step.task_spec.manual and step.has_state(TaskState.COMPLETED):
                places.append(step.task_spec.name)
        return list(dict.fromkeys(places))

    def _marks(self) -> dict[str, str]:
        case = SimpleNamespace(deployed=self.deployed, workflow=self.workflow, running=True)
        found = marks(cast(Case, case))
        return {key: mark for key, mark in found.items() if key in self.deployed.nodes}


def _latest(task: Any, name: str) -> Any:
    return next(step for step in up(task) if step.task_spec.name == name)


def walk(block: str, above: int | None, times: int = 8) -> Walk:
    return Walk({"rounds.bpmn": rounds(block, times)}, "rounds", above)


@pytest.mark.parametrize("going_back", [False, True], ids=["forward", "and back"])
@pytest.mark.parametrize("block", BLOCKS)
def test_what_is_forgotten_changes_nothing_that_comes_after(block: str, going_back: bool) -> None:
    whole = walk(block, None).to_the_end(going_back=going_back)
    assert whole.workflow.completed
    for above in (pruning.PRUNE_AT, 0):
        short = walk(block, above).to_the_end(going_back=going_back)
        assert short.seen == whole.seen
        assert short.workflow.data == whole.workflow.data
        assert short.tasks < whole.tasks or whole.tasks <= above


@pytest.mark.parametrize("block", BLOCKS)
def test_the_state_stays_small_however_often_a_request_goes_round(block: str) -> None:
    short = walk(block, pruning.PRUNE_AT, times=60).to_the_end()
    assert short.workflow.completed
    assert short.workflow.data["n"] == 60
    assert short.tasks <= 2 * pruning.PRUNE_AT
    assert short.blob_bytes <= BLOB_BYTES_MAX


def test_a_request_of_ordinary_size_keeps_everything() -> None:
    short = walk("parallel", pruning.PRUNE_AT, times=4).to_the_end()
    whole = walk("parallel", None, times=4).to_the_end()
    assert short.tasks == whole.tasks <= pruning.PRUNE_AT
    assert pruning.prune(short.workflow) == 0


@pytest.mark.parametrize(("block", "times"), [("plain", 10_000), ("part", 10_000), ("fork", 2_000)])
def test_a_loop_of_ten_thousand_automatic_rounds_looks_at_few_of_them(
    block: str, times: int
) -> None:
    going = Walk({"auto.bpmn": automatic(block, times)}, "auto", None)
    most = 0

    def look(_task: Any) -> None:
        nonlocal most
        most = max(most, sum(1 for _ in going.workflow.everything()))

    (form_step,) = open_tasks(going.workflow)
    form_step.run()
    going.workflow.do_engine_steps(did_complete_task=look)
    assert going.workflow.completed
    assert going.workflow.data["n"] == times
    assert most <= pruning.PRUNE_RUNNING_AT + 16


def test_a_request_sent_round_sixty_times_can_still_be_returned(empty_hall: Hall) -> None:
    hall = empty_hall
    hall.deploy(rounds("plain", 1_000), "rounds")
    no = hall.file(key="rounds")
    for _ in range(60):
        hall.approve(no, REVIEWER)
    page = engine.view(hall.rt, REVIEWER, no)
    assert page.data["n"] == 61
    assert [target.node for target in page.targets] == ["fill", "work"]
    assert len(hall.case(no).state) <= BLOB_BYTES_MAX
    hall.send_back(no, REVIEWER)
    assert hall.where(no) == ["fill"]
    hall.resubmit(no, values={"pay_day": "21"})
    hall.approve(no, REVIEWER)
    page = engine.view(hall.rt, REVIEWER, no)
    assert (page.data["n"], page.data["values"]) == (2, {"pay_day": "21"})
    assert hall.verbs(no) == ["start", *["approve"] * 60, "return", "submit", "approve"]


def test_an_irreversible_step_still_bars_the_way_back_after_many_rounds(empty_hall: Hall) -> None:
    hall = empty_hall
    sealed = diagrams.user("seal", "用印", irreversible="true", verbs="approve")
    hall.deploy(rounds("plain", 1_000, before=sealed), "rounds")
    no = hall.file(key="rounds")
    hall.approve(no, REVIEWER_2)
    for _ in range(60):
        hall.approve(no, REVIEWER)
    assert len(hall.case(no).state) <= BLOB_BYTES_MAX
    assert [target.node for target in engine.view(hall.rt, REVIEWER, no).targets] == ["work"]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_forgetting_before_every_step_of_the_corpus_changes_nothing(path: Path) -> None:
    for story in STORIES:
        assert run(Forgetful, path, story).seen == run(Ours, path, story).seen


class Forgetful(Ours):
    """Keeps as little as it may."""

    def before_each(self) -> None:
        pruning.prune(self.workflow, 0)
        super().before_each()
