"""基数调整 (DZ-U-06.2, XZ-2.2, CX-U19, QDN-02): what is typed, base or monthly amount, and what
follows from it; the window, the bounds, how often.

Nothing here is for sealed people: their base is given when they are unsealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers.amounts import money_text, parse_money
from handlers.contributions import amounts, changes, windows
from handlers.contributions.amounts import Derived, Shares
from handlers.contributions.changes import Outcomes
from handlers.contributions.finding import Held
from handlers.contributions.models import BASE
from handlers.contributions.rates import Rates
from handlers.contributions.terms import Terms, terms
from handlers.members import states
from handlers.members.codes import NORMAL
from handlers.parameters import cycle, declared, queries
from handlers.rosters.applying import Application, applier
from handlers.rosters.store import Line

BASE_COLUMN, AMOUNT_COLUMN = "contribution_base", "monthly_amount"
_UNCHANGED = Problem("base.unchanged", "调整前后相同，不需要提交，请修改或删去这一行。")
_NO_RATES = Problem("base.no_rates", "单位还没有登记缴存比例，请联系中心核对后再办理。")


# ── what is typed (pure) ───────────────────────────────────────────────────────────────────────


def typed_column(entry: str) -> str:
    """CONTRIBUTION_ENTRY: which of the two columns a person fills in."""
    return AMOUNT_COLUMN if entry == "amount" else BASE_COLUMN


def wish(
    rules: Terms, values: Mapping[str, str], held: Held, *, keep: bool = False
) -> Derived | Problem:
    """Base and shares a row asks for, at the account's rates.  `keep`: empty means as it was, and
    so does the amount there is, which a form shows in an empty cell: the base, from which it was
    rounded, would not come out again."""
    column = typed_column(rules.entry)
    text = values.get(column, "")
    if keep and rules.entry == "amount" and (not text or parse_money(text) == held.total_cents):
        return Derived(held.base_cents, Shares(held.unit_cents, held.individual_cents))
    if text or not keep:
        return derive(rules, text, (held.unit_rate, held.individual_rate))
    shares = amounts.shares(held.base_cents, held.unit_rate, held.individual_rate, rules.rounding)
    return Derived(held.base_cents, shares)


def derive(rules: Terms, text: str, rates: Rates) -> Derived | Problem:
    """Base and shares from the text of the typed column."""
    column = typed_column(rules.entry)
    name = "月缴存额" if column == AMOUNT_COLUMN else "缴存基数"
    if not text:
        return Problem("form.missing", f"请填写{name}。", column)
    cents = parse_money(text)
    if isinstance(cents, Problem):
        return replace(cents, field=column)
    if not all(rates):
        return _NO_RATES
    if column == AMOUNT_COLUMN:
        found = amounts.from_amount(cents, *rates)
        return replace(found, field=column) if isinstance(found, Problem) else found
    return Derived(cents, amounts.shares(cents, *rates, rules.rounding))


def bounds(rules: Terms, derived: Derived) -> Problem | None:
    """Both the base and the monthly amount within their limits (QDN-02 note 2)."""
    problem = amounts.check_base(derived.base_cents, rules.bases)
    if problem is not None and typed_column(rules.entry) == AMOUNT_COLUMN:
        problem = replace(problem, text=_meant(rules, derived))
    problem = problem or amounts.check_amount(derived.shares.total_cents, rules.amounts)
    return problem and replace(problem, field=typed_column(rules.entry))


def _meant(rules: Terms, derived: Derived) -> str:
    """Somebody who typed an amount has not seen the base it stands for."""
    limits, base = rules.bases, money_text(derived.base_cents)
    if derived.base_cents > limits.high_cents:
        rest = f"高于上限 {money_text(limits.high_cents)} 元，请减少月缴存额。"
    else:
        rest = f"低于下限 {money_text(limits.low_cents)} 元，请增加月缴存额。"
    return f"月缴存额折合缴存基数 {base} 元，{rest}"


# ── the rules of an adjustment ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Adjusting:
    """What the rules about an adjustment follow from, read once for a piece of rows.

    `done`: how often each account (id) was adjusted this fund year; `whole`: the whole roster is
    handed in, unchanged rows too (QDN-02).
    """

    terms: Terms
    reviewed: bool
    allowed: int
    done: Mapping[int, int]
    whole: bool = False

    def problem(self, held: Held, derived: Derived) -> Problem | None:
        answer = states.transition(held.status, "adjust_base")
        if isinstance(answer, Problem):
            return answer
        if not differs(held, derived):
            return None if self.whole else _UNCHANGED
        often = windows.too_often(self.done.get(held.id, 0), self.allowed, "基数")
        if often is not None or self.reviewed:
            return often
        return bounds(self.terms, derived)

    def remark(self, derived: Derived) -> str:
        """Why a row that may be filed has to be reviewed; "" when it need not be."""
        problem = bounds(self.terms, derived) if self.reviewed else None
        return f"{problem.text.rstrip('。')}；提交后由中心复核。" if problem else ""


def adjusting(
    session: Session, branch: str, day: date, *, ids: Sequence[int], whole: bool = False
) -> Adjusting:
    """The rules as they are on a day for these accounts."""
    return Adjusting(
        terms=terms(session, day, branch),
        reviewed=queries.value(session, cycle.BASE_OUT_OF_RANGE, day) == "reviewed",
        allowed=queries.value(session, declared.BASE_CHANGES_PER_YEAR, day),
        done=windows.base_changes(session, ids, windows.fund_year(day)),
        whole=whole,
    )


def gate(session: Session, day: date) -> Problem | None:
    return windows.base_window(queries.value(session, cycle.BASE_WINDOW, day), day)


@applier("contributions.BaseAdjustment")
def adjust_bases(work: Application, rows: Sequence[Line]) -> Outcomes:
    """Whoever was accepted inside the window is adjusted, however long the review took."""
    unit = changes.held_unit(work)
    if isinstance(unit, Problem):
        return [unit] * len(rows)
    found = changes.find(work, rows, wanted={NORMAL})
    ids = [held.id for held in found if isinstance(held, Held)]
    rules = adjusting(work.session, unit.branch_code, work.accepted_on, ids=ids, whole=True)
    paid: dict[int, Derived] = {}

    def rule(line: Line, held: Held) -> Problem | None:
        derived = wish(rules.terms, line.values, held)
        if isinstance(derived, Problem):
            return derived
        paid[held.id] = derived
        return rules.problem(held, derived)

    outcomes, chosen = changes.choose(rows, found, rule)
    store(work, [(line, held) for line, held in chosen if differs(held, paid[held.id])], paid)
    return outcomes


def differs(held: Held, derived: Derived) -> bool:
    old = (held.base_cents, held.unit_cents, held.individual_cents)
    shares = derived.shares
    return old != (derived.base_cents, shares.unit_cents, shares.individual_cents)


def store(
    work: Application,
    chosen: Sequence[tuple[Line, Held]],
    paid: Mapping[int, Derived],
    *,
    reason: str = "",
) -> None:
    """Changes of base and the accounts' new columns."""
    changes.record(
        work.session,
        [
            changes.change(work, line, BASE, held, reason=reason, **changes.paying(paid[held.id]))
            for line, held in chosen
        ],
    )
    columns = [{"id": held.id} | changes.on_account(paid[held.id]) for _, held in chosen]
    changes.update_accounts(work.session, columns)
