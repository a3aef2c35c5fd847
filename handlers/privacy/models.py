"""The register of disclosures: who has read whose numbers in full, when, and for which request."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from engine.models import Base
from engine.models.guards import guard


class Disclosure(Base):
    """One answer to 查看完整号码; rows are only appended, and hold no number themselves."""

    __tablename__ = "hall_disclosure"
    __table_args__ = (
        Index("ix_hall_disclosure_at", "at", "id"),
        Index("ix_hall_disclosure_subject", "kind", "key", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor_id: Mapped[str] = mapped_column(String(80))
    actor_name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(20))  # of the subject: unit, operator, request …
    key: Mapped[str] = mapped_column(String(80))  # account number, user id or request number
    name: Mapped[str] = mapped_column(String(255))
    fields: Mapped[str] = mapped_column(String(300))  # "legal_rep_id_no,bank_account_no"
    no: Mapped[str | None] = mapped_column(String(40))  # the request it was needed for


guard(Base.metadata.tables["hall_disclosure"])
