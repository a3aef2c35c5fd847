"""Workbooks to practise with: a bank statement and rosters, each also as people really send them.

Made when the demonstration is, from its own units, so that a statement's rows fit what is owed.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import xlsxwriter
from sqlalchemy import select

from forms import registry
from forms.excel import templates
from forms.excel.sheets import written
from handlers.amounts import money_text
from handlers.banking.models import AWAITING, UNCLAIMED, BankReceipt, Payment
from handlers.contributions import assessing, bases
from handlers.contributions.assessing import Asked
from handlers.contributions.models import ASSESSED, Remittance
from webapp.demodesk import Desks
from webapp.demomatters import newcomers
from webapp.settings import Settings

FOLDER = "samples"
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NAMES = {
    "statement": "银行流水.xlsx",
    "statement-dirty": "银行流水（有错误）.xlsx",
    "new-accounts": "个人开户 30 人.xlsx",
    "new-accounts-dirty": "个人开户（有错误）.xlsx",
    "new-accounts-400": "个人开户 400 人.xlsx",
}
FEW, MANY = 30, 400  # more than 300 are applied by a job
OWED_MAX = 4  # of assessed months, that pay what is owed to the cent
OFF_CENTS = 1_234
HEADINGS = ("交易日期", "交易流水号", "借方发生额", "贷方发生额", "对方户名", "对方账号", "摘要")
_OPEN = "open_accounts"


@dataclass(frozen=True, slots=True)
class Money:
    """One row of a statement, as a bank writes it."""

    day: str
    serial: str
    debit: str
    credit: str
    payer: str
    account: str
    memo: str

    def cells(self) -> tuple[str, ...]:
        rest = (self.debit, self.credit, self.payer, self.account, self.memo)
        return (self.day, self.serial, *rest)


def write(desks: Desks, settings: Settings) -> None:
    """Every sample into the demonstration's folder."""
    folder = settings.data_path / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    rows = list(_statement(desks))
    books = {
        "statement": _book("银行流水", HEADINGS, [row.cells() for row in rows]),
        "statement-dirty": _book(
            "银行流水", HEADINGS, [row.cells() for row in _spoiled(desks, rows)]
        ),
    }
    if _OPEN in desks.rt.profile.services:
        books |= {
            "new-accounts": _opening(desks, FEW),
            "new-accounts-dirty": _untidy(desks),
            "new-accounts-400": _opening(desks, MANY),
        }
    for name, content in books.items():
        path(settings, name).write_bytes(content)
    desks.rt.session.rollback()


def path(settings: Settings, name: str) -> Path:
    """`name`: a key of NAMES."""
    return settings.data_path / FOLDER / f"{name}.xlsx"


def offered(settings: Settings) -> dict[str, str]:
    """The samples there are: name → what it is called."""
    return {name: title for name, title in NAMES.items() if path(settings, name).is_file()}


# ── a bank statement ───────────────────────────────────────────────────────────────────────────
def _statement(desks: Desks) -> Iterator[Money]:
    """What is owed, in the words of those who pay it; then what fits nothing and nobody."""
    day, serial = desks.today, 0
    for memo, cents, unit_no in _owed(desks):
        serial += 1
        unit = next(one for one in desks.units if one.unit_account_no == unit_no)
        account = unit.bank_account_no or ""
        yield _money(day, serial, cents, (unit.unit_name, account, memo))
    unit = desks.units[-1]
    odd = (unit.unit_name, unit.bank_account_no or "", f"{unit.unit_account_no} 公积金")
    yield _money(day, serial + 1, 100_000 + OFF_CENTS, odd)
    yield _money(day, serial + 2, 235_600, ("钱某某", "6217000000000000017", "代缴公积金"))


def _money(day: date, serial: int, cents: int, payer: tuple[str, str, str]) -> Money:
    return Money(f"{day}", f"{day:%Y%m%d}7{serial:07d}", "", money_text(cents), *payer)


