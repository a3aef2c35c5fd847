"""Expressions and scripts inside diagrams, compiled once by RestrictedPython.

An admin writes them, so they see the data of the request, a handful of pure functions and nothing
else. A script works on private copies: task data is shared structurally between steps and must not
be changed through the back door.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import timedelta
from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING, Any, Literal

import orjson
from RestrictedPython import compile_restricted, safe_globals  # type: ignore[attr-defined]
from RestrictedPython.Eval import default_guarded_getitem, default_guarded_getiter
from RestrictedPython.Guards import (
    guarded_iter_unpack_sequence,
    guarded_unpack_sequence,
    safer_getattr,
)
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
from SpiffWorkflow.bpmn.script_engine.python_environment import BasePythonScriptEngineEnvironment

from engine.calendar import add_working_days
from engine.operations import Call, run_once
from engine.runtime import SYSTEM, Actor, Runtime

if TYPE_CHECKING:
    from engine.cases import Case

CODE_CACHE_MAX = 8192
_MISSING = object()
_CHANGING = frozenset(
    ("append", "extend", "insert", "remove", "pop", "popitem", "clear", "update", "setdefault")
    + ("sort", "reverse")
)


class NotJson(TypeError):
    """A script or operation left something in the data that cannot be stored."""


_PURE: dict[str, Any] = {
    "len": len,
    "min": min,
    "max": max,
    "sum": sum,
    "abs": abs,
    "round": round,
    "sorted": sorted,
    "any": any,
    "all": all,
    "dict": dict,
    "list": list,
}


def _guarded() -> dict[str, Any]:
    guards: dict[str, Any] = dict(safe_globals)
    guards["__builtins__"] = {**safe_globals["__builtins__"], **_PURE}
    guards["_getattr_"] = _attribute
    guards["_getitem_"] = default_guarded_getitem
    guards["_getiter_"] = default_guarded_getiter
    guards["_iter_unpack_sequence_"] = guarded_iter_unpack_sequence
    guards["_unpack_sequence_"] = guarded_unpack_sequence
    guards["_write_"] = _write_plain
    guards["_inplacevar_"] = _inplace
    return guards


def _attribute(target: Any, name: str) -> Any:
    """The library's guard answers None where there is no such attribute: a typo must not pass."""
    value = safer_getattr(target, name, _MISSING)  # type: ignore[no-untyped-call]
    if value is _MISSING:
        raise AttributeError(f"{type(target).__name__} has no {name}")
    return value


def _write_plain(target: Any) -> Any:
    if type(target) not in (dict, list):
        raise TypeError("a script may only change the data of the request")
    return target


def _inplace(operator: str, left: Any, right: Any) -> Any:
    if operator == "+=":
        return left + right
    if operator == "-=":
        return left - right
    if operator == "*=":
        return left * right
    raise SyntaxError(f"{operator} is not available in scripts")


_GUARDS = _guarded()


@lru_cache(CODE_CACHE_MAX)
def compiled(source: str, mode: Literal["eval", "exec"]) -> CodeType:
    """Code object of a restricted expression (`eval`) or script (`exec`); SyntaxError with the
    reason."""
    _refuse_at_once(source.strip(), mode)
    code = compile_restricted(source.strip() if mode == "eval" else source, "<diagram>", mode)
    assert isinstance(code, CodeType)
    return code


