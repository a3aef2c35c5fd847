"""A unit with everything filled in, and the texts of a centre for its form."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from handlers.centers import ServiceTexts
from handlers.units.models import Unit

ACCOUNT = "020810042637"
SCOPE = f"unit:{ACCOUNT}"
LEGAL_REP_ID = "522601197003153010"
OPERATOR_ID = "522632199002022213"

RECORD = {
    "unit_name": "凯里市云谷文旅发展有限公司",
    "unit_account_no": ACCOUNT,
    "uscc": "91522601MA6DJ12347",
    "unit_economic_type": "150",
    "unit_address": "凯里市宁波路 18 号",
    "unit_postcode": "556000",
    "unit_industry": "R",
    "unit_email": "",
    "legal_rep_name": "龙德昌",
    "legal_rep_id_type": "01",
    "legal_rep_id_no": LEGAL_REP_ID,
    "operator_name": "杨秀兰",
    "operator_id_no": OPERATOR_ID,
    "operator_mobile": "13808556021",
    "operator_phone": "0855-8236117",
    "pay_day": "15",
    "entrusted_bank_name": "中国建设银行凯里分行",
    "contribution_rates": "8% + 8%",
    "unit_opened_on": "2014-03-26",
}


def texts(**values: Any) -> ServiceTexts:
    """Texts of a centre that locks what the test says."""
    words = "name icon purpose promise who term basis submitted_toast in_flight_text completed_text"
    return ServiceTexts(**({word: "…" for word in words.split()} | values))


def unit(session: Session, **values: Any) -> Unit:
    """The unit of RECORD, stored."""
    columns = {
        name: text
        for name, text in RECORD.items()
        if name in Unit.__table__.columns and name not in ("pay_day", "unit_opened_on")
    }
    row = Unit(
        **{
            **columns,
            "pay_day": 15,
            "unit_opened_on": date(2014, 3, 26),
            "unit_rate": Decimal("8.00"),
            "individual_rate": Decimal("8.00"),
            "branch_code": "QDN01",
        }
        | values
    )
    session.add(row)
    session.commit()
    return row
