"""What the engine says when it will not do something.

A refusal is a `Problem`: a stable code for programs and one Chinese sentence for people that says
what to do.  Inside a room problems are values; between rooms they travel as one of the exceptions
below.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`code` is stable (`request.stale`), `text` is shown, `field` names a form field."""

    code: str
    text: str
    field: str | None = None


class HallError(Exception):
    """Base of everything the engine raises on purpose."""

    def __init__(self, problem: Problem, *others: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem
        self.problems = (problem, *others)

    @property
    def code(self) -> str:
        return self.problem.code

    @property
    def text(self) -> str:
        return self.problem.text


class NotFound(HallError):
    """It does not exist, or this actor may not know that it does."""


class Forbidden(HallError):
    """The actor may see it but not do this."""


class Conflict(HallError):
    """Somebody else was faster, or the page is older than the request."""


class Refused(HallError):
    """A rule of the business says no."""


class ReasonMissing(HallError):
    """This decision needs an opinion."""


class BadDefinition(HallError):
    """The diagram cannot be deployed; `problems` names every element to mend."""


class OperationFailed(HallError):
    """A service operation refused; the request stays where it was and nothing is written."""


class BpmnError(OperationFailed):
    """An operation reports an error the diagram may catch with an error boundary event.

    What the operation had written is undone then; nobody catching it makes it a refusal.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(Problem("operation.error", text))
        self.bpmn_code = code


def not_found(what: str = "业务") -> NotFound:
    """One sentence for 'does not exist' and 'not yours', so that ids cannot be probed."""
    return NotFound(
        Problem("not_found", f"没有找到这件{what}，请核对流水号，或回到工作台重新打开。")
    )
