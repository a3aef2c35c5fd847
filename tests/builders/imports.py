"""A hall with one open roster, into which workbooks are imported."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from engine import Actor, Runtime, Weekdays
from engine.database import transaction
from engine.models import Job
from engine.owed import jobs
from forms import registry
from forms.rosters import importing
from forms.rosters.base import RosterForm
from handlers.rosters import store
from handlers.rosters.models import Roster
from handlers.rosters.store import Line
from tests.builders.units import SCOPE, texts

ME = Actor("operator:1", "杨秀兰")
KEY = "tests"


class Importing:
    """`shop` is what long jobs run in; `open` is the roster of this form."""

    def __init__(
        self, sessions: sessionmaker[Session], clock: Callable[[], Any], form: type[RosterForm]
    ) -> None:
        registry._FORMS[form.form_id] = form  # forms of tests stay known: no harm, and no undoing
        self.sessions, self.clock, self.form = sessions, clock, form
        self.profile = SimpleNamespace(services={KEY: texts(name=form.title)})
        with sessions() as session, transaction(session):
            rt = self.runtime(session)
            opened = store.open_roster(rt, ME, KEY, form.form_id, scope=SCOPE, branch="QDN01")
            self.roster_id = opened.id

    def runtime(self, session: Session) -> Runtime:
        profile: Any = self.profile
        return Runtime(session=session, clock=self.clock, calendar=Weekdays(), profile=profile)

    def upload(self, content: bytes, *, file_name: str = "清册.xlsx", **more: Any) -> int:
        """Order an import; its job."""
        with self.sessions() as session:
            roster = session.get(Roster, self.roster_id)
            assert roster is not None
            rt = self.runtime(session)
            return importing.start_import(rt, ME, roster, content, file_name=file_name, **more)

    def work(self, job_id: int) -> dict[str, Any]:
        """Run the job to its end, slice by slice; its result."""
        while self.job(job_id).finished_at is None:
            assert jobs.run_one(self, job_id, clock=self.clock), self.job(job_id).last_error
        return self.job(job_id).result

    def bring(self, content: bytes, **more: Any) -> dict[str, Any]:
        return self.work(self.upload(content, **more))

    def job(self, job_id: int) -> Job:
        with self.sessions() as session:
            return session.scalars(select(Job).where(Job.id == job_id)).one()

    def roster(self) -> Roster:
        with self.sessions() as session:
            return session.scalars(select(Roster).where(Roster.id == self.roster_id)).one()

    def lines(self) -> list[Line]:
        with self.sessions() as session:
            return store.rows(session, self.roster_id, limit=1_000_000)
