"""Filling the centre's templates.  Pure.

Only `{name}` with a known name is replaced, in one pass: braces inside a reviewer's opinion stay
text.  What leaves the hall by SMS is one line, fits two parts, and shows no long number in full.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil

from engine.errors import Problem
from handlers.centers import Center

# Which notices the hall can send.  A centre may leave any of them out.
EVENTS = ("submitted", "completed", "refused", "returned", "reminder")
VARIABLES = ("name", "business", "no", "reason", "unit", "operator")
# Two joined parts carry 67 characters each; 18 are kept for 【signature】.
SMS_CHARS_MAX = 2 * 67 - 18
SHRINKABLE = ("reason", "unit", "business", "name")  # cut in this order; the number never

_PLACEHOLDER = re.compile(r"\{(\w+)\}", re.ASCII)
_LONG_NUMBER = re.compile(r"(?<!\d)(\d{3})\d{4,}([\dXx]{4})(?![\dXx])")
_SIGNATURE_MARKS = str.maketrans("【】", "[]")  # nobody may write a second signature


def variables_of(template: str) -> frozenset[str]:
    return frozenset(_PLACEHOLDER.findall(template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """Every placeholder must be known; `check_templates` has seen to it at the start."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def sms_values(values: Mapping[str, str]) -> dict[str, str]:
    """One line each, without our signature's brackets, long numbers in the reason masked."""
    clean = {name: " ".join(v.split()).translate(_SIGNATURE_MARKS) for name, v in values.items()}
    if "reason" in clean:
        clean["reason"] = _LONG_NUMBER.sub(r"\1****\2", clean["reason"])
    return clean


def sms_text(template: str, values: Mapping[str, str], limit: int = SMS_CHARS_MAX) -> str:
    """The filled template, its free variables cut until it fits."""
    room = dict(sms_values(values))
    text = fill(template, room)
    for name in SHRINKABLE:
        over = len(text) - limit
        times = template.count(f"{{{name}}}")
        if over <= 0:
            break
        if times:
            kept = max(0, len(room[name]) - ceil(over / times) - 1)
            room[name] = room[name][:kept] + "…"
            text = fill(template, room)
    return text[:limit]


def check_templates(center: Center) -> list[Problem]:
    """Everything that would go wrong when a notice is sent, found at the start instead."""
    return [
        Problem("notice.template", f"center.toml 中 notices.{key}.{event}{problem}")
        for key, events in center.notices.items()
        for event, notice in events.items()
        for problem in _problems(event, notice.title, notice.message, notice.sms)
    ]


def _problems(event: str, *templates: str) -> list[str]:
    found = []
    if event not in EVENTS:
        found.append(f"：没有“{event}”这种通知，可用的有 {'、'.join(EVENTS)}。")
    for field, template in zip(("title", "message", "sms"), templates, strict=True):
        for name in sorted(variables_of(template) - set(VARIABLES)):
            allowed = "、".join(f"{{{each}}}" for each in VARIABLES)
            found.append(f".{field}：不认识 {{{name}}}，可用的有 {allowed}。")
        if re.search(r"[{}]", _PLACEHOLDER.sub("", template)):
            found.append(f".{field}：花括号只能写成 {{name}} 这样的形式，请检查。")
    return found
