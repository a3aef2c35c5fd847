"""DZ's 汇缴 with everything the month brings, and 撤销入账 at the centre's own desk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import number_in
from engine.errors import Problem
from engine.runtime import Actor
from forms.applications import ApplicationForm, Desk, Panel
from forms.declared import Item
from forms.fields import text
from forms.kinds import Context, Kind, Options
from forms.payments_base import (
    DUES,
    Through,
    UnitApplication,
    dues_panel,
    dues_words,
    here,
    month_words,
    months_panels,
)
from forms.payments_unit import all_months, foreseen, through_words
from handlers.amounts import capitals, money_text
from handlers.contributions import assessing, unposting
from handlers.contributions.assessing import BARRING, Asked
from handlers.contributions.models import POSTED, Remittance
from handlers.contributions.summary import MonthSummary
from handlers.months import day_in, month_of
from handlers.rosters import attaching
from handlers.rosters.attaching import Waiting

CHOICES_MAX = 200  # remittances offered in one list, newest first
EXPECTED_ROWS_MAX = 2_000  # rows opened for one page
POSTINGS = "入账"


def _number(typed: str, _: Context) -> str | Problem:
    if number_in(typed) is not None:
        return typed
    return Problem("choice.unknown", "请从下拉列表中选择一项。")


class BatchRemit(UnitApplication):
    """汇缴 (DZ-U-06): the months, and the rosters the unit has prepared for them go along.

    Nothing changes before the centre accepts; what is shown is what would be due today.
    """

    form_id: ClassVar[str] = "contributions.BatchRemit"
    title: ClassVar[str] = "汇缴"
    first_offered: ClassVar[frozenset[str]] = frozenset({"through"})

    through: Annotated[
        Through, Item(label="汇缴至", group=DUES, required=True, hint="可以选择连续几个月")
    ]

    @classmethod
    def choices(cls, desk: Desk) -> Mapping[str, Options]:
        _, cents = _moved(desk, attaching.waiting(desk.session, desk.scope))
        return {"through": through_words(all_months(desk), cents)}

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        prepared = attaching.waiting(desk.session, desk.scope)
        asked = Asked(here(desk), values.get("through", ""), desk.day)
        found = assessing.problems(desk.session, asked)
        if any(one.sound for one in prepared):  # they come with it
            barred = ("assessing.nobody", "assessing.unsubmitted")
            found = [one for one in found if one.code not in barred]
        return [*found, *attaching.problems(prepared)]

    @classmethod
    def panels(cls, desk: Desk, values: Mapping[str, str]) -> list[Panel]:
        months = foreseen(desk, values)
        prepared = attaching.waiting(desk.session, desk.scope)
        if not prepared:
            return months_panels(months)
        return [
            *months_panels(months),
            _rosters_panel(prepared),
            *_expected(desk, months, prepared),
        ]

    @classmethod
    def route_facts(cls, desk: Desk, values: Mapping[str, str]) -> dict[str, Any]:
        prepared = attaching.waiting(desk.session, desk.scope)
        return {"rows": sum(one.sound for one in prepared)}


def _rosters_panel(prepared: Sequence[Waiting]) -> Panel:
    rows = [
        (
            BARRING.get(one.roster.key, one.roster.key),
            f"{one.sound:,}",
            f"{one.faulty:,}",
            money_text(one.cents),
        )
        for one in prepared
    ]
    heads = ("清册", "合格（行）", "有误（行）", "月缴存额（元）")
    note = "清册与汇缴一并递交，中心受理时生效。"
    return Panel("一并递交的清册", heads, rows, note, numeric=frozenset({1, 2, 3}))


def _expected(
    desk: Desk, months: Sequence[MonthSummary], prepared: Sequence[Waiting]
) -> list[Panel]:
    """What the months come to when the rosters have taken effect, to be checked month by month
    (DZ-U-06.4); the accepted amount is reckoned person by person."""
    if not months or _too_long(prepared):
        return []
    heads, cents = _moved(desk, prepared)
    rows = [
        (
            month_words(month.month),
            f"{month.due.headcount + heads:,}",
            money_text(month.due.total_cents + cents),
        )
        for month in months
    ]
    total = sum(month.due.total_cents + cents for month in months)
    return [
        Panel(
            "清册生效后预计",
            ("汇缴年月", "人数（人）", "金额（元）"),
            rows,
            capitals(total),
            numeric=frozenset({1, 2}),
            total=("合计", "", money_text(total)),
        )
    ]


def _too_long(prepared: Sequence[Waiting]) -> bool:
    return sum(one.sound for one in prepared) > EXPECTED_ROWS_MAX


def _moved(desk: Desk, prepared: Sequence[Waiting]) -> tuple[int, int]:
    """How many more are paid for, and how much more a month, when the rosters have taken effect;
    nothing is said of long ones."""
    heads = cents = 0
    for one in () if _too_long(prepared) else prepared:
        sign = -1 if one.roster.key == "seal_accounts" else 1
        if one.roster.key == "base_adjustment":
            cents += one.cents - attaching.present_cents(desk.session, one)
        else:
            heads, cents = heads + sign * one.sound, cents + sign * one.cents
    return heads, cents


class UndoPosted(ApplicationForm):
    """撤销入账 (XZ-6.3c): 财务岗 takes back what was posted this month by mistake."""

    form_id: ClassVar[str] = "contributions.UndoPosted"
    title: ClassVar[str] = "撤销入账"
    nothing: ClassVar[Mapping[str, str]] = {
        "remittance": "本管理部本月没有已入账的汇缴或补缴，没有可以撤销的。"
    }

    remittance: Annotated[
        str,
        Kind(check=_number, maxlength=10, widget="select", spaced=False),
        Item(label="要撤销的入账", group=POSTINGS, required=True, wide=True),
    ]
    reason: Annotated[
        str,
        text(200, minlength=2),
        Item(label="撤销原因", group=POSTINGS, required=True, wide=True),
    ]

    @classmethod
    def load(cls, session: Session, actor: Actor, scope: str) -> dict[str, str]:
        return dict.fromkeys(cls.specs(), "")

    @classmethod
    def choices(cls, desk: Desk) -> Mapping[str, Options]:
        posted = desk.session.scalars(
            select(Remittance)
            .where(
                Remittance.branch_code == desk.branch,
                Remittance.state == POSTED,
                Remittance.posted_on >= day_in(month_of(desk.today), 1),
            )
            .order_by(Remittance.id.desc())
            .limit(CHOICES_MAX)
        )
        return {
            "remittance": tuple(
                (str(one.id), f"{one.unit_account_no} {dues_words(one)}") for one in posted
            )
        }

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        one = _named(desk, values)
        if one is None:
            text_ = "请选择本管理部本月入账的一笔汇缴或补缴。"
            return [Problem("unposting.gone", text_, "remittance")]
        return unposting.problems(desk.session, one, month_of(desk.today))

    @classmethod
    def panels(cls, desk: Desk, values: Mapping[str, str]) -> list[Panel]:
        one = _named(desk, values)
        if one is None:
            return []
        day = one.assessed_at.astimezone(ZONE).date()
        panel = dues_panel("将撤销的入账", [one])
        facts = [
            ("单位账号", one.unit_account_no),
            ("核定", f"{day} {one.assessed_by}"),
            ("入账日期", str(one.posted_on)),
        ]
        return [panel, Panel("办理情况", ("项目", "内容"), facts)]


def _named(desk: Desk, values: Mapping[str, str]) -> Remittance | None:
    number = number_in(values.get("remittance", ""))
    one = desk.session.get(Remittance, number) if number is not None else None
    return one if one is not None and one.branch_code == desk.branch else None
