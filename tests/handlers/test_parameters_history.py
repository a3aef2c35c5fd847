"""Entering parameters: history stays, mistakes are sentences, and nothing is half written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers import centers, parameters
from handlers.centers import CenterError, DatedValue
from handlers.ledger.models import InterestSettlement
from handlers.parameters import operations, rules
from handlers.parameters.declared import BASE_FLOOR, DEPOSIT_RATE
from handlers.parameters.models import ParameterValue
from tests.builders import people
from tests.builders.parameters import ROOT, enter, noon, row
from tests.builders.profiles import product
from tests.conftest import Clock

RATES = [row("2016-02-21", "1.50"), row("2025-05-08", "1.75")]
DAY = date.fromisoformat


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    with people.store(database_url) as sessions, sessions() as opened:
        yield opened


def rows(session: Session) -> list[tuple[str, str, str]]:
    found = session.scalars(select(ParameterValue).order_by(ParameterValue.id)).all()
    return [(each.key, str(each.starts_on), each.value) for each in found]


# ── history ─────────────────────────────────────────────────────────────────────────────────
def refused(session: Session, code: str, *, today: str, **given: list[DatedValue]) -> str:
    """The sentence of a refusal; the table is as it was."""
    before = rows(session)
    with pytest.raises(CenterError) as error:
        enter(session, today=today, **given)
    assert error.value.code == code
    assert error.value.text.startswith("bpmn/centers/qiandongnan/center.toml：parameters 里的 ")
    assert error.value.text.endswith("。")
    assert error.value.text.count("。") == 1
    session.rollback()
    assert rows(session) == before
    return error.value.text


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            [row("2016-02-21", "1.60"), RATES[1]],
            "deposit_rate（2016-02-21 起）已经生效，不能由 1.50% 改为 1.60%，请另加一行",
        ),
        (RATES[1:], "deposit_rate（2016-02-21 起）已经生效，不能从文件中删去"),
        ([], "deposit_rate（2016-02-21 起）已经生效，不能从文件中删去"),
        (
            [RATES[0], row("2020-01-01", "1.60"), RATES[1]],
            "deposit_rate（2020-01-01 起）那一天已有生效的值，不能插入新值",
        ),
        (
            [row("2016-02-21", "1.50", through="2025-05-01"), row("2025-05-02", "1"), RATES[1]],
            "deposit_rate（2025-05-02 起）那一天已有生效的值",
        ),
    ],
)
def test_what_has_taken_effect_is_never_rewritten(
    session: Session, given: list[DatedValue], sentence: str
) -> None:
    enter(session, deposit_rate=RATES)
    assert sentence in refused(session, "parameter.history", today="2026-07-15", deposit_rate=given)


def test_a_value_that_ended_in_the_past_cannot_be_made_to_go_on(session: Session) -> None:
    own = [row("2025-01-01", "1890", through="2025-12-31", branch="QDN01")]
    enter(session, base_floor=own)
    longer = [row("2025-01-01", "1890", branch="QDN01")]
    said = refused(session, "parameter.history", today="2026-07-15", base_floor=longer)
    assert "截止日期会改动已经过去的日子" in said


def test_a_value_in_force_may_get_an_end_that_is_still_to_come(session: Session) -> None:
    enter(session, base_floor=[row("2025-01-01", "1890", branch="QDN01")])
    ending = [row("2025-01-01", "1890", through="2026-12-31", branch="QDN01")]
    assert enter(session, base_floor=ending) == 1
    with pytest.raises(parameters.ParameterGap):
        parameters.value(session, BASE_FLOOR, DAY("2027-01-01"), branch="QDN01")


def test_a_row_still_to_come_may_be_changed_moved_and_dropped(session: Session) -> None:
    coming = [*RATES, row("2026-12-01", "2")]
    enter(session, deposit_rate=coming)
    assert enter(session, deposit_rate=[*RATES, row("2026-12-01", "2.25")]) == 1
    assert enter(session, deposit_rate=[*RATES, row("2027-01-01", "2.25")]) == 2
    assert rows(session)[-1] == ("deposit_rate", "2027-01-01", "2.25")
    assert enter(session, deposit_rate=RATES) == 1
    assert len(rows(session)) == 2


def test_on_its_first_day_a_row_is_history(session: Session) -> None:
    enter(session, deposit_rate=[*RATES, row("2026-07-16", "2")])
    changed = [*RATES, row("2026-07-16", "3")]
    refused(session, "parameter.history", today="2026-07-16", deposit_rate=changed)
    assert enter(session, today="2026-07-15", deposit_rate=changed) == 1


def test_a_value_published_late_is_entered_with_its_true_day(session: Session) -> None:
    wages = [row("2025-07-01", "7702")]
    enter(session, today="2026-07-15", average_monthly_wage=wages)
    enter(session, today="2026-08-10", average_monthly_wage=[*wages, row("2026-07-01", "7915")])
    newest = session.scalars(select(ParameterValue).order_by(ParameterValue.id)).all()[-1]
    assert (newest.starts_on, newest.recorded_at) == (DAY("2026-07-01"), noon("2026-08-10"))


def test_earlier_history_may_be_completed(session: Session) -> None:
    enter(session, deposit_rate=RATES[1:])
    assert enter(session, deposit_rate=RATES) == 1
    assert parameters.value(session, DEPOSIT_RATE, DAY("2020-01-01")) == Decimal("1.5")


def test_a_citation_may_be_corrected_and_a_value_written_otherwise(session: Session) -> None:
    enter(session, deposit_rate=RATES)
    better = [row("2016-02-21", "1.5", source="银发〔2016〕43 号"), RATES[1]]
    assert enter(session, deposit_rate=better) == 1
    (first, _) = session.scalars(select(ParameterValue).order_by(ParameterValue.starts_on))
    assert (first.value, first.source) == ("1.5", "银发〔2016〕43 号")


# ten days and three starts are enough to meet every way two files can differ
FIRST_DAY = DAY("2026-07-01")
FILES = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["1", "2", "3"]), st.none() | st.integers(0, 4)),
    max_size=3,
    unique_by=lambda each: each[0],
)


def file_of(drawn: list[tuple[int, str, int | None]]) -> tuple[rules.Entry, ...] | None:
    """A file in which rows may end; None when it is wrong in itself."""
    made = []
    for start, text, days in drawn:
        first = FIRST_DAY + timedelta(days=start)
        through = str(first + timedelta(days=days)) if days is not None else None
        made.append(row(str(first), f"{text}000", through=through, branch="QDN01"))
    read = rules.entries({"base_floor": made}, ["QDN01"])
    return None if isinstance(read, Problem) else read


@given(FILES, FILES, st.lists(st.booleans(), min_size=3, max_size=3), st.integers(-1, 10))
def test_no_sequence_of_files_changes_what_a_past_day_reads(
    first: list[Any], more: list[Any], kept: list[bool], today: int
) -> None:
    second = [each for each, keep in zip(first, kept, strict=False) if keep]
    second += [each for each in more if each[0] not in {start for start, _, _ in second}]
    stored, wanted = file_of(first), file_of(second)
    assume(stored is not None and wanted is not None)
    assert stored is not None
    assert wanted is not None
    now = FIRST_DAY + timedelta(days=today)
    plan = rules.plan(wanted, stored, now)
    if isinstance(plan, Problem):
        assert plan.code == "parameter.history"
        return
    changed = {old.place: new for old, new in plan.change}
    table = [changed.get(each.place, each) for each in stored if each not in plan.drop]
    table += plan.add
    assert sorted(table, key=lambda each: each.place) == sorted(wanted, key=lambda e: e.place)
    newest = max((row.starts_on for row in stored if row.starts_on <= now), default=date.min)
    for n in range(today + 1):
        day = FIRST_DAY + timedelta(days=n)
        before = rules.in_force(stored, day, "QDN01")
        after = rules.in_force(table, day, "QDN01")
        if before is not None and (after is None or after.value != before.value):
            assert after in plan.add, "changed under a row that was there"
            assert after.starts_on > newest, "only a row published late may change it"


def test_the_database_itself_refuses_two_values_from_one_day(
    session: Session, clock: Clock
) -> None:
    facts: dict[str, Any] = {
        "center": "qiandongnan",
        "key": "deposit_rate",
        "value": "1.5",
        "source": "测试",
    }
    facts |= {"recorded_at": clock(), "starts_on": DAY("2026-01-01")}
    session.add_all([ParameterValue(**facts), ParameterValue(**facts)])
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()
    session.add(ParameterValue(**facts, ends_on=DAY("2026-01-01")))
    with pytest.raises(IntegrityError):
        session.commit()


def test_the_file_of_another_centre_is_refused_as_such(session: Session, clock: Clock) -> None:
    enter(session, deposit_rate=RATES)
    other = centers.load(ROOT, "xizang")
    with pytest.raises(CenterError, match="这个数据库是 qiandongnan 的") as error:
        operations.sync(session, other, now=clock())
    assert error.value.code == "parameter.center"
    assert len(rows(session)) == 2


# ── mistakes in the file ────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("key", "given", "code", "sentence"),
    [
        ("deposit_rat", RATES, "unknown", "参数 deposit_rat 不认识，是不是 deposit_rate"),
        ("zzzz", RATES, "unknown", "可用的有：deposit_rate、"),
        (
            "deposit_rate",
            [row("2016-02-21", "1.50", through="2025-05-06"), RATES[1]],
            "hole",
            "deposit_rate 在 2025-05-07 至 2025-05-07 没有值，这个参数不能中断",
        ),
        (
            "deposit_rate",
            [row("2016-02-21", "1.50", through="2030-12-31")],
            "hole",
            "deposit_rate 在 2031-01-01 起没有值",
        ),
        (
            "deposit_rate",
            [row("2016-02-21", "1.50", through="2025-05-08"), RATES[1]],
            "overlap",
            "deposit_rate 的 2016-02-21 和 2025-05-08 两行日期重叠",
        ),
        ("deposit_rate", [RATES[0], RATES[0]], "overlap", "两行日期重叠"),
        (
            "deposit_rate",
            [row("2016-02-21", "1.5%")],
            "kind",
            'deposit_rate（2016-02-21 起）的 value 应为不超过 4 位小数的数字，例如 "1.50"，'
            '现在是 "1.5%"',
        ),
        ("deposit_rate", [row("2016-02-21", "NaN")], "kind", '现在是 "NaN"'),
        ("deposit_rate", [row("2016-02-21", "1e2")], "kind", '现在是 "1e2"'),
        ("deposit_rate", [row("2016-02-21", "-1")], "kind", '现在是 "-1"'),
        ("deposit_rate", [row("2016-02-21", "9" * 4000)], "kind", "999…"),
        ("deposit_rate", [row("2016-02-21", "15")], "bounds", "应在 0.01% 至 10.00% 之间"),
        ("base_cap_multiple", [row("2016-02-21", "3.5")], "bounds", "应在 1 倍 至 3 倍 之间"),
        ("interest_day_base", [row("2016-02-21", "364")], "bounds", "只能是 360、365，现在是 364"),
        ("loan_term_years_max", [row("2016-02-21", "30.5")], "kind", "应为整数"),
        ("loan_term_years_max", [row("2016-02-21", "31")], "bounds", "应在 1 年 至 30 年 之间"),
        ("average_monthly_wage", [row("2016-02-21", "7702.001")], "kind", "不超过两位小数的金额"),
        ("average_monthly_wage", [row("2016-02-21", "77")], "bounds", "应在 500.00 元 至"),
        ("penalty_base", [row("2016-02-21", "all")], "kind", '只能是 "principal"（逾期本金）、'),
        ("deposit_rate", [row("2016-02-21", "1", branch="QDN01")], "branch", "请去掉 branch"),
        ("base_floor", [row("2016-02-21", "1890", branch="QDN99")], "branch", "branch “QDN99”"),
        (
            "deposit_rate",
            [row("2016-02-21", "1", through="2016-02-20")],
            "day",
            "through 不早于 starts_on",
        ),
        ("deposit_rate", [row("0216-02-21", "1")], "day", "日期应在 1949-10-01 至 2199-12-31"),
        ("deposit_rate", [row("2016-02-21", "1", through="9999-12-31")], "day", "2199-12-31"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    session: Session, key: str, given: list[DatedValue], code: str, sentence: str
) -> None:
    enter(session, average_monthly_wage=[row("2025-07-01", "7702")])
    both: dict[str, Any] = {"average_monthly_wage": [row("2025-07-01", "7702")], key: given}
    assert sentence in refused(session, f"parameter.{code}", today="2026-07-15", **both)


def test_the_lowest_rate_may_never_be_above_the_highest(session: Session) -> None:
    low = [row("2020-01-01", "5"), row("2026-01-01", "8")]
    high = [row("2020-01-01", "12"), row("2027-01-01", "7")]
    said = refused(
        session,
        "parameter.bounds",
        today="2026-07-15",
        contribution_rate_min=low,
        contribution_rate_max=high,
    )
    assert "contribution_rate_min 在 2027-01-01 高于 contribution_rate_max" in said


def test_a_parameter_need_not_be_set_and_a_branch_may_stop_having_its_own(
    session: Session,
) -> None:
    own = [row("2025-07-01", "1890", through="2025-12-31", branch="QDN01")]
    again = [row("2026-07-01", "2000", branch="QDN01")]
    assert enter(session, base_floor=[row("2025-01-01", "1660"), *own, *again]) == 3


QIANDONGNAN = (ROOT / "bpmn/centers/qiandongnan/center.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('value = "1570.00"', "value = 1570.0", "parameters.base_floor[1].value 应为加引号的文字"),
        ('value = "1570.00"', 'value = "15"', "base_floor（2019-12-01 起）的 value 应在 100.00 "),
        ("base_floor = [", "base_flor = [", "参数 base_flor 不认识，是不是 base_floor。"),
        ("2019-12-01", "2019-12-32", "不符合 TOML 写法"),
        ('{ starts_on = 2019-12-01, value = "1570.00", source', "{ source", "starts_on"),
        (
            'value = "1570.00", source = "演示数据"',
            'value = "1570.00", source = ""',
            "base_floor[1].source 不能为空",
        ),
    ],
)
def test_the_file_is_checked_before_the_hall_opens(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    assert old in QIANDONGNAN
    root = product(tmp_path, "qiandongnan", QIANDONGNAN.replace(old, new, 1))
    with pytest.raises(CenterError) as error:
        centers.load(root, "qiandongnan")
    assert error.value.text.startswith("bpmn/centers/qiandongnan/center.toml：")
    assert sentence in error.value.text
    assert error.value.text.count("。") == 1


def test_a_deposit_rate_published_late_does_not_reach_into_settled_days(session: Session) -> None:
    enter(session, today="2026-08-01", deposit_rate=RATES)
    session.add(
        InterestSettlement(
            fund_year=2026,
            posted_on=DAY("2026-06-30"),
            started_at=noon("2026-06-30"),
            finished_at=noon("2026-06-30"),
        )
    )
    session.commit()
    late = [*RATES, row("2026-06-01", "1.60")]
    text = refused(session, "parameter.settled", today="2026-08-01", deposit_rate=late)
    assert "请改为 2026-07-01 或更晚" in text
    enter(session, today="2026-08-01", deposit_rate=[*RATES, row("2026-07-01", "1.60")])
