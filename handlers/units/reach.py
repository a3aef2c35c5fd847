"""Whose books somebody may read: an operator's own unit, a clerk's branches, or everything.

The engine's domains say it (`unit:0208…`, `branch:QDN01`, `*`), the same ones that say who may see
a request; here they become a condition of a query, so that what is not theirs is never read.
"""

from __future__ import annotations

from collections.abc import Set

from sqlalchemy import ColumnElement, false, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from engine.runtime import ANYWHERE

UNIT, BRANCH = "unit:", "branch:"


def within(
    domains: Set[str],
    unit_account_no: InstrumentedAttribute[str],
    branch_code: InstrumentedAttribute[str],
) -> ColumnElement[bool]:
    """Rows of these domains; nobody's domains reach nothing."""
    if ANYWHERE in domains:
        return true()
    named = ((unit_account_no, _named(domains, UNIT)), (branch_code, _named(domains, BRANCH)))
    # An empty list would hide the other column's index from the planner.
    return or_(false(), *(column.in_(names) for column, names in named if names))


def _named(domains: Set[str], prefix: str) -> list[str]:
    return sorted(d.removeprefix(prefix) for d in domains if d.startswith(prefix))
