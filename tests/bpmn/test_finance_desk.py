"""财务岗 at work: 暂存款清理 (SX-7.3), 银行流水 (XZ-2.4c), 签约 (CX-U24a), on the real diagrams."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import HallError
from forms.applications import Desk as FormDesk
from forms.banking import DebitAgreementForm, Statement
from forms.rosters import editing, filing
from handlers.banking.agreements import agreement
from handlers.banking.models import BankReceipt
from handlers.rosters import store
from tests.bpmn import tills
from tests.bpmn.desks import Desk, Open
from tests.bpmn.tills import arrive, held, newest_receipt, refuse, remittances

CLEAR, STATEMENT = "suspense_clearing", "bank_statement"
MONTHLY = 128_000


@pytest.fixture
def desk(house: Open) -> Desk:
    """A unit of 陕西省直 that owes July for one person and has paid ten yuan too much."""
    made = house("shaanxi").unit(paid_through_month="2026-05")
    made.member(paid_through="2026-05")
    made.apply("remittance_assessment", through="2026-06")
    arrive(made, MONTHLY + 1_000)
    return made


def clear(desk: Desk, treatment: str, **more: str) -> str:
    """财务岗 proposes what becomes of the unit's newest receipt."""
    branch = desk.unit.branch_code
    who = desk.house.staff("财务岗", branch=branch)
    said = {
        "receipt": str(newest_receipt(desk)),
        "treatment": treatment,
        "reason": "单位来函",
    } | more
    return tills.staff_apply(desk.house, who, CLEAR, branch, **said)


def decide(desk: Desk, no: str) -> None:
    desk.approve(no, "归集复核岗", other_than=desk.house.staff("财务岗"))


def receipt(desk: Desk) -> BankReceipt:
    with desk.house.sessions() as session:
        return session.get_one(BankReceipt, newest_receipt(desk))


def test_sx_7_3_a_sum_that_does_not_fit_waits_and_says_by_how_much(desk: Desk) -> None:
    assert remittances(desk) == [("remittance", "2026-06", "assessed")]
    assert held(desk, "suspense") == MONTHLY + 1_000
    assert "相差 10.00 元" in receipt(desk).why


def test_sx_7_3_suspense_money_goes_back_when_a_second_person_agrees(desk: Desk) -> None:
    no = clear(desk, "refund")
    assert held(desk, "suspense") == MONTHLY + 1_000, "not before somebody else agrees"
    decide(desk, no)
    assert (desk.case(no).status, held(desk, "suspense")) == ("completed", 0)
    assert receipt(desk).state == "refunded"
    desk.house.verify()


@pytest.mark.parametrize("payment", ["", "9" * 20, "２", "-1", "0"])
def test_sx_7_3_a_payment_nobody_registered_is_no_payment(desk: Desk, payment: str) -> None:
    with pytest.raises(HallError, match="待收款的缴款单|下拉列表"):
        clear(desk, "settle", payment=payment)


def test_sx_7_3_a_refused_clearing_moves_nothing(desk: Desk) -> None:
    no = clear(desk, "refund")
    refuse(desk, no, desk.house.staff("归集复核岗", other_than=desk.house.staff("财务岗")))
    assert (desk.case(no).status, receipt(desk).state) == ("refused", "suspended")


def test_sx_7_3_what_was_cleared_meanwhile_is_not_cleared_twice(desk: Desk) -> None:
    first, second = clear(desk, "refund"), clear(desk, "advance")
    decide(desk, first)
    with pytest.raises(HallError, match="审批期间已被处理"):
        decide(desk, second)
    assert (held(desk, "suspense"), held(desk, "advance")) == (0, 0)
    desk.house.verify()


def test_sx_7_3_what_does_not_fit_is_moved_to_advance_and_the_right_sum_is_posted(
    desk: Desk,
) -> None:
    no = clear(desk, "advance")
    decide(desk, no)
    assert held(desk, "advance") == MONTHLY + 1_000
    arrive(desk, MONTHLY)
    assert remittances(desk) == [("remittance", "2026-06", "posted")]
    desk.house.verify()


