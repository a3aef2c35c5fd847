"""Foretold paths of many filings of one diagram: those who answer its questions alike share one.

The first filing is rehearsed and the questions are noted: each expression, what the diagram itself
had added to the data by then, and the answer.  A later filing whose data gives the same answers
would be led the same way, so it need not be walked.  Diagrams that can be led by more than answers
(scripts, sub-processes, multi-instance) are rehearsed every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask

from engine.diagrams import rehearsal
from engine.diagrams.dialect import Deployed, Node
from engine.runtime import Runtime
from engine.scripts.script import Rehearsal, Sandbox

ROUTES_MAX = 16  # ways worth remembering; a diagram with more of them is rehearsed
_DMN = "dmninputexpr"  # what a decision table passes along was itself an answer


@dataclass(frozen=True, slots=True)
class _Question:
    expression: str
    added: dict[str, Any]  # by the diagram, to the data that was filed
    passed: dict[str, Any] | None
    answer: Any
    leads: bool  # what a service is given may differ: in a rehearsal services do nothing


@dataclass(slots=True)
class _Route:
    path: Sequence[Node]
    questions: list[_Question] = field(default_factory=list)


class _Noting(Sandbox):
    """Writes down what is asked; `whole` stays True while that is all that can lead."""

    def __init__(self, rt: Runtime, filed: dict[str, Any]) -> None:
        super().__init__(rt, None)
        self.filed = filed
        self.questions: list[_Question] = []
        self.whole = self.leads = True

    def evaluate(
        self, expression: str, context: dict[str, Any], external_context: Any = None
    ) -> Any:
        whole, self.whole = self.whole, False  # an error leaves it False
        answer = super().evaluate(expression, context, external_context)
        self.whole = whole and (not external_context or _DMN in external_context)
        added = {k: v for k, v in context.items() if k not in self.filed or self.filed[k] != v}
        self.questions.append(_Question(expression, added, external_context, answer, self.leads))
        return answer

    def execute(self, script: str, context: dict[str, Any], external_context: Any = None) -> bool:
        self.whole = False
        return super().execute(script, context, external_context)


class _Walk(Rehearsal):
    """A rehearsal that is written down."""

    def __init__(self, rt: Runtime, filed: dict[str, Any]) -> None:
        super().__init__(rt)
        self.environment = _Noting(rt, filed)

    def evaluate(self, task: Any, expression: str, external_context: Any = None) -> Any:
        self.environment.leads = not hasattr(task.task_spec, "operation_params")
        return super().evaluate(task, expression, external_context)


class Routes:
    """Paths of one diagram, for as long as one batch takes."""

    def __init__(self, deployed: Deployed, rt: Runtime) -> None:
        self._deployed, self._rt = deployed, rt
        self._known: list[_Route] = []
        specs = deployed.spec.task_specs.values()
        self._led_by_answers = not deployed.subspecs and not any(
            isinstance(each, LoopTask) for each in specs
        )

    def of(self, data: dict[str, Any]) -> Sequence[Node]:
        """The activities a request with this data passes, in order."""
        if not self._led_by_answers:
            return rehearsal.from_start(self._deployed, self._rt, data)
        filed = {**rehearsal.PLAIN, **data}
        sandbox = Sandbox(self._rt, None)
        for route in self._known:
            if _answers_alike(sandbox, route, filed):
                return route.path
        walk = _Walk(self._rt, filed)
        path = rehearsal.from_start(self._deployed, self._rt, data, walk)
        if walk.environment.whole and len(self._known) < ROUTES_MAX:
            self._known.append(_Route(path, walk.environment.questions))
        return path


def _answers_alike(sandbox: Sandbox, route: _Route, filed: dict[str, Any]) -> bool:
    try:
        for each in route.questions:
            answer = sandbox.evaluate(each.expression, {**filed, **each.added}, each.passed)
            if each.leads and answer != each.answer:
                return False
    except Exception:  # an expression over other data may raise anything: not alike
        return False
    return True
