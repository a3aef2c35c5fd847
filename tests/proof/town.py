"""The centre of the proof, and the people who work the plan: built from a shipped centre's folder.

Where a plan needs a service the centre does not offer (账户合并 in Guizhou), its general texts and
diagram are added, as a centre would that begins to offer it.  A bank that debits at once, by number
of the order, is in this process: it remembers nothing and therefore survives every kill.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import insert
from sqlalchemy.orm import Session, sessionmaker

import engine
from engine import Actor, Runtime
from engine.calendar import ZONE, Weekdays
from engine.database import transaction
from engine.diagrams.lint import Known, service_files
from engine.runtime import SYSTEM
from forms import registry
from handlers import profiles
from handlers.banking import debiting
from handlers.banking.gateways import Answer, Debited, Order, Untouched
from handlers.banking.settings import BankSettings
from handlers.centers import Center
from handlers.notices import delivery
from handlers.notices.settings import SmsSettings
from handlers.parameters import operations as parameters
from handlers.people.directory import PeopleDirectory
from handlers.people.models import Operator
from handlers.people.operations import sync_branches, sync_roles
from handlers.units.models import Unit
from handlers.units.states import OPENED
from tests.builders import people
from tests.conftest import Clock
from tests.proof.plan import BRANCHES, Plan

ROOT = Path(__file__).resolve().parents[2]
OPERATOR, FIRST, SECOND, FINANCE = "单位经办人", "归集审核岗", "归集复核岗", "财务岗"
POSTS = (FIRST, SECOND, FINANCE)
SERVICES = (
    *("open_accounts", "seal_accounts", "unseal_accounts", "base_adjustment", "rate_adjustment"),
    *("internal_transfer", "account_merge", "undo_changes", "remittance_assessment"),
    *("cancel_assessment", "payment", "back_payment", "advance_deposit", "bank_statement"),
    *("suspense_clearing", "debit_agreement"),
)
METHODS = "transfer,realtime,advance"
CENTRES = {"amount": "xizang", "base": "qiandongnan"}
# What a plan relies on in either centre, so that every verb comes up in both; how amounts are typed
# and rounded, who starts a transfer and who reviews what is the centre's own.
RELIED_UPON = {
    "remit_months_max": "12",
    "undo_span": "same_month",
    "base_window": "july",
    "unseal_same_month": "allowed",
    "back_payment_span": "this_year",
    "rate_changes_per_year": "1",
    "base_changes_per_year": "1",
    "fund_year_gate": "none",
}


@cache
def centre(entry: str) -> Center:
    """The shipped centre that works so, with every service of the cycle in its menu."""
    code = CENTRES[entry]
    path = ROOT / "bpmn" / "centers" / code / "center.toml"
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    raw["menu"] = [{"group": "证明", "services": [*SERVICES]}]
    names = {role["name"] for role in raw["roles"]}
    raw["roles"] += [{"name": post} for post in (OPERATOR, *POSTS) if post not in names]
    since = {"starts_on": date(2002, 3, 24), "source": "证明"}
    raw["parameters"] |= {name: [since | {"value": text}] for name, text in RELIED_UPON.items()}
    data = profiles.laid_over(ROOT, raw, lambda file, _: tomllib.loads(file.read_text("utf-8")))
    data["services"]["payment"].setdefault("options", {})["methods"] = METHODS
    data.pop("registers", None)  # nobody looks anything up here
    for part in ("services", "notices"):
        data[part] = {key: data[part][key] for key in data[part] if key in SERVICES}
    return Center.model_validate_json(orjson.dumps(data))


class Bank:
    """`BankGateway`: every account pays, and what it says follows from the order alone.  Asked what
    became of an order it knows nothing; given it again, it answers as before."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def debit(self, order: Order) -> Answer:
        day = self.clock().astimezone(ZONE).date()
        return Debited(f"RT-{order.order_no}", day, order.amount_cents)

    def query(self, order_no: str) -> Answer:
        return Untouched("没有这笔指令")


def operator_of(plan: Plan, unit: int) -> Actor:
    scope = f"unit:{plan.units[unit].no}"
    return Actor(f"operator:{unit + 1}", f"经办{unit + 1}", frozenset({(OPERATOR, scope)}))


def staff_of(post: str, branch: str, place: int) -> Actor:
    number = 1 + place * len(POSTS) + POSTS.index(post)
    return Actor(f"staff:{number}", f"{post}{place + 1}", frozenset({(post, f"branch:{branch}")}))


@dataclass(frozen=True, slots=True)
class Town:
    """A plan, the centre it is worked in, a clock that the plan's days move."""

    plan: Plan
    center: Center
    clock: Clock

    def runtime(self, session: Session) -> Runtime:
        people_ = PeopleDirectory(session)
        return Runtime(session, self.clock, Weekdays(), self.center.prefix, self.center, people_)

    def branch(self, unit: int) -> str:
        return self.center.branches[self.plan.units[unit].branch].code

    @property
    def branches(self) -> list[str]:
        return [branch.code for branch in self.center.branches[:BRANCHES]]

    def open_doors(self) -> None:
        """What a process of the hall does once."""
        debiting.configure(BankSettings(), Bank(self.clock))
        delivery.configure(SmsSettings())

    def found(self, sessions: sessionmaker[Session], first_day: date) -> None:
        """Branches, people, units and diagrams; nobody is enrolled anywhere yet."""
        with sessions() as session:
            rt = self.runtime(session)
            parameters.sync(session, self.center, now=self.clock())
            sync_branches(session, self.center.branches)
            sync_roles(session, self.center.roles)
            for place, code in enumerate(self.branches):
                for post in POSTS:
                    who = staff_of(post, code, place)
                    login = f"{code}-{POSTS.index(post)}"
                    made = people.staff(
                        session, (post, code), login=login, name=who.name, branch_code=code
                    )
                    assert made == who.id
            with transaction(session):
                numbers = range(len(self.plan.units))
                session.execute(insert(Unit), [self._unit(n, first_day) for n in numbers])
                session.execute(insert(Operator), [self._operator(n) for n in numbers])
            known = Known(frozenset(role.name for role in self.center.roles), registry.known())
            for key, _, files in service_files(ROOT / "bpmn", self.center.code):
                if key in SERVICES:
                    engine.deploy(rt, key, files, SYSTEM, known=known)

    def _unit(self, number: int, day: date) -> dict[str, Any]:
        unit = self.plan.units[number]
        return {
            "unit_account_no": unit.no,
            "unit_name": unit.name,
            "branch_code": self.branch(number),
            "unit_rate": unit.rates[0],
            "individual_rate": unit.rates[1],
            "unit_status": OPENED,
            "unit_opened_on": day,
            "pay_day": 10,
        }

    def _operator(self, number: int) -> dict[str, Any]:
        unit = self.plan.units[number]
        return {
            "id": number + 1,
            "unit_account_no": unit.no,
            "login": unit.no,
            "name": f"经办{number + 1}",
            "mobile": f"139{number:08d}",
            "password_hash": "-",  # nobody signs in here
        }
