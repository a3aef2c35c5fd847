"""本月已提交数据 → 撤销 (XZ-2.1e, XZ-4f): which of this month's changes are taken back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar

from engine.errors import Problem
from forms.changes_base import PAY, WHO, WHY, Remark, UnitRoster, refuse, subject
from forms.declared import Item
from forms.fields import Date, Money, ShortText
from forms.kinds import Context, Kind
from forms.rosters.base import Column, Desk, Row
from handlers.amounts import money_text
from handlers.centers import ServiceTexts
from handlers.contributions import undoing
from handlers.contributions.models import CHANGE_KINDS, MERGE, TRANSFER, MemberChange
from handlers.contributions.undoing import Undone
from handlers.identifiers import compact

NUMBER_CHARS_MAX = 10


def _number(typed: str, _: Context) -> str | Problem:
    number = compact(typed)
    if number.isascii() and number.isdecimal() and len(number) <= NUMBER_CHARS_MAX:
        return number
    return Problem("undo.number", "变更编号只能是数字，请从“本月已提交数据”载入。")


class UndoChanges(UnitRoster):
    """This month's changes are listed, newest first; those to be undone are ticked."""

    form_id: ClassVar[str] = "contributions.UndoChanges"
    title: ClassVar[str] = "撤销本月变更"
    noun: ClassVar[str] = "变更"
    key: ClassVar[tuple[str, ...]] = (undoing.CHANGE_NO,)
    amount: ClassVar[str] = "change_amount"
    options: ClassVar[Mapping[str, str | int | bool]] = {"count_check": False}
    only_picks: ClassVar[bool] = True

    change_no: Annotated[
        str,
        Kind(check=_number, maxlength=NUMBER_CHARS_MAX, inputmode="numeric", pattern="[0-9]*"),
        Item(label="变更编号", group=WHO, required=True),
        Column(width=12, internal=True),
    ]
    kind: Annotated[
        ShortText, Item(label="变更类型", group=WHO), Column(computed=True, width=12)
    ] = ""
    individual_account_no: Annotated[
        ShortText, Item(label="个人账号", group=WHO), Column(computed=True, width=16)
    ] = ""
    person_name: Annotated[
        ShortText, Item(label="姓名", group=WHO), Column(computed=True, width=12)
    ] = ""
    effective_on: Annotated[
        Date, Item(label="变更日期", group=WHO), Column(computed=True, width=12)
    ] = ""
    change_amount: Annotated[
        Money, Item(label="金额", group=PAY), Column(computed=True, width=14)
    ] = 0
    reason: Annotated[Remark, Item(label="撤销原因", group=WHY), Column(width=24)] = ""

    @classmethod
    def picks(cls, texts: ServiceTexts) -> bool:
        return True

    @classmethod
    def gate(cls, desk: Desk) -> list[Problem]:
        none = undoing.gate(desk.session, desk.day)
        return super().gate(desk) + ([none] if none else [])

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        """A later change of the same account is told, not refused: it may be undone along."""
        live = [row for row in rows if row.sound]
        typed = [row.values[undoing.CHANGE_NO] for row in live]
        found = undoing.find(desk.session, desk.unit_account_no, typed)
        known = [one for one in found if isinstance(one, Undone)]
        facts = undoing.facts(desk.session, known, desk.today)
        for row, one in zip(live, found, strict=True):
            if isinstance(one, Problem):
                row.problems.append(one)
                continue
            change, held = one.change, one.held
            row.subject = subject(f"change {change.id}")
            row.amount_cents = amount_of(change)
            row.values |= {
                "kind": CHANGE_KINDS[change.kind],
                "individual_account_no": held.account_no,
                "person_name": held.name,
                "effective_on": change.effective_on.isoformat(),
                "change_amount": money_text(row.amount_cents),
            }
            later = facts.follows(one)
            if refuse(row, facts.refusal(one) or (None if later else facts.stands(one))):
                continue
            row.notes += [later.text] if later else []

    @classmethod
    def prefill(cls, desk: Desk) -> Iterator[dict[str, str]]:
        query = undoing.of_month(desk.session, desk.unit_account_no, desk.today)
        for change in desk.session.scalars(query):
            yield {undoing.CHANGE_NO: str(change.id)}


def amount_of(change: MemberChange) -> int:
    """What moved, or what is due a month, in 分."""
    if change.kind in (TRANSFER, MERGE):
        return change.amount_cents
    return change.new_unit_cents + change.new_individual_cents
