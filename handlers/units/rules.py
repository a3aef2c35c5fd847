"""Which values of a unit may change by request, and how a value reads.

Pure.  A value travels as text (forms, workflow data, register); this module is the one place that
knows the text of every field, so that "has it changed meanwhile?" compares like with like.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from engine.errors import Problem
from handlers.amounts import rate_text
from handlers.identifiers import check_resident_id, mask_id, mask_mobile
from handlers.units import codes

PAY_DAY_MIN, PAY_DAY_MAX = 1, 31

# Fields of the unit that a request may set.  Account number, rates, dates and head counts follow
# from other businesses and are never written by a change of information.
CHANGEABLE = frozenset(
    {
        *("unit_name", "unit_address", "uscc", "unit_economic_type", "unit_industry"),
        *("unit_postcode", "unit_email", "unit_phone", "pay_day", "entrusted_bank_name"),
        *("legal_rep_name", "legal_rep_id_type", "legal_rep_id_no"),
    }
)
# form field → attribute of the operator's own row
OPERATOR_FIELDS = {"operator_mobile": "mobile", "operator_phone": "phone"}

RESIDENT_ID = "01"
_OTHER_ID_MIN, _OTHER_ID_MAX = 4, 18


def to_text(value: str | int | date | Decimal | None) -> str:
    """The one text of a stored value."""
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)


def from_text(field: str, text: str) -> str | int | None | Problem:
    """What to store for a text; the form has checked it, this is the second lock on the door."""
    if field != "pay_day":
        return text
    return check_pay_day(text) if text else None


def check_pay_day(text: str) -> int | Problem:
    if not (text.isascii() and text.isdigit() and len(text.lstrip("0")) <= len(str(PAY_DAY_MAX))):
        return Problem("pay_day.format", "发薪日请选择每月 1 日至 31 日中的一天。")
    day = int(text)
    if not PAY_DAY_MIN <= day <= PAY_DAY_MAX:
        return Problem("pay_day.range", "发薪日请选择每月 1 日至 31 日中的一天。")
    return day


def check_id_no(id_type: str, text: str, today: date) -> str | Problem:
    """A number of the kind the type says; only resident numbers can be calculated."""
    if id_type == RESIDENT_ID:
        return check_resident_id(text, today)
    number = "".join(text.split()).upper()
    if not _OTHER_ID_MIN <= len(number) <= _OTHER_ID_MAX:
        return Problem(
            "id_no.length",
            f"证件号码应为 {_OTHER_ID_MIN} 至 {_OTHER_ID_MAX} 位，请对照证件核对。",
        )
    return number


def pay_day_text(text: str) -> str:
    return f"每月 {text} 日" if text else ""


def rates_text(unit_rate: Decimal, individual_rate: Decimal) -> str:
    return f"{rate_text(unit_rate)} + {rate_text(individual_rate)}"


_READINGS: dict[str, Callable[[str], str]] = {
    "pay_day": pay_day_text,
    "unit_industry": lambda code: codes.INDUSTRIES.get(code, code),
    "unit_economic_type": lambda code: codes.ECONOMIC_TYPES.get(code, code),
    "legal_rep_id_type": lambda code: codes.ID_TYPES.get(code, code),
    "legal_rep_id_no": mask_id,
    "operator_mobile": mask_mobile,
}


def reading(field: str, text: str) -> str:
    """How a value reads to somebody else: code in words, personal numbers masked."""
    return _READINGS.get(field, str)(text) or "（空）"
