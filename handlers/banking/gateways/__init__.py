"""The way to a bank that debits at once: one small port, one gateway by signed HTTP."""

from __future__ import annotations

from handlers.banking.gateways.http import HttpGateway
from handlers.banking.gateways.port import (
    Answer,
    BankGateway,
    Debited,
    Declined,
    Order,
    Unknown,
    Untouched,
)
from handlers.banking.settings import BankSettings

__all__ = [
    "Answer",
    "BankGateway",
    "Debited",
    "Declined",
    "Order",
    "Unknown",
    "Untouched",
    "build",
]


def build(settings: BankSettings) -> BankGateway | None:
    door = settings.door()
    return None if door is None else HttpGateway(door, settings)
