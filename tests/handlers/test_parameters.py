"""Parameters: every day has its value, history stays, and a request keeps the value it met."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

import engine
from engine import Actor, Runtime, Weekdays
from engine import operations as engine_operations
from engine.calendar import ZONE
from engine.models import Effect, Instance, Task
from engine.operations import Call
from handlers import centers, parameters
from handlers.parameters import declared, operations, rules
from handlers.parameters.declared import (
    AVERAGE_MONTHLY_WAGE,
    BASE_FLOOR,
    DEADLINE_LOAN,
    DEPOSIT_RATE,
    LOAN_RATE_FIRST_LONG,
    LOAN_RATE_SECOND_SHORT,
    PENALTY_BASE,
    RETIREMENT_RULE,
)
from tests.builders import diagrams, people
from tests.builders.diagrams import FIRST, OPERATOR
from tests.builders.parameters import ROOT, SHIPPED, enter, noon, row
from tests.conftest import Clock

RATES = [row("2016-02-21", "1.50"), row("2025-05-08", "1.75")]
DAY = date.fromisoformat


@pytest.fixture
def sessions(database_url: str) -> Iterator[sessionmaker[Session]]:
    with people.store(database_url) as opened:
        yield opened


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    with sessions() as opened:
        yield opened


# ── the shipped centres ─────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("code", ["qiandongnan", "xizang"])
def test_a_shipped_centre_sets_every_parameter_and_cites_where_from(
    session: Session, code: str, clock: Clock
) -> None:
    shipped = centers.load(ROOT, code)
    assert operations.sync(session, shipped, now=clock()) == sum(
        len(own) for own in shipped.parameters.values()
    )
    assert operations.sync(session, shipped, now=clock()) == 0, "the second time changes nothing"
    standings = parameters.standings(session, clock().date())
    assert [each.parameter.name for each in standings if each.missing] == []
    assert all(each.source for own in shipped.parameters.values() for each in own)


@pytest.mark.parametrize(
    ("parameter", "day", "value"),
    [
        (DEPOSIT_RATE, "2016-02-21", Decimal("1.50")),
        (LOAN_RATE_FIRST_LONG, "2022-09-30", Decimal("3.25")),
        (LOAN_RATE_FIRST_LONG, "2022-10-01", Decimal("3.10")),
        (LOAN_RATE_FIRST_LONG, "2025-05-07", Decimal("2.85")),
        (LOAN_RATE_FIRST_LONG, "2025-05-08", Decimal("2.60")),
        (LOAN_RATE_SECOND_SHORT, "2022-10-01", Decimal("3.025")),
        (LOAN_RATE_SECOND_SHORT, "2024-05-18", Decimal("2.775")),
        (DEADLINE_LOAN, "2026-09-19", 15),
        (DEADLINE_LOAN, "2026-09-20", 10),
        (RETIREMENT_RULE, "2024-12-31", "fixed"),
        (RETIREMENT_RULE, "2025-01-01", "gradual"),
        (PENALTY_BASE, "2026-07-15", "principal_interest"),
    ],
)
def test_a_change_takes_effect_on_its_day_and_not_before(
    session: Session, clock: Clock, parameter: Any, day: str, value: object
) -> None:
    operations.sync(session, SHIPPED, now=clock())
    found = parameters.value(session, parameter, DAY(day))
    assert (found, type(found)) == (value, type(value))


# ── reading ─────────────────────────────────────────────────────────────────────────────────
def test_a_day_before_the_first_value_is_a_sentence_that_says_what_to_do(session: Session) -> None:
    enter(session, deposit_rate=RATES)
    with pytest.raises(parameters.ParameterGap) as gap:
        parameters.value(session, DEPOSIT_RATE, DAY("2016-02-20"))
    assert gap.value.code == "parameter.gap"
    assert gap.value.text == (
        "职工住房公积金存款利率在 2016-02-20 没有设定值，请由系统管理员补充。"
    )


def test_a_span_is_cut_where_the_value_changes_and_every_day_is_counted_once(
    session: Session,
) -> None:
    enter(session, deposit_rate=RATES)
    found = parameters.periods(session, DEPOSIT_RATE, DAY("2024-07-01"), DAY("2025-06-30"))
    assert [(each.starts_on, each.ends_on, each.value) for each in found] == [
        (DAY("2024-07-01"), DAY("2025-05-08"), Decimal("1.5")),
        (DAY("2025-05-08"), DAY("2025-07-01"), Decimal("1.75")),
    ]
    assert sum((each.ends_on - each.starts_on).days for each in found) == 365


def test_a_span_without_a_change_is_one_piece_and_may_be_one_day(session: Session) -> None:
    enter(session, deposit_rate=RATES)
    day = DAY("2025-05-08")
    (found,) = parameters.periods(session, DEPOSIT_RATE, day, day)
    assert (found.starts_on, found.ends_on) == (day, DAY("2025-05-09"))


def test_a_span_with_a_hole_names_the_first_day_without_a_value(session: Session) -> None:
    enter(session, deposit_rate=RATES)
    with pytest.raises(parameters.ParameterGap, match="在 2015-12-31 没有设定值"):
        parameters.periods(session, DEPOSIT_RATE, DAY("2015-12-31"), DAY("2016-12-31"))


def test_a_branch_with_its_own_value_uses_it_and_the_others_the_centres(session: Session) -> None:
    own = [
        row("2025-01-01", "1660"),
        row("2025-07-01", "1890", through="2026-06-30", branch="QDN01"),
    ]
    enter(session, base_floor=own)

    def at(day: str, branch: str) -> int:
        return parameters.value(session, BASE_FLOOR, DAY(day), branch=branch)

    assert (at("2025-12-01", "QDN01"), at("2025-12-01", "QDN02")) == (1890_00, 1660_00)
    assert (at("2025-06-30", "QDN01"), at("2026-07-01", "QDN01")) == (1660_00, 1660_00)
    spans = parameters.periods(
        session, BASE_FLOOR, DAY("2025-06-01"), DAY("2026-12-31"), branch="QDN01"
    )
    assert [each.value for each in spans] == [1660_00, 1890_00, 1660_00]


def test_another_process_sees_a_new_value_at_once(sessions: sessionmaker[Session]) -> None:
    with sessions() as mine, sessions() as theirs:
        enter(mine, deposit_rate=RATES)
        assert parameters.value(theirs, DEPOSIT_RATE, DAY("2026-12-01")) == Decimal("1.75")
        theirs.rollback()
        enter(mine, deposit_rate=[*RATES, row("2026-12-01", "2")])
        assert parameters.value(theirs, DEPOSIT_RATE, DAY("2026-12-01")) == Decimal(2)


def test_a_yearly_value_more_than_a_year_old_is_shown_as_stale(session: Session) -> None:
    enter(session, average_monthly_wage=[row("2025-07-01", "7702"), row("2027-07-01", "8000")])

    def standing(day: str) -> parameters.queries.Standing:
        found = parameters.standings(session, DAY(day))
        return next(each for each in found if each.parameter is AVERAGE_MONTHLY_WAGE)

    assert not standing("2026-06-30").stale
    assert standing("2026-07-01").stale
    assert not standing("2027-07-01").stale
    assert [each.value for each in standing("2026-07-01").coming] == ["8000.00"]
    assert [each.value for each in standing("2027-07-01").past] == ["7702.00"]


# ── a request keeps the value of the day it was accepted ────────────────────────────────────
CLERK = Actor("operator:1", "杨秀兰", frozenset({(OPERATOR, "unit:0208")}))
REVIEWER = Actor("staff:1", "王审核", frozenset({(FIRST, "branch:QDN01")}))


def loan_term(call: Call) -> dict[str, Any]:
    return {"days": parameters.for_request(call.session, DEADLINE_LOAN, call.instance)}


@pytest.fixture
def hall(session: Session, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A diagram whose automatic step, after the review, asks for the term of a loan decision."""
    monkeypatch.setitem(engine_operations._registry, "tests/loan_term", loan_term)
    operations.sync(session, SHIPPED, now=clock())
    rt = Runtime(session, clock, Weekdays(), "QDN")
    drawn = diagrams.process(
        "loan",
        diagrams.start(),
        diagrams.form("fill"),
        diagrams.user("review", "审核", verbs="approve,return"),
        diagrams.service("apply", "tests/loan_term"),
        diagrams.end(),
        diagrams.flows("start", "fill", "review", "apply", "end"),
        lanes=diagrams.lane(OPERATOR, "start", "fill") + diagrams.lane(FIRST, "review", "apply"),
    )
    engine.deploy(rt, "loan", {"loan.bpmn": drawn})
    return rt


