"""The field types of the house.

Text types hold the normalised text; `Money` holds 分, `Rate` a Decimal percent, `PayDay` an int.
Use them as `mobile: Annotated[Mobile, Item("手机号码", GROUP)]`.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from engine.errors import Problem
from forms.kinds import Check, Context, Kind, Widget
from forms.typed import clean, is_letter
from handlers import amounts, identifiers
from handlers.units.rules import (
    PAY_DAY_MAX,
    PAY_DAY_MIN,
    check_id_no,
    check_pay_day,
    pay_day_text,
)

_DATE = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?", re.ASCII)
_MONTH = re.compile(r"(\d{4})[-/.年]?(\d{1,2})月?", re.ASCII)
_YEAR_MIN, _YEAR_MAX = 1900, 2199
_TOKEN = re.compile(r"[0-9a-f]{32}")
_ADDRESS_CHARS_MIN = 4
_NAME_MARKS = "·•・. -'’་"  # the last one parts Tibetan syllables


def _plain(check: Callable[[str], Any]) -> Check:
    """A check that needs nothing but the text."""

    def run(text: str, _: Context) -> Any:
        return check(text)

    return run


def text(
    maxlength: int,
    *,
    minlength: int = 1,
    lines: bool = False,
    rule: Callable[[str], Problem | None] | None = None,
    mask: Callable[[str], str] | None = None,
) -> Kind:
    """Free text of at most so many characters."""

    def check(typed: str) -> str | Problem:
        value = clean(typed, lines=lines)
        if isinstance(value, Problem):
            return value
        if len(value) > maxlength:
            return Problem(
                "text.too_long", f"最多 {maxlength} 个字，现有 {len(value)} 个字，请缩短。"
            )
        if len(value) < minlength:
            return Problem("text.too_short", f"内容太短，至少填写 {minlength} 个字。")
        return (rule(value) if rule else None) or value

    widget: Widget = "textarea" if lines else "text"
    return Kind(check=_plain(check), maxlength=maxlength, widget=widget, mask=mask, spaced=False)


def choice(options: Mapping[str, str]) -> Kind:
    """One of the values of a code table; the page shows the words."""

    def check(typed: str) -> str | Problem:
        if typed in options:
            return typed
        return Problem("choice.unknown", "请从下拉列表中选择一项。")

    longest = max(map(len, options))
    return Kind(
        check=_plain(check),
        maxlength=longest,
        widget="select",
        spaced=False,
        options=tuple(options.items()),
    )


def _person_name(value: str) -> Problem | None:
    if all(is_letter(char) or char in _NAME_MARKS for char in value):
        return None
    return Problem("name.character", "姓名只能填写汉字、字母和间隔号“·”，请对照证件核对。")


def _unit_name(value: str) -> Problem | None:
    if value.isdigit() or any(char in "<>{}\\|^~`" for char in value):
        return Problem("unit_name.character", "单位名称含有不能使用的字符，请对照营业执照填写。")
    return None


def _resident_id(typed: str, context: Context) -> str | Problem:
    return identifiers.check_resident_id(typed, context.today)


def id_number(type_field: str) -> Kind:
    """证件号码 whose rule follows from the 证件类型 chosen in another field."""

    def check(typed: str, context: Context) -> str | Problem:
        value = clean(typed)
        if isinstance(value, Problem):
            return value
        plain = identifiers.half_width(value)
        return check_id_no(context.texts.get(type_field, ""), plain, context.today)

    return Kind(check=check, maxlength=18, mask=identifiers.mask_id, depends=(type_field,))


def _date(typed: str) -> str | Problem:
    match = _DATE.fullmatch(identifiers.half_width(typed).strip())
    try:
        found = date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        found = None
    if found is None or not _YEAR_MIN <= found.year <= _YEAR_MAX:
        return Problem("date.format", "没有这一天，请按 2026-07-01 的样子填写日期。")
    return found.isoformat()


def _month(typed: str) -> str | Problem:
    match = _MONTH.fullmatch(identifiers.half_width(typed).strip())
    if match and _YEAR_MIN <= int(match[1]) <= _YEAR_MAX and 1 <= int(match[2]) <= 12:
        return f"{match[1]}-{int(match[2]):02d}"
    return Problem("month.format", "没有这个月份，请按 2026-07 的样子填写年月。")


def _file_ref(typed: str) -> str | Problem:
    if _TOKEN.fullmatch(typed):
        return typed
    return Problem("file.unknown", "没有找到上传的材料，请重新上传。")


def _capitals(typed: str) -> str:
    cents = amounts.parse_money(typed)
    return "" if isinstance(cents, Problem) else amounts.capitals(cents)


def _rate_input(rate: Decimal) -> str:
    return amounts.rate_text(rate).removesuffix("%")


PersonName = Annotated[str, text(120, minlength=2, rule=_person_name)]
UnitName = Annotated[str, text(255, minlength=2, rule=_unit_name)]
Address = Annotated[str, text(255, minlength=_ADDRESS_CHARS_MIN)]
ShortText = Annotated[str, text(255)]
Uscc = Annotated[
    str,
    Kind(
        check=_plain(identifiers.check_uscc),
        maxlength=18,
        pattern="[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}",
        pattern_hint="18 位数字和大写字母，见营业执照",
        mask=identifiers.mask_uscc,
    ),
]
ResidentId = Annotated[
    str,
    Kind(
        check=_resident_id,
        maxlength=18,
        pattern="[0-9]{17}[0-9X]",
        pattern_hint="18 位，末位可以是 X",
        mask=identifiers.mask_id,
    ),
]
Mobile = Annotated[
    str,
    Kind(
        check=_plain(identifiers.check_mobile),
        maxlength=11,
        inputmode="numeric",
        pattern="1[3-9][0-9]{9}",
        pattern_hint="11 位手机号码",
        mask=identifiers.mask_mobile,
    ),
]
Landline = Annotated[
    str,
    Kind(
        check=_plain(identifiers.check_landline),
        maxlength=20,
        inputmode="tel",
        pattern_hint="区号和号码，例如 0855-8236120",
        placeholder="0855-8236120",
    ),
]
Postcode = Annotated[
    str,
    Kind(
        check=_plain(identifiers.check_postcode),
        maxlength=6,
        inputmode="numeric",
        pattern="[0-9]{6}",
        pattern_hint="6 位数字",
    ),
]
BankCard = Annotated[
    str,
    Kind(
        check=_plain(identifiers.check_bank_card),
        maxlength=19,
        inputmode="numeric",
        pattern="[0-9]{12,19}",
        pattern_hint="12 至 19 位数字",
        mask=identifiers.mask_card,
    ),
]
Email = Annotated[
    str,
    Kind(
        check=_plain(identifiers.check_email),
        maxlength=120,
        inputmode="email",
        pattern_hint="例如 name@example.com",
    ),
]
Date = Annotated[
    str,
    Kind(check=_plain(_date), maxlength=10, widget="date", spaced=False, placeholder="2026-07-01"),
]
Month = Annotated[
    str,
    Kind(check=_plain(_month), maxlength=7, widget="month", spaced=False, placeholder="2026-07"),
]
Money = Annotated[
    int,
    Kind(
        check=_plain(amounts.parse_money),
        to_text=amounts.money_text,
        maxlength=24,
        widget="money",
        inputmode="decimal",
        pattern_hint="最多两位小数，例如 9,120.00",
        echo=_capitals,
    ),
]
Rate = Annotated[
    Decimal,
    Kind(
        check=_plain(amounts.parse_rate),
        to_text=_rate_input,
        maxlength=6,
        inputmode="decimal",
        pattern_hint="百分比，最多两位小数，例如 8 或 8.50",
    ),
]
PayDay = Annotated[
    int,
    Kind(
        check=_plain(check_pay_day),
        maxlength=2,
        widget="select",
        spaced=False,
        options=tuple(
            (str(day), pay_day_text(str(day))) for day in range(PAY_DAY_MIN, PAY_DAY_MAX + 1)
        ),
    ),
]
FileRef = Annotated[str, Kind(check=_plain(_file_ref), maxlength=32, widget="file", spaced=False)]
