"""Which form a diagram means by `form = units.UnitInfoChange`.

An explicit table: a name in a diagram never reaches an import.
"""

from engine.errors import BadDefinition, Problem
from forms import banking, changes, exporting, payments
from forms.base import RecordForm
from forms.rosters.base import RosterForm
from forms.units import UnitInfoChange

Form = type[RecordForm] | type[RosterForm]

_FORMS: dict[str, Form] = {
    form.form_id: form
    for form in (
        *(UnitInfoChange, *changes.FORMS, *payments.FORMS),
        *(*banking.FORMS, *exporting.FORMS),
    )
}
# What the pages post of their own, buttons included.
_OF_THE_PAGE = frozenset(
    {
        *("csrf_token", "place", "token", "action", "base", "consequences"),
        *("seq", "pick", "cells", "file", "mode", "stated"),
    }
)
for _form in _FORMS.values():
    assert not _OF_THE_PAGE & _form.model_fields.keys(), f"{_form.form_id}: called as a button"


def find(form_id: str) -> Form:
    """A form of either shape; raises BadDefinition."""
    form = _FORMS.get(form_id)
    if form is None:
        known = "、".join(_FORMS)
        raise BadDefinition(
            Problem("form.not_registered", f"没有表单“{form_id}”，可以使用的表单：{known}。")
        )
    return form


def get(form_id: str) -> type[RecordForm]:
    """A record form or application."""
    form = find(form_id)
    assert issubclass(form, RecordForm), f"{form_id} is a roster"
    return form


def roster(form_id: str) -> type[RosterForm] | None:
    """The roster form of this name; None for anything else."""
    form = _FORMS.get(form_id)
    return form if form is not None and issubclass(form, RosterForm) else None


def known() -> frozenset[str]:
    """All form ids, for the check of diagrams."""
    return frozenset(_FORMS)
