"""What the queries of money and of work done show after the summer of `walks` (C35 to C40)."""

from __future__ import annotations

from collections.abc import Mapping

from tests.bpmn.shown import JULY, JUNE, MIDSUMMER, PRINT, RECEIPT, ROSTER, SLIP, Paper, Shown

DUE = "month headcount unit own total state method posted_on"
NOTHING_DUE = "单位没有待缴款的汇缴或补缴，请先核定，再由中心处理这笔款项。"
XZ_DUE = [
    ("2026-08", 3, 248_000, 248_000, 496_000, "待收款", "转账汇款", None),
    ("2026-07", 3, 248_000, 248_000, 496_000, "已入账", "转账汇款", JULY),
    ("2026-06", 3, 192_000, 192_000, 384_000, "已入账", "转账汇款", JUNE),
]
XZ_PAID = [
    ("{unpaid_slip}", "汇补缴", "转账汇款", 496_000, "待收款", None, "{unpaid}"),
    ("{slip}", "汇补缴", "转账汇款", 516_000, "已缴款", JULY, "{pay}"),
]
XZ_FILED = ["pay", "assess", "wrong", "back", "transfer"]
XZ_FILED += ["leave", "undo", "seal", "base", "open"]
CX_DONE = ["july", "rate", "transfer", "unseal", "seal", "base", "june"]

