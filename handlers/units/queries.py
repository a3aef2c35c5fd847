"""Reads about units."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from handlers.people import queries as people
from handlers.people.models import Operator
from handlers.units.models import Unit, UnitChange
from handlers.units.rules import CHANGEABLE, rates_text, to_text

SCOPE_PREFIX = "unit:"
# Every name the glossary gives to what the hall keeps of a unit and its operator.
RECORD_FIELDS = frozenset(Unit.__table__.columns.keys()) - {"id"} | {
    *("operator_name", "operator_id_type", "operator_id_no", "operator_mobile", "operator_phone")
}
CHANGES_MAX = 200  # one page of the register of changes


def account_of(scope: str) -> str | None:
    """The account number in `unit:020810042637`; None for any other scope."""
    return scope.removeprefix(SCOPE_PREFIX) if scope.startswith(SCOPE_PREFIX) else None


def unit(session: Session, account_no: str) -> Unit | None:
    return session.scalar(select(Unit).where(Unit.unit_account_no == account_no))


def locked_unit(session: Session, account_no: str) -> Unit | None:
    """The unit, its row held until commit, and read anew: somebody may just have changed it."""
    return session.scalar(
        select(Unit)
        .where(Unit.unit_account_no == account_no)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def record(session: Session, account_no: str, user_id: str) -> dict[str, str] | None:
    """Everything the unit's form shows, as text, with this operator's own data.

    None when there is no such unit, or when the operator belongs to another one.
    """
    row = unit(session, account_no)
    if row is None:
        return None
    operator = people.operator(session, user_id)
    if operator is not None and operator.unit_account_no != account_no:
        return None
    return unit_texts(row) | operator_texts(operator)


def unit_texts(row: Unit) -> dict[str, str]:
    texts = {field: to_text(getattr(row, field)) for field in CHANGEABLE}
    return texts | {
        "unit_account_no": row.unit_account_no,
        "unit_opened_on": to_text(row.unit_opened_on),
        "contribution_rates": rates_text(row.unit_rate, row.individual_rate),
    }


def operator_texts(operator: Operator | None) -> dict[str, str]:
    return {
        "operator_name": operator.name if operator else "",
        "operator_id_no": operator.id_no if operator else "",
        "operator_mobile": operator.mobile if operator else "",
        "operator_phone": operator.phone if operator else "",
    }


def changes(session: Session, account_no: str, *, limit: int = CHANGES_MAX) -> list[UnitChange]:
    """Newest first."""
    return list(
        session.scalars(
            select(UnitChange)
            .where(UnitChange.unit_account_no == account_no)
            .order_by(UnitChange.changed_at.desc(), UnitChange.id.desc())
            .limit(min(limit, CHANGES_MAX))
        )
    )
