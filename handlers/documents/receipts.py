"""回单: one per request, with a code that cannot be guessed and can be read over the telephone."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine.database import transaction
from handlers.documents.models import Receipt

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I L O U
CODE_CHARS = 10  # 50 bits
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def receipt_for(session: Session, no: str, now: datetime) -> Receipt:
    """The receipt of a request, issued when first asked for."""
    wanted = select(Receipt).where(Receipt.no == no)
    found = session.scalars(wanted).one_or_none()
    if found is not None:
        return found
    try:
        with transaction(session):
            session.add(Receipt(no=no, code=_new_code(), issued_at=now))
    except IntegrityError:
        pass  # two browsers asked at once; the other one issued it
    return session.scalars(wanted).one()


def printed(session: Session, no: str) -> int:
    """Count one more print and return the total: the second sheet says that it is a reprint."""
    with transaction(session):
        return session.execute(
            update(Receipt)
            .where(Receipt.no == no)
            .values(print_count=Receipt.print_count + 1)
            .returning(Receipt.print_count)
        ).scalar_one()


def verify(session: Session, code: str) -> Receipt | None:
    """The receipt with this code, typed in any case, with or without the hyphen."""
    plain = code[:40].upper().translate(_MISREAD)
    if len(plain) != CODE_CHARS or not all(char in ALPHABET for char in plain):
        return None
    return session.scalars(select(Receipt).where(Receipt.code == _grouped(plain))).one_or_none()


def _new_code() -> str:
    return _grouped("".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARS)))


def _grouped(plain: str) -> str:
    half = CODE_CHARS // 2
    return f"{plain[:half]}-{plain[half:]}"
