"""撤销入账 (XZ-6.3c): filed by 财务岗, decided by 归集复核岗."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from engine.errors import HallError
from handlers.contributions.models import Remittance
from tests.bpmn.desks import Desk, Open
from tests.bpmn.tills import arrive, held, refuse, remittances, staff_apply

KEY = "undo_posting"
MONTHLY = 128_000


@pytest.fixture
def desk(house: Open) -> Desk:
    """A unit of 西藏 whose July has just been posted."""
    made = house("xizang").unit(paid_through_month="2026-06")
    made.member()
    made.apply("remittance_assessment", through="2026-07")
    made.apply("payment", through="2026-07", method="transfer")
    arrive(made, MONTHLY)
    return made


def file(desk: Desk) -> str:
    with desk.house.sessions() as session:
        query = select(Remittance.id).where(Remittance.unit_account_no == desk.number)
        number = session.scalars(query).one()
    branch = desk.unit.branch_code
    who = desk.house.staff("财务岗", branch=branch)
    typed = {"remittance": str(number), "reason": "付款单位认错"}
    return staff_apply(desk.house, who, KEY, branch, **typed)


def test_xz_6_3c_approved_the_money_lies_in_suspense_again(desk: Desk) -> None:
    no = file(desk)
    assert remittances(desk) == [("remittance", "2026-07", "posted")]
    desk.approve(no, "归集复核岗", other_than=desk.house.staff("财务岗"))
    desk.house.run_jobs()
    assert desk.case(no).status == "completed"
    assert (remittances(desk)[0][2], held(desk, "suspense")) == ("cancelled", MONTHLY)
    assert desk.unit.paid_through_month == ""
    desk.house.verify()


def test_xz_6_3c_refused_it_stays(desk: Desk) -> None:
    no = file(desk)
    refuse(desk, no, desk.house.staff("归集复核岗", other_than=desk.house.staff("财务岗")))
    assert (desk.case(no).status, remittances(desk)[0][2]) == ("refused", "posted")


def test_xz_6_3c_of_two_requests_about_one_posting_the_second_is_told_so(desk: Desk) -> None:
    first, second = file(desk), file(desk)
    desk.approve(first, "归集复核岗", other_than=desk.house.staff("财务岗"))
    desk.house.run_jobs()
    with pytest.raises(HallError, match="在审批期间已被撤销，请驳回本申请"):
        desk.approve(second, "归集复核岗", other_than=desk.house.staff("财务岗"))
    desk.house.verify()
