"""What people type, before any field looks at it.

Pasted text brings invisible marks along (zero-width spaces, direction marks of Windows): they are
dropped in silence.  What cannot be stored or printed on a voucher is refused in words.
"""

import re
import unicodedata

from engine.errors import Problem

# Text longer than this is not looked at character by character.
TYPED_CHARS_MAX = 20_000

_INVISIBLE = frozenset("\ufe0e\ufe0f")  # variation selectors; the other marks are category Cf
# Nothing to drop, to refuse or to compose: most names, a hundred thousand times in a roster.
_PLAIN = re.compile(r"[0-9A-Za-z\u4e00-\u9fa5]+")
_SPACES = re.compile(r"[\s\u3000]+")
_RARE_HAN = range(0x20000, 0x40000)  # newer than Python's tables, but people's names use them
_PICTURES = (range(0x1F000, 0x1FB00), range(0x2600, 0x27C0), range(0x2B05, 0x2B56))


def clean(text: str, *, lines: bool = False) -> str | Problem:
    """Text fit for the record, in NFC, without edges and invisible marks."""
    if len(text) > TYPED_CHARS_MAX:
        return Problem("text.too_long", "内容过长，请缩短后重新填写。")
    if _PLAIN.fullmatch(text):
        return text
    if lines:
        text = text.replace("\r\n", "\n")
    kept: list[str] = []
    for place, char in enumerate(text, start=1):
        if char.isspace():
            kept.append("\n" if lines and char in "\r\n" else " ")
            continue
        problem = _refusal(char, place)
        if problem is not None:
            return problem
        if unicodedata.category(char) != "Cf" and char not in _INVISIBLE:
            kept.append(char)
    whole = unicodedata.normalize("NFC", "".join(kept))
    if not lines:
        return _SPACES.sub(" ", whole).strip()
    return "\n".join(_SPACES.sub(" ", line).strip() for line in whole.splitlines()).strip()


def is_blank(text: str) -> bool:
    """Nothing but spaces and invisible marks: the person meant to leave it empty."""
    return len(text) <= TYPED_CHARS_MAX and all(
        char.isspace() or unicodedata.category(char) == "Cf" for char in text
    )


def is_letter(char: str) -> bool:
    """A letter, a Chinese character however rare, or a mark on one (Tibetan vowels)."""
    return char.isalpha() or unicodedata.category(char)[0] == "M" or ord(char) in _RARE_HAN


def _refusal(char: str, place: int) -> Problem | None:
    code, category = ord(char), unicodedata.category(char)
    if category == "Cc":
        return Problem("text.control", f"第 {place} 个字是不能使用的控制字符，请删除后重新填写。")
    if any(code in pictures for pictures in _PICTURES):
        return Problem("text.picture", f"第 {place} 个字是表情或图形符号，请改用文字。")
    if category in ("Cs", "Co") or (category == "Cn" and code not in _RARE_HAN):
        return Problem("text.unknown", f"第 {place} 个字无法识别，请改用标准汉字。")
    return None
