"""Numbers that name people, units and ways to reach them: check, normalise, mask.

Every check takes what was typed and returns the normalised value, or a `Problem` whose sentence
says what to do.  Pure: today's date is an argument.  The right check digit is never named in a
sentence: the slip is usually in another place, and telling it would complete an invented number.
"""

import re
from datetime import date
from operator import mul

from engine.errors import Problem

# Longest text a check looks at, and longest piece of it a sentence repeats.
_TYPED_CHARS_MAX = 200

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
# What comes along when a number is copied from a web page, a card photo or Excel.
_GAPS = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_DASHES = re.compile(r"[-‐‑‒–—―－]")

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"
_ID_LENGTH = 18
_ID_OLD_LENGTH = 15
_BIRTH_YEAR_MIN = 1900
# Two digits only: six-digit area codes come and go (511702, 532301 …), and a person keeps theirs.
# 83 is the residence permit of people from Taiwan, 81 and 82 those of Hong Kong and Macau.
_PROVINCE = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")

_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_USCC_LENGTH = 18
_LOOKALIKES = {"I": "1", "O": "0", "S": "5", "Z": "2", "V": "U"}

_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORG_LENGTH = 9

_MOBILE_LENGTH = 11
_POSTCODE_LENGTH = 6
_CARD_LENGTH_MIN = 12
_CARD_LENGTH_MAX = 19
_EMAIL_CHARS_MAX = 120
_LANDLINE = re.compile(
    r"(?P<area>010|02\d|0[3-9]\d{2})-?(?P<local>[2-9]\d{6,7})(?:-(?P<ext>\d{1,6}))?"
    r"|(?P<short>[2-9]\d{6,7})(?:-(?P<short_ext>\d{1,6}))?"
    r"|(?P<free>[48]00-?\d{3}-?\d{4})"
)
_EMAIL = re.compile(
    r"[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)


def half_width(text: str) -> str:
    """Ｘ１２３ as X123; Chinese punctuation inside names is not for this function."""
    return text.translate(_FULL_WIDTH)


def compact(text: str) -> str:
    """A number as it is stored: half width, upper case, no gaps and no dashes."""
    if text.isascii() and text.isalnum() and len(text) <= _TYPED_CHARS_MAX:
        return text.upper()  # as it nearly always comes, a hundred thousand times in a roster
    bare = _DASHES.sub("", _GAPS.sub("", half_width(text[:_TYPED_CHARS_MAX])))
    # str.upper() would turn ß into SS; only ASCII letters belong in a number.
    return "".join(char.upper() if char.isascii() else char for char in bare)


# ── resident identity number (GB 11643) ──────────────────────────────────────────────────────


def resident_check_digit(first17: str) -> str:
    assert len(first17) == len(_ID_WEIGHTS), "the check digit is not part of it"
    return _ID_CHECKS[sum(map(mul, _ID_WEIGHTS, map(int, first17))) % 11]


def check_resident_id(text: str, today: date) -> str | Problem:
    number = compact(text)
    if not number:
        return Problem("resident_id.empty", "请填写 18 位居民身份证号码。")
    if len(number) == _ID_OLD_LENGTH and _digits(number):
        return Problem(
            "resident_id.old", "15 位旧号码已停止使用，请填写第二代居民身份证上的 18 位号码。"
        )
    if len(number) != _ID_LENGTH:
        return _wrong_length("resident_id", len(number), _ID_LENGTH, "居民身份证号码")
    if not _digits(number[:-1] + number[-1].replace("X", "0")):
        stray = enumerate(number, start=1)
        place = next(at for at, char in stray if not (_digits(char) or char + str(at) == "X18"))
        return Problem(
            "resident_id.character",
            f"第 {place} 位不是数字，身份证号码前 17 位为数字、末位为数字或 X，请核对。",
        )
    if not _PROVINCE.fullmatch(number[:2]):
        return Problem(
            "resident_id.region", f"前 2 位“{number[:2]}”不是省级行政区代码，请核对证件号码。"
        )
    birth = _birth(number[6:14])
    if birth is None or birth.year < _BIRTH_YEAR_MIN:
        return Problem(
            "resident_id.birth",
            f"第 7–14 位出生日期“{number[6:14]}”不存在，请核对证件号码。",
        )
    if birth > today:
        return Problem(
            "resident_id.future",
            f"第 7–14 位出生日期“{number[6:14]}”晚于今天，请核对证件号码。",
        )
    if resident_check_digit(number[:17]) != number[17]:
        return Problem("resident_id.check", "校验码不符，有号码填错，请对照证件逐位核对。")
    return number


def birth_of(resident_id: str) -> date:
    """Birth date of a number that passed `check_resident_id`."""
    birth = _birth(resident_id[6:14])
    assert birth is not None, "only checked numbers carry a birth date"
    return birth


def upgrade_resident_id(old: str, today: date) -> str | Problem:
    """18-digit form of a 15-digit number: the century put back, the check digit appended."""
    number = compact(old)
    if len(number) != _ID_OLD_LENGTH or not _digits(number):
        return Problem("resident_id.not_old", "旧号码应为 15 位数字，请核对。")
    first17 = number[:6] + "19" + number[6:]
    return check_resident_id(first17 + resident_check_digit(first17), today)


def check_upgrade(old: str, new: str, today: date) -> str | Problem:
    """Is the 18-digit number that of the same person as the 15-digit one?"""
    number = check_resident_id(new, today)
    if isinstance(number, Problem):
        return number
    if number[:6] + number[8:17] != compact(old):
        return Problem(
            "resident_id.other_person",
            "新号码与原 15 位号码不是同一人的号码，请核对；确需更正请到柜台办理。",
        )
    return number


def _birth(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


# ── units (GB 32100, GB 11714) ───────────────────────────────────────────────────────────────


def uscc_check_digit(first17: str) -> str:
    total = sum(
        weight * _USCC_ALPHABET.index(char)
        for weight, char in zip(_USCC_WEIGHTS, first17, strict=True)
    )
    return _USCC_ALPHABET[(31 - total % 31) % 31]


def check_uscc(text: str) -> str | Problem:
    code = compact(text)
    if not code:
        return Problem("uscc.empty", "请填写 18 位统一社会信用代码。")
    if len(code) != _USCC_LENGTH:
        return _wrong_length("uscc", len(code), _USCC_LENGTH, "统一社会信用代码")
    for place, char in enumerate(code, start=1):
        if char in _LOOKALIKES:
            return Problem(
                "uscc.letter",
                f"统一社会信用代码不使用字母 I、O、S、V、Z，"
                f"第 {place} 位“{char}”是否应为“{_LOOKALIKES[char]}”，请核对。",
            )
        if char not in _USCC_ALPHABET:
            return Problem("uscc.character", f"第 {place} 位不是数字或大写字母，请核对。")
    if not _digits(code[2:8]):
        return Problem("uscc.region", "第 3–8 位登记机关行政区划码应为数字，请核对。")
    if uscc_check_digit(code[:17]) != code[17]:
        return Problem("uscc.check", "校验码不符，有字符填错，请对照营业执照逐位核对。")
    return code


def org_code_check_digit(first8: str) -> str:
    total = sum(weight * int(char, 36) for weight, char in zip(_ORG_WEIGHTS, first8, strict=True))
    return "0123456789X0"[11 - total % 11]


def check_org_code(text: str) -> str | Problem:
    """Nine characters, the last one the check digit; the dash of the old certificate is dropped."""
    code = compact(text)
    if not code:
        return Problem("org_code.empty", "请填写 9 位组织机构代码。")
    if len(code) != _ORG_LENGTH:
        return _wrong_length("org_code", len(code), _ORG_LENGTH, "组织机构代码")
    if not (code.isascii() and code.isalnum()):
        return Problem("org_code.character", "组织机构代码只能是数字和大写字母，请核对。")
    if org_code_check_digit(code[:8]) != code[8]:
        return Problem("org_code.check", "校验码不符，有字符填错，请对照证书逐位核对。")
    return code


# ── ways to reach and to pay ─────────────────────────────────────────────────────────────────


def check_mobile(text: str) -> str | Problem:
    number = compact(text).removeprefix("+86")
    if len(number) == _MOBILE_LENGTH + 2:
        number = number.removeprefix("86")
    if not number:
        return Problem("mobile.empty", "请填写 11 位手机号码。")
    if not _digits(number):
        return Problem("mobile.character", "手机号码只能是数字，请填写 11 位手机号码。")
    if len(number) != _MOBILE_LENGTH:
        return _wrong_length("mobile", len(number), _MOBILE_LENGTH, "手机号码")
    if number[0] != "1" or number[1] not in "3456789":
        return Problem("mobile.prefix", "手机号码以 13 至 19 开头，请核对前两位。")
    return number


def check_landline(text: str) -> str | Problem:
    """0855-8236120, with or without area code and extension; the dash is put where it belongs."""
    number = _GAPS.sub("", half_width(text[:_TYPED_CHARS_MAX]))
    number = _DASHES.sub("-", number).removeprefix("(").replace(")", "-", 1)
    number = re.sub(r"^\+?86-?(?=0?\d{2,3}-?\d{7,8})", "", number)
    number = re.sub(r"转|x|X", "-", number).replace("--", "-")
    match = _LANDLINE.fullmatch(number) if number.isascii() else None
    if match is None:
        return Problem("landline.format", "固定电话填写区号和号码，例如 0855-8236120。")
    if match["free"]:
        bare = match["free"].replace("-", "")
        return f"{bare[:3]}-{bare[3:6]}-{bare[6:]}"
    parts = [match["area"], match["local"] or match["short"], match["ext"] or match["short_ext"]]
    return "-".join(part for part in parts if part)


def check_postcode(text: str) -> str | Problem:
    code = compact(text)
    if not code:
        return Problem("postcode.empty", "请填写 6 位邮政编码。")
    if not _digits(code):
        return Problem("postcode.character", "邮政编码只能是数字，例如 556000。")
    if len(code) != _POSTCODE_LENGTH:
        return _wrong_length("postcode", len(code), _POSTCODE_LENGTH, "邮政编码")
    return code


def luhn_check_digit(payload: str) -> str:
    total = 0
    for place, char in enumerate(reversed(payload)):
        digit = int(char) * (2 if place % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return str(-total % 10)


def check_bank_card(text: str) -> str | Problem:
    number = compact(text)
    if not number:
        return Problem("bank_card.empty", "请填写银行卡号。")
    if not _digits(number):
        return Problem("bank_card.character", "银行卡号只能是数字，请对照银行卡核对。")
    if len(number) < _CARD_LENGTH_MIN:
        return Problem("bank_card.short", "位数不够，银行卡号为 12 至 19 位，请对照银行卡核对。")
    if len(number) > _CARD_LENGTH_MAX:
        return Problem("bank_card.long", "位数过多，银行卡号为 12 至 19 位，请对照银行卡核对。")
    if luhn_check_digit(number[:-1]) != number[-1]:
        return Problem("bank_card.check", "银行卡号校验不通过，有数字填错，请对照银行卡核对。")
    return number


def check_email(text: str) -> str | Problem:
    """Reasonable, not RFC 5321: what mailboxes in use look like."""
    address = _GAPS.sub("", half_width(text[:_TYPED_CHARS_MAX]))
    if not address:
        return Problem("email.empty", "请填写电子信箱。")
    if "@" not in address:
        return Problem("email.at", "电子信箱缺少 @，例如 name@example.com。")
    if len(address) > _EMAIL_CHARS_MAX:
        return Problem("email.long", f"电子信箱最多 {_EMAIL_CHARS_MAX} 个字符，请缩短。")
    if _EMAIL.fullmatch(address) is None:
        return Problem("email.format", "电子信箱格式不对，请按 name@example.com 的样子填写。")
    local, domain = address.rsplit("@", 1)
    return f"{local}@{domain.lower()}"


# ── masks: what others than the owner may read ───────────────────────────────────────────────


def mask_name(name: str) -> str:
    """张*, 张** for 张三丰; the number of characters stays visible, as the manuals print it."""
    return name[:1] + "*" * (len(name) - 1)


def mask_id(number: str) -> str:
    """First 6 and last 4; a short passport number keeps less, so that something is hidden."""
    return _mask(number, 6, 4) if len(number) >= _ID_OLD_LENGTH else _mask(number, 2, 2)


def mask_mobile(number: str) -> str:
    return _mask(number, 3, 4)


def mask_card(number: str) -> str:
    return _mask(number, 0, 4)


def mask_uscc(code: str) -> str:
    """91522601MA********: register, region and kind stay, the unit's own part goes."""
    return _mask(code, 10, 0)


def _mask(text: str, head: int, tail: int) -> str:
    if len(text) <= head + tail:
        return "*" * len(text)
    return text[:head] + "*" * (len(text) - head - tail) + text[len(text) - tail :]


def _digits(text: str) -> bool:
    """ASCII digits only: str.isdigit() is also true for ² and Arabic digits."""
    return text.isascii() and text.isdigit()


def _wrong_length(code: str, got: int, expected: int, name: str) -> Problem:
    if got > 2 * expected:  # not a slip of the finger: counting would not help
        off = "位数过多"
    else:
        off = f"少 {expected - got} 位" if got < expected else f"多 {got - expected} 位"
    return Problem(f"{code}.length", f"{off}，请填写 {expected} 位{name}。")
