"""What a unit asks for every month: 汇缴核定, 取消核定, 缴款登记, 汇缴 (assess and pay), 预缴."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from engine.errors import Problem
from forms.applications import Desk, Panel
from forms.declared import Item
from forms.fields import Money, choice, text
from forms.kinds import Options
from forms.payments_base import (
    DUES,
    PAYING,
    Dues,
    PayingForm,
    Through,
    UnitApplication,
    dues_panel,
    dues_words,
    here,
    means,
    month_words,
    months_panels,
    signed,
)
from handlers.amounts import capitals, money_text, parse_money
from handlers.banking import payments
from handlers.banking.models import ADVANCE, METHODS
from handlers.contributions import advancing, assessing, cancelling, summary
from handlers.contributions.assessing import Asked
from handlers.contributions.models import ASSESSED, BACK_PAYMENT, REMITTANCE, Remittance
from handlers.contributions.summary import Due, MonthSummary
from handlers.units import states

REMARK_CHARS_MAX = 60
NOTHING_OWED = "没有待缴款的汇缴或补缴，请先办理核定，再来登记缴款。"
NO_MONTH = "可以核定的月份都已核定，请到下个月再办理。"
Remark = Annotated[str, text(REMARK_CHARS_MAX)]


class Assessment(UnitApplication):
    """汇缴核定 (XZ-2.4a, SX-12.1, QDN-03.1): one month or several consecutive ones."""

    form_id: ClassVar[str] = "contributions.Assessment"
    title: ClassVar[str] = "汇缴核定"
    first_offered: ClassVar[frozenset[str]] = frozenset({"through"})
    nothing: ClassVar[Mapping[str, str]] = {"through": NO_MONTH}

    through: Annotated[
        Through,
        Item(label="核定到", group=DUES, required=True, hint="从未核定的第一个月起，按月连续核定"),
    ]

    @classmethod
    def outcome(cls, data: Mapping[str, Any]) -> list[tuple[str, str]]:
        done = data.get("done")
        if not isinstance(done, Mapping) or not isinstance(done.get("total_cents"), int):
            return []
        cents = done["total_cents"]
        return [
            ("核定人数", f"{done.get('headcount', 0):,} 人"),
            ("应缴金额", f"{money_text(cents)} 元（{capitals(cents)}）"),
        ]

    @classmethod
    def choices(cls, desk: Desk) -> Mapping[str, Options]:
        return {"through": through_words(all_months(desk))}

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        return assessing.problems(desk.session, _asked(desk, values))

    @classmethod
    def panels(cls, desk: Desk, values: Mapping[str, str]) -> list[Panel]:
        return months_panels(foreseen(desk, values))


def _asked(desk: Desk, values: Mapping[str, str]) -> Asked:
    return Asked(here(desk), values.get("through", ""), desk.day)


def all_months(desk: Desk) -> list[tuple[str, Due]]:
    """The months offered, and what each of them comes to."""
    unit = here(desk)
    months = assessing.offered(desk.session, unit, desk.day)
    if not months:
        return []
    return summary.dues(desk.session, unit.unit_account_no, months[0], len(months))


def through_words(months: Sequence[tuple[str, Due]], more_cents: int = 0) -> Options:
    """Each month that may be the last, with what all up to it come to: who decides reads it too.

    `more_cents`: what rosters that go along add to a month.
    """
    found, cents = [], 0
    for count, (month, due) in enumerate(months, 1):
        cents += due.total_cents + more_cents
        length = f"{count} 个月，" if count > 1 else ""
        words = f"{month_words(month)}（{length}共 {money_text(cents)} 元）"
        found.append((month, words))
    return tuple(found)


def foreseen(desk: Desk, values: Mapping[str, str]) -> list[MonthSummary]:
    """What would be assessed; of the next month alone while nothing sensible is chosen."""
    unit = here(desk)
    months = assessing.offered(desk.session, unit, desk.day)
    if not months:
        return []
    through = values.get("through", "")
    asked = Asked(unit, through if through in months else months[0], desk.day)
    return assessing.foreseen(desk.session, asked)


class CancelAssessment(UnitApplication):
    """取消核定 (SX-14.1, QDN-03.2): nobody pays for it yet; the newest month goes first."""

    form_id: ClassVar[str] = "contributions.CancelAssessment"
    title: ClassVar[str] = "取消核定"
    nothing: ClassVar[Mapping[str, str]] = {
        "which": "没有可以取消的核定。已经登记缴款的不能取消，请联系所属管理部。"
    }

    which: Annotated[Dues, Item(label="取消的核定", group=DUES, required=True, wide=True)]

    @classmethod
    def choices(cls, desk: Desk) -> Mapping[str, Options]:
        owed = cancelling.living(desk.session, desk.unit_account_no)
        months = [one for one in owed if one.kind == REMITTANCE]
        open_ = [one for one in months if one.month > _fixed_through(months)]
        found = [(one.month, dues_words(one)) for one in open_[-1:]]
        for one in reversed(open_[:-1]):
            words = f"汇缴 {month_words(one.month)}至 {month_words(open_[-1].month)}"
            found.append((one.month, words))
        backs = (one for one in owed if one.kind == BACK_PAYMENT and one.state == ASSESSED)
        return {"which": (*found, *((f"b{one.id}", dues_words(one)) for one in backs))}

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        owed = cancelling.living(desk.session, desk.unit_account_no)
        found = cancelling.picked(owed, values.get("which", ""))
        return [found] if isinstance(found, Problem) else []

    @classmethod
    def panels(cls, desk: Desk, values: Mapping[str, str]) -> list[Panel]:
        owed = cancelling.living(desk.session, desk.unit_account_no)
        found = cancelling.picked(owed, values.get("which", ""))
        if isinstance(found, Problem):
            return []
        return [dues_panel("将取消的核定", found[::-1])]


def _fixed_through(months: list[Remittance]) -> str:
    """The last month that is being paid: what lies before it cannot be cancelled."""
    return max((one.month for one in months if one.state != ASSESSED), default="")


class PaymentRegistration(PayingForm):
    """缴款登记 (XZ-2.4b): what is paid, and how; one way for one slip."""

    form_id: ClassVar[str] = "contributions.PaymentRegistration"
    title: ClassVar[str] = "缴款登记"
    first_offered: ClassVar[frozenset[str]] = frozenset({"through"})
    nothing: ClassVar[Mapping[str, str]] = {"through": NOTHING_OWED}

    through: Annotated[Dues, Item(label="缴款内容", group=PAYING, required=True, wide=True)]
    method: Annotated[str, choice(METHODS), Item(label="缴款方式", group=PAYING, required=True)]
    remark: Annotated[Remark, Item(label="备注", group=PAYING)] = ""

    @classmethod
    def choices(cls, desk: Desk) -> Mapping[str, Options]:
        owed = payments.payable(desk.session, desk.unit_account_no)
        found: list[tuple[str, str]] = []
        run = 0
        for one in (each for each in owed if each.kind == REMITTANCE):
            run += one.total_cents
            words = dues_words(one)
            if found:
                words = f"汇缴至 {month_words(one.month)}，共 {money_text(run)} 元"
            found.append((one.month, words))
        backs = [one for one in owed if one.kind == BACK_PAYMENT]
        found += [(f"b{one.id}", dues_words(one)) for one in backs]
        if backs and len(found) > 1:
            total = sum(one.total_cents for one in owed)
            found.append(("all", f"全部，共 {money_text(total)} 元"))
        return {"through": tuple(found), "method": cls.methods(desk)}

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        owed = payments.payable(desk.session, desk.unit_account_no)
        if not owed:
            return [Problem("payments.nothing", NOTHING_OWED, "through")]
        picked = payments.chosen(owed, values.get("through", ""))
        if not picked:
            text = "所选的核定已登记缴款或已取消，请刷新后重新选择。"
            return [Problem("payments.taken", text, "through")]
        cents = sum(one.total_cents for one in picked)
        return _way(cls, desk, values) or means(desk, here(desk), values["method"], cents)

    @classmethod
    def panels(cls, desk: Desk, values: Mapping[str, str]) -> list[Panel]:
        owed = payments.payable(desk.session, desk.unit_account_no)
        picked = payments.chosen(owed, values.get("through", ""))
        return [dues_panel("本次缴款", picked)] if picked else []


def _way(form: type[PayingForm], desk: Desk, values: Mapping[str, str]) -> list[Problem]:
    if values.get("method", "") in dict(form.methods(desk)):
        return []
    return [Problem("payments.method", "请选择本中心提供的缴款方式。", "method")]


class Remit(PayingForm):
    """汇缴 (CX-U25a–c): assessed up to the end month and paid at once, by debit or from 预缴户."""

    form_id: ClassVar[str] = "contributions.Remit"
    title: ClassVar[str] = "汇缴"
    first_offered: ClassVar[frozenset[str]] = frozenset({"through"})
    nothing: ClassVar[Mapping[str, str]] = {"through": NO_MONTH}
    options: ClassVar[Mapping[str, str | int | bool]] = {"methods": "realtime,advance"}

    through: Annotated[Through, Item(label="终止年月", group=DUES, required=True)]
    method: Annotated[str, choice(METHODS), Item(label="缴款方式", group=PAYING, required=True)]

    @classmethod
    def choices(cls, desk: Desk) -> Mapping[str, Options]:
        return {**Assessment.choices(desk), "method": cls.methods(desk)}

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        found = assessing.problems(desk.session, _asked(desk, values)) + _way(cls, desk, values)
        if found:
            return found
        cents = sum(month.due.total_cents for month in foreseen(desk, values))
        return means(desk, here(desk), values["method"], cents)

    @classmethod
    def panels(cls, desk: Desk, values: Mapping[str, str]) -> list[Panel]:
        months = foreseen(desk, values)
        if not months:
            return []
        cents = sum(month.due.total_cents for month in months)
        from_advance = cents if values.get("method") == ADVANCE else 0
        free = advancing.free_cents(desk.session, desk.unit_account_no)
        rows = [
            ("应缴金额", money_text(cents)),
            ("实缴金额", money_text(cents - from_advance)),
            ("预缴转出金额", money_text(from_advance)),
            ("预缴户可用余额", money_text(free)),
        ]
        paying = Panel("缴款金额", ("项目", "金额（元）"), rows, numeric=frozenset({1}))
        return [*months_panels(months), paying]


class AdvanceDeposit(UnitApplication):
    """预缴 (CX-U24b): money for the advance account, debited from the signed bank account."""

    form_id: ClassVar[str] = "contributions.AdvanceDeposit"
    title: ClassVar[str] = "预缴"

    amount: Annotated[Money, Item(label="预缴金额", group=PAYING, required=True)]
    remark: Annotated[Remark, Item(label="备注", group=PAYING)] = ""

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        unit = here(desk)
        status = states.transition(unit.unit_status, "assess")
        if isinstance(status, Problem):
            return [status]
        cents = parse_money(values.get("amount", ""))
        if isinstance(cents, Problem) or cents <= 0:
            return [Problem("payments.amount", "预缴金额应大于 0，请填写。", "amount")]
        return [Problem(one.code, one.text) for one in signed(desk, unit)]

    @classmethod
    def panels(cls, desk: Desk, values: Mapping[str, str]) -> list[Panel]:
        free = advancing.free_cents(desk.session, desk.unit_account_no)
        rows = [("可用余额", money_text(free))]
        return [Panel("预缴户", ("项目", "金额（元）"), rows, numeric=frozenset({1}))]