def _refuse_at_once(source: str, mode: Literal["eval", "exec"]) -> None:
    """What RestrictedPython would let through until it runs."""
    for node in ast.walk(ast.parse(source, mode=mode)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            raise SyntaxError("import is not available in scripts")
        if mode == "eval" and isinstance(node, ast.Attribute) and node.attr in _CHANGING:
            raise SyntaxError(f"an expression must not change data ({node.attr}): use a script")


@lru_cache(CODE_CACHE_MAX)
def _parsed(source: str) -> SyntaxError | None:
    try:
        ast.parse(source)
    except SyntaxError as error:
        return error
    return None


def evaluate(source: str, names: Mapping[str, Any]) -> Any:
    """Value of a restricted expression over `names`."""
    return eval(compiled(source, "eval"), {**names, **_GUARDS})  # noqa: S307 - RestrictedPython


class Sandbox(BasePythonScriptEngineEnvironment):  # type: ignore[misc]
    """The environment Spiff evaluates in; knows the clock and the due date of the request it
    serves."""

    def __init__(self, rt: Runtime | None, case: Case | None) -> None:
        self.rt, self.case = rt, case
        super().__init__(self._functions())

    def _functions(self) -> dict[str, Callable[..., str]]:
        return {"before_due": self._before_due, "working_days": self._working_days}

    def _before_due(self, hours: float = 0) -> str:
        """ISO time so many hours before the request is due (timer expressions)."""
        assert self.rt is not None
        due = self.case.due_at if self.case is not None else None
        return ((due or self.rt.clock()) - timedelta(hours=hours)).isoformat()

    def _working_days(self, days: int) -> str:
        """ISO time of closing on the n-th working day from now (timer expressions)."""
        assert self.rt is not None
        return add_working_days(self.rt.calendar, self.rt.clock(), days).isoformat()

    def evaluate(
        self, expression: str, context: dict[str, Any], external_context: Any = None
    ) -> Any:
        value = evaluate(expression, {**self.globals, **(external_context or {}), **context})
        if value is not None and type(value) not in (bool, str):  # a decision table stores it
            as_json(value)
        return value

    def execute(self, script: str, context: dict[str, Any], external_context: Any = None) -> bool:
        names = deepcopy(context)
        scope = {**self.globals, **(external_context or {}), **names, **_GUARDS}
        known = scope.keys() - names.keys() | _GUARDS.keys()
        exec(compiled(script, "exec"), scope)  # noqa: S102 - RestrictedPython
        result = {name: value for name, value in scope.items() if name not in known}
        as_json(result)
        context.clear()
        context.update(result)
        return True


class ScriptEngine(PythonScriptEngine):  # type: ignore[misc]
    """Binds one loaded request to the sandbox and to the registered operations."""

    rehearsing = False
    ringing = False  # while due timers go off; see timer_events

    def __init__(
        self, rt: Runtime | None = None, case: Case | None = None, actor: Actor = SYSTEM
    ) -> None:
        super().__init__(Sandbox(rt, case))
        self.rt, self.case, self.actor = rt, case, actor

    def validate(self, expression: str) -> None:
        error = _parsed(expression)
        if error is not None:
            raise error

    def call_service(self, task: Any, **kwargs: Any) -> str:
        """Run a registered operation; its own exceptions pass through untouched."""
        assert self.rt is not None, "a service was reached without a request"
        assert self.case is not None
        call = Call(
            rt=self.rt,
            instance=self.case,
            actor=self.actor,
            key=f"{self.case.id}:{task.task_spec.name}:{task.id.hex}",
            data=orjson.loads(as_json(task.data)),  # a private copy, cheaper than deepcopy
            params={name: param["value"] for name, param in kwargs["operation_params"].items()},
        )
        return as_json(run_once(call, kwargs["operation_name"])).decode()


class Rehearsal(ScriptEngine):
    """Walks a diagram without effects, to foretell its path: services answer with nothing."""

    rehearsing = True

    def call_service(self, task: Any, **kwargs: Any) -> str:
        return "{}"


def as_json(value: Any) -> bytes:
    """JSON bytes, or NotJson: what does not survive a save must not enter the data.

    Comparing with what comes back also finds what JSON would silently change: NaN, tuples, times.
    """
    try:
        text = orjson.dumps(value)
    except TypeError as error:
        raise NotJson(f"process data must be JSON: {error}") from None
    if orjson.loads(text) != value:
        raise NotJson("process data must be JSON: NaN, tuples and times are not")
    return text
