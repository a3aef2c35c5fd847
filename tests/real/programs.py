"""Commands of the product as processes that can be counted, frozen and killed.

Each gets a session of its own: whatever it forks stays in that session (RQ's work horses change
only their process group), so nothing can be left behind unseen.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from deploy.servers import die_with_parent
from webapp.settings import ROOT

PATIENCE_SECONDS = 20.0
_OURS = ("HALL_", "DATABASE_URL", "REDIS_URL", "PYTEST_")


def eventually(true: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """What the condition says as soon as it says something; the last answer when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        found = true()
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The machine's environment without any setting of the hall, and then ours."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return plain | dict(settings)


def members(session_id: int) -> list[int]:
    """Living processes of this session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # pid (name) state ppid pgrp session …; the name may hold anything
                facts = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(facts[3]) == session_id and facts[0] not in "ZX":
                    found.append(int(entry.name))
    return sorted(found)


def children(parent: int) -> list[int]:
    """Of this process, oldest first."""
    with suppress(OSError):
        return [int(x) for x in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return []


class Program:
    """One command; start it again and it is a new process with the same log."""

    def __init__(
        self, name: str, arguments: list[str], settings: Mapping[str, str], home: Path
    ) -> None:
        self.name = name
        self._arguments = arguments
        self._settings = settings
        self._log = home / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.cwd = ROOT

    def start(self) -> Program:
        if self._process is not None:
            self._process.wait()
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments],
                cwd=self.cwd, env=environment(self._settings), stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, preexec_fn=die_with_parent, start_new_session=True,
            )  # fmt: skip
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def minds(self, sign: int) -> bool:
        """Whether it has got so far as to have a handler for this signal."""
        with suppress(OSError):
            status = Path(f"/proc/{self.pid}/status").read_text()
            return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (sign - 1) & 1)
        return False

    def members(self) -> list[int]:
        return members(self.pid) if self._process is not None else []

    def signal(self, sign: int) -> None:
        """To every process of the program, as a terminal or an angry administrator does."""
        for pid in self.members():
            with suppress(ProcessLookupError):
                os.kill(pid, sign)

    def kill(self) -> None:
        """kill -9 of everything at once."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self._process.wait(5)
            self.signal(signal.SIGKILL)  # what was being forked meanwhile

    def wait(self, seconds: float) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.wait(seconds)

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def finished(arguments: list[str], settings: Mapping[str, str], cwd: Path = ROOT) -> Any:
    """A command that ends by itself; its exit code and what it said."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd, env=environment(settings), capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=60, preexec_fn=die_with_parent,
    )  # fmt: skip
