"""Forms of what changes about a unit's people: 开户, 封存, 启封, 基数, 比例, 转移, 合并, 撤销."""

from __future__ import annotations

from forms.base import RecordForm
from forms.rosters.base import RosterForm

FORMS: tuple[type[RecordForm] | type[RosterForm], ...] = ()
