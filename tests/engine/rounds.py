"""Diagrams that go round and round, with something inside that a careless pruning would break.

Each block runs from `step` (which counts the rounds) to `again` (which decides whether to go on).
"""

from __future__ import annotations

from tests.builders.diagrams import (
    catch_timer,
    end,
    flow,
    flows,
    for_each,
    form,
    gateway,
    lane,
    process,
    script,
    start,
    subprocess,
    timer,
    user,
)

REVIEWS = ("work", "left", "right", "third", "inner", "late")
_FORK = gateway("fork", kind="parallel") + gateway("join", kind="parallel")
_PAIR = user("left", "左") + user("right", "右")
_SOON = '"PT1H"'

BLOCKS: dict[str, str] = {
    "plain": user("work", "办理", verbs="approve,return") + flows("step", "work", "again"),
    "parallel": _FORK
    + _PAIR
    + flows("step", "fork", "left", "join", "again")
    + flows("fork", "right", "join"),
    "inclusive": gateway("fork", kind="inclusive")
    + gateway("join", kind="inclusive")
    + _PAIR
    + user("third", "三")
    + flow("step", "fork")
    + flow("fork", "left", "n > 0")
    + flow("fork", "right", "n % 3 > 0")
    + flow("fork", "third", "n % 2 == 0")
    + flows("left", "join", "again")
    + flows("right", "join")
    + flows("third", "join"),
    "parallel_in_parallel": _FORK
    + _PAIR
    + user("third", "三")
    + gateway("fork2", kind="parallel")
    + gateway("join2", kind="parallel")
    + flows("step", "fork", "fork2", "left", "join2", "join", "again")
    + flows("fork2", "right", "join2")
    + flows("fork", "third", "join"),
    "three_to_one_join": _FORK
    + _PAIR
    + user("third", "三")
    + gateway("fork2", kind="parallel")
    + flows("step", "fork", "fork2", "left", "join", "again")
    + flows("fork2", "right", "join")
    + flows("fork", "third", "join"),
    "branch_that_ends": gateway("fork", kind="parallel")
    + user("work", "办理")
    + script("note", "noted = n")
    + end("end_note")
    + flows("step", "fork", "work", "again")
    + flows("fork", "note", "end_note"),
    "loop_in_loop": script("reset", "m = 0")
    + user("work", "办理")
    + script("count", "m = m + 1")
    + gateway("more", "again")
    + flows("step", "reset", "work", "count", "more", "again")
    + flow("more", "work", "m < 3"),
    "loop_in_branch": _FORK
    + user("left", "左")
    + user("right", "右")
    + script("reset", "m = 0")
    + script("count", "m = m + 1")
    + gateway("more", "join")
    + flows("step", "fork", "left", "join", "again")
    + flows("fork", "reset", "right", "count", "more", "join")
    + flow("more", "right", "m < 3"),
    "subprocess": subprocess(
        "part",
        start("part_start"),
        user("inner", "内层"),
        end("part_end"),
        flows("part_start", "inner", "part_end"),
    )
    + flows("step", "part", "again"),
    "parallel_in_subprocess": subprocess(
        "part",
        start("part_start"),
        _FORK,
        _PAIR,
        end("part_end"),
        flows("part_start", "fork", "left", "join", "part_end"),
        flows("fork", "right", "join"),
    )
    + flows("step", "part", "again"),
    "for_each": script("seed", "items = [1, 2, 3]\nresults = []")
    + for_each("work", "逐项", "items")
    + flows("step", "seed", "work", "again"),
    "one_by_one": script("seed", "items = [1, 2, 3]\nresults = []")
    + for_each("work", "逐项", "items", sequential=True)
    + flows("step", "seed", "work", "again"),
    "reminder": user("work", "办理")
    + timer("due", "work", timeDuration=_SOON)
    + script("remind", "reminded = n")
    + end("end_reminded")
    + flows("step", "work", "again")
    + flows("due", "remind", "end_reminded"),
    "overdue": user("work", "办理")
    + timer("due", "work", interrupting=True, timeDuration=_SOON)
    + user("late", "催办")
    + flows("step", "work", "again")
    + flows("due", "late", "again"),
    "first_event": gateway("wait", kind="eventBased")
    + catch_timer("soon", timeDuration=_SOON)
    + catch_timer("later", timeDuration='"PT9H"')
    + user("work", "办理")
    + user("late", "催办")
    + flows("step", "wait", "soon", "work", "again")
    + flows("wait", "later", "late", "again"),
}


def rounds(block: str, times: int, *, before: str = "") -> bytes:
    """A form, then so many rounds of the block, then the end; a step `before` the first round."""
    drawn = tuple(each for each in REVIEWS if f"id='{each}'" in BLOCKS[block])
    inside = "part" if "id='part'" in BLOCKS[block] else ""
    names = [each for each in drawn if each not in ("inner",) or not inside]
    return process(
        "rounds",
        start(),
        form("fill"),
        before,
        script("begin", "n = 0"),
        script("step", "n = n + 1"),
        BLOCKS[block],
        gateway("again", "end"),
        end(),
        flows("start", "fill", *(["seal"] if before else []), "begin", "step"),
        flow("again", "step", f"n < {times}"),
        flows("again", "end"),
        lanes=lane("单位经办人", "fill")
        + lane("归集审核岗", *names, *(["seal"] if before else [])),
    )


def automatic(block: str, times: int) -> bytes:
    """A form, then so many rounds without anybody."""
    inside = {
        "plain": flows("count", "again"),
        "fork": _FORK
        + script("left", "a = n")
        + script("right", "b = n")
        + flows("count", "fork", "left", "join", "again")
        + flows("fork", "right", "join"),
        "part": flows("count", "again"),
    }[block]
    loop = (
        script("count", "n = n + 1")
        + inside
        + gateway("again", "enough" if block == "part" else "end")
        + flow("again", "count", f"n < {times}")
    )
    if block == "part":
        around = start("part_start") + loop + end("enough") + flows("part_start", "count")
        around = subprocess("part", around, flows("again", "enough"))
        way = flows("start", "fill", "begin", "part", "end")
    else:
        around, way = loop + flows("again", "end"), flows("start", "fill", "begin", "count")
    return process(
        "auto",
        start(),
        form("fill"),
        script("begin", "n = 0"),
        around,
        end(),
        way,
        lanes=lane("单位经办人", "fill"),
    )
