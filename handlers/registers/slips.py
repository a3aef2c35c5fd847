"""汇缴书 and 缴款凭证: one assessment on one sheet, with the lines of XZ-2.4a."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.database import possible
from engine.errors import NotFound, Problem
from handlers.contributions.models import (
    BACK_PAYMENT,
    CANCELLED,
    POSTED,
    REMITTANCE_STATES,
    Remittance,
)
from handlers.registers.declaring import Column
from handlers.units.models import Unit
from handlers.units.reach import within

COLUMNS = (
    Column(name="name", label="项目", of=None),
    Column(name="headcount", label="人数", of=None, kind="count"),
    Column(name="amount", label="金额", of=None, kind="money"),
)


@dataclass(frozen=True, slots=True)
class Slip:
    """`rows`: (name, headcount, 分); `facts`: what stands above them."""

    title: str
    no: str
    facts: list[tuple[str, str]]
    rows: list[tuple[str, int | None, int]]
    headcount: int
    total_cents: int
    note: str


def slip(session: Session, domains: Set[str], remittance_id: int) -> Slip:
    """NotFound for what does not exist and for what is not theirs, in the same words.

    Posted money has a 缴款凭证 (XZ-3, DZ-U-06.7: only then); before it is the 汇缴书 to pay by.
    """
    theirs = within(domains, Remittance.unit_account_no, Remittance.branch_code)
    found = (
        session.execute(
            select(Remittance, Unit.unit_name)
            .join(Unit, Unit.unit_account_no == Remittance.unit_account_no)
            .where(Remittance.id == remittance_id, theirs)
        ).one_or_none()
        if possible(remittance_id)
        else None
    )
    if found is None:
        text = "没有找到这笔汇缴，请从汇缴查询重新打开。"
        raise NotFound(Problem("registers.no_slip", text))
    row, name = found
    return Slip(
        title=_title(row),
        no=row.assessed_no,
        facts=_facts(row, name),
        rows=_rows(row),
        headcount=row.headcount,
        total_cents=row.total_cents,
        note=_NOTES.get(row.state, "款项到账并与本书金额一致后，中心记入职工个人账户。"),
    )


_NOTES = {
    CANCELLED: "本次核定已取消，不能凭本书缴款。",
    POSTED: "款项已记入职工个人账户。",
}


def _title(row: Remittance) -> str:
    what = "补缴" if row.kind == BACK_PAYMENT else "汇缴"
    return f"住房公积金{what}凭证" if row.state == POSTED else f"住房公积金{what}书"


def _facts(row: Remittance, name: str) -> list[tuple[str, str]]:
    months = f"{row.month} 至 {row.month_to}" if row.month_to else row.month
    found = [
        ("单位名称", name),
        ("单位账号", row.unit_account_no),
        ("汇缴年月", months),
        ("状态", REMITTANCE_STATES[row.state]),
        ("核定日期", f"{row.assessed_on:%Y-%m-%d}"),
        ("入账日期", f"{row.posted_on:%Y-%m-%d}" if row.posted_on else ""),
    ]
    return [(label, text) for label, text in found if text]


def _rows(row: Remittance) -> list[tuple[str, int | None, int]]:
    """The lines of the summary lead to the two shares, and these add up to the total."""
    lines: list[tuple[str, int | None, int]] = [
        (str(line["name"]), int(line["headcount"]), int(line["cents"])) for line in _summary(row)
    ]
    shares = [("单位缴存额", None, row.unit_cents), ("职工缴存额", None, row.individual_cents)]
    return [*lines, *shares]


def _summary(row: Remittance) -> list[dict[str, Any]]:
    return [line for line in row.summary if isinstance(line, dict)]
