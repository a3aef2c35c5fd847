"""A centre as its people use it: operators file through the real form, reviewers decide."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

import engine
from engine import Actor, Runtime
from engine.models import Instance, Message, OutboxItem, Task
from forms import registry
from forms.base import Checked
from handlers.notices.models import SmsMessage
from handlers.people import queries
from handlers.people.models import Operator, Staff
from handlers.units.models import Unit, UnitChange

KEY = "unit_info_change"
_units = itertools.count()
ALL_SLOTS = {"business_licence": 1, "legal_rep_id_card": 1, "change_application": 1}


@dataclass
class Centre:
    rt: Runtime
    sessions: sessionmaker[Session]
    account: str = ""
    operator: Actor = field(init=False)

    def __post_init__(self) -> None:
        """Take a unit no other test has used."""
        with self.sessions() as session:
            accounts = session.scalars(select(Unit.unit_account_no).order_by(Unit.id)).all()
            self.account = accounts[next(_units) % len(accounts)]
            login = select(Operator).where(Operator.login == self.account)
            self.operator = self.actor(session.scalars(login).one().user_id)

    @property
    def scope(self) -> str:
        return f"unit:{self.account}"

    def actor(self, user_id: str) -> Actor:
        with self.sessions() as session:
            found = queries.actor(session, user_id)
        assert found is not None
        return found

    def holders(self, role: str) -> list[Actor]:
        """Who holds this post at the unit's branch."""
        with self.sessions() as session:
            found = queries.holders(session, role, f"branch:{self.unit.branch_code}")
        return [self.actor(user_id) for user_id, _ in found]

    @property
    def reviewer(self) -> Actor:
        return self.holders("归集审核岗")[0]

    @property
    def second(self) -> Actor:
        return next(who for who in self.holders("归集复核岗") if who.id != self.reviewer.id)

    @property
    def unit(self) -> Unit:
        with self.sessions() as session:
            return session.scalars(select(Unit).where(Unit.unit_account_no == self.account)).one()

    def check(self, **typed: str) -> Checked:
        """What the page would answer to this input."""
        form = registry.get("units.UnitInfoChange")
        with self.sessions() as session:
            current = form.load(session, self.operator, self.scope)
        texts = self.rt.profile.services[KEY]
        return form.check({**current, **typed}, current, texts, materials=ALL_SLOTS)

    def filed(self, **typed: str) -> dict[str, Any]:
        checked = self.check(**typed)
        assert checked.problems == []
        return {
            "form": "units.UnitInfoChange",
            "values": checked.values,
            "changes": [change.as_data() for change in checked.changes],
            "materials": [],
        }

    def file(self, **typed: str) -> str:
        unit = self.unit
        return engine.start(
            self.rt,
            self.operator,
            KEY,
            data=self.filed(**typed),
            scope=self.scope,
            scope_name=unit.unit_name,
            branch=unit.branch_code,
            summary=self.check(**typed).summary,
        ).no

    def task(self, no: str) -> Task:
        with self.sessions() as session:
            query = select(Task).join(Instance).where(Instance.no == no, Task.status == "open")
            return session.scalars(query).one()

    def approve(self, no: str, who: Actor, **more: Any) -> engine.Outcome:
        return engine.approve(self.rt, who, self.task(no).id, **more)

    def resubmit(self, no: str, **typed: str) -> engine.Outcome:
        data = self.filed(**typed)
        return engine.submit(self.rt, self.operator, self.task(no).id, data=data, summary="改好了")

    def case(self, no: str) -> Instance:
        with self.sessions() as session:
            return session.scalars(select(Instance).where(Instance.no == no)).one()

    def register(self) -> list[tuple[str, str, str]]:
        """What was changed in the unit's record: field, old, new."""
        with self.sessions() as session:
            query = select(UnitChange).where(UnitChange.unit_account_no == self.account)
            rows = session.scalars(query.order_by(UnitChange.id))
            return [(row.field, row.old, row.new) for row in rows]

    def messages(self, no: str, who: Actor | None = None) -> list[Message]:
        with self.sessions() as session:
            recipient = (who or self.operator).id
            query = select(Message).where(Message.no == no, Message.recipient == recipient)
            return list(session.scalars(query.order_by(Message.id)))

    def sms(self, no: str) -> list[SmsMessage]:
        with self.sessions() as session:
            query = select(SmsMessage).where(SmsMessage.instance_no == no)
            return list(session.scalars(query.order_by(SmsMessage.id)))

    def owed(self, no: str) -> list[OutboxItem]:
        with self.sessions() as session:
            query = select(OutboxItem).join(Instance, Instance.id == OutboxItem.instance_id)
            return list(session.scalars(query.where(Instance.no == no)))

    def mobile(self, who: Actor) -> str:
        kind = Operator if who.id.startswith("operator") else Staff
        with self.sessions() as session:
            row = session.get(kind, int(who.id.partition(":")[2]))
        assert row is not None
        return str(row.mobile)
