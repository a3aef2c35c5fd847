"""One verb, killed at every statement it makes, always from the same picture.

Everything is done in copies of this process that share its clock, its luck and its numbers: a verb
done twice from one picture leaves the same rows to the last bit, and what a killed one has left can
be compared without forgiving anything.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text

from engine import audit, workflow
from engine.errors import HallError
from tests.engine.hall import TABLES, Hall
from tests.engine.killing import die_at, in_a_copy

Deed = Callable[[], Any]
Picture = dict[str, list[Any]]
MOMENTS_MAX = 2_000  # a verb of ours makes some ten to fifty statements
_LAST_NUMBERS = text(
    "select sequencename, last_value from pg_sequences where schemaname = current_schema()"
)
_TO_NUMBER = text("select setval(cast(:name as regclass), :value, :called)")


@dataclass(frozen=True)
class Trial:
    """What is killed: `prepare` brings the hall to where the verb is possible, and returns it.

    `commits`: how many transactions the verb is cut into on purpose.  `later`: how much time passes
    until somebody does it again; `modulo` names the columns that may tell of it.  `repeats`: done
    again when it was done, it is done twice, as its author wants it.
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
    luck, ticks = itertools.count(1), itertools.count(1_784_000_000)
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
        assert self.do() == 0
        after = self.hall.picture()
        assert after != self.before, "nothing happens at all"
        self.restore()
        assert self.hall.picture() == self.before
        stages, turns = [self.before], []
        for moment in itertools.count(1):
            assert moment < MOMENTS_MAX
            if self.do(moment) == 0:
                break
            left = self.hall.picture()
            if left != stages[-1]:
                self.check_history()
                stages.append(left)
                turns.append(moment)
            self.restore(left)
        assert stages[-1] == after, "killed behind its last commit, it has not happened"
        assert len(stages) == self.trial.commits + 1, self.differences(stages)
        self.restore(self.hall.picture())
        for last in [each - 1 for each in turns] + [moment - 1]:
            self.again(last, after)
        return moment - 1

    def do(self, moment: int | None = None, **how: Any) -> int:
        """In a copy, which dies at the moment; 0 when it came to its end."""
        self.let_go()
        return in_a_copy(lambda: self._in_a_copy(moment, **how))

    def again(self, moment: int, after: Picture) -> None:
        """Killed at the last moment of a stage, with its locks still held; then done again."""
        assert self.do(moment) == -signal.SIGKILL
        left = self.hall.picture()
        over = left == after
        if over and self.trial.repeats:
            return self.restore(left)
        self.rewind(left)
        refusable = over or self.trial.commits > 1
        assert self.do(later=self.trial.later, refusable=refusable) == 0
        found = self.hall.picture()
        assert self.forgiven(found) == self.forgiven(after), f"done again after moment {moment}"
        self.check_history()
        return self.restore(found)

    def _in_a_copy(
        self, moment: int | None = None, *, later: float = 0, refusable: bool = False
    ) -> None:
        database = self.hall.database
        database.dispose(close=False)  # its connections are the parent's
        foresee()
        if moment is not None:
            die_at(database, moment)
        if later:
            self.hall.clock.advance(seconds=later)
        with suppress(HallError) if refusable else suppress():
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
            last = {name: max((row[0] for row in rows), default=0) for name, rows in picture.items()}
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
            last = {name.removesuffix("_id_seq"): n for name, n in connection.execute(_LAST_NUMBERS)}
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
        }

    def differences(self, stages: list[Picture]) -> list[list[str]]:
        """For the reader of a failed test: which tables changed from stage to stage."""
        return [
            [name for name in new if new[name] != old[name]]
            for old, new in itertools.pairwise(stages)
        ]


def survives(hall: Hall, trial: Trial) -> None:
    """The whole test of one verb."""
    assert Ordeal(hall, trial).survive() > 4, "a verb reads and writes"
