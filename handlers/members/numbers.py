"""Individual account numbers: 12 digits, 01 + branch + serial, never given twice (010100457213).

A branch counts in one row that is held until commit; a number of a transaction that failed is
given again, a gap means nothing.  The manuals print 12 digits; how a real centre composes them is
its own affair, so nothing reads meaning out of a number.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import String, Table, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from engine.models import Base
from handlers.members.models import IndividualAccount

KIND_OF_NUMBER = "01"  # units begin with 02 in the manuals
SERIAL_DIGITS = 8  # a hundred million accounts in one branch
BRANCH_DIGITS = 2  # the digits of QDN01, which every branch code ends in


class NumberSeries(Base):
    """How many numbers with this beginning were given out."""

    __tablename__ = "hall_number_series"

    prefix: Mapped[str] = mapped_column(String(20), primary_key=True)
    given: Mapped[int] = mapped_column(default=0)


_SERIES = cast(Table, NumberSeries.__table__)
_INSERTS: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def take(session: Session, branch_code: str, count: int = 1) -> list[str]:
    """So many new numbers of a branch, ascending; part of the caller's transaction."""
    assert count > 0, count
    prefix = _prefix(branch_code)
    mine = _SERIES.c.prefix == prefix
    if session.scalar(select(_SERIES.c.given).where(mine)) is None:
        new = _INSERTS[session.get_bind().dialect.name](_SERIES).on_conflict_do_nothing()
        session.execute(new, {"prefix": prefix, "given": _highest(session, prefix)})
    more = update(_SERIES).where(mine).values(given=_SERIES.c.given + count)
    given = session.execute(more.returning(_SERIES.c.given)).scalar_one()
    assert given < 10**SERIAL_DIGITS, f"branch {branch_code} has used up its numbers"
    return [f"{prefix}{serial:0{SERIAL_DIGITS}d}" for serial in range(given - count + 1, given + 1)]


def _prefix(branch_code: str) -> str:
    digits = branch_code[-BRANCH_DIGITS:]
    assert len(digits) == BRANCH_DIGITS, branch_code
    assert digits.isdigit(), branch_code
    return KIND_OF_NUMBER + digits


def _highest(session: Session, prefix: str) -> int:
    """The highest serial in use: accounts may have come from an older system."""
    number = IndividualAccount.individual_account_no
    mine = number.like(f"{prefix}%") & (func.length(number) == len(prefix) + SERIAL_DIGITS)
    found = session.scalar(select(func.max(number)).where(mine))
    return int(found[len(prefix) :]) if found and found.isdecimal() else 0
