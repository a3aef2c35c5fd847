"""From a browser's stream to a clean file on disk and one row; and back out again.

The stream is copied in pieces and cut at the limit, judged by content, rewritten, and only then
moved to its random name: a crash leaves at most a temporary file, which `purge` sweeps away.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from engine.database import transaction
from engine.errors import Problem
from handlers.documents import images, pdfs
from handlers.documents.content import HEAD_BYTES, PDF, clean_name, name_as, recognise
from handlers.documents.limits import MEGABYTE, Limits
from handlers.documents.models import Material
from handlers.documents.queries import by_token, for_draft, path

CHUNK_BYTES = 64 * 1024
INCOMING = "incoming"
KEEP_REMOVED = timedelta(days=30)  # long enough to answer "I removed the wrong one"
KEEP_DRAFTS = timedelta(days=90)
KEEP_INCOMING = timedelta(days=1)
PURGE_ROWS_MAX = 500  # per call; the sweeper comes back

GONE = Problem("material.gone", "这个文件已经取消上传，请刷新页面。", "file")
SUBMITTED = Problem(
    "material.submitted", "申请已提交，材料不能再取消；需要更换请联系审核人退回。", "file"
)


class Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Clean:
    """A file rewritten and waiting under its temporary name."""

    path: Path
    media_type: str
    pages: int


def store(
    session: Session,
    *,
    root: Path,
    stream: Stream,
    file_name: str,
    slot: str,
    owner_id: str,
    scope_key: str,
    limits: Limits,
    now: datetime,
) -> Material | Problem:
    """Take in one file for a draft; one transaction, begun only when the file is clean."""
    session.rollback()  # decoding may take seconds: hold no snapshot meanwhile
    name = clean_name(file_name)
    incoming = root / INCOMING
    incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=incoming) as folder:
        clean = _take_in(stream, Path(folder), limits=limits, name=name)
        if isinstance(clean, Problem):
            return clean
        material = Material(
            token=secrets.token_hex(16),
            owner_id=owner_id,
            scope_key=scope_key,
            slot=slot,
            file_name=name_as(name, clean.media_type),
            media_type=clean.media_type,
            bytes=clean.path.stat().st_size,
            pages=clean.pages,
            sha256=_sha256(clean.path),
            stored_name=secrets.token_hex(16),
            created_at=now,
        )
        target = path(root, material)
        with transaction(session):
            problem = _too_many(session, material, limits)
            if problem is not None:
                return problem
            session.add(material)
            session.flush()
            _move(clean.path, target)  # before the commit: a row without its file would be worse
    session.refresh(material)
    return material


def _take_in(stream: Stream, folder: Path, *, limits: Limits, name: str) -> _Clean | Problem:
    raw, clean = folder / "raw", folder / "clean"
    head = _copy(stream, raw, limits.max_bytes)
    if isinstance(head, Problem):
        return head
    kind = recognise(head, name)
    if isinstance(kind, Problem):
        return kind
    if kind == PDF:
        pages = pdfs.rewrite(raw, clean, limits=limits, name=name)
        return pages if isinstance(pages, Problem) else _Clean(clean, kind, pages)
    problem = images.redraw(raw, clean, media_type=kind, limits=limits, name=name)
    return problem or _Clean(clean, kind, 1)


def _copy(stream: Stream, target: Path, bytes_max: int) -> bytes | Problem:
    """The first bytes; stops reading one byte past the limit, however long the stream is."""
    head, total = b"", 0
    with target.open("wb") as out:
        while chunk := stream.read(min(CHUNK_BYTES, bytes_max + 1 - total)):
            total += len(chunk)
            if total > bytes_max:
                shown = f"{bytes_max / MEGABYTE:.1f}".removesuffix(".0")
                return Problem("material.bytes", f"文件超过 {shown} MB，请压缩后上传。", "file")
            if len(head) < HEAD_BYTES:
                head += chunk[: HEAD_BYTES - len(head)]
            out.write(chunk)
    return head


def _too_many(session: Session, material: Material, limits: Limits) -> Problem | None:
    waiting = session.scalar(
        select(func.count())
        .select_from(Material)
        .where(
            Material.owner_id == material.owner_id,
            Material.scope_key == material.scope_key,
            Material.instance_no.is_(None),
            Material.removed_at.is_(None),
        )
    )
    if (waiting or 0) < limits.max_files_per_request:
        return None
    text = f"一件申请最多上传 {limits.max_files_per_request} 个文件，请先取消不需要的。"
    return Problem("material.count", text, "file")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _move(source: Path, target: Path) -> None:
    """To its final name, readable by us alone, safe against a power cut."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    source.chmod(0o600)
    _sync(source)
    source.replace(target)
    _sync(target.parent)


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def bind(session: Session, owner_id: str, scope_key: str, no: str) -> list[Material]:
    """Give a draft's files to its request; part of the transaction that starts it."""
    session.execute(
        update(Material)
        .where(
            Material.owner_id == owner_id,
            Material.scope_key == scope_key,
            Material.instance_no.is_(None),
            Material.removed_at.is_(None),
        )
        .values(instance_no=no)
        .execution_options(synchronize_session=False)
    )
    bound = select(Material).where(
        Material.instance_no == no, Material.removed_at.is_(None), Material.entry.is_(None)
    )
    return list(
        session.scalars(bound.order_by(Material.id).execution_options(populate_existing=True))
    )


def attach(session: Session, owner_id: str, scope_key: str, *, no: str, entry: int) -> int:
    """Give a draft's files to one line of the history, for good; returns how many."""
    with transaction(session):
        waiting = for_draft(session, owner_id, scope_key)
        for material in waiting:
            material.instance_no, material.entry = no, entry
    return len(waiting)


def remove(
    session: Session,
    token: str,
    owner_id: str,
    now: datetime,
    *,
    submitted_too: bool = False,
) -> Problem | None:
    """取消上传.  `submitted_too`: the request came back, so its owner may replace its files."""
    with transaction(session):
        material = by_token(session, token)
        if material is None or material.owner_id != owner_id:
            return GONE
        filed = material.instance_no is not None
        if material.entry is not None or (filed and not submitted_too):
            return SUBMITTED
        material.removed_at = now
    return None


def purge(session: Session, root: Path, now: datetime) -> int:
    """Delete for good what was removed or abandoned long ago; returns how many files went."""
    with transaction(session):
        rows = session.scalars(
            select(Material)
            .where(
                or_(
                    Material.removed_at < now - KEEP_REMOVED,
                    Material.instance_no.is_(None) & (Material.created_at < now - KEEP_DRAFTS),
                )
            )
            .limit(PURGE_ROWS_MAX)
        ).all()
        files = [path(root, row) for row in rows]
        for row in rows:
            session.delete(row)
    for file in files:  # after the commit: a file without a row harms nobody
        file.unlink(missing_ok=True)
    return len(files) + _purge_incoming(root, now)


def _purge_incoming(root: Path, now: datetime) -> int:
    """Left behind by a process that was killed while receiving."""
    oldest = (now - KEEP_INCOMING).timestamp()
    stale = [item for item in (root / INCOMING).glob("*/*") if item.stat().st_mtime < oldest]
    for item in stale:
        item.unlink(missing_ok=True)
    for folder in (root / INCOMING).glob("*"):
        if folder.is_dir() and not any(folder.iterdir()) and folder.stat().st_mtime < oldest:
            folder.rmdir()
    return len(stale)
