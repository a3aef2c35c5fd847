"""What people write: the rows of rosters and of the bank's statement, with the numbers the hall has
given to accounts, changes and payments meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from handlers.banking.models import TRANSFER, BankReceipt, Payment
from handlers.contributions.models import OPEN, MemberChange
from handlers.members.models import IndividualAccount, Person
from handlers.members.operations import ID_PURPOSE
from handlers.privacy.columns import sought
from handlers.units.models import Unit
from tests.proof import plan as p
from tests.proof.plan import Deed, person_of
from tests.proof.town import Town

NOBODYS_NAME = "现金存款"


def yuan(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def serial(deed_id: str) -> str:
    return "B" + deed_id.replace("/", "-")


@dataclass
class Papers:
    """`arrivals`: what the bank's statement says each payer has transferred, in 分."""

    town: Town
    sessions: sessionmaker[Session]
    session: Session
    arrivals: dict[str, int]

    def __post_init__(self) -> None:
        self.rt = self.town.runtime(self.session)
        self.units = self.town.plan.units

    # ── rosters ────────────────────────────────────────────────────────────────────────────────
    def _typed(self, cents: int) -> dict[str, str]:
        column = "monthly_amount" if self.town.plan.entry == "amount" else "contribution_base"
        return {column: yuan(cents)} if cents else {}

    def _open_rows(self, deed: Deed) -> list[dict[str, str]]:
        found = []
        for label, cents in zip(deed.who, deed.cents, strict=True):
            who = self.town.plan.people[person_of(label)]
            row = {"person_name": who.name, "id_no": who.id_no, "mobile": who.mobile}
            found.append({"id_type": "01"} | row | self._typed(cents))
        return found

    def _seal_rows(self, deed: Deed) -> list[dict[str, str]]:
        return [{"individual_account_no": self.number(one), "reason": "99"} for one in deed.who]

    def _unseal_rows(self, deed: Deed) -> list[dict[str, str]]:
        (label,), (cents,) = deed.who, deed.cents
        return [{"individual_account_no": self.number(label), "reason": "01"} | self._typed(cents)]

    def _base_rows(self, deed: Deed) -> list[dict[str, str]]:
        return [
            {"individual_account_no": self.number(label)} | self._typed(cents)
            for label, cents in zip(deed.who, deed.cents, strict=True)
        ]

    def _transfer_rows(self, deed: Deed) -> list[dict[str, str]]:
        (label,) = deed.who
        name = self.town.plan.people[person_of(label)].name
        row = {"individual_account_no": self.number(label), "person_name": name, "reason": "01"}
        if self.town.plan.entry == "amount":
            return [row | {"to_unit": self.units[deed.to].no}]
        return [row | {"from_unit": self._account(label).unit_account_no}]

    def _merge_rows(self, deed: Deed) -> list[dict[str, str]]:
        (source,), target = deed.who, deed.other
        pair = {"source_account_no": source, "target_account_no": target}
        return [{name: self.number(label) for name, label in pair.items()}]

    def _undo_rows(self, deed: Deed) -> list[dict[str, str]]:
        verb = next(one.verb for one in self.town.plan.deeds if one.id == deed.other)
        unit = self.units[deed.unit].no
        found = []
        for label in deed.who:
            newest = (
                select(MemberChange.id)
                .where(
                    MemberChange.individual_account_id == self._account(label).id,
                    MemberChange.kind == verb,
                    MemberChange.unit_account_no == unit,
                )
                .order_by(MemberChange.id.desc())
            )
            found.append({"change_no": str(self.session.scalar(newest)), "reason": "办错"})
        return found

    def _back_rows(self, deed: Deed) -> list[dict[str, str]]:
        return [
            {
                "individual_account_no": self.number(label),
                "reason": "02",
                "month": deed.month,
                "amount_monthly": yuan(cents),
            }
            for label, cents in zip(deed.who, deed.cents, strict=True)
        ]

    # ── the bank ───────────────────────────────────────────────────────────────────────────────
    def missing(self, deeds: Sequence[Deed]) -> list[Deed]:
        """Those whose money the hall has not heard of."""
        self.session.rollback()
        wanted = [serial(deed.id) for deed in deeds]
        known = set(
            self.session.scalars(
                select(BankReceipt.bank_serial).where(BankReceipt.bank_serial.in_(wanted))
            )
        )
        return [deed for deed in deeds if serial(deed.id) not in known]

    def _statement_row(self, deed: Deed) -> dict[str, str]:
        unit = self.units[deed.unit]
        row = {
            "bank_serial": serial(deed.id),
            "arrived_on": deed.day.isoformat(),
            "amount_in": yuan(self.arrivals[deed.id]),
        }
        if deed.memo == p.NOTHING:
            return row | {"payer_name": NOBODYS_NAME}
        if deed.memo == p.NUMBER:
            return row | {"payer_name": "杨秀兰", "memo": f"公积金 {unit.no}"}
        return row | {"payer_name": unit.name, "memo": f"缴款单{self._slip(unit.no)}"}

    def _slip(self, unit: str) -> str:
        """What the unit was told to write on its last transfer."""
        mine = Payment.unit_account_no == unit, Payment.method == TRANSFER
        newest = select(Payment.slip_no).where(*mine).order_by(Payment.id.desc()).limit(1)
        return self.session.scalars(newest).one()

    # ── looking up ─────────────────────────────────────────────────────────────────────────────
    def _rates(self, unit: int) -> tuple[int, int]:
        self.session.rollback()
        found = select(Unit.unit_rate, Unit.individual_rate)
        row = self.session.execute(found.where(Unit.unit_account_no == self.units[unit].no)).one()
        return int(row[0]), int(row[1])

    def _account(self, label: str) -> IndividualAccount:
        """By the person and the unit that opened it; the n-th one of them."""
        who, _, where = label.partition("@")
        unit, _, times = where.partition("#")
        marks = sought(ID_PURPOSE, self.town.plan.people[who].id_no)
        account = IndividualAccount
        opened = (
            select(account)
            .join(MemberChange, MemberChange.individual_account_id == account.id)
            .join(Person, Person.id == account.person_id)
            .where(
                MemberChange.kind == OPEN,
                MemberChange.unit_account_no == self.units[int(unit)].no,
                Person.id_type == "01",
                Person.id_no_index.in_(marks),
            )
            .order_by(MemberChange.id)
        )
        return self.session.scalars(opened).all()[int(times or 1) - 1]

    def number(self, label: str) -> str:
        return self._account(label).individual_account_no
