"""Running a request on: complete the decided step, then everything that needs no human.

What an operation refuses reaches the person as it was said, and nothing has happened.  Whatever
else goes wrong (an operation with a bug, an expression over data that is not there) stops the
request in front of that step: the verb runs again in a fresh transaction, does not enter the step,
and leaves an incident.  So the happy path needs no savepoint, and no decision is lost to a bug.
Where it fails while a decided step itself is completed, the token waits there, decided.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from SpiffWorkflow.bpmn.exceptions import WorkflowTaskException
from SpiffWorkflow.task import Task as SpiffTask
from sqlalchemy.exc import InterfaceError, OperationalError

from engine.database import transaction
from engine.errors import HallError, OperationFailed, Problem
from engine.requests import candidates, incidents
from engine.runtime import Runtime
from engine.tokens.marks import HALTED

if TYPE_CHECKING:
    from engine.requests.cases import Case

_log = logging.getLogger("hall.cases")
AUTO_STEPS_MAX = 10_000  # one verb may not run for ever
HALTS_MAX = 8  # so many steps may fail in one verb; more is a diagram that cannot run
WAS_DECIDED = "decided"  # the mark of a human step that only has to be completed
DECIDED, NOWHERE = 0, -1  # as `Halt.nth`: at the step just decided; the verb cannot stop at all
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop the `nth` time this verb comes to the element `spec`, for `at` has failed: the same
    element, or one that is prepared while `spec` completes (a timer, a multi-instance)."""

    spec: str
    nth: int
    at: str
    name: str  # of `at`, as people know it
    cause: str  # class of the error
    error: str
    trace: str
    kind: str = "step"


@dataclass(frozen=True, slots=True)
class Halted:
    """A token standing in front of a step that failed."""

    token: Any
    halt: Halt


class StepFailed(OperationFailed):
    """An automatic step failed; `halt` says where the verb may stop instead."""

    def __init__(self, problem: Problem, halt: Halt, case: Case) -> None:
        super().__init__(problem)
        self.halt = halt
        self.case = case


def durably(rt: Runtime, deed: Callable[[Runtime], Result]) -> Result:
    """Run a verb in one transaction; when an automatic step fails, again, stopping before it."""
    while True:
        try:
            with transaction(rt.session):
                return deed(rt)
        except StepFailed as failure:
            if failure.halt.nth == NOWHERE or len(rt.halts) >= HALTS_MAX:
                with transaction(rt.session):
                    incidents.record_loose(rt, failure.case, failure.halt)
                raise
            rt = replace(rt, halts=(*rt.halts, failure.halt))


def advance(case: Case, decided: Any = None, *, skipped: bool = False) -> None:
    """Complete the step that was decided (or is `skipped`: without running it) and run everything
    that needs no human."""
    stops = {(halt.spec, halt.nth): halt for halt in _runtime(case).halts}
    run = _Run(case, stops, decided)
    try:
        if decided is not None and not run.stopped(decided):
            decided.complete() if skipped else decided.run()
        case.workflow.do_engine_steps(run.begin, run.note)
        while _unmanned(case, run):
            case.workflow.do_engine_steps(run.begin, run.note)
    except HallError:
        raise
    except Exception as error:
        raise _failed(case, error, run.here, run.nth) from error


@dataclass(slots=True)
class _Run:
    """How far `advance` has come: the token it is at, and which time it is at this element."""

    case: Case
    stops: dict[tuple[str, int], Halt]
    here: Any
    nth: int = DECIDED
    steps: int = 0

    def stopped(self, task: Any) -> bool:
        halt = self.stops.get((task.task_spec.name, self.nth)) if self.stops else None
        if halt is not None:
            hold(self.case, task, halt)
        return halt is not None

    def begin(self, task: Any) -> bool:
        self.here, name, met = task, task.task_spec.name, self.case.met
        self.nth = met[name] = met.get(name, 0) + 1
        return not self.stopped(task)

    def note(self, task: Any) -> None:
        self.steps += 1
        if self.steps > AUTO_STEPS_MAX:
            raise _endless(self.case, task)
        node = self.case.deployed.nodes.get(task.task_spec.name)
        if node is not None:
            self.case.automatic.append({"node": node.id, "name": node.name})


