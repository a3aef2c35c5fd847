"""Forms of what a unit owes and pays: 汇缴核定, 取消核定, 缴款登记, 汇缴, 补缴, 预缴."""

from __future__ import annotations

from forms.base import RecordForm
from forms.rosters.base import RosterForm

FORMS: tuple[type[RecordForm] | type[RosterForm], ...] = ()
