"""A summer of one unit in each centre: June paid, interest on 30 June, July's business, August.

What is done is what the manuals describe of that centre, through the public doors alone (`desks`,
`tills`); the queries of `test_query_walks` then show it.  Loans have no service yet: their tables
are filled as a disbursement and a repayment would fill them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from unittest import mock

import engine
from engine import Actor
from engine.database import transaction
from forms import registry
from handlers.ledger import accounts, posting, settling
from handlers.ledger.drafts import Draft
from handlers.ledger.drafts import Line as Entry
from handlers.loans.models import Loan, LoanRepayment
from handlers.members import operations as members
from handlers.members.models import IndividualAccount
from handlers.rosters import applying
from tests.bpmn import tills
from tests.bpmn.desks import Desk, House
from tests.bpmn.tills import arrive
from tests.builders.books import CLERK

SPRING, MIDSUMMER, JULY, AUGUST = "2026-06-16", "2026-06-30", "2026-07-15", "2026-08-03"
SMALL = {"unit_rate": 8, "individual_rate": 8}
MAY = SMALL | {"paid_through_month": "2026-05"}


@dataclass
class Walk:
    """`words`: what expectations call things ("anna": a name, "anna_no": an account number,
    "seal": a request's number) → what they are."""

    center: str
    number: str
    operator: Actor
    words: dict[str, str] = field(default_factory=dict)


@dataclass
class Walker:
    desk: Desk
    words: dict[str, str] = field(default_factory=dict)

    def knows(self, name: str, account_no: str) -> dict[str, str]:
        """Remember somebody under a name; what a roster says of them."""
        self.words |= {name: self.desk.account(account_no).person.person_name}
        self.words |= {f"{name}_no": account_no}
        return {"individual_account_no": account_no}

    def member(self, name: str, **values: str) -> dict[str, str]:
        return self.knows(name, self.desk.member(**values))

    def opened(self, name: str, no: str) -> dict[str, str]:
        """The one this 开户 has opened."""
        (change,) = self.desk.changes(no)
        with self.desk.rt() as rt:
            number = rt.session.get_one(IndividualAccount, change.individual_account_id)
            account_no = number.individual_account_no
        return self.knows(name, account_no)

    def note(self, name: str, no: str, status: str = "completed") -> str:
        """Remember a request, which has come to this end."""
        assert self.desk.case(no).status == status, (name, self.desk.case(no).status)
        self.words[name] = no
        return no

    def end(self) -> Walk:
        desk, center = self.desk, self.desk.house.center.code
        self.words |= {"unit": desk.unit.unit_name, "unit_no": desk.number}
        self.words["by"] = desk.operator.name
        due = tills.dues(desk)  # "assess_due": the id of what was assessed
        names = [(name, due[no]) for name, no in self.words.items() if no in due]
        self.words |= {f"{name}_due": str(number) for name, number in names}
        return Walk(center, desk.number, desk.operator, self.words)


def settle(house: House) -> None:
    """年终结息 of the fund year that ends today."""
    house.on(MIDSUMMER)
    with house.sessions() as session:
        settling.settle(house.runtime(session), CLERK, 2026)


def june(walker: Walker, *, cents: int, **payment: str) -> None:
    """June assessed and paid by a transfer of the unit."""
    desk = walker.desk
    desk.apply("remittance_assessment", through="2026-06")
    if payment:
        desk.apply("payment", through="2026-06", **payment)
    arrive(desk, cents, on=SPRING)


def rewrite(desk: Desk, **typed: str) -> str:
    """单位信息变更, every paper attached."""
    key, form = "unit_info_change", registry.get("units.UnitInfoChange")
    texts = desk.house.center.services[key]
    with desk.rt() as rt:
        current = form.load(rt.session, desk.operator, desk.scope)
        slots = {slot.id: 1 for slot in texts.materials}
        checked = form.check(current | typed, current, texts, materials=slots)
        assert [one.text for one in checked.problems] == []
        changes = [change.as_data() for change in checked.changes]
        data = {"form": form.form_id, "values": checked.values, "changes": changes}
        return engine.start(
            rt,
            desk.operator,
            key,
            data=data | {"materials": []},
            scope=desk.scope,
            scope_name=desk.unit.unit_name,
            branch=desk.unit.branch_code,
            summary=checked.summary,
        ).no


def lend(walker: Walker, name: str) -> None:
    """1,000.00 on 5 June, 100.00 and 2.17 of interest paid back on 15 July."""
    desk, number = walker.desk, "D000000001"
    account = desk.account(walker.words[f"{name}_no"])
    branch = account.branch_code
    with desk.rt() as rt, transaction(rt.session):
        bank = accounts.of_branch(rt.session, "bank", branch, opened_on=date(2026, 6, 5))
        ledger = accounts.open_account(
            rt.session, "loan_principal", number, branch_code=branch, opened_on=date(2026, 6, 5)
        )
        lent = (Entry(ledger, -100_000), Entry(bank, 100_000))
        posting.post(rt, CLERK, Draft("loan:1", "loan_disbursement", branch, lent))
        back = (Entry(ledger, 10_000), Entry(bank, -10_000))
        paid = posting.post(rt, CLERK, Draft("loan:2", "loan_repayment", branch, back))
        loan = Loan(
            loan_contract_no="HT000000001",
            loan_account_no=number,
            person_id=account.person_id,
            ledger_account_id=ledger,
            branch_code=branch,
            contract_amount_cents=100_000,
            periods=120,
            loan_rate=Decimal("2.60"),
            disbursed_on=date(2026, 6, 5),
            due_maturity=date(2036, 6, 5),
            repayment_day=5,
        )
        rt.session.add(loan)
        rt.session.flush()
        facts = {"period": 1, "due_on": date(2026, 7, 5), "repaid_on": date(2026, 7, 15)}
        sums = {"principal_cents": 10_000, "interest_cents": 217, "balance_cents": 90_000}
        rt.session.add(LoanRepayment(loan_id=loan.id, voucher_id=paid.id, **facts, **sums))


@contextmanager
def counter(desk: Desk, account_no: str) -> Iterator[None]:
    """Meanwhile somebody's account is frozen at the counter."""
    with desk.rt() as rt, transaction(rt.session):
        members.freeze(rt, account_no)
    yield
    with desk.rt() as rt, transaction(rt.session):
        members.unfreeze(rt, account_no)


# ── 西藏 ───────────────────────────────────────────────────────────────────────────────────────


def xizang(house: House) -> Walk:
    desk = house.on(SPRING).unit(**MAY)
    walker = Walker(desk)
    anna, bert, dora = (walker.member(name) for name in ("anna", "bert", "dora"))
    june(walker, cents=384_000, method="transfer")
    settle(house)
    house.on(JULY)
    lend(walker, "anna")
    _xizang_changes(walker, anna, bert, dora)
    _xizang_money(walker, anna, bert)
    lower = ("congress_decision", "lower_application")
    no = desk.apply("rate_adjustment", rate="6", materials=lower)
    desk.refuse(no, desk.task(no).role, "缺少决议")
    walker.note("lower", no, "refused")
    house.on(AUGUST)
    walker.note("next", desk.apply("remittance_assessment", through="2026-08"))
    no = desk.apply("payment", through="2026-08", method="transfer")
    walker.note("unpaid", no, "running")
    walker.words["unpaid_slip"] = tills.payment(desk).slip_no
    return walker.end()


def _xizang_changes(
    walker: Walker, anna: Mapping[str, str], bert: Mapping[str, str], dora: Mapping[str, str]
) -> None:
    desk = walker.desk
    no = desk.file("open_accounts", desk.person(monthly_amount="1280"))
    walker.opened("carl", walker.note("open", no))
    walker.note("base", desk.file("base_adjustment", anna | {"monthly_amount": "2400"}))
    walker.note("seal", desk.file("seal_accounts", bert | {"reason": "02"}))
    (sealed,) = [line for line in desk.load("undo_changes") if line.values["kind"] == "封存"]
    walker.note("undo", desk.submit("undo_changes", seqs=[sealed.seq]))
    walker.note("leave", desk.file("seal_accounts", dora | {"reason": "03"}))
    other = desk.house.unit(**MAY)
    person = desk.account(dora["individual_account_no"]).person
    facts = {"person_name": person.person_name, "id_no": person.id_no, "mobile": "13800000000"}
    other.file("open_accounts", facts | {"monthly_amount": "1280"})
    walker.words |= {"other": other.unit.unit_name}
    no = desk.file("internal_transfer", dora | {"to_unit": other.number})
    walker.note("transfer", no)


def _xizang_money(walker: Walker, anna: Mapping[str, str], bert: Mapping[str, str]) -> None:
    desk = walker.desk
    for name, who in (("back", anna), ("wrong", bert)):
        row = {"reason": "漏缴", "month": "2026-03", "amount_monthly": "100.00"}
        walker.note(name, desk.file("back_payment", who | row))
    walker.note("assess", desk.apply("remittance_assessment", through="2026-07"))
    walker.words["pay"] = desk.apply("payment", through="all", method="transfer")
    walker.words["slip"] = tills.payment(desk).slip_no
    arrive(desk, 516_000, memo=walker.words["slip"])
    walker.note("pay", walker.words["pay"])
    arrive(desk, 50_000)
    number = str(tills.dues(desk)[walker.words["wrong"]])
    who = desk.house.staff("财务岗")
    typed = {"remittance": number, "reason": "付款单位认错"}
    branch = desk.unit.branch_code
    no = tills.staff_apply(desk.house, who, "undo_posting", branch, **typed)
    second = desk.house.staff("归集复核岗", other_than=who)
    with desk.rt() as rt:
        engine.approve(rt, second, desk.task(no).id, opinion="情况属实，同意撤销")
    desk.house.run_jobs()
    walker.note("unpost", no)
    walker.words["clerk"] = who.name


# ── 陕西省直 ───────────────────────────────────────────────────────────────────────────────────


def shaanxi(house: House) -> Walk:
    desk = house.on(SPRING).unit(**MAY)
    walker = Walker(desk)
    anna, bert = (walker.member(name, paid_through="2026-05") for name in ("anna", "bert"))
    june(walker, cents=256_000)
    settle(house)
    house.on(JULY)
    rows = [one | {"contribution_base": base} for one, base in ((anna, "9000"), (bert, "8000"))]
    walker.note("annual", desk.file("annual_assessment", *rows))
    no = desk.file("open_accounts", desk.person(contribution_base="9000"))
    walker.opened("carl", walker.note("open", no))
    walker.note("seal", desk.file("seal_accounts", bert | {"reason": "02"}))
    walker.note("first", desk.apply("remittance_assessment", through="2026-07"))
    walker.note("cancel", desk.apply("cancel_assessment", which="2026-07"))
    walker.note("assess", desk.apply("remittance_assessment", through="2026-07"))
    arrive(desk, 288_000)
    row = {"reason": "漏缴", "month": "2026-03", "month_to": "2026-04", "amount_monthly": "100"}
    walker.note("back", desk.file("back_payment", anna | row))
    arrive(desk, 20_000)
    arrive(desk, 50_000)
    walker.note("rewrite", rewrite(desk, unit_address="西安市新街 1 号"))
    _shaanxi_moves(walker)
    walker.note("unseal", desk.file("unseal_accounts", bert | _WANTED))
    _shaanxi_tasks(walker, anna)
    return walker.end()


_WANTED = {"reason": "01", "contribution_base": "9100"}


def _shaanxi_moves(walker: Walker) -> None:
    """Somebody comes with an account from another unit, and the two become one."""
    desk = walker.desk
    other = desk.house.unit()
    source = other.member(cents=300_000)
    desk.house.on(AUGUST)
    person = other.account(source).person
    other.file("seal_accounts", {"individual_account_no": source, "reason": "03"})
    who = {"person_name": person.person_name, "id_no": person.id_no}
    target = desk.member(cents=200, **who)
    walker.note("transfer", desk.file("internal_transfer", who))
    walker.knows("dora", source)
    walker.words |= {"target": target, "other": other.unit.unit_name}
    pair = {"source_account_no": source, "target_account_no": target}
    walker.note("merge", desk.file("account_merge", pair))


def _shaanxi_tasks(walker: Walker, anna: Mapping[str, str]) -> None:
    """Rosters long enough for a job: one done, with a row that failed, and one that waits."""
    desk = walker.desk
    carl = {"individual_account_no": walker.words["carl_no"]}
    by_one = {form: (function, 1) for form, (function, _) in applying._appliers.items()}
    with mock.patch.dict(applying._appliers, by_one):
        rows = [one | {"reason": "01"} for one in (anna, carl)]
        no = desk.file("seal_accounts", *rows)
        with counter(desk, walker.words["carl_no"]):
            desk.house.run_jobs()
        walker.note("part", no)
        rows = [desk.person(contribution_base="9000") for _ in range(2)]
        walker.note("waits", desk.file("open_accounts", *rows), "running")


# ── 楚雄 ───────────────────────────────────────────────────────────────────────────────────────


def chuxiong(house: House) -> Walk:
    desk = house.on(SPRING).unit(**MAY)
    walker = Walker(desk)
    anna, bert = (walker.member(name) for name in ("anna", "bert"))
    with tills.bank() as bank:
        tills.sign(desk)
        bank.on = date.fromisoformat(SPRING)
        walker.words["june"] = desk.apply("remit", through="2026-06", method="realtime")
        house.run_jobs()
        walker.note("june", walker.words["june"])
        settle(house)
        house.on(JULY)
        bank.on = date.fromisoformat(JULY)
        _chuxiong_changes(walker, anna, bert)
        no = desk.apply("remit", through="2026-07", method="realtime")
        house.run_jobs()
        walker.note("july", no)
        bank.empty = True
        no = desk.apply("remit", through="2026-08", method="realtime")
        house.run_jobs()
        walker.note("declined", no, "refused")
    return walker.end()


def _chuxiong_changes(walker: Walker, anna: Mapping[str, str], bert: Mapping[str, str]) -> None:
    desk = walker.desk
    walker.note("base", desk.file("base_adjustment", anna | {"monthly_amount": "2400"}))
    walker.note("seal", desk.file("seal_accounts", bert | {"reason": "99"}))
    walker.note("unseal", desk.file("unseal_accounts", bert | {"reason": "99"}))
    other = desk.house.unit(**MAY)
    number = other.member(cents=300_000)
    row = {"individual_account_no": number, "reason": "03"}
    other.file("seal_accounts", row)
    walker.knows("dora", number)
    walker.words["other"] = other.unit.unit_name
    who = {"from_unit": other.number, "individual_account_no": number}
    name = {"person_name": walker.words["dora"]}
    walker.note("transfer", desk.file("internal_transfer", who | name))
    walker.note("rate", desk.apply("rate_adjustment", unit_rate="10", reason="集体协商"))


# ── 达州 ───────────────────────────────────────────────────────────────────────────────────────


def dazhou(house: House) -> Walk:
    desk = house.on(JULY).unit(**SMALL, paid_through_month="2026-06")
    walker = Walker(desk)
    anna, _ = (walker.member(name) for name in ("anna", "bert"))
    desk.type("open_accounts", desk.person(contribution_base="5000"))
    no = desk.apply("remit", through="2026-07", materials=("remittance_change_form",))
    arrive(desk, 336_000)
    desk.approve(no, "财务岗")
    desk.approve(no, "归集审核岗", other_than=house.staff("财务岗"))
    walker.note("july", no)
    no = desk.file("seal_accounts", {**anna, "reason": "01"})
    desk.refuse(no, "归集审核岗", "没有离职证明")
    walker.note("seal", no, "refused")
    walker.note(
        "base", desk.file("base_adjustment", anna | {"contribution_base": "9000"}), "running"
    )
    return walker.end()


# ── 黔东南 ─────────────────────────────────────────────────────────────────────────────────────


def qiandongnan(house: House) -> Walk:
    desk = house.on(JULY).unit(**SMALL, paid_through_month="2026-06")
    walker = Walker(desk)
    walker.member("anna")
    bert = walker.member("bert")
    walker.note("seal", desk.file("seal_accounts", bert | {"reason": "02"}))
    walker.note("unseal", desk.file("unseal_accounts", bert | {"reason": "01"}))
    walker.note("seal2", desk.file("seal_accounts", bert | {"reason": "03"}))
    walker.note("assess", desk.apply("remittance_assessment", through="2026-08"))
    walker.note("cancel", desk.apply("cancel_assessment", which="2026-08"))
    arrive(desk, 128_000)
    no = rewrite(desk, unit_address="凯里市新街 1 号", pay_day="28")
    first = house.staff("归集审核岗")
    desk.approve(no, "归集审核岗")
    desk.approve(no, "归集复核岗", other_than=first)
    walker.note("rewrite", no)
    no = rewrite(desk, unit_postcode="556001")
    with desk.rt() as rt:
        engine.return_to(rt, first, desk.task(no).id, node="fill", opinion="请补正营业执照")
    walker.note("returned", no, "returned")
    return walker.end()


WALKS: Mapping[str, Callable[[House], Walk]] = {
    walk.__name__: walk for walk in (xizang, shaanxi, chuxiong, dazhou, qiandongnan)
}