def test_xz_2_4c_money_of_nobody_is_claimed_for_a_unit_and_pays_its_month(house: Open) -> None:
    desk = house("xizang").unit(paid_through_month="2026-06")
    desk.member()
    desk.apply("remittance_assessment", through="2026-07")
    arrive(desk, MONTHLY, memo="劳务派遣公司代缴")
    with desk.house.sessions() as session:
        unclaimed = session.scalars(
            select(BankReceipt.id).where(BankReceipt.state == "unclaimed").order_by(BankReceipt.id)
        ).all()[-1]
    branch = desk.unit.branch_code
    who = desk.house.staff("财务岗", branch=branch)
    no = tills.staff_apply(
        desk.house,
        who,
        CLEAR,
        branch,
        receipt=str(unclaimed),
        treatment="claim",
        unit_account_no=desk.number,
        reason="单位来函说明",
    )
    decide(desk, no)
    assert remittances(desk) == [("remittance", "2026-07", "posted")]
    desk.house.verify()


def test_dz_u_06_6_a_bank_statement_says_of_each_line_what_is_wrong_with_it(house: Open) -> None:
    home = house("dazhou")
    desk = home.unit()
    who, branch = home.staff("财务岗"), home.branch
    rows = [
        {"bank_serial": "A100", "arrived_on": "2026-07-14 09:31:22", "amount_in": "1,280.00"},
        {"bank_serial": "A101", "arrived_on": "20260714", "debit_amount": "300.00"},
        {"bank_serial": "A102", "arrived_on": "2027-01-01", "amount_in": "1.00"},
        {"bank_serial": "A100", "arrived_on": "2026-07-14", "amount_in": "1280"},
        {"bank_serial": "6.2E+15", "arrived_on": "2026-07-14", "amount_in": "5"},
    ]
    with desk.rt() as rt, transaction(rt.session):
        roster = store.open_roster(
            rt, who, STATEMENT, Statement.form_id, scope=f"branch:{branch}", branch=branch
        ).id
    with desk.rt() as rt:
        said = [
            " ".join(problem.text for problem in line.problems)
            for line in editing.add(rt, who, roster, rows)
        ]
        assert said[0] == ""
        assert "支出" in said[1]
        assert "晚于今天" in said[2]
        assert "重复" in said[3] or "相同" in said[3]
        assert said[4].startswith("现在是数字“6.2E+15”，超过 15 位的数字在表格中会丢掉末尾几位")
        assert "没有银行流水号" not in said[4], "one sentence is enough"
        no = filing.submit(rt, who, roster, filing.Filed(branch)).no
    desk.house.run_jobs()
    assert desk.case(no).status == "completed"
    with home.sessions() as session:
        serials = session.scalars(select(BankReceipt.bank_serial).where(BankReceipt.no == no))
        assert serials.all() == ["A100"]


def test_cx_u24a_an_agreement_holds_from_its_day_when_somebody_else_has_looked(
    house: Open,
) -> None:
    desk = house("chuxiong").unit()
    tills.sign(desk)
    with desk.house.sessions() as session:
        held_ = agreement(session, desk.number, date(2026, 7, 15))
        assert held_ is not None
        assert held_.bank_account_no == "53001234567890"
        assert agreement(session, desk.number, date(2025, 12, 31)) is None


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("bank_account_no", "12", "银行账号应为 8 至 32 位数字"),
        ("since", "2027-01-01", "生效日期不能晚于今天"),
        ("account_name", "别的公司", "银行账户名称须与单位名称"),
        ("unit_account_no", "020800000000", "请填写本管理部的单位账号"),
    ],
)
def test_cx_u24a_a_slip_in_an_agreement_is_named(
    house: Open, field: str, value: str, sentence: str
) -> None:
    home = house("chuxiong")
    desk = home.unit()
    typed = {
        "unit_account_no": desk.number,
        "account_name": desk.unit.unit_name,
        "bank_name": "建设银行楚雄分行",
        "bank_account_no": "53001234567890",
        "since": "2026-01-01",
    } | {field: value}
    with home.sessions() as session:
        texts = home.center.services["debit_agreement"]
        today = home.clock().astimezone(ZONE).date()
        at = FormDesk(
            session, home.staff("财务岗"), f"branch:{home.branch}", home.branch, today, texts
        )
        said = [problem.text for problem in DebitAgreementForm.judge(at, typed)]
    assert [text for text in said if sentence in text]
