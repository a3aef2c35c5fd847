"""Parameters of the monthly cycle: how the centres differ in what units do every month.

One value for each row of the profile matrix (features.md) that is a rule; who decides a request is
in its decision table, how it is worked in its diagram.
"""

from __future__ import annotations

from typing import Final

from handlers.parameters.kinds import Choice, Whole

CYCLE = "汇缴"
NO_RULE = "none"
# Taken alone, a file is written while the browser waits: some ten seconds, then proxies hang up.
ROWS_WHILE_WAITING_MAX = 50_000

AGE_RULE: Final = Choice(
    key="age_rule",
    name="网上开户和启封的年龄",
    group=CYCLE,
    source="SX-3.1、SX-9.3",
    options={
        NO_RULE: "不限",
        "retirement": "年满 16 周岁、未到法定退休年龄",
        "fixed": "年满 16 周岁、男不满 60、女不满 55 周岁",
    },
)
OPEN_DOCUMENTS: Final = Choice(
    key="open_documents",
    name="网上开户的证件",
    group=CYCLE,
    source="SX-3.1",
    options={"resident": "只限居民身份证", "any": "各类证件"},
)
FUND_YEAR_GATE: Final = Choice(
    key="fund_year_gate",
    name="7 月封存和汇缴核定前",
    group=CYCLE,
    source="SX-9.1、SX-12.1",
    options={NO_RULE: "没有要求", "annual_assessment": "须先完成年度核定"},
)
UNSEAL_SAME_MONTH: Final = Choice(
    key="unseal_same_month",
    name="当月封存的账户当月启封",
    group=CYCLE,
    source="SX-9.3",
    options={"allowed": "可以", "barred": "不可以，到柜台办理"},
)
TRANSFER_STARTED_BY: Final = Choice(
    key="transfer_started_by",
    name="内部转移由谁发起",
    group=CYCLE,
    source="XZ-4a、SX-10.1、CX-U20",
    options={"old_unit": "原单位转出", "new_unit": "新单位转入"},
)
TRANSFER_ARRIVES: Final = Choice(
    key="transfer_arrives",
    name="转入后的账户状态",
    group=CYCLE,
    source="SX-10.1（当时生效）；glossary §3.1",
    options={"sealed": "封存，另办启封", "normal": "正常，当月起汇缴"},
)
BASE_WINDOW: Final = Choice(
    key="base_window",
    name="基数调整的办理时间",
    group=CYCLE,
    source="QDN-02（7 月）、XZ-2.2a（中心公布）、DZ-U-06.2（随时）",
    options={"open": "可以办理", "closed": "暂停办理", "july": "每年 7 月"},
)
BASE_OUT_OF_RANGE: Final = Choice(
    key="base_out_of_range",
    name="基数或月缴存额超出上下限",
    group=CYCLE,
    source="XZ-2.2a（复核）、QDN-02（不得超出）",
    options={"refused": "不能提交", "reviewed": "可以提交，由中心复核"},
)
REMIT_MONTHS_MAX: Final = Whole(
    key="remit_months_max",
    name="一次最多核定连续",
    group=CYCLE,
    source="SX-12.1（1 个月）、QDN-03.1、DZ-U-06.4、CX-U25a",
    low=1,
    high=24,
    unit="个月",
)
REMIT_GATE: Final = Choice(
    key="remit_gate",
    name="汇缴核定前",
    group=CYCLE,
    source="QDN-03.1、XZ-2.4a",
    options={
        NO_RULE: "没有要求",
        "unfinished": "不能有未办结的基数调整、封存、启封、转移和待提交的清册",
    },
)
BACK_PAYMENT_SPAN: Final = Choice(
    key="back_payment_span",
    name="网上补缴的月份",
    group=CYCLE,
    source="SX-13.1",
    options={"this_year": "本年（公历）", "fund_year": "本公积金年度", "any": "不限"},
)
UNDO_SPAN: Final = Choice(
    key="undo_span",
    name="已生效的人员变更可以撤销",
    group=CYCLE,
    source="XZ-2.1e、XZ-4f",
    options={NO_RULE: "不可以", "same_month": "当月"},
)
EXPORT_ROWS_ALONE: Final = Whole(
    key="export_rows_alone",
    name="一个人可以导出的行数，更多须他人同意",
    group=CYCLE,
    source="glossary §10：大量导出须双人",
    low=0,
    high=ROWS_WHILE_WAITING_MAX,
    unit="行",
)
