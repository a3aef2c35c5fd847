"""House rules for who gets a step: what a diagram says of candidates, votes and their like.

A misspelt rule would leave a step with nobody, so every word is checked at deploy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.diagrams import tallying
from engine.diagrams.dialect import Deployed, Node
from engine.diagrams.tallying import ROWS_MAX
from engine.errors import Problem
from engine.scripts.script import compiled

NODE_PROPS = frozenset({"sign", "signers", "candidates", "nobody", "batch", "straight"})
PROCESS_PROPS = frozenset({"urge_per_day"})
NOBODY = ("wait", "admin", "skip", "halt")
URGES_MAX = 20  # a day; more is a way to say "without a limit", which nobody who works here wants
_PLACE = re.compile(r"branch:\w+|\*")


def check(deployed: Deployed) -> Iterator[Problem]:
    """Every finding about the people of a diagram's steps."""
    urges = deployed.props.get("urge_per_day", "2")
    if not urges.isdecimal() or int(urges) > URGES_MAX:
        text = f"属性 urge_per_day 应为 0 到 {URGES_MAX} 的每日催办次数。"
        yield Problem("prop.urge", text, deployed.key)
    for node in deployed.nodes.values():
        found = node.props.keys() & NODE_PROPS
        if found and node.kind != "review":
            names = "、".join(sorted(found))
            text = f"“{node.name}”不是审批步骤，不能设置 {names}，请删除。"
            yield Problem("people.not_review", text, node.id)
            continue
        for text in _texts(deployed, node):
            yield Problem("people.rule", f"“{node.name}”{text}", node.id)


def _texts(deployed: Deployed, node: Node) -> Iterator[str]:
    """The sentences about one review step, without its name."""
    props = node.props
    if props.get("nobody", "wait") not in NOBODY:
        yield f"的 nobody 只能是 {'、'.join(NOBODY)}。"
    for flag in ("batch", "straight"):
        if props.get(flag, "true") not in ("true", "false"):
            yield f"的 {flag} 只能是 true 或 false。"
    if "candidates" in props:
        yield from _candidates(deployed, props["candidates"])
    yield from _sign(props)


def _candidates(deployed: Deployed, rule: str) -> Iterator[str]:
    kind, _, text = rule.partition(":")
    if rule == "starter" or (kind == "user" and text.strip()):
        return
    if kind == "previous":
        other = deployed.nodes.get(text)
        if other is None or other.kind != "review":
            yield f"的 candidates 指向的步骤“{text}”不是本流程的审批步骤，请改为审批步骤的 id。"
    elif kind == "expr":
        yield from _expression("candidates", text)
    elif not _is_post(rule):
        yield (
            f"的 candidates“{rule}”不认识，请用 role、role@branch:网点、role@*、starter、"
            "previous:步骤、user:人员 或 expr:表达式。"
        )


def _sign(props: dict[str, str]) -> Iterator[str]:
    if ("sign" in props) != ("signers" in props):
        yield "的 sign（会签方式）和 signers（会签人员）须同时设置。"
        return
    if "sign" not in props:
        return
    try:
        tallying.needed(props["sign"], 1)
    except ValueError:
        yield f"的会签方式“{props['sign']}”不认识，请用 all、any、in_turn 或 ratio:0.6。"
    if "candidates" in props:
        yield "已由 signers 指定会签人员，请删除 candidates。"
    kind, _, text = props["signers"].partition(":")
    if kind == "expr":
        yield from _expression("signers", text)
        return
    named = [each.strip() for each in (text if kind == "users" else props["signers"]).split(",")]
    if not all(named) or (kind != "users" and not all(map(_is_post, named))):
        yield "的 signers 应为岗位列表、users:人员列表 或 expr:表达式。"
    if len(named) > ROWS_MAX:
        yield f"的会签人员最多 {ROWS_MAX} 人，请减少。"


def _is_post(text: str) -> bool:
    role, at, where = text.partition("@")
    placed = _PLACE.fullmatch(where) is not None if at else True
    return bool(role.strip()) and ":" not in role and placed


def _expression(prop: str, source: str) -> Iterator[str]:
    try:
        compiled(source.strip(), "eval")
    except SyntaxError as error:
        yield f"的 {prop} 中表达式“{source.strip()[:60]}”不能用：{error.msg}。"
