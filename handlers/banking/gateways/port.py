"""What we ask of a bank and what it may answer.

The number of the order is the key: a bank does one order once, however often it is asked.  An
answer is one of four, and only two of them are the end of the matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

# Why a matter is not at its end.
UNANSWERED, UNREACHABLE, SETTLING = "unanswered", "unreachable", "settling"


@dataclass(frozen=True, slots=True)
class Order:
    """A debit of a unit's account, as the agreement with it allows."""

    order_no: str
    amount_cents: int
    payer_name: str
    payer_account_no: str
    payer_bank: str
    branch_code: str  # the bank knows the collection account of each branch
    memo: str  # shown on both statements


@dataclass(frozen=True, slots=True)
class Debited:
    """The money has moved.  `serial`: the bank's number, the same as on its statement."""

    serial: str
    debited_on: date
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Declined:
    """The bank has decided not to, and will not do this order any more."""

    code: str
    text: str  # a sentence for the unit


@dataclass(frozen=True, slots=True)
class Unknown:
    """The money may have moved.  `code`: UNANSWERED, or SETTLING when the bank says it is at it."""

    text: str
    code: str = UNANSWERED


@dataclass(frozen=True, slots=True)
class Untouched:
    """Certainly nothing has moved: the order never arrived at the bank."""

    text: str


Answer = Debited | Declined | Unknown | Untouched


class BankGateway(Protocol):
    """Neither method raises for what the other side does."""

    def debit(self, order: Order) -> Answer:
        """Untouched only when the request certainly never left."""

    def query(self, order_no: str) -> Answer:
        """Untouched only when the bank itself says that it knows no such order."""
