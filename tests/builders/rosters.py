"""Two roster forms for tests: one that people fill in, one whose rows the centre fills in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, ClassVar

from sqlalchemy.orm import Session

from engine import Actor
from forms.declared import Item
from forms.fields import Date, Mobile, Money, Month, PersonName, ResidentId, choice, text
from forms.rosters.base import Column, Desk, RosterForm, Row
from tests.builders.units import SCOPE, texts

GROUP = "职工"
ID_TYPES = {"01": "居民身份证", "02": "军官证", "06": "外国人永久居留身份证"}
TRADES = {f"T{n:02d}": f"第 {n} 类从业人员，含劳务派遣" for n in range(40)}
PERSON = {
    "person_name": "杨秀兰",
    "id_type": "01",
    "id_no": "522632199002022213",
    "mobile": "13808556021",
    "contribution_base": "5,390.00",
    "opened_on": "2026-07-01",
    "first_month": "2026-07",
    "trade": "T07",
}


class Newcomers(RosterForm):
    """Like 个人开户（批量）: everything is typed, 月缴存额 is computed."""

    form_id: ClassVar[str] = "tests.Newcomers"
    title: ClassVar[str] = "个人开户"
    key: ClassVar[tuple[str, ...]] = ("id_no",)
    amount: ClassVar[str] = "monthly_amount"

    person_name: Annotated[PersonName, Item(label="姓名", group=GROUP, required=True)]
    id_type: Annotated[str, choice(ID_TYPES), Item(label="证件类型", group=GROUP, required=True)]
    id_no: Annotated[ResidentId, Item(label="证件号码", group=GROUP, required=True)]
    mobile: Annotated[Mobile, Item(label="手机号码", group=GROUP)]
    contribution_base: Annotated[Money, Item(label="缴存基数(元)", group=GROUP, required=True)]
    opened_on: Annotated[Date, Item(label="开户日期", group=GROUP)]
    first_month: Annotated[Month, Item(label="起缴年月", group=GROUP)]
    trade: Annotated[str, choice(TRADES), Item(label="从业类别", group=GROUP)]
    monthly_amount: Annotated[Money, Item(label="月缴存额", group=GROUP), Column(computed=True)]

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        for row in rows:
            row.subject = row.values.get("id_no", "")


class NewBases(RosterForm):
    """Like 基数调整 of QDN-02: the centre fills in the roster, one column is typed."""

    form_id: ClassVar[str] = "tests.NewBases"
    title: ClassVar[str] = "基数调整"
    key: ClassVar[tuple[str, ...]] = ("account_no",)

    account_no: Annotated[
        str, text(20), Item(label="个人账号", group=GROUP, required=True), Column(locked=True)
    ]
    person_name: Annotated[PersonName, Item(label="姓名", group=GROUP), Column(locked=True)]
    old_base: Annotated[Money, Item(label="调整前基数", group=GROUP), Column(locked=True)]
    new_base: Annotated[Money, Item(label="调整后基数", group=GROUP, required=True)]

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        for row in rows:
            row.subject = row.values.get("account_no", "")


def desk(session: Session) -> Desk:
    return Desk(
        session=session,
        actor=Actor(id="operator:1", name="杨秀兰"),
        scope=SCOPE,
        branch="QDN01",
        today=date(2026, 7, 15),
        texts=texts(),
    )
