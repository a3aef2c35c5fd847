"""A `Material` belongs to a draft (`scope_key`) until the request starts, then to the request.

One with an `entry` is no material of the filing but an attachment of that line of the history.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from engine.models import Base, UtcDateTime


class Material(Base):
    """`token` is what URLs show, `stored_name` what the disk shows; neither tells the other."""

    __tablename__ = "hall_material"
    __table_args__ = (
        CheckConstraint("bytes > 0", name="bytes_positive"),
        CheckConstraint("pages > 0", name="pages_positive"),
        CheckConstraint(
            "media_type in ('application/pdf', 'image/jpeg', 'image/png')", name="media_type"
        ),
        Index("ix_hall_material_draft", "owner_id", "scope_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(32), unique=True)
    owner_id: Mapped[str] = mapped_column(String(40))
    scope_key: Mapped[str] = mapped_column(String(120))
    instance_no: Mapped[str | None] = mapped_column(String(40), index=True, default=None)
    entry: Mapped[int | None] = mapped_column(default=None)  # `seq` of the history line
    slot: Mapped[str] = mapped_column(String(40))
    file_name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(40))
    bytes: Mapped[int]
    pages: Mapped[int] = mapped_column(default=1)
    sha256: Mapped[str] = mapped_column(String(64))
    stored_name: Mapped[str] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True, default=None)


class Receipt(Base):
    """回单.  `code` is printed beside the QR code; whoever knows it may check the receipt."""

    __tablename__ = "hall_receipt"
    __table_args__ = (CheckConstraint("print_count >= 0", name="print_count_not_negative"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    no: Mapped[str] = mapped_column(String(40), unique=True)
    code: Mapped[str] = mapped_column(String(12), unique=True)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    print_count: Mapped[int] = mapped_column(default=0)
