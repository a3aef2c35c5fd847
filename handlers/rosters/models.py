"""Rosters and their rows.

A unit keeps one open roster for each service (待提交清册); what is submitted moves into a roster of
its own that belongs to the request.  Rows live here and never in the data of a request: a diagram
carries the roster's number and its sums, so a hundred thousand rows weigh as much as one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from engine.models import Base
from engine.sealing import SealedBytes, SealedJson
from handlers.privacy.columns import INDEX_CHARS

OPEN, SUBMITTED, APPLYING, APPLIED = "open", "submitted", "applying", "applied"
SOUND, FAULTY, DONE, FAILED = "sound", "faulty", "done", "failed"
_ROSTER_STATES = ", ".join(f"'{state}'" for state in (OPEN, SUBMITTED, APPLYING, APPLIED))
_ROW_STATES = ", ".join(f"'{state}'" for state in (SOUND, FAULTY, DONE, FAILED))


class Roster(Base):
    """`choices`: what was chosen for the whole roster (比例, 缴款方式), as text by name.

    `next_seq` numbers the rows; a number is never used twice.  `applied` and `failed` count rows of
    a submitted roster that took effect or were refused when it was applied.
    """

    __tablename__ = "hall_roster"
    __table_args__ = (
        CheckConstraint(f"state in ({_ROSTER_STATES})", name="state_known"),
        # one open roster for a service and a unit, also when two operators open the page at once
        Index(
            "uq_hall_roster_open",
            "key",
            "scope",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_hall_roster_no", "no"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(60))
    form: Mapped[str] = mapped_column(String(60))
    scope: Mapped[str] = mapped_column(String(60))
    branch_code: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    no: Mapped[str] = mapped_column(String(40), default="")
    choices: Mapped[dict[str, Any]] = mapped_column(default=dict)
    next_seq: Mapped[int] = mapped_column(default=1)
    applied: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[int | None] = mapped_column(default=None)  # import or application under way
    file_name: Mapped[str] = mapped_column(String(255), default="")
    owner_id: Mapped[str] = mapped_column(String(40))
    owner_name: Mapped[str] = mapped_column(String(120))
    # its rows were put back into the 待提交清册 (放回重新办理), which happens once
    reused_at: Mapped[datetime | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class RosterRow(Base):
    """One row.  `content`: {"values": {column: text}, "problems": [[code, text, column], …],
    "notes": [text, …]}, sealed; `subject`: keyed hash of whom the row is about ("" for nobody).

    `amount_cents`: the column the roster is summed by.  `result`: why it failed when applied.
    """

    __tablename__ = "hall_roster_row"
    __table_args__ = (
        CheckConstraint(f"state in ({_ROW_STATES})", name="state_known"),
        Index("ix_hall_roster_row_state", "roster_id", "state", "seq"),
        Index("ix_hall_roster_row_subject", "roster_id", "subject"),
        {"sqlite_with_rowid": False},
    )

    roster_id: Mapped[int] = mapped_column(ForeignKey("hall_roster.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(6), default=SOUND)
    subject: Mapped[str] = mapped_column(String(INDEX_CHARS), default="")
    amount_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    noted: Mapped[bool] = mapped_column(default=False)  # the check has remarked upon it
    content: Mapped[dict[str, Any]] = mapped_column(SealedJson("roster.row"))
    result: Mapped[str] = mapped_column(String(300), default="")


class RosterFile(Base):
    """An uploaded workbook until its rows are stored; sealed, removed when the import is over."""

    __tablename__ = "hall_roster_file"

    roster_id: Mapped[int] = mapped_column(ForeignKey("hall_roster.id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(SealedBytes("roster.file"))
    stated_rows: Mapped[int | None] = mapped_column(default=None)  # 导入条数 as typed
    # written with the rows themselves, so that a killed import goes on where they end
    rows_read: Mapped[int] = mapped_column(default=0)
    rows_faulty: Mapped[int] = mapped_column(default=0)
    uploaded_by: Mapped[str] = mapped_column(String(40))
    uploaded_at: Mapped[datetime]
