"""Whatever somebody draws into a diagram: a request in hand goes on to its end on the new version,
or is refused before anything is touched."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.diagrams import dialect, rehearsal
from engine.diagrams.dialect import Deployed
from engine.diagrams.rehearsal import open_tasks
from engine.errors import BadDefinition
from engine.tokens import codec
from engine.verbs import rebinding
from tests.conftest import Clock
from tests.engine.redrawn import redrawn
from tests.engine.twins import (
    SEED,
    Happening,
    Ours,
    Run,
    act,
    files_of,
    library_time,
    run,
    wake_parents,
)

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.bpmn"))
HAPPENINGS: tuple[Happening, ...] = (
    ("hours", 5),
    ("message", "回执"),
    ("message", "同意"),
    ("message", "银行回执"),
    ("signal", "停办"),
    ("hours", 50),
)
DRAWINGS = 6  # of each diagram; more were tried when this was written
ROUNDS_MAX = 120


class Rebound(Ours):
    """Ours, taken to a fresh version of the same diagram before every step."""

    def __init__(self, key: str, files: dict[str, bytes], clock: Clock) -> None:
        super().__init__(key, files, clock)
        self._source = key, files

    def before_each(self) -> None:
        super().before_each()
        go(self, dialect.parse(*self._source))


def go(one: Any, new: Deployed) -> None:
    one.workflow = rebinding.rebind(one.workflow, new, one._engine())
    one._deployed = new


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_same_diagram_again_changes_nothing(path: Path) -> None:
    assert run(Rebound, path, HAPPENINGS).seen == run(Ours, path, HAPPENINGS).seen


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_request_on_a_redrawn_diagram_ends_or_is_refused(path: Path) -> None:
    for number in range(DRAWINGS):
        chance = Random(f"{path.stem}{number}")
        files = files_of(path)
        changed = files | {path.name: redrawn(files[path.name], chance, chance.randint(1, 3))}
        new = drawable(path.stem, changed)
        if new is None:
            continue
        with library_time(clock := Clock()):
            one = begun(path.stem, files, clock)
            for _ in range(chance.randint(0, 2)):
                something_happens(one, chance)
            settle(one)
            if one.workflow.completed or refused(one, new):
                continue
            go(one, new)
            one.before_each()
            assert ends(one, chance), f"drawing {number}: {standing(one)}"


def refused(one: Any, new: Deployed) -> bool:
    before = codec.dumps(one.workflow)
    reason = rebinding.obstacle(one.workflow, new)
    assert codec.dumps(one.workflow) == before
    if reason is None:
        copy = codec.loads(before, one._deployed.spec, one._deployed.subspecs, one._engine())
        bound = codec.dumps(rebinding.rebind(copy, new, one._engine()))
        reason = rebinding.stuck(rehearsal.foretell(new, one._engine().rt, bound)[1])
    return reason is not None


def drawable(key: str, files: dict[str, bytes]) -> Deployed | None:
    """The new version, if a request that begins on it comes to its end at all."""
    try:
        new = dialect.parse(key, files)
        with library_time(clock := Clock()):
            return new if ends(begun(key, files, clock), Random(1)) else None
    except (BadDefinition, ValueError, TypeError, KeyError, NameError):
        return None


def begun(key: str, files: dict[str, bytes], clock: Clock) -> Ours:
    one = Ours(key, files, clock)
    one.workflow.task_tree.data.update(json.loads(json.dumps(SEED)))
    settle(one)
    act(open_tasks(one.workflow)[0], Run())
    return one


def something_happens(one: Any, chance: Random) -> None:
    settle(one)
    ready = open_tasks(one.workflow)
    if ready and chance.random() < 0.9:
        act(chance.choice(ready), Run())
    else:
        one.happen(*chance.choice(HAPPENINGS))


def settle(one: Any) -> None:
    one.workflow.do_engine_steps()
    wake_parents(one.workflow)
    one.workflow.do_engine_steps()


def ends(one: Any, chance: Random) -> bool:
    for number in range(ROUNDS_MAX):
        settle(one)
        if one.workflow.completed:
            return True
        ready = open_tasks(one.workflow)
        if ready:
            act(chance.choice(ready), Run())
        else:
            one.happen(*HAPPENINGS[number % len(HAPPENINGS)])
    return bool(one.workflow.completed)


def standing(one: Any) -> list[str]:
    return [task.task_spec.name for task in open_tasks(one.workflow)]
