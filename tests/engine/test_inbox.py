"""The five boxes show everybody what is theirs, completely, in order, and nothing else."""

from __future__ import annotations

import base64
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest

import engine
from engine import Actor, RequestFilter, TaskFilter
from engine.boxes import inbox
from engine.database import transaction
from engine.errors import Refused
from engine.owed import messages
from tests.builders import diagrams
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    COLLEAGUE,
    EVERYWHERE,
    FAR,
    OTHER_BRANCH,
    OTHER_UNIT,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    STRANGER,
    Hall,
    person,
)


@pytest.fixture
def busy(empty_hall: Hall) -> Hall:
    """Two services without the one-at-a-time rule, due at different days."""
    hall = empty_hall
    hall.deploy(diagrams.two_reviews(in_flight="scope"))
    hall.deploy(diagrams.one_review("plain", name="其他业务", due_working_days=1), "plain")
    return hall


def todo(hall: Hall, actor: Actor, **flt: Any) -> list[str]:
    return [row.no for row in inbox.todo(hall.rt, actor, TaskFilter(**flt)).rows]


def pages(read: Any, limit: int) -> list[str]:
    """All rows, page by page."""
    seen: list[str] = []
    after = None
    while True:
        page = read(after=after, limit=limit)
        assert len(page.rows) <= limit
        seen += [row.no for row in page.rows]
        after = page.next
        if after is None:
            return seen


def test_a_new_request_lies_in_the_applicants_started_box_and_the_reviewers_todo(
    hall: Hall,
) -> None:
    no = hall.file()
    assert todo(hall, REVIEWER) == todo(hall, REVIEWER_2) == [no]
    assert todo(hall, SECONDER) == todo(hall, FAR) == todo(hall, APPLICANT) == []
    (row,) = inbox.started(hall.rt, APPLICANT).rows
    assert (row.no, row.label, row.tone, row.status) == (no, "初审中", "doing", "running")
    assert inbox.started(hall.rt, COLLEAGUE).rows == []
    assert inbox.counts(hall.rt, APPLICANT) == {
        "messages": 0,
        "todo": 0,
        "done": 0,
        "started": 1,
        "read": 0,
    }
    assert inbox.counts(hall.rt, REVIEWER)["todo"] == 1


def test_a_row_tells_what_the_reviewer_needs(hall: Hall) -> None:
    no = hall.file()
    (row,) = inbox.todo(hall.rt, REVIEWER).rows
    assert (row.no, row.name, row.summary) == (no, "测试业务", "发薪日 1 项变更")
    assert (row.scope_name, row.starter_name) == ("凯里市云谷文旅发展有限公司", "杨秀兰")
    assert (row.node, row.node_name, row.kind) == ("review1", "初审", "review")
    assert (row.due_at, row.visits, row.last_opinion) == (hall.case(no).due_at, 1, None)
    hall.send_back(no, REVIEWER, opinion="缺公章")
    hall.resubmit(no)
    (row,) = inbox.todo(hall.rt, REVIEWER).rows
    assert (row.visits, row.last_opinion, row.last_actor) == (2, "缺公章", "王审核")


def test_a_claimed_request_leaves_the_others_pool(hall: Hall) -> None:
    no = hall.file()
    engine.claim(hall.rt, REVIEWER, hall.task(no))
    assert todo(hall, REVIEWER_2) == []
    assert todo(hall, REVIEWER, who="mine") == [no]
    assert todo(hall, REVIEWER, who="pool") == []
    engine.release(hall.rt, REVIEWER, hall.task(no))
    assert todo(hall, REVIEWER_2, who="pool") == [no]
    assert todo(hall, REVIEWER, who="mine") == []


