"""The floor: the same postings by bare SQL, as anybody would write it who has to do it once.

All branches in one transaction; no chunks, no locks, no progress, nothing read back.  What it
leaves is compared row by row with what the product leaves before any number is believed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, bindparam, text

from engine.models import UtcDateTime
from tests.bench.savings import NOW, START, YEAR

RATE_PPM, DAYS, DAY_BASE = 15_000, 365, 360

# PostgreSQL adds everything up in one pass over the table, SQLite account by account in its order.
_EARNED = {
    "postgresql": """
create temporary table floor_work on commit drop as
select a.id, a.branch_code, a.unit_account_no, a.entries + 1 as seq, a.balance_cents,
  a.balance_cents - a.carried_forward_cents as moved,
  ((a.balance_cents * :year_rate - coalesce(e.missed, 0) + :half) / :base)::bigint as interest
from hall_ledger_account a left join (
  select account_id, sum(amount_cents * (value_on - :start) * :rate)::bigint as missed
  from hall_entry where value_on >= :start group by account_id) e on e.account_id = a.id
where a.kind = 'member' and a.status <> 'closed' and (a.settled_on is null or a.settled_on < :end)
order by a.branch_code, a.unit_account_no, a.id""",
    "sqlite": """
create temporary table floor_work as
select a.id, a.branch_code, a.unit_account_no, a.entries + 1 as seq, a.balance_cents,
  a.balance_cents - a.carried_forward_cents as moved,
  (a.balance_cents * :year_rate - coalesce((select sum(amount_cents * (value_on - :start) * :rate)
   from hall_entry where account_id = a.id and value_on >= :start), 0) + :half) / :base as interest
from hall_ledger_account a
where a.kind = 'member' and a.status <> 'closed' and (a.settled_on is null or a.settled_on < :end)
order by a.branch_code, a.unit_account_no, a.id""",
}
_ANALYZE = "analyze floor_work"
_VOUCHERS = """
insert into hall_voucher (branch_code, posted_on, number, key, business, value_on, debit_cents,
  credit_cents, interest_cents, headcount, unit_account_no, contribution_month,
  contribution_month_to, memo, business_no, channel, reason, posted_at, posted_by, posted_by_name)
select branch_code, :posted,
  row_number() over (partition by branch_code order by unit_account_no),
  'interest:{year}:' || unit_account_no || ':' || min(id), 'interest', :end, sum(interest),
  sum(interest), sum(interest), count(*), unit_account_no, '', '', '{year} 年度结息', '', 'hall',
  '', :now, 'system', '系统'
from floor_work group by branch_code, unit_account_no order by branch_code, unit_account_no
"""
_ENTRIES = """
insert into hall_entry (account_id, seq, voucher_id, value_on, amount_cents, carried_forward_cents,
  interest_cents, balance_cents)
select w.id, w.seq, v.id, :end, w.interest, w.interest + w.moved, w.interest,
  w.balance_cents + w.interest
from floor_work w join hall_voucher v on v.unit_account_no = w.unit_account_no
  and v.posted_on = :posted and v.business = 'interest'
"""
_OWN = """
insert into hall_ledger_account (kind, owner, branch_code, unit_account_no, side, status,
  balance_cents, carried_forward_cents, entries, opened_on)
select k.kind, b.branch_code, b.branch_code, '', 'either', 'open', 0, 0, 0, :posted
from hall_ledger_branch b cross join
  (select 'interest_payable' as kind union all select 'interest_expense') k
"""
_DRAWN = """
insert into hall_entry (account_id, seq, voucher_id, value_on, amount_cents, carried_forward_cents,
  interest_cents, balance_cents)
select a.id, row_number() over (partition by v.branch_code order by v.number), v.id, :end,
  -v.credit_cents, 0, 0, -sum(v.credit_cents) over (partition by v.branch_code order by v.number)
from hall_voucher v join hall_ledger_account a
  on a.kind = 'interest_payable' and a.owner = v.branch_code
