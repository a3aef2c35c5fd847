"""Forms of the centre's own desk: bank statements, suspense money, debit agreements.

财务岗 works them for its branch (`scope` is `branch:…`); nobody else reaches them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.database import number_in
from engine.errors import Problem
from engine.runtime import Actor
from forms.applications import ApplicationForm, Desk, Panel
from forms.base import RecordForm
from forms.declared import Item
from forms.fields import Date, ShortText, text
from forms.kinds import Context, Kind, Options
from forms.rosters.base import Column, RosterForm, Row
from handlers.amounts import capitals, money_text
from handlers.banking import receiving, statements
from handlers.banking.clearing import POSSIBLE, TREATMENTS, for_nothing
from handlers.banking.models import (
    AWAITING,
    RECEIPT_STATES,
    SUSPENDED,
    UNCLAIMED,
    BankReceipt,
    Payment,
)
from handlers.banking.receiving import Arrived
from handlers.identifiers import compact, mask_card
from handlers.privacy.columns import blind
from handlers.units import queries as units

MONEY_IN, RECEIPT, AGREEMENT = "到账流水", "暂存款", "签约账户"
_NOT_KEPT = frozenset({"Cc", "Cf", "Cs", "Cn"})
_ACCOUNT_NO = re.compile(r"[0-9]{8,32}", re.ASCII)  # of a company: no card, so no Luhn digit
CHOICES_MAX = 200  # receipts offered in one list; older ones come when these are done


def _as_typed(typed: str, _: Context) -> str:
    """Judged as a whole row by `statements`.  What no column can hold (NUL, half a character) and
    what nobody sees (direction marks) is dropped: a bank wrote it, and nobody here can mend it."""
    line = " ".join(typed.split())
    if line.isprintable():
        return line
    return "".join(char for char in line if unicodedata.category(char) not in _NOT_KEPT)


Raw = Annotated[str, Kind(check=_as_typed, maxlength=255, spaced=False)]
RawDay = Annotated[str, Kind(check=_as_typed, maxlength=40, widget="date", spaced=False)]
RawMoney = Annotated[str, Kind(check=_as_typed, maxlength=40, widget="money", inputmode="decimal")]
AccountNo = Annotated[str, Kind(check=_as_typed, maxlength=60, mask=mask_card, pattern="[0-9]*")]
Chosen = Annotated[str, Kind(check=lambda typed, _: typed, maxlength=20, widget="select")]


def _column(name: str, width: int) -> Column:
    return Column(width=width, aliases=statements.ALIASES[name])


class Statement(RosterForm):
    """银行流水 (DZ-U-06.6, XZ-2.4c), in the columns of any bank's own export.

    What a cell may hold is `handlers.banking.statements`' question: banks write days with times,
    amounts in two columns and fees among the credits.
    """

    form_id: ClassVar[str] = "banking.Statement"
    title: ClassVar[str] = "银行流水导入"
    noun: ClassVar[str] = "流水"
    key: ClassVar[tuple[str, ...]] = ("bank_serial",)
    amount: ClassVar[str] = "amount_in"
    first_way: ClassVar[str] = "import"  # banks send files

    bank_serial: Annotated[
        Raw, Item(label="交易流水号", group=MONEY_IN, required=True), _column("bank_serial", 24)
    ]
    arrived_on: Annotated[
        RawDay, Item(label="到账日期", group=MONEY_IN, required=True), _column("arrived_on", 14)
    ]
    amount_in: Annotated[
        RawMoney, Item(label="收入金额", group=MONEY_IN), _column("amount", 16)
    ] = ""
    debit_amount: Annotated[
        RawMoney, Item(label="支出金额", group=MONEY_IN), _column("debit_amount", 16)
    ] = ""
    direction: Annotated[Raw, Item(label="借贷标志", group=MONEY_IN), _column("direction", 10)] = ""
    payer_name: Annotated[
        Raw, Item(label="付款人名称", group=MONEY_IN), _column("payer_name", 32)
    ] = ""
    payer_account_no: Annotated[
        AccountNo, Item(label="付款人账号", group=MONEY_IN), _column("payer_account_no", 26)
    ] = ""
    memo: Annotated[Raw, Item(label="附言", group=MONEY_IN), _column("memo", 30)] = ""
    unit_name: Annotated[
        ShortText, Item(label="缴款单位", group=MONEY_IN), Column(computed=True, width=28)
    ] = ""

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        """No serial twice, no money of tomorrow; who it comes from is shown before it counts."""
        rows = [row for row in rows if row.sound]
        found = [
            statements.receipt(
                row.values | {"amount": row.values.get("amount_in", "")}, today=desk.today
            )
            for row in rows
        ]
        serials = [one.bank_serial for one in found if not isinstance(one, Problem)]
        known = receiving.known_serials(desk.session, desk.branch, serials)
        names: dict[str, str] = {}
        for row, one in zip(rows, found, strict=True):
            if isinstance(one, Problem):
                field = "amount_in" if one.field == "amount" else one.field
                row.problems.append(Problem(one.code, one.text, field))
                continue
            row.subject = blind("bank.serial", one.bank_serial)
            row.amount_cents = one.amount_cents
            row.values |= {
                "bank_serial": one.bank_serial,
                "arrived_on": one.arrived_on.isoformat(),
                "amount_in": money_text(one.amount_cents),
                "payer_name": one.payer_name,
                "payer_account_no": one.payer_account_no,
                "memo": one.memo,
            }
            if one.bank_serial in known:
                row.refuse("banking.known", "这笔流水已经导入过，请删除。", "bank_serial")
            if row.sound:
                row.values["unit_name"] = _payer(desk, row, one, names)


def _payer(desk: Desk, row: Row, one: statements.Receipt, names: dict[str, str]) -> str:
    arrived = Arrived(
        bank_serial=one.bank_serial,
        arrived_on=one.arrived_on,
        amount_cents=one.amount_cents,
        payer_name=one.payer_name,
        payer_account_no=one.payer_account_no,
        memo=one.memo,
    )
    number = receiving.whose(desk.session, desk.branch, arrived)
    if not number:
        row.notes.append("本管理部没有找到缴款单位，入账后待认领")
        return ""
    if number not in names:
        unit = units.unit(desk.session, number)
        names[number] = unit.unit_name if unit else number
    return names[number]


class SuspenseClearing(ApplicationForm):
    """暂存款清理 (SX-7.3): one receipt is claimed for a unit, used, moved or sent back."""

    form_id: ClassVar[str] = "banking.SuspenseClearing"
    title: ClassVar[str] = "暂存款清理"
    nothing: ClassVar[Mapping[str, str]] = {"receipt": "本管理部没有待认领或暂存的到账。"}

    receipt: Annotated[Chosen, Item(label="到账", group=RECEIPT, required=True, wide=True)]
    treatment: Annotated[Chosen, Item(label="处理方式", group=RECEIPT, required=True)]
    unit_account_no: Annotated[
        ShortText,
        Item(label="缴款单位账号", group=RECEIPT, hint="认领时填写，12 位数字"),
    ] = ""
    payment: Annotated[
        Chosen, Item(label="缴款单", group=RECEIPT, hint="用于缴款时选择", wide=True)
    ] = ""
    reason: Annotated[
        str,
        text(200, minlength=2, lines=True),
        Item(label="处理依据", group=RECEIPT, required=True, wide=True),
    ]

    @classmethod
    def load(cls, session: Session, actor: Actor, scope: str) -> dict[str, str]:
        return dict.fromkeys(cls.specs(), "")

    @classmethod
    def choices(cls, desk: Desk) -> Mapping[str, Options]:
        receipts = _receipts(desk)
        owners = {one.unit_account_no for one in receipts if one.unit_account_no}
        payments = desk.session.scalars(
            select(Payment)
            .where(Payment.unit_account_no.in_(owners), Payment.state == AWAITING)
            .order_by(Payment.id)
            .limit(CHOICES_MAX)
        )
        return {
            "receipt": tuple((str(one.id), _words(one)) for one in receipts),
            "treatment": tuple(TREATMENTS.items()),
            "payment": tuple(
                (
                    str(one.id),
                    f"{one.slip_no} {one.unit_account_no} {money_text(one.amount_cents)} 元",
                )
                for one in payments
            ),
        }

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        found = next((one for one in _receipts(desk) if str(one.id) == values["receipt"]), None)
        if found is None:
            return [Problem("banking.gone", "请选择一笔待认领或暂存的到账。", "receipt")]
        treatment = values["treatment"]
        if treatment not in POSSIBLE[found.state]:
            words = "、".join(TREATMENTS[each] for each in POSSIBLE[found.state])
            text = f"这笔到账是{RECEIPT_STATES[found.state]}状态，可以{words}。"
            return [Problem("banking.treatment", text, "treatment")]
        if treatment == "claim":
            return _unit_problems(desk, values.get("unit_account_no", ""))
        if treatment == "settle":
            return _payment_problems(desk, found, values.get("payment", ""))
        problem = for_nothing(units.unit(desk.session, found.unit_account_no), treatment)
        return [problem] if problem else []

    @classmethod
    def panels(cls, desk: Desk, values: Mapping[str, str]) -> list[Panel]:
        found = next((one for one in _receipts(desk) if str(one.id) == values.get("receipt")), None)
        if found is None:
            return []
        rows = [
            ("到账日期", found.arrived_on.isoformat()),
            ("付款人", found.payer_name),
            ("付款人账号", mask_card(found.payer_account_no)),
            ("附言", found.memo),
            ("可用金额", f"{money_text(found.open_cents)} 元（{capitals(found.open_cents)}）"),
            ("未匹配原因", found.why),
        ]
        return [Panel("这笔到账", ("项目", "内容"), rows)]


def _receipts(desk: Desk) -> Sequence[BankReceipt]:
    return desk.session.scalars(
        select(BankReceipt)
        .where(
            BankReceipt.branch_code == desk.branch,
            BankReceipt.state.in_((UNCLAIMED, SUSPENDED)),
            BankReceipt.open_cents > 0,
        )
        .order_by(BankReceipt.id)
        .limit(CHOICES_MAX)
    ).all()


def _words(one: BankReceipt) -> str:
    owner = one.unit_account_no or one.payer_name or "付款人不明"
    state = RECEIPT_STATES[one.state]
    return f"{one.arrived_on} {owner} {money_text(one.open_cents)} 元 {state}"


def _unit_problems(desk: Desk, number: str) -> list[Problem]:
    unit = units.unit(desk.session, number) if number else None
    if unit is None or unit.branch_code != desk.branch:
        text = "请填写本管理部的单位账号，可在“单位查询”中查找。"
        return [Problem("banking.unit", text, "unit_account_no")]
    return []


def _payment_problems(desk: Desk, receipt: BankReceipt, payment_id: str) -> list[Problem]:
    number = number_in(payment_id)
    payment = desk.session.get(Payment, number) if number is not None else None
    if payment is None or payment.unit_account_no != receipt.unit_account_no:
        text = "请选择这个单位待收款的缴款单。"
        return [Problem("banking.payment", text, "payment")]
    if payment.amount_cents > receipt.open_cents:
        text = (
            f"缴款单 {money_text(payment.amount_cents)} 元，"
            f"这笔到账只有 {money_text(receipt.open_cents)} 元，请等余款到账或退回。"
        )
        return [Problem("banking.short", text, "payment")]
    return []


class DebitAgreementForm(ApplicationForm):
    """网厅单位缴存银行账户签约 (CX-U24a), from the paper the unit signed at the counter."""

    form_id: ClassVar[str] = "banking.DebitAgreement"
    title: ClassVar[str] = "单位缴存银行账户签约"

    unit_account_no: Annotated[ShortText, Item(label="单位账号", group=AGREEMENT, required=True)]
    account_name: Annotated[ShortText, Item(label="银行账户名称", group=AGREEMENT, required=True)]
    bank_name: Annotated[ShortText, Item(label="开户银行", group=AGREEMENT, required=True)]
    bank_account_no: Annotated[AccountNo, Item(label="银行账号", group=AGREEMENT, required=True)]
    since: Annotated[Date, Item(label="生效日期", group=AGREEMENT, required=True)]

    @classmethod
    def load(cls, session: Session, actor: Actor, scope: str) -> dict[str, str]:
        return dict.fromkeys(cls.specs(), "")

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        problems = _unit_problems(desk, values["unit_account_no"])
        if values["since"] > desk.today.isoformat():
            text = "生效日期不能晚于今天，请核对。"
            problems.append(Problem("banking.since", text, "since"))
        if not _ACCOUNT_NO.fullmatch(compact(values["bank_account_no"])):
            text = "银行账号应为 8 至 32 位数字，请核对。"
            problems.append(Problem("banking.account", text, "bank_account_no"))
        unit = units.unit(desk.session, values["unit_account_no"])
        if unit is not None and unit.unit_name != values["account_name"]:
            text = f"银行账户名称须与单位名称“{unit.unit_name}”一致，请核对协议。"
            problems.append(Problem("banking.account_name", text, "account_name"))
        return problems


FORMS: tuple[type[RecordForm] | type[RosterForm], ...] = (
    Statement,
    SuspenseClearing,
    DebitAgreementForm,
)
