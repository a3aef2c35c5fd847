"""Books with one of everything in them, and somebody who changes them behind the hall's back."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from sqlalchemy import Engine, NullPool, create_engine, make_url, text
from sqlalchemy.orm import Session

from engine.database import configure, transaction
from engine.models.guards import append_only
from handlers.ledger import closing, settling, verifying
from handlers.ledger.models import APPEND_ONLY
from handlers.ledger.verifying import Report
from handlers.loans.models import Loan, LoanRepayment
from tests.builders import members, parameters, units
from tests.builders.books import BRANCH, CLERK, Books
from tests.conftest import Clock
from tests.servers import Databases, compiled_once

LOAN_NO = "D2026000001"
SAVED_CENTS = 10_000_000


def fill(url: str) -> None:
    """A settled year, two closed days behind it and one open: remittances, a withdrawal, two
    reversals, a frozen and a sealed account, a loan of which one repayment was taken back."""
    engine = compiled_once(configure(create_engine(url)))
    books = Books(engine, Clock()).on("2026-06-01")
    try:
        _live(books)
    finally:
        books.session.close()
        engine.dispose()


def _live(books: Books) -> None:
    units.unit(books.session)
    parameters.enter(
        books.session,
        deposit_rate=[parameters.row("2016-02-21", "1.50")],
        interest_day_base=[parameters.row("2016-02-21", "360")],
    )
    books.session.commit()
    people = [members.open_member(books, number) for number in (1, 2, 3)]
    ids = [person.ledger_account_id for person in people]
    members.remit(books, "2026-05", *people, cents=SAVED_CENTS)
    books.on("2026-06-30")
    settling.settle(books.rt, CLERK, 2026)
    books.on("2026-07-01")
    members.remit(books, "2026-06", *people)
    wrong = members.remit(books, "2026-06", people[0])
    books.withdraw(ids[0], 50_000)
    _lend(books, people[1].person_id)
    books.on("2026-07-02")
    books.reverse(wrong)
    numbers = [person.individual_account_no for person in people]
    members.do(books, "freeze", numbers[2])
    members.do(books, "seal", numbers[1], reason="01")
    books.on("2026-07-03")
    books.pay({ids[0]: 100})
    close(books, "2026-07-02")


def _lend(books: Books, person_id: int) -> None:
    principal, bank = books.account("loan_principal", LOAN_NO), books.account("bank")
    books.post("loan_disbursement", {principal: -1_000_000, bank: 1_000_000})
    loan = Loan(
        loan_contract_no="HT2026000001",
        loan_account_no=LOAN_NO,
        person_id=person_id,
        ledger_account_id=principal,
        branch_code=BRANCH,
        contract_amount_cents=1_000_000,
        periods=12,
        loan_rate=Decimal("2.60"),
        disbursed_on=date(2026, 7, 1),
        due_maturity=date(2027, 7, 1),
        repayment_day=1,
    )
    with transaction(books.session) as session:
        session.add(loan)
        session.flush()
        loan_id = loan.id
    vouchers = [
        books.post("loan_repayment", {principal: cents, bank: -cents}) for cents in (80_000, 90_000)
    ]
    for period, voucher in enumerate(vouchers, 1):
        with transaction(books.session) as session:
            session.add(
                LoanRepayment(
                    loan_id=loan_id,
                    voucher_id=voucher.id,
                    period=period,
                    due_on=date(2026, 8, 1),
                    repaid_on=date(2026, 7, 1),
                    principal_cents=voucher.credit_cents,
                    interest_cents=0,
                    balance_cents=0,
                )
            )
    books.reverse(vouchers[1])


def close(books: Books, through: str) -> int:
    with transaction(books.session):
        return closing.close_through(books.rt, BRANCH, date.fromisoformat(through))


def day(text_: str, after: int = 0) -> int:
    """A day as the database keeps it."""
    return (date.fromisoformat(text_) + timedelta(days=after)).toordinal()


class Stand:
    """One engine for many databases, one after the other: statements are built once for all."""

    def __init__(self, kind: str) -> None:
        self.kind, self.url = kind, make_url("sqlite://")
        dialect = "sqlite" if kind == "sqlite" else "postgresql+psycopg"
        made = create_engine(f"{dialect}://", creator=self._connect, poolclass=NullPool)
        self.engine = configure(made)

    @contextmanager
    def filled(self, databases: Databases) -> Iterator[Engine]:
        """The engine, at a fresh copy of the world."""
        url = databases.filled(self.kind, "ledger_world", fill)
        self.url = make_url(url)
        yield self.engine
        databases.drop(url)

    def _connect(self) -> Any:
        if self.kind == "sqlite":
            return sqlite3.connect(str(self.url.database), check_same_thread=False)
        plain = self.url.set(drivername="postgresql")
        return psycopg.connect(plain.render_as_string(hide_password=False))


def verified(engine: Engine) -> Report:
    with Session(engine) as session:
        return verifying.verify(session)


def plant(engine: Engine, *statements: str) -> None:
    """What somebody with the password of the database can do: nothing holds them back, and
    afterwards everything that should have is in its place again."""
    if engine.dialect.name == "sqlite":
        _plant_in_sqlite(engine, statements)
    else:
        _plant_in_postgresql(engine, statements)


def drop_guards(engine: Engine) -> None:
    with engine.begin() as connection:
        for statement in _drops(engine):
            connection.execute(text(statement))


def put_guards_back(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in APPEND_ONLY:
            for statement in append_only(table)[engine.dialect.name]:
                connection.exec_driver_sql(statement.replace("%", "%%"))


def _drops(engine: Engine) -> list[str]:
    if engine.dialect.name == "sqlite":
        return [f"drop trigger {t}_no_{verb}" for t in APPEND_ONLY for verb in ("update", "delete")]
    return [f"drop trigger {table}_append_only on {table}" for table in APPEND_ONLY]


def _plant_in_sqlite(engine: Engine, statements: tuple[str, ...]) -> None:
    drop_guards(engine)
    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        connection.rollback()
        raw.execute("pragma foreign_keys = off")
        raw.execute("pragma ignore_check_constraints = on")
        for statement in statements:
            assert raw.execute(statement).rowcount > 0, statement
        raw.execute("pragma foreign_keys = on")
        raw.execute("pragma ignore_check_constraints = off")
    put_guards_back(engine)


_TABLE = re.compile(r"^(?:update|delete from|insert into) (\w+)")
_CHECKS = text(
    "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint "
    "where contype = 'c' and conrelid::regclass::text = any(:tables)"
)


def _plant_in_postgresql(engine: Engine, statements: tuple[str, ...]) -> None:
    tables = [table for line in statements for table in _TABLE.findall(line)]
    with engine.begin() as connection:
        checks = connection.execute(_CHECKS, {"tables": tables}).all()
        for table, name, _ in checks:
            connection.execute(text(f'alter table {table} drop constraint "{name}"'))
        connection.execute(text("set local session_replication_role = replica"))
        for statement in statements:
            assert connection.execute(text(statement)).rowcount > 0, statement
        for table, name, rule in checks:
            rest = rule.removesuffix(" NOT VALID")
            added = f'alter table {table} add constraint "{name}" {rest} not valid'
            connection.exec_driver_sql(added.replace("%", "%%"))
