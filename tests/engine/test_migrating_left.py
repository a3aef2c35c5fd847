"""换版本: a request that cannot go on whole is left with the reason; and many requests at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

import engine
from engine import Runtime
from engine.boxes import job_desk
from engine.diagrams import versions
from engine.errors import Forbidden, NotFound, OperationFailed, Problem, ReasonMissing, Refused
from engine.owed import jobs
from engine.verbs import migrating
from engine.verbs.migrating import Errand, Verdict
from tests.builders.diagrams import (
    FIRST,
    OPERATOR,
    SECOND,
    end,
    flow,
    flows,
    for_each,
    form,
    gateway,
    lane,
    process,
    start,
    two_reviews,
    user,
)
from tests.engine.hall import (
    FAR_KEEPER,
    KEEPER,
    KEEPER_2,
    REVIEWER,
    Hall,
)
from tests.engine.moved import LATE, ONE, TWO, WHY, approve, claim, straight

# ── or not at all ──────────────────────────────────────────────────────────────────────────────


def joined(*, behind: bool) -> bytes:
    """`a` in a line, or with a branch `b` beside it."""
    if not behind:
        return ONE
    return process(
        "line",
        start(),
        form("fill"),
        gateway("fork", kind="parallel"),
        user("a", "初审", verbs="approve,return"),
        user("b", "旁审", verbs="approve,return"),
        gateway("join", kind="parallel"),
        end(),
        flows("start", "fill", "fork", "a", "join", "end") + flows("fork", "b", "join"),
        lanes=lane(OPERATOR, "fill") + lane(FIRST, "a", "b"),
    )


LEFT: dict[str, tuple[bytes, bytes, tuple[Callable[[Hall, str], Any], ...], str]] = {
    "its step is gone": (ONE, straight("x=初审"), (), "“初审”正在办理，在新版本中没有了。"),
    "a step it passed is gone": (
        TWO,
        straight("b=复核", roles={"b": SECOND}),
        (approve,),
        "“初核”已经办过，在新版本中没有了。",
    ),
    "its review is a form now": (
        ONE,
        straight("a=补正", forms=("a",)),
        (),
        "“初审”正在办理，在新版本中由审核改成了填写。",
    ),
    "a deadline was put to its step": (
        ONE,
        straight("a=初审", parts=LATE),
        (),
        "正停在“初审”，它的边界事件在新版本中有增减，不能在等待途中改变。",
    ),
    "the deadline of its step is gone": (
        straight("a=初审", parts=LATE),
        ONE,
        (),
        "正停在“初审”，它的边界事件在新版本中有增减，不能在等待途中改变。",
    ),
    "its step is for each of several now": (
        ONE,
        process(
            "line",
            start(),
            form("fill"),
            for_each("a", "初审", "items", verbs="approve,return"),
            end(),
            flows("start", "fill", "a", "end"),
            lanes=lane(OPERATOR, "fill") + lane(FIRST, "a"),
        ),
        (),
        "“初审”在新版本中换成了另一种元素，不能接着办理。",
    ),
    "a branch beside it never began": (
        ONE,
        joined(behind=True),
        (),
        "新版本的并行汇合“join”要等一条没有开始过的分支，会一直等下去。",
    ),
    "a vote began under another rule": (
        straight("a=会签", props={"a": {"sign": "all", "signers": FIRST}}),
        straight("a=会签", props={"a": {"sign": "any", "signers": FIRST}}),
        (),
        "“会签”正在办理，它的会签规则在新版本中有变化。",
    ),
    "it has ended": (ONE, TWO, (approve,), "该业务已办结，不能再办理。"),
}


@pytest.mark.parametrize("why", LEFT)
def test_a_request_that_cannot_go_on_is_left_with_the_reason(between: Any, why: str) -> None:
    old, new, then, text = LEFT[why]
    moved = between(old, new, *then)
    before = moved.hall.picture()
    assert moved.go(dry_run=True) == moved.go() == Verdict(moved.no, False, text)
    assert moved.hall.picture() == before


def test_the_same_version_and_another_service_are_no_aim(between: Any) -> None:
    moved = between(ONE, TWO)
    hall = moved.hall
    same = versions.of(hall.rt, "line")[1].id
    assert moved.go(to=same).text == "这件业务已经是第 1 版。"
    other = hall.deploy(two_reviews()).id
    assert moved.go(to=other).text == "这件业务是“测试业务”，不能换成另一项业务的流程。"
    with pytest.raises(NotFound):
        moved.go(to=10_000)


def test_a_dry_run_says_the_same_and_changes_nothing(between: Any) -> None:
    moved = between(ONE, TWO, claim)
    before = moved.hall.picture()
    said = moved.go(dry_run=True, reason="")
    assert moved.hall.picture() == before
    assert said == moved.go()


def test_only_an_admin_of_the_branch_may_and_must_say_why(between: Any) -> None:
    moved = between(ONE, TWO)
    rt, no = moved.hall.rt, moved.no
    with pytest.raises(ReasonMissing):
        moved.go(reason="  ")
    with pytest.raises(NotFound):
        migrating.migrate_one(rt, FAR_KEEPER, no, to=moved.to, reason=WHY)
    with pytest.raises(Forbidden):
        migrating.migrate_one(rt, REVIEWER, no, to=moved.to, reason=WHY, dry_run=True)
    assert migrating.migrate_one(rt, KEEPER_2, no, to=moved.to, reason=WHY).ok


# ── many ───────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Shop:
    """Where a job finds what it needs, as the worker's."""

    rt: Runtime
    sessions: sessionmaker[Session]

    def runtime(self, session: Session) -> Runtime:
        return replace(self.rt, session=session)


