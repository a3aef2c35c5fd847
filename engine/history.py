"""The append-only record of a request: one row per verb, in order, without gaps, sealed.

A row carries the number of the revision it belongs to, so a gap or a double cannot be written: the
database refuses it.  `seal` is an HMAC over the row and the seal before it; `Instance.chain` keeps
the last one, so that writing costs no extra statement.  `audit` checks the chain.  Automatic steps
that ran inside the verb travel in `detail["auto"]`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import orjson
from sqlalchemy import Table, insert

from engine.models import History
from engine.runtime import Actor, Runtime

if TYPE_CHECKING:
    from engine.requests.cases import Case, OpenTask

LABELS = {
    "start": "提交申请",
    "submit": "重新提交",
    "claim": "领取",
    "release": "退领",
    "approve": "同意",
    "refuse": "驳回",
    "return": "退回",
    "take_back": "取回",
    "withdraw": "撤回",
    "end": "结束流程",
    "terminate": "终止",
    "transfer": "转办",
    "handover": "离职转办",
    "ask": "委派",
    "answer": "回复委派",
    "add_sign": "加签",
    "drop_sign": "减签",
    "vote": "会签表决",
    "copy": "抄送",
    "urge": "催办",
    "comment": "留言",
    "timer": "到时自动",
    "event": "收到通知",
    "retry": "重试",
    "edit": "修改数据",
    "skip": "跳过",
    "propose": "提出修复",
    "drop": "撤销修复",
    "migrate": "换版本",
}
# built once, Core and not ORM: every verb pays for this statement
INSERT = insert(cast(Table, History.__table__)).inline()
DECIDING = (
    ("submit", "approve", "refuse", "return", "take_back", "withdraw", "end", "terminate")
    + ("answer", "vote", "edit", "skip")
)  # fmt: skip
SEALED = (
    ("instance_id", "seq", "at", "actor_id", "actor_name", "actor_title", "verb", "node")
    + ("node_name", "opinion", "detail")
)  # fmt: skip


def append(
    rt: Runtime,
    case: Case,
    actor: Actor,
    verb: str,
    *,
    task: OpenTask | None = None,
    opinion: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write the row of the verb that is about to be saved as `case.revision`."""
    assert verb in LABELS, verb
    more = dict(detail or {})
    if case.automatic:
        more["auto"] = case.automatic
    row = {
        "instance_id": case.id,
        "seq": case.revision,
        "at": rt.clock(),
        "actor_id": actor.id,
        "actor_name": actor.name,
        "actor_title": actor.title,
        "verb": verb,
        "node": task.node if task else None,
        "node_name": task.node_name if task else None,
        "opinion": opinion or None,
        "detail": more,
    }
    case.chain = row["seal"] = seal_of(rt.secret, case.chain, row)
    rt.session.execute(INSERT, row)


def seal_of(secret: bytes, before: str, row: Mapping[str, Any]) -> str:
    """HMAC-SHA256 (hex) over the seal before and the row; the same row read back gives the same."""
    facts = [row[name] for name in SEALED]
    # seconds since 1970: a database may give another zone back, never another moment
    facts[2] = row["at"].timestamp()
    text = orjson.dumps([before, *facts], option=orjson.OPT_SORT_KEYS)
    return hmac.digest(secret or b"hall", text, "sha256").hex()
