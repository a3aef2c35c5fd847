"""What the queries about people and units show after the summer of `walks` (C33, C34).

A word in braces is what the walk calls so: "{anna}" a name, "{seal}" the number of a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

AFTERWARDS = "2026-08-05"


@dataclass(frozen=True)
class Shown:
    """What a register shows: of these columns, all rows from the top; and sums of everything."""

    key: str
    columns: str
    rows: list[tuple[Any, ...]]
    sums: dict[str, int] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    today: str = AFTERWARDS


@dataclass(frozen=True)
class Paper:
    """A sheet: its address, and words that are on it."""

    address: str
    words: str


UNIT_WIDE = "account status month rates monthly balance"
LEDGER = "month day income expense balance text"
JULY, AUGUST = date(2026, 7, 15), date(2026, 8, 3)
JUNE, MIDSUMMER = date(2026, 6, 16), date(2026, 6, 30)
INTEREST = ("", MIDSUMMER, 80, 0, 128_080, "个人公积金结息")  # 15 days of 1,280.00 at 1.50 %
JUNE_PAID = ("2026-06", JUNE, 128_000, 0, 128_000, "公积金汇缴2026-06至2026-06")
XZ_LEDGER = [
    ("2026-07", JULY, 240_000, 0, 378_080, "公积金汇缴2026-07至2026-07"),
    ("2026-03", JULY, 10_000, 0, 138_080, "公积金补缴2026-03至2026-03"),
    INTEREST,
    JUNE_PAID,
]
SX_MEMBERS = [
    ("{anna_no}", "封存", "2026-07", "8% + 8%", None, 292_080),
    ("{bert_no}", "正常", "2026-06", "8% + 8%", 145_600, 128_080),
    ("{carl_no}", "正常", "2026-07", "8% + 8%", 144_000, 144_000),
    ("{dora_no}", "销户", "", "8% + 8%", None, 0),
    ("{target}", "正常", "", "8% + 8%", 128_000, 300_438),
]
SLIP, RECEIPT, ROSTER = (
    "/remittances/{%s}/slip",
    "/requests/{%s}/receipt",
    "/requests/{%s}/rows/print",
)
PRINT = "/registers/%s/print"

# row → centre, what is shown
OF_PEOPLE_AND_UNITS: Mapping[str, tuple[str, list[Shown | Paper]]] = {
    # ── C33 职工查询 ───────────────────────────────────────────────────────────────────────────
    "XZ-6.1a": (
        "xizang",
        [
            Shown(
                "members",
                UNIT_WIDE,
                [
                    ("{anna_no}", "正常", "2026-07", "8% + 8%", 240_000, 378_080),
                    ("{bert_no}", "正常", "2026-07", "8% + 8%", 128_000, 256_080),
                    ("{dora_no}", "销户", "2026-06", "8% + 8%", None, 0),
                    ("{carl_no}", "正常", "2026-07", "8% + 8%", 128_000, 128_000),
                ],
                {"rows": 4, "monthly": 496_000, "balance": 762_160},
            )
        ],
    ),
    "XZ-6.1c": (
        "xizang",
        [Shown("individual_ledger", LEDGER, XZ_LEDGER, {"rows": 4}, {"account": "{anna_no}"})],
    ),
    "XZ-6.1d": (
        "xizang",
        [
            Shown(
                "loan_repayments",
                "name contract period due_on repaid_on principal interest penalty balance",
                [
                    ("{anna}", "HT000000001", 1, date(2026, 7, 5), JULY, 10_000, 217, 0, 90_000),
                ],
                {"rows": 1, "principal": 10_000, "interest": 217},
                {"name": "{anna}"},
            )
        ],
    ),
    "SX-3.3": (
        "shaanxi",
        [
            Shown(
                "openings",
                "account name day base monthly own_part no state",
                [("{carl_no}", "{carl}", JULY, 900_000, 144_000, 72_000, "{open}", "有效")],
                {"rows": 1, "monthly": 144_000},
                {"day_from": "2026-07-01", "day_to": "2026-07-31"},
            ),
            Paper(RECEIPT % "open", "{open} {unit} 成功 {by}"),
            Paper(ROSTER % "open", "{carl} 9,000.00"),
        ],
    ),
    "SX-4.1": (
        "shaanxi",
        [
            Shown(
                "individual_ledger",
                LEDGER,
                [("2026-06", JUNE, 128_000, 0, 128_000, JUNE_PAID[-1])],
                {"rows": 1, "income": 128_000},
                {"name": "{anna}", "day_to": "2026-06-29"},
            )
        ],
    ),
    "SX-4.2": (
        "shaanxi",
        [
            Shown("members", UNIT_WIDE, SX_MEMBERS[2:3], {"rows": 1}, {"name": "{carl}"}),
            Shown("members", UNIT_WIDE, SX_MEMBERS[:1], {"rows": 1}, {"account": "{anna_no}"}),
            Shown("members", UNIT_WIDE, SX_MEMBERS, {"rows": 5, "balance": 864_598}),
        ],
    ),
    "CX-U06": (
        "chuxiong",
        [
            Shown(
                "transfers",
                "account name day from_unit to_unit amount no state",
                [("{dora_no}", "{dora}", JULY, "{other}", "{unit}", 300_000, "{transfer}", "有效")],
                {"rows": 1, "amount": 300_000},
                {"side": "in"},
            ),
            Shown("transfers", "account", [], {"rows": 0}, {"side": "out"}),
        ],
    ),
    "CX-U07": (
        "chuxiong",
        [
            Shown(
                "members",
                UNIT_WIDE,
                [
                    ("{anna_no}", "正常", "2026-07", "10% + 8%", 270_000, 398_080),
                    ("{bert_no}", "正常", "2026-07", "10% + 8%", 144_000, 272_080),
                    ("{dora_no}", "正常", "2026-07", "10% + 8%", 144_000, 444_000),
                ],
                {"rows": 3, "base": 3_100_000, "balance": 1_114_160},
            )
        ],
    ),
    "QDN-06.1": (
        "qiandongnan",
        [
            Shown(
                "members",
                UNIT_WIDE,
                [
                    ("{anna_no}", "正常", "2026-07", "8% + 8%", 128_000, 128_000),
                    ("{bert_no}", "封存", "", "8% + 8%", None, 0),
                ],
                {"rows": 2, "monthly": 128_000, "balance": 128_000},
                {"opened_from": "2026-07-01", "opened_to": "2026-07-31"},
            ),
            Shown("members", "name", [("{bert}",)], {"rows": 1}, {"status": "02"}),
            Paper(PRINT % "members" + "?status=02", "{bert_no} {bert} 封存"),
        ],
    ),
    # ── C34 单位查询 ───────────────────────────────────────────────────────────────────────────
    "XZ-6.2b": (
        "xizang",
        [
            Shown(
                "unit_journal",
                "day month headcount income expense interest amount branch state channel",
                [
                    (JULY, "2026-03", 1, -10_000, 0, 0, -10_000, "区直管理部", "冲账", "网厅"),
                    (JULY, "2026-07", 3, 496_000, 0, 0, 496_000, "区直管理部", "正常", "网厅"),
                    (JULY, "2026-03", 1, 10_000, 0, 0, 10_000, "区直管理部", "已冲账", "网厅"),
                    (JULY, "2026-03", 1, 10_000, 0, 0, 10_000, "区直管理部", "正常", "网厅"),
                    (JULY, "", 1, 0, 128_155, 75, -128_080, "区直管理部", "正常", "网厅"),
                    (MIDSUMMER, "", 3, 0, 0, 240, 240, "区直管理部", "正常", "网厅"),
                    (JUNE, "2026-06", 3, 384_000, 0, 0, 384_000, "区直管理部", "正常", "网厅"),
                ],
                {"rows": 7, "interest": 315, "amount": 762_160},
            ),
            Shown(
                "unit_journal",
                "business interest",
                [("个人公积金结息", 240)],
                {"rows": 1},
                {"business": "interest", "day_from": "2026-06-01", "day_to": "2026-06-30"},
            ),
        ],
    ),
    "SX-7.2": (
        "shaanxi",
        [
            Shown(
                "unit_journal",
                "day business headcount income",
                [(JULY, "公积金补缴2026-03至2026-04", 1, 20_000)],
                {"rows": 1, "amount": 20_000},
                {"business": "back_payment", "day_from": "2026-07-01"},
            ),
            Shown(
                "unit_journal",
                "day income interest",
                [
                    (AUGUST, 0, 238),
                    (AUGUST, 300_000, 0),
                    (JULY, 20_000, 0),
                    (JULY, 288_000, 0),
                    (MIDSUMMER, 0, 160),
                    (JUNE, 256_000, 0),
                ],
                {"rows": 6, "amount": 864_398},
            ),
        ],
    ),
    "CX-U09": (
        "chuxiong",
        [
            Shown(
                "unit_journal",
                "day month headcount income",
                [(JULY, "2026-07", 3, 558_000), (JUNE, "2026-06", 2, 256_000)],
                {"rows": 2, "income": 814_000},
                {"business": "remittance"},
            )
        ],
    ),
    "CX-U14": (
        "chuxiong",
        [
            Shown(
                "unit_registration",
                "account name rates active sealed paid_through status",
                [("{unit_no}", "{unit}", "10% + 8%", 3, 0, "2026-07", "正常")],
                {"rows": 1, "active": 3},
            )
        ],
    ),
}
