"""What lies on the desks of a new demonstration: rosters begun, requests waiting, one sent back.

A centre that does not offer a business has nothing of it.  What is refused is left out: the books
are there all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import select

import engine
from engine import Actor, Runtime
from engine.database import transaction
from engine.errors import HallError
from forms import exporting, registry
from forms.excel.sheets import written
from forms.rosters import editing, filing
from handlers.amounts import money_text
from handlers.banking.models import BANK_SLIP, TRANSFER, UNCLAIMED, BankReceipt
from handlers.contributions import assessing, bases, windows
from handlers.contributions.amounts import YUAN
from handlers.contributions.terms import terms
from handlers.demo import loading
from handlers.demo.billing import paid_by
from handlers.demo.people import Inventor
from handlers.members.codes import NORMAL
from handlers.members.models import IndividualAccount
from handlers.parameters import cycle
from handlers.parameters import queries as parameters
from handlers.parameters.declared import CONTRIBUTION_RATE_MIN
from handlers.registers import catalog, reading
from handlers.registers.asking import ask, reader_of
from handlers.rosters import store
from handlers.units.models import Unit
from webapp.demodesk import Desks
from webapp.settings import Settings

FIRST, FINANCE = "归集审核岗", "财务岗"
RETURNED = "请核对前两名职工的工资，补充说明后再提交。"
TYPICAL_BASE, TYPICAL_AMOUNT = "6500.00", "1300.00"


def lay_out(rt: Runtime, settings: Settings) -> list[str]:
    """File everything; the numbers of the requests, in order.  Commits as it goes."""
    desks = Desks(rt, settings)
    numbers = []
    for matter in MATTERS:
        try:
            numbers += list(matter(desks))
        except HallError:
            rt.session.rollback()
    return numbers


# ── the tour's own unit ────────────────────────────────────────────────────────────────────────
def _begun(desks: Desks) -> Iterator[str]:
    """Three newcomers in the 待提交清册 of 开户, and one whose number has a slip of the pen."""
    unit, key = desks.second, "open_accounts"
    roster, actor = desks.roster(unit, key), desks.operator(unit)
    names = choose_rates(desks, actor, roster)
    editing.add(desks.rt, actor, roster, newcomers(desks, names, faulty=1))
    yield from ()


def choose_rates(desks: Desks, actor: Actor, roster_id: int) -> set[str]:
    """What has to be chosen for a roster of 开户 before its rows (QDN-07); its columns."""
    form = registry.roster("contributions.OpenAccounts")
    assert form is not None
    with transaction(desks.rt.session):
        roster = store.locked(desks.rt.session, roster_id)
        desk = filing.desk_of(desks.rt, actor, roster)
        chosen = {choice.name: _usual(choice.options) for choice in form.choose(desk)}
    if chosen:
        editing.choose(desks.rt, actor, roster_id, chosen)
    return {spec.name for spec in written(form, desk.texts)}


def _usual(options: Sequence[tuple[str, str]]) -> str:
    return options[len(options) // 2][0]


def newcomers(desks: Desks, names: set[str], *, count: int = 3, faulty: int = 0) -> list[Any]:
    """Rows of 开户 as they would be typed; the last ones with a wrong check digit."""
    facts = loading.FACTS[desks.rt.profile.code]
    area = facts.areas[desks.branch][0]
    inventor = Inventor(f"{facts.account_prefix}/newcomers/{count}")
    rows = []
    for place in range(count + faulty):
        who = inventor.somebody(facts, area)
        id_no = who.id_no
        if place >= count:
            id_no = id_no[:-1] + ("0" if id_no[-1] != "0" else "1")
        row = {
            "person_name": who.name,
            "id_no": id_no,
            "mobile": who.mobile,
            bases.BASE_COLUMN: TYPICAL_BASE,
            bases.AMOUNT_COLUMN: TYPICAL_AMOUNT,
        }
        rows.append({name: text for name, text in row.items() if name in names})
    return rows


def _sent_back(desks: Desks) -> Iterator[str]:
    """A base adjustment that came back; where nobody may adjust now, one of the rates."""
    unit = desks.second
    try:
        no = _adjusted(desks, unit)
    except HallError:
        desks.rt.session.rollback()
        no = _rates(desks, unit)
    task = desks.task(no)
    if task is not None and task.kind == "review":
        reviewer = desks.holder(str(task.role), unit.branch_code)
        view = engine.view(desks.rt, reviewer, no)
        node = view.targets[0].node
        engine.return_to(desks.rt, reviewer, task.id, node=node, opinion=RETURNED)
    yield no


def _adjusted(desks: Desks, unit: Unit) -> str:
    key = "base_adjustment"
    actor, roster = desks.operator(unit), desks.roster(unit, key)
    session = desks.rt.session
    limits = terms(session, desks.today, unit.branch_code)
    high = limits.bases.high_cents if limits.entry == "base" else limits.amounts.high_cents
    # Above the ceiling where that is reviewed, below it where it would be refused.
    reviewed = parameters.value(session, cycle.BASE_OUT_OF_RANGE, desks.today) == "reviewed"
    cents = high * (11 if reviewed else 9) // 10 // YUAN * YUAN
    typed = money_text(cents).replace(",", "")
    accounts = session.scalars(
        select(IndividualAccount.individual_account_no)
        .where(
            IndividualAccount.unit_account_no == unit.unit_account_no,
            IndividualAccount.account_status == NORMAL,
        )
        .order_by(IndividualAccount.individual_account_no)
        .limit(2)
    ).all()
    column = bases.typed_column(limits.entry)
    rows = [{"individual_account_no": each, column: typed} for each in accounts]
    editing.add(desks.rt, actor, roster, rows)
    return filing.submit(desks.rt, actor, roster, filing.Filed(unit.unit_name)).no


# ── other units ────────────────────────────────────────────────────────────────────────────────
def _lower_rates(desks: Desks) -> Iterator[str]:
    session, year = desks.rt.session, windows.fund_year(desks.today)
    lowest = parameters.value(session, CONTRIBUTION_RATE_MIN, desks.today)

    def suits(unit: Unit) -> bool:
        done = windows.rate_changes(session, unit.unit_account_no, year)
        return unit.unit_rate == unit.individual_rate > lowest and not done

    yield _rates(desks, desks.unit_for(suits), step=-1)


def _rates(desks: Desks, unit: Unit, *, step: int = 1) -> str:
    """One percent more or less, in whichever way the centre asks for it."""
    new = f"{unit.unit_rate + step:.0f}"
    wished = {"unit_rate": new, "individual_rate": new, "rate": new, "offer": new}
    reason = "职工代表大会讨论通过"
    return desks.of_unit(unit, "rate_adjustment", **wished, reason=reason).no


def _new_pay_day(desks: Desks) -> Iterator[str]:
    unit = desks.unit_for()
    day = "18" if unit.pay_day != 18 else "12"
    yield desks.of_unit(unit, "unit_info_change", pay_day=day).no


def _remitted_with_slip(desks: Desks) -> Iterator[str]:
    """汇缴 that waits for the bank slip (DZ-U-06.6)."""
    if paid_by(desks.rt.profile) != BANK_SLIP:
        return
    unit = desks.unit_for()
    through = assessing.next_month(desks.rt.session, unit, desks.today)
    yield desks.of_unit(unit, "remit", through=through).no


def _payment_awaited(desks: Desks) -> Iterator[str]:
    """待收款: assessed and registered, the money not there yet (XZ-2.4b)."""
    desks.texts("payment")
    unit = desks.unit_for()
    through = assessing.next_month(desks.rt.session, unit, desks.today)
    yield desks.of_unit(unit, "remittance_assessment", through=through).no
    yield desks.of_unit(unit, "payment", through=through, method=TRANSFER).no


# ── the centre's own desk ──────────────────────────────────────────────────────────────────────
def _claimed(desks: Desks) -> Iterator[str]:
    """财务岗 wants to claim a receipt for a unit; 归集复核岗 has to agree."""
    receipt = desks.rt.session.scalar(
        select(BankReceipt.id)
        .where(BankReceipt.branch_code == desks.branch, BankReceipt.state == UNCLAIMED)
        .order_by(BankReceipt.id)
    )
    yield desks.apply(
        desks.holder(FINANCE),
        "suspense_clearing",
        desks.of_branch,
        receipt=str(receipt),
        treatment="claim",
        unit_account_no=desks.second.unit_account_no,
        reason="单位来电确认由其委托代缴，已核对委托书。",
    ).no


def _large_register(desks: Desks) -> Iterator[str]:
    """归集审核岗 asks for more rows than one person may take alone; 业务主管 has to agree."""
    clerk, key = desks.holder(FIRST), "large_export_staff"
    reader = reader_of(clerk, desks.today)
    offered = catalog.find(desks.rt.profile, reader, "members")
    largest = max(desks.units, key=lambda unit: unit.active_headcount)
    asked = ask(offered.register, reader, {"unit": largest.unit_account_no})
    rows = reading.sums(desks.rt.session, asked).rows
    yield engine.start(
        desks.rt,
        clerk,
        key,
        data=exporting.filed(offered, asked, rows=rows, reason="年度缴存情况统计"),
        scope=desks.of_branch.scope,
        scope_name=desks.of_branch.name,
        branch=desks.branch,
        summary=f"{offered.name} {rows:,} 行",
        name=desks.texts(key).name,
    ).no


MATTERS: tuple[Callable[[Desks], Iterator[str]], ...] = (
    *(_sent_back, _begun, _lower_rates, _new_pay_day),
    *(_remitted_with_slip, _payment_awaited, _claimed, _large_register),
)
