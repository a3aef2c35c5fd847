"""Whose numbers can be read in full: a unit's, an operator's, those a request changes."""

from __future__ import annotations

import engine
from engine.errors import NotFound
from engine.runtime import Actor, Runtime
from handlers.people import queries as people
from handlers.privacy import masking
from handlers.privacy.disclosure import Subject, revealable
from handlers.units import queries as units
from handlers.units.models import Unit


@revealable("unit")
def unit(rt: Runtime, _actor: Actor, account_no: str) -> Subject | None:
    row = units.unit(rt.session, account_no)
    if row is None:
        return None
    values = {"legal_rep_id_no": row.legal_rep_id_no, "bank_account_no": row.bank_account_no}
    labels = {"legal_rep_id_no": "法定代表人证件号码", "bank_account_no": "单位银行账号"}
    return Subject(row.unit_name, _domains(row), values, labels)


@revealable("operator")
def operator(rt: Runtime, _actor: Actor, user_id: str) -> Subject | None:
    row = people.operator(rt.session, user_id)
    unit_row = units.unit(rt.session, row.unit_account_no) if row else None
    if row is None or unit_row is None:
        return None
    values = {"operator_id_no": row.id_no, "operator_mobile": row.mobile}
    labels = {"operator_id_no": "经办人证件号码", "operator_mobile": "经办人手机号码"}
    return Subject(row.name, _domains(unit_row), values, labels)


@revealable("request")
def request(rt: Runtime, actor: Actor, no: str) -> Subject | None:
    """The numbers a request wants to change, before and after; who may not see it finds nothing."""
    try:
        view = engine.view(rt, actor, no)
    except NotFound:
        return None
    return of_view(view)


def of_view(view: engine.RequestView) -> Subject:
    """The same for a page that has its view already."""
    values, labels = {}, {}
    for row in view.data.get("changes") or []:
        if not isinstance(row, dict) or masking.kind_of(str(row.get("field"))) is None:
            continue
        for which, word in (("old", "变更前"), ("new", "变更后")):
            field = f"{which}.{row['field']}"
            values[field], labels[field] = str(row.get(which) or ""), f"{row['label']}（{word}）"
    return Subject(view.no, frozenset({f"branch:{view.branch}"}), values, labels)


def _domains(row: Unit) -> frozenset[str]:
    return frozenset({f"branch:{row.branch_code}"})
