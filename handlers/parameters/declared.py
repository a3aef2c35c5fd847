"""Every parameter there is: key, Chinese name, kind, bounds and the rule that asks for it.

Code reads a parameter by its declaration, so that its type is known; values with their dates are
the centre's (`[parameters]` in center.toml).  （凭记忆）: not yet compared with the printed text.
The Regulation (《条例》) is cited by the articles of the 2026 text.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from handlers.parameters import cycle
from handlers.parameters.kinds import Choice, Money, Number, Parameter, Percent, Whole

INTEREST, CONTRIBUTION, WITHDRAWAL = "结息", "缴存", "提取"
LOAN, DEADLINE, PERSON = "贷款", "办理时限", "人员"
GROUPS: Final = (INTEREST, CONTRIBUTION, cycle.CYCLE, WITHDRAWAL, LOAN, DEADLINE, PERSON)

MONTHS_IN_YEAR = 12
RATE_FLOOR = Decimal(5)  # the Regulation's own, art. 18
RATE_BOUND = Decimal(20)  # today's ceiling is 12; anything above this is a slip of the pen
LOAN_RATE_BOUND = Decimal(24)  # beyond it courts call a rate usury; ours have been below 6
TERM_DAYS_MAX = 365  # a statutory term in days longer than a year is a slip of the pen

# ── interest, glossary §6 ───────────────────────────────────────────────────────────────────
DEPOSIT_RATE: Final = Percent(
    key="deposit_rate",
    name="职工住房公积金存款利率",
    group=INTEREST,
    source="《条例》第六条、第二十一条",
    low=Decimal("0.01"),
    high=Decimal(10),  # the one-year benchmark stood at 10.98 in 1993, before there was a fund
)
INTEREST_DAY_BASE: Final = Whole(
    key="interest_day_base",
    name="计息天数基数",
    group=INTEREST,
    source="人民币存贷款计结息规则（凭记忆）",
    low=360,
    high=365,
    among=(360, 365),
    unit="天",
)
FUND_YEAR_START_MONTH: Final = Whole(
    key="fund_year_start_month",
    name="住房公积金年度起始月",
    group=INTEREST,
    source="每年 6 月 30 日结息，7 月 1 日起为新年度",
    low=1,
    high=MONTHS_IN_YEAR,
    unit="月",
)
CLOSING_INTEREST_UNTIL: Final = Choice(
    key="closing_interest_until",
    name="销户利息计算到",
    group=INTEREST,
    source="中心业务规则",
    options={"day_before": "支付日的前一日", "payout_day": "支付日当日"},
)

# ── contributions, glossary §4 ──────────────────────────────────────────────────────────────
CONTRIBUTION_RATE_MIN: Final = Percent(
    key="contribution_rate_min",
    name="缴存比例下限",
    group=CONTRIBUTION,
    source="《条例》第十八条",
    low=RATE_FLOOR,
    high=RATE_BOUND,
)
CONTRIBUTION_RATE_MAX: Final = Percent(
    key="contribution_rate_max",
    name="缴存比例上限",
    group=CONTRIBUTION,
    source="《条例》第十八条",
    low=RATE_FLOOR,
    high=RATE_BOUND,
)
AVERAGE_MONTHLY_WAGE: Final = Money(
    key="average_monthly_wage",
    name="上年度职工月平均工资",
    group=CONTRIBUTION,
    source="统计部门公布，每年 7 月 1 日起用于核定缴存基数上限",
    low_cents=500_00,
    high_cents=100_000_00,
    yearly=True,
)
BASE_CAP_MULTIPLE: Final = Number(
    key="base_cap_multiple",
    name="缴存基数上限为月平均工资的",
    group=CONTRIBUTION,
    source="建金管〔2005〕5 号（凭记忆）",
    low=Decimal(1),
    high=Decimal(3),  # "2 倍或 3 倍"
    unit="倍",
)
BASE_FLOOR: Final = Money(
    key="base_floor",
    name="缴存基数下限",
    group=CONTRIBUTION,
    source="当地最低工资标准（凭记忆）",
    low_cents=100_00,
    high_cents=50_000_00,
    by_branch=True,  # districts of one centre may have different minimum wages
)
CONTRIBUTION_ENTRY: Final = Choice(
    key="contribution_entry",
    name="缴存额的填报方式",
    group=CONTRIBUTION,
    source="中心业务规则",
    options={"base": "填报缴存基数，计算月缴存额", "amount": "填报月缴存额，反算缴存基数"},
)
ROUNDING_UNIT: Final = Choice(
    key="rounding_unit",
    name="月缴存额取整到",
    group=CONTRIBUTION,
    source="中心业务规则",
    options={"fen": "分", "jiao": "角", "yuan": "元"},
)
ROUNDING_MODE: Final = Choice(
    key="rounding_mode",
    name="月缴存额取整方式",
    group=CONTRIBUTION,
    source="中心业务规则",
    options={"half_up": "四舍五入", "up": "进位", "down": "舍去"},
)
RATE_CHANGES_PER_YEAR: Final = Whole(
    key="rate_changes_per_year",
    name="缴存比例每年可以调整",
    group=CONTRIBUTION,
    source="中心业务规则（西藏操作手册 2.3）",
    low=1,
    high=12,
    unit="次",
)
BASE_CHANGES_PER_YEAR: Final = Whole(
    key="base_changes_per_year",
    name="缴存基数每年可以调整",
    group=CONTRIBUTION,
    source="中心业务规则（达州操作手册二（六）2）",
    low=1,
    high=12,
    unit="次",
)

# ── withdrawals: limits are local; a centre without the service sets none ──────────────────────
WITHDRAWAL_RENT_YEAR_MAX: Final = Money(
    key="withdrawal_rent_year_max",
    name="租房提取每年最高",
    group=WITHDRAWAL,
    source="《条例》第二十四条",
    by_branch=True,
)
WITHDRAWAL_RENT_MONTHS_MIN: Final = Whole(
    key="withdrawal_rent_months_min",
    name="租房提取须连续缴存",
    group=WITHDRAWAL,
    source="建金〔2015〕19 号（凭记忆）",
    low=0,
    high=60,
    unit="个月",
)
WITHDRAWAL_DECORATION_MAX: Final = Money(
    key="withdrawal_decoration_max",
    name="装修提取最高",
    group=WITHDRAWAL,
    source="《条例》第二十四条",
)
WITHDRAWAL_PROPERTY_FEE_YEAR_MAX: Final = Money(
    key="withdrawal_property_fee_year_max",
    name="物业费提取每年最高",
    group=WITHDRAWAL,
    source="《条例》第二十四条",
)


# ── loans, glossary §7 ──────────────────────────────────────────────────────────────────────
def _loan_rate(key: str, name: str) -> Percent:
    source = "中国人民银行公布的个人住房公积金贷款利率"
    low, high = Decimal("0.01"), LOAN_RATE_BOUND
    return Percent(key=key, name=name, group=LOAN, source=source, low=low, high=high)


LOAN_RATE_FIRST_SHORT: Final = _loan_rate("loan_rate_first_short", "首套贷款利率，五年以下（含）")
LOAN_RATE_FIRST_LONG: Final = _loan_rate("loan_rate_first_long", "首套贷款利率，五年以上")
LOAN_RATE_SECOND_SHORT: Final = _loan_rate(
    "loan_rate_second_short", "第二套贷款利率，五年以下（含）"
)
LOAN_RATE_SECOND_LONG: Final = _loan_rate("loan_rate_second_long", "第二套贷款利率，五年以上")
LOAN_RATE_CHANGE: Final = Choice(
    key="loan_rate_change",
    name="利率调整后，已发放贷款",
    group=LOAN,
    source="贷款合同约定（凭记忆）",
    options={"next_january": "次年 1 月 1 日起执行新利率", "at_once": "调整之日起执行新利率"},
)
PENALTY_FACTOR: Final = Number(
    key="penalty_factor",
    name="罚息为贷款利率的",
    group=LOAN,
    source="银发〔2003〕251 号：加收 30% 至 50%（凭记忆）",
    low=Decimal("1.3"),
    high=Decimal("1.5"),
    unit="倍",
)
PENALTY_BASE: Final = Choice(
    key="penalty_base",
    name="罚息的计算基础",
    group=LOAN,
    source="贷款合同约定（凭记忆）",
    options={"principal": "逾期本金", "principal_interest": "逾期本金和利息"},
)
LOAN_DAY_BASE: Final = Whole(
    key="loan_day_base",
    name="贷款按日计息的天数基数",
    group=LOAN,
    source="银发〔2005〕129 号（凭记忆）",
    low=360,
    high=365,
    among=(360, 365),
    unit="天",
)
EARLY_REPAYMENT_INTEREST: Final = Choice(
    key="early_repayment_interest",
    name="部分提前还款当日结清利息的范围",
    group=LOAN,
    source="贷款合同约定（凭记忆）",
    options={"balance": "全部贷款余额", "repaid": "提前归还的部分"},
)
LOAN_AMOUNT_MAX: Final = Money(
    key="loan_amount_max",
    name="单笔贷款最高",
    group=LOAN,
    source="管理委员会决定",
    low_cents=10_000_00,
    high_cents=10_000_000_00,
    by_branch=True,
)
LOAN_BALANCE_MULTIPLE: Final = Number(
    key="loan_balance_multiple",
    name="贷款不超过账户余额的",
    group=LOAN,
    source="管理委员会决定（凭记忆）",
    low=Decimal(1),
    high=Decimal(50),
    unit="倍",
)
LOAN_AMOUNT_STEP: Final = Money(
    key="loan_amount_step",
    name="可贷额度向下取整到",
    group=LOAN,
    source="管理委员会决定（凭记忆）",
    low_cents=1,
    high_cents=10_000_00,
)
LOAN_PRICE_SHARE_MAX: Final = Percent(
    key="loan_price_share_max",
    name="贷款不超过房价的",
    group=LOAN,
    source="管理委员会决定（凭记忆）",
    low=Decimal(1),
    high=Decimal(100),
)
LOAN_INCOME_SHARE_MAX: Final = Percent(
    key="loan_income_share_max",
    name="月还款不超过月收入的",
    group=LOAN,
    source="管理委员会决定（凭记忆）",
    low=Decimal(1),
    high=Decimal(100),
)
LOAN_TERM_YEARS_MAX: Final = Whole(
    key="loan_term_years_max",
    name="贷款期限最长",
    group=LOAN,
    source="中国人民银行规定（凭记忆）",
    low=1,
    high=30,
    unit="年",
)
LOAN_YEARS_AFTER_RETIREMENT: Final = Whole(
    key="loan_years_after_retirement",
    name="贷款到期不晚于法定退休后",
    group=LOAN,
    source="管理委员会决定（凭记忆）",
    low=0,
    high=10,
    unit="年",
)
LOAN_MONTHS_MIN: Final = Whole(
    key="loan_months_min",
    name="申请贷款须连续缴存",
    group=LOAN,
    source="建金〔2014〕148 号（凭记忆）",
    low=0,
    high=60,
    unit="个月",
)
LOAN_COUNT_MAX: Final = Whole(
    key="loan_count_max",
    name="每人公积金贷款最多",
    group=LOAN,
    source="建金〔2010〕179 号（凭记忆）",
    low=1,
    high=10,
    unit="次",
)


# ── statutory terms, glossary §9 ────────────────────────────────────────────────────────────
def _term(key: str, name: str, article: str) -> Whole:
    source = f"《条例》第{article}条"
    return Whole(
        key=key, name=name, group=DEADLINE, source=source, low=1, high=TERM_DAYS_MAX, unit="日"
    )


DEADLINE_WITHDRAWAL: Final = _term("deadline_withdrawal", "提取申请作出决定", "二十五")
DEADLINE_LOAN: Final = _term("deadline_loan", "贷款申请作出决定", "二十六")
DEADLINE_OBJECTION: Final = _term("deadline_objection", "答复余额异议", "三十七")
DEADLINE_REGISTER: Final = _term("deadline_register", "单位设立后办理缴存登记", "十四")
DEADLINE_OPEN_ACCOUNTS: Final = _term("deadline_open_accounts", "登记后为职工办理账户设立", "十四")
DEADLINE_HIRE: Final = _term("deadline_hire", "录用或终止劳动关系后办理", "十五")
DEADLINE_PAY: Final = _term("deadline_pay", "发薪后缴存到专户", "十九")
DEADLINE_UNIT: Final = Choice(
    key="deadline_unit",
    name="法定时限按",
    group=DEADLINE,
    source="《条例》只写“日”，从严按自然日",
    options={"calendar": "自然日", "working": "工作日"},
)
DEADLINE_LAST_DAY_OFF: Final = Choice(
    key="deadline_last_day_off",
    name="时限最后一日是休息日时",
    group=DEADLINE,
    source="《民法典》第二百零三条",
    options={"moves": "顺延到休息日结束的次日", "stays": "不顺延"},
)

# ── people ──────────────────────────────────────────────────────────────────────────────────
RETIREMENT_RULE: Final = Choice(
    key="retirement_rule",
    name="法定退休年龄",
    group=PERSON,
    source="国发〔1978〕104 号；全国人大常委会 2024-09-13 决定",
    options={"fixed": "男 60、女 50 或 55 周岁", "gradual": "按出生年月逐步延迟"},
)

ALL: Final[tuple[Parameter[Decimal] | Parameter[int] | Parameter[str], ...]] = tuple(
    each
    for each in (*list(globals().values()), *vars(cycle).values())
    if isinstance(each, Parameter)
)
BY_KEY: Final = {each.key: each for each in ALL}
assert len(BY_KEY) == len(ALL), "two parameters with one key"
