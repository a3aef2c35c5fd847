"""Units at work in a centre: rosters typed row by row and filed, applications filled in, reviews
decided, jobs run; all through the forms, on the diagrams and parameters of the centre's folder.

`open_house` fills a database once; every test takes units and people of its own in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

import engine
from engine import Actor, Outcome, Runtime
from engine.calendar import ZONE, Weekdays
from engine.database import transaction
from engine.models import Instance, Message, OutboxItem, Task
from engine.owed import jobs, outbox
from forms import registry
from forms.applications import ApplicationForm
from forms.applications import Desk as FormDesk
from forms.rosters import editing, filing
from handlers.centers import Center
from handlers.contributions.models import MemberChange
from handlers.ledger import accounts, posting, verifying
from handlers.ledger.drafts import Draft
from handlers.ledger.drafts import Line as Entry
from handlers.ledger.models import LedgerAccount
from handlers.members import operations as members
from handlers.members.models import IndividualAccount
from handlers.people.directory import PeopleDirectory
from handlers.rosters import store
from handlers.rosters.store import Line
from handlers.units.models import Unit
from tests.builders import people
from tests.builders import units as records
from tests.builders.members import name_of, resident_id
from tests.conftest import Clock

ROOT = Path(__file__).resolve().parents[2]
POSTS = ("归集审核岗", "归集复核岗", "财务岗", "业务主管")
JOBS_MAX = 200  # slices; a test that needs more has lost its way
_numbers = itertools.count(1)
_people = itertools.count(1)


@dataclass
class House:
    """A centre with its diagrams and parameters on a database; also a `Shop` for jobs."""

    center: Center
    sessions: sessionmaker[Session]
    clock: Clock

    def runtime(self, session: Session) -> Runtime:
        return Runtime(
            session,
            self.clock,
            Weekdays(),
            self.center.prefix,
            self.center,
            directory=PeopleDirectory(session),
        )

    @property
    def branch(self) -> str:
        return self.center.branches[0].code

    def on(self, moment: str) -> House:
        """house.on("2026-07-20") or "2026-07-20T16:00": from now on it is then (local time)."""
        when = datetime.fromisoformat(moment if "T" in moment else f"{moment}T10:00")
        self.clock.set(when.replace(tzinfo=ZONE))
        return self

    def unit(self, **values: Any) -> Desk:
        """A new unit of this centre with its operator."""
        number = f"0208{next(_numbers):08d}"
        facts: dict[str, Any] = {
            "unit_account_no": number,
            "unit_name": f"第{number[-4:]}号演示单位",
            "branch_code": self.branch,
            "unit_status": "01",
        }
        with self.sessions() as session:
            unit = records.unit(session, **(facts | values))
            name = {"unit_account_no": unit.unit_account_no, "login": unit.unit_account_no}
            user_id = people.operator(session, **name)
            actor = PeopleDirectory(session).find(user_id)
        assert actor is not None
        return Desk(self, number, actor)

    def staff(self, role: str, *, other_than: Actor | None = None, branch: str = "") -> Actor:
        """Somebody who holds this post at a branch."""
        domain = f"branch:{branch or self.branch}"
        with self.sessions() as session:
            found = PeopleDirectory(session).holders(role, domain)
        return next(one for one in found if other_than is None or one.id != other_than.id)

    def run_jobs(self) -> int:
        """Long jobs and what is owed behind them, until nothing is left; how many slices."""
        for count in range(JOBS_MAX):
            with self.sessions() as session:
                due = jobs.due(session, self.clock())
                sms = select(OutboxItem.id).where(OutboxItem.kind.startswith("sms"))
                unsent = set(session.scalars(sms))  # no gateway here
                owed = [one for one in outbox.due(session, self.clock()) if one not in unsent]
            if not due and not owed:
                return count
            for job_id in due:
                jobs.run_one(self, job_id, clock=self.clock)
            for item_id in owed:
                outbox.run_one(
                    self.sessions,
                    item_id,
                    clock=self.clock,
                    profile=self.center,
                    runtime=self.runtime,
                )
        raise AssertionError("jobs without end")

    def verify(self) -> None:
        with self.sessions() as session:
            assert verifying.verify(session).faults == ()


@dataclass
class Desk:
    """The operator of one unit at work."""

    house: House
    number: str
    operator: Actor
    _last: dict[str, int] = field(default_factory=dict)

    @property
    def scope(self) -> str:
        return f"unit:{self.number}"

    @contextmanager
    def rt(self) -> Iterator[Runtime]:
        with self.house.sessions() as session:
            yield self.house.runtime(session)

    # ── people ─────────────────────────────────────────────────────────────────────────────────
    def person(self, **values: Any) -> dict[str, str]:
        """A row about somebody new, as it would be typed for 开户."""
        serial = next(_people)
        birth = f"{1985 + serial // 900 % 12}0115"
        facts = {
            "person_name": name_of(serial),
            "id_no": resident_id(serial % 900 + 1, birth=birth),
            "mobile": f"138{serial:08d}",
        }
        return facts | values

    def member(self, *, cents: int = 0, paid_through: str = "", **values: Any) -> str:
        """Somebody of this unit with an account (its number), with so much money in it."""
        row = self.person()
        base = values.pop("contribution_base_cents", 800_000)
        with self.rt() as rt, transaction(rt.session):
            unit = rt.session.scalars(select(Unit).where(Unit.unit_account_no == self.number)).one()
            opening = members.Opening(
                unit_account_no=self.number,
                contribution_base_cents=base,
                unit_monthly_amount_cents=int(base * unit.unit_rate / 100),
                individual_monthly_amount_cents=int(base * unit.individual_rate / 100),
                **(row | values),
            )
            account = members.open_account(rt, opening)
            account.paid_through_month = paid_through
            number = account.individual_account_no
        if cents:
            self.put(number, cents)
        return number

    def put(self, account_no: str, cents: int) -> None:
        """Money from the bank on somebody's account."""
        account = self.account(account_no)
        with self.rt() as rt, transaction(rt.session):
            branch = account.branch_code
            today = rt.clock().astimezone(ZONE).date()
            bank = accounts.of_branch(rt.session, "bank", branch, opened_on=today)
            lines = (Entry(bank, -cents), Entry(account.ledger_account_id, cents))
            draft = Draft(f"test:{next(_numbers)}", "remittance", branch, lines)
            posting.post(rt, self.operator, draft)

    def account(self, number: str) -> IndividualAccount:
        with self.house.sessions() as session:
            query = select(IndividualAccount)
            mine = IndividualAccount.individual_account_no == number
            found = session.scalars(query.where(mine)).one()
            session.refresh(found, ["person"])
            return found

    def balance(self, number: str) -> LedgerAccount:
        with self.house.sessions() as session:
            return session.get_one(LedgerAccount, self.account(number).ledger_account_id)

    @property
    def unit(self) -> Unit:
        with self.house.sessions() as session:
            return session.scalars(select(Unit).where(Unit.unit_account_no == self.number)).one()

    @property
    def heads(self) -> tuple[int, int]:
        """正常, 封存."""
        return self.unit.active_headcount, self.unit.sealed_headcount

    # ── rosters ────────────────────────────────────────────────────────────────────────────────
    def roster(self, key: str) -> int:
        """The 待提交清册 of a service."""
        form = self._form(key)
        with self.rt() as rt, transaction(rt.session):
            roster = store.open_roster(
                rt, self.operator, key, form, scope=self.scope, branch=self.unit.branch_code
            )
            return roster.id

    def type(self, key: str, *rows: Mapping[str, str], **choices: str) -> list[Line]:
        """Rows into the grid, with what is chosen for the roster first; with their verdicts."""
        roster = self.roster(key)
        with self.rt() as rt:
            if choices:
                editing.choose(rt, self.operator, roster, choices)
            return editing.add(rt, self.operator, roster, rows)

    def load(self, key: str) -> list[Line]:
        """载入名册; all rows of the roster."""
        roster = self.roster(key)
        with self.rt() as rt:
            editing.load(rt, self.operator, roster)
        return self.lines(key)

    def lines(self, key: str) -> list[Line]:
        """What the 待提交清册 holds."""
        roster = self.roster(key)
        with self.house.sessions() as session:
            return store.rows(session, roster, limit=10_000)

    def change(self, key: str, seq: int, **typed: str) -> Line:
        roster = self.roster(key)
        with self.rt() as rt:
            return editing.change(rt, self.operator, roster, seq=seq, typed=typed)[0]

    def submit(
        self,
        key: str,
        *,
        seqs: Sequence[int] | None = None,
        materials: Sequence[str] = (),
    ) -> str:
        """提交 of what the roster holds, with one file in each of these slots; the number."""
        roster, name = self.roster(key), self.unit.unit_name
        files = [{"slot": slot, "token": "0" * 32, "name": f"{slot}.pdf"} for slot in materials]
        filed = filing.Filed(name, materials=files)
        with self.rt() as rt:
            return filing.submit(rt, self.operator, roster, filed, seqs=seqs).no

    def file(self, key: str, *rows: Mapping[str, str], **choices: str) -> str:
        """Rows typed, all of them right, and filed."""
        lines = self.type(key, *rows, **choices)
        assert [[one.text for one in line.problems] for line in lines] == [[] for _ in lines]
        return self.submit(key)

    def results(self, no: str) -> list[str]:
        """Of each row of a filed roster, in order: "" or why it did not take effect."""
        with self.house.sessions() as session:
            roster = store.of_request(session, no)
            assert roster is not None
            return [line.result for line in store.rows(session, roster.id, limit=10_000)]

    # ── applications ───────────────────────────────────────────────────────────────────────────
    def apply(self, key: str, *, materials: Sequence[str] = (), **typed: str) -> str:
        """An application filled in as the page would, and filed; the number."""
        data, problems = self.judged(key, materials=materials, **typed)
        assert problems == []
        unit = self.unit
        with self.rt() as rt:
            return engine.start(
                rt,
                self.operator,
                key,
                data=data,
                scope=self.scope,
                scope_name=unit.unit_name,
                branch=unit.branch_code,
                summary="",
            ).no

    def judged(
        self, key: str, *, materials: Sequence[str] = (), **typed: str
    ) -> tuple[dict[str, Any], list[str]]:
        """(data of the request, everything that is in the way)"""
        form = registry.get(self._form(key))
        assert issubclass(form, ApplicationForm)
        texts = self.house.center.services[key]
        with self.rt() as rt:
            current = form.load(rt.session, self.operator, self.scope)
            checked = form.check(
                {**current, **typed}, current, texts, materials=dict.fromkeys(materials, 1)
            )
            desk = FormDesk(
                session=rt.session,
                actor=self.operator,
                scope=self.scope,
                branch=self.unit.branch_code,
                today=rt.clock().astimezone(ZONE).date(),
                texts=texts,
            )
            problems = checked.problems or form.judge(desk, checked.values)
            facts = {} if problems else form.route_facts(desk, checked.values)
        data = {
            "form": form.form_id,
            "values": checked.values,
            "changes": [],
            "materials": [{"slot": slot, "token": "0" * 32, "name": slot} for slot in materials],
            "facts": facts,
        }
        return data, [problem.text for problem in problems]

    # ── what comes of it ───────────────────────────────────────────────────────────────────────
    def case(self, no: str) -> Instance:
        with self.house.sessions() as session:
            return session.scalars(select(Instance).where(Instance.no == no)).one()

    def task(self, no: str) -> Task:
        with self.house.sessions() as session:
            query = select(Task).join(Instance).where(Instance.no == no, Task.status == "open")
            return session.scalars(query).one()

    def approve(self, no: str, role: str, *, other_than: Actor | None = None) -> Outcome:
        who = self.house.staff(role, other_than=other_than)
        with self.rt() as rt:
            return engine.approve(rt, who, self.task(no).id)

    def refuse(self, no: str, role: str, opinion: str = "不符合规定") -> Outcome:
        with self.rt() as rt:
            return engine.refuse(rt, self.house.staff(role), self.task(no).id, opinion=opinion)

    def changes(self, no: str = "", **only: Any) -> list[MemberChange]:
        """Registered changes of a request, or of this unit."""
        query = select(MemberChange).order_by(MemberChange.id).filter_by(**only)
        mine = MemberChange.no == no if no else MemberChange.unit_account_no == self.number
        with self.house.sessions() as session:
            return list(session.scalars(query.where(mine)))

    def told(self, no: str) -> list[str]:
        """Titles of the messages the operator got about a request."""
        query = select(Message.title).where(Message.no == no)
        mine = query.where(Message.recipient == self.operator.id).order_by(Message.id)
        with self.house.sessions() as session:
            return list(session.scalars(mine))

    def send_back(self, no: str, role: str, opinion: str = "请核对") -> None:
        with self.rt() as rt:
            task = self.task(no).id
            engine.return_to(rt, self.house.staff(role), task, node="fill", opinion=opinion)

    def submit_again(self, no: str, *, materials: Sequence[str] = ()) -> Outcome:
        """重新提交 of a roster that came back, as it is."""
        files = [{"slot": slot, "token": "0" * 32, "name": f"{slot}.pdf"} for slot in materials]
        filed = filing.Filed(self.unit.unit_name, materials=files)
        with self.rt() as rt:
            roster = store.of_request(rt.session, no)
            assert roster is not None
            task = self.task(no).id
            return filing.resubmit(rt, self.operator, roster.id, filed, task_id=task)

    def _form(self, key: str) -> str:
        with self.rt() as rt:
            deployed = engine.definitions.current(rt, key)
        assert deployed is not None, f"{key} is not offered here"
        assert deployed.first.form is not None
        return str(deployed.first.form)


def typed(line: Line) -> list[str]:
    """The sentences a row got."""
    return [problem.text for problem in line.problems]


Open = Callable[[str], House]
