"""个人开户 (DZ-U-06.1, XZ-2.1a/d, SX-3.1/3.2, CX-U16, QDN-07)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from engine.errors import Problem
from forms.changes_base import ENTRY, PAY, WHO, IndividualShare, PaidRoster, UnitShare, refuse
from forms.declared import Item
from forms.fields import Mobile, Money, PersonName, choice, text
from forms.kinds import Context, Kind
from forms.rosters.base import Choice, Column, Desk, Row
from forms.typed import clean
from handlers.amounts import money_text
from handlers.contributions import bases, opening, rates
from handlers.identifiers import half_width, mask_id
from handlers.members.openings import EMPLOYEE_NO_CHARS_MAX, RESIDENT_ID
from handlers.members.operations import ID_PURPOSE
from handlers.privacy.columns import blind
from handlers.units.codes import ID_TYPES
from handlers.units.rules import check_id_no

OFFERED = "offered"  # rates a roster may be opened with, "5, 8, 12/10"; "": those of the unit


def _id_no(typed: str, context: Context) -> str | Problem:
    """Where no kind of paper is said it is a resident's."""
    value = clean(typed)
    if isinstance(value, Problem):
        return value
    kind = context.texts.get("id_type") or RESIDENT_ID
    return check_id_no(kind, half_width(value), context.today)


class OpenAccounts(PaidRoster):
    """`amount` or `base` is typed, as the centre has it (CONTRIBUTION_ENTRY); the rest follows."""

    form_id: ClassVar[str] = "contributions.OpenAccounts"
    title: ClassVar[str] = "个人开户"
    key: ClassVar[tuple[str, ...]] = ("id_no",)
    amount: ClassVar[str] = bases.AMOUNT_COLUMN
    options: ClassVar[Mapping[str, str | int | bool]] = {
        "count_check": False,
        ENTRY: "both",
        OFFERED: "",
    }

    person_name: Annotated[
        PersonName,
        Item(label="姓名", group=WHO, required=True),
        Column(width=12, aliases=("职工姓名", "个人姓名", "缴存人姓名", "员工姓名")),
    ]
    id_type: Annotated[
        str,
        choice(ID_TYPES),
        Item(label="证件类型", group=WHO),
        Column(width=12, aliases=("证件种类",)),
    ] = RESIDENT_ID
    id_no: Annotated[
        str,
        Kind(check=_id_no, maxlength=18, mask=mask_id, depends=("id_type",)),
        Item(label="证件号码", group=WHO, required=True),
        Column(width=22, aliases=("身份证号码", "身份证号", "证件号", "居民身份证号码")),
    ]
    mobile: Annotated[
        Mobile,
        Item(label="手机号码", group=WHO, required=True),
        Column(width=14, aliases=("手机号", "手机", "联系电话", "移动电话")),
    ]
    employee_no: Annotated[
        str,
        text(EMPLOYEE_NO_CHARS_MAX),
        Item(label="工号", group=WHO),
        Column(width=12, aliases=("职工工号", "员工编号")),
    ] = ""
    contribution_base: Annotated[
        Money,
        Item(label="缴存基数", group=PAY),
        Column(width=14, aliases=("工资基数", "个人缴存基数", "月缴存基数")),
    ] = 0
    monthly_amount: Annotated[
        Money,
        Item(label="月缴存额", group=PAY),
        Column(width=14, aliases=("公积金月缴存额", "月缴额", "月汇缴额")),
    ] = 0
    unit_amount: UnitShare = 0
    individual_amount: IndividualShare = 0

    @classmethod
    def choose(cls, desk: Desk) -> list[Choice]:
        offered = rates.offers(cls.option_text(desk.texts, OFFERED))
        return [Choice(opening.RATE_CHOICE, "缴存比例", offered)] if offered else []

    @classmethod
    def gate(cls, desk: Desk) -> list[Problem]:
        problems = super().gate(desk)
        if cls.choose(desk) and not desk.choices.get(opening.RATE_CHOICE):
            text = "请先选择缴存比例，再录入或导入职工。"
            problems.append(Problem("open.rate", text, opening.RATE_CHOICE))
        return problems

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        rules = opening.enrolling(
            desk.session, cls.unit(desk), desk.choices, desk.day, today=desk.today
        )
        wanted = {}
        for row in rows:
            if not row.sound:
                continue
            found = rules.opening(row.values)
            if isinstance(found, list):
                row.problems += found
                continue
            wanted[row.seq] = found
            row.subject = blind(ID_PURPOSE, found.id_no)
            row.amount_cents = (
                found.unit_monthly_amount_cents + found.individual_monthly_amount_cents
            )
            row.values |= {
                bases.BASE_COLUMN: money_text(found.contribution_base_cents),
                bases.AMOUNT_COLUMN: money_text(row.amount_cents),
                "unit_amount": money_text(found.unit_monthly_amount_cents),
                "individual_amount": money_text(found.individual_monthly_amount_cents),
            }
        papers = [(one.id_type, one.id_no) for one in wanted.values()]
        known = opening.known_people(desk.session, papers)
        for row in rows:
            one = wanted.get(row.seq)
            if one is None:
                continue
            person = known.get((one.id_type, one.id_no))
            said = opening.remark(person)
            if not refuse(row, rules.refusal(one, person)) and said:
                row.notes.append(said)
