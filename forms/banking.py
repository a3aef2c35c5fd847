"""Forms of the centre's own desk: bank statements, suspense money, debit agreements."""

from __future__ import annotations

from forms.base import RecordForm
from forms.rosters.base import RosterForm

FORMS: tuple[type[RecordForm] | type[RosterForm], ...] = ()