def test_a_decided_request_moves_to_the_done_box_once(hall: Hall) -> None:
    no = hall.file()
    hall.send_back(no, REVIEWER)
    hall.resubmit(no)
    hall.clock.advance(hours=1)
    hall.approve(no, REVIEWER)
    (row,) = inbox.done(hall.rt, REVIEWER).rows
    assert (row.no, row.decision, row.completed_at) == (no, "approve", hall.clock())
    assert todo(hall, REVIEWER) == []
    assert inbox.counts(hall.rt, REVIEWER)["done"] == 1


def test_a_filing_counts_as_done_once_the_request_has_ended(hall: Hall) -> None:
    no = hall.file()
    assert inbox.done(hall.rt, APPLICANT).rows == []
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)
    assert [row.no for row in inbox.done(hall.rt, APPLICANT).rows] == [no]


def test_a_returned_request_lies_in_the_todo_of_the_whole_unit(hall: Hall) -> None:
    no = hall.file()
    hall.send_back(no, REVIEWER)
    assert todo(hall, APPLICANT) == todo(hall, COLLEAGUE) == [no]
    assert todo(hall, STRANGER) == todo(hall, REVIEWER) == []


def test_a_post_everywhere_sees_the_pools_of_all_branches(busy: Hall) -> None:
    here = busy.file()
    there = busy.file(STRANGER, scope=OTHER_UNIT, branch=OTHER_BRANCH)
    assert todo(busy, EVERYWHERE) == [here, there]
    assert todo(busy, FAR) == [there]


def test_somebody_without_posts_sees_nothing(hall: Hall) -> None:
    hall.file()
    nobody = person("staff:99", "无岗")
    assert inbox.counts(hall.rt, nobody) == dict.fromkeys(inbox.BOXES, 0)
    assert asdict(inbox.facets(hall.rt, nobody))["all"] == 0
    assert inbox.search(hall.rt, nobody, "凯里") == []


def test_filters_narrow_and_the_counts_beside_them_are_true(busy: Hall) -> None:
    busy.clock.advance(days=-6)
    late = busy.file(key="plain", branch="QDN01")
    busy.clock.advance(days=6)
    today = busy.file(key="plain")
    mine = busy.file(key="plain", summary="100%_变更")
    engine.claim(busy.rt, EVERYWHERE, busy.task(mine))
    normal = busy.file()
    far = busy.file(STRANGER, key="plain", scope=OTHER_UNIT, branch=OTHER_BRANCH)
    busy.clock.advance(days=1)
    facets = inbox.facets(busy.rt, EVERYWHERE)
    assert facets.all == 5
    for kind in ("over", "today", "soon"):
        assert getattr(facets, kind) == len(todo(busy, EVERYWHERE, due=kind)), kind
    for who in ("mine", "pool"):
        assert getattr(facets, who) == len(todo(busy, EVERYWHERE, who=who)), who
    assert todo(busy, EVERYWHERE, due="over") == [late]
    assert set(todo(busy, EVERYWHERE, due="today")) == {today, mine, far}
    for key, name, count in facets.by_key:
        assert count == len(todo(busy, EVERYWHERE, key=key)), name
    assert {key for key, _, _ in facets.by_key} == {"plain", "two_reviews"}
    for branch, count in facets.by_branch:
        assert count == len(todo(busy, EVERYWHERE, branch=branch)), branch
    assert sum(count for _, count in facets.by_branch) == 5
    assert todo(busy, EVERYWHERE, key="two_reviews", branch="QDN01") == [normal]
    since = busy.clock() - timedelta(days=2)
    assert late not in todo(busy, EVERYWHERE, since=since)
    assert todo(busy, EVERYWHERE, until=since) == [late]


def test_the_most_urgent_comes_first(busy: Hall) -> None:
    relaxed = busy.file()
    urgent = busy.file(key="plain")
    assert todo(busy, REVIEWER) == [urgent, relaxed]


def test_45_rows_due_at_the_same_time_are_paged_without_loss_or_double(busy: Hall) -> None:
    numbers = [busy.file(key="plain") for _ in range(45)]

    def read(**page: Any) -> Any:
        return inbox.todo(busy.rt, REVIEWER, **page)

    assert pages(read, 20) == numbers
    assert pages(read, 7) == numbers
    assert pages(read, 1)[:3] == numbers[:3]


