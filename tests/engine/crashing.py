"""One verb, killed at every statement it makes, always from the same picture.

Everything is done in copies of this process that share its clock, its luck and its numbers: a verb
done twice from one picture leaves the same rows to the last bit, and what a killed one has left can
be compared without forgiving anything.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import count, zip_longest
from typing import Any

from sqlalchemy import text

from engine import audit
from engine.errors import HallError
from engine.tokens import workflow
from tests.engine.hall import TABLES, Hall
from tests.engine.killing import COMMIT, at_every_moment, die_at, in_a_copy

Deed = Callable[[], Any]
Picture = dict[str, list[Any]]
MOMENTS_MAX = 2_000  # what a pipe holds for sure; a verb makes some ten to fifty statements
_LAST_NUMBERS = text(
    "select sequencename, last_value from pg_sequences where schemaname = current_schema()"
)
_TO_NUMBER = text("select setval(cast(:name as regclass), :value, :called)")


@dataclass(frozen=True)
class Trial:
    """What is killed: `prepare` brings the hall to where the verb is possible, and returns it.

    `commits`: how many transactions the verb is cut into on purpose.  `later`: how much time passes
    until somebody does it again; `modulo` names the columns, or whole tables, that may tell of it.
    `repeats`: done again when it was done, it is done twice, as its author wants it.
    """

    prepare: Callable[[Hall], Deed]
    commits: int = 1
    later: float = 0
    modulo: frozenset[str] = frozenset()
    repeats: bool = False

    def __str__(self) -> str:
        return self.prepare.__name__


class Trials(list[Trial]):
    """Collects the trials of a module: `@trials` or `@trials.of(commits=2)` above a `prepare`."""

    def __call__(self, prepare: Callable[[Hall], Deed]) -> Callable[[Hall], Deed]:
        self.append(Trial(prepare))
        return prepare

    def of(self, **how: Any) -> Callable[[Callable[[Hall], Deed]], Callable[[Hall], Deed]]:
        def collect(prepare: Callable[[Hall], Deed]) -> Callable[[Hall], Deed]:
            self.append(replace(Trial(prepare), **how))
            return prepare

        return collect


def foresee() -> None:
    """Chance and time go on from the same point in every copy of this process; it has one deed to
    do and needs neither back."""
    luck, ticks = count(1), count(1_784_000_000)
    os.urandom = lambda size: next(luck).to_bytes(size, "big")
    time.time = workflow.time = lambda: float(next(ticks))


class Ordeal:
    """A hall in which one deed is tried."""

    def __init__(self, hall: Hall, trial: Trial) -> None:
        self.hall, self.trial = hall, trial
        self.deed = trial.prepare(hall)
        hall.rt.session.close()
        self.numbers = self._numbers()
        self.before = hall.picture()

    def survive(self) -> int:
        """Kill it everywhere; how often it was killed."""
        self.deed()  # here, so that no copy has to compile a statement before it dies
        self.restore()
        moments = self.course()
        after = self.hall.picture()
        assert after != self.before, "nothing happens at all"
        self.restore()
        stages = [self.before]
        for moment, kind in enumerate(moments, 1):
            assert self.do(moment) == -signal.SIGKILL
            left = self.hall.picture()
            if left != stages[-1]:
                assert kind == COMMIT, self.differences(stages[-1], left)
                stages.append(left)
                self.check_history()
            if COMMIT in moments[moment - 1 : moment + 1]:
                left = self.again(left, after)
            self.restore(left)
        assert stages[-1] == after, self.differences(stages[-1], after)
        assert len(stages) == self.trial.commits + 1
        return len(moments)

    def course(self) -> str:
        """Do it undisturbed: the moments it comes through."""
        reading, writing = os.pipe()

        def in_there() -> None:
            seen: list[str] = []
            self._in_a_copy(seen.append)
            os.write(writing, "".join(seen).encode())

        self.let_go()
        assert in_a_copy(in_there) == 0
        moments = os.read(reading, MOMENTS_MAX).decode()
        os.close(reading)
        os.close(writing)
        return moments

    def do(self, moment: int) -> int:
        """In a copy, which dies at the moment."""

        def in_there() -> None:
            die_at(self.hall.database, moment)
            self._in_a_copy()

        self.let_go()
        return in_a_copy(in_there)

    def again(self, left: Picture, after: Picture) -> Picture:
        """Do it once more, while the dead one's connection may still hold its locks."""
        over = left == after
        if over and self.trial.repeats:
            return left

        def in_there() -> None:
            self.hall.clock.advance(seconds=self.trial.later)
            with suppress(HallError) if left != self.before else nullcontext():
                self._in_a_copy()

        self.rewind(left)
        self.let_go()
        assert in_a_copy(in_there) == 0
        found = self.hall.picture()
        wanted, got = self.forgiven(after), self.forgiven(found)
        assert got == wanted, self.differences(wanted, got)
        if found != after:
            self.check_history()
        return found

    def _in_a_copy(self, tick: Callable[[str], None] | None = None) -> None:
        self.hall.database.dispose(close=False)  # its connections are the parent's
        foresee()
        if tick is not None:
            at_every_moment(self.hall.database, tick)
        self.deed()

    # ── the database ───────────────────────────────────────────────────────────────────────────

    def let_go(self) -> None:
        """A copy of a process that has a SQLite file open would believe in locks it has not."""
        self.hall.rt.session.close()
        if self.hall.database.dialect.name == "sqlite":
            self.hall.database.dispose()

    def restore(self, left: Picture | None = None) -> None:
        """As it was before the deed; `left` is what is there, if it is known."""
        if left != self.before:
            with self.hall.database.begin() as connection:
                for table in reversed(TABLES):
                    connection.execute(table.delete())
                for table in TABLES:
                    rows = [dict(row._mapping) for row in self.before[table.name]]
                    if rows:
                        connection.execute(table.insert(), rows)
        self.rewind(self.before)

    def rewind(self, picture: Picture) -> None:
        """The next ids are those that follow on this picture: a sequence goes on counting in a
        transaction that is rolled back."""
        if self.numbers:
            last = {
                name: max((row[0] for row in rows), default=0) for name, rows in picture.items()
            }
            numbers = {name: max(last[name], before) for name, before in self.numbers.items()}
            said = [
                {"name": f"{name}_id_seq", "value": number or 1, "called": number > 0}
                for name, number in numbers.items()
            ]
            with self.hall.database.begin() as connection:
                connection.execute(_TO_NUMBER, said)

    def _numbers(self) -> dict[str, int]:
        """The last id each table has given; SQLite counts the rows themselves."""
        if self.hall.database.dialect.name == "sqlite":
            return {}
        with self.hall.database.connect() as connection:
            last = {
                name.removesuffix("_id_seq"): n for name, n in connection.execute(_LAST_NUMBERS)
            }
        return {table.name: last[table.name] or 0 for table in TABLES if table.name in last}

    # ── what is compared ───────────────────────────────────────────────────────────────────────

    def check_history(self) -> None:
        assert audit.verify(self.hall.rt).faults == ()
        self.hall.rt.session.close()

    def forgiven(self, picture: Picture) -> dict[str, list[dict[str, Any]]]:
        """Without the columns that may differ."""
        return {
            name: [
                {key: value for key, value in row._mapping.items() if key not in self.trial.modulo}
                for row in rows
            ]
            for name, rows in picture.items()
            if name not in self.trial.modulo
        }

    def differences(self, old: Any, new: Any) -> str:
        """For the reader of a failed test."""
        found = []
        for name in old:
            rows = zip_longest(old[name], new[name])
            found += [f"{name}: {a!r}\n    {b!r}" for a, b in rows if a != b]
        return "\n".join(found)


def survives(hall: Hall, trial: Trial) -> None:
    """The whole test of one verb."""
    assert Ordeal(hall, trial).survive() > trial.commits, "it dies behind statements as well"
