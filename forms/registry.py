"""Which form a diagram means by `form = units.UnitInfoChange`.

An explicit table: a name in a diagram never reaches an import.
"""

from engine.errors import BadDefinition, Problem
from forms.base import RecordForm
from forms.units import UnitInfoChange

_FORMS: dict[str, type[RecordForm]] = {form.form_id: form for form in (UnitInfoChange,)}


def get(form_id: str) -> type[RecordForm]:
    form = _FORMS.get(form_id)
    if form is None:
        known = "、".join(_FORMS)
        raise BadDefinition(
            Problem("form.not_registered", f"没有表单“{form_id}”，可以使用的表单：{known}。")
        )
    return form


def known() -> frozenset[str]:
    """All form ids, for the check of diagrams."""
    return frozenset(_FORMS)
