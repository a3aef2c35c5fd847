"""What lies open when the books end: months assessed and not paid, agreements, unclaimed money.

Whatever needs a request is filed later, through the forms; this is what the books themselves leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

from sqlalchemy import insert
from sqlalchemy.orm import Session

from engine.database import transaction
from engine.errors import Refused
from engine.runtime import Actor, Runtime
from handlers.banking.models import UNCLAIMED, BankReceipt, DebitAgreement
from handlers.contributions import assessing
from handlers.contributions.assessing import Asked
from handlers.demo.billing import FINANCE, payers
from handlers.demo.crews import Firm
from handlers.demo.desk import Clock
from handlers.demo.firms import CALM_UNITS, Plan
from handlers.people import queries as people
from handlers.units import queries as units

ASSESSING, SIGNING = "remittance_assessment", "debit_agreement"  # keys of services
SIGNED_SHARE = 0.8  # of the units, where debits are agreed upon
SIGNED_BEFORE = timedelta(days=200)  # the window began
# Who pays without saying for whom: a payer nobody knows, and a unit's head out of his own pocket.
UNKNOWN = (
    ("某某劳务派遣有限公司", "代缴公积金", 1_264_000),
    ("赵某某", "公积金", 96_850),
)


def leave(rt: Runtime, plan: Plan, firms: Sequence[Firm]) -> None:
    """Commits; nothing of it is in the ledger."""
    session = rt.session
    last = replace(rt, clock=Clock(plan.window.last_day))
    with transaction(session):
        if ASSESSING in plan.services:
            _assess(last, plan, firms)
        if SIGNING in plan.services:
            _sign(session, plan, firms)
        _unclaimed(last, plan)


def _assess(rt: Runtime, plan: Plan, firms: Sequence[Firm]) -> None:
    """Units that are behind have assessed the first month they owe."""
    known: dict[str, Actor] = {}
    for firm in firms:
        if not firm.habits.behind or firm.habits.deferred:
            continue
        unit = units.locked_unit(rt.session, firm.account_no)
        assert unit is not None
        operator = _operator(rt.session, firm, known)
        day = plan.window.last_day
        asked = Asked(unit, assessing.next_month(rt.session, unit, day), day)
        try:
            assessing.assess(rt, operator, asked)
        except Refused:  # nobody is due, or the year has to be assessed first: theirs to see to
            continue


def _operator(session: Session, firm: Firm, known: dict[str, Actor]) -> Actor:
    if firm.account_no not in known:
        for number, payer in payers(session, firm.branch_code).items():
            known[number] = Actor("", payer.operator)
    return known[firm.account_no]


def _sign(session: Session, plan: Plan, firms: Sequence[Firm]) -> None:
    """签约: the tour's units and most others; the rest have it still before them."""
    chance = Random(f"{plan.seed}/agreements")
    since = plan.window.first_day - SIGNED_BEFORE
    rows = []
    for branch in dict.fromkeys(firm.branch_code for firm in firms):
        known = payers(session, branch)
        signed = _finance(session, branch)
        for place, firm in enumerate(firms):
            if firm.branch_code != branch:
                continue
            if chance.random() > SIGNED_SHARE and place >= CALM_UNITS:
                continue
            payer = known[firm.account_no]
            rows.append(
                {
                    "unit_account_no": firm.account_no,
                    "branch_code": branch,
                    "bank_name": payer.bank_name,
                    "bank_account_no": payer.account_no,
                    "bank_account_index": payer.account_index,
                    "account_name": payer.name,
                    "since": max(since, firm.opened_on),
                    "signed_by": signed,
                }
            )
    if rows:
        session.execute(insert(DebitAgreement.__table__), rows)  # type: ignore[arg-type]


def _unclaimed(rt: Runtime, plan: Plan) -> None:
    """待认领: in every branch, not in the books before somebody says whose it is."""
    day = plan.window.working_day(plan.window.count - 1, 28)
    for code in plan.facts.areas:
        for place, (name, memo, cents) in enumerate(UNKNOWN):
            rt.session.add(
                BankReceipt(
                    branch_code=code,
                    bank_serial=f"{day:%Y%m%d}9{place:07d}",
                    arrived_on=day,
                    amount_cents=cents,
                    open_cents=cents,
                    payer_name=name,
                    memo=memo,
                    state=UNCLAIMED,
                    why="没有找到缴款单位，请认领",
                    no="",
                    recorded_at=Clock(day)(),
                    recorded_by=_finance(rt.session, code),
                )
            )
    rt.session.flush()


def _finance(session: Session, branch: str) -> str:
    known = people.holders(session, FINANCE, f"branch:{branch}")
    return known[0][1] if known else ""
