"""补缴 (SX-13.1, SX-13.2, CX-U26, DZ-U-07): a roster of members, months and monthly amounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from engine.errors import Problem
from forms.applications import Desk
from forms.changes_base import ByAccount, ByName, ByPaper, Registered, tell
from forms.declared import Item
from forms.fields import Money, Month, choice
from forms.payments_base import here, means, methods, signed
from forms.rosters.base import Choice, Column, ColumnSpec, RosterForm, Row
from handlers.amounts import money_text
from handlers.banking.models import REALTIME
from handlers.centers import ServiceTexts
from handlers.contributions import back_paying
from handlers.contributions.back_paying import REASONS, Wanted
from handlers.contributions.finding import identify, said
from handlers.members.codes import FROZEN, NORMAL, SEALED
from handlers.privacy.columns import blind
from handlers.rosters import store

WHAT = "补缴"
SUBJECT = "back_payment.row"  # purpose of the hash: which member, from which month


class BackPayment(RosterForm):
    """`methods`: where units pay at once (CX-U26), the ways they may choose for the roster;
    `reason_for_all`: one 补缴类型 for all rows instead of a reason in each; `count_check`: the row
    count that was typed must be the file's.
    """

    form_id: ClassVar[str] = back_paying.FORM
    title: ClassVar[str] = "补缴"
    key: ClassVar[tuple[str, ...]] = ("individual_account_no", "month")
    amount: ClassVar[str] = "total"
    options: ClassVar[Mapping[str, str | int | bool]] = {
        "methods": "",
        "reason_for_all": False,
        "count_check": False,
    }

    individual_account_no: ByAccount = ""
    person_name: ByName = ""
    id_no: ByPaper = ""
    registered_id: Registered = ""
    reason: Annotated[
        str, choice(REASONS), Item(label="补缴原因", group=WHAT), Column(aliases=("补缴类型",))
    ] = ""
    month: Annotated[
        Month,
        Item(label="起始年月", group=WHAT, required=True),
        Column(aliases=("开始年月", "补缴月份", "补缴年月")),
    ]
    month_to: Annotated[
        Month,
        Item(label="截止年月", group=WHAT, hint="只补一个月的不用填"),
        Column(aliases=("终止年月", "补缴止月")),
    ] = ""
    amount_monthly: Annotated[
        Money,
        Item(label="月补缴金额", group=WHAT, required=True),
        Column(aliases=("补缴金额", "月补缴额", "金额", "月补缴金额（元）")),
    ]
    total: Annotated[Money, Item(label="补缴额", group=WHAT), Column(computed=True)] = 0

    @classmethod
    def columns(cls, texts: ServiceTexts | None = None) -> list[ColumnSpec]:
        """Said once for the roster, the reason is not asked for in each row."""
        once = texts is not None and cls.option(texts, "reason_for_all")
        return [spec for spec in super().columns(texts) if not (once and spec.name == "reason")]

    @classmethod
    def gate(cls, desk: Desk) -> list[Problem]:
        unit = here(desk)
        found = back_paying.standing(desk.session, unit)
        if desk.choices.get("method") == REALTIME:
            found += signed(desk, unit)
        return found

    @classmethod
    def choose(cls, desk: Desk) -> list[Choice]:
        found = []
        if cls.option(desk.texts, "reason_for_all"):
            found.append(Choice("reason", "补缴类型", tuple(REASONS.items())))
        ways = methods(str(cls.option(desk.texts, "methods")))
        if len(ways) > 1:
            found.append(Choice("method", "缴款方式", ways))
        return found

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        """Whom the row means, which months, and whether the cap of each allows it (SX-13.1)."""
        unit = here(desk)
        meant = identify(
            desk.session,
            unit.unit_account_no,
            [said(row.values) for row in rows],
            wanted=(NORMAL, SEALED, FROZEN),
        )
        asked: list[tuple[Row, Wanted]] = []
        for row, held in zip(rows, meant, strict=True):
            if not desk.choices.get("reason") and not row.values.get("reason"):
                _reason_missing(cls, desk, row)
            if isinstance(held, Problem):
                row.problems.append(held)
                continue
            tell(row, held)
            if not row.sound:
                continue
            one = back_paying.wanted(held, row.values)
            if isinstance(one, Problem):
                row.problems.append(one)
            else:
                asked.append((row, one))
        if not asked:
            return
        known = back_paying.rules(desk.session, unit, desk.day, [one for _, one in asked])
        for row, one in asked:
            row.subject = blind(SUBJECT, f"{one.held.account_no}/{one.first}")
            row.amount_cents = one.total_cents
            row.values["total"] = money_text(one.total_cents)
            row.problems += back_paying.judge(known, one)

    @classmethod
    def route_facts(cls, desk: Desk, roster_id: int) -> dict[str, Any]:
        """Reserved money is asked for when it is paid; here it is only said in time."""
        method = desk.choices.get("method", "")
        if not method:
            return {}
        cents = store.sums(desk.session, roster_id).sound_cents
        wrong = means(desk, here(desk), method, cents)
        return {"method": method, "means": not wrong}


def _reason_missing(form: type[BackPayment], desk: Desk, row: Row) -> None:
    if form.option(desk.texts, "reason_for_all"):
        row.refuse("back_paying.kind", "请先选择整张清册的补缴类型。")
    elif "reason" not in desk.texts.hidden:
        row.refuse("back_paying.reason", "请选择补缴原因。", "reason")