where v.posted_on = :posted and v.business = 'interest'
"""
_MEMBERS = """
update hall_ledger_account set balance_cents = hall_ledger_account.balance_cents + w.interest,
  carried_forward_cents = carried_forward_cents + w.interest + w.moved, entries = entries + 1,
  settled_on = :end
from floor_work w where w.id = hall_ledger_account.id
"""
_TOTALS = """
update hall_unit_total set balance_cents = balance_cents + w.cents
from (select unit_account_no, sum(interest) as cents from floor_work group by unit_account_no) w
where w.unit_account_no = hall_unit_total.unit_account_no
"""
_ACCRUED = """
insert into hall_voucher (branch_code, posted_on, number, key, business, value_on, debit_cents,
  credit_cents, interest_cents, headcount, unit_account_no, contribution_month,
  contribution_month_to, memo, business_no, channel, reason, posted_at, posted_by, posted_by_name)
select branch_code, :posted, max(number) + 1, 'interest_accrual:{year}:' || branch_code,
  'interest_accrual', :posted, sum(credit_cents), sum(credit_cents), 0, 0, '', '', '',
  '计提 {year} 年度利息', '', 'hall', '', :now, 'system', '系统'
from hall_voucher where posted_on = :posted and business = 'interest'
group by branch_code order by branch_code
"""
_ACCRUAL_ENTRIES = """
insert into hall_entry (account_id, seq, voucher_id, value_on, amount_cents, carried_forward_cents,
  interest_cents, balance_cents)
select a.id, case a.kind when 'interest_expense' then 1 else v.number end, v.id, :posted,
  case a.kind when 'interest_expense' then -v.credit_cents else v.credit_cents end, 0, 0,
  case a.kind when 'interest_expense' then -v.credit_cents else 0 end
from hall_voucher v join hall_ledger_account a
  on a.kind in ('interest_payable', 'interest_expense') and a.owner = v.branch_code
where v.posted_on = :posted and v.business = 'interest_accrual'
"""
_OWN_BALANCES = """
update hall_ledger_account set
  balance_cents = (select coalesce(sum(amount_cents), 0) from hall_entry where account_id = id),
  entries = (select count(*) from hall_entry where account_id = id)
where kind in ('interest_payable', 'interest_expense')
"""
_DONE = """
insert into hall_interest_settlement (fund_year, posted_on, started_at, started_by, finished_at,
  accounts, interest_cents)
select {year}, :posted, :now, '系统', :now, count(*), sum(interest) from floor_work
"""
STATEMENTS = (
    *(_ANALYZE, _VOUCHERS, _ENTRIES, _OWN, _DRAWN, _MEMBERS, _TOTALS, _ACCRUED),
    *(_ACCRUAL_ENTRIES, _OWN_BALANCES, _DONE),
)


def settle(database: Engine) -> None:
    with database.connect().execution_options(hall_write=True) as connection, connection.begin():
        _say(connection, _EARNED[database.dialect.name])
        for statement in STATEMENTS:
            _say(connection, statement.format(year=YEAR))


def _say(connection: Connection, statement: str) -> None:
    end = START.toordinal() + DAYS
    values: dict[str, Any] = {
        "start": START.toordinal(),
        "end": end,
        "posted": end - 1,
        "rate": RATE_PPM,
        "year_rate": RATE_PPM * DAYS,
        "base": DAY_BASE * 1_000_000,
        "half": DAY_BASE * 500_000,
    }
    for name, value in values.items():  # no parameters in the definition of a table
        statement = statement.replace(f":{name} ", f"{value} ").replace(f":{name})", f"{value})")
        statement = statement.replace(f":{name},", f"{value},").replace(f":{name}\n", f"{value}\n")
    asked = text(statement)
    if ":now" in statement:
        asked = asked.bindparams(bindparam("now", NOW, UtcDateTime()))
    connection.execute(asked)
