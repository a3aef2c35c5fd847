"""内部转移 (XZ-4, SX-10, CX-U20) and 个人账户合并 (SX-8.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, ClassVar

from engine.errors import Problem
from forms.changes_base import (
    PAY,
    WHO,
    WHY,
    AccountNo,
    ByAccount,
    ByName,
    ByPaper,
    Registered,
    UnitRoster,
    refuse,
    subject,
    tell,
)
from forms.declared import Item
from forms.fields import Money, PersonName, ShortText, choice
from forms.rosters.base import Column, ColumnSpec, Desk, Row
from handlers.amounts import money_text
from handlers.centers import ServiceTexts
from handlers.contributions import finding, merging, moving, reads, transferring
from handlers.contributions.finding import Held
from handlers.ledger import accounts
from handlers.members.codes import SEALED, TRANSFER_REASONS

OLD_UNIT_FIRST, TO_UNIT_NAME = "old_unit_first", "to_unit_name"


class InternalTransfer(UnitRoster):
    """The old unit names the new one (XZ), or the new unit the old one or the paper (CX, SX); the
    centre hides the column it does not ask for."""

    form_id: ClassVar[str] = "contributions.InternalTransfer"
    title: ClassVar[str] = "内部转移"
    # `old_unit_first`: whom it is about is said by the old unit and the account number (CX-U20)
    options: ClassVar[Mapping[str, str | int | bool]] = {
        "count_check": False,
        OLD_UNIT_FIRST: False,
    }

    to_unit: Annotated[
        ShortText,
        Item(label="转入单位", group="单位", hint="单位账号，或者单位全称"),
        Column(width=24, aliases=("转入单位账号", "转入单位名称", "新单位")),
    ] = ""
    to_unit_name: Annotated[
        ShortText, Item(label="转入单位名称", group="单位"), Column(computed=True, width=28)
    ] = ""
    from_unit: Annotated[
        ShortText,
        Item(label="转出单位", group="单位", hint="单位账号，或者单位全称"),
        Column(width=24, aliases=("转出单位账号", "转出单位名称", "原单位", "原单位账号")),
    ] = ""
    person_name: ByName = ""
    id_no: ByPaper = ""
    individual_account_no: ByAccount = ""
    registered_id: Registered = ""
    reason: Annotated[
        str,
        choice(TRANSFER_REASONS),
        Item(label="转移原因", group=WHY),
        Column(width=14, aliases=("原因",)),
    ] = transferring.USUAL

    @classmethod
    def seeks(cls, desk: Desk) -> Collection[str]:
        """Nobody learns of other units' people: whom the new unit takes over has to be typed."""
        started = transferring.started_by(desk.session, desk.day)
        return () if started == transferring.NEW_UNIT else (SEALED,)

    @classmethod
    def gate(cls, desk: Desk) -> list[Problem]:
        running = moving.settling(desk.session)
        return super().gate(desk) + ([running] if running else [])

    @classmethod
    def columns(cls, texts: ServiceTexts | None = None) -> list[ColumnSpec]:
        """The new unit is called by its name where it is typed (XZ-4a)."""
        found = super().columns(texts)
        typed = any(spec.name == transferring.TO_UNIT for spec in found)
        return [spec for spec in found if typed or spec.name != TO_UNIT_NAME]

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        _read_back(desk, rows)
        first = bool(cls.option(desk.texts, OLD_UNIT_FIRST))
        for row in rows:
            if first and not (row.values.get("from_unit") and row.values.get(finding.ACCOUNT)):
                text = "请先填写转出单位，再填写该单位的个人账号。"
                row.refuse("transfer.from_unit", text, "from_unit")
        live = [row for row in rows if row.sound]
        values = [row.values for row in live]
        taken_over = transferring.started_by(desk.session, desk.day) == transferring.NEW_UNIT
        if taken_over:
            found = transferring.elsewhere(desk.session, desk.unit_account_no, values)
            ends: Sequence[Held | Problem] = found
        else:
            asked = [finding.said(each) for each in values]
            found = finding.identify(desk.session, desk.unit_account_no, asked, wanted={SEALED})
            ends = transferring.targets(desk.session, values, found)
        there = [held for held in found if isinstance(held, Held)]
        owed = reads.unposted(desk.session, [held.id for held in there])
        here = transferring.open_here(desk.session, desk.unit_account_no, there)
        for row, held, end in zip(live, found, ends, strict=True):
            if isinstance(held, Problem):
                row.problems.append(held)
                continue
            tell(row, held)
            if refuse(row, end if isinstance(end, Problem) else None):
                continue
            if held.id in owed:
                row.problems.append(reads.owed(owed[held.id], transferring.NAME_TRANSFER))
            elif taken_over and held.person_id in here:
                row.notes.append("该职工在本单位已有账户，转入后请办理个人账户合并。")


def _read_back(desk: Desk, rows: Sequence[Row]) -> None:
    """The name of the new unit beside what was typed for it (XZ-4a)."""
    typed = {row.values.get(transferring.TO_UNIT, "") for row in rows}
    names = transferring.called(desk.session, typed)
    for row in rows:
        if name := names.get(row.values.get(transferring.TO_UNIT, "")):
            row.values[TO_UNIT_NAME] = name


class AccountMerge(UnitRoster):
    form_id: ClassVar[str] = "contributions.AccountMerge"
    title: ClassVar[str] = "个人账户合并"
    key: ClassVar[tuple[str, ...]] = (merging.SOURCE,)
    amount: ClassVar[str] = "balance"

    source_account_no: Annotated[
        AccountNo,
        Item(label="合并转出个人账号", group=WHO, required=True),
        Column(width=18, aliases=("转出账号", "转出个人账号")),
    ]
    target_account_no: Annotated[
        AccountNo,
        Item(label="合并转入个人账号", group=WHO, required=True),
        Column(width=18, aliases=("转入账号", "转入个人账号")),
    ]
    person_name: Annotated[
        PersonName, Item(label="姓名", group=WHO), Column(computed=True, width=12)
    ] = ""
    registered_id: Registered = ""
    balance: Annotated[
        Money, Item(label="转出余额", group=PAY), Column(computed=True, width=16)
    ] = 0

    @classmethod
    def gate(cls, desk: Desk) -> list[Problem]:
        running = moving.settling(desk.session)
        return super().gate(desk) + ([running] if running else [])

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        live = [row for row in rows if row.sound]
        typed = [(row.values[merging.SOURCE], row.values[merging.TARGET]) for row in live]
        found = merging.pairs(desk.session, desk.unit_account_no, typed)
        sources = [pair[0] for pair in found if isinstance(pair, tuple)]
        owed = reads.unposted(desk.session, [held.id for held in sources])
        held_cents = accounts.balances(desk.session, [held.ledger_account_id for held in sources])
        for row, pair in zip(live, found, strict=True):
            if isinstance(pair, Problem):
                row.problems.append(pair)
                continue
            source = pair[0]
            row.subject = subject(source.account_no)
            row.amount_cents = held_cents[source.ledger_account_id]
            row.values |= {
                "person_name": source.name,
                "registered_id": source.masked_id,
                "balance": money_text(row.amount_cents),
            }
            if source.id in owed:
                row.problems.append(reads.owed(owed[source.id], "账户合并"))
