"""缴存比例调整 of a unit (DZ-U-09, XZ-2.3, CX-U22, QDN-05).

Everybody of the unit whose account is open gets the new rates, and shares that follow from the
base: one statement, whatever the number of people, so that a large unit is not half changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import BigInteger, ColumnElement, Table, literal, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.errors import OperationFailed, Problem
from engine.operations import Call, operation
from handlers.amounts import parse_rate, rate_text
from handlers.contributions import amounts, windows
from handlers.contributions.amounts import HALF_UP, UNITS, Rounding
from handlers.contributions.models import UnitRateChange
from handlers.contributions.terms import Terms, terms
from handlers.members.codes import CLOSED
from handlers.members.models import IndividualAccount
from handlers.months import month_of
from handlers.parameters import declared, queries
from handlers.units import queries as units
from handlers.units import states
from handlers.units.models import Unit

Rates = tuple[Decimal, Decimal]  # of the unit, of the person; percent

UNIT_RATE, INDIVIDUAL_RATE = "unit_rate", "individual_rate"  # fields of the form
RATE, OFFER, REASON = "rate", "offer", "reason"
# Which of the fields a centre's people fill in: both rates (DZ), one for both (XZ), that of the
# unit (CX), one of those on offer (QDN).
MODES = ("both", "one", "unit", "listed")
_HUNDREDTHS = 100  # rates have two places: in SQL they are whole hundredths of a percent
_ACCOUNT = cast(Table, IndividualAccount.__table__)


# ── rates as text (pure) ───────────────────────────────────────────────────────────────────────


def offer(text: str) -> Rates | None:
    """(8, 8) for "8", (8, 6) for "8/6"; None for "" and for what is no such text."""
    found = [parse_rate(part) for part in text.split("/")] if text else []
    rates = [rate for rate in found if isinstance(rate, Decimal)]
    return (rates[0], rates[-1]) if rates and len(rates) == len(found) <= 2 else None


def offers(text: str) -> tuple[tuple[str, str], ...]:
    """What may be chosen of "5, 8, 12/10": (value, words)."""
    values = [part.strip() for part in text.split(",")]
    return tuple((value, both_text(rates)) for value in values if (rates := offer(value)))


def both_text(rates: Rates) -> str:
    """单位 8%、个人 8%"""
    return f"单位 {rate_text(rates[0])}、个人 {rate_text(rates[1])}"


def wished(mode: str, values: dict[str, str], now: Rates) -> Rates | Problem:
    """The new rates that canonical texts of the form ask for."""
    assert mode in MODES, mode
    names = {"both": (UNIT_RATE, INDIVIDUAL_RATE), "one": (RATE,), "unit": (UNIT_RATE,)}
    if mode == "listed":
        chosen = offer(values.get(OFFER, ""))
        return chosen or Problem("rate.missing", "请选择调整后的缴存比例。", OFFER)
    found = []
    for name in names[mode]:
        rate = parse_rate(values[name]) if values.get(name) else None
        if rate is None:
            return Problem("rate.missing", "请填写调整后的缴存比例。", name)
        if isinstance(rate, Problem):
            return Problem(rate.code, rate.text, name)
        found.append(rate)
    return (found[0], now[1]) if mode == "unit" else (found[0], found[-1])


@dataclass(frozen=True, slots=True)
class Adjusting:
    """What the rules follow from; `done`: how often the rates were adjusted this fund year."""

    terms: Terms
    now: Rates
    done: int
    allowed: int

    def problems(self, new: Rates) -> list[Problem]:
        """5 % … 12 % on both sides, once a year, really changed (XZ-2.3)."""
        if new == self.now:
            text = f"调整后的比例与现在（{both_text(self.now)}）相同，请修改。"
            return [Problem("rate.unchanged", text)]
        low, high = self.terms.lowest_rate, self.terms.highest_rate
        checked = [amounts.check_rate(rate, low, high) for rate in dict.fromkeys(new)]
        often = windows.too_often(self.done, self.allowed, "比例")
        return [problem for problem in (*checked, often) if problem is not None]


def is_lower(new: Rates, now: Rates) -> bool:
    """Lower on either side: materials and a review (XZ-2.3, L-11)."""
    return new[0] < now[0] or new[1] < now[1]


# ── the operation ──────────────────────────────────────────────────────────────────────────────


def adjusting(session: Session, unit: Unit, day: Any) -> Adjusting:
    """The rules as they are on a day for this unit."""
    return Adjusting(
        terms=terms(session, day, unit.branch_code),
        now=(unit.unit_rate, unit.individual_rate),
        done=windows.rate_changes(session, unit.unit_account_no, windows.fund_year(day)),
        allowed=queries.value(session, declared.RATE_CHANGES_PER_YEAR, day),
    )


@operation("contributions/adjust_rate")
def adjust_rate(call: Call) -> dict[str, Any]:
    """Give the unit and its people the rates of the request's values; result: `headcount`.

    The rates are in `facts` of the request, as the form has read them when it was filed.
    """
    session = call.session
    account_no = units.account_of(call.instance.scope) or ""
    unit = units.locked_unit(session, account_no)
    if unit is None:
        raise OperationFailed(Problem("units.not_found", "没有找到该单位，请核对单位账号。"))
    answer = states.transition(unit.unit_status, "change_members")
    if isinstance(answer, Problem):
        raise OperationFailed(answer)
    facts = call.data["facts"]
    new = (Decimal(facts["new_unit_rate"]), Decimal(facts["new_individual_rate"]))
    rules = adjusting(session, unit, queries.accepted_on(call.instance))
    problems = rules.problems(new)
    if problems:
        raise OperationFailed(*problems)
    headcount = reprice(session, account_no, new, rules.terms.rounding)
    today = call.rt.clock().astimezone(ZONE).date()
    session.add(
        UnitRateChange(
            operation_key=call.key,
            unit_account_no=account_no,
            branch_code=unit.branch_code,
            month=month_of(today),
            effective_on=today,
            no=call.no,
            old_unit_rate=rules.now[0],
            new_unit_rate=new[0],
            old_individual_rate=rules.now[1],
            new_individual_rate=new[1],
            headcount=headcount,
            reason=str(call.data["values"].get(REASON, ""))[:200],
            changed_at=call.rt.clock(),
            changed_by=call.instance.starter_name,
        )
    )
    unit.unit_rate, unit.individual_rate = new
    session.flush()
    return {"headcount": headcount}


def reprice(session: Session, account_no: str, new: Rates, rounding: Rounding) -> int:
    """New rates and shares for every open account of the unit; how many there are."""
    session.flush()
    unit_share, individual_share = (share(rate, rounding) for rate in new)
    done = session.execute(
        update(_ACCOUNT)
        .where(_ACCOUNT.c.unit_account_no == account_no, _ACCOUNT.c.account_status.not_in(CLOSED))
        .values(
            unit_rate=new[0],
            individual_rate=new[1],
            unit_monthly_amount_cents=unit_share,
            individual_monthly_amount_cents=individual_share,
        )
    )
    session.expire_all()
    return int(cast(Any, done).rowcount)


def share(rate: Decimal, rounding: Rounding) -> ColumnElement[int]:
    """`amounts.shares` in SQL: in whole numbers, on both databases the same."""
    hundredths = int(rate * _HUNDREDTHS)
    assert hundredths == rate * _HUNDREDTHS, rate
    step = UNITS[rounding.unit]
    divisor = _HUNDREDTHS * 100 * step
    exact = sql_cast(_ACCOUNT.c.contribution_base_cents, BigInteger) * hundredths
    if rounding.mode == HALF_UP:
        exact = exact + divisor // 2
    elif rounding.mode == "up":
        exact = exact + (divisor - 1)
    return (exact // literal(divisor, BigInteger)) * step
