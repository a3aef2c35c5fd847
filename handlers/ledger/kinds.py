"""What the accounts of the books are for, and what a voucher may be about.

Subjects (科目) follow 住房公积金会计核算办法 (财综字〔1999〕33号; their digits from memory, to be
confirmed); codes of businesses are tables A.5 (collection) and A.15 (loans) of JGJ/T 320.  A centre
adds none: a service that needs another kind needs a programmer and an accountant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Which way a balance may lie: "credit" never below zero, "debit" never above, "either" both.
Side = Literal["credit", "debit", "either"]
Owner = Literal["member", "unit", "loan", "branch"]


@dataclass(frozen=True, slots=True)
class AccountKind:
    """One kind of account; `subject` is the code and name of its 科目."""

    key: str
    name: str
    subject: tuple[str, str]
    side: Side
    owner: Owner


@dataclass(frozen=True, slots=True)
class Business:
    """What a voucher is about; `table` and `code` name it for the regulator ("" = no such code).

    `into_frozen`: a frozen account (法院冻结) still receives it, for the freeze bars the owner, not
    the unit's duty to pay (条例 art. 20) nor the interest (art. 21).
    """

    key: str
    name: str
    table: str = "A.5"
    code: str = "99"
    into_frozen: bool = False


_KINDS = (
    AccountKind("member", "个人账户", ("201", "住房公积金"), "credit", "member"),
    AccountKind("suspense", "汇补缴不符暂存款", ("219", "其他应付款"), "credit", "unit"),
    AccountKind("advance", "预缴户", ("219", "其他应付款"), "credit", "unit"),
    AccountKind("bank", "归集户银行存款", ("101", "住房公积金存款"), "debit", "branch"),
    AccountKind("payout_clearing", "提取待付款", ("219", "其他应付款"), "credit", "branch"),
    AccountKind("interest_payable", "应付利息", ("211", "应付利息"), "either", "branch"),
    AccountKind("interest_expense", "利息支出", ("411", "业务支出"), "either", "branch"),
    AccountKind("interest_income", "贷款利息收入", ("401", "业务收入"), "credit", "branch"),
    AccountKind("interbranch", "管理部往来", ("119", "其他应收款"), "either", "branch"),
    AccountKind("loan_principal", "委托贷款本金", ("121", "委托贷款"), "debit", "loan"),
)
KINDS = {kind.key: kind for kind in _KINDS}

_BUSINESSES = (
    Business("remittance", "汇缴", code="01", into_frozen=True),
    Business("back_payment", "补缴", code="02", into_frozen=True),
    Business("internal_transfer", "内部转移", code="06"),
    Business("transfer_out", "外部转出", code="07"),
    Business("transfer_in", "外部转入", code="08"),
    Business("interest", "年终结息", code="09", into_frozen=True),
    Business("partial_withdrawal", "部分提取", code="11"),
    Business("closing_withdrawal", "销户提取", code="12"),
    Business("account_merge", "账户合并"),
    Business("suspense_deposit", "暂存款入账"),
    Business("suspense_clearing", "暂存款清理"),
    Business("advance_deposit", "预缴"),
    Business("payout", "提取划款"),
    Business("interest_accrual", "计提利息"),
    Business("interest_adjustment", "利息调整", into_frozen=True),
    Business("opening_balance", "期初余额"),
    Business("loan_disbursement", "贷款发放", "A.15", "01"),
    Business("loan_repayment", "正常还款", "A.15", "02"),
    Business("loan_early_repayment", "提前还款", "A.15", "03"),
    Business("loan_overdue_repayment", "逾期还款", "A.15", "04"),
    Business("loan_withdrawal_repayment", "公积金提取还款", "A.15", "05"),
    Business("loan_settlement", "贷款结清", "A.15", "06"),
)
BUSINESSES = {business.key: business for business in _BUSINESSES}
