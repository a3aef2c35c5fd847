"""What four banks export, read as money that has arrived; everything else refused in words."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Problem
from handlers.amounts import money_text
from handlers.banking.statements import ALIASES, Receipt, receipt

TODAY = date(2026, 7, 15)
SOUND = {
    "bank_serial": "2026071500000001",
    "arrived_on": "2026-07-15",
    "amount": "1,234.56",
    "payer_name": "凯里酒厂",
    "payer_account_no": "5200 1612 3456 0000",
    "memo": "7月  汇缴",
}
WANTED = Receipt("2026071500000001", TODAY, 123_456, "凯里酒厂", "5200161234560000", "7月 汇缴")


def of(**change: str) -> Receipt | Problem:
    return receipt(SOUND | change, today=TODAY)


def code(**change: str) -> str:
    found = of(**change)
    assert isinstance(found, Problem)
    assert found.text.endswith("。")
    return found.code


def by_heading(*cells: tuple[str, str]) -> dict[str, str]:
    """A row as its bank heads it, under our names."""
    named = {heading: name for name, headings in ALIASES.items() for heading in headings}
    return {named[heading]: text for heading, text in cells if heading in named}


@pytest.mark.parametrize(
    "row",
    [
        # 建设银行
        by_heading(
            ("交易时间", "20260715 10:22:33"), ("借方发生额", "0.00"), ("贷方发生额", "1,234.56"),
            ("余额", "9,999.00"), ("对方户名", "凯里酒厂"), ("对方账号", "5200161234560000"),
            ("摘要", "7月 汇缴"), ("账户明细编号-交易流水号", "2026071500000001"),
        ),
        # 工商银行
        by_heading(
            ("凭证号", "2026071500000001"), ("对方账号", "5200161234560000"),
            ("交易时间", "2026-07-15 10:22:33"), ("借/贷", "贷"), ("借方发生额", ""),
            ("贷方发生额", "1234.56"), ("摘要", "7月 汇缴"), ("对方单位名称", "凯里酒厂"),
        ),
        # 农业银行
        by_heading(
            ("交易时间", "2026/7/15"), ("收入金额", "1,234.56"), ("支出金额", "-"),
            ("对方账号", "5200161234560000"), ("对方户名", "凯里酒厂"),
            ("日志号", "2026071500000001"),
            ("交易附言", "7月 汇缴"),
        ),
        # 中国银行
        by_heading(
            ("交易类型", "来账"), ("付款人账号", "5200161234560000"), ("付款人名称", "凯里酒厂"),
            ("交易日期", "20260715"), ("交易金额", "1234.56"), ("交易流水号", "2026071500000001"),
            ("用途", "7月 汇缴"),
        ),
    ],
    ids=["建设", "工商", "农业", "中国"],
)  # fmt: skip
def test_the_exports_of_the_four_large_banks_say_the_same(row: dict[str, str]) -> None:
    assert receipt(row, today=TODAY) == WANTED


def test_no_heading_means_two_things() -> None:
    every = [heading for headings in ALIASES.values() for heading in headings]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "0.00", "debit_amount": "10.00"},
        {"amount": "", "debit_amount": "10.00"},
        {"direction": "借"},
        {"direction": "往账", "amount": "-1234.56"},
        {"direction": "ｄ"},
        {"direction": "支出"},
    ],
)
def test_money_that_left_is_never_money_that_came(change: dict[str, str]) -> None:
    assert code(**change) == "statement.debit"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"amount": "1.00", "debit_amount": "1.00"}, "statement.both"),
        ({"amount": "-5.00"}, "statement.negative"),
        ({"amount": "(5.00)"}, "statement.negative"),
        ({"debit_amount": "-5.00", "amount": ""}, "statement.negative"),
        ({"amount": ""}, "statement.empty"),
        ({"amount": "0"}, "statement.empty"),
        ({"amount": "1.234"}, "money.decimals"),
        ({"amount": "壹佰元"}, "money.format"),
        ({"direction": "冲"}, "statement.direction"),
        ({"bank_serial": ""}, "statement.no_serial"),
        ({"bank_serial": "0000"}, "statement.no_serial"),
        ({"bank_serial": "2.02607E+15"}, "statement.serial_lost"),
        ({"bank_serial": "流水" * 40}, "statement.serial"),
        ({"arrived_on": "2026-02-30"}, "statement.day"),
        ({"arrived_on": "昨天"}, "statement.day"),
        ({"arrived_on": ""}, "statement.day"),
        ({"arrived_on": "1926-07-15"}, "statement.day"),
        ({"arrived_on": "2026-07-16"}, "statement.future"),
    ],
)
def test_a_row_that_cannot_be_trusted_is_refused(change: dict[str, str], wanted: str) -> None:
    assert code(**change) == wanted


@pytest.mark.parametrize(
    "text",
    [
        *("20260715", "2026-07-15", "2026/7/15", "2026.07.15", "2026年7月15日", "２０２６０７１５"),
        *("2026-07-15 10:22:33", "2026/07/15 10:22", "20260715102233", "2026-07-15T10:22:33.250"),
    ],
)
def test_days_are_read_as_banks_write_them(text: str) -> None:
    assert of(arrived_on=text) == WANTED


@pytest.mark.parametrize(
    "text", ["1,234.56", "1234.56", "¥1,234.56", "１２３４.５６", "+1234.56元"]
)
def test_amounts_are_read_as_banks_write_them(text: str) -> None:
    assert of(amount=text) == WANTED


@given(cents=st.integers(1, 10**12), day=st.dates(date(2000, 1, 1), TODAY))
def test_what_a_bank_writes_is_what_we_read(cents: int, day: date) -> None:
    found = of(amount=money_text(cents), arrived_on=f"{day:%Y%m%d}")
    assert isinstance(found, Receipt)
    assert (found.amount_cents, found.arrived_on) == (cents, day)


@given(st.dictionaries(st.sampled_from(sorted(ALIASES)), st.text(max_size=80)))
def test_no_row_is_more_than_refused(row: dict[str, str]) -> None:
    found = receipt(row, today=TODAY)
    assert isinstance(found, Problem) or found.amount_cents > 0
