"""The engine: runs BPMN diagrams as human work and knows no fund and no web.

Each verb is one function and one transaction; reads live in `inbox` and `view`.  ARCHITECTURE.md
tells the life of a request.
"""

from engine import definitions, drafts, errors, events, inbox, messages, operations, outbox, timers
from engine.calendar import Calendar, Weekdays, add_working_days
from engine.cases import Case, OpenTask
from engine.decisions import (
    Outcome,
    Target,
    approve,
    claim,
    end,
    refuse,
    release,
    return_to,
    submit,
    withdraw,
)
from engine.definitions import deploy
from engine.dialect import Deployed, Node
from engine.errors import HallError, Problem
from engine.rows import Facets, MessageRow, Page, RequestFilter, RequestRow, TaskFilter, TaskRow
from engine.runtime import SYSTEM, Actor, Runtime
from engine.starting import InFlight, in_flight, start
from engine.view import Entry, RequestView, view

__all__ = [
    "SYSTEM",
    "Actor",
    "Calendar",
    "Case",
    "Deployed",
    "Entry",
    "Facets",
    "HallError",
    "InFlight",
    "MessageRow",
    "Node",
    "OpenTask",
    "Outcome",
    "Page",
    "Problem",
    "RequestFilter",
    "RequestRow",
    "RequestView",
    "Runtime",
    "Target",
    "TaskFilter",
    "TaskRow",
    "Weekdays",
    "add_working_days",
    "approve",
    "claim",
    "definitions",
    "deploy",
    "drafts",
    "end",
    "errors",
    "events",
    "in_flight",
    "inbox",
    "messages",
    "operations",
    "outbox",
    "refuse",
    "release",
    "return_to",
    "start",
    "submit",
    "timers",
    "view",
    "withdraw",
]
