"""Who took what out of the registers, and the files that wait to be fetched.

A record is written before the first byte leaves; it holds the conditions in words and no row.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from engine.models import Base
from engine.models.guards import guard
from engine.sealing import SealedBytes

XLSX, PDF, PRINT, FILE = "xlsx", "pdf", "print", "file"
KINDS = {XLSX: "Excel", PDF: "PDF", PRINT: "打印页", FILE: "经同意的导出文件"}
CONDITIONS_CHARS_MAX = 500


class ExportRecord(Base):
    """One download or print; rows are only appended.  `no`: the request that allowed it.

    `scope` ("unit:0208…" or "branch:QDN01") and `branch`: for whom it was taken, as in a request.
    """

    __tablename__ = "hall_export_record"
    __table_args__ = (
        Index("ix_hall_export_record_at", "at", "id"),
        Index("ix_hall_export_record_scope", "scope", "at", "id"),
        Index("ix_hall_export_record_branch", "branch", "at", "id"),
        Index("ix_hall_export_record_actor", "actor_id", "at"),
        CheckConstraint("kind in ('xlsx', 'pdf', 'print', 'file')", name="kind_known"),
        CheckConstraint("rows >= 0", name="rows_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor_id: Mapped[str] = mapped_column(String(80))
    actor_name: Mapped[str] = mapped_column(String(120))
    scope: Mapped[str] = mapped_column(String(80), default="")
    branch: Mapped[str] = mapped_column(String(20), default="")
    register: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(120))
    conditions: Mapped[str] = mapped_column(String(CONDITIONS_CHARS_MAX))
    kind: Mapped[str] = mapped_column(String(5))
    rows: Mapped[int]
    no: Mapped[str] = mapped_column(String(40), default="")


guard(Base.metadata.tables["hall_export_record"])


class ExportFile(Base):
    """A large export somebody else has agreed to; only its owner fetches it, until it expires."""

    __tablename__ = "hall_export_file"
    __table_args__ = (
        UniqueConstraint("no", name="uq_hall_export_file_no"),
        Index("ix_hall_export_file_owner", "owner_id", "id"),
        Index("ix_hall_export_file_expires", "expires_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    no: Mapped[str] = mapped_column(String(40))
    owner_id: Mapped[str] = mapped_column(String(80))
    register: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(120))
    conditions: Mapped[str] = mapped_column(String(CONDITIONS_CHARS_MAX))
    rows: Mapped[int]
    content: Mapped[bytes] = mapped_column(SealedBytes("export.file"), deferred=True)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