def test_paging_goes_on_correctly_while_rows_are_decided(busy: Hall) -> None:
    numbers = [busy.file(key="plain") for _ in range(10)]
    first = inbox.todo(busy.rt, REVIEWER, limit=4)
    for no in numbers[:4]:
        busy.approve(no, REVIEWER)
    second = inbox.todo(busy.rt, REVIEWER, after=first.next, limit=4)
    assert [row.no for row in second.rows] == numbers[4:8]


def test_every_box_pages_backwards_in_time(busy: Hall) -> None:
    numbers = [busy.file(key="plain") for _ in range(9)]
    for no in numbers:
        busy.approve(no, REVIEWER)
    latest_first = numbers[::-1]
    for read in (inbox.started, inbox.done):
        who = APPLICANT if read is inbox.started else REVIEWER
        assert pages(lambda read=read, who=who, **p: read(busy.rt, who, **p), 4) == latest_first
    with transaction(busy.rt.session) as session:
        for no in numbers:
            put(session, busy, no)
    assert pages(lambda **p: inbox.messages(busy.rt, APPLICANT, **p), 4) == latest_first


def put(session: Any, hall: Hall, no: str, **more: Any) -> None:
    said = {"recipient": APPLICANT.id, "title": "已办结", "body": f"申请 {no} 办结"} | more
    messages.put(session, business="测试业务", channel="系统通知", no=no, now=hall.clock(), **said)


def test_requests_without_a_deadline_come_last(busy: Hall) -> None:
    busy.deploy(diagrams.one_review("calm"), "calm")
    calm = [busy.file(key="calm") for _ in range(3)]
    urgent = busy.file(key="plain")
    assert pages(lambda **p: inbox.todo(busy.rt, REVIEWER, **p), 2) == [urgent, *calm]


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        "",
        "x",
        "====",
        "中文",
        "a" * 5000,
        cursor("1.2.3"),
        cursor("1"),
        cursor("x.y"),
        cursor("1e9.1"),
        cursor("0.99999999999999"),
        cursor("99999999999999999999999.1"),
        cursor("-99999999999999999.1"),
        cursor("1'; drop table hall_task; --.1"),
        "\x00",
        "\ud800",
    ],
)
def test_a_tampered_cursor_is_refused_with_a_sentence(hall: Hall, after: str) -> None:
    hall.file()
    for read, who in (
        (inbox.todo, REVIEWER),
        (inbox.done, REVIEWER),
        (inbox.started, APPLICANT),
        (inbox.messages, APPLICANT),
    ):
        with pytest.raises(Refused, match="翻页位置无效，请从第一页重新查看"):
            read(hall.rt, who, after=after)


def test_the_page_size_is_bounded(busy: Hall) -> None:
    for _ in range(3):
        busy.file(key="plain")
    assert len(inbox.todo(busy.rt, REVIEWER, limit=0).rows) == 1
    assert len(inbox.todo(busy.rt, REVIEWER, limit=-5).rows) == 1
    assert len(inbox.todo(busy.rt, REVIEWER, limit=10**9).rows) == 3


def test_started_requests_are_filtered_by_status(busy: Hall) -> None:
    done, returned, running = (busy.file(key="plain") for _ in range(3))
    busy.approve(done, REVIEWER)
    busy.send_back(returned, REVIEWER)

    def shown(status: str | None) -> set[str]:
        flt = RequestFilter(status=status)
        return {row.no for row in inbox.started(busy.rt, APPLICANT, flt).rows}

    assert shown(None) == {done, returned, running}
    assert shown("open") == {returned, running}
    assert shown("completed") == {done}
    assert shown("returned") == {returned}
    assert shown("nonsense") == set()


def search(hall: Hall, who: Actor, words: str) -> set[str]:
    return {row.no for row in inbox.search(hall.rt, who, words)}