def _unmanned(case: Case, run: _Run) -> bool:
    """Steps nobody may take are approved by the system, or halted, where the diagram says so; True
    when the request may run on."""
    moved = False
    for token in candidates.unmatched(_runtime(case), case):
        node = case.deployed.nodes[token.task_spec.name]
        if node.props.get("nobody") == "skip":
            run.here, run.nth, moved = token, NOWHERE, True
            candidates.skip(case, token)
            run.note(token)
            case.automatic[-1]["skipped"] = True
        else:
            text = candidates.nobody_text(case, node)
            hold(case, token, Halt(node.id, NOWHERE, node.id, node.name, "Nobody", text, ""))
    return moved


def hold(case: Case, token: Any, halt: Halt) -> None:
    """The token stays where it is until its incident is dealt with."""
    mark = WAS_DECIDED if halt.nth == DECIDED else True
    token._set_internal_data(**{HALTED: mark})
    case.halted.append(Halted(token, halt))


def unstarted(case: Case) -> StepFailed:
    """A request whose very first steps fail has nothing yet that could wait."""
    halt = replace(case.halted[0].halt, nth=NOWHERE)
    return StepFailed(_sentence(halt.name), halt, case)


def halt_of(error: BaseException, token: Any, nth: int = NOWHERE, kind: str = "step") -> Halt:
    """What an incident says about an error that was met at this token."""
    first, at = error, _culprit(error, token)
    while (deeper := getattr(first, "exception", None) or first.__cause__) is not None:
        first = deeper
    trace = "".join(traceback.format_exception(error))
    name = at.task_spec.bpmn_name or at.task_spec.name
    text = str(first) or type(first).__name__
    cause = type(first).__name__
    return Halt(token.task_spec.name, nth, at.task_spec.name, name, cause, text, trace, kind)


def _culprit(error: BaseException, here: Any) -> Any:
    """The token whose element failed: the library hands it down as `my_task`."""
    found = error.task if isinstance(error, WorkflowTaskException) else here
    trace = error.__traceback__
    while trace is not None:
        passed = trace.tb_frame.f_locals.get("my_task")
        if isinstance(passed, SpiffTask) and hasattr(passed.task_spec, "bpmn_name"):
            found = passed
        trace = trace.tb_next
    return found


def _runtime(case: Case) -> Runtime:
    rt = case.workflow.script_engine.rt
    assert isinstance(rt, Runtime)
    return rt


def _failed(case: Case, error: Exception, here: Any, nth: int) -> Exception:
    """What the verb ends with; a refusal of an operation and a lost database stay what they are."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, HallError | OperationalError | InterfaceError):
            return cause
        cause = getattr(cause, "exception", None) or cause.__cause__
    halt = halt_of(error, here or case.workflow.task_tree, nth if here else NOWHERE)
    # the trace may quote what people have filed: it stays in the incident
    _log.error("step %s of %s failed: %s", halt.at, case.no, halt.cause)
    return StepFailed(_sentence(halt.name), halt, case)


def _endless(case: Case, task: Any) -> StepFailed:
    text = "流程在自动步骤中循环不止，已停止办理，请联系中心管理员处理。"
    name, spec = task.task_spec.bpmn_name or task.task_spec.name, task.task_spec.name
    halt = Halt(spec, NOWHERE, spec, name, "Endless", f"more than {AUTO_STEPS_MAX} steps", "")
    return StepFailed(Problem("loop.endless", text), halt, case)


def _sentence(name: str) -> Problem:
    text = f"自动步骤“{name}”没有成功，业务停留在原处，请联系中心管理员处理。"
    return Problem("step.failed", text)
