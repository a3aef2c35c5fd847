"""Expressions and scripts inside diagrams: binds one request to the sandbox and to its operations.

`sandbox` says what an admin may write, `meter` what it may cost.  They see the data of the request,
a handful of pure functions and nothing else.  A script works on private copies: task data is shared
structurally between steps and must not be changed through the back door.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from types import MethodType
from typing import TYPE_CHECKING, Any

import orjson
from SpiffWorkflow.bpmn.exceptions import WorkflowTaskException
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
from SpiffWorkflow.bpmn.script_engine.python_environment import BasePythonScriptEngineEnvironment

from engine.calendar import add_working_days
from engine.operations import Call, run_once
from engine.runtime import SYSTEM, Actor, Runtime
from engine.scripts.meter import Meter, OverLimit, Unfit, larger
from engine.scripts.sandbox import (
    CODE_CACHE_MAX,
    FILENAME,
    PLAIN_GLOBALS,
    Program,
    compiled,
    globals_of,
)

__all__ = ["NotJson", "Rehearsal", "Sandbox", "ScriptEngine", "ScriptError"]
__all__ += ["as_json", "compiled", "evaluate"]

if TYPE_CHECKING:
    from engine.requests.cases import Case

RESULT_BYTES_MAX = 1_000_000  # of JSON, that one expression or script may add to a request
LINE_CHARS_MAX = 120  # of the line an error shows


class NotJson(TypeError):
    """A script or operation left something in the data that cannot be stored."""


class ScriptError(Exception):
    """An expression or script failed over the data of a request.

    The text is a Chinese sentence with the line of the diagram and the reason; it never repeats
    data.  `line` counts from 1, and is 0 when the whole is meant; `kind` is what
    Python called it.
    """

    def __init__(self, source: str, line: int, reason: str, kind: str) -> None:
        lines = source.splitlines() or [""]
        shown = lines[min(max(line, 1), len(lines)) - 1].strip()[:LINE_CHARS_MAX]
        where = "表达式" if len(lines) == 1 else f"脚本第 {line} 行" if line else "脚本"
        super().__init__(f"{where}“{shown}”：{reason}。")
        self.source, self.line, self.kind = source, line, kind


# what a mistake of an admin or unforeseen data may raise; an assert is a mistake of ours
_FAILURES: tuple[type[Exception], ...] = (
    *(OverLimit, ArithmeticError, LookupError, TypeError, ValueError, NameError),
    *(AttributeError, RecursionError, MemoryError, SyntaxError),
)
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (ZeroDivisionError, "除数为零"),
    (KeyError, "要取的一项不存在，可以改用 .get()"),
    (IndexError, "列表或文字没有这么长"),
    (RecursionError, "嵌套太深"),
    (MemoryError, "内容过大"),
    (ArithmeticError, "数字过大"),
    (ValueError, "数值不对，例如把文字当作数字，或在列表中没有找到"),
)


@lru_cache(CODE_CACHE_MAX)
def _parsed(source: str) -> SyntaxError | None:
    try:
        ast.parse(source)
    except SyntaxError as error:
        return error
    except (RecursionError, MemoryError, ValueError):
        return SyntaxError("嵌套太深，请拆成几步")
    return None


def evaluate(source: str, names: Mapping[str, Any]) -> Any:
    """Value of a restricted expression over `names`, not yet checked; ScriptError."""
    return _value(source, names, {})


def _value(source: str, names: Mapping[str, Any], hall: Mapping[str, Any]) -> Any:
    program: Program | None = None
    try:
        program = compiled(source, "eval")
        if program.plain:
            return eval(program.code, PLAIN_GLOBALS, names)  # noqa: S307 - RestrictedPython
        scope = globals_of({**names, **_guards(program, Meter(), hall)})
        return eval(program.code, scope)  # noqa: S307 - RestrictedPython
    except _FAILURES as error:
        failed = _explained(source, program, error)
    raise failed


def _guards(program: Program, meter: Meter, hall: Mapping[str, Any]) -> dict[str, Any]:
    guards: dict[str, Any] = {name: MethodType(call, meter) for name, call in program.guards}
    for name, wanted in program.hall:
        if wanted in hall:
            guards[name] = hall[wanted]
    return guards


def _explained(source: str, program: Program | None, error: BaseException) -> ScriptError:
    """Told without the error itself: Python's texts quote values, and those are people's data."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILENAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    words = program.words if program is not None else frozenset()
    return ScriptError(source, line, _reason(error, words), type(error).__name__)


def _reason(error: BaseException, words: frozenset[str]) -> str:
    if isinstance(error, OverLimit | Unfit):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"不能用：{error.msg}"
    if isinstance(error, NotJson):
        return "结果不能保存：只能是文字、数字、真假、列表和字典"
    if isinstance(error, NameError):
        return f"没有名为 {(error.name or '').strip('_')} 的数据"
    if isinstance(error, KeyError) and isinstance(error.args[0], str) and error.args[0] in words:
        return f"没有“{error.args[0]}”这一项，可以改用 .get()"
    for kind, text in _REASONS:
        if isinstance(error, kind):
            return text
    return f"类型不符（{error}）"


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
        names = {**external_context, **context} if external_context else context
        value = _value(expression, names, self.globals)
        if value is None or type(value) is bool or (type(value) is str and _short(value)):
            return value
        try:
            _storable(value, RESULT_BYTES_MAX)
        except _FAILURES as error:
            failed = _explained(expression, None, error)
        else:
            return value
        raise failed

    def execute(self, script: str, context: dict[str, Any], external_context: Any = None) -> bool:
        """Run the script over a copy of the data, which it replaces when all went well."""
        program: Program | None = None
        try:
            program = compiled(script, "exec")
            stored = orjson.dumps(context)
            names = orjson.loads(stored)
            guards = _guards(program, Meter(), self.globals)
            given = globals_of({**(external_context or {}), **guards})
            scope = {**given, **names, **given}
            exec(program.code, scope)  # noqa: S102 - RestrictedPython
            result = {
                name: value
                for name, value in scope.items()
                if name not in given or value is not given[name]
            }
            result.update((name, names[name]) for name in given.keys() & names.keys() - result)
            _storable(result, len(stored) + RESULT_BYTES_MAX)
        except _FAILURES as error:
            failed = _explained(script, program, error)
        else:
            context.clear()
            context.update(result)
            return True
        raise failed


def _short(text: str) -> bool:
    return len(text) <= RESULT_BYTES_MAX and text.isascii()  # others could hold half a character


def _storable(value: Any, bytes_max: int) -> None:
    """NotJson, or OverLimit: looked at before it is written, for a small list can be a huge text"""
    if larger(value, bytes_max) or len(as_json(value)) > bytes_max:
        raise OverLimit("结果过大，最多 1 MB")


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

    def evaluate(self, task: Any, expression: str, external_context: Any = None) -> Any:
        try:
            return self.environment.evaluate(expression, task.data, external_context)
        except ScriptError as error:
            raise _of_task(task, error) from error

    def execute(self, task: Any, script: str, external_context: Any = None) -> Any:
        try:
            return self.environment.execute(script, task.data, external_context)
        except ScriptError as error:
            raise _of_task(task, error) from error

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


def _of_task(task: Any, error: ScriptError) -> WorkflowTaskException:
    return WorkflowTaskException(str(error), task=task, exception=error, line_number=error.line)


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
