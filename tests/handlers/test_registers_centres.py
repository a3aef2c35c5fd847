"""Each centre lists the registers its manual describes; the names of the rows say which."""

from __future__ import annotations

import pytest

from handlers import centers
from handlers.registers import catalog
from webapp.settings import ROOT

# 单位基本情况 (XZ-6.2a, SX-7.1, CX-U08) and 职工基本情况 (XZ-6.1b) are pages of their own; changes
# of members' own data (SX-5.2, QDN-06.2) come with the service that makes them.
ROWS = {
    "dazhou": "DZ-U-06.7 DZ-U-08",
    "xizang": "XZ-2.2c XZ-3 XZ-6.1a XZ-6.1c XZ-6.1d XZ-6.2b XZ-6.2c XZ-6.2d "
    "XZ-6.3a XZ-6.3b XZ-6.3c",
    "shaanxi": "SX-3.3 SX-4.1 SX-4.2 SX-4.3 SX-6.2 SX-7.2 SX-7.3 SX-8.2 SX-9.5 SX-10.3 "
    "SX-11.2 SX-12.2 SX-13.3 SX-15.1 SX-16.1",
    "chuxiong": "CX-U06 CX-U07 CX-U09 CX-U10 CX-U11 CX-U12 CX-U13 CX-U14 CX-U23",
    "qiandongnan": "QDN-03.2 QDN-04 QDN-06.1 QDN-06.3",
}
PAIRS = [(center, row) for center, rows in ROWS.items() for row in rows.split()]


@pytest.mark.parametrize(("center", "row"), PAIRS)
def test_the_centre_of_a_row_offers_a_register_for_it(center: str, row: str) -> None:
    loaded = centers.load(ROOT, center)
    listed = [catalog.BY_KEY[entry.key] for entry in loaded.registers]
    assert any(row in register.sources for register in listed)


@pytest.mark.parametrize("center", ROWS)
def test_what_a_centre_says_of_its_registers_fits(center: str) -> None:
    assert list(catalog.misfits(centers.load(ROOT, center))) == []
