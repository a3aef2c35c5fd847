"""封存 and 启封 (XZ-2.1b/c, SX-9.1…9.4, CX-U17/18, QDN-09, DZ-U-06.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

from engine.errors import Problem
from forms.changes_base import (
    ENTRY,
    PAY,
    WHY,
    ByAccount,
    ByName,
    ByPaper,
    PaidRoster,
    Registered,
    UnitRoster,
    find,
    refuse,
)
from forms.declared import Item
from forms.fields import Money, choice
from forms.rosters.base import LIST, Column, Desk, Row
from handlers.amounts import money_text
from handlers.centers import ServiceTexts
from handlers.contributions import annual, bases, finding, sealing
from handlers.members.codes import NORMAL, SEAL_REASONS, SEALED, UNSEAL_REASONS

BASE_REQUIRED = "base_required"


class SealAccounts(UnitRoster):
    """`prefilled`: everybody who can be sealed is listed, to be ticked (XZ-2.1c)."""

    form_id: ClassVar[str] = "contributions.SealAccounts"
    title: ClassVar[str] = "个人账户封存"
    amount: ClassVar[str] = "monthly_amount"
    options: ClassVar[Mapping[str, str | int | bool]] = {"count_check": False, LIST: True}

    individual_account_no: ByAccount = ""
    person_name: ByName = ""
    id_no: ByPaper = ""
    registered_id: Registered = ""
    reason: Annotated[
        str,
        choice(SEAL_REASONS),
        Item(label="封存原因", group=WHY, required=True),
        Column(width=18, aliases=("原因",)),
    ]
    monthly_amount: Annotated[
        Money, Item(label="月缴存额", group=PAY), Column(computed=True, width=14)
    ] = 0

    @classmethod
    def seeks(cls, desk: Desk) -> Collection[str]:
        return (NORMAL,)

    @classmethod
    def picks(cls, texts: ServiceTexts) -> bool:
        return True

    @classmethod
    def gate(cls, desk: Desk) -> list[Problem]:
        july = annual.gate(desk.session, desk.unit_account_no, desk.day)
        return super().gate(desk) + ([july] if july else [])

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        for row, held in find(desk, rows, wanted={NORMAL}):
            row.values["monthly_amount"] = money_text(held.total_cents)
            row.amount_cents = held.total_cents
            refuse(row, sealing.seal_problem(held))

    @classmethod
    def prefill(cls, desk: Desk) -> Iterator[dict[str, str]]:
        if cls.option(desk.texts, LIST):
            for held in finding.members(desk.session, desk.unit_account_no, {NORMAL}):
                yield {finding.ACCOUNT: held.account_no, finding.NAME: held.name}


class UnsealAccounts(PaidRoster):
    """Base or amount: empty means as before, where the centre does not ask for it (SX-9.3)."""

    form_id: ClassVar[str] = "contributions.UnsealAccounts"
    title: ClassVar[str] = "个人账户启封"
    amount: ClassVar[str] = bases.AMOUNT_COLUMN
    options: ClassVar[Mapping[str, str | int | bool]] = {
        "count_check": False,
        ENTRY: "both",
        LIST: True,
        BASE_REQUIRED: False,
    }

    individual_account_no: ByAccount = ""
    person_name: ByName = ""
    id_no: ByPaper = ""
    registered_id: Registered = ""
    reason: Annotated[
        str,
        choice(UNSEAL_REASONS),
        Item(label="启封原因", group=WHY, required=True),
        Column(width=14, aliases=("原因",)),
    ]
    contribution_base: Annotated[
        Money,
        Item(label="缴存基数", group=PAY),
        Column(width=14, aliases=("工资基数", "个人缴存基数", "启封后缴存基数")),
    ] = 0
    monthly_amount: Annotated[
        Money,
        Item(label="月缴存额", group=PAY),
        Column(width=14, aliases=("公积金月缴存额", "启封后月缴存额")),
    ] = 0

    @classmethod
    def seeks(cls, desk: Desk) -> Collection[str]:
        return (SEALED,)

    @classmethod
    def picks(cls, texts: ServiceTexts) -> bool:
        return True

    @classmethod
    def pay_required(cls, texts: ServiceTexts | None) -> bool:
        return bool(cls.option(texts, BASE_REQUIRED)) if texts else False

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        unit = cls.unit(desk)
        rules = sealing.unsealing(
            desk.session, unit.unit_account_no, unit.branch_code, desk.day, today=desk.today
        )
        keep = not cls.option(desk.texts, BASE_REQUIRED)
        for row, held in find(desk, rows, wanted={SEALED}):
            if refuse(row, rules.problem(held)):
                continue
            derived = bases.wish(rules.terms, row.values, held, keep=keep)
            if isinstance(derived, Problem):
                row.problems.append(derived)
                continue
            row.amount_cents = derived.shares.total_cents
            row.values[bases.BASE_COLUMN] = money_text(derived.base_cents)
            row.values[bases.AMOUNT_COLUMN] = money_text(row.amount_cents)
            refuse(row, bases.bounds(rules.terms, derived))

    @classmethod
    def prefill(cls, desk: Desk) -> Iterator[dict[str, str]]:
        if cls.option(desk.texts, LIST):
            for held in finding.members(desk.session, desk.unit_account_no, {SEALED}):
                yield {finding.ACCOUNT: held.account_no, finding.NAME: held.name}
