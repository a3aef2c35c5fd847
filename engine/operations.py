"""Service operations: what a service task of a diagram calls.

A handler registers `@operation("units/apply_changes")`; the diagram names it as its operator.  It
runs inside the transaction of the verb that reached the task, never commits, never talks to the
network, and takes effect once: `Call.key` is (request, node, visit), the second call returns the
first result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Table, bindparam, insert, select
from sqlalchemy.orm import Session

from engine.models import Effect
from engine.runtime import Actor, Runtime

if TYPE_CHECKING:
    from engine.requests.cases import Case


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one operation by one request."""

    rt: Runtime
    instance: Case
    actor: Actor  # whose decision brought the request here
    key: str
    data: dict[str, Any]  # the data of the request at this task; do not change it, return a result
    params: dict[str, Any]

    @property
    def session(self) -> Session:
        return self.rt.session

    @property
    def no(self) -> str:
        return self.instance.no


# built once, Core and not ORM: every automatic step pays for these statements
_EFFECT = cast(Table, Effect.__table__)
_FIRST = select(_EFFECT.c.result).where(_EFFECT.c.key == bindparam("once"))
_INSERT = insert(_EFFECT).inline()

Function = Callable[[Call], dict[str, Any] | None]
_registry: dict[str, Function] = {}


def operation(name: str) -> Callable[[Function], Function]:
    """Register a function under the operator id used in diagrams (`units/apply_changes`)."""
    assert "/" in name, "an operator id must not equal any node id: write room/verb"

    def register(function: Function) -> Function:
        assert _registry.get(name, function) is function, f"two operations called {name}"
        _registry[name] = function
        return function

    return register


def known(name: str) -> bool:
    return name in _registry


def run_once(call: Call, name: str) -> dict[str, Any]:
    """Run the operation, or return what it returned the first time."""
    session = call.session
    first = session.execute(_FIRST, {"once": call.key}).one_or_none()
    if first is not None:
        found: dict[str, Any] = first.result
        return found
    result = _registry[name](call) or {}
    session.flush()  # what the operation has added is written, or refused, in its own step
    effect = {"key": call.key, "operation": name, "result": result, "at": call.rt.clock()}
    session.execute(_INSERT, effect)
    return result
