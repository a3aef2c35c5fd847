"""Forms of what a unit owes and pays: 汇缴核定, 取消核定, 缴款登记, 汇缴, 补缴, 预缴, 撤销入账."""

from __future__ import annotations

from forms.base import RecordForm
from forms.payments_centre import BatchRemit, UndoPosted
from forms.payments_roster import BackPayment
from forms.payments_unit import (
    AdvanceDeposit,
    Assessment,
    CancelAssessment,
    PaymentRegistration,
    Remit,
)
from forms.rosters.base import RosterForm

FORMS: tuple[type[RecordForm] | type[RosterForm], ...] = (
    Assessment,
    CancelAssessment,
    PaymentRegistration,
    Remit,
    BatchRemit,
    BackPayment,
    AdvanceDeposit,
    UndoPosted,
)
