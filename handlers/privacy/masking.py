"""Who reads a personal number in full, and what everybody else reads.

Default: masked for everybody.  The centre says in `[privacy]` which post may ask for which kind of
number; asking is written down (`disclosure`).  Data nobody has drawn a page for (incidents, errors)
is masked by the names of its fields and by the shape of what stands in its texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine.runtime import ANYWHERE, Actor
from handlers.identifiers import mask_card, mask_id, mask_mobile

KINDS: dict[str, Callable[[str], str]] = {
    "id_no": mask_id,  # first 6 and last 4
    "mobile": mask_mobile,  # 138****8000
    "bank_card": mask_card,  # last 4
}
NAMES = {"id_no": "证件号码", "mobile": "手机号码", "bank_card": "银行账号"}
# The end of a field's name says its kind: legal_rep_id_no, operator_mobile, bank_account_no.
_ENDINGS = {
    "id_no": "id_no",
    "mobile": "mobile",
    "bank_account_no": "bank_card",
    "payout_account_no": "bank_card",
    "bank_card": "bank_card",
    "card_no": "bank_card",
}
# A field of a change list names its value: {"field": "legal_rep_id_no", "old": …, "new": …}.
_CHANGE_VALUES = ("old", "new")
_SHAPES = (
    (re.compile(r"(?<![0-9A-Za-z])[1-9]\d{5}(?:18|19|20)\d{9}[0-9Xx](?![0-9A-Za-z])"), mask_id),
    (re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)"), mask_mobile),
    (re.compile(r"(?<!\d)[3-6]\d{15,18}(?!\d)"), mask_card),
)
Policy = Mapping[str, Iterable[str]]  # post → kinds it may read in full


def kind_of(field: str) -> str | None:
    """The kind of number a field of this name holds; None when it is not personal."""
    return next((kind for end, kind in _ENDINGS.items() if field.endswith(end)), None)


def masked(field: str, text: str) -> str:
    """The value as everybody may read it: "522601********3010"."""
    kind = kind_of(field)
    return KINDS[kind](text) if kind else text


def is_personal(mask: Callable[[str], str] | None) -> bool:
    """Is this the mask of a person's number?  (A unit's public code has a mask, too.)"""
    return mask in KINDS.values()


def may_read(policy: Policy, actor: Actor, kind: str, domains: Iterable[str]) -> bool:
    """Does one of the actor's posts, held in one of these domains, read this kind in full?"""
    readable = readable_by(policy, actor)
    return any(kind in readable.get(domain, ()) for domain in (*domains, ANYWHERE))


def readable_by(policy: Policy, actor: Actor) -> dict[str, frozenset[str]]:
    """Domain of a post → kinds of numbers it may read in full; only domains with such a post."""
    found: dict[str, frozenset[str]] = {}
    for role, domain in actor.posts:
        if kinds := frozenset(policy.get(role, ())):
            found[domain] = found.get(domain, frozenset()) | kinds
    return found


def masked_text(text: str) -> str:
    """Free text (an error, a trace) without the numbers one can tell by their shape."""
    for shape, mask in _SHAPES:
        text = shape.sub(lambda found, mask=mask: mask(found[0]), text)  # type: ignore[misc]
    return text


def masked_data(data: Any, field: str = "") -> Any:
    """JSON as somebody reads it who only has to mend it; what holds no number stays equal."""
    if isinstance(data, dict):
        named = data.get("field")
        inside = {k: named for k in _CHANGE_VALUES} if isinstance(named, str) else {}
        return {key: masked_data(value, inside.get(key, str(key))) for key, value in data.items()}
    if isinstance(data, list):
        return [masked_data(value, field) for value in data]
    if isinstance(data, str):
        return masked(field, data) if kind_of(field) else masked_text(data)
    return data


def restored(typed: Any, shown: Any, real: Any) -> Any:
    """What was typed over `shown` (the masked `real`), with untouched values as they were."""
    if typed == shown and type(typed) is type(shown):
        return real
    if isinstance(typed, dict) and isinstance(shown, dict) and isinstance(real, dict):
        return {
            key: restored(value, shown[key], real[key]) if key in shown and key in real else value
            for key, value in typed.items()
        }
    if isinstance(typed, list) and isinstance(shown, list) and isinstance(real, list):
        if len(typed) == len(shown) == len(real):
            return [restored(*three) for three in zip(typed, shown, real, strict=True)]
        # a row was added or taken out: the others are found by what they look like
        known = {repr(one): other for one, other in zip(shown, real, strict=True)}
        return [known.get(repr(value), value) for value in typed]
    return typed


def left_masked(data: Any, shown: Any, real: Any) -> str | None:
    """A masked number standing where none stood: it must not be stored as if it were one."""
    stars = {text for text in _texts(shown) if "*" in text}
    return next((text for text in _strays(data, real) if text in stars), None)


def _strays(data: Any, real: Any) -> Iterable[str]:
    """Texts of `data` that are not at their place in `real`."""
    if data == real:
        return
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        there = real if isinstance(real, dict) else {}
        for key, value in data.items():
            yield from _strays(value, there.get(key))
    elif isinstance(data, list):
        rows = real if isinstance(real, list) else []
        for place, value in enumerate(data):
            if value not in rows:
                yield from _strays(value, rows[place] if place < len(rows) else None)


def _texts(data: Any) -> Iterable[str]:
    return _strays(data, None)
