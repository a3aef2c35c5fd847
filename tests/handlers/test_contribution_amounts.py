"""What is due a month: the worked figures of the glossary, and the limits in words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Problem
from handlers.contributions.amounts import (
    Derived,
    Limits,
    Rounding,
    Shares,
    amount_limits,
    base_limits,
    check_amount,
    check_back_payment,
    check_base,
    check_rate,
    from_amount,
    shares,
)
from handlers.contributions.terms import terms
from handlers.parameters.queries import ParameterGap
from tests.builders import people
from tests.builders.parameters import enter, row

SEVEN, EIGHT, TWELVE = Decimal(7), Decimal(8), Decimal(12)
FEN = Rounding()


@pytest.mark.parametrize(
    ("unit", "mode", "cents"),
    [
        ("fen", "half_up", 513_31),  # 7 333.00 × 7 % = 513.31, glossary §4
        ("jiao", "half_up", 513_30),
        ("yuan", "half_up", 513_00),
        ("jiao", "up", 513_40),  # 见分进角
        ("yuan", "up", 514_00),
        ("jiao", "down", 513_30),
    ],
)
def test_each_share_is_rounded_on_its_own_and_then_added(unit: str, mode: str, cents: int) -> None:
    found = shares(7_333_00, SEVEN, SEVEN, Rounding(unit, mode))
    assert found == Shares(cents, cents)
    assert found.total_cents == 2 * cents


@pytest.mark.parametrize(
    ("base_cents", "cents"), [(1_00, 5), (1_10, 6), (1_09, 5), (0, 0), (30_10, 151)]
)
def test_half_a_fen_goes_up(base_cents: int, cents: int) -> None:
    assert shares(base_cents, Decimal(5), Decimal(5), FEN).unit_cents == cents


def test_unequal_rates_make_unequal_shares() -> None:
    assert shares(7_333_00, TWELVE, Decimal("5.5"), FEN) == Shares(879_96, 403_32)


# seed 001 §2.2 rows 1–10 and the card of §6.1: (typed amount, base the manual shows), in yuan
SAMPLES = [
    (5_390, 22_458),
    (4_122, 17_175),
    (5_628, 23_450),
    (4_376, 18_233),
    (3_122, 13_008),
    (3_880, 16_167),
    (3_574, 14_892),  # the manual prints 14 882: a digit lost in the picture, see glossary §4
    (4_198, 17_492),
    (4_540, 18_917),
    (5_244, 21_850),
    (2_976, 12_400),
]


@pytest.mark.parametrize(("amount", "base"), SAMPLES)
def test_a_typed_amount_gives_the_base_the_manual_shows_and_equal_halves(
    amount: int, base: int
) -> None:
    found = from_amount(amount * 100, TWELVE, TWELVE)
    assert found == Derived(base * 100, Shares(amount * 50, amount * 50))


def test_an_odd_amount_splits_into_halves_of_fifty_fen() -> None:
    assert from_amount(3_881_00, TWELVE, TWELVE) == Derived(16_171_00, Shares(1_940_50, 1_940_50))


def test_unequal_rates_split_by_rate_and_the_person_pays_the_rest() -> None:
    # 3 880 ÷ 20 % = 19 400; 3 880 × 12 ÷ 20 = 2 328
    assert from_amount(3_880_00, TWELVE, EIGHT) == Derived(19_400_00, Shares(2_328_00, 1_552_00))
    # 1 001 × 7 ÷ 12 = 583.92 → 584, the person 417
    assert from_amount(1_001_00, SEVEN, Decimal(5)) == Derived(8_342_00, Shares(584_00, 417_00))


@pytest.mark.parametrize(
    ("cents", "code"),
    [
        (3_880_50, "whole_yuan"),
        (1, "whole_yuan"),
        (0, "amount"),
        (-100, "amount"),
        (10**15 + 100, "amount"),
    ],
)
def test_an_amount_that_cannot_be_typed_is_a_sentence(cents: int, code: str) -> None:
    found = from_amount(cents, TWELVE, TWELVE)
    assert isinstance(found, Problem)
    assert found.code == f"contribution.{code}"
    assert found.text.endswith("。")


RATES = st.decimals(5, 12, places=2)


@given(st.integers(1, 10**7), RATES, RATES)
def test_no_fen_of_a_typed_amount_is_lost(yuan: int, unit: Decimal, individual: Decimal) -> None:
    found = from_amount(yuan * 100, unit, individual)
    assert isinstance(found, Derived)
    assert found.shares.total_cents == yuan * 100
    assert min(found.shares.unit_cents, found.shares.individual_cents) >= 0
    assert found.base_cents % 100 == 0
    assert abs(found.base_cents * (unit + individual) / 100 - yuan * 100) <= 13  # half a yuan's


@given(st.integers(0, 10**12), RATES, st.sampled_from(["fen", "jiao", "yuan"]))
def test_rounding_moves_a_share_by_less_than_its_unit(
    base_cents: int, rate: Decimal, unit: str
) -> None:
    step = {"fen": 1, "jiao": 10, "yuan": 100}[unit]
    exact = base_cents * rate / 100
    found = {
        mode: shares(base_cents, rate, rate, Rounding(unit, mode)).unit_cents
        for mode in ("down", "half_up", "up")
    }
    assert all(cents % step == 0 for cents in found.values())
    assert found["down"] <= exact <= found["up"]
    assert abs(found["half_up"] - exact) * 2 <= step
    assert found["up"] - found["down"] in (0, step)


# ── limits ──────────────────────────────────────────────────────────────────────────────────
BASES = base_limits(7_915_00, Decimal(3), 1_660_00)


def test_the_cap_is_three_times_the_average_wage() -> None:
    assert Limits(1_660_00, 23_745_00) == BASES
    assert base_limits(7_915_33, Decimal("2.5"), 1).high_cents == 19_788_33


def test_the_limits_of_the_amount_follow_from_base_and_rates() -> None:
    # 1 660 × 5 % × 2 … 23 745 × 12 % × 2
    assert amount_limits(BASES, Decimal(5), TWELVE, FEN) == Limits(166_00, 5_698_80)
    assert amount_limits(BASES, Decimal(5), TWELVE, Rounding("yuan")) == Limits(166_00, 5_698_00)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (check_base(1_659_99, BASES), "缴存基数不能低于下限 1,660.00 元，请核对工资。"),
        (check_base(1_660_00, BASES), None),
        (check_base(23_745_00, BASES), None),
        (check_base(23_745_01, BASES), "缴存基数不能高于上限 23,745.00 元，超过的按上限填写。"),
        (check_rate(Decimal("4.99"), Decimal(5), TWELVE), "在 5% 至 12% 之间，现在是 4.99%"),
        (check_rate(Decimal(5), Decimal(5), TWELVE), None),
        (check_rate(TWELVE, Decimal(5), TWELVE), None),
        (check_rate(Decimal("12.01"), Decimal(5), TWELVE), "现在是 12.01%"),
        (check_amount(165_99, Limits(166_00, 5_698_80)), "月缴存额不能低于下限 166.00 元"),
        (check_amount(166_00, Limits(166_00, 5_698_80)), None),
        (check_amount(5_698_81, Limits(166_00, 5_698_80)), "月缴存额不能高于上限 5,698.80 元"),
        (check_back_payment(5_000_00, 698_80, Limits(166_00, 5_698_80)), None),
        (check_back_payment(5_000_00, 698_81, Limits(166_00, 5_698_80)), "还能补缴 698.80 元。"),
        (check_back_payment(6_000_00, 1, Limits(166_00, 5_698_80)), "还能补缴 0.00 元。"),
    ],
)
def test_a_limit_is_allowed_and_one_step_beyond_is_a_sentence(
    found: Problem | None, text: str | None
) -> None:
    assert (found is None) if text is None else (found is not None and text in found.text)


# ── from the parameters ─────────────────────────────────────────────────────────────────────
def test_the_terms_of_a_day_are_those_of_that_day_and_branch(database_url: str) -> None:
    def one(value: str, **more: Any) -> Any:
        return row("2020-01-01", value, **more)

    with people.store(database_url) as sessions, sessions() as session:
        enter(
            session,
            contribution_rate_min=[one("5")],
            contribution_rate_max=[one("12")],
            average_monthly_wage=[one("7702"), row("2026-07-01", "7915")],
            base_cap_multiple=[one("3")],
            base_floor=[one("1660"), one("1890", branch="QDN01")],
            rounding_unit=[one("jiao")],
            rounding_mode=[one("half_up")],
            contribution_entry=[one("base")],
        )
        june = terms(session, date(2026, 6, 30), "QDN02")
        july = terms(session, date(2026, 7, 1), "QDN01")
        assert (june.bases, july.bases) == (
            Limits(1_660_00, 23_106_00),
            Limits(1_890_00, 23_745_00),
        )
        assert (july.lowest_rate, july.highest_rate) == (Decimal(5), TWELVE)
        assert july.amounts == Limits(189_00, 5_698_80)
        assert (july.rounding, july.entry) == (Rounding("jiao"), "base")
        with pytest.raises(ParameterGap, match="缴存比例下限在 2019-12-31 没有设定值"):
            terms(session, date(2019, 12, 31))
