"""What each register shows of the world of `tests.builders.registers`: asked, first row, sums."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from tests.builders import registers

NAMED = {"name": "龙德昌"}
# key → what is asked, some cells of the first row, sums of everything asked
SHOWN: dict[str, tuple[dict[str, str], dict[str, Any], dict[str, int]]] = {
    "members": (
        {},
        {"name": "龙德昌", "status": "正常", "rates": "8% + 8%", "balance": 335_234},
        {"rows": 3, "monthly": 384_000, "base": 2_400_000, "balance": 335_234 + 2 * 384_000},
    ),
    "member_loans": (
        {},
        {"name": "龙德昌", "balance": 900_000, "state": "正常", "rate": Decimal("2.60")},
        {"rows": 1, "amount": 1_000_000, "balance": 900_000},
    ),
    "loan_repayments": (
        {"loan": "{loan}"},
        {"repaid_on": date(2026, 7, 5), "principal": 100_000, "balance": 900_000},
        {"rows": 1, "principal": 100_000, "interest": 21_700, "penalty": 0},
    ),
    "openings": (
        {},
        {"name": "龙德昌", "day": registers.DAY, "monthly": 144_000, "state": "有效"},
        {"rows": 1, "base": 900_000, "monthly": 144_000, "own_part": 72_000},
    ),
    "change_roster": (
        {},
        {"kind": "账户合并", "month": "2026-07", "employee_no": "Y003"},
        {"rows": 5, "monthly": 5 * 144_000, "own_part": 5 * 72_000},
    ),
    "seal_changes": (
        {},
        {"kind": "启封", "old_status": "封存", "new_status": "正常", "state": "已撤销"},
        {"rows": 2},
    ),
    "base_changes": (
        {},
        {"old_base": 800_000, "new_base": 900_000, "old_monthly": 128_000, "monthly": 144_000},
        {
            "rows": 1,
            "old_base": 800_000,
            "new_base": 900_000,
            "old_monthly": 128_000,
            "monthly": 144_000,
        },
    ),
    "transfers": (
        {"side": "out"},
        {
            "from_unit": "凯里市云谷文旅发展有限公司",
            "to_unit": "凯里市清水江实验中学",
            "amount": 300_000,
        },
        {"rows": 1, "amount": 300_000},
    ),
    "merges": (
        {},
        {"name": "吴佳琪", "amount": 12_300},
        {"rows": 1, "amount": 12_300, "interest": 0},
    ),
    "remittances": (
        {},
        {"month": "2026-08", "state": "已取消", "headcount": 2, "total": 256_000},
        {"rows": 3, "headcount": 6, "unit": 384_000, "own": 384_000, "total": 768_000},
    ),
    "remittance_lines": (
        {"remittance": "{june}"},
        {"name": "龙德昌", "month": "2026-06", "total": 128_000, "kind": "汇缴"},
        {"rows": 2, "unit": 128_000, "own": 128_000, "total": 256_000},
    ),
    "back_payments": (
        {},
        {"month": "2025-11 至 2025-12", "state": "已入账", "reason": "漏缴"},
        {"rows": 1, "headcount": 2, "unit": 128_000, "own": 128_000, "total": 256_000},
    ),
    "back_payment_roster": (
        {},
        {"month": "2025-12", "state": "已入账", "reason": "漏缴"},
        {"rows": 2, "unit": 128_000, "own": 128_000, "total": 256_000},
    ),
    "payments": (
        {},
        {"slip_no": "JK0000000001", "method": "转账汇款", "state": "已缴款", "purpose": "汇补缴"},
        {"rows": 1, "amount": 256_000},
    ),
    "suspense": (
        {"state": "open"},
        {"serial": "S001", "payer_account": "***************8765", "why": "金额与核定不符"},
        {"rows": 1, "amount": 300_000, "open": 44_000},
    ),
    "individual_ledger": (
        NAMED,
        {"day": date(2026, 6, 30), "income": 1_234, "balance": 335_234, "text": "个人公积金结息"},
        {"rows": 7, "income": 3 * 128_000 + 1_234, "expense": 50_000},
    ),
    "yearly_statement": (
        {},
        {"name": "龙德昌", "opening": 0, "income": 384_000, "expense": 50_000, "closing": 335_234},
        {
            "rows": 3,
            "opening": 0,
            "income": 3 * 384_000,
            "expense": 50_000,
            "interest": 1_234,
            "closing": 335_234 + 2 * 384_000,
        },
    ),
    "unit_journal": (
        {},
        {"day": date(2026, 6, 30), "interest": 1_234, "state": "正常", "channel": "网厅"},
        {
            "rows": 7,
            "income": 3 * 384_000,
            "expense": 50_000,
            "interest": 1_234,
            "amount": 3 * 384_000 - 50_000 + 1_234,
        },
    ),
    "interest_statement": (
        {},
        {"name": "龙德昌", "before": 334_000, "interest": 1_234, "after": 335_234},
        {"rows": 1, "before": 334_000, "interest": 1_234, "after": 335_234},
    ),
    "unit_registration": (
        {},
        {"name": "凯里市云谷文旅发展有限公司", "rates": "8% + 8%", "status": "正常"},
        {"rows": 1, "active": 3, "sealed": 0},
    ),
    "unit_changes": (
        {},
        {"label": "单位地址", "old": "甲路 1 号", "new": "乙路 2 号", "by": "杨秀兰"},
        {"rows": 1},
    ),
    "rate_changes": (
        {},
        {"old_unit": Decimal("8.00"), "new_unit": Decimal("10.00"), "headcount": 3},
        {"rows": 1},
    ),
    "annual_assessments": (
        {},
        {"year": "2026年7月至2027年6月", "headcount": 3, "new_amount": 432_000},
        {"rows": 1},
    ),
    "submitted_data": (
        {"state": "completed"},
        {"name": "撤销", "state": "已办结", "by": "杨秀兰"},
        {"rows": 2},
    ),
    "undo_log": (
        {},
        {"business": "汇缴核定", "name": "", "amount": 256_000, "kind": "汇缴"},
        {"rows": 2, "amount": 256_000 + 144_000, "own": 128_000 + 72_000},
    ),
    "task_progress": (
        {"review": "no"},
        {"name": "基数调整", "rows": "300 / 1,000", "state": "办理中", "review": "否"},
        {"rows": 1},
    ),
    "task_results": (
        {"name": "开户"},
        {"name": "个人开户", "applied": 2, "failed": 1, "state": "已办结"},
        {"rows": 1, "applied": 2, "failed": 1},
    ),
    "export_log": (
        {},
        {
            "who": "杨秀兰",
            "title": "职工信息查询",
            "kind": "经同意的导出文件",
            "agreed_by": "王审核",
        },
        {"rows": 2, "taken": 6_012},
    ),
    "receipts": (
        {"name": "开户"},
        {"name": "个人开户", "prints": 2, "receipt": "打印"},
        {"rows": 1},
    ),
}
