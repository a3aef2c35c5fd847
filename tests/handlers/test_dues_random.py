"""A unit lives through some years at random; a plain model says what everybody must have saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

from engine.database import transaction
from handlers.banking import payments
from handlers.banking.models import Payment
from handlers.contributions import allocating, assessing, cancelling, unposting
from handlers.contributions.models import Remittance
from handlers.members.models import IndividualAccount
from handlers.units import queries as units
from tests.builders import members
from tests.builders.books import CLERK, UNIT
from tests.builders.dues import Dues, owing
from tests.conftest import Clock
from tests.handlers.ledger_rivals import outcome

MONTHLY = 128_000
STEPS = 80
SETTLED_MIN = 3  # a life in which hardly anything was paid proves nothing


@dataclass
class Model:
    """What should be; knows nothing of tables.  `months`: living ones, oldest first: who is in it,
    how far it is (assessed, awaiting, posted) and by which payment."""

    normal: dict[int, bool] = field(default_factory=dict)
    saved: dict[int, int] = field(default_factory=dict)
    months: list[tuple[list[int], str, int]] = field(default_factory=list)
    suspense: int = 0
    paying: list[Payment] = field(default_factory=list)

    @property
    def due(self) -> list[int]:
        return [who for who, normal in self.normal.items() if normal]

    def state(self, place: int, state: str, payment: int = 0) -> None:
        self.months[place] = (self.months[place][0], state, payment)

    def of(self, payment: int) -> list[int]:
        return [at for at, (_, _, by) in enumerate(self.months) if payment and by == payment]


@dataclass
class Life:
    """One unit in the hall and in the model, step by step."""

    dues: Dues
    chance: Random
    model: Model = field(default_factory=Model)
    people: list[tuple[str, int]] = field(default_factory=list)  # number, ledger account
    settled: int = 0

    def step(self) -> None:
        often = (self.assess, self.register, self.settle, self.settle) * 3
        self.chance.choice((self.join, self.turn, *often, self.cancel, self.give_up, self.undo))()

    def join(self) -> None:
        if len(self.people) < 6:
            (one,) = self.dues.people(len(self.people) + 1)
            who = len(self.people)
            self.people.append((one.individual_account_no, one.ledger_account_id))
            self.model.normal[who], self.model.saved[who] = True, 0

    def turn(self) -> None:
        if self.people:
            who = self.chance.randrange(len(self.people))
            verb = "seal" if self.model.normal[who] else "unseal"
            more = {"reason": "01"} if verb == "seal" else {}
            members.do(self.dues.books, verb, self.people[who][0], **more)
            self.model.normal[who] = not self.model.normal[who]

    def assess(self) -> None:
        dues = self.dues
        count = self.chance.randint(1, 3)
        asked = dues.asked("")
        months = assessing.offered(dues.session, asked.unit, asked.day)
        through = months[min(count, len(months)) - 1] if months else ""
        told = outcome(lambda: dues.assess(through))
        if isinstance(told, str):
            assert told in ("assessing.nobody", "assessing.month", "assessing.ahead")
            assert not self.model.due or not months
            return
        made = min(count, len(months))
        self.model.months += [(self.model.due, "assessed", 0)] * made

    def cancel(self) -> None:
        assessed = [at for at, one in enumerate(self.model.months) if one[1] == "assessed"]
        if not assessed or assessed[-1] != len(self.model.months) - 1:
            return
        last = self.living()[-1]
        with transaction(self.dues.session):
            units.locked_unit(self.dues.session, UNIT)
            cancelling.cancel(self.dues.rt, CLERK, UNIT, last.month, no="C")
        self.model.months.pop()

    def register(self) -> None:
        assessed = [at for at, one in enumerate(self.model.months) if one[1] == "assessed"]
        if not assessed:
            return
        some = assessed[: self.chance.randint(1, len(assessed))]
        living = self.living()
        payment = self.dues.register(*(living[at] for at in some), no=f"P{len(self.model.paying)}")
        assert payment.amount_cents == sum(len(living_of(self.model, at)) for at in some) * MONTHLY
        for at in some:
            self.model.state(at, "awaiting", payment.id)
        self.model.paying.append(payment)

    def settle(self) -> None:
        if not self.model.paying:
            return
        payment = self.chance.choice(self.model.paying)
        cents = payment.amount_cents
        arrives = self.chance.choice((cents, cents, cents + 77, cents - 1, 0))
        if arrives:
            self.dues.arrive(arrives)
            self.model.suspense += arrives
        told = outcome(lambda: self.dues.settle(payment))
        if isinstance(told, str):
            assert (told, self.model.suspense < cents) == ("spending.short", True)
            return
        self.model.suspense -= cents
        self.model.paying.remove(payment)
        self.settled += 1
        for at in self.model.of(payment.id):
            self.model.state(at, "posted", payment.id)
            for who in living_of(self.model, at):
                self.model.saved[who] += MONTHLY

    def give_up(self) -> None:
        if self.model.paying:
            payment = self.model.paying.pop()
            with transaction(self.dues.session):
                assert payments.release(self.dues.rt, CLERK, payment)
            for at in self.model.of(payment.id):
                self.model.state(at, "assessed")

    def undo(self) -> None:
        if not self.model.months or self.model.months[-1][1] != "posted":
            return
        last = self.living()[-1]
        with transaction(self.dues.session):
            here = self.dues.session.get_one(Remittance, last.id)
            unposting.undo_posted(self.dues.rt, CLERK, here, "算错了")
        who, _, _ = self.model.months.pop()
        self.model.suspense += len(who) * MONTHLY
        for each in who:
            self.model.saved[each] -= MONTHLY

    def living(self) -> list[Remittance]:
        found = [one for one in self.dues.remittances() if one.state != "cancelled"]
        return sorted(found, key=lambda one: one.month)

    def agrees(self) -> None:
        dues, model = self.dues, self.model
        living = self.living()
        assert [(one.headcount, one.state) for one in living] == [
            (len(who), state) for who, state, _ in model.months
        ]
        saved = [dues.books.balance(ledger) for _, ledger in self.people]
        assert saved == [model.saved[who] for who in range(len(self.people))]
        assert dues.balance("suspense") == model.suspense
        unpaid = [one.month for one in living if one.state != "posted"]
        through = [one.month for one in living if not unpaid or one.month < unpaid[0]]
        assert dues.paid_through() == [through[-1] if through else ""]
        for who, (number, _) in enumerate(self.people):
            posted = [
                one.month
                for one, (members_, state, _) in zip(living, model.months, strict=True)
                if state == "posted" and who in members_
            ]
            account = dues.session.query(IndividualAccount).filter_by(individual_account_no=number)
            assert account.one().paid_through_month == (posted[-1] if posted else "")


def living_of(model: Model, place: int) -> list[int]:
    return model.months[place][0]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_everybody_has_what_the_model_says(
    database_url: str, clock: Clock, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocating, "PIECE_LINES", 2)
    with owing(database_url, clock) as dues:
        life = Life(dues, Random(seed))
        life.join()
        for _ in range(STEPS):
            life.step()
            life.agrees()
        assert life.settled > SETTLED_MIN
        dues.whole()
