"""Five centres, one code: what differs between them is in their folders, cell by cell of the
profile matrix (features.md): what is offered, parameters, options, words, papers.

Names and ids carry the rows; XZ 西藏, SX 陕西省直, CX 楚雄, DZ 达州, QDN 黔东南.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from lxml import etree

import engine
from engine import Runtime
from engine.calendar import Weekdays
from engine.diagrams.diagram_files import BPMN, SPIFF
from engine.diagrams.dialect import Deployed
from forms import registry
from handlers.registers import catalog
from tests.builders import people
from tests.builders.profiles import CENTRES, CX, DZ, QDN, SX, XZ, center_of, diagrams_of
from tests.conftest import Clock

TODAY = date(2026, 7, 15)


def menu_of(code: str) -> set[str]:
    return {key for group in center_of(code).menu for key in group.services}


# ── whole ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", CENTRES)
def test_a_centre_deploys_everything_it_offers(
    seeded: Callable[[str], str], clock: Clock, code: str
) -> None:
    with people.store(seeded(code)) as sessions, sessions() as session:
        rt = Runtime(session, clock, Weekdays(), center_of(code).prefix, center_of(code))
        current = {key: engine.definitions.current(rt, key) for key in center_of(code).services}
    assert [key for key, found in current.items() if found is None] == []


@pytest.mark.parametrize("code", CENTRES)
def test_its_words_fit_its_forms_and_its_registers_exist(code: str) -> None:
    center = center_of(code)
    problems = [
        problem.text
        for key, deployed in diagrams_of(code).items()
        for problem in registry.find(deployed.first.form or "").misfits(center.services[key])
    ]
    assert problems + [problem.text for problem in catalog.misfits(center)] == []


@pytest.mark.parametrize("code", CENTRES)
def test_whatever_a_diagram_tells_has_words(code: str) -> None:
    """Events its service tasks send; and 退回, wherever somebody reviews."""
    for key, deployed in diagrams_of(code).items():
        told = set(_sent(deployed))
        if any(node.kind == "review" and "return" in node.verbs for node in deployed.elements):
            told.add("returned")
        assert told <= set(center_of(code).notices[key]), (code, key)


def _sent(deployed: Deployed) -> list[str]:
    root = etree.fromstring(deployed.bpmn.encode())
    operators = root.iter(f"{{{SPIFF}}}serviceTaskOperator")
    return [
        (parameter.get("value") or "").strip("'")
        for operator in operators
        if operator.get("id") == "notices/send"
        for parameter in operator.iter(f"{{{SPIFF}}}parameter")
        if parameter.get("id") == "event"
    ]


@pytest.mark.parametrize("code", CENTRES)
def test_a_refused_request_has_an_end_of_its_own(code: str) -> None:
    for key, deployed in diagrams_of(code).items():
        root = etree.fromstring(deployed.bpmn.encode())
        refusing = [
            flow.get("targetRef")
            for flow in root.iter(f"{{{BPMN}}}sequenceFlow")
            if 'decision == "refuse"' in "".join(flow.itertext())
        ]
        ends = {flow.source: flow.target for flow in deployed.flows}
        for node in refusing:
            assert deployed.outcomes[ends[str(node)]] == "refused", (code, key)


@pytest.mark.parametrize("code", CENTRES)
def test_who_files_for_the_centre_never_reviews_it_and_no_post_is_missing(code: str) -> None:
    for key, deployed in diagrams_of(code).items():
        reviewers = {node.role for node in deployed.elements if node.kind == "review"}
        assert deployed.first.role not in reviewers, (code, key)
    posts = {role.name for role in center_of(code).roles}
    assert {"单位经办人", "归集审核岗", "归集复核岗", "财务岗", "业务主管", "流程管理员"} == posts


# ── what is offered at all ──────────────────────────────────────────────────────────────────

CHANGES = {"open_accounts", "seal_accounts", "unseal_accounts", "unit_info_change"}
FINANCE = {"bank_statement", "suspense_clearing", "undo_posting"}
OFFERED = {
    # C11, C13, C14, C17, C19–C21, C23: all inside 汇缴业务 or reviewed by themselves
    DZ: {"base_adjustment", "rate_adjustment", "remit", "back_payment"},
    # C15, C17, C19–C21, C23, C24
    XZ: {"base_adjustment", "rate_adjustment", "internal_transfer", "remittance_assessment"}
    | {"payment", "back_payment", "undo_changes", "cancel_assessment"},
    # C15, C16, C18, C20, C23, C24; no rates and no payment online
    SX: {"internal_transfer", "account_merge", "annual_assessment", "remittance_assessment"}
    | {"back_payment", "cancel_assessment"},
    # C15, C17, C19–C23; the counter signs debit agreements (CX-U24a)
    CX: {"base_adjustment", "rate_adjustment", "internal_transfer", "remit", "back_payment"}
    | {"advance_deposit", "debit_agreement"},
    # C17, C19, C20, C24 (核定删除)
    QDN: {"base_adjustment", "rate_adjustment", "remittance_assessment", "cancel_assessment"},
}


@pytest.mark.parametrize("code", CENTRES)
def test_c11_to_c24_a_centre_offers_what_its_manual_describes(code: str) -> None:
    assert menu_of(code) == CHANGES | FINANCE | OFFERED[code]


# ── the profile matrix: parameters ──────────────────────────────────────────────────────────

PARAMETERS: dict[str, tuple[str, ...]] = {
    # key: DZ, XZ, SX, CX, QDN
    "contribution_entry": ("base", "amount", "base", "amount", "base"),  # open.entry, base.entry
    "age_rule": ("none", "none", "retirement", "none", "none"),  # open.age
    "open_documents": ("resident",) * 5,  # open.documents
    "fund_year_gate": ("none", "none", "annual_assessment", "none", "none"),  # seal.july_gate
    "unseal_same_month": ("allowed", "allowed", "barred", "allowed", "allowed"),
    "transfer_started_by": ("new_unit", "old_unit", "new_unit", "new_unit", "new_unit"),
    "base_window": ("open", "open", "open", "open", "july"),
    "base_changes_per_year": ("1",) * 5,
    "base_out_of_range": ("refused", "reviewed", "refused", "refused", "refused"),
    "base_cap_multiple": ("3",) * 5,  # base.bounds
    "contribution_rate_min": ("5",) * 5,  # rate.limits
    "contribution_rate_max": ("12",) * 5,
    "rate_changes_per_year": ("1",) * 5,
    "remit_months_max": ("12", "1", "1", "12", "12"),  # remit.multi_month
    "remit_gate": ("none", "unfinished", "unfinished", "unfinished", "unfinished"),
    "back_payment_span": ("this_year",) * 5,
    "undo_span": ("same_month",) * 5,
}


@pytest.mark.parametrize("key", PARAMETERS)
def test_the_profile_matrix_in_parameters(key: str) -> None:
    assert tuple(_value(code, key, TODAY) for code in CENTRES) == PARAMETERS[key]


def test_sx_3_1_the_ages_of_the_manual_held_until_the_law_moved_them() -> None:
    assert _value(SX, "age_rule", date(2024, 12, 31)) == "fixed"
    assert _value(SX, "age_rule", date(2025, 1, 1)) == "retirement"


def _value(code: str, key: str, day: date) -> str:
    rows = [row for row in center_of(code).parameters[key] if not row.branch]
    return max((row for row in rows if row.starts_on <= day), key=lambda row: row.starts_on).value


# ── the profile matrix: words and options ───────────────────────────────────────────────────

OPTIONS: list[tuple[str, str, str, Any]] = [
    # what the row says, centre, service.option, value
    ("XZ-2.1d batch.count_check", XZ, "open_accounts.count_check", True),
    ("XZ-2.2b batch.count_check", XZ, "base_adjustment.count_check", True),
    ("XZ-4e batch.count_check", XZ, "internal_transfer.count_check", True),
    ("XZ-2.1a open.entry", XZ, "open_accounts.entry", "amount"),
    ("SX-3.1 open.entry", SX, "open_accounts.entry", "base"),
    ("SX-9.3 the base is asked again", SX, "unseal_accounts.base_required", True),
    ("CX-U19 base.entry", CX, "base_adjustment.entry", "amount"),
    ("CX-U20 old unit first", CX, "internal_transfer.old_unit_first", True),
    ("CX-U25a payment.modes", CX, "remit.methods", "realtime,advance"),
    ("CX-U26 payment.modes", CX, "back_payment.methods", "realtime,advance"),
    ("CX-U26 kind first", CX, "back_payment.reason_for_all", True),
    ("XZ-2.4b payment.modes", XZ, "payment.methods", "transfer"),
    ("DZ-U-06.6 payment.modes", DZ, "back_payment.methods", "bank_slip"),
    ("DZ-U-09 rate.fields", DZ, "rate_adjustment.fields", "both"),
    ("XZ-2.3 rate.fields", XZ, "rate_adjustment.fields", "one"),
    ("CX-U22 rate.fields", CX, "rate_adjustment.fields", "unit"),
    ("QDN-05 rate.fields", QDN, "rate_adjustment.fields", "listed"),
    ("QDN-02 base.entry", QDN, "base_adjustment.entry", "base"),
    ("QDN-02 every row", QDN, "base_adjustment.whole", True),
    ("QDN-07b rate first", QDN, "open_accounts.offered", "5, 6, 7, 8, 9, 10, 11, 12"),
]


@pytest.mark.parametrize(("code", "place", "value"), [row[1:] for row in OPTIONS])
def test_the_profile_matrix_in_options(code: str, place: str, value: object) -> None:
    service, option = place.split(".")
    assert center_of(code).services[service].options[option] == value


WORDS = [
    # centre, service, name, button
    (DZ, "open_accounts", "个人帐户设立", "递交"),
    (DZ, "remit", "汇缴业务", "递交"),
    (XZ, "open_accounts", "职工开户", "提交"),
    (XZ, "remittance_assessment", "单位汇缴", "保存"),
    (XZ, "payment", "缴款登记", "缴存"),
    (XZ, "undo_changes", "本月已提交数据", "删除"),
    (SX, "open_accounts", "个人开户", "全部提交"),
    (SX, "annual_assessment", "年度核定", "全部提交"),
    (SX, "cancel_assessment", "取消核定", "提交"),
    (CX, "base_adjustment", "缴存基数变更", "提交"),
    (CX, "advance_deposit", "预缴", "提交"),
    (QDN, "open_accounts", "缴存人登记", "确认开户"),
    (QDN, "unseal_accounts", "缴存人状态变更（启封）", "确定启封"),
    (QDN, "seal_accounts", "缴存人状态变更（封存）", "确定封存"),
    (QDN, "base_adjustment", "基数调整", "提交审批"),
    (QDN, "cancel_assessment", "核定删除", "核定删除"),
]


@pytest.mark.parametrize(("code", "key", "name", "button"), WORDS)
def test_a_service_is_called_as_in_the_manual(code: str, key: str, name: str, button: str) -> None:
    texts = center_of(code).services[key]
    assert (texts.name, texts.submit_label) == (name, button)


PAPERS = [
    ("DZ-U-06.5", DZ, "remit", True, ()),
    ("DZ-U-09", DZ, "rate_adjustment", True, ()),
    ("XZ-2.3", XZ, "rate_adjustment", True, ("lower",)),
    ("QDN-02", QDN, "base_adjustment", True, ()),
]


@pytest.mark.parametrize(("code", "key", "required", "when"), [row[1:] for row in PAPERS])
def test_papers_are_asked_for_where_the_manual_does(
    code: str, key: str, required: bool, when: tuple[str, ...]
) -> None:
    first = center_of(code).services[key].materials[0]
    assert (first.required, first.when) == (required, when)


def test_papers_are_asked_for_nowhere_else() -> None:
    asked = {
        (code, key)
        for code in CENTRES
        for key, texts in center_of(code).services.items()
        if texts.materials and key != "unit_info_change"
    }
    assert asked == {(code, key) for _, code, key, *_ in PAPERS} | {(QDN, "rate_adjustment")}


def test_notice_dz_by_sms_the_others_in_the_hall() -> None:
    texted = {
        code
        for code in CENTRES
        for key, events in center_of(code).notices.items()
        if events["completed"].sms and key != "unit_info_change"
    }
    assert texted == {DZ}


def test_xz_2_4a_behind_the_assessment_comes_the_payment() -> None:
    texts = center_of(XZ).services["remittance_assessment"]
    assert (texts.next_service, texts.next_text) == (
        "payment",
        "汇缴清册已保存。是否现在缴款登记？",
    )
    following = {
        (code, texts.next_service)
        for code in CENTRES
        for texts in center_of(code).services.values()
        if texts.next_service
    }
    assert {key for code, key in following if key not in menu_of(code)} == set()
