"""基数调整 (DZ-U-06.2, XZ-2.2, CX-U19, QDN-02) and 年度核定 (SX-11.1): old bases, new bases."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

from engine.errors import Problem
from forms.changes_base import (
    ENTRY,
    PAY,
    WHO,
    ByAccount,
    ByName,
    IndividualShare,
    PaidRoster,
    UnitShare,
    filed_numbers,
    find,
    refuse,
)
from forms.declared import Item
from forms.fields import Money, ShortText
from forms.rosters.base import Column, Desk, Row
from handlers.amounts import money_text
from handlers.centers import ServiceTexts
from handlers.contributions import annual, bases, finding
from handlers.contributions.amounts import Derived
from handlers.contributions.finding import Held
from handlers.members.codes import NORMAL

WHOLE = "whole"  # every member of the unit has to be in it, unchanged ones too (QDN-02)
_NAMED_MAX = 3  # of those who are missing, in the sentence


class BaseAdjustment(PaidRoster):
    """What the centre has filled in may not be touched; what is typed is the new base, or the new
    monthly amount (CONTRIBUTION_ENTRY)."""

    form_id: ClassVar[str] = "contributions.BaseAdjustment"
    title: ClassVar[str] = "基数调整"
    amount: ClassVar[str] = bases.AMOUNT_COLUMN
    options: ClassVar[Mapping[str, str | int | bool]] = {
        "count_check": False,
        ENTRY: "both",
        WHOLE: False,
    }

    individual_account_no: ByAccount = ""
    person_name: ByName = ""
    registered_id: Annotated[
        ShortText,
        Item(label="登记证件", group=WHO),
        Column(locked=True, width=22, aliases=("证件号码", "身份证号码")),
    ] = ""
    old_base: Annotated[
        Money,
        Item(label="调整前缴存基数", group=PAY),
        Column(locked=True, width=16, aliases=("调整前基数", "工资基数", "原缴存基数")),
    ] = 0
    old_amount: Annotated[
        Money,
        Item(label="调整前月缴存额", group=PAY),
        Column(locked=True, width=16, aliases=("原月缴存额", "月缴存额")),
    ] = 0
    contribution_base: Annotated[
        Money,
        Item(label="调整后缴存基数", group=PAY),
        Column(width=16, aliases=("调整后基数", "调整后工资基数", "新缴存基数")),
    ] = 0
    monthly_amount: Annotated[
        Money,
        Item(label="调整后月缴存额", group=PAY),
        Column(width=16, aliases=("新月缴存额", "调整后月缴额")),
    ] = 0
    unit_amount: UnitShare = 0
    individual_amount: IndividualShare = 0

    @classmethod
    def seeks(cls, desk: Desk) -> Collection[str]:
        return (NORMAL,)

    @classmethod
    def gate(cls, desk: Desk) -> list[Problem]:
        too_soon = cls.when(desk)
        return super().gate(desk) + ([too_soon] if too_soon else [])

    @classmethod
    def picks(cls, texts: ServiceTexts) -> bool:
        """The new sums are typed in the list (XZ-2.2a); not where everybody has to be in it."""
        return not cls.option(texts, WHOLE)

    @classmethod
    def when(cls, desk: Desk) -> Problem | None:
        """Why it is not the time for it."""
        return bases.gate(desk.session, desk.day)

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        both = find(desk, rows, wanted={NORMAL})
        rules = bases.adjusting(
            desk.session,
            cls.unit(desk).branch_code,
            desk.day,
            ids=[held.id for _, held in both],
            whole=bool(cls.option(desk.texts, WHOLE)),
        )
        for row, held in both:
            derived = show(row, held, bases.wish(rules.terms, row.values, held))
            if derived is None or refuse(row, rules.problem(held, derived)):
                continue
            said = rules.remark(derived)
            row.notes += [said] if said else []

    @classmethod
    def whole(cls, desk: Desk, roster_id: int, seqs: Collection[int] | None) -> list[Problem]:
        if not cls.option(desk.texts, WHOLE):
            return []
        members = finding.members(desk.session, desk.unit_account_no, {NORMAL})
        everybody = {held.account_no for held in members}
        return missing(everybody, filed_numbers(desk, roster_id, seqs))

    @classmethod
    def prefill(cls, desk: Desk) -> Iterator[dict[str, str]]:
        for held in finding.members(desk.session, desk.unit_account_no, {NORMAL}):
            yield given(held)


class AnnualAssessment(BaseAdjustment):
    """Everybody in state 正常 who is paid through June, once in a fund year."""

    form_id: ClassVar[str] = "contributions.AnnualAssessment"
    title: ClassVar[str] = "年度核定"
    options: ClassVar[Mapping[str, str | int | bool]] = {"count_check": False, ENTRY: "both"}

    @classmethod
    def picks(cls, texts: ServiceTexts) -> bool:
        return False

    @classmethod
    def when(cls, desk: Desk) -> Problem | None:
        year = annual.year_of(desk.session, desk.unit_account_no, desk.day)
        return year if isinstance(year, Problem) else None

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        unit = cls.unit(desk)
        rules = annual.assessing(desk.session, unit.unit_account_no, unit.branch_code, desk.day)
        for row, held in find(desk, rows, wanted={NORMAL}):
            if isinstance(rules, Problem):
                row.problems.append(rules)
                continue
            derived = show(row, held, bases.wish(rules.terms, row.values, held))
            if derived is not None:
                refuse(row, rules.problem(held, derived))

    @classmethod
    def whole(cls, desk: Desk, roster_id: int, seqs: Collection[int] | None) -> list[Problem]:
        year = annual.year_of(desk.session, desk.unit_account_no, desk.day)
        if isinstance(year, Problem):
            return [year]
        everybody = annual.covered(desk.session, desk.unit_account_no, year)
        return missing(everybody, filed_numbers(desk, roster_id, seqs))

    @classmethod
    def prefill(cls, desk: Desk) -> Iterator[dict[str, str]]:
        year = annual.year_of(desk.session, desk.unit_account_no, desk.day)
        if isinstance(year, Problem):
            return
        for held in finding.members(desk.session, desk.unit_account_no, {NORMAL}):
            if held.paid_through >= annual.june(year):
                yield given(held)


def given(held: Held) -> dict[str, str]:
    """What the centre fills in."""
    return {
        finding.ACCOUNT: held.account_no,
        finding.NAME: held.name,
        "registered_id": held.masked_id,
        "old_base": money_text(held.base_cents),
        "old_amount": money_text(held.total_cents),
    }


def show(row: Row, held: Held, wish: Derived | Problem) -> Derived | None:
    """Old and new side by side; None when what was typed is not right."""
    row.values |= given(held)
    if isinstance(wish, Problem):
        row.problems.append(wish)
        return None
    row.amount_cents = wish.shares.total_cents
    row.values |= {
        bases.BASE_COLUMN: money_text(wish.base_cents),
        bases.AMOUNT_COLUMN: money_text(wish.shares.total_cents),
        "unit_amount": money_text(wish.shares.unit_cents),
        "individual_amount": money_text(wish.shares.individual_cents),
    }
    return wish


def missing(everybody: set[str], filed: set[str]) -> list[Problem]:
    lacking = sorted(everybody - filed)
    if not lacking:
        return []
    named = "、".join(lacking[:_NAMED_MAX]) + ("等" if len(lacking) > _NAMED_MAX else "")
    text = (
        f"清册须包括全部应参加的职工（不变的也要填写），还缺 {len(lacking):,} 人：{named}，"
        "请载入名册补齐后一并提交。"
    )
    return [Problem("base.whole", text)]
