"""What arrived money is for: exactly what fits, else a sentence (SX-7.3, XZ-2.4c)."""

from __future__ import annotations

import pytest

from handlers.banking.matching import Due, Fit, fit
from handlers.banking.receiving import slip_in

JULY, AUGUST = Due(1_000_00, 1, "JK2607000001"), Due(1_200_00, 2, "JK2608000001")
BACK = Due(300_00, remittances=(7,))


def test_xz_2_4c_a_sum_is_for_the_payment_of_the_same_sum() -> None:
    assert fit(1_200_00, 0, "", [JULY, AUGUST]) == Fit(AUGUST)
    assert fit(300_00, 0, "", [JULY, AUGUST, BACK]) == Fit(BACK)


def test_of_two_dues_of_one_sum_the_oldest_is_paid() -> None:
    twin = Due(1_000_00, 9, "JK2609000001")
    assert fit(1_000_00, 0, "", [JULY, twin]) == Fit(JULY)


def test_the_slip_number_decides_between_dues_of_one_sum() -> None:
    twin = Due(1_000_00, 9, "JK2609000001")
    assert fit(1_000_00, 0, "JK2609000001", [JULY, twin]) == Fit(twin)


def test_a_slip_number_with_another_sum_is_not_guessed_around() -> None:
    why = fit(1_200_00, 0, "JK2607000001", [JULY, AUGUST])
    assert why == "缴款单 JK2607000001 应缴 1,000.00 元，到账 1,200.00 元，金额不符，请与中心核对。"


def test_a_payment_may_arrive_in_two_parts() -> None:
    assert fit(400_00, 600_00, "", [JULY]) == Fit(JULY, together=True)
    assert fit(400_00, 600_00, "JK2607000001", [JULY]) == Fit(JULY, together=True)


def test_sx_7_3_a_sum_that_fits_nothing_says_what_it_was_compared_with() -> None:
    why = fit(999_99, 0, "", [AUGUST, JULY])
    assert why == "到账 999.99 元，待缴 1,000.00 元，相差 0.01 元，请与中心核对。"
    assert fit(5_00, 0, "", []) == "单位没有待缴款的汇缴或补缴，请先核定，再由中心处理这笔款项。"


@pytest.mark.parametrize(
    ("memo", "slip"),
    [
        ("公积金 JK2607000001", "JK2607000001"),
        ("ｊｋ２６０７００００１２汇缴", "JK2607000012"),
        ("汇缴公积金", ""),
        ("JK26070000", ""),
    ],
)
def test_a_slip_number_is_found_however_it_was_typed(memo: str, slip: str) -> None:
    assert slip_in(memo) == slip
