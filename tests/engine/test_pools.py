"""The boxes are queries, permission is a function: for everybody and every step they agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import engine
from engine import Actor, TaskFilter
from engine.boxes import inbox, pools
from engine.boxes.rows import COUNTED_MAX
from engine.requests import cases
from engine.runtime import Mandate
from engine.verbs import permissions
from tests.builders import diagrams
from tests.builders.diagrams import FIRST, SECOND
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    BRANCH,
    COLLEAGUE,
    EVERYBODY,
    EVERYWHERE,
    FAR,
    INSIDER,
    OTHER_BRANCH,
    OTHER_UNIT,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    STRANGER,
    UNIT,
    Hall,
    filing,
    person,
    standing_in,
)
from tests.engine.team import VOTERS, add, joint, say

DEPUTIES = (
    standing_in(SECONDER, REVIEWER),
    standing_in(SECONDER_2, BOTH),
    standing_in(FAR, REVIEWER, BOTH),
    standing_in(COLLEAGUE, INSIDER),
    standing_in(STRANGER, APPLICANT),
    standing_in(REVIEWER, SECONDER),
    standing_in(REVIEWER_2, EVERYWHERE),
)
WORK = ("approve", "submit", "answer", "claim", "release")
PLAIN: dict[str, Any] = {"in_flight": None}


def shown(hall: Hall, who: Actor, **flt: Any) -> list[int]:
    return [row.task_id for row in inbox.todo(hall.rt, who, TaskFilter(**flt), limit=100).rows]


def workable(hall: Hall, who: Actor, numbers: list[str]) -> set[int]:
    found = set()
    for no in numbers:
        case = cases.load(hall.rt, no=no)
        cases.unpack(hall.rt, case)
        found |= {
            task.id
            for task in case.open
            if any(permissions.may(who, verb, case, task) is None for verb in WORK)
        }
    hall.rt.session.rollback()
    return found


@pytest.fixture
def reviews(empty_hall: Hall) -> Hall:
    empty_hall.deploy(diagrams.two_reviews(**PLAIN))
    return empty_hall


def test_everybody_is_shown_exactly_what_they_may_work_on(reviews: Hall) -> None:
    hall = reviews
    fresh, taken, second, returned, own, held, asked, after = (
        hall.file(INSIDER if name == "own" else APPLICANT)
        for name in ("fresh", "taken", "second", "returned", "own", "held", "asked", "after")
    )
    far = hall.file(STRANGER, scope=OTHER_UNIT, branch=OTHER_BRANCH)
    engine.claim(hall.rt, REVIEWER, hall.task(taken))
    hall.approve(second, BOTH)  # who may not decide the second review as well
    hall.send_back(returned, REVIEWER)
    add(hall, held, FAR, SECONDER, in_turn=True)
    engine.ask(hall.rt, REVIEWER, hall.task(asked), to=SECONDER_2.id, question="可以吗？")
    add(hall, after, SECONDER, when="after")
    hall.approve(after, REVIEWER)
    vote = joint(hall, "all", VOTERS, **PLAIN)
    say(hall, vote, REVIEWER)
    post_vote = joint(hall, "all", f"{FIRST},{SECOND}", **PLAIN)
    picked = {"candidates": f"expr:['{SECONDER.id}', '{FAR.id}']"}
    hall.deploy(diagrams.picked(**picked), "handpicked")
    named = hall.file(key="handpicked")
    hall.approve(named, BOTH)
    hall.deploy(diagrams.picked("mine", candidates="starter"), "mine")
    starter = hall.file(key="mine")
    hall.approve(starter, REVIEWER)
    numbers = [fresh, taken, second, returned, own, held, asked, after, far]
    numbers += [vote, post_vote, named, starter]
    for who in (*EVERYBODY, *DEPUTIES):
        listed = shown(hall, who)
        assert set(listed) == workable(hall, who, numbers), who
        assert len(listed) == len(set(listed)), who.name
        assert inbox.count(hall.rt, who, "todo") == inbox.facets(hall.rt, who).all == len(listed)
    rows_of = {row.no: row for row in inbox.todo(hall.rt, SECONDER_2).rows}
    assert (rows_of[asked].part, rows_of[asked].part_name) == ("ask", "委派")
    assert (rows_of[asked].asked_by_name, rows_of[asked].note) == (REVIEWER.name, "可以吗？")
    assert rows_of[second].part_name == ""


def test_a_substitute_sees_in_whose_name(reviews: Hall) -> None:
    hall = reviews
    first, second = hall.file(), hall.file()
    hall.approve(second, BOTH)
    deputy = standing_in(SECONDER, REVIEWER)
    names = {row.no: row.behalf_name for row in inbox.todo(hall.rt, deputy).rows}
    assert names == {first: REVIEWER.name, second: None}
    assert shown(hall, SECONDER) == [hall.task(second)]


def test_a_mandate_for_some_services_shows_only_those(reviews: Hall) -> None:
    hall = reviews
    hall.deploy(diagrams.one_review("plain", name="其他业务"), "plain")
    hall.file()
    other = hall.file(key="plain")
    until = hall.clock() + timedelta(days=1)
    deputy = replace(FAR, mandates=(Mandate(REVIEWER, until, frozenset({"plain"})),))
    assert [row.no for row in inbox.todo(hall.rt, deputy).rows] == [other]


def test_a_claimed_step_leaves_the_box_with_the_post(reviews: Hall) -> None:
    hall = reviews
    task = hall.task(hall.file())
    engine.claim(hall.rt, REVIEWER, task)
    moved = person(REVIEWER.id, REVIEWER.name, (FIRST, f"branch:{OTHER_BRANCH}"))
    assert shown(hall, moved) == []
    assert shown(hall, REVIEWER) == [task]


def test_very_many_posts_are_one_box(reviews: Hall) -> None:
    hall = reviews
    tasks = [hall.task(hall.file()) for _ in range(3)]
    posts = [(FIRST, f"branch:X{n}") for n in range(pools.WAYS_MAX)]
    collector = person("staff:70", "总管", *posts, (FIRST, f"branch:{BRANCH}"))
    assert shown(hall, collector) == tasks
    assert inbox.facets(hall.rt, collector).pool == 3


def test_steps_are_filtered_by_the_name_of_the_step(reviews: Hall) -> None:
    hall = reviews
    first, second = hall.file(), hall.file()
    hall.approve(second, REVIEWER)
    assert shown(hall, BOTH, step="初审") == [hall.task(first)]
    assert shown(hall, BOTH, step="复核") == [hall.task(second)]
    assert shown(hall, BOTH, step="\x00") == []
    assert inbox.count_todo(hall.rt, BOTH, TaskFilter(step="复核")) == 1


def batch(hall: Hall, count: int, key: str = "two_reviews") -> list[str]:
    filings = [engine.Filing(**filing(summary=f"第 {n} 件")) for n in range(count)]
    return [each.no for each in engine.start_many(hall.rt, APPLICANT, key, filings)]


def test_counts_stop_at_the_bound_and_say_so(reviews: Hall) -> None:
    hall = reviews
    numbers = batch(hall, COUNTED_MAX)
    exact = inbox.count(hall.rt, REVIEWER, "todo")
    assert (exact, exact.more) == (COUNTED_MAX, False)
    engine.claim(hall.rt, REVIEWER, hall.task(numbers[0]))
    one_more, another = hall.file(), hall.file()
    for box, who in (("todo", REVIEWER), ("started", APPLICANT)):
        bounded = inbox.count(hall.rt, who, box)
        assert (bounded, bounded.more) == (COUNTED_MAX, True), box
    facets = inbox.facets(hall.rt, REVIEWER)
    assert (facets.all, facets.all.more) == (COUNTED_MAX, True)
    assert (facets.mine, facets.mine.more) == (1, False)
    assert (facets.pool, facets.pool.more) == (COUNTED_MAX, True)
    assert (facets.over, facets.over.more) == (0, False)  # the pool is in order of due dates
    assert facets.by_key[0][2].more
    assert {hall.task(one_more), hall.task(another)} <= {
        row.task_id for row in after_page(hall, REVIEWER)
    }


def after_page(hall: Hall, who: Actor) -> list[Any]:
    first = inbox.todo(hall.rt, who, limit=60)
    second = inbox.todo(hall.rt, who, limit=60, after=first.next)
    assert second.next is None
    return [*first.rows, *second.rows]


def test_pages_of_several_ways_hold_while_rows_come_and_go(reviews: Hall) -> None:
    """All are due at the same moment: the cursor goes by the number of the step."""
    hall = reviews
    numbers = batch(hall, 12)
    for no in numbers[::3]:
        engine.claim(hall.rt, REVIEWER, hall.task(no))
    for no in numbers[1::6]:
        hall.send_back(no, REVIEWER_2)
    deputy = standing_in(replace(APPLICANT, posts=APPLICANT.posts | REVIEWER.posts), REVIEWER)
    whole = shown(hall, standing_in(FAR, REVIEWER))
    who = standing_in(FAR, REVIEWER)
    seen: list[int] = []
    after = None
    for gone in (2, 5, 8, None):
        page = inbox.todo(hall.rt, who, after=after, limit=3)
        seen += [row.task_id for row in page.rows]
        after = page.next
        if gone is not None:
            hall.approve(numbers[gone], REVIEWER_2)
            hall.file()
        if after is None:
            break
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen)
    assert set(seen[:3]) <= set(whole)
    # own requests stay hidden even with the post in hand; returned ones are the unit's
    assert set(shown(hall, deputy)) == {hall.task(no) for no in numbers[1::6]}


def test_search_goes_by_the_whole_number_and_by_its_end(reviews: Hall) -> None:
    hall = reviews
    no = hall.file()
    other = hall.file(STRANGER, scope=OTHER_UNIT, branch=OTHER_BRANCH)
    for words in (no, no.lower(), no[-6:], no[-6:].lstrip("0")):
        assert no in {row.no for row in inbox.search(hall.rt, REVIEWER, words)}, words
    assert inbox.search(hall.rt, REVIEWER, other) == []
    assert [row.no for row in inbox.search(hall.rt, COLLEAGUE, UNIT[-3:] + "凯里")] == []
    assert {row.no for row in inbox.search(hall.rt, EVERYWHERE, "云谷")} == {no, other}
