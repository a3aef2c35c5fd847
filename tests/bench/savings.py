"""A fund at the end of its year: units, their people, an opening balance and twelve remittances.

Filled by SQL alone: numbers follow from ids, so every run is the same.  On PostgreSQL entries lie
in the order in which they were posted, month by month and unit by unit, as in a real fund; SQLite
keeps them by account whatever the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

from sqlalchemy import Connection, Engine, Table, bindparam, insert, text
from sqlalchemy.orm import Session
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex

from engine.models import Base, UtcDateTime
from handlers.ledger import accounts
from handlers.ledger.models import Entry, LedgerAccount, LedgerBranch
from tests.builders import parameters
from tests.builders.parameters import row

YEAR, START, BRANCHES, MONTHS = 2026, date(2025, 7, 1), 8, 12
NOW = datetime(2026, 6, 30, 14, 0, tzinfo=UTC)
_AMOUNTS = "10000 + n * 7919 % 5000000 as opening, 50000 + n * 7727 % 300000 as monthly"

_VOUCHERS = """
insert into hall_voucher (id, branch_code, posted_on, number, key, business, value_on, debit_cents,
  credit_cents, interest_cents, headcount, unit_account_no, contribution_month,
  contribution_month_to, memo, business_no, channel, reason, posted_at, posted_by, posted_by_name)
select m.month * :units + u.unit + 1, u.branch_code, m.day + u.unit % 25,
  row_number() over (partition by u.branch_code, m.day + u.unit % 25 order by u.unit),
  'bench:' || m.month || ':' || u.unit, case m.month when 0 then 'opening_balance'
  else 'remittance' end, m.day + u.unit % 25, s.cents, s.cents, 0, s.people, u.unit_account_no,
  m.label, m.label, '', '', 'hall', '', :now, 'bench', 'bench'
from bench_month m cross join bench_unit u
  join (select unit, 0 as month, sum(opening) as cents, count(*) as people from bench_member
        group by unit union all select unit, 1, sum(monthly), count(*) from bench_member
        group by unit) s on s.unit = u.unit and s.month = case m.month when 0 then 0 else 1 end
order by m.month, u.unit
"""
_MEMBERS = """
insert into hall_ledger_account (id, kind, owner, branch_code, unit_account_no, side, status,
  balance_cents, carried_forward_cents, entries, opened_on, settled_on)
select n, 'member', :prefix || (100000000 + n), u.branch_code, u.unit_account_no, 'credit', 'open',
  opening + :months * monthly, opening, 1 + :months, :start - 400, null
from bench_member p join bench_unit u on u.unit = p.unit order by n
"""
_ENTRIES = """
insert into hall_entry (account_id, seq, voucher_id, value_on, amount_cents, carried_forward_cents,
  interest_cents, balance_cents)
select p.n, m.month + 1, m.month * :units + p.unit + 1, m.day + p.unit % 25,
  case m.month when 0 then opening else monthly end, case m.month when 0 then opening else 0 end,
  0, opening + m.month * monthly
from bench_member p cross join bench_month m order by {order}
"""
_OTHER_SIDE = """
insert into hall_entry (account_id, seq, voucher_id, value_on, amount_cents, carried_forward_cents,
  interest_cents, balance_cents)
select a.id, row_number() over (partition by a.id order by v.id), v.id, v.value_on, -v.credit_cents,
  0, 0, -sum(v.credit_cents) over (partition by a.id order by v.id)
from hall_voucher v join hall_ledger_account a on a.kind = 'bank' and a.owner = v.branch_code
order by 1, 2
"""
_BANKS = """
update hall_ledger_account set
  balance_cents = (select -sum(credit_cents) from hall_voucher where branch_code = owner),
  entries = (select count(*) from hall_voucher where branch_code = owner)
