"""Two versions of a diagram, and a request that is to go from one to the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import engine
from engine.verbs import migrating
from engine.verbs.migrating import Verdict
from tests.builders.diagrams import (
    FIRST,
    OPERATOR,
    SECOND,
    end,
    flows,
    form,
    lane,
    process,
    start,
    timer,
    user,
)
from tests.engine.hall import (
    KEEPER,
    REVIEWER,
    Hall,
)

WHY = "流程改版，按新版继续办理"


def straight(*names: str, forms: tuple[str, ...] = (), **extra: Any) -> bytes:
    """A form and steps in one line; `a=初审` names a step, `extra` gives parts, flows, roles."""
    steps = dict(each.split("=") for each in names)
    props: dict[str, dict[str, Any]] = extra.get("props", {})
    roles: dict[str, str] = extra.get("roles", {})
    drawn = [
        (form if node in forms else user)(
            node, name, **{"verbs": "approve,return"} | props.get(node, {})
        )
        for node, name in steps.items()
    ]
    seconds = [node for node in steps if roles.get(node) == SECOND]
    nobody = [node for node in steps if roles.get(node) == ""]
    firsts = [node for node in steps if node not in (*seconds, *nobody)]
    return process(
        "line",
        start(),
        form("fill"),
        *drawn,
        extra.get("parts", ""),
        end(),
        flows("start", "fill", *steps, "end"),
        lanes=lane(OPERATOR, "fill") + lane(FIRST, *firsts) + lane(SECOND, *seconds),
    )


@dataclass
class Moved:
    """A request filed on one version, another version deployed."""

    hall: Hall
    no: str
    to: int

    def go(self, **more: Any) -> Verdict:
        said = {"to": self.to, "reason": WHY} | more
        return migrating.migrate_one(self.hall.rt, KEEPER, self.no, **said)


LATE = timer("late", "a", timeDuration="'PT5H'") + end("gone") + flows("late", "gone")
ONE = straight("a=初审")
TWO = straight("a=初核", "b=复核", roles={"b": SECOND})
LATE_TWO = straight("a=初核", "b=复核", roles={"b": SECOND}, parts=LATE)
approve: Callable[[Hall, str], Any] = lambda hall, no: hall.approve(no, REVIEWER)  # noqa: E731
claim: Callable[[Hall, str], Any] = lambda hall, no: engine.claim(  # noqa: E731
    hall.rt, REVIEWER, hall.task(no)
)
