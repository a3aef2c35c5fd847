"""Things that happen to a request and that others may want to answer inside the same transaction.

`@on("returned")` is how notices learn that a request went back; the diagram itself speaks of the
rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from engine.runtime import Actor, Runtime

if TYPE_CHECKING:
    from engine.requests.cases import Case, OpenTask

KINDS = ("started", "returned", "withdrawn", "ended", "completed", "refused")


@dataclass(frozen=True, slots=True)
class Event:
    """`task` is the step that was decided, when there was one."""

    kind: str
    rt: Runtime
    instance: Case
    actor: Actor
    opinion: str = ""
    task: OpenTask | None = None

    @property
    def session(self) -> Session:
        return self.rt.session


Listener = Callable[[Event], None]
_listeners: dict[str, list[Listener]] = defaultdict(list)


def on(kind: str) -> Callable[[Listener], Listener]:
    """Call the function whenever `kind` happens, in the same transaction; it must not commit."""
    assert kind in KINDS, kind

    def register(function: Listener) -> Listener:
        if function not in _listeners[kind]:
            _listeners[kind].append(function)
        return function

    return register


def emit(event: Event) -> None:
    for listener in _listeners[event.kind]:
        listener(event)
