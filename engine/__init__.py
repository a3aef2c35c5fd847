"""The engine: runs BPMN diagrams as human work and knows no fund and no web.

Each verb is one function and one transaction; reads live in `inbox` and `view`.  ARCHITECTURE.md
tells the life of a request.
"""

from engine import (
    definitions,
    drafts,
    errors,
    events,
    inbox,
    messages,
    migrating,
    occurrences,
    operations,
    outbox,
    substitutes,
    timers,
    versions,
)
from engine.asking import add_sign, answer, ask, drop_sign
from engine.batches import RowRefused, start_many
from engine.calendar import Calendar, Weekdays, add_working_days
from engine.cases import Case, OpenTask
from engine.decisions import approve, approve_many, refuse, submit
from engine.definitions import deploy
from engine.dialect import Deployed, Node
from engine.ending import end, terminate, withdraw
from engine.errors import HallError, Problem
from engine.handing import claim, handover, release, transfer
from engine.moves import Outcome
from engine.parts import Part
from engine.returning import Target, return_to
from engine.rows import (
    Count,
    Facets,
    MessageRow,
    Page,
    RequestFilter,
    RequestRow,
    TaskFilter,
    TaskRow,
)
from engine.runtime import SYSTEM, Actor, Directory, Mandate, Runtime
from engine.sharing import CopyRow, comment, copies_of, copy, mark_read, urge
from engine.starting import Filing, InFlight, in_flight, start
from engine.substitutes import SubstituteRow
from engine.taking import take_back
from engine.view import Entry, RequestView, view

__all__ = [
    "SYSTEM",
    "Actor",
    "Calendar",
    "Case",
    "Count",
    "CopyRow",
    "Deployed",
    "Directory",
    "Entry",
    "Facets",
    "Filing",
    "HallError",
    "InFlight",
    "Mandate",
    "MessageRow",
    "Node",
    "OpenTask",
    "Outcome",
    "Page",
    "Part",
    "Problem",
    "RequestFilter",
    "RequestRow",
    "RequestView",
    "RowRefused",
    "Runtime",
    "SubstituteRow",
    "Target",
    "TaskFilter",
    "TaskRow",
    "Weekdays",
    "add_sign",
    "add_working_days",
    "answer",
    "approve",
    "approve_many",
    "ask",
    "claim",
    "comment",
    "copies_of",
    "copy",
    "definitions",
    "deploy",
    "drafts",
    "drop_sign",
    "end",
    "errors",
    "events",
    "handover",
    "in_flight",
    "inbox",
    "mark_read",
    "messages",
    "migrating",
    "occurrences",
    "operations",
    "outbox",
    "refuse",
    "release",
    "return_to",
    "start",
    "start_many",
    "submit",
    "substitutes",
    "take_back",
    "terminate",
    "timers",
    "versions",
    "transfer",
    "urge",
    "view",
    "withdraw",
]
