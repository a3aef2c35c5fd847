"""What we hand to a gateway and what it may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    ACCEPTED = "accepted"  # the gateway took it
    DELIVERED = "delivered"  # the gateway says the phone has it
    BUSY = "busy"  # certainly not sent; try again later
    UNKNOWN = "unknown"  # no answer we understand: may or may not have been sent
    REFUSED = "refused"  # this gateway does not serve us (key, balance, template): ask the other
    LIMITED = "limited"  # too many for this number today; asking another gateway would be evasion
    THROTTLED = "throttled"  # too fast for this number; later, same gateway
    INVALID = "invalid"  # the number or the text is wrong: no gateway and no retry can help


@dataclass(frozen=True, slots=True)
class Outgoing:
    id: str  # the same on every try, so that the gateway can drop doubles
    mobile: str
    text: str
    signature: str
    template: str  # "unit_info_change.completed"
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    outcome: Outcome
    gateway_id: str = ""
    error: str = ""


class Gateway(Protocol):
    @property
    def name(self) -> str: ...

    def send(self, message: Outgoing) -> Receipt: ...
