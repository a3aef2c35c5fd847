"""Kills a copy of this process with SIGKILL at one moment of a deed.

A moment is the n-th time the database has answered or has committed.  Between one answer and the
next question the process does nothing that anybody else can see: the end of one statement and the
beginning of the next are the same moment.  The copy is forked, so nothing is imported again; it
opens its own connections.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import traceback
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, create_engine, event

from engine.database import configure

PATIENCE_SECONDS = 60  # a copy that waits for a lock of a dead one would wait for ever
STATEMENT, COMMIT = "s", "c"


def killed(url: str, moment: int, deed: Callable[[Engine], Any]) -> bool:
    """Do it in a copy that dies at the moment (from 1); False when it was over before."""

    def in_there() -> None:
        made = configure(create_engine(url))
        die_at(made, moment)
        deed(made)

    return in_a_copy(in_there) == -signal.SIGKILL


def in_a_copy(deed: Callable[[], Any]) -> int:
    """Do it in a fork of this process: 0, or minus the signal that ended it.  What it raises fails
    the test."""
    _, status = os.waitpid(copy_at_work(deed), 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), f"the copy ended with {code}: see its traceback above"
    return code


def copy_at_work(deed: Callable[[], Any]) -> int:
    """Begin it in a fork of this process, whose id is returned; it exits with 1 if it raises."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        gc.disable()  # it would touch, and so copy, all memory
        signal.alarm(PATIENCE_SECONDS)
        deed()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)  # whatever pytest would do at its end is not the copy's business


def raced(deeds: list[Callable[[], Any]]) -> list[Any]:
    """Do all of them at the same moment, each in a copy; what each returned, as JSON can say it."""
    gate, gun = os.pipe()
    answers = [os.pipe() for _ in deeds]

    def runner(deed: Callable[[], Any], answer: int) -> Callable[[], None]:
        def in_there() -> None:
            os.close(gun)
            os.read(gate, 1)  # until nobody holds the other end any more
            with os.fdopen(answer, "w") as file:
                json.dump(deed(), file)

        return in_there

    pairs = zip(deeds, answers, strict=True)
    copies = [copy_at_work(runner(deed, writing)) for deed, (_, writing) in pairs]
    for end in (gate, gun, *(writing for _, writing in answers)):
        os.close(end)
    said = []
    for reading, _ in answers:
        with os.fdopen(reading) as file:
            said.append(file.read())
    codes = [os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) for copy in copies]
    assert set(codes) == {0}, f"the copies ended with {codes}: see their tracebacks above"
    return [json.loads(each) for each in said]


def die_at(engine: Engine, moment: int) -> None:
    """This process dies at the moment, counted over all connections of this engine."""
    seen = 0

    def tick(_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    at_every_moment(engine, tick)


def at_every_moment(engine: Engine, tick: Callable[[str], None]) -> None:
    """Call it with STATEMENT or COMMIT behind each."""
    commit = engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        commit(connection)
        tick(COMMIT)

    engine.dialect.do_commit = do_commit  # type: ignore[method-assign]
    event.listen(engine, "after_cursor_execute", lambda *_: tick(STATEMENT))
