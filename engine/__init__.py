"""The engine: runs BPMN diagrams as human work and knows no fund and no web.

Each verb is one function and one transaction; reads live in `inbox` and `view`.  ARCHITECTURE.md
tells the life of a request.
"""

from engine import errors, events, operations
from engine.boxes import inbox
from engine.boxes.rows import (
    Count,
    Facets,
    MessageRow,
    Page,
    RequestFilter,
    RequestRow,
    TaskFilter,
    TaskRow,
)
from engine.boxes.view import Entry, RequestView, view
from engine.calendar import Calendar, Weekdays, add_working_days
from engine.diagrams import definitions, versions
from engine.diagrams.definitions import deploy
from engine.diagrams.dialect import Deployed, Node
from engine.errors import HallError, Problem
from engine.owed import drafts, messages, outbox
from engine.requests.cases import Case, OpenTask
from engine.requests.parts import Part
from engine.runtime import SYSTEM, Actor, Directory, Mandate, Runtime
from engine.verbs import migrating, occurrences, substitutes, timers
from engine.verbs.asking import add_sign, answer, ask, drop_sign
from engine.verbs.batches import RowRefused, start_many
from engine.verbs.decisions import approve, approve_many, refuse, submit
from engine.verbs.ending import end, terminate, withdraw
from engine.verbs.handing import claim, handover, release, transfer
from engine.verbs.moves import Outcome
from engine.verbs.returning import Target, return_to
from engine.verbs.sharing import CopyRow, comment, copies_of, copy, mark_read, urge
from engine.verbs.starting import Filing, InFlight, in_flight, start
from engine.verbs.substitutes import SubstituteRow
from engine.verbs.taking import take_back

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
