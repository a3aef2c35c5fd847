"""Who decides a request, and which way it goes: the decision tables and diagrams of five centres.

Walked without effects (`rehearsal`), services answering what the test says.  Ids carry the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from engine.diagrams import rehearsal
from engine.scripts.script import Rehearsal
from engine.tokens.workflow import Workflow
from tests.builders.profiles import CENTRES, CX, DZ, QDN, SX, XZ, diagrams_of

# ── who decides ─────────────────────────────────────────────────────────

NOBODY: Any = None  # a runtime: nothing that is walked here asks it
NONE, ONE, SECOND, TWO = (
    frozenset(),
    frozenset({"review1"}),
    frozenset({"review2"}),
    frozenset({"review1", "review2"}),
)
PLAIN: dict[str, Any] = {}
NOTED = {"facts": {"noted": 3}}
LOWER = {"facts": {"lower": True}}
DECIDED = [
    # row, centre, service, facts, who reviews
    ("DZ-U-04", DZ, "unit_info_change", PLAIN, ONE),
    ("XZ-5.1", XZ, "unit_info_change", PLAIN, NONE),
    ("SX-6.1", SX, "unit_info_change", PLAIN, NONE),
    ("CX-U21", CX, "unit_info_change", PLAIN, NONE),
    ("QDN-01", QDN, "unit_info_change", PLAIN, TWO),
    ("DZ-U-06.1", DZ, "open_accounts", PLAIN, ONE),
    ("XZ-2.1a", XZ, "open_accounts", PLAIN, NONE),
    ("SX-3.1", SX, "open_accounts", PLAIN, NONE),
    ("CX-U16", CX, "open_accounts", PLAIN, NONE),
    ("QDN-07a", QDN, "open_accounts", PLAIN, NONE),
    ("DZ-U-06.3", DZ, "seal_accounts", PLAIN, ONE),
    ("XZ-2.1c", XZ, "seal_accounts", PLAIN, NONE),
    ("SX-9.1", SX, "seal_accounts", PLAIN, NONE),
    ("CX-U17", CX, "seal_accounts", PLAIN, NONE),
    ("QDN-09c", QDN, "seal_accounts", PLAIN, NONE),
    ("DZ-U-06.3", DZ, "unseal_accounts", PLAIN, ONE),
    ("XZ-2.1b", XZ, "unseal_accounts", PLAIN, NONE),
    ("SX-9.3", SX, "unseal_accounts", PLAIN, NONE),
    ("CX-U18", CX, "unseal_accounts", PLAIN, NONE),
    ("QDN-09a", QDN, "unseal_accounts", PLAIN, NONE),
    ("DZ-U-06.2", DZ, "base_adjustment", PLAIN, ONE),
    ("XZ-2.2a in range", XZ, "base_adjustment", PLAIN, NONE),
    ("XZ-2.2a out of range", XZ, "base_adjustment", NOTED, SECOND),
    ("CX-U19", CX, "base_adjustment", NOTED, NONE),
    ("QDN-02", QDN, "base_adjustment", PLAIN, TWO),
    ("SX-11.1", SX, "annual_assessment", PLAIN, NONE),
    ("DZ-U-09", DZ, "rate_adjustment", PLAIN, ONE),
    ("XZ-2.3 higher", XZ, "rate_adjustment", PLAIN, NONE),
    ("XZ-2.3 lower", XZ, "rate_adjustment", LOWER, ONE),
    ("CX-U22", CX, "rate_adjustment", LOWER, NONE),
    ("QDN-05", QDN, "rate_adjustment", PLAIN, TWO),
    ("XZ-4a", XZ, "internal_transfer", PLAIN, NONE),
    ("SX-10.1", SX, "internal_transfer", PLAIN, NONE),
    ("CX-U20", CX, "internal_transfer", PLAIN, NONE),
    ("SX-8.1", SX, "account_merge", PLAIN, NONE),
    ("XZ-2.1e", XZ, "undo_changes", PLAIN, NONE),
    ("XZ-2.4a", XZ, "remittance_assessment", PLAIN, NONE),
    ("SX-12.1", SX, "remittance_assessment", PLAIN, NONE),
    ("QDN-03.1", QDN, "remittance_assessment", PLAIN, NONE),
    ("SX-13.1", SX, "back_payment", PLAIN, NONE),
    ("XZ-I-01", XZ, "back_payment", PLAIN, NONE),
    ("CX-U26", CX, "back_payment", PLAIN, NONE),
    ("DZ-U-07", DZ, "back_payment", PLAIN, frozenset({"check_slip", "accept"})),
    ("DZ-U-06.6", DZ, "remit", PLAIN, frozenset({"check_slip", "accept"})),
    ("CX-U25a", CX, "remit", PLAIN, NONE),
    ("SX-14.1", SX, "cancel_assessment", PLAIN, NONE),
    ("QDN-03.2", QDN, "cancel_assessment", PLAIN, NONE),
]


@pytest.mark.parametrize(
    ("code", "key", "data", "reviews"), [row[1:] for row in DECIDED], ids=[r[0] for r in DECIDED]
)
def test_the_tables_of_a_centre_say_who_decides(
    code: str, key: str, data: dict[str, Any], reviews: frozenset[str]
) -> None:
    deployed = diagrams_of(code)[key]
    path = rehearsal.from_start(deployed, NOBODY, data)
    assert path[-1].id == "tell_done"
    assert {node.id for node in path if node.kind == "review"} == reviews


@pytest.mark.parametrize(("code", "key", "scope"), [
    ("qiandongnan", "base_adjustment", True),  # QDN-02: no second one while one is pending
    ("xizang", "base_adjustment", False),
    ("shaanxi", "annual_assessment", True),  # SX-11.1: once in a fund year
    ("dazhou", "remit", True),
])  # fmt: skip
def test_one_at_a_time_only_where_the_manual_says_so(code: str, key: str, scope: bool) -> None:
    assert (diagrams_of(code)[key].props.get("in_flight") == "scope") == scope


# ── ways through the diagrams of payment ────────────────────────────────────────────────────


@dataclass
class Answers(Rehearsal):  # type: ignore[misc]
    """Walks without effects, services answering what the test says."""

    rt: Any
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.rt)

    def call_service(self, task: Any, **kwargs: Any) -> str:
        name = str(kwargs["operation_name"])
        self.called.append(name)
        return orjson.dumps(self.said.get(name, {})).decode()


WAYS = [
    # row, centre, service, what services answer, the way
    ("XZ-2.4c", XZ, "payment", {"payments/register": {"method": "transfer"}},
     "fill register wait_money tell_done"),
    ("CX-U25a realtime", XZ, "payment", {"payments/register": {"method": "realtime"}},
     "fill register debit wait_debit settle tell_done"),
    ("payment advance", XZ, "payment", {"payments/register": {"method": "advance"}},
     "fill register settle tell_done"),
    ("payment slip", XZ, "payment", {"payments/register": {"method": "bank_slip"}},
     "fill register check_slip settle tell_done"),
    ("many people", XZ, "payment",
     {"payments/register": {"method": "advance"}, "payments/settle": {"pending": True}},
     "fill register settle wait_posting tell_done"),
    ("CX-U25a", CX, "remit", {"payments/register": {"method": "realtime"}},
     "fill assess register debit wait_debit settle tell_done"),
    ("CX-U25b", CX, "remit", {"payments/register": {"method": "advance"}},
     "fill assess register settle tell_done"),
    ("CX-U24b", CX, "advance_deposit", {}, "fill register debit wait_debit settle tell_done"),
    ("CX-U26", CX, "back_payment", {"payments/register": {"method": "advance"}},
     "fill apply register settle tell_done"),
    ("CX-U26 nothing", CX, "back_payment", {"rosters/apply": {"applied": 0}},
     "fill apply tell_none"),
    ("DZ-U-06.4", DZ, "remit", {},
     "fill attach check_slip accept assess register settle tell_done"),
    ("DZ-U-06.1", DZ, "remit", {"rosters/attach": {"forms": ["a", "b"]}},
     "fill attach check_slip accept apply assess register settle tell_done"),
    ("large roster", XZ, "open_accounts", {"rosters/apply": {"pending": True}},
     "fill route apply wait tell_done"),
    ("no row went through", XZ, "open_accounts", {"rosters/apply": {"applied": 0}},
     "fill route apply tell_failed"),
    ("undone by a job", XZ, "undo_posting", {"contributions/undo_posted": {"pending": True}},
     "fill review1 apply wait tell_done"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "key", "said", "way"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS]
)
def test_the_way_follows_what_the_services_answer(
    code: str, key: str, said: dict[str, dict[str, Any]], way: str
) -> None:
    answers = Answers(NOBODY, said)
    path = rehearsal.from_start(diagrams_of(code)[key], NOBODY, {}, answers)
    assert " ".join(node.id for node in path) == way


def test_dz_u_06_every_roster_that_goes_along_is_applied_once() -> None:
    answers = Answers(NOBODY, {"rosters/attach": {"forms": ["a", "b", "c"]}})
    rehearsal.from_start(diagrams_of(DZ)["remit"], NOBODY, {}, answers)
    assert answers.called.count("rosters/apply") == 3
    assert answers.called.index("contributions/assess") > answers.called.index("rosters/apply")


# ── refusals ────────────────────────────────────────────────────────────────────────────────

CAUSES = {"facts": {"noted": 1, "lower": True}}
BY_SLIP = {"payments/register": {"method": "bank_slip"}}


def reviews_of(code: str, key: str) -> list[str]:
    """The reviews of a request that gives every cause for one."""
    path = rehearsal.from_start(diagrams_of(code)[key], NOBODY, CAUSES, Answers(NOBODY, BY_SLIP))
    return [node.id for node in path if node.kind == "review"]


REFUSABLE = [
    (code, key, review)
    for code in CENTRES
    for key in diagrams_of(code)
    for review in reviews_of(code, key)
]


@pytest.mark.parametrize(("code", "key", "review"), REFUSABLE)
def test_a_refused_request_takes_no_effect(code: str, key: str, review: str) -> None:
    deployed, answers = diagrams_of(code)[key], Answers(NOBODY, BY_SLIP)
    workflow = Workflow(deployed.spec, deployed.subspecs, script_engine=answers)
    workflow.task_tree.data.update({**rehearsal.PLAIN, **CAUSES})
    workflow.do_engine_steps()
    while ready := rehearsal.open_tasks(workflow):
        (task,) = ready
        here = task.task_spec.name
        task.data["decision"] = "refuse" if here == review else "approve"
        before = len(answers.called)
        task.run()
        workflow.do_engine_steps()
    assert workflow.completed
    assert (here, answers.called[before:]) == (review, ["notices/send"])
    ended = {task.task_spec.name for task in workflow.everything()} & deployed.outcomes.keys()
    assert "refused" in {deployed.outcomes[end] for end in ended}
