"""The state machines of accounts and units, verb by verb and status by status (glossary §3)."""

from __future__ import annotations

import pytest

from engine.errors import Problem
from handlers.members import states as members
from handlers.members.codes import ACCOUNT_STATUSES
from handlers.units import states as units
from handlers.units.codes import UNIT_STATUSES

# verb → {from: to}; whatever is not here must be refused.
MEMBER_PATHS = {
    "remit": {"01": "01"},
    "adjust_base": {"01": "01"},
    "seal": {"01": "02"},
    "unseal": {"02": "01"},
    "transfer": {"02": "02"},
    "transfer_active": {"02": "01"},
    "withdraw": {"01": "01", "02": "02"},
    "merge": {"01": "03", "02": "03"},
    "transfer_out": {"02": "04"},
    "close": {"01": "05", "02": "05"},
    "undo_opening": {"01": "99"},
    "freeze": {"01": "06", "02": "06"},
    "unfreeze": {"06": "02"},
}
UNIT_PATHS = {
    "assess": {"01": "01", "02": "02"},
    "change_members": {"01": "01", "02": "02"},
    "post_first": {"02": "01"},
    "defer": {"01": "03"},
    "end_deferral": {"03": "01"},
    "seal": {"01": "05"},
    "unseal": {"05": "01"},
    "close": {"01": "04", "02": "04", "03": "04", "05": "04", "99": "04"},
}


def test_every_verb_is_in_the_tables_of_this_test() -> None:
    assert set(members.VERBS) == set(MEMBER_PATHS)
    assert set(units.VERBS) == set(UNIT_PATHS)


@pytest.mark.parametrize("verb", MEMBER_PATHS)
@pytest.mark.parametrize("status", ACCOUNT_STATUSES)
def test_an_account_goes_where_the_glossary_says_and_nowhere_else(status: str, verb: str) -> None:
    led = members.transition(status, verb, before_freeze="02")
    expected = MEMBER_PATHS[verb].get(status)
    assert (None if isinstance(led, Problem) else led) == expected


@pytest.mark.parametrize("verb", UNIT_PATHS)
@pytest.mark.parametrize("status", UNIT_STATUSES)
def test_a_unit_goes_where_the_glossary_says_and_nowhere_else(status: str, verb: str) -> None:
    led = units.transition(status, verb)
    expected = UNIT_PATHS[verb].get(status)
    assert (None if isinstance(led, Problem) else led) == expected


@pytest.mark.parametrize("before", ["01", "02"])
def test_unfreezing_leads_back_to_where_the_account_was_frozen(before: str) -> None:
    assert members.transition("06", "unfreeze", before_freeze=before) == before


@pytest.mark.parametrize(
    ("status", "verb", "code", "words"),
    [
        ("02", "seal", "members.status", "现在是封存状态，只有正常的账户才能办理封存"),
        ("02", "adjust_base", "members.status", "只有正常的账户才能办理调整缴存基数"),
        ("01", "unseal", "members.status", "只有封存的账户才能办理启封"),
        ("06", "withdraw", "members.frozen", "已冻结，解除冻结前不能办理提取"),
        ("05", "unseal", "members.closed", "已提取销户，不能再办理启封"),
    ],
)
def test_a_refusal_says_what_the_account_is_and_what_it_would_have_to_be(
    status: str, verb: str, code: str, words: str
) -> None:
    problem = members.transition(status, verb)
    assert isinstance(problem, Problem)
    assert problem.code == code
    assert words in problem.text


def test_a_deferred_unit_is_told_to_end_the_deferral_first() -> None:
    problem = units.transition("03", "assess")
    assert isinstance(problem, Problem)
    assert problem.text == "单位正在缓缴，请先办理解除缓缴，再办理汇缴核定。"


def test_a_unit_is_closed_when_nobody_and_nothing_is_left() -> None:
    assert units.closing_problems(units.Remains(0, 0, 0)) == []
    found = units.closing_problems(units.Remains(3, 100, 120_400, 5))
    assert [problem.code for problem in found] == [
        "units.open_accounts",
        "units.balance",
        "units.suspense",
        "units.advance",
    ]
    assert "还有 3 名职工" in found[0].text
    assert "暂存款 1,204.00 元" in found[2].text
