"""Whoever changes the history behind the engine's back is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from engine import audit
from engine.audit import SETTLE_SECONDS
from engine.models import Effect, History, Instance, Seal, Task
from engine.runtime import Runtime
from tests.engine.hall import APPLICANT, OTHER_UNIT, REVIEWER, SECONDER, STRANGER, UNIT, Hall

SECRET = b"a key that is not in the database"


@pytest.fixture
def sealed(hall: Hall) -> Hall:
    """Two requests with a few decisions each, written with a key."""
    hall.rt = replace(hall.rt, secret=SECRET)
    for who, unit in ((APPLICANT, UNIT), (STRANGER, OTHER_UNIT)):
        no = hall.file(who, scope=unit)
        hall.approve(no, REVIEWER, opinion="材料齐全，同意")
        hall.send_back(no, SECONDER)
        hall.resubmit(no, who)
    return hall


def faults(rt: Runtime) -> list[tuple[int, int]]:
    """(first or second request, row) of each fault."""
    rt.session.rollback()
    numbers = list(rt.session.scalars(select(Instance.no).order_by(Instance.id)))
    found = [(1 + numbers.index(fault.no), fault.seq) for fault in audit.verify(rt).faults]
    rt.session.rollback()
    return found


def lids(rt: Runtime) -> list[str]:
    """What is said of the lids; a database numbers them as it likes."""
    rt.session.rollback()
    return [fault.no.partition(" ")[0] for fault in audit.verify(rt).faults]


def the(nth: int, model: type[Instance] | type[History] | type[Seal] = Instance) -> Any:
    """The id of the nth row there is."""
    return select(model.id).order_by(model.id).offset(nth - 1).limit(1).scalar_subquery()


def tamper(hall: Hall, *deeds: object) -> None:
    with hall.database.begin() as connection:
        for deed in deeds:
            connection.execute(deed)  # type: ignore[call-overload]


def test_an_untouched_history_is_clean(sealed: Hall) -> None:
    report = audit.verify(sealed.rt)
    assert report.clean
    assert (report.requests, report.rows) == (2, 8)


def test_the_same_history_does_not_fit_another_key(sealed: Hall) -> None:
    assert len(audit.verify(replace(sealed.rt, secret=b"another")).faults) == 8


@pytest.mark.parametrize(
    "change",
    [
        {"opinion": "不同意"},
        {"actor_name": "别人"},
        {"actor_id": "staff:99"},
        {"verb": "refuse"},
        {"detail": {"target": "elsewhere"}},
        {"node": None},
    ],
)
def test_a_changed_row_is_found(sealed: Hall, change: dict[str, object]) -> None:
    tamper(
        sealed,
        update(History).where(History.instance_id == the(2), History.seq == 2).values(change),
    )
    assert faults(sealed.rt) == [(2, 2)]


def test_a_moved_time_is_found(sealed: Hall) -> None:
    sealed.clock.advance(seconds=1)
    earlier = update(History).where(History.instance_id == the(1), History.seq == 4)
    tamper(sealed, earlier.values(at=sealed.clock()))
    assert faults(sealed.rt) == [(1, 4)]


def test_a_removed_row_is_found(sealed: Hall) -> None:
    tamper(sealed, delete(History).where(History.instance_id == the(1), History.seq == 2))
    assert (1, 3) in faults(sealed.rt)


def test_a_removed_last_row_is_found(sealed: Hall) -> None:
    tamper(sealed, delete(History).where(History.instance_id == the(1), History.seq == 4))
    assert faults(sealed.rt) == [(1, 0)]


def test_rows_that_changed_places_are_found(sealed: Hall) -> None:
    here = History.instance_id == the(1)
    tamper(
        sealed,
        update(History).where(here, History.seq == 2).values(seq=99),
        update(History).where(here, History.seq == 3).values(seq=2),
        update(History).where(here, History.seq == 99).values(seq=3),
    )
    assert (1, 2) in faults(sealed.rt)


def test_an_inserted_row_is_found(sealed: Hall) -> None:
    with sealed.database.connect() as connection:
        copied = (
            connection.execute(select(History).where(History.id == the(1, History))).one()._asdict()
        )
    tamper(sealed, insert(History).values(**copied | {"id": 2**30, "seq": 5}))
    assert faults(sealed.rt) == [(1, 5), (1, 0)]


def test_a_row_moved_to_another_request_is_found(sealed: Hall) -> None:
    move = update(History).where(History.instance_id == the(1), History.seq == 4)
    tamper(sealed, move.values(instance_id=the(2), seq=5))
    assert {number for number, _ in faults(sealed.rt)} == {1, 2}


def _cut_off(request: int) -> list[object]:
    """What somebody with the database but not the key can do best: take back the last decision of a
    request together with everything that knows of it."""
    before = select(History.seal).where(History.instance_id == the(request), History.seq == 3)
    return [
        update(Instance)
        .where(Instance.id == the(request))
        .values(revision=3, chain=before.scalar_subquery()),
        delete(History).where(History.instance_id == the(request), History.seq == 4),
    ]


def _remove(request: int) -> list[object]:
    return [
        delete(History).where(History.instance_id == the(request)),
        delete(Task).where(Task.instance_id == the(request)),
        delete(Effect),
        delete(Instance).where(Instance.id == the(request)),
    ]


@pytest.mark.parametrize("deed", [_cut_off, _remove])
def test_what_was_under_a_lid_cannot_vanish_without_a_trace(
    sealed: Hall, deed: Callable[[int], list[object]]
) -> None:
    sealed.clock.advance(seconds=SETTLE_SECONDS)
    lid = audit.seal(sealed.rt)
    assert lid is not None
    assert lid.rows == 8
    tamper(sealed, *deed(2))
    assert lids(sealed.rt) == ["封存"]


def test_a_changed_or_removed_lid_is_found(sealed: Hall) -> None:
    first, second = sorted(sealed.rt.session.scalars(select(Instance.no)))
    for who, no in ((REVIEWER, first), (REVIEWER, second), (SECONDER, first)):
        sealed.approve(no, who)
        sealed.clock.advance(seconds=SETTLE_SECONDS)
        assert audit.seal(sealed.rt) is not None
    assert audit.verify(sealed.rt).clean
    tamper(sealed, delete(Seal).where(Seal.id == the(2, Seal)))
    assert lids(sealed.rt) == ["封存", "封存"]


def test_rows_still_settling_are_left_for_the_next_lid(sealed: Hall) -> None:
    assert audit.seal(sealed.rt) is None
    sealed.clock.advance(seconds=SETTLE_SECONDS)
    assert audit.seal(sealed.rt) is not None
    assert audit.seal(sealed.rt) is None


def test_an_exported_history_can_be_checked_without_the_database(sealed: Hall) -> None:
    exported = list(audit.export(sealed.rt))
    assert audit.verify_export(SECRET, exported).rows == 8
    forged = [line.replace("材料齐全".encode(), "材料不全".encode()) for line in exported]
    assert len(audit.verify_export(SECRET, forged).faults) == 2
    assert not audit.verify_export(SECRET, exported[:1] + exported[2:]).clean
