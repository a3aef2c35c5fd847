"""What is looked at after a restore: do the books and the files still fit together?

Each check answers with one sentence per fault; none means that all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Engine, select

from engine import Runtime, audit
from handlers import documents
from handlers.documents import Material
from handlers.ledger import verifying
from handlers.privacy import keyfile, rotation
from webapp.jobs import workshop
from webapp.settings import Settings

FAULTS_SHOWN = 20  # of each check
ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    faults: Callable[[Runtime, Settings], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`faults` holds the first few, `more` says how many came after them."""

    name: str
    faults: tuple[str, ...]
    more: int = 0


def history(rt: Runtime, _settings: Settings) -> Iterator[str]:
    """As `hall audit verify`."""
    for fault in audit.verify(rt).faults:
        where = f" 第 {fault.seq} 条" if fault.seq else ""
        yield f"{fault.no}{where}：{fault.text}"


def ledger(rt: Runtime, _settings: Settings) -> Iterator[str]:
    """As `hall ledger verify`."""
    for fault in verifying.verify(rt.session).faults:
        yield f"{fault.where}：{fault.text}"


def materials(rt: Runtime, settings: Settings) -> Iterator[str]:
    """Every file that a request or a draft names is there, as large as it was."""
    query = select(Material).where(Material.removed_at.is_(None)).order_by(Material.id)
    for row in rt.session.scalars(query.execution_options(yield_per=ROWS_AT_ONCE)):
        file = documents.path(settings.materials_path, row)
        if not file.is_file() or file.stat().st_size != row.bytes:
            yield f"{row.instance_no or '草稿'}的材料“{row.file_name}”不在或大小不符（{file.name}）"


def keys(rt: Runtime, settings: Settings) -> Iterator[str]:
    """The key file opens everything that was restored, as old as it may be."""
    known = {key.id for key in keyfile.read(settings.keys_path).data} | {rotation.PLAIN}
    database = rt.session.get_bind()
    assert isinstance(database, Engine)
    for name, count in rotation.used(database).items():
        if name not in known:
            yield f"{count} 项个人信息用密钥 {name} 加密，它不在 {settings.keys_path} 里"


CHECKS = (
    Check("个人信息密钥 hall keys status", keys),
    Check("办理记录 hall audit verify", history),
    Check("账簿 hall ledger verify", ledger),
    Check("材料文件", materials),
)


def run(settings: Settings) -> Iterator[Verdict]:
    """The verdict of each check, as soon as it is known."""
    shop = workshop(settings)
    try:
        for check in CHECKS:
            with shop.sessions() as session:
                found = list(check.faults(shop.runtime(session), settings))
            yield Verdict(check.name, tuple(found[:FAULTS_SHOWN]), len(found[FAULTS_SHOWN:]))
    finally:
        shop.engine.dispose()
