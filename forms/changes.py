"""Forms of what changes about a unit's people: 开户, 封存, 启封, 基数, 比例, 转移, 合并, 撤销."""

from __future__ import annotations

from forms.base import RecordForm
from forms.changes_bases import AnnualAssessment, BaseAdjustment
from forms.changes_moving import AccountMerge, InternalTransfer
from forms.changes_opening import OpenAccounts
from forms.changes_rates import RateAdjustment
from forms.changes_sealing import SealAccounts, UnsealAccounts
from forms.changes_undoing import UndoChanges
from forms.rosters.base import RosterForm

FORMS: tuple[type[RecordForm] | type[RosterForm], ...] = (
    OpenAccounts,
    SealAccounts,
    UnsealAccounts,
    BaseAdjustment,
    AnnualAssessment,
    RateAdjustment,
    InternalTransfer,
    AccountMerge,
    UndoChanges,
)