where kind = 'bank'
"""
_TOTALS = """
insert into hall_unit_total (unit_account_no, balance_cents)
select unit_account_no, sum(balance_cents) from hall_ledger_account where kind = 'member'
group by unit_account_no
"""


@dataclass(frozen=True, slots=True)
class Fund:
    """How large: few units of two thousand people, many of seventy."""

    members: int

    @property
    def units(self) -> int:
        return max(BRANCHES, self.members // 100)

    def first_member(self, unit: int) -> int:
        """The first units are the largest."""
        return 1 + int(self.members * (unit / self.units) ** (2 / 3))


def branch(number: int) -> str:
    return f"QDN{number % BRANCHES + 1:02d}"


def fill(database: Engine, fund: Fund) -> None:
    """All tables, with the books of a year in them, ready to be settled."""
    Base.metadata.create_all(database)
    postgresql = database.dialect.name == "postgresql"
    with database.connect() as connection:
        # rows are right by construction; who refers to whom is looked at by what is measured
        if postgresql:
            connection.execute(text("set session_replication_role = replica"))
            connection.commit()
        else:
            driver = connection.connection.dbapi_connection
            assert driver is not None
            driver.execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            _fill(connection, fund, postgresql=postgresql)
        connection.detach()  # nobody else is to have it
    with Session(database) as session:
        rates = [row("2016-02-21", "1.50")]
        parameters.enter(session, deposit_rate=rates, interest_day_base=[row("2002-03-24", "360")])
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze" if postgresql else "analyze"))


def _fill(connection: Connection, fund: Fund, *, postgresql: bool) -> None:
    if postgresql:
        _without_indexes(connection)
    _lists(connection, fund)
    values = {"units": fund.units, "months": MONTHS, "prefix": "G"}
    values |= {"start": START.toordinal(), "now": NOW}
    order = "m.month, p.n" if postgresql else "p.n, m.month"
    for statement in (_VOUCHERS, _MEMBERS, _ENTRIES.format(order=order)):
        _say(connection, statement, values)
    _own_accounts(connection)
    for statement in (_OTHER_SIDE, _BANKS, _TOTALS):
        _say(connection, statement, values)
    if postgresql:
        _with_indexes(connection)
        for table in ("hall_voucher", "hall_ledger_account"):
            connection.execute(text(f"select setval('{table}_id_seq', max(id)) from {table}"))
    for table in ("bench_member", "bench_unit", "bench_month"):
        connection.execute(text(f"drop table {table}"))


def _say(connection: Connection, statement: str, values: dict[str, Any]) -> None:
    asked = text(statement)
    given = {name: value for name, value in values.items() if f":{name}" in statement}
    if "now" in given:
        asked = asked.bindparams(bindparam("now", type_=UtcDateTime()))
    connection.execute(asked, given)


def _lists(connection: Connection, fund: Fund) -> None:
    """Helper tables: units, months and people with their amounts."""
    for statement in (
        "create table bench_unit (unit integer primary key, unit_account_no varchar(20), "
        "branch_code varchar(20), first integer, beyond integer)",
        "create table bench_month (month integer primary key, day integer, label varchar(7))",
    ):
        connection.execute(text(statement))
    connection.execute(
        text("insert into bench_unit values (:unit, :no, :branch, :first, :beyond)"),
        [
            {
                "unit": unit,
                "no": f"0208{unit:08d}",
                "branch": branch(unit),
                "first": fund.first_member(unit),
                "beyond": fund.first_member(unit + 1),
            }
            for unit in range(fund.units)
        ],
    )
    months = [(0, START, "")]
    for month in range(1, MONTHS + 1):
        year, place = divmod(2025 * 12 + 5 + month, 12)
        months.append((month, date(year, place + 1, 2), f"{year}-{place + 1:02d}"))
    connection.execute(
        text("insert into bench_month values (:month, :day, :label)"),
        [{"month": m, "day": day.toordinal(), "label": label} for m, day, label in months],
    )
    connection.execute(text(_people(connection.dialect.name)))
    connection.execute(text("analyze bench_member"))


def _people(dialect: str) -> str:
    """n counts from 1; a bigint, for products of it leave 32 bits."""
    if dialect == "postgresql":
        numbers = "select unit, generate_series(first, beyond - 1)::bigint as n from bench_unit"
    else:
        numbers = (
            "with recursive c (unit, n, beyond) as (select unit, first, beyond from bench_unit "
            "where first < beyond union all "
            "select unit, n + 1, beyond from c where n + 1 < beyond) select unit, n from c"
        )
    return f"create table bench_member as select unit, n, {_AMOUNTS} from ({numbers}) x order by n"


def _own_accounts(connection: Connection) -> None:
    rows = [
        accounts.row("bank", branch(n), branch_code=branch(n), opened_on=START)
        for n in range(BRANCHES)
    ]
    if connection.dialect.name == "postgresql":
        sequence = "select setval('hall_ledger_account_id_seq', max(id)) from hall_ledger_account"
        connection.execute(text(sequence))
    connection.execute(insert(LedgerAccount), rows)
    connection.execute(insert(LedgerBranch), [{"branch_code": branch(n)} for n in range(BRANCHES)])


def _without_indexes(connection: Connection) -> None:
    """A million rows are sorted into an index faster than put into it one by one."""
    entry = cast(Table, Entry.__table__)
    connection.execute(DropConstraint(entry.primary_key))
    for index in entry.indexes:
        connection.execute(DropIndex(index))


def _with_indexes(connection: Connection) -> None:
    entry = cast(Table, Entry.__table__)
    connection.execute(text("set local maintenance_work_mem = '512MB'"))
    connection.execute(AddConstraint(entry.primary_key))
    for index in entry.indexes:
        connection.execute(CreateIndex(index))
