"""What may happen to a unit's account, and where it leads (glossary §3.2).

Pure, like `members.states`.  Codes are table A.4 of JGJ/T 320; while a unit is deferred (缓缴)
nothing but ending the deferral is offered (QDN §10).
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Problem
from handlers.amounts import money_text
from handlers.units.codes import UNIT_STATUSES

NORMAL, OPENED, DEFERRED, CLOSED, SEALED = "01", "02", "03", "04", "05"


@dataclass(frozen=True, slots=True)
class Verb:
    name: str
    leads: dict[str, str]


VERBS = {
    # 汇缴 and everything that changes who is paid for: the unit works, or has just been opened.
    "assess": Verb("汇缴核定", {NORMAL: NORMAL, OPENED: OPENED}),
    "change_members": Verb("职工变动", {NORMAL: NORMAL, OPENED: OPENED}),
    "post_first": Verb("首次汇缴入账", {OPENED: NORMAL}),
    "defer": Verb("缓缴", {NORMAL: DEFERRED}),
    "end_deferral": Verb("解除缓缴", {DEFERRED: NORMAL}),
    "seal": Verb("单位封存", {NORMAL: SEALED}),
    "unseal": Verb("单位启封", {SEALED: NORMAL}),
    "close": Verb(
        "单位销户", {status: CLOSED for status in (NORMAL, OPENED, DEFERRED, SEALED, "99")}
    ),
}


@dataclass(frozen=True, slots=True)
class Remains:
    """What a unit still has when it wants to be closed; money in 分."""

    open_accounts: int
    balance_cents: int
    suspense_cents: int
    advance_cents: int = 0


def transition(status: str, verb: str) -> str | Problem:
    """The status behind the verb, or the sentence why not."""
    rule = VERBS[verb]
    if status in rule.leads:
        return rule.leads[status]
    if status == CLOSED:
        return Problem("units.closed", f"单位账户已销户，不能再办理{rule.name}。")
    if status == DEFERRED:
        text = f"单位正在缓缴，请先办理解除缓缴，再办理{rule.name}。"
        return Problem("units.deferred", text)
    wanted = "、".join(UNIT_STATUSES[code] for code in rule.leads)
    text = (
        f"单位账户现在是{UNIT_STATUSES[status]}状态，"
        f"只有{wanted}状态的单位才能办理{rule.name}，请核对单位状态。"
    )
    return Problem("units.status", text)


def closing_problems(remains: Remains) -> list[Problem]:
    """Everything that must be settled before a unit may be closed (glossary §3.2)."""
    found = []
    if remains.open_accounts:
        text = f"还有 {remains.open_accounts} 名职工的账户没有转移或销户，请先办理完毕再销户。"
        found.append(Problem("units.open_accounts", text))
    for cents, name, code in (
        (remains.balance_cents, "公积金余额", "units.balance"),
        (remains.suspense_cents, "暂存款", "units.suspense"),
        (remains.advance_cents, "预缴户余额", "units.advance"),
    ):
        if cents:
            text = f"单位还有{name} {money_text(cents)} 元，请先结清再销户。"
            found.append(Problem(code, text))
    return found
