"""Bring the table of parameters in line with the centre's file: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine.calendar import ZONE
from engine.database import one_at_a_time, transaction
from engine.errors import Problem
from handlers.centers import Center, CenterError
from handlers.ledger.models import InterestSettlement
from handlers.parameters import rules
from handlers.parameters.declared import DEPOSIT_RATE, INTEREST_DAY_BASE
from handlers.parameters.models import ParameterValue


def sync(session: Session, center: Center, *, now: datetime) -> int:
    """Enter new rows, correct those whose day has not come; returns how many rows were touched.

    Raises CenterError, with nothing written, when the file is wrong or would rewrite history, or
    when the database is another centre's: its books run under other rules.  Running it again
    changes nothing.
    """
    wanted = rules.entries(center.parameters, [branch.code for branch in center.branches])
    if isinstance(wanted, Problem):
        raise _refused(center, wanted)
    with transaction(session):
        one_at_a_time(session, "parameters.sync")
        stored = session.scalars(select(ParameterValue)).all()
        if any(row.center != center.code for row in stored):
            raise _of_another(stored[0].center, center)
        plan = rules.plan(wanted, stored, now.astimezone(ZONE).date())
        if isinstance(plan, Problem):
            raise _refused(center, plan)
        if (problem := _settled(session, plan.add)) is not None:
            raise _refused(center, problem)
        for row in plan.drop:
            session.delete(row)
        for row, entry in plan.change:
            if row.value != entry.value:
                row.value, row.recorded_at = entry.value, now
            row.ends_on, row.source = entry.ends_on, entry.source
        session.add_all(_row(center, entry, now) for entry in plan.add)
    return len(plan.add) + len(plan.change) + len(plan.drop)


def _settled(session: Session, added: Sequence[rules.Entry]) -> Problem | None:
    """A rate published late must not reach into days whose interest is paid already."""
    finished = InterestSettlement.finished_at.is_not(None)
    last = session.scalar(select(func.max(InterestSettlement.posted_on)).where(finished))
    if last is None:
        return None
    end = last + timedelta(days=1)
    interest_keys = {DEPOSIT_RATE.key, INTEREST_DAY_BASE.key}
    for entry in added:
        if entry.key in interest_keys and entry.starts_on < end:
            text = (
                f"{entry.key} 从 {entry.starts_on} 起，而 {end} 之前的利息已结清；"
                f"请改为 {end} 或更晚。"
            )
            return Problem("parameter.settled", text)
    return None


def _row(center: Center, entry: rules.Entry, now: datetime) -> ParameterValue:
    return ParameterValue(
        center=center.code,
        key=entry.key,
        branch=entry.branch,
        starts_on=entry.starts_on,
        ends_on=entry.ends_on,
        value=entry.value,
        source=entry.source,
        recorded_at=now,
    )


def _of_another(owner: str, center: Center) -> CenterError:
    text = (
        f"这个数据库是 {owner} 的，不能用来打开 {center.code}，请核对配置中的 center 和数据库地址。"
    )
    return CenterError(Problem("parameter.center", text))


def _refused(center: Center, problem: Problem) -> CenterError:
    where = f"bpmn/centers/{center.code}/center.toml：parameters 里的 "
    return CenterError(Problem(problem.code, where + problem.text))
