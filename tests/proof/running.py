"""A plan is worked day by day: by one process, by two at once, by two that are killed.

Each day has a morning, in which yesterday's books are closed and everybody does their deeds, and an
afternoon, in which one process does what a dead one has left: the leases have run out by then.
On 30 June every process pays the year's interest; they share the work.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import IO, Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import sessionmaker

from engine import Actor
from engine.boxes import incident_desk
from engine.calendar import ZONE
from engine.database import configure
from engine.errors import HallError
from engine.owed import jobs, outbox
from engine.verbs import repairing
from handlers.contributions import allocating
from handlers.ledger import closing, settling
from handlers.rosters import applying
from tests.builders import people
from tests.conftest import Clock
from tests.engine.killing import copy_at_work, die_at
from tests.proof import plan as p
from tests.proof.clerks import Clerks
from tests.proof.plan import Deed, Plan
from tests.proof.recompute import Books
from tests.proof.town import Town, centre
from tests.servers import compiled_once
from webapp.rooms import register_handlers

CLERK = Actor("staff:1", "会计")
KEEPER = Actor("staff:99", "流程管理员", frozenset({("流程管理员", "*")}))
KILLED = "every runner died"  # of an incident: who is killed here is killed more often than tried
MORNING, AFTERNOON, EVENING = time(9), time(15), time(20)
LEASE = timedelta(seconds=max(jobs.LEASE_SECONDS, outbox.LEASE_SECONDS) + 1)
PATIENCE_SECONDS = 900  # of a day's work of one process
MOMENTS_MAX = 1_500  # answers of the database; a life ends at one of so many: some thirty deeds
PIECE = 2  # rows or lines, see `small_pieces`
WORK, FINISH, STOP = "work", "finish", "stop"
Said = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Proof:
    """What is worked, and where; made without a connection.  `expected`: what must have come out at
    the end of the last deed's day, while 上年结转 and 当年归集 still differ, and on the 30 June
    behind it, when they do not."""

    town: Town
    url: str
    expected: tuple[Books, Books]
    by_day: dict[date, list[Deed]] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        return self.town.plan

    @property
    def halves(self) -> tuple[list[date], list[date]]:
        """Days with deeds, each 30 June and each day behind it: to the last deed, and after."""
        first, last, end = self.plan.days[0], self.plan.days[-1], self.plan.ends_on
        ends = [date(year, 6, 30) for year in range(first.year, end.year + 1)]
        ends = [day for day in ends if first <= day <= end]
        days = sorted({*self.plan.days, *ends, *(day + timedelta(days=1) for day in ends)})
        return [day for day in days if day <= last], [day for day in days if day > last]


def proof(plan: Plan, url: str) -> Proof:
    """Everything forked processes need, and an empty town in the database."""
    register_handlers()
    town = Town(plan, centre(plan.entry), Clock())
    at(town.clock, plan.days[0] - timedelta(days=1), MORNING)
    town.open_doors()
    with people.store(url) as sessions:
        town.found(sessions, plan.days[0] - timedelta(days=1))
    by_day: dict[date, list[Deed]] = {}
    for deed in plan.deeds:
        by_day.setdefault(deed.day, []).append(deed)
    expected = (Books(plan).run(plan.days[-1]), Books(plan).run(plan.ends_on))
    return Proof(town, url, expected, by_day)


@contextmanager
def small_pieces() -> Iterator[None]:
    """What is done at once for people who wait becomes the work of jobs here, so that a small town
    has rosters and payments half done when somebody is killed."""
    patch = pytest.MonkeyPatch()
    forms = {form: (function, PIECE) for form, (function, _) in applying._appliers.items()}
    patch.setattr(applying, "_appliers", forms)
    patch.setattr(allocating, "AT_ONCE_LINES", PIECE)
    patch.setattr(allocating, "PIECE_LINES", PIECE)
    try:
        yield
    finally:
        patch.undo()


def at(clock: Clock, day: date, moment: time, *, later: int = 0) -> None:
    """`later`: by so many leases of what somebody died over."""
    clock.set(datetime.combine(day, moment, ZONE) + later * LEASE)


@contextmanager
def clerks(one: Proof, engine: Engine) -> Iterator[Clerks]:
    sessions = sessionmaker(engine)
    with sessions() as session:
        yield Clerks(one.town, sessions, session, one.expected[1].arrivals)


def made(url: str) -> Engine:
    return compiled_once(configure(create_engine(url)))


# ── a day ──────────────────────────────────────────────────────────────────────────────────────
def work(one: Proof, desk: Clerks, day: date, *, who: int, of: int, later: int = 0) -> None:
    """One process's deeds of a morning; another one's too where both are at the same."""
    at(one.town.clock, day, MORNING, later=later)
    if not who:
        closing.close_yesterday(desk.rt)
    deeds = one.by_day.get(day, [])
    arriving = [deed for deed in deeds if deed.verb == p.ARRIVE]
    statements(one, desk, arriving, who=who, of=of)
    for deed in deeds:
        mine = deed.unit % of == who
        if deed.verb != p.ARRIVE and (mine or deed.rival):
            desk.do(deed, part="" if mine else "rival")
            if deed.rival and of == 1:
                desk.do(deed, part="rival")
    desk.pump()
    if (day.month, day.day) == (6, 30):
        at(one.town.clock, day, EVENING)
        settle(desk, day.year)


def statements(one: Proof, desk: Clerks, arriving: list[Deed], *, who: int, of: int) -> None:
    """Every statement is imported twice, by two processes where there are two."""
    for place, branch in enumerate(one.town.branches):
        deeds = [deed for deed in arriving if one.town.branch(deed.unit) == branch]
        if deeds:
            desk.statement(branch, deeds, part="" if place % of == who else "rival")
        if deeds and of == 1:
            desk.statement(branch, deeds, part="rival")


def settle(desk: Clerks, year: int) -> None:
    try:
        settling.settle(desk.rt, CLERK, year)
    except HallError as refusal:
        desk.session.rollback()
        if refusal.code != "interest.settled_already":
            raise


def finish(one: Proof, desk: Clerks, day: date, *, of: int = 1, later: int = 0) -> None:
    """In the afternoon one process makes sure of what two were at, and does what is owed."""
    at(one.town.clock, day, AFTERNOON, later=later)
    deeds = one.by_day.get(day, [])
    arriving = [deed for deed in deeds if deed.verb == p.ARRIVE]
    for branch in one.town.branches:
        mine = [deed for deed in arriving if one.town.branch(deed.unit) == branch]
        if left := desk.missing(mine):
            desk.statement(branch, left, part="late")
    for deed in deeds:
        if deed.rival and of > 1:
            desk.do(deed, part="late")
    desk.pump()
    retry_killed(desk)
    assert not desk.missing(arriving), "money on the statement that the hall does not know"


def retry_killed(desk: Clerks) -> None:
    """重试 of what was given up because its runners were killed; nothing else is mended here."""
    for each in incident_desk.page(desk.rt, KEEPER).rows:
        if KILLED in each.error:
            repairing.retry(desk.rt, KEEPER, each.id)
    desk.pump()


# ── one process ────────────────────────────────────────────────────────────────────────────────
def alone(one: Proof, days: Sequence[date], said: Said = lambda text: None) -> None:
    """These days of the plan, in this process."""
    engine = made(one.url)
    with clerks(one, engine) as desk:
        for day in days:
            said(f"{day}")
            work(one, desk, day, who=0, of=1)
            finish(one, desk, day)
    engine.dispose()


# ── several ────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Worker:
    """A copy of this process that does what it is told, until it is told nothing or is killed."""

    one: Proof
    who: int
    of: int
    luck: random.Random | None = None
    pid: int = 0
    orders: IO[str] = field(init=False)
    answers: IO[str] = field(init=False)
    lives: int = 0

    def begin(self) -> None:
        reading, telling = os.pipe()
        hearing, writing = os.pipe()
        moment = self.luck.randint(1, MOMENTS_MAX) if self.luck else 0

        def in_there() -> None:
            os.close(telling)
            os.close(hearing)
            with os.fdopen(reading) as orders, os.fdopen(writing, "w") as answers:
                self._live(orders, answers, moment)

        self.pid = copy_at_work(in_there)
        self.lives += 1
        os.close(reading)
        os.close(writing)
        self.orders, self.answers = os.fdopen(telling, "w"), os.fdopen(hearing)

    def _live(self, orders: IO[str], answers: IO[str], moment: int) -> None:
        engine = made(self.one.url)
        if moment:
            die_at(engine, moment)
        with clerks(self.one, engine) as desk:
            for line in orders:
                signal.alarm(PATIENCE_SECONDS)
                order, _, text = line.strip().partition(" ")
                if order == STOP:
                    break
                day, later = date.fromisoformat(text.split()[0]), int(text.split()[1])
                if order == WORK:
                    work(self.one, desk, day, who=self.who, of=self.of, later=later)
                else:
                    finish(self.one, desk, day, of=self.of, later=later)
                answers.write("done\n")
                answers.flush()
        engine.dispose()

    def tell(self, order: str, day: date, *, later: int = 0) -> None:
        self.orders.write(f"{order} {day} {later}\n")
        self.orders.flush()

    def wait(self, order: str, day: date) -> None:
        """Until it is done; killed, another one takes its place and does it again."""
        for again in count(1):
            if self.answers.readline():
                return
            code = self.end()
            assert code == -signal.SIGKILL, f"process {self.who} ended with {code}: see above"
            self.begin()
            self.tell(order, day, later=again)

    def end(self) -> int:
        for pipe in (self.orders, self.answers):
            pipe.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def together(
    one: Proof,
    days: Sequence[date],
    said: Said = lambda text: None,
    *,
    of: int = 2,
    seed: int | None = None,
) -> int:
    """The same by several processes, killed at moments drawn from `seed`; how often they were."""
    sys.stdout.flush()
    lucks = [random.Random(f"{seed}/{who}") if seed is not None else None for who in range(of)]
    workers = [Worker(one, who, of, luck) for who, luck in enumerate(lucks)]
    with ExitStack() as stack:
        for worker in workers:
            worker.begin()
            stack.callback(_stop, worker)
        for day in days:
            said(f"{day}")
            for worker in workers:
                worker.tell(WORK, day)
            for worker in workers:
                worker.wait(WORK, day)
            workers[0].tell(FINISH, day)
            workers[0].wait(FINISH, day)
        stack.pop_all()
    for worker in workers:
        # closing the pipe would not do: the other processes have inherited this end of it
        worker.tell(STOP, days[-1])
        assert worker.end() == 0
    return sum(worker.lives - 1 for worker in workers)


def _stop(worker: Worker) -> Any:
    """Of a run that has failed."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(worker.pid, signal.SIGKILL)
        worker.end()