@pytest.mark.parametrize(
    ("accepted", "days"),
    [("2026-09-19T23:59:00", 15), ("2026-09-20T00:00:00", 10)],  # local midnight, not UTC's
)
def test_a_request_accepted_before_a_change_runs_under_the_old_value(
    hall: Runtime, clock: Clock, accepted: str, days: int
) -> None:
    clock.set(datetime.fromisoformat(accepted).replace(tzinfo=ZONE))
    filed: dict[str, Any] = {"scope": "unit:0208", "scope_name": "云谷", "branch": "QDN01"}
    filed["data"] = {"form": "tests.Form", "values": {}, "changes": [], "materials": []}
    no = engine.start(hall, CLERK, "loan", summary="贷款申请", **filed).no
    clock.set(noon("2026-10-12"))
    task = hall.session.scalars(select(Task).where(Task.status == "open")).one()
    engine.approve(hall, REVIEWER, task.id)
    case = hall.session.scalars(select(Instance).where(Instance.no == no)).one()
    done = hall.session.scalars(select(Effect)).one()
    assert (case.status, done.result) == ("completed", {"days": days})
    assert parameters.for_request(hall.session, DEADLINE_LOAN, case) == days
    assert parameters.value(hall.session, DEADLINE_LOAN, clock().date()) == 10


# ── declarations ────────────────────────────────────────────────────────────────────────────
def test_every_declaration_has_a_name_a_group_and_a_source() -> None:
    assert len(declared.ALL) == len(declared.BY_KEY) >= 40
    assert len({each.name for each in declared.ALL}) == len(declared.ALL)
    for each in declared.ALL:
        assert each.group in declared.GROUPS
        assert each.name
        assert each.source


@pytest.mark.parametrize(
    ("parameter", "typed", "stored", "shown"),
    [
        (DEPOSIT_RATE, "1.50", "1.5", "1.50%"),
        (LOAN_RATE_SECOND_SHORT, "2.525", "2.525", "2.525%"),
        (declared.LOAN_PRICE_SHARE_MAX, "80", "80", "80.00%"),
        (declared.BASE_CAP_MULTIPLE, "3.00", "3", "3 倍"),
        (AVERAGE_MONTHLY_WAGE, "7915", "7915.00", "7,915.00 元"),
        (DEADLINE_LOAN, "010", "10", "10 日"),
        (PENALTY_BASE, "principal", "principal", "逾期本金"),
    ],
)
def test_a_value_has_one_text_in_the_table_and_reads_in_words(
    parameter: Any, typed: str, stored: str, shown: str
) -> None:
    assert parameter.read(typed) == stored
    assert parameter.shown(stored) == shown


def test_a_value_published_on_a_leap_day_is_a_year_old_on_the_first_of_march() -> None:
    assert rules.a_year_after(DAY("2024-02-29")) == DAY("2025-03-01")