def test_search_finds_by_number_unit_applicant_and_summary(hall: Hall) -> None:
    no = hall.file()
    for words in (no, no.lower(), no[-6:], "云谷文旅", "杨秀", "发薪日", "  云谷  "):
        assert search(hall, REVIEWER, words) == {no}, words
    assert search(hall, REVIEWER, "没有这样的") == set()
    assert search(hall, REVIEWER, "") == search(hall, REVIEWER, "   ") == set()


def test_search_sees_only_what_the_actor_may_see(busy: Hall) -> None:
    own = busy.file()
    other = busy.file(STRANGER, scope=OTHER_UNIT, branch=OTHER_BRANCH)
    numbers = {
        APPLICANT: {own},
        COLLEAGUE: {own},
        STRANGER: {other},
        REVIEWER: {own},
        SECONDER: {own},
        FAR: {other},
        EVERYWHERE: {own, other},
        person("staff:99", "无岗"): set(),
    }
    for who, seen in numbers.items():
        assert search(busy, who, "云谷") == seen, who.name
        for no in seen:
            assert engine.view(busy.rt, who, no).no == no


def test_wildcards_are_ordinary_characters(busy: Hall) -> None:
    busy.file(key="plain", summary="普通")
    special = busy.file(key="plain", summary="涨了 5%_a\\b/c")
    for words in ("%", "_", "5%", "%_", "\\", "/", "\\b/"):
        assert search(busy, REVIEWER, words) == {special}, words
        assert todo(busy, REVIEWER, q=words) == [special], words
    assert search(busy, REVIEWER, "'") == search(busy, REVIEWER, "\x00涨了\x00x") == set()


def test_very_long_words_are_cut(hall: Hall) -> None:
    hall.file()
    assert search(hall, REVIEWER, "云" * 100_000) == set()


def test_messages_are_unread_then_read_then_gone(hall: Hall) -> None:
    with transaction(hall.rt.session) as session:
        put(session, hall, "QDN-1", title="办结 100%")
        put(session, hall, "QDN-2")
    box = inbox.messages(hall.rt, APPLICANT)
    assert [row.no for row in box.rows] == ["QDN-2", "QDN-1"]
    found = inbox.messages(hall.rt, APPLICANT, q="100%").rows
    assert [row.no for row in found] == ["QDN-1"]
    messages.mark_read(hall.rt, APPLICANT, box.rows[0].id)
    assert inbox.counts(hall.rt, APPLICANT)["messages"] == 1
    assert inbox.counts(hall.rt, APPLICANT)["read"] == 1
    (read,) = inbox.messages(hall.rt, APPLICANT, read=True).rows
    assert (read.no, read.read_at) == ("QDN-2", hall.clock())
    messages.delete(hall.rt, APPLICANT, read.id)
    assert inbox.messages(hall.rt, APPLICANT, read=True).rows == []
    messages.restore(hall.rt, APPLICANT, read.id)
    assert inbox.counts(hall.rt, APPLICANT)["read"] == 1
    assert inbox.counts(hall.rt, COLLEAGUE)["messages"] == 0


def test_what_the_todo_box_lists_can_be_worked(hall: Hall) -> None:
    """The box is a query, the permission a function: they must agree."""
    numbers = [hall.file()]
    hall.approve(numbers[0], BOTH)
    hall.deploy(diagrams.one_review("plain"), "plain")
    numbers.append(hall.file(key="plain"))
    engine.claim(hall.rt, REVIEWER, hall.task(numbers[1]))
    for who in (APPLICANT, REVIEWER, REVIEWER_2, SECONDER, BOTH, FAR, EVERYWHERE):
        listed = set(todo(hall, who))
        for no in numbers:
            try:
                verbs = engine.view(hall.rt, who, no).verbs
            except engine.errors.NotFound:
                verbs = frozenset()
            assert (no in listed) == bool(verbs & {"approve", "submit"}), (who.name, no)
