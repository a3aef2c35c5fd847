"""The engine's tables.  Everything else in the database belongs to the rooms above and refers to a
request by its number."""

from engine.models.base import NEVER, Base, UtcDateTime
from engine.models.people import Copy, DraftRow, Message, Substitute
from engine.models.requests import (
    END_STATES,
    OPEN_STATES,
    RUNNING_STATES,
    Candidate,
    Definition,
    Effect,
    History,
    Instance,
    Seal,
    Subscription,
    Task,
)
from engine.models.work import Incident, Job, OutboxItem, Repair

__all__ = [
    "END_STATES",
    "NEVER",
    "OPEN_STATES",
    "RUNNING_STATES",
    "Base",
    "Candidate",
    "Copy",
    "Definition",
    "DraftRow",
    "Effect",
    "History",
    "Incident",
    "Instance",
    "Job",
    "Message",
    "OutboxItem",
    "Repair",
    "Seal",
    "Subscription",
    "Substitute",
    "Task",
    "UtcDateTime",
]
