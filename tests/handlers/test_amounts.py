"""Money as text: typed, shown, and in capitals (glossary §8)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Problem
from handlers.amounts import (
    MONEY_CENTS_MAX,
    capital_date,
    capitals,
    money_text,
    parse_money,
    parse_rate,
    rate_text,
)

GLOSSARY = [
    (0, "人民币零元整"),
    (5, "人民币伍分"),
    (50, "人民币伍角整"),
    (10_10, "人民币壹拾元零壹角整"),
    (100_000_00, "人民币壹拾万元整"),
    (10_010_10, "人民币壹万零壹拾元零壹角整"),
    (1_409_50, "人民币壹仟肆佰零玖元伍角整"),
    (6_007_14, "人民币陆仟零柒元壹角肆分"),
    (1_680_32, "人民币壹仟陆佰捌拾元零叁角贰分"),
    (107_000_53, "人民币壹拾万柒仟元零伍角叁分"),
    (16_409_02, "人民币壹万陆仟肆佰零玖元零贰分"),
    (325_04, "人民币叁佰贰拾伍元零肆分"),
    (100_000_001_01, "人民币壹亿零壹元零壹分"),
    (1_010_101_01, "人民币壹佰零壹万零壹佰零壹元零壹分"),
    (20_000_50, "人民币贰万元零伍角整"),
    (305_000_00, "人民币叁拾万伍仟元整"),
]
MORE = [
    (1_0001_0000_00, "人民币壹亿零壹万元整"),
    (1_0000_1000_00, "人民币壹亿零壹仟元整"),
    (1_0000_0000_0000_00, "人民币壹万亿元整"),
    (MONEY_CENTS_MAX, "人民币壹拾万亿元整"),
    (-12_30, "人民币负壹拾贰元叁角整"),
]


@pytest.mark.parametrize(("cents", "words"), GLOSSARY + MORE)
def test_amounts_in_capitals_follow_the_table(cents: int, words: str) -> None:
    assert capitals(cents) == words


def read_back(words: str) -> int:
    """An independent reader of capitals: left to right, the way a cashier adds it up."""
    digits, places = "零壹贰叁肆伍陆柒捌玖", {"拾": 10, "佰": 100, "仟": 1000}
    total = section = digit = cents = 0
    for char in words.removeprefix("人民币").removesuffix("整"):
        if char in digits:
            digit = digits.index(char)
            continue
        if char in places:
            section += digit * places[char]
        elif char == "万":
            total, section = total + (section + digit) * 10_000, 0
        elif char == "亿":
            total, section = (total + section + digit) * 100_000_000, 0
        elif char == "元":
            cents += (total + section + digit) * 100
        else:
            cents += digit * {"角": 10, "分": 1}[char]
        digit = 0
    return cents


@given(st.integers(0, MONEY_CENTS_MAX))
def test_capitals_read_back_as_the_same_amount(cents: int) -> None:
    words = capitals(cents)
    assert read_back(words) == cents
    assert "零零" not in words
    assert words.endswith("整") == (cents % 10 == 0)


@given(st.integers(0, MONEY_CENTS_MAX))
def test_money_survives_text_and_back(cents: int) -> None:
    assert parse_money(money_text(cents)) == cents


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("9,120.00", 912_000),
        ("9120", 912_000),
        ("9120.", 912_000),
        ("9120.5", 912_050),
        ("¥9,120.05元", 912_005),
        ("９１２０．０５", 912_005),
        ("0", 0),
        ("007", 700),
        (" 10 ", 1_000),
    ],
)
def test_money_is_understood_as_people_type_it(typed: str, cents: int) -> None:
    assert parse_money(typed) == cents


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "只能填写数字"),
        ("12,34.00", "只能填写数字"),
        ("1e5", "只能填写数字"),
        ("NaN", "只能填写数字"),
        ("1.2.3", "只能填写数字"),
        ("٣", "只能填写数字"),
        ("-5", "不能为负数"),
        ("1.005", "最多保留两位小数"),
        ("10000000000000.01", "金额过大"),
        ("9" * 100_000, "金额过大"),
    ],
)
def test_money_is_refused_in_words_and_never_rounded(typed: str, words: str) -> None:
    result = parse_money(typed)
    assert isinstance(result, Problem)
    assert words in result.text


@pytest.mark.parametrize(
    ("typed", "rate", "shown"),
    [
        ("8", "8.00", "8%"),
        ("8.5%", "8.50", "8.5%"),
        ("１２", "12.00", "12%"),
        ("0", "0.00", "0%"),
        ("100", "100.00", "100%"),
    ],
)
def test_a_rate_is_a_decimal_percent(typed: str, rate: str, shown: str) -> None:
    result = parse_rate(typed)
    assert isinstance(result, Decimal)
    assert str(result) == rate
    assert rate_text(result) == shown


@pytest.mark.parametrize(
    ("typed", "words"),
    [("", "只能填写数字"), ("100.01", "不能超过"), ("5.125", "两位小数"), ("-1", "只能填写数字")],
)
def test_a_wrong_rate_is_refused(typed: str, words: str) -> None:
    result = parse_rate(typed)
    assert isinstance(result, Problem)
    assert words in result.text


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2026, 2, 10), "贰零贰陆年零贰月零壹拾日"),
        (date(2026, 10, 20), "贰零贰陆年零壹拾月零贰拾日"),
        (date(2026, 1, 30), "贰零贰陆年零壹月零叁拾日"),
        (date(2026, 12, 15), "贰零贰陆年壹拾贰月壹拾伍日"),
        (date(2026, 3, 9), "贰零贰陆年叁月零玖日"),
        (date(2026, 11, 21), "贰零贰陆年壹拾壹月贰拾壹日"),
    ],
)
def test_a_date_in_capitals_leaves_no_room_before_it(day: date, words: str) -> None:
    assert capital_date(day) == words


def test_no_two_days_of_a_year_read_alike() -> None:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(366)]
    assert len({capital_date(day) for day in days}) == 366
