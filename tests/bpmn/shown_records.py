"""What the queries of recorded changes show after the summer of `walks` (C10, C35)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tests.bpmn.shown import AUGUST, JULY, PRINT, RECEIPT, ROSTER, Paper, Shown

DAYS = {"day_from": "", "day_to": ""}  # of all days
SEALS = "account name kind month old_status new_status reason no state"
BASES = "account name old_base new_base old_monthly monthly no state"
ANNAS_BASE = ("{anna_no}", "{anna}", 800_000, 1_500_000, 128_000, 240_000, "{base}", "有效")
CX_SEAL = [
    ("{bert_no}", "{bert}", "启封", "2026-07", "封存", "正常", "其他", "{unseal}", "有效"),
    ("{bert_no}", "{bert}", "封存", "2026-07", "正常", "封存", "其他", "{seal}", "有效"),
]

OF_CHANGES: Mapping[str, tuple[str, list[Shown | Paper]]] = {
    # ── C10, C35 业务记录查询 ──────────────────────────────────────────────────────────────────
    "SX-6.2": (
        "shaanxi",
        [
            Shown(
                "unit_changes",
                "label old new by no",
                [("单位地址", "凯里市宁波路 18 号", "西安市新街 1 号", "{by}", "{rewrite}")],
                {"rows": 1},
                {"day_from": "2026-07-15", "day_to": "2026-07-15"},
            ),
            Paper(RECEIPT % "rewrite", "{rewrite} {unit} 西安市新街"),
        ],
    ),
    "QDN-04": (
        "qiandongnan",
        [
            Shown(
                "unit_changes",
                "label old new no",
                [
                    ("发薪日", "每月 15 日", "每月 28 日", "{rewrite}"),
                    ("单位地址", "凯里市宁波路 18 号", "凯里市新街 1 号", "{rewrite}"),
                ],
                {"rows": 2},  # what was returned has changed nothing
            ),
            Paper(PRINT % "unit_changes", "凯里市新街 {rewrite} 单位信息查询"),
        ],
    ),
    "XZ-6.2d": (
        "xizang",
        [
            Shown(
                "change_roster",
                "name kind month monthly no state",
                [
                    ("{dora}", "内部转移", "2026-07", 128_000, "{transfer}", "有效"),
                    ("{dora}", "封存", "2026-07", 128_000, "{leave}", "有效"),
                    ("{bert}", "封存", "2026-07", 128_000, "{seal}", "已撤销"),
                    ("{anna}", "基数调整", "2026-07", 240_000, "{base}", "有效"),
                    ("{carl}", "开户", "2026-07", 128_000, "{open}", "有效"),
                ],
                {"rows": 5},
            ),
            Shown("change_roster", "name", [("{carl}",)], {"rows": 1}, {"kind": "open"}),
            Shown(
                "back_payment_roster",
                "name month unit own total reason no state",
                [("{anna}", "2026-03", 5_000, 5_000, 10_000, "漏缴", "{back}", "已入账")],
                {"rows": 1, "total": 10_000},
            ),
            Shown(
                "base_changes", BASES, [ANNAS_BASE], {"rows": 1}, {**DAYS, "month_from": "2026-07"}
            ),
        ],
    ),
    "XZ-2.2c": (
        "xizang",
        [
            Shown(
                "base_changes",
                BASES,
                [ANNAS_BASE],
                {"rows": 1, "old_monthly": 128_000, "monthly": 240_000},
                {"name": "{anna}"},
                today="2026-07-31",
            ),
            Shown("base_changes", BASES, [], {"rows": 0}),  # not this month's
        ],
    ),
    "XZ-6.2c": (
        "xizang",
        [
            Shown(
                "transfers",
                "name month from_unit to_unit amount no",
                [("{dora}", "2026-07", "{unit}", "{other}", 128_155, "{transfer}")],
                {"rows": 1, "amount": 128_155},  # with the interest paid at its end
                {"side": "out", "month_from": "2026-07", "month_to": "2026-07"},
            )
        ],
    ),
    "SX-8.2": (
        "shaanxi",
        [
            Shown(
                "merges",
                "account name other day amount interest no",
                [("{dora_no}", "{dora}", "{target}", AUGUST, 300_238, 238, "{merge}")],
                {"rows": 1, "amount": 300_238},
                {"other": "{target}"},
            ),
            Paper(RECEIPT % "merge", "{merge} {unit} 成功 3,000.00"),
            Paper(ROSTER % "merge", "{dora_no} {target} 3,000.00"),
        ],
    ),
    "SX-9.5": (
        "shaanxi",
        [
            Shown(
                "seal_changes",
                SEALS,
                [
                    ("{anna_no}", "{anna}", "封存", "2026-08", "正常", "封存")
                    + ("离职/终止劳动关系", "{part}", "有效"),
                    ("{bert_no}", "{bert}", "启封", "2026-08", "封存", "正常")
                    + ("重新录用", "{unseal}", "有效"),
                    ("{bert_no}", "{bert}", "封存", "2026-07", "正常", "封存")
                    + ("退休", "{seal}", "有效"),
                ],
                {"rows": 3},
            ),
            Shown(
                "seal_changes",
                "no",
                [("{seal}",)],
                {"rows": 1},
                {"name": "{bert}", "day_to": "2026-07-31"},
            ),
            Paper(RECEIPT % "unseal", "{unseal} {unit} 成功"),
            Paper(ROSTER % "unseal", "{bert} 9,100.00"),
        ],
    ),
    "SX-10.3": (
        "shaanxi",
        [
            Shown(
                "transfers",
                "account name day from_unit to_unit amount no",
                [("{dora_no}", "{dora}", AUGUST, "{other}", "{unit}", 300_000, "{transfer}")],
                {"rows": 1, "amount": 300_000},
                {"day_from": "2026-08-01", "name": "{dora}"},
            )
        ],
    ),
    "SX-11.2": (
        "shaanxi",
        [
            Shown(
                "annual_assessments",
                "year day headcount old_base new_base old_amount new_amount no",
                [
                    ("2026年7月至2027年6月", JULY, 2, 1_600_000, 1_700_000)
                    + (256_000, 272_000, "{annual}")
                ],
                {"rows": 1},
                {"day_from": "2026-07-15"},
            ),
            Paper(RECEIPT % "annual", "{annual} {unit} 成功"),
            Paper(ROSTER % "annual", "{anna} {bert} 9,000.00 8,000.00"),
        ],
    ),
    "CX-U10": ("chuxiong", [Shown("seal_changes", SEALS, CX_SEAL, {"rows": 2})]),
    "CX-U11": (
        "chuxiong",
        [
            Shown(
                "rate_changes",
                "month old_unit new_unit old_own new_own headcount reason no",
                [
                    ("2026-07", Decimal("8.00"), Decimal("10.00"), Decimal("8.00"))
                    + (Decimal("8.00"), 3, "集体协商", "{rate}")
                ],
                {"rows": 1},
                {"day_from": "2026-07-01"},
            )
        ],
    ),
    "CX-U12": (
        "chuxiong",
        [Shown("base_changes", BASES, [ANNAS_BASE], {"rows": 1}, {"day_from": "2026-07-01"})],
    ),
    "QDN-06.3": (
        "qiandongnan",
        [
            Shown(
                "seal_changes",
                SEALS,
                [
                    ("{bert_no}", "{bert}", "封存", "2026-07", "正常", "封存", "调出")
                    + ("{seal2}", "有效"),
                    ("{bert_no}", "{bert}", "启封", "2026-07", "封存", "正常", "重新录用")
                    + ("{unseal}", "有效"),
                    ("{bert_no}", "{bert}", "封存", "2026-07", "正常", "封存", "退休")
                    + ("{seal}", "有效"),
                ],
                {"rows": 3},
                {"account": "{bert_no}"},
            ),
            Shown("seal_changes", "no", [("{unseal}",)], {"rows": 1}, {"kind": "unseal"}),
            Paper(PRINT % "seal_changes" + "?kind=unseal", "{bert} 重新录用 {unseal}"),
        ],
    ),
}
