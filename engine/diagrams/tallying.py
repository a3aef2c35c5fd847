"""How the votes of a 会签 count: pure rules, for the lint of a diagram and for `voting`.

* `all` 会签: everybody must approve; the first refusal is the result;
* `any` 或签: the first decision is the result;
* `ratio:0.6` 按比例: approved when so many of all voters have approved, refused as soon as that
  cannot be reached any more;
* `in_turn` 依次会签: like `all`, one after the other.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from math import ceil

ROWS_MAX = 20  # people one step may wait for at once: what a page can show and a person can follow


def needed(sign: str, voters: int) -> int:
    """How many approvals make the result; ValueError for a `sign` that means nothing."""
    kind, _, share = sign.partition(":")
    if kind in ("all", "in_turn") and not share:
        return voters
    if kind == "any" and not share:
        return 1
    try:
        ratio = Decimal(share)
    except InvalidOperation:
        raise ValueError(sign) from None
    if kind != "ratio" or not 0 < ratio <= 1:
        raise ValueError(sign)
    return ceil(ratio * voters)


def tally(sign: str, decisions: list[str | None]) -> str | None:
    """The result of a vote, "approve" or "refuse", or None while it is open.

    `decisions` has an entry for every voter, None for one who has not voted.
    """
    if sign == "any":
        return next((each for each in decisions if each), None)
    yes, undecided = decisions.count("approve"), decisions.count(None)
    wanted = needed(sign, len(decisions))
    if decisions and yes >= wanted:
        return "approve"
    return "refuse" if yes + undecided < wanted else None