OF_MONEY: Mapping[str, tuple[str, list[Shown | Paper]]] = {
    "SX-13.3": (
        "shaanxi",
        [
            Shown(
                "back_payments",
                f"{DUE} reason no",
                [
                    ("2026-03 至 2026-04", 2, 10_000, 10_000, 20_000, "已入账", "转账汇款", JULY)
                    + ("漏缴", "{back}")
                ],
                {"rows": 1, "total": 20_000},
                {"assessed_from": "2026-07-15", "assessed_to": "2026-07-15"},
            ),
            Shown(
                "remittance_lines",
                "name month unit own total kind state",
                [
                    ("{anna}", "2026-03", 5_000, 5_000, 10_000, "补缴", "已入账"),
                    ("{anna}", "2026-04", 5_000, 5_000, 10_000, "补缴", "已入账"),
                ],
                {"rows": 2, "total": 20_000},
                {"remittance": "{back_due}"},
            ),
            Paper(SLIP % "back_due", "住房公积金补缴凭证 {back} 200.00 贰佰元整"),
        ],
    ),
    "SX-12.2": (
        "shaanxi",
        [
            Shown(
                "remittances",
                f"{DUE} no",
                [
                    ("2026-07", 2, 144_000, 144_000, 288_000, "已入账", "转账汇款", JULY)
                    + ("{assess}",),
                    ("2026-07", 2, 144_000, 144_000, 288_000, "已取消", "", None, "{first}"),
                ],
                {"rows": 2},
                {"assessed_from": "2026-07-01"},
            ),
            Shown(
                "remittance_lines",
                "account name month base total state",
                [
                    ("{anna_no}", "{anna}", "2026-07", 900_000, 144_000, "已入账"),
                    ("{carl_no}", "{carl}", "2026-07", 900_000, 144_000, "已入账"),
                ],
                {"rows": 2, "total": 288_000},
                {"remittance": "{assess_due}"},
            ),
            Paper(SLIP % "assess_due", "住房公积金汇缴凭证 {assess} 2,880.00 贰仟捌佰捌拾元整"),
            Paper(SLIP % "first_due", "住房公积金汇缴书 已取消"),
            Paper(PRINT % "remittance_lines" + "?remittance={assess_due}", "{carl} 2,880.00"),
        ],
    ),
    # ── C36 暂存款, C37 对账单和结息 ───────────────────────────────────────────────────────────
    "SX-7.3": (
        "shaanxi",
        [
            Shown(
                "suspense",
                "arrived_on amount open state why memo",
                [(JULY, 50_000, 50_000, "暂存", NOTHING_DUE, "{unit_no}")],
                {"rows": 1, "open": 50_000},
            ),
            Shown(
                "suspense",
                "amount open state",
                [
                    (50_000, 50_000, "暂存"),
                    (20_000, 0, "已匹配"),
                    (288_000, 0, "已匹配"),
                    (256_000, 0, "已匹配"),
                ],
                {"rows": 4, "amount": 614_000, "open": 50_000},
                {"state": ""},
            ),
        ],
    ),
    "SX-4.3": (
        "shaanxi",
        [
            Shown(
                "yearly_statement",
                "account name opening income expense interest closing",
                [
                    ("{anna_no}", "{anna}", 0, 128_000, 0, 80, 128_080),
                    ("{bert_no}", "{bert}", 0, 128_000, 0, 80, 128_080),
                ],
                {"rows": 2, "interest": 160, "closing": 256_160},
            ),
            Shown("yearly_statement", "name", [("{bert}",)], {"rows": 1}, {"name": "{bert}"}),
        ],
    ),
    "CX-U13": (
        "chuxiong",
        [
            Shown(
                "interest_statement",
                "account name day before interest after",
                [
                    ("{anna_no}", "{anna}", MIDSUMMER, 128_000, 80, 128_080),
                    ("{bert_no}", "{bert}", MIDSUMMER, 128_000, 80, 128_080),
                ],
                {"rows": 2, "interest": 160},
                {"year": "2026"},
            )
        ],
    ),
    # ── C38 回单和凭证重打 ─────────────────────────────────────────────────────────────────────
    "DZ-U-06.7": (
        "dazhou",
        [
            Shown(
                "remittances",
                f"{DUE} no",
                [
                    ("2026-07", 3, 168_000, 168_000, 336_000, "已入账", "银行回单", JULY)
                    + ("{july}",)
                ],
                {"rows": 1},  # what the centre has not accepted yet is not here
            ),
            Paper(SLIP % "july_due", "住房公积金汇缴凭证 {unit} 3,360.00 叁仟叁佰陆拾元整"),
        ],
    ),
    "CX-U23": (
        "chuxiong",
        [
            Shown(
                "receipts",
                "no by receipt",
                [(f"{{{no}}}", "{by}", "打印") for no in CX_DONE],
                {"rows": 7},  # not the one the bank declined
            ),
            Paper(RECEIPT % "july", "{july} {unit}"),
            Paper(RECEIPT % "seal", "{seal} {unit} 成功"),
            Paper(ROSTER % "seal", "{bert} 其他"),
        ],
    ),
    "QDN-03.2": (
        "qiandongnan",
        [
            Shown(
                "remittances",
                f"{DUE} no",
                [
                    ("2026-08", 1, 64_000, 64_000, 128_000, "已取消", "", None, "{assess}"),
                    ("2026-07", 1, 64_000, 64_000, 128_000, "已入账", "转账汇款", JULY)
                    + ("{assess}",),
                ],
                {"rows": 2},
            ),
            Shown(
                "remittance_lines",
                "name month total state",
                [("{anna}", "2026-07", 128_000, "已入账")],
                {"rows": 1},
                {"remittance": "{assess_due}"},
            ),
            Paper(SLIP % "assess_due", "住房公积金汇缴凭证 1,280.00 {unit}"),
            Paper(PRINT % "remittance_lines" + "?remittance={assess_due}", "{anna} 1,280.00"),
        ],
    ),
    "XZ-3": (
        "xizang",
        [
            Shown("remittances", DUE, XZ_DUE, {"rows": 3}),
            Shown("remittances", "month", [("2026-08",)], {"rows": 1}, {"state": "awaiting"}),
            Paper(SLIP % "assess_due", "住房公积金汇缴凭证 {assess} 4,960.00"),
            Paper(SLIP % "next_due", "住房公积金汇缴书 待收款 4,960.00"),
        ],
    ),
    # ── C39 进度和结果, C40 操作日志 ───────────────────────────────────────────────────────────
    "DZ-U-08": (
        "dazhou",
        [
            Shown(
                "task_progress",
                "no review label state",
                [("{base}", "是", "初审中", "办理中")],
                {"rows": 1},
                {"name": "基数"},
            ),
            Shown("task_progress", "no", [], {"rows": 0}, {"name": "封存"}),
            Paper("/requests/{base}", "{base} 归集审核岗"),
        ],
    ),
    "SX-15.1": (
        "shaanxi",
        [
            Shown(
                "task_progress",
                "no review label state by",
                [("{waits}", "否", "办理中", "办理中", "{by}")],
                {"rows": 1},
                {"name": "开户", "review": "no", "filed_from": "2026-08-03"},
            ),
            Shown("task_progress", "no", [], {"rows": 0}, {"review": "yes"}),
        ],
    ),
    "SX-16.1": (
        "shaanxi",
        [
            Shown(
                "task_results",
                "no state applied failed",
                [
                    ("{part}", "已办结", 1, 1),
                    ("{seal}", "已办结", 1, 0),
                ],
                {"rows": 2, "applied": 2, "failed": 1},
                {"name": "封存"},
            ),
            Paper("/requests/{part}", "{part} {carl} 已冻结"),
        ],
    ),
    "XZ-6.3a": (
        "xizang",
        [
            Shown(
                "submitted_data",
                "no by state",
                [
                    ("{unpaid}", "{by}", "办理中"),
                    ("{next}", "{by}", "已办结"),
                    ("{lower}", "{by}", "未通过"),
                    *((f"{{{name}}}", "{by}", "已办结") for name in XZ_FILED),
                ],
                {"rows": 13},
                {"filed_from": "2026-07-01"},
            ),
            Shown("submitted_data", "no", [("{lower}",)], {"rows": 1}, {"state": "refused"}),
        ],
    ),
    "XZ-6.3b": (
        "xizang",
        [
            Shown(
                "payments",
                "slip_no purpose method amount state paid_on no",
                XZ_PAID,
                {"rows": 2, "amount": 1_012_000},
                {"day_from": "2026-07-01"},
            ),
            Shown("payments", "no", [("{unpaid}",)], {"rows": 1}, {"state": "awaiting"}),
        ],
    ),
    "XZ-6.3c": (
        "xizang",
        [
            Shown(
                "undo_log",
                "business name month kind amount reason opinion by no",
                [
                    ("个人补缴", "", "2026-03", "补缴", 10_000, "", "情况属实，同意撤销", "{clerk}")
                    + ("{unpost}",),
                    ("变更撤销", "{bert}", "2026-07", "封存", 128_000, "撤销本月变更", None, "{by}")
                    + ("{undo}",),
                ],
                {"rows": 2, "amount": 138_000},
            ),
            Shown("undo_log", "no", [("{undo}",)], {"rows": 1}, {"kind": "seal"}),
            Shown("undo_log", "no", [], {"rows": 0}, {"business": "transfer"}),
        ],
    ),
}
