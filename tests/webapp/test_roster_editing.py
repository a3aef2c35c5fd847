"""Work on a roster behind the page: on both databases, with somebody else at the same roster."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from engine import Actor, Runtime
from engine.errors import Conflict, Forbidden, NotFound, Refused
from engine.models import Job
from forms.rosters import editing, judging
from forms.rosters import filing as rosters
from forms.rosters.filing import Filed
from handlers.rosters import store
from handlers.rosters.models import Roster
from handlers.rosters.store import Line
from tests.builders import rosterservices
from tests.builders.rosterservices import IDS, KEY, Hired, person, run_jobs
from tests.webapp.hall import UNIT, Hall

SCOPE = f"unit:{UNIT}"


@pytest.fixture(autouse=True)
def service(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    rosterservices.install(app, monkeypatch)


@pytest.fixture
def me(hall: Hall) -> Actor:
    return hall.actor("operator")


@pytest.fixture
def roster(rt: Runtime, me: Actor) -> Roster:
    made = store.open_roster(rt, me, KEY, Hired.form_id, scope=SCOPE, branch="QDN01")
    rt.session.commit()
    return made


def three(**changed: str) -> list[dict[str, str]]:
    names = ("龙德昌", "吴佳琪", "潘明贵")
    return [
        person(person_name=name, id_no=number) | changed
        for name, number in zip(names, IDS, strict=False)
    ]


def lines(rt: Runtime, roster: Roster) -> list[Line]:
    return store.rows(rt.session, roster.id, limit=100)


def verdicts(rt: Runtime, roster: Roster) -> list[str]:
    return [line.problems[0].code if line.problems else "" for line in lines(rt, roster)]


def test_rows_are_kept_with_their_verdicts(rt: Runtime, me: Actor, roster: Roster) -> None:
    editing.add(rt, me, roster.id, [*three(), person(id_no="1", contribution_base="1")])
    assert [line.seq for line in lines(rt, roster)] == [1, 2, 3, 4]
    assert verdicts(rt, roster)[:3] == ["", "", ""]
    sums = store.sums(rt.session, roster.id)
    assert (sums.sound, sums.faulty, sums.sound_cents) == (3, 1, 3 * 86_240)


def test_a_changed_row_relieves_its_twin(rt: Runtime, me: Actor, roster: Roster) -> None:
    editing.add(rt, me, roster.id, [*three(), person(id_no=IDS[0])])
    assert verdicts(rt, roster) == ["", "", "", "rosters.twice"]
    told = editing.change(rt, me, roster.id, seq=1, typed={"id_no": IDS[5]})
    assert [line.seq for line in told] == [1, 4], "both are drawn anew"
    assert verdicts(rt, roster) == ["", "", "", ""]


def test_a_row_that_was_deleted_meanwhile_is_a_conflict(
    rt: Runtime, me: Actor, roster: Roster
) -> None:
    editing.add(rt, me, roster.id, three())
    editing.remove(rt, me, roster.id, [2])
    with pytest.raises(Conflict, match="刚刚被删除或提交"):
        editing.change(rt, me, roster.id, seq=2, typed={"contribution_base": "6000"})
    assert editing.remove(rt, me, roster.id, [2]) == 0


def test_a_paste_changes_rows_and_appends_the_rest(rt: Runtime, me: Actor, roster: Roster) -> None:
    editing.add(rt, me, roster.id, three())
    over = {2: {"contribution_base": "6000"}, 3: {"contribution_base": "1"}}
    editing.overlay(rt, me, roster.id, over, more=[person(id_no=IDS[4])])
    bases = [line.values["contribution_base"] for line in lines(rt, roster)]
    assert bases == ["5,390.00", "6,000.00", "1.00", "5,390.00"]
    assert verdicts(rt, roster) == ["", "", "tests.base", ""]


def test_strangers_do_not_touch_it_and_it_does_not_exist_for_wild_numbers(
    rt: Runtime, me: Actor, roster: Roster, hall: Hall
) -> None:
    stranger = hall.actor("stranger")
    with pytest.raises(Forbidden):
        editing.add(rt, stranger, roster.id, three())
    with pytest.raises(Forbidden):
        editing.remove(rt, stranger, roster.id)
    with pytest.raises(NotFound):
        editing.add(rt, me, 2**70, three())


def test_a_filed_roster_is_not_edited_any_more(rt: Runtime, me: Actor, roster: Roster) -> None:
    editing.choose(rt, me, roster.id, {"rate": "8"})
    editing.add(rt, me, roster.id, three())
    no = rosters.submit(rt, me, roster.id, Filed("云谷文旅")).no
    filed = store.of_request(rt.session, no)
    assert filed is not None
    with pytest.raises(Conflict, match="已经提交"):
        editing.change(rt, me, filed.id, seq=1, typed={"contribution_base": "6000"})


def test_what_is_faulty_stands_in_the_next_roster_under_its_own_number(
    rt: Runtime, me: Actor, roster: Roster
) -> None:
    editing.choose(rt, me, roster.id, {"rate": "8"})
    editing.add(rt, me, roster.id, [*three(), person(id_no=IDS[4], contribution_base="1")])
    no = rosters.submit(rt, me, roster.id, Filed("云谷文旅")).no
    filed = store.of_request(rt.session, no)
    rest = store.open_roster(rt, me, KEY, Hired.form_id, scope=SCOPE, branch="QDN01")
    assert filed is not None
    assert store.sums(rt.session, filed.id).rows == 3
    assert [line.seq for line in lines(rt, rest)] == [4]
    editing.add(rt, me, rest.id, [person(id_no=IDS[5])])
    assert [line.seq for line in lines(rt, rest)] == [4, 5], "no number is used twice"


def test_the_long_way_of_a_choice_judges_in_pieces_and_holds_the_roster_meanwhile(
    rt: Runtime, me: Actor, roster: Roster, hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    editing.add(rt, me, roster.id, three())
    monkeypatch.setattr(judging, "AT_ONCE_ROWS", 2)
    monkeypatch.setattr(judging, "PIECE_ROWS", 2)
    assert editing.choose(rt, me, roster.id, {"rate": "10"})
    with pytest.raises(Conflict, match="正在导入或复核"):
        editing.add(rt, me, roster.id, three())
    with pytest.raises(Refused):
        rosters.submit(rt, me, roster.id, Filed("云谷文旅"))
    run_jobs(hall.app, monkeypatch)
    rt.session.rollback()
    assert store.sums(rt.session, roster.id).sound_cents == 3 * 107_800
    editing.add(rt, me, roster.id, [person(id_no=IDS[6])])


def test_a_job_that_was_cancelled_keeps_nobody_waiting(
    rt: Runtime, me: Actor, roster: Roster, monkeypatch: pytest.MonkeyPatch
) -> None:
    editing.add(rt, me, roster.id, three())
    monkeypatch.setattr(judging, "AT_ONCE_ROWS", 2)
    editing.choose(rt, me, roster.id, {"rate": "10"})
    job: Any = rt.session.scalars(select(Job)).one()
    job.status, job.finished_at = "cancelled", rt.clock()
    rt.session.commit()
    assert editing.add(rt, me, roster.id, [person(id_no=IDS[6])])


def test_too_many_rows_at_once_are_refused_in_words(rt: Runtime, me: Actor, roster: Roster) -> None:
    with pytest.raises(Refused, match="一次最多录入或粘贴 2,000 行"):
        editing.add(rt, me, roster.id, [person()] * 2_001)


def test_rows_of_an_ended_request_come_back_once_and_are_judged_again(
    rt: Runtime, me: Actor, roster: Roster
) -> None:
    editing.choose(rt, me, roster.id, {"rate": "8"})
    unlucky = person(person_name=rosterservices.UNLUCKY, id_no=IDS[3])
    editing.add(rt, me, roster.id, [*three(), unlucky])
    no = rosters.submit(rt, me, roster.id, Filed("云谷文旅")).no
    filed = store.of_request(rt.session, no)
    roster = store.open_roster(rt, me, KEY, Hired.form_id, scope=SCOPE, branch="QDN01")
    assert roster.choices == {"rate": "8"}, "what was chosen stays for the next one"
    editing.add(rt, me, roster.id, [person(person_name="新来的", id_no=IDS[5])])
    assert filed is not None
    assert editing.put_back(rt, me, filed) == (1, False)
    assert editing.put_back(rt, me, filed) == (0, False)
    names = [line.values["person_name"] for line in lines(rt, roster)]
    assert names == ["新来的", rosterservices.UNLUCKY], "those that took effect stay where they are"
    assert store.sums(rt.session, filed.id).rows == 4, "the request keeps its own"
