"""Closing days: each in its order, balanced, once, and 30 June after the year's interest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, func, select

from engine.database import configure, transaction
from engine.errors import HallError
from handlers.ledger import closing, settling, verifying
from handlers.ledger.closing import Row
from handlers.ledger.models import LedgerBranch, TrialBalance
from tests.builders import keys, parameters
from tests.builders.books import BRANCH, CLERK, Books
from tests.conftest import Clock
from tests.handlers.ledger_world import close, plant
from tests.servers import compiled_once
from webapp import cli, jobs
from webapp import settings as configuration


@pytest.fixture
def books(database_url: str, clock: Clock) -> Iterator[Books]:
    engine = compiled_once(configure(create_engine(database_url)))
    made = Books(engine, clock).on("2026-03-02")
    yield made
    made.session.close()
    engine.dispose()


def close_day(books: Books, day: str) -> None:
    with transaction(books.session):
        closing.close_day(books.rt, BRANCH, date.fromisoformat(day))


def refused(books: Books, day: str) -> str:
    with pytest.raises(HallError) as no:
        close_day(books, day)
    assert no.value.text.endswith("。")
    return no.value.code


def closed_through(books: Books, branch: str = BRANCH) -> date | None:
    books.session.rollback()
    return books.session.get_one(LedgerBranch, branch, populate_existing=True).closed_through


def rows_of(books: Books, day: str, branch: str = BRANCH) -> dict[str, Row]:
    found = closing.trial_balance(books.session, branch, date.fromisoformat(day))
    books.session.rollback()
    return {row.kind: row for row in found}


def test_a_closed_day_takes_no_posting_any_more(books: Books) -> None:
    anna = books.member(1)
    books.pay({anna: 100})
    books.on("2026-03-03")
    close_day(books, "2026-03-02")
    with pytest.raises(HallError) as no:
        books.pay({anna: 100}, posted_on=date(2026, 3, 2))
    assert no.value.code == "ledger.closed_day"
    books.pay({anna: 100})
    assert books.balance(anna) == 200


def test_the_trial_balance_of_a_day_opens_where_the_day_before_ended(books: Books) -> None:
    anna = books.member(1)
    books.pay({anna: 1_000})
    books.on("2026-03-03")
    books.pay({anna: 500})
    books.withdraw(anna, 200)
    books.on("2026-03-04")
    before = rows_of(books, "2026-03-03")
    assert close(books, "2026-03-03") == 2
    assert rows_of(books, "2026-03-03") == before
    assert before["member"] == Row("member", 1_000, -200, 500)
    assert before["bank"] == Row("bank", -1_000, -500, 0)
    assert before["payout_clearing"] == Row("payout_clearing", 0, 0, 200)
    assert [row.closing_cents for row in rows_of(books, "2026-03-02").values()] == [1_000, -1_000]
    assert verifying.verify(books.session).clean


def test_days_without_a_posting_are_closed_with_what_was_there(books: Books) -> None:
    books.pay({books.member(1): 1_000})
    books.on("2026-03-09")
    assert close(books, "2026-03-08") == 7
    assert rows_of(books, "2026-03-07")["member"] == Row("member", 1_000, 0, 0)
    assert close(books, "2026-03-09") == 1
    assert verifying.verify(books.session).clean


def test_a_day_to_come_a_closed_one_and_one_behind_an_open_one_are_refused(books: Books) -> None:
    anna = books.member(1)
    books.pay({anna: 100})
    books.on("2026-03-05")
    books.pay({anna: 100})
    assert refused(books, "2026-03-06") == "ledger.future_day"
    assert refused(books, "2026-03-05") == "ledger.earlier_day_open"
    close_day(books, "2026-03-02")
    assert refused(books, "2026-03-02") == "ledger.day_closed"
    assert refused(books, "2026-03-01") == "ledger.day_closed"
    close_day(books, "2026-03-05")  # today, because somebody says so
    assert closed_through(books) == date(2026, 3, 5)


def test_a_branch_without_books_has_no_day_to_close(books: Books) -> None:
    with pytest.raises(HallError) as no, transaction(books.session):
        closing.close_through(books.rt, "QDN99", date(2026, 3, 2))
    assert no.value.code == "ledger.unknown_branch"


@pytest.mark.parametrize(
    "harm",
    [
        "update hall_ledger_account set balance_cents = balance_cents + 1 where kind = 'member'",
        "update hall_entry set amount_cents = amount_cents + 1 where amount_cents > 0",
    ],
)
def test_books_that_do_not_balance_are_not_closed(books: Books, harm: str) -> None:
    books.pay({books.member(1): 100})
    books.on("2026-03-05")
    plant(books.engine, harm)
    assert refused(books, "2026-03-02") == "ledger.trial_balance"
    assert closed_through(books) is None
    assert books.session.scalar(select(func.count()).select_from(TrialBalance)) == 0


def test_30_june_waits_for_the_interest_of_its_year(books: Books) -> None:
    enter_rates(books)
    books.on("2026-06-29")
    books.pay({books.member(1): 1_000_000})
    books.on("2026-07-02")
    (outcome,) = closing.close_yesterday(books.rt)
    assert outcome.problem
    assert (outcome.problem.code, outcome.days) == ("ledger.unsettled", 1)
    assert closed_through(books) == date(2026, 6, 29)
    assert refused(books, "2026-06-30") == "ledger.unsettled"
    settling.settle(books.rt, CLERK, 2026)
    (outcome,) = closing.close_yesterday(books.rt)
    assert (outcome.problem, outcome.closed_through) == (None, date(2026, 7, 1))
    assert rows_of(books, "2026-06-30")["member"].credit_cents > 0
    assert verifying.verify(books.session).clean


def test_30_june_needs_no_interest_where_nobody_saves(books: Books) -> None:
    books.on("2026-06-29")
    bank, suspense = books.account("bank"), books.account("suspense", "U1")
    books.post("suspense_deposit", {bank: -5, suspense: 5})
    books.on("2026-07-02")
    assert [outcome.problem for outcome in closing.close_yesterday(books.rt)] == [None]


def test_closing_yesterday_twice_closes_it_once(books: Books) -> None:
    books.pay({books.member(1): 100})
    other = {books.member(2, unit="U2", branch="QDN02"): 100}
    other[books.account("bank", "QDN02", branch="QDN02")] = -100
    books.post("remittance", other, branch_code="QDN02")
    books.on("2026-03-04")
    for days in (2, 0):
        outcomes = closing.close_yesterday(books.rt)
        assert [(one.branch_code, one.days, one.problem) for one in outcomes] == [
            ("QDN01", days, None),
            ("QDN02", days, None),
        ]


def test_one_branch_that_does_not_balance_keeps_no_other_from_closing(books: Books) -> None:
    books.pay({books.member(1): 100})
    other = {books.member(2, unit="U2", branch="QDN02"): 100}
    other[books.account("bank", "QDN02", branch="QDN02")] = -100
    books.post("remittance", other, branch_code="QDN02")
    plant(
        books.engine,
        "update hall_ledger_account set balance_cents = 1 "
        "where kind = 'member' and branch_code = 'QDN01'",
    )
    books.on("2026-03-03")
    first, second = closing.close_yesterday(books.rt)
    assert first.problem
    assert (first.problem.code, first.days) == ("ledger.trial_balance", 0)
    assert (second.problem, second.days) == (None, 1)


# ── the commands ───────────────────────────────────────────────────────────────────────────────
def enter_rates(books: Books) -> None:
    parameters.enter(
        books.session,
        deposit_rate=[parameters.row("2016-02-21", "1.50")],
        interest_day_base=[parameters.row("2016-02-21", "360")],
    )
    books.session.commit()


@pytest.fixture
def hall(
    sqlite_url: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Books]:
    """Books of long ago in the database the commands open."""
    monkeypatch.setenv("HALL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HALL_KEYS_FILE", str(keys.FILE))
    monkeypatch.setenv("HALL_DATABASE_URL", sqlite_url)
    engine = configure(create_engine(sqlite_url))
    books = Books(engine, clock).on("2026-03-02")
    books.pay({books.member(1): 123_456})
    yield books
    books.session.close()
    engine.dispose()


def said(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.hall, ["ledger", *words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_the_worker_closes_yesterday_once_a_day(hall: Books, clock: Clock) -> None:
    hall.on("2026-03-05")
    shop = jobs.workshop(configuration.load(), clock=clock)
    for _ in range(2):
        jobs.tidy(shop)
        assert closed_through(hall) == date(2026, 3, 4)
    shop.engine.dispose()


def test_verify_says_in_one_line_that_all_is_well_and_exits_1_when_it_is_not(hall: Books) -> None:
    assert said("verify") == (0, "核对账务\n核对 2 个账户、1 张凭证、2 条分录：全部相符。\n")
    plant(hall.engine, "update hall_unit_total set balance_cents = 1")
    code, output = said("verify")
    assert code == 1
    assert "发现 1 处不符" in output
    assert "单位账户余额为 0.01 元。（unit.balance）" in output


def test_close_day_closes_every_branch_and_may_be_run_again(hall: Books) -> None:
    for days in (2, 0):
        code, output = said("close-day", "--date", "2026-03-03")
        assert (code, output) == (0, f"  · QDN01  结账 {days} 天，已结至 2026-03-03\n")
    code, output = said("close-day", "--date", "2026-07-01", "--branch", "QDN01")
    assert code == 1
    assert "hall ledger settle-interest --year 2026" in output
    assert "已结至 2026-06-29" in output
    assert said("close-day", "--date", "2026-07-01", "--unsettled")[0] == 0
    assert said("close-day", "--branch", "QDN99")[0] == 1
    assert said("close-day", "--date", "2999-01-01", "--unsettled")[0] == 1


def test_the_trial_balance_shows_both_sides_of_every_subject_and_equal_sums(hall: Books) -> None:
    code, output = said("trial-balance", "--date", "2026-03-02")
    assert code == 0
    assert [line.split() for line in output.splitlines()[2:]] == [
        ["101", "住房公积金存款", "0.00", "0.00", "1,234.56", "0.00", "1,234.56", "0.00"],
        ["201", "住房公积金", "0.00", "0.00", "0.00", "1,234.56", "0.00", "1,234.56"],
        ["合计", "0.00", "0.00", "1,234.56", "1,234.56", "1,234.56", "1,234.56"],
    ]
    assert "没有余额" in said("trial-balance", "--date", "2026-03-01")[1]
    with pytest.raises(HallError, match="QDN99 还没有账"):
        CliRunner().invoke(
            cli.hall, ["ledger", "trial-balance", "--branch", "QDN99"], catch_exceptions=False
        )
