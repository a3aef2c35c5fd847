"""`verify` says nothing of good books, and finds whatever was changed behind the hall's back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from handlers.ledger import verifying
from tests.builders.books import UNIT
from tests.handlers.ledger_world import Stand, day, drop_guards, plant, put_guards_back, verified
from tests.servers import Databases


@pytest.fixture(scope="module")
def stands() -> dict[str, Stand]:
    return {kind: Stand(kind) for kind in ("sqlite", "postgresql")}


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, stands: dict[str, Stand], databases: Databases
) -> Iterator[Engine]:
    with stands[request.param].filled(databases) as made:
        yield made


@pytest.fixture
def sqlite_engine(stands: dict[str, Stand], databases: Databases) -> Iterator[Engine]:
    with stands["sqlite"].filled(databases) as made:
        yield made


def test_good_books_have_no_fault(engine: Engine) -> None:
    report = verified(engine)
    assert report.faults == ()
    assert (report.accounts, report.vouchers, report.entries) == (8, 12, 30)


ANNA = "(select id from hall_ledger_account where kind = 'member' order by id limit 1)"
BERT = "(select id from hall_ledger_account where kind = 'member' order by id limit 1 offset 1)"
BANK = "(select id from hall_ledger_account where kind = 'bank')"
LAST = "(select max(id) from hall_voucher)"
OUT = "(select id from hall_voucher where business = 'partial_withdrawal')"
UNDO = "(select id from hall_voucher where reversal_of is not null and business = 'remittance')"
INTEREST = "(select id from hall_voucher where business = 'interest')"

# What was done, and all that it breaks.
PLANTED: dict[str, tuple[list[str], set[str]]] = {
    "a member is made richer": (
        [f"update hall_ledger_account set balance_cents = balance_cents + 1 where id = {ANNA}"],
        {"account.balance", "unit.balance", "branch.balance"},
    ),
    "one member's money is made another's": (
        [
            f"update hall_ledger_account set balance_cents = balance_cents - 100 where id = {ANNA}",
            f"update hall_ledger_account set balance_cents = balance_cents + 100 where id = {BERT}",
        ],
        {"account.balance"},
    ),
    "上年结转 is moved": (
        [f"update hall_ledger_account set carried_forward_cents = 1 where id = {ANNA}"],
        {"account.carried"},
    ),
    "上年结转 of a bank account": (
        [f"update hall_ledger_account set carried_forward_cents = -1 where id = {BANK}"],
        {"account.carried", "account.side"},
    ),
    "上年结转 is more than there is": (
        [
            f"update hall_entry set carried_forward_cents = 99999999 "
            f"where account_id = {ANNA} and seq = 1"
        ],
        {"account.carried", "account.side"},
    ),
    "the number of entries": (
        [f"update hall_ledger_account set entries = entries + 1 where id = {ANNA}"],
        {"account.entries"},
    ),
    "an entry's amount": (
        [f"update hall_entry set amount_cents = 9 where voucher_id = {LAST} and amount_cents > 0"],
        {
            *("account.balance", "account.chain"),
            *("voucher.sum", "voucher.columns"),
        },
    ),
    "a whole voucher, with the balances behind it": (
        [
            f"update hall_entry set amount_cents = amount_cents * 2, "
            f"balance_cents = balance_cents + amount_cents where voucher_id = {LAST}",
            f"update hall_ledger_account set balance_cents = balance_cents + 100 where id = {ANNA}",
            f"update hall_ledger_account set balance_cents = balance_cents - 100 where id = {BANK}",
            "update hall_unit_total set balance_cents = balance_cents + 100 "
            f"where unit_account_no = '{UNIT}'",
        ],
        {"voucher.columns"},
    ),
    "the same, on a closed day": (
        [
            f"update hall_entry set amount_cents = amount_cents - 500 "
            f"where voucher_id = {OUT} and amount_cents < 0",
            f"update hall_entry set amount_cents = amount_cents + 500 "
            f"where voucher_id = {OUT} and amount_cents > 0",
            f"update hall_voucher set debit_cents = debit_cents + 500, "
            f"credit_cents = credit_cents + 500 where id = {OUT}",
        ],
        {"account.balance", "account.chain", "day.trial_balance"},
    ),
    "a balance behind an entry": (
        [f"update hall_entry set balance_cents = 7 where account_id = {ANNA} and seq = 2"],
        {"account.chain"},
    ),
    "an entry is removed": (
        [f"delete from hall_entry where voucher_id = {LAST} and amount_cents > 0"],
        {
            *("account.balance", "account.entries"),
            *("voucher.lines", "voucher.sum", "voucher.columns"),
        },
    ),
    "an entry in the middle is moved to the end": (
        [f"update hall_entry set seq = 99 where account_id = {ANNA} and seq = 1"],
        {"account.entries", "account.chain", "account.side", "account.settled"},
    ),
    "a bank account owes the fund": (
        [
            f"update hall_entry set amount_cents = 5, balance_cents = 5 "
            f"where account_id = {BANK} and seq = 1"
        ],
        {
            *("account.balance", "account.chain", "account.side"),
            *("voucher.sum", "voucher.columns", "day.trial_balance"),
        },
    ),
    "a fraction of a cent or a giant": (
        [
            f"update hall_entry set amount_cents = 9000000000000000000 "
            f"where voucher_id = {LAST} and amount_cents > 0"
        ],
        {
            *("account.balance", "account.chain"),
            *("voucher.sum", "voucher.columns"),
        },
    ),
    "an account with money is closed": (
        [f"update hall_ledger_account set status = 'closed' where id = {ANNA}"],
        {"account.closed", "member.account"},
    ),
    "an account that may be overdrawn": (
        [f"update hall_ledger_account set side = 'either' where id = {ANNA}"],
        {"account.kind"},
    ),
    "a voucher's columns": (
        [f"update hall_voucher set debit_cents = 1, credit_cents = 1 where id = {LAST}"],
        {"voucher.columns"},
    ),
    "interest nobody was given": (
        [f"update hall_voucher set interest_cents = 5 where id = {LAST}"],
        {"voucher.columns"},
    ),
    "the last voucher disappears": (
        [f"delete from hall_voucher where id = {LAST}"],
        {"voucher.lost"},
    ),
    "a voucher in the middle disappears": (
        [f"delete from hall_voucher where id = {OUT}"],
        {"voucher.lost", "voucher.number", "day.trial_balance"},
    ),
    "a voucher has no entries": (
        [
            "insert into hall_voucher (branch_code, posted_on, number, key, business, value_on, "
            "debit_cents, credit_cents, interest_cents, headcount, unit_account_no, "
            "contribution_month, contribution_month_to, memo, business_no, channel, reason, "
            "posted_at, posted_by, posted_by_name) select branch_code, posted_on, 2, 'smuggled', "
            "business, value_on, 0, 0, 0, 0, '', '', '', '', '', 'hall', '', posted_at, 'x', 'x' "
            f"from hall_voucher where id = {LAST}"
        ],
        {"voucher.lines"},
    ),
    "a gap in the numbers": (
        [f"update hall_voucher set number = 7 where id = {LAST}"],
        {"voucher.number"},
    ),
    "a voucher of a closed day is dated later": (
        [f"update hall_voucher set posted_on = {day('2026-07-02')}, number = 2 where id = {OUT}"],
        {"voucher.number", "voucher.posted_day", "day.trial_balance"},
    ),
    "a voucher is smuggled into a closed day": (
        [
            f"update hall_voucher set posted_on = {day('2026-07-02')}, number = 2, "
            f"value_on = {day('2026-07-02')} where id = {LAST}",
            f"update hall_entry set value_on = {day('2026-07-02')} where voucher_id = {LAST}",
        ],
        {"day.trial_balance"},
    ),
    "an entry counts from another day than its voucher": (
        [f"update hall_entry set value_on = value_on + 1 where voucher_id = {OUT}"],
        {"voucher.value_day"},
    ),
    "a voucher counts from a day to come": (
        [
            f"update hall_entry set value_on = value_on + 1 where voucher_id = {OUT}",
            f"update hall_voucher set value_on = value_on + 1 where id = {OUT}",
        ],
        {"voucher.value_day"},
    ),
    "a voucher counts in a year that is settled": (
        [
            f"update hall_entry set value_on = {day('2026-06-29')} where voucher_id = {OUT}",
            f"update hall_voucher set value_on = {day('2026-06-29')} where id = {OUT}",
        ],
        {"account.settled"},
    ),
    "a day that is none": (
        [
            f"update hall_entry set value_on = -5 where voucher_id = {LAST}",
            f"update hall_voucher set value_on = -5, posted_on = -5, number = 1 where id = {LAST}",
        ],
        {"account.settled", "day.trial_balance"},
    ),
    "a voucher dated ahead": (
        [f"update hall_voucher set posted_on = {day('2026-07-20')}, number = 1 where id = {LAST}"],
        {"voucher.posted_day"},
    ),
    "an account changes its branch": (
        [f"update hall_ledger_account set branch_code = 'QDN02' where id = {ANNA}"],
        {"voucher.branch", "branch.balance", "member.account"},
    ),
    "a unit's total": (
        ["update hall_unit_total set balance_cents = balance_cents - 1"],
        {"unit.balance"},
    ),
    "a unit's total is lost": (["delete from hall_unit_total"], {"unit.balance"}),
    "an account is lost": (
        [f"delete from hall_ledger_account where id = {ANNA}"],
        {
            *("voucher.account", "unit.balance", "branch.balance"),
            *("member.account", "day.trial_balance"),
        },
    ),
    "a reversal is turned to another account": (
        [
            f"update hall_entry set account_id = {BERT}, seq = 9 "
            f"where voucher_id = {UNDO} and amount_cents < 0"
        ],
        {"account.balance", "account.entries", "account.chain", "reversal.mirror"},
    ),
    "a reversal names another voucher": (
        [f"update hall_voucher set reversal_of = {OUT} where id = {UNDO}"],
        {"reversal.original", "reversal.mirror"},
    ),
    "a reversal names the settlement": (
        [f"update hall_voucher set reversal_of = {INTEREST} where id = {UNDO}"],
        {"reversal.original", "reversal.mirror"},
    ),
    "a reversal without a reason": (
        [f"update hall_voucher set reason = '' where id = {UNDO}"],
        {"reversal.original"},
    ),
    "a reversal names nothing": (
        [f"update hall_voucher set reversal_of = 4711 where id = {UNDO}"],
        {"reversal.original", "reversal.mirror"},
    ),
    "a trial balance": (
        [
            f"update hall_trial_balance set debit_cents = debit_cents - 1, "
            f"credit_cents = credit_cents + 1 where day = {day('2026-07-01')} and kind = 'bank'"
        ],
        {"day.trial_balance"},
    ),
    "a trial balance is lost": (
        [f"delete from hall_trial_balance where day = {day('2026-07-02')} and kind = 'bank'"],
        {"day.trial_balance"},
    ),
    "a trial balance of an open day": (
        [f"update hall_ledger_branch set closed_through = {day('2026-07-01')}"],
        {"day.stray"},
    ),
    "a day is closed by hand": (
        [f"update hall_ledger_branch set closed_through = {day('2026-07-03')}"],
        {"day.trial_balance"},
    ),
    "nobody knows what is closed": (
        ["delete from hall_ledger_branch"],
        {"day.branch", "day.stray"},
    ),
    "the year's interest": (
        ["update hall_interest_settlement set interest_cents = interest_cents + 1"],
        {"settlement.interest"},
    ),
    "a frozen person may withdraw": (
        ["update hall_ledger_account set status = 'open' where status = 'frozen'"],
        {"member.account"},
    ),
    "a person gets somebody else's account": (
        [
            "update hall_individual_account set individual_account_no = 'X' "
            f"where ledger_account_id = {ANNA}"
        ],
        {"member.account"},
    ),
    "a person's money is gone": (
        [
            f"update hall_individual_account set ledger_account_id = 999 where "
            f"ledger_account_id = {ANNA}"
        ],
        {"member.account"},
    ),
    "a person moves to a unit nobody knows": (
        [
            "update hall_individual_account set unit_account_no = 'U404' "
            f"where ledger_account_id = {ANNA}"
        ],
        {"member.account", "member.unit", "unit.headcount"},
    ),
    "a unit has more people than accounts": (
        [f"update hall_unit set active_headcount = 2 where unit_account_no = '{UNIT}'"],
        {"unit.headcount"},
    ),
    "a loan is settled without money": (
        ["update hall_loan set loan_status = 'settled'"],
        {"loan.account"},
    ),
    "a loan was never so large": (
        ["update hall_loan set contract_amount_cents = 1100000"],
        {"loan.account"},
    ),
    "a loan names another account": (
        [f"update hall_loan set ledger_account_id = {BANK}"],
        {"loan.account"},
    ),
    "a loan without an account": (
        ["update hall_loan set ledger_account_id = 999"],
        {"loan.account"},
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_finds(what: str, engine: Engine) -> None:
    statements, codes = PLANTED[what]
    plant(engine, *statements)
    report = verified(engine)
    assert {fault.code for fault in report.faults} == codes, report.faults
    assert not report.clean
    for fault in report.faults:
        assert fault.where
        assert fault.text.endswith("。")


def test_names_the_account_and_both_figures(engine: Engine) -> None:
    plant(engine, f"update hall_unit_total set balance_cents = 1 where unit_account_no = '{UNIT}'")
    (fault,) = verified(engine).faults
    assert (fault.where, "0.01 元" in fault.text) == (f"单位 {UNIT}", True)


def test_finds_that_the_guards_are_gone(engine: Engine) -> None:
    drop_guards(engine)
    assert {fault.code for fault in verified(engine).faults} == {"guard.missing"}
    put_guards_back(engine)
    assert verified(engine).clean


def test_finds_fractions_and_words_where_sqlite_lets_them_in(sqlite_engine: Engine) -> None:
    for value in ("amount_cents + 0.5", "'viel'"):
        entry = f"where voucher_id = {LAST} and amount_cents <> 0"
        plant(sqlite_engine, f"update hall_entry set amount_cents = {value} {entry}")
        assert "voucher.columns" in {fault.code for fault in verified(sqlite_engine).faults}


def test_a_long_list_of_faults_ends(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "FAULTS_MAX", 2)
    plant(engine, "update hall_entry set balance_cents = 7")
    assert len(verified(engine).faults) == 2


def test_small_pieces_find_the_same(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "ACCOUNTS_AT_ONCE", 2)
    monkeypatch.setattr(verifying, "VOUCHERS_AT_ONCE", 3)
    seen: list[tuple[int, int]] = []
    with engine.connect() as connection:
        counts = connection.execute(text("select count(*) from hall_voucher")).scalar_one()
    with Session(engine) as session:
        assert verifying.verify(session, report=lambda *at: seen.append(at)).clean
    assert seen[-1] == (8 + counts, 8 + counts)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