def _owed(desks: Desks) -> Iterator[tuple[str, int, str]]:
    """(purpose, 分, unit): payments awaited, months assessed, and the tour's first unit's next
    month, which comes right once it is assessed."""
    session, numbers = desks.rt.session, [unit.unit_account_no for unit in desks.units]
    for payment in session.scalars(
        select(Payment).where(Payment.unit_account_no.in_(numbers), Payment.state == AWAITING)
    ):
        yield payment.slip_no, payment.amount_cents, payment.unit_account_no
    for one in session.scalars(
        select(Remittance)
        .where(Remittance.unit_account_no.in_(numbers), Remittance.state == ASSESSED)
        .order_by(Remittance.id)
        .limit(OWED_MAX)
    ):
        yield f"{one.unit_account_no} 公积金 {one.month}", one.total_cents, one.unit_account_no
    first = desks.first
    month = assessing.next_month(session, first, desks.today)
    due = assessing.foreseen(session, Asked(first, month, desks.today))[0].due.total_cents
    if due:
        number = first.unit_account_no
        yield f"{number} 公积金 {month}", due, number


def _spoiled(desks: Desks, rows: Sequence[Money]) -> Iterator[Money]:
    """The same as it arrives on a bad day: 6 of the rows are wrong, each in its own way."""
    yield from rows
    day, later = desks.today, desks.today + timedelta(days=40)
    somebody = ("某某商贸有限公司", "", "公积金")
    yield rows[0]
    yield Money(f"{day}", f"{day:%Y%m%d}8000001", "", "壹仟元", *somebody)
    yield Money("11月31日", f"{day:%Y%m%d}8000002", "", "1,000.00", *somebody)
    yield Money(f"{later}", f"{day:%Y%m%d}8000003", "", "1,000.00", *somebody)
    yield Money(f"{day}", "", "", "1,000.00", *somebody)
    yield Money(f"{day}", f"{day:%Y%m%d}8000004", "35.00", "", "", "", "手续费")
    known = desks.rt.session.scalar(
        select(BankReceipt)
        .where(BankReceipt.branch_code == desks.branch, BankReceipt.state == UNCLAIMED)
        .order_by(BankReceipt.id)
    )
    if known is not None:
        cents = money_text(known.amount_cents)
        yield Money(
            f"{known.arrived_on}", known.bank_serial, "", cents, known.payer_name, "", known.memo
        )


# ── rosters ────────────────────────────────────────────────────────────────────────────────────
def _opening(desks: Desks, count: int) -> bytes:
    """The centre's own template, filled in by the tour's first unit."""
    unit = desks.first
    actor, texts = desks.operator(unit), desks.texts(_OPEN)
    desk = desks.desk(actor, _OPEN, desks.of(unit))
    form = registry.roster("contributions.OpenAccounts")
    assert form is not None
    rows = newcomers(desks, {spec.name for spec in written(form, texts)}, count=count)
    center = desks.rt.profile.code
    return templates.template(form, texts, key=_OPEN, center=center, desk=desk, rows=rows)


def _untidy(desks: Desks) -> bytes:
    """A list of one's own: other headings in another order, blanks, and what people get wrong."""
    form = registry.roster("contributions.OpenAccounts")
    assert form is not None
    names = {spec.name for spec in written(form, desks.texts(_OPEN))}
    money = bases.BASE_COLUMN if bases.BASE_COLUMN in names else bases.AMOUNT_COLUMN
    heading = "工资基数" if money == bases.BASE_COLUMN else "月缴额"
    people = newcomers(desks, {*names, money}, count=8, faulty=1)
    rows = [[each["id_no"], each["person_name"], each["mobile"], each[money]] for each in people]
    rows[1][0] = f"{rows[1][0][:6]} {rows[1][0][6:14]} {rows[1][0][14:]}"
    rows[2][2] = f"{rows[2][2][:3]}-{rows[2][2][3:7]}-{rows[2][2][7:]}"
    rows[3][2] = rows[3][2][:-1]
    rows[4][1] = ""
    rows[5][3] = "9999999"
    rows[6][3] = "六千五"
    rows.append(list(rows[0]))
    return _book("新进人员", ("身份证号", "姓名", "手机号", heading), rows)


def _book(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet(title)
        sheet.set_column(0, len(headings) - 1, 22)
        sheet.write_row(0, 0, headings)
        for place, row in enumerate(rows, start=1):
            for column, text in enumerate(row):
                sheet.write_string(place, column, text)
    return out.getvalue()
