"""How units pay, or do not: the styles of a month, and what they leave for the next one."""

from __future__ import annotations

from tests.proof import plan as p
from tests.proof.plan import DEPOSIT_CENTS, Deed, month_text
from tests.proof.sketch import Crew, Sketch


class Dues(Sketch):
    """A method for each way a month is paid, named by its style."""

    def _late(self, unit: int, town: Crew) -> None:
        """What last month left unpaid."""
        if town.owes in (p.REST, p.ALL):
            self._do("late", unit, p.ARRIVE, how=town.owes, memo=p.SLIP)
            town.owes = ""

    def _due(self, unit: int, town: Crew, step: int) -> None:
        last = step == self.months - 1
        if town.ahead:
            town.ahead -= 1
        else:
            style = self._style(unit, town, last=last)
            getattr(self, f"_pay_{style}")(unit, town)
        if step and self._chance(0.15) and not town.skipped and not town.owes and self.month > 1:
            self._back(unit, town)

    def _style(self, unit: int, town: Crew, *, last: bool) -> str:
        if town.owes == p.OVER:
            return "use_rest"
        styles = ["exact"] * 5 + ["plain"] * 4
        styles += ["parts", "over_refund", "over_advance", "unclaimed", "cancelled", "ahead"]
        if self.units[unit].signed:
            styles += ["realtime", "realtime", "advance", "advance"]
        if not last:
            styles += ["short", "short_refund", "over_keep"]
            if not town.skipped and town.members:
                styles += ["skip"]
        return self.luck.choice(styles)

    def _assess(
        self,
        unit: int,
        town: Crew,
        *,
        more: int = 0,
        method: str = "transfer",
        day: str = "assess",
    ) -> None:
        """Up to this month, or `more` ahead; registered unless `method` is "".  What is cancelled
        and done again on one day is nobody's race."""
        through = month_text(self.year, self.month, more)
        raced = day == "assess"
        rival, twice = self._chance(0.15) and raced, self._chance(0.1)
        self._do(day, unit, p.ASSESS, month=through, rival=rival, twice=twice)
        if method:
            rival, twice = self._chance(0.15) and raced, self._chance(0.15)
            self._do(
                "register", unit, p.REGISTER, how=method, month=through, rival=rival, twice=twice
            )
        town.skipped, town.ahead = 0, more

    def _pay(
        self, unit: int, how: str, *, memo: str = p.SLIP, day: str = "pay", cents: int = 0
    ) -> Deed:
        return self._do(day, unit, p.ARRIVE, how=how, memo=memo, cents=(cents,))

    def _odd(self) -> int:
        return self.luck.randint(1, 30_000)

    def _pay_exact(self, unit: int, town: Crew) -> None:
        self._assess(unit, town)
        self._pay(unit, p.ALL)

    def _pay_plain(self, unit: int, town: Crew) -> None:
        """Nobody registers anything: the sum says what it is for."""
        self._assess(unit, town, method="")
        self._pay(unit, p.ALL, memo=p.NUMBER)

    def _pay_parts(self, unit: int, town: Crew) -> None:
        self._assess(unit, town)
        self._pay(unit, p.PART)
        self._pay(unit, p.REST, day="second")

    def _pay_short(self, unit: int, town: Crew) -> None:
        self._assess(unit, town)
        self._pay(unit, p.SHORT, cents=self._odd())
        town.owes = p.REST

    def _pay_short_refund(self, unit: int, town: Crew) -> None:
        """The centre sends back what was too little; the whole sum comes later."""
        self._assess(unit, town)
        paid = self._pay(unit, p.SHORT, cents=self._odd())
        self._do("clear", unit, p.CLEAR, how=p.REFUND, other=paid.id)
        town.owes = p.ALL

    def _over(self, unit: int, town: Crew) -> Deed:
        self._assess(unit, town)
        paid = self._pay(unit, p.OVER, cents=self._odd())
        self._do("clear", unit, p.CLEAR, how=p.SETTLE, other=paid.id)
        return paid

    def _pay_over_refund(self, unit: int, town: Crew) -> None:
        paid = self._over(unit, town)
        self._do("second", unit, p.CLEAR, how=p.REFUND, other=paid.id)

    def _pay_over_advance(self, unit: int, town: Crew) -> None:
        paid = self._over(unit, town)
        self._do("second", unit, p.CLEAR, how=p.ADVANCE, other=paid.id)

    def _pay_over_keep(self, unit: int, town: Crew) -> None:
        self._over(unit, town)
        town.owes = p.OVER

    def _pay_use_rest(self, unit: int, town: Crew) -> None:
        """Less is paid, for some of last month's money is still there."""
        self._assess(unit, town)
        self._pay(unit, p.REST)
        town.owes = ""

    def _pay_unclaimed(self, unit: int, town: Crew) -> None:
        self._assess(unit, town)
        paid = self._pay(unit, p.ALL, memo=p.NOTHING)
        self._do("clear", unit, p.CLEAR, how=p.CLAIM, other=paid.id, rival=self._two(0.3))

    def _pay_cancelled(self, unit: int, town: Crew) -> None:
        """核定, and on the next day 取消核定 and 核定 again, of the months it was about."""
        first = month_text(self.year, self.month, -town.skipped)
        self._do("assess", unit, p.ASSESS, month=self.now)
        self._do("register", unit, p.CANCEL, month=first)
        self._assess(unit, town, day="register")
        self._pay(unit, p.ALL)

    def _pay_ahead(self, unit: int, town: Crew) -> None:
        more = self.luck.randint(1, 2)
        self._assess(unit, town, more=more)
        self._pay(unit, p.ALL)

    def _pay_skip(self, _: int, town: Crew) -> None:
        town.skipped = 1

    def _pay_realtime(self, unit: int, town: Crew) -> None:
        self._assess(unit, town, method="realtime")

    def _pay_advance(self, unit: int, town: Crew) -> None:
        cents = DEPOSIT_CENTS * (1 + town.skipped)
        self._do("deposit", unit, p.DEPOSIT, cents=(cents,), twice=self._chance(0.5))
        self._assess(unit, town, method="advance")

    def _back(self, unit: int, town: Crew) -> None:
        """补缴 of last month for one or two people."""
        before = month_text(self.year, self.month, -1)
        people = [one for one in town.members.values() if (one.label, before) not in town.back]
        some = self.luck.sample(people, min(len(people), self.luck.randint(1, 2)))
        if not some:
            return
        labels = tuple(one.label for one in some)
        town.back |= {(label, before) for label in labels}
        cents = tuple(self.luck.randint(1_000, 40_000) for _ in labels)
        self._do("back", unit, p.BACK, who=labels, cents=cents, month=before)
        if self._chance(0.6):
            self._do("back_register", unit, p.REGISTER, how="transfer", month="back")
            self._do("back_pay", unit, p.ARRIVE, how=p.ALL, memo=p.SLIP, cents=(0,))
        else:
            self._do("back_pay", unit, p.ARRIVE, how=p.ALL, memo=p.NUMBER, cents=(0,))


# On one day: bases before people come, seals before anything needs them, money before decisions.
