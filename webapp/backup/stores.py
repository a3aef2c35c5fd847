"""What backup and restore ask of a database, whichever kind it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from webapp.backup.archive import BackupError
from webapp.backup.manifest import Facts, Kind, Lid, Manifest, Table

Ask = Callable[[str], list[Any]]  # a query → all its rows
Open = Callable[[str], Iterator[bytes]]  # a member of the archive → its unpacked content
OURS = "hall\\_%"  # every table of the hall begins so; others in the same database are not ours


class Snapshot(Protocol):
    """The database as it was at one moment, while others go on writing."""

    facts: Facts

    def parts(self) -> Iterable[tuple[str, Iterable[bytes]]]:
        """Names and contents of the members to write."""
        ...


class Store(Protocol):
    kind: Kind

    def snapshot(self, folder: Path) -> AbstractContextManager[Snapshot]:
        """`folder`: an empty one for what does not fit in memory."""
        ...

    def has_rows(self) -> bool:
        """Whether any table of the hall holds anything; False when there are no tables."""
        ...

    def load(self, manifest: Manifest, opened: Open) -> None:
        """All or nothing."""
        ...


def facts(ask: Ask, tables: dict[str, tuple[str, ...]], sequences: dict[str, int]) -> Facts:
    """Counted inside the snapshot, so that they are true of exactly what is written."""
    versions = ask("select version_num from alembic_version")
    if len(versions) != 1:
        raise not_migrated()
    query = "select id, last_id, seal from hall_seal order by id desc limit 1"
    lids = ask(query) if "hall_seal" in tables else []  # the first version had no seals
    return Facts(
        revision=versions[0][0],
        tables={
            name: Table(rows=ask(f'select count(*) from "{name}"')[0][0], columns=columns)
            for name, columns in tables.items()
        },
        sequences=sequences,
        last_seal=Lid(id=lids[0][0], last_id=lids[0][1], seal=lids[0][2]) if lids else None,
    )


def busy() -> BackupError:
    return BackupError("busy", "数据库正在被使用，请先停止网站、worker 和 scheduler 再恢复。")


def not_migrated() -> BackupError:
    return BackupError("not_migrated", "数据库里没有本系统的数据表，请先执行 hall migrate。")
