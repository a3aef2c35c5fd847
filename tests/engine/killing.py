"""Kills a copy of this process with SIGKILL at one moment of a deed.

A moment is the n-th time the database is about to be asked, has answered, or is about to commit.
The copy is forked, so nothing is imported again; it opens its own connections.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, create_engine, event

from engine.database import configure

BEFORE_AND_AFTER = ("before_cursor_execute", "after_cursor_execute", "commit")


def killed(url: str, moment: int, deed: Callable[[Engine], Any]) -> bool:
    """Do it in a copy that dies at the moment (from 1); False when it was over before."""
    child = os.fork()
    if child == 0:
        _die_at(url, moment, deed)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the copy failed: see its traceback above"
    return False


def _die_at(url: str, moment: int, deed: Callable[[Engine], Any]) -> None:
    """Never returns: whatever pytest would do at its end is not the copy's business."""
    code = 1
    try:
        engine, seen = configure(create_engine(url)), [0]

        def tick(*_: Any) -> None:
            seen[0] += 1
            if seen[0] == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        for name in BEFORE_AND_AFTER:
            event.listen(engine, name, tick)
        deed(engine)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
