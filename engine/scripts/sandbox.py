"""Compiles what an admin has written: once, cached, with the list of what its run has to be given.

`grammar` says what may be written, `meter` what it may cost, `script` runs it for a request.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any, Literal

from RestrictedPython import (  # type: ignore[attr-defined]
    compile_restricted_eval,
    compile_restricted_exec,
)

from engine.scripts.grammar import OF_THE_HALL, PLAIN, ExpressionPolicy, ScriptPolicy
from engine.scripts.meter import GUARDS

Mode = Literal["eval", "exec"]

CODE_CACHE_MAX = 8192
SOURCE_CHARS_MAX = 10_000  # what runs without a loop costs what its text is long
DEPTH_MAX = 80  # brackets in brackets; far below what the compiler can hold
FILENAME = "<diagram>"  # marks our frames in a traceback

_BUILTINS = {"__builtins__": {f"_{name}_": function for name, function in PLAIN.items()}}


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression or script.

    `guards` are the functions of the meter it calls and `hall` those of the hall, by the names they
    have in the code; with neither it runs at once over the data.  `words` are its text constants:
    only these may be repeated in the sentence of an error, everything else could be data.
    """

    code: CodeType
    source: str
    guards: tuple[tuple[str, Callable[..., Any]], ...]
    hall: tuple[tuple[str, str], ...]
    words: frozenset[str]

    @property
    def plain(self) -> bool:
        return not self.guards and not self.hall


@lru_cache(CODE_CACHE_MAX)
def compiled(source: str, mode: Mode) -> Program:
    """An expression (`eval`) or a script (`exec`); SyntaxError with a Chinese reason."""
    source = source.strip() if mode == "eval" else source
    try:
        tree = _parsed(source, mode)
        words = frozenset(
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        if mode == "eval":
            result = compile_restricted_eval(tree, FILENAME, policy=ExpressionPolicy)
        else:
            result = compile_restricted_exec(tree, FILENAME, policy=ScriptPolicy)
    except (RecursionError, MemoryError):
        raise SyntaxError("嵌套太深，请拆成几步") from None
    if result.errors:
        raise SyntaxError(result.errors[0])
    assert isinstance(result.code, CodeType)
    names = sorted(_names(result.code))
    guards = tuple((name, GUARDS[name]) for name in names if name in GUARDS)
    hall = tuple((name, name[1:-1]) for name in names if name[1:-1] in OF_THE_HALL)
    return Program(result.code, source, guards, hall, words)


def globals_of(names: dict[str, Any]) -> dict[str, Any]:
    """The globals of a run: these names, the plain functions, and none of Python's own."""
    names.update(_BUILTINS)
    return names


PLAIN_GLOBALS = globals_of({})  # shared: a plain expression cannot write to it


def _parsed(source: str, mode: Mode) -> ast.Module | ast.Expression:
    if len(source) > SOURCE_CHARS_MAX:
        raise SyntaxError(f"太长，最多 {SOURCE_CHARS_MAX} 字，请拆成几步")
    try:
        tree = ast.parse(source, FILENAME, mode)
    except SyntaxError as error:
        where = f"第 {error.lineno} 行：" if error.lineno else ""
        raise SyntaxError(f"{where}写法有误（{error.msg}）") from None
    except ValueError:  # a zero byte
        raise SyntaxError("含有不能识别的字符") from None
    level = 0
    nodes: list[ast.AST] = [tree]
    while nodes:
        level += 1
        if level > DEPTH_MAX:
            raise SyntaxError("嵌套太深，请拆成几步")
        nodes = [child for node in nodes for child in ast.iter_child_nodes(node)]
    assert isinstance(tree, ast.Module | ast.Expression)
    return tree


def _names(code: CodeType) -> set[str]:
    found = {name for name in code.co_names if name.startswith("_")}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return found
