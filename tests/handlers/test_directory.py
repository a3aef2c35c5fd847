"""The engine's way to other people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from handlers.people.directory import PeopleDirectory
from tests.builders import people
from tests.builders.people import ACCOUNT

FIRST = "归集审核岗"


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    with people.store(database_url) as sessions, sessions() as opened:
        people.branch(opened)
        people.unit(opened)
        yield opened


def test_somebody_is_found_with_their_posts(session: Session) -> None:
    user_id = people.staff(session, (FIRST, "QDN01"))
    found = PeopleDirectory(session).find(user_id)
    assert found is not None
    assert (found.id, found.name, found.mandates) == (user_id, "王审核", ())
    assert found.holds(FIRST, "branch:QDN01")


@pytest.mark.parametrize("person_id", ["", "staff:404", "staff:x", "staff:" + "9" * 40, "unit:1"])
def test_nobody_is_found_under_a_number_nobody_has(session: Session, person_id: str) -> None:
    assert PeopleDirectory(session).find(person_id) is None


def test_somebody_disabled_is_not_found_and_holds_nothing(session: Session) -> None:
    gone = people.staff(session, (FIRST, "QDN01"), enabled=False)
    directory = PeopleDirectory(session)
    assert directory.find(gone) is None
    assert directory.holders(FIRST, "branch:QDN01") == []


def test_who_holds_a_post_everywhere_holds_it_in_every_branch(session: Session) -> None:
    here = people.staff(session, (FIRST, "QDN01"))
    everywhere = people.staff(session, (FIRST, "*"), login="qdn002", name="龙主管")
    people.staff(session, (FIRST, "QDN02"), login="qdn003")
    people.staff(session, ("业务主管", "QDN01"), login="qdn004")
    directory = PeopleDirectory(session)
    found = directory.holders(FIRST, "branch:QDN01")
    assert [each.id for each in found] == [here, everywhere]
    assert found == [directory.find(here), directory.find(everywhere)]


def test_the_operators_of_a_unit_hold_its_post(session: Session) -> None:
    operator = people.operator(session)
    directory = PeopleDirectory(session)
    (found,) = directory.holders("单位经办人", f"unit:{ACCOUNT}")
    assert found.id == operator
    assert found.holds("单位经办人", f"unit:{ACCOUNT}")
    assert directory.holders("单位经办人", "unit:0") == []


def test_many_holders_cost_no_more_statements_than_few(session: Session) -> None:
    for number in range(12):
        people.staff(session, (FIRST, "QDN01"), login=f"qdn{number:03d}")
    session.expire_all()
    said: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *given: said.append(given[2]))
    assert len(PeopleDirectory(session).holders(FIRST, "branch:QDN01")) == 12
    assert len(said) <= 3, said