@pytest.fixture
def many(empty_hall: Hall) -> tuple[Hall, list[str], int, int]:
    """Six requests at `a`, one of them already behind it, and a version without `a`'s follower."""
    old = empty_hall.deploy(TWO, "line").id
    nos = [empty_hall.file(key="line") for _ in range(6)]
    approve(empty_hall, nos[2])
    return empty_hall, nos, old, empty_hall.deploy(ONE, "line").id


def test_a_job_moves_all_it_can_and_lists_the_others(many: Any, monkeypatch: Any) -> None:
    hall, nos, old, new = many
    monkeypatch.setattr(migrating, "BATCH", 2)
    how = {"frm": old, "to": new, "nos": None, "reason": WHY}
    tried = migrating.order(hall.rt, KEEPER, "line", **how, dry_run=True)
    job = migrating.order(hall.rt, KEEPER, "line", **how, token="one click")
    assert migrating.order(hall.rt, KEEPER, "line", **how, token="one click") == job
    shop = Shop(hall.rt, hall.sessions)
    found = []
    for each in (tried, job):
        assert jobs.run_one(shop, each, clock=hall.clock)
        hall.rt.session.rollback()  # what it has read is older than what the worker did
        found.append(job_desk.view(hall.rt, KEEPER, each))
        assert (found[-1].status, found[-1].done, found[-1].total) == ("done", 6, 6)
    left = [[nos[2], "“复核”正在办理，在新版本中没有了。"]]
    assert found[0].result == {"total": 6, "dry_run": True, "moved": 5, "left": 1, "rows": left}
    assert found[1].result == found[0].result | {"dry_run": False}
    assert [v.running for v in versions.of(hall.rt, "line")] == [5, 1]


def test_a_job_that_is_done_twice_counts_each_request_once(many: Any, monkeypatch: Any) -> None:
    hall, _, old, new = many
    how = {"frm": old, "to": new, "nos": None, "reason": WHY}
    job = migrating.order(hall.rt, KEEPER, "line", **how)
    real, seen = jobs.Work.report, []

    def dies(work: jobs.Work, done: int, **more: Any) -> None:
        seen.append(done)
        if len(seen) == 3:  # killed before it could say so
            raise OperationFailed(Problem("tests.killed", "停电"))
        real(work, done, **more)

    monkeypatch.setattr(jobs.Work, "report", dies)
    shop = Shop(hall.rt, hall.sessions)
    assert not jobs.run_one(shop, job, clock=hall.clock)
    hall.clock.advance(minutes=10)
    assert jobs.run_one(shop, job, clock=hall.clock)
    result = job_desk.view(hall.rt, KEEPER, job).result
    assert (result["moved"], result["left"]) == (5, 1)


def test_a_small_selection_is_done_at_once(many: Any, monkeypatch: Any) -> None:
    hall, nos, old, new = many
    errand = Errand("line", old, new, WHY)
    tally = migrating.run(hall.rt, KEEPER, replace(errand, dry_run=True))
    assert (tally.moved, tally.left) == (5, 1)
    tally = migrating.run(hall.rt, KEEPER, errand, [*nos[:3], "QDN-0"])
    assert (tally.moved, tally.left) == (2, 2)
    assert tally.rows[0] == ["QDN-0", "这一版的在办业务里没有这个流水号，请核对。"]
    assert tally.rows[1][0] == nos[2]
    assert migrating.chosen(hall.rt, KEEPER, "line", old) == 4
    assert migrating.chosen(hall.rt, FAR_KEEPER, "line", old) == 0
    monkeypatch.setattr(migrating, "AT_ONCE_MAX", 2)
    with pytest.raises(Refused, match="后台任务"):
        migrating.run(hall.rt, KEEPER, errand)


def test_one_odd_request_does_not_stop_the_others(many: Any, monkeypatch: Any) -> None:
    hall, nos, old, new = many
    real = migrating.rebinding.rebind

    def odd(workflow: Any, *more: Any) -> Any:
        if workflow.script_engine.case.no == nos[0]:
            raise KeyError("odd")
        return real(workflow, *more)

    monkeypatch.setattr(migrating.rebinding, "rebind", odd)
    tally = migrating.run(hall.rt, KEEPER, Errand("line", old, new, WHY))
    assert (tally.moved, tally.left) == (4, 2)
    assert tally.rows[0][1].startswith("没有换成，业务未受影响")


def test_an_order_that_makes_no_sense_is_refused_at_once(many: Any) -> None:
    hall, _, old, new = many
    good = {"frm": old, "to": new, "nos": None, "reason": WHY}
    other = hall.deploy(two_reviews()).id
    for bad in ({"frm": new}, {"to": other}, {"nos": []}):
        with pytest.raises(Refused):
            migrating.order(hall.rt, KEEPER, "line", **(good | bad))
    with pytest.raises(Forbidden):
        migrating.order(hall.rt, REVIEWER, "line", **good)
    with pytest.raises(ReasonMissing):
        migrating.order(hall.rt, KEEPER, "line", **(good | {"reason": ""}))


def test_a_flow_changed_behind_a_waiting_branch_leaves_the_request(between: Any) -> None:
    old = joined(behind=True)
    new = old.replace(
        flow("a", "join").encode(),
        (user("c", "再审", verbs="approve,return") + flows("a", "c", "join")).encode(),
    ).replace(b">b</flowNodeRef>", b">b</flowNodeRef><flowNodeRef>c</flowNodeRef>")

    def first(hall: Hall, no: str) -> None:
        task = next(each for each in hall.tasks(no) if each.node == "a")
        engine.approve(hall.rt, REVIEWER, task.id)

    moved = between(old, new, first)
    assert moved.go().text == "已有分支到达汇合处“join”，这条分支在新版本中换了走向。"
