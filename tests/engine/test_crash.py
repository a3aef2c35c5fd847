"""What the harness of crashes would notice, and that a killed copy is really killed."""

from __future__ import annotations

import pytest

import engine
from engine.database import transaction
from engine.models import Instance
from tests.engine.crashing import Deed, Ordeal, Trial, survives
from tests.engine.hall import REVIEWER, Hall


def claim_then_approve(hall: Hall) -> Deed:
    """As a verb would be that forgets to be one transaction."""
    task = hall.task(hall.file())

    def deed() -> None:
        engine.claim(hall.rt, REVIEWER, task)
        engine.approve(hall.rt, REVIEWER, task)

    return deed


def count_up(hall: Hall) -> Deed:
    """As a verb would be that is done twice when it is repeated, behind the history's back."""
    case_id = hall.case(hall.file()).id

    def deed() -> None:
        with transaction(hall.rt.session) as session:
            case = session.get_one(Instance, case_id)
            case.timer_failures += 1

    return deed


@pytest.mark.parametrize("careless", [claim_then_approve, count_up])
def test_a_verb_of_two_transactions_or_without_memory_does_not_survive(
    hall: Hall, careless: object
) -> None:
    with pytest.raises(AssertionError, match="hall_|== "):
        survives(hall, Trial(careless))  # type: ignore[arg-type]


def test_every_statement_of_a_verb_and_its_commit_are_moments(hall: Hall) -> None:
    def approve(hall: Hall) -> Deed:
        task = hall.task(hall.file())
        return lambda: engine.approve(hall.rt, REVIEWER, task)

    moments = Ordeal(hall, Trial(approve)).course()
    assert moments.count("c") == 1
    assert moments.endswith("c")
    assert moments.count("s") > 5
