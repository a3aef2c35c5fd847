"""缴存比例调整 asks what the centre asks, and nothing else (profile matrix, rate.fields)."""

from __future__ import annotations

import pytest

from forms.changes_rates import RateAdjustment
from tests.builders import units


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ("both", ["unit_rate", "individual_rate"]),  # DZ-U-09
        ("one", ["rate"]),  # XZ-2.3
        ("unit", ["unit_rate"]),  # CX-U22
        ("listed", ["offer"]),  # QDN-05
    ],
)
def test_a_centre_shows_only_the_fields_its_way_of_asking_has(
    fields: str, asked: list[str]
) -> None:
    bound = RateAdjustment.bound(units.texts(options={"fields": fields}))
    assert [spec.name for spec in bound if not spec.locked and spec.required] == asked
    names = [spec.name for spec in bound]
    assert names == ["old_unit_rate", "old_individual_rate", *asked, "reason"]
