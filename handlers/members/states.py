"""What may happen to an individual account, and where it leads (glossary §3.1).

Pure: a status and a verb go in, the next status or the sentence why not comes out.  Codes are
table A.6 of JGJ/T 320; a closed account is closed for good.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Problem
from handlers.members.codes import (
    ACCOUNT_STATUSES,
    CLOSED,
    FROZEN,
    MERGED_CLOSED,
    NORMAL,
    SEALED,
    TRANSFERRED_CLOSED,
    UNDONE,
    WITHDRAWN_CLOSED,
)

STAYS = ""  # the verb does not change the status
PREVIOUS = "previous"  # back to where the account was frozen


@dataclass(frozen=True, slots=True)
class Verb:
    """`source` says who rules so; `leads` is status → next status."""

    name: str
    leads: dict[str, str]
    source: str


VERBS = {
    "remit": Verb("汇缴", {NORMAL: STAYS}, "条例 art. 16"),
    "adjust_base": Verb("调整缴存基数", {NORMAL: STAYS}, "XZ §2.2; QDN §2 note 3"),
    "seal": Verb("封存", {NORMAL: SEALED}, "XZ §2.1; QDN §9"),
    "unseal": Verb("启封", {SEALED: NORMAL}, "XZ §2.1; QDN §9"),
    # In the new unit it goes on sealed, or is paid for at once (SX, CX).
    "transfer": Verb("内部转移", {SEALED: SEALED}, "glossary §3.1"),
    "transfer_active": Verb("内部转移", {SEALED: NORMAL}, "glossary §3.1"),
    "withdraw": Verb("提取", {NORMAL: STAYS, SEALED: STAYS}, "glossary §3.1: not while 06"),
    "merge": Verb("合并", {NORMAL: MERGED_CLOSED, SEALED: MERGED_CLOSED}, "SX 8.1"),
    "transfer_out": Verb("转出", {SEALED: TRANSFERRED_CLOSED}, "glossary §3.1"),
    "close": Verb(
        "销户提取", {NORMAL: WITHDRAWN_CLOSED, SEALED: WITHDRAWN_CLOSED}, "条例 art. 24 para 2"
    ),
    "undo_opening": Verb("撤销开户", {NORMAL: UNDONE}, "XZ-2.1e"),
    "freeze": Verb("冻结", {NORMAL: FROZEN, SEALED: FROZEN}, "JGJ/T 320 A.5 14"),
    "unfreeze": Verb("解冻", {FROZEN: PREVIOUS}, "JGJ/T 320 A.5 15"),
}


def transition(status: str, verb: str, *, before_freeze: str = "") -> str | Problem:
    """The status behind the verb; `before_freeze` is where 解冻 leads back to."""
    rule = VERBS[verb]
    if status not in rule.leads:
        return _refusal(status, rule)
    led = rule.leads[status]
    if led == PREVIOUS:
        assert before_freeze in (NORMAL, SEALED), before_freeze
        return before_freeze
    return led or status


def _refusal(status: str, rule: Verb) -> Problem:
    if status in CLOSED:
        text = f"个人账户已{ACCOUNT_STATUSES[status]}，不能再办理{rule.name}。"
        return Problem("members.closed", text)
    if status == FROZEN:
        return Problem("members.frozen", f"个人账户已冻结，解除冻结前不能办理{rule.name}。")
    wanted = "、".join(ACCOUNT_STATUSES[code] for code in rule.leads)
    text = (
        f"个人账户现在是{ACCOUNT_STATUSES[status]}状态，"
        f"只有{wanted}的账户才能办理{rule.name}，请核对账户状态。"
    )
    return Problem("members.status", text)
