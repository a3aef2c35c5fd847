"""What 开户 of a person needs, and what is wrong with it by itself.  Pure.

Forms check what a person types while they type; this is what every door to the books asks for, a
file of a thousand people as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from engine.errors import Problem
from handlers.amounts import MONEY_CENTS_MAX, RATE_MAX
from handlers.identifiers import check_mobile, check_resident_id, compact
from handlers.members.codes import GENDERS
from handlers.months import is_month
from handlers.units.codes import ID_TYPES

RESIDENT_ID = "01"  # table A.1
# The columns; a number of 20 characters, Chinese ones too, fits in an encrypted one.
NAME_CHARS_MAX, ID_NO_CHARS_MAX, EMPLOYEE_NO_CHARS_MAX = 120, 20, 30


@dataclass(frozen=True, slots=True)
class Opening:
    """What 开户 needs.  Money in 分; rates in percent, None: those of the unit.

    Gender and birth month of a resident follow from the number; others may give them.
    """

    unit_account_no: str
    person_name: str
    id_no: str
    id_type: str = RESIDENT_ID
    contribution_base_cents: int = 0
    unit_monthly_amount_cents: int = 0
    individual_monthly_amount_cents: int = 0
    unit_rate: Decimal | None = None
    individual_rate: Decimal | None = None
    mobile: str = ""
    employee_no: str = ""
    gender: str = ""
    birth_month: str = ""
    opened_on: date | None = None  # None: today


@dataclass(frozen=True, slots=True)
class Holder:
    """The person as they are stored."""

    name: str
    id_no: str
    mobile: str


def check(opening: Opening, today: date) -> Holder | list[Problem]:
    """Who it is, or everything that is wrong."""
    name = " ".join(opening.person_name.split())
    id_no = _document(opening, today)
    mobile = check_mobile(opening.mobile) if opening.mobile else ""
    problems = [*_about_person(opening, name), *_about_account(opening, today)]
    if isinstance(id_no, Problem):
        problems.append(Problem(id_no.code, id_no.text, "id_no"))
    if isinstance(mobile, Problem):
        problems.append(Problem(mobile.code, mobile.text, "mobile"))
    if problems:
        return problems
    assert isinstance(id_no, str)
    assert isinstance(mobile, str)
    return Holder(name, id_no, mobile)


def _document(opening: Opening, today: date) -> str | Problem:
    if opening.id_type == RESIDENT_ID:
        return check_resident_id(opening.id_no, today)
    number = compact(opening.id_no)
    if not number or len(number) > ID_NO_CHARS_MAX or not number.isprintable():
        text = f"请填写证件号码，最多 {ID_NO_CHARS_MAX} 位数字、字母或汉字。"
        return Problem("members.id_no", text)
    return number


def _about_person(opening: Opening, name: str) -> Iterator[Problem]:
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        text = f"请填写职工姓名，最多 {NAME_CHARS_MAX} 个字。"
        yield Problem("members.name", text, "person_name")
    if opening.id_type not in ID_TYPES:
        yield Problem("members.id_type", "请选择证件类型。", "id_type")
    if opening.gender and opening.gender not in GENDERS:
        yield Problem("members.gender", "请选择性别。", "gender")
    if opening.birth_month and not is_month(opening.birth_month):
        text = "出生年月须写成 1988-01 的样式，请核对。"
        yield Problem("members.birth_month", text, "birth_month")


def _about_account(opening: Opening, today: date) -> Iterator[Problem]:
    number = opening.employee_no
    if len(number) > EMPLOYEE_NO_CHARS_MAX or not number.isprintable():
        text = f"职工工号最多 {EMPLOYEE_NO_CHARS_MAX} 个字符，请核对。"
        yield Problem("members.employee_no", text, "employee_no")
    for field, name in (
        ("contribution_base_cents", "缴存基数"),
        ("unit_monthly_amount_cents", "单位月缴存额"),
        ("individual_monthly_amount_cents", "个人月缴存额"),
    ):
        cents = getattr(opening, field)
        if type(cents) is not int or not 0 <= cents <= MONEY_CENTS_MAX:
            text = f"{name}应为 0 元至 10 万亿元，最多两位小数，请核对。"
            yield Problem("members.money", text, field)
    for field, name in (("unit_rate", "单位缴存比例"), ("individual_rate", "个人缴存比例")):
        rate = getattr(opening, field)
        if rate is not None and not (rate.is_finite() and 0 <= rate <= RATE_MAX):
            yield Problem("members.rate", f"{name}应为 0 至 {RATE_MAX} 之间，请核对。", field)
    if opening.opened_on is not None and opening.opened_on > today:
        text = "开户日期不能晚于今天，请核对日期。"
        yield Problem("members.opened_on", text, "opened_on")
