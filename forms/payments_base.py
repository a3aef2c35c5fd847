"""What the forms of assessing and paying share: whose unit it is, how it may pay, what it comes to.

Amounts on these pages are never typed (except 预缴): they come from the people and their accounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from sqlalchemy.orm import Session

from engine.errors import Problem, not_found
from engine.runtime import Actor
from forms.applications import ApplicationForm, Desk, Panel
from forms.kinds import Context, Kind, Options
from handlers.amounts import capitals, money_text
from handlers.banking import debiting
from handlers.banking.agreements import agreement
from handlers.banking.models import ADVANCE, METHODS, REALTIME, TRANSFER
from handlers.contributions import advancing
from handlers.contributions.assessing import unit_of
from handlers.contributions.models import BACK_PAYMENT, Remittance
from handlers.contributions.summary import NOW, MonthSummary
from handlers.months import is_month
from handlers.units import queries as units
from handlers.units.models import Unit

DUES, PAYING = "汇缴", "缴款"
TRANSFER_TOLD = "请在附言中写明缴款单号，款项到账并与缴款单相符后计入职工账户。"
_CHOSEN_CHARS_MAX = 20


def month_words(month: str) -> str:
    """2026 年 7 月"""
    return f"{month[:4]} 年 {int(month[5:])} 月" if is_month(month) else month


def chosen_words(value: str) -> str:
    """How a choice of `payments.chosen` reads to somebody who did not make it."""
    if value == "all":
        return "全部待缴"
    if value.startswith("b") and value[1:].isdecimal():
        return f"第 {value[1:]} 号补缴"
    return f"汇缴至 {month_words(value)}" if is_month(value) else value


def _month(typed: str, _: Context) -> str | Problem:
    return typed if is_month(typed) else Problem("month.choose", "请选择一个月份。")


def _chosen(typed: str, _: Context) -> str | Problem:
    number = typed[1:] if typed.startswith("b") else ""
    known = typed == "all" or is_month(typed) or (number.isascii() and number.isdecimal())
    return typed if known else Problem("choice.unknown", "请从下拉列表中选择一项。")


# Both are drawn from `choices`; the masks are the words others read.
Through = Annotated[
    str, Kind(check=_month, maxlength=7, widget="select", spaced=False, mask=month_words)
]
Dues = Annotated[
    str,
    Kind(
        check=_chosen,
        maxlength=_CHOSEN_CHARS_MAX,
        widget="select",
        spaced=False,
        mask=chosen_words,
    ),
]


class UnitApplication(ApplicationForm):
    """An application of a unit about its own dues."""

    @classmethod
    def load(cls, session: Session, actor: Actor, scope: str) -> dict[str, str]:
        number = units.account_of(scope)
        if number is None or units.record(session, number, actor.id) is None:
            raise not_found("单位")
        return dict.fromkeys(cls.specs(), "")


def paid_by(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The payment a request has registered: what to write on the transfer, and how much."""
    made = data.get("payment")
    if not isinstance(made, Mapping) or not isinstance(made.get("amount_cents"), int):
        return []
    cents = made["amount_cents"]
    words = [
        ("缴款单号", str(made.get("slip_no") or "")),
        ("缴款方式", METHODS.get(made.get("method", ""), "")),
    ]
    return [
        *(pair for pair in words if pair[1]),
        ("缴款金额", f"{money_text(cents)} 元（{capitals(cents)}）"),
        *([("汇款说明", TRANSFER_TOLD)] if made.get("method") == TRANSFER else []),
    ]


class PayingForm(UnitApplication):
    """`methods`: ways to pay this centre offers, by their keys, parted by commas."""

    options: ClassVar[Mapping[str, str | int | bool]] = {"methods": "transfer"}

    @classmethod
    def outcome(cls, data: Mapping[str, Any]) -> list[tuple[str, str]]:
        return paid_by(data)

    @classmethod
    def methods(cls, desk: Desk) -> Options:
        return methods(str(desk.texts.options.get("methods", cls.options["methods"])))


def methods(named: str) -> Options:
    """The ways to pay of a centre's option."""
    keys = [key.strip() for key in named.split(",")]
    return tuple((key, METHODS[key]) for key in keys if key in METHODS)


def here(desk: Desk) -> Unit:
    return unit_of(desk.session, desk.unit_account_no)


def means(desk: Desk, unit: Unit, method: str, cents: int) -> list[Problem]:
    """Why the unit cannot pay so much this way now."""
    if method == ADVANCE:
        short = advancing.short(desk.session, unit.unit_account_no, cents)
        return [short] if short else []
    return signed(desk, unit) if method == REALTIME else []


def signed(desk: Desk, unit: Unit) -> list[Problem]:
    """实时结算 needs a bank that can be asked, and the unit's agreement (CX-U24a)."""
    if not debiting.available():
        text = "本中心没有开通实时结算，请选择其他缴款方式。"
        return [Problem("bank.closed", text, "method")]
    if agreement(desk.session, unit.unit_account_no, desk.today) is None:
        text = "本单位没有签约缴存银行账户，请先到中心柜台办理签约，或选择其他缴款方式。"
        return [Problem("bank.no_agreement", text, "method")]
    return []


def months_panels(months: Sequence[MonthSummary]) -> list[Panel]:
    """The lines of XZ-2.4a for the first month, then month by month (DZ-U-06.4)."""
    if not months:
        return []
    first = months[0]
    rows = [(line.name, f"{line.headcount:,}", money_text(line.cents)) for line in first.lines]
    heads = ("项目", "人数（人）", "金额（元）")
    total = sum(month.due.total_cents for month in months)
    note = "" if len(months) > 1 else capitals(total)
    lines = Panel(
        f"{month_words(first.month)}汇缴",
        heads,
        rows,
        note,
        numeric=frozenset({1, 2}),
        leading=[line.name for line in first.lines].index(NOW),
    )
    if len(months) == 1:
        return [lines]
    each = [
        (month_words(one.month), f"{one.due.headcount:,}", money_text(one.due.total_cents))
        for one in months
    ]
    by_month = Panel(
        "逐月金额",
        ("汇缴年月", *heads[1:]),
        each,
        capitals(total),
        numeric=frozenset({1, 2}),
        total=("合计", "", money_text(total)),
    )
    return [lines, by_month]


def dues_words(one: Remittance) -> str:
    """What a remittance is, in a list to choose from."""
    what = f"{one.headcount:,} 人" if one.kind != BACK_PAYMENT else f"{one.headcount:,} 笔"
    months = month_words(one.month)
    if one.month_to and one.month_to != one.month:
        months += f"至 {month_words(one.month_to)}"
    kind = "补缴" if one.kind == BACK_PAYMENT else "汇缴"
    return f"{kind} {months}，{what}，{money_text(one.total_cents)} 元"


def dues_panel(title: str, owed: Sequence[Remittance]) -> Panel:
    """These remittances with their sum in figures and capitals."""
    rows = [
        (
            "补缴" if one.kind == BACK_PAYMENT else "汇缴",
            month_words(one.month),
            f"{one.headcount:,}",
            money_text(one.total_cents),
        )
        for one in owed
    ]
    cents = sum(one.total_cents for one in owed)
    return Panel(
        title,
        ("业务", "年月", "人数（笔数）", "金额（元）"),
        rows,
        capitals(cents),
        numeric=frozenset({2, 3}),
        total=("合计", "", "", money_text(cents)),
    )
