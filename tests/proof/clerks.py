"""Operators, reviewers and the finance desk work the plan through the hall's public doors.

A deed is done once, by its name: the request carries it as the page's token, so whoever finds the
request there already, a resumed process or a second click, only leads it to its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import engine
from engine import Actor
from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import HallError, Problem, Refused
from engine.models import Instance, Task
from engine.owed import jobs, outbox
from forms import registry
from forms.applications import ApplicationForm, Desk
from forms.rosters import editing, filing
from forms.rosters.filing import Filed
from handlers.banking.models import AWAITING, BankReceipt, Payment
from handlers.rosters import store
from tests.proof import plan as p
from tests.proof.papers import Papers, serial, yuan
from tests.proof.plan import Deed
from tests.proof.town import FINANCE, operator_of, staff_of

Where = tuple[str, str, str, str]  # service, scope, branch, name of whom it is for
TRIES = 3  # of whoever met somebody else at the same thing
KEYS = {
    p.OPEN: "open_accounts",
    p.SEAL: "seal_accounts",
    p.UNSEAL: "unseal_accounts",
    p.BASE: "base_adjustment",
    p.TRANSFER: "internal_transfer",
    p.MERGE: "account_merge",
    p.UNDO: "undo_changes",
    p.BACK: "back_payment",
}
ACTIONS = {p.CLAIM: "claim", p.SETTLE: "settle", p.REFUND: "refund", p.ADVANCE: "advance"}


class Clerks(Papers):
    """One process: everybody who sits at it."""

    # a `Shop`, as jobs want one
    def runtime(self, session: Session) -> Any:
        return self.town.runtime(session)

    # ── deeds ──────────────────────────────────────────────────────────────────────────────────
    def do(self, deed: Deed, *, part: str = "") -> None:
        """`part`: "rival" does it beside somebody else, with a page of its own, and "late" makes
        sure of it behind two who were killed; where several are at it some are refused."""
        token = f"{deed.id}/{part}" if part else deed.id
        alone = not deed.rival
        for left in reversed(range(TRIES)):
            try:
                self._do(deed, token, tidy=alone or part == "late")
            except HallError:
                self.session.rollback()
                if alone and not left:
                    raise
                if not alone:
                    return
            else:
                return

    def _do(self, deed: Deed, token: str, *, tidy: bool) -> None:
        no = self.filed(token)
        if no is None and deed.verb in KEYS:
            self._roster(deed, token, tidy=tidy)
        elif no is None:
            getattr(self, f"_{deed.verb}")(deed, token)
        no = self.filed(token)
        if no is not None:
            self.decide(no, yields=deed.rival)

    def filed(self, token: str) -> str | None:
        """The request of this name, if there is one already."""
        self.session.rollback()
        return self.session.scalar(select(Instance.no).where(Instance.token == token))

    def decide(self, no: str, *, yields: bool = False) -> None:
        """Whoever's turn it is agrees, until nobody is asked; `yields`: or refuses what somebody
        else has settled meanwhile."""
        while True:
            self.session.rollback()
            waiting = self.session.execute(
                select(Task.id, Task.role, Task.domain)
                .join(Instance, Instance.id == Task.instance_id)
                .where(Instance.no == no, Task.status == "open")
            ).first()
            if waiting is None:
                return
            task_id, role, domain = waiting
            branch = domain.removeprefix("branch:")
            who = staff_of(role, branch, self.town.branches.index(branch))
            try:
                engine.approve(self.rt, who, task_id)
            except HallError:
                self.session.rollback()
                if not yields:
                    raise
                engine.refuse(self.rt, who, task_id, opinion="已由他人办理")

    # ── rosters ────────────────────────────────────────────────────────────────────────────────
    def _roster(self, deed: Deed, token: str, *, tidy: bool) -> None:
        unit = self.units[deed.unit]
        rows = getattr(self, f"_{deed.verb}_rows")(deed)
        choices = {"rate": str(self._rates(deed.unit)[0])} if deed.verb == p.OPEN else {}
        who, place = operator_of(self.town.plan, deed.unit), self.town.branch(deed.unit)
        where = (KEYS[deed.verb], f"unit:{unit.no}", place, unit.name)
        self.file_rows(who, where, rows, token, choices=choices, tidy=tidy)

    def file_rows(
        self,
        who: Actor,
        where: Where,
        rows: Sequence[dict[str, str]],
        token: str,
        *,
        choices: dict[str, str],
        tidy: bool,
    ) -> None:
        """Type them into the 待提交清册 and file them; raises what the check says.

        `tidy`: what a killed process has left there goes first.
        """
        key, scope, branch, name = where
        rt, texts = self.rt, self.town.center.services[key]
        deployed = engine.definitions.current(rt, key)
        assert deployed is not None, key
        with transaction(self.session):
            form = deployed.first.form or ""
            roster = store.open_roster(rt, who, key, form, scope=scope, branch=branch)
            roster_id, there = roster.id, store.sums(self.session, roster.id).rows
            offered = {
                choice.name
                for choice in filing.form_of(roster).choose(filing.desk_of(rt, who, roster))
            }
        if tidy and there:
            editing.remove(rt, who, roster_id)
        if chosen := {name: text for name, text in choices.items() if name in offered}:
            editing.choose(rt, who, roster_id, chosen)
        lines = editing.add(rt, who, roster_id, rows)
        seqs = [line.seq for line in lines]
        wrong = [one for line in lines for one in line.problems]
        papers = [
            {"token": f"{slot.id}-{token}", "slot": slot.id, "name": "材料.pdf"}
            for slot in texts.materials
            if slot.required
        ]
        filed = Filed(name, texts.name, token, papers)
        try:
            if wrong:
                raise Refused(*wrong)
            filing.submit(rt, who, roster_id, filed, seqs=seqs)
        except HallError:
            self.session.rollback()
            editing.remove(rt, who, roster_id, seqs)
            raise

    # ── applications ───────────────────────────────────────────────────────────────────────────
    def apply(
        self, who: Actor, where: tuple[str, str, str, str], typed: dict[str, str], **more: Any
    ) -> None:
        """As the page does it: checked, judged, filed; `twice`: the button was pressed again."""
        key, scope, branch, name = where
        rt, texts = self.rt, self.town.center.services[key]
        deployed = engine.definitions.current(rt, key)
        assert deployed is not None, key
        form = registry.get(deployed.first.form or "")
        assert issubclass(form, ApplicationForm)
        today = rt.clock().astimezone(ZONE).date()
        self.session.rollback()
        desk = Desk(self.session, who, scope, branch, today, texts)
        current = form.load(self.session, who, scope)
        shown = {spec.name for spec in form.bound(texts)}
        typed = {name: text for name, text in typed.items() if name in shown}
        papers = {slot.id: 1 for slot in texts.materials}
        checked = form.check(typed, current, texts, materials=papers, today=today)
        problems = checked.problems or form.judge(desk, checked.values)
        for field, options in form.choices(desk).items():
            if typed.get(field) and typed[field] not in dict(options):
                problems = [*problems, Problem("choice", f"没有 {field} {typed[field]}")]
        if problems:
            raise Refused(*problems)
        data = {
            "form": form.form_id,
            "values": checked.values,
            "changes": [],
            "materials": [{"token": slot, "slot": slot, "name": "材料.pdf"} for slot in papers],
            "facts": form.route_facts(desk, checked.values),
        }
        self.session.rollback()
        filed = {"scope": scope, "scope_name": name, "branch": branch, "summary": deployed.name}
        numbers = {
            engine.start(rt, who, key, data=data, token=more["token"], name=texts.name, **filed).no
            for _ in range(1 + more.get("twice", False))
        }
        assert len(numbers) == 1, "a double click has made two requests"

    def _of_unit(self, deed: Deed, key: str, typed: dict[str, str], token: str) -> None:
        unit = self.units[deed.unit]
        where = (key, f"unit:{unit.no}", self.town.branch(deed.unit), unit.name)
        who = operator_of(self.town.plan, deed.unit)
        self.apply(who, where, typed, token=token, twice=deed.twice)

    def _of_branch(self, deed: Deed, key: str, typed: dict[str, str], token: str) -> None:
        branch = self.town.branch(deed.unit)
        who = staff_of(FINANCE, branch, self.town.branches.index(branch))
        where = (key, f"branch:{branch}", branch, branch)
        self.apply(who, where, typed, token=token, twice=deed.twice)

    def _rate(self, deed: Deed, token: str) -> None:
        one, two = map(str, deed.rates)
        typed = {
            "unit_rate": one,
            "individual_rate": two,
            "rate": one,
            "offer": one,
            "reason": "董事会决议",
        }
        mode = str(self.town.center.services["rate_adjustment"].options.get("fields", "both"))
        names = {"both": ("unit_rate", "individual_rate"), "one": ("rate",), "listed": ("offer",)}
        kept = {name: typed[name] for name in names[mode]} | {"reason": "董事会决议"}
        self._of_unit(deed, "rate_adjustment", kept, token)

    def _assess(self, deed: Deed, token: str) -> None:
        self._of_unit(deed, "remittance_assessment", {"through": deed.month}, token)

    def _cancel(self, deed: Deed, token: str) -> None:
        self._of_unit(deed, "cancel_assessment", {"which": deed.month}, token)

    def _register(self, deed: Deed, token: str) -> None:
        through = deed.month
        if through == "back":
            form = registry.get("contributions.PaymentRegistration")
            assert issubclass(form, ApplicationForm)
            unit, texts = self.units[deed.unit], self.town.center.services["payment"]
            today = self.rt.clock().astimezone(ZONE).date()
            who = operator_of(self.town.plan, deed.unit)
            desk = Desk(self.session, who, f"unit:{unit.no}", "", today, texts)
            offered = [value for value, _ in form.choices(desk)["through"]]
            through = next(value for value in offered if value.startswith("b"))
        self._of_unit(deed, "payment", {"through": through, "method": deed.how}, token)

    def _deposit(self, deed: Deed, token: str) -> None:
        self._of_unit(deed, "advance_deposit", {"amount": yuan(deed.cents[0])}, token)

    def _sign(self, deed: Deed, token: str) -> None:
        unit = self.units[deed.unit]
        typed = {
            "unit_account_no": unit.no,
            "account_name": unit.name,
            "bank_name": "中国建设银行",
            "bank_account_no": f"5200{unit.no}",
            "since": deed.day.isoformat(),
        }
        self._of_branch(deed, "debit_agreement", typed, token)

    def _clear(self, deed: Deed, token: str) -> None:
        receipt = self.session.scalars(
            select(BankReceipt).where(BankReceipt.bank_serial == serial(deed.other))
        ).one()
        unit = self.units[deed.unit].no
        typed = {"receipt": str(receipt.id), "treatment": ACTIONS[deed.how], "reason": "经核实办理"}
        if deed.how == p.CLAIM:
            typed["unit_account_no"] = unit
        if deed.how == p.SETTLE:
            waiting = Payment.unit_account_no == unit, Payment.state == AWAITING
            typed["payment"] = str(self.session.scalars(select(Payment.id).where(*waiting)).one())
        self._of_branch(deed, "suspense_clearing", typed, token)

    # ── the bank ───────────────────────────────────────────────────────────────────────────────
    def statement(self, branch: str, deeds: Sequence[Deed], *, part: str = "") -> None:
        """The day's statement of one branch, imported; `part` as in `do`: whoever does not know
        that a row is in already is told so."""
        token = f"{deeds[0].day}/statement/{branch}/{part}"
        if self.filed(token) is None:
            who = staff_of(FINANCE, branch, self.town.branches.index(branch))
            rows = [self._statement_row(deed) for deed in deeds]
            where = ("bank_statement", f"branch:{branch}", branch, branch)
            try:
                self.file_rows(who, where, rows, token, choices={}, tidy=part == "late")
            except HallError:
                self.session.rollback()

    # ── what is owed after commit ──────────────────────────────────────────────────────────────
    def pump(self) -> None:
        """Outbox and jobs, until nothing is due."""
        while True:
            self.session.rollback()
            items = outbox.due(self.session, self.rt.clock())
            work = jobs.due(self.session, self.rt.clock())
            self.session.rollback()
            if not items and not work:
                return
            for item in items:
                outbox.run_one(
                    self.sessions,
                    item,
                    clock=self.rt.clock,
                    profile=self.town.center,
                    runtime=self.runtime,
                )
            for job in work:
                jobs.run_one(self, job, clock=self.rt.clock)
