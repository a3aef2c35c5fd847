"""换版本: a running request goes on along another version of its diagram, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

import engine
from engine import Runtime, audit
from engine.boxes import job_desk
from engine.diagrams import versions
from engine.errors import Forbidden, NotFound, OperationFailed, Problem, ReasonMissing, Refused
from engine.models import History, Incident
from engine.owed import drafts, jobs
from engine.verbs import migrating, repairing
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
    joint_review,
    lane,
    one_review,
    process,
    service,
    start,
    subprocess,
    timer,
    two_branches,
    two_reviews,
    user,
)
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    EVERYWHERE,
    FAR_KEEPER,
    KEEPER,
    KEEPER_2,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    Hall,
)

WHY = "流程改版，按新版继续办理"


def straight(*names: str, forms: tuple[str, ...] = (), **extra: Any) -> bytes:
    """A form and steps in one line; `a=初审` names a step, `extra` gives parts, flows, roles."""
    steps = dict(each.split("=") for each in names)
    props: dict[str, dict[str, Any]] = extra.get("props", {})
    roles: dict[str, str] = extra.get("roles", {})
    drawn = [
        (form if node in forms else user)(
            node, name, **{"verbs": "approve,return"} | props.get(node, {})
        )
        for node, name in steps.items()
    ]
    seconds = [node for node in steps if roles.get(node) == SECOND]
    nobody = [node for node in steps if roles.get(node) == ""]
    firsts = [node for node in steps if node not in (*seconds, *nobody)]
    return process(
        "line",
        start(),
        form("fill"),
        *drawn,
        extra.get("parts", ""),
        end(),
        flows("start", "fill", *steps, "end"),
        lanes=lane(OPERATOR, "fill") + lane(FIRST, *firsts) + lane(SECOND, *seconds),
    )


@dataclass
class Moved:
    """A request filed on one version, another version deployed."""

    hall: Hall
    no: str
    to: int

    def go(self, **more: Any) -> Verdict:
        said = {"to": self.to, "reason": WHY} | more
        return migrating.migrate_one(self.hall.rt, KEEPER, self.no, **said)


@pytest.fixture
def between(empty_hall: Hall) -> Callable[..., Moved]:
    """Deploy `old`, file a request, do what `then` says with it, deploy `new`."""

    def make(old: bytes, new: bytes, *then: Callable[[Hall, str], Any], key: str = "line") -> Moved:
        empty_hall.deploy(old, key)
        no = empty_hall.file(key=key)
        for deed in then:
            deed(empty_hall, no)
        return Moved(empty_hall, no, empty_hall.deploy(new, key).id)

    return make


LATE = timer("late", "a", timeDuration="'PT5H'") + end("gone") + flows("late", "gone")
ONE = straight("a=初审")
TWO = straight("a=初核", "b=复核", roles={"b": SECOND})
LATE_TWO = straight("a=初核", "b=复核", roles={"b": SECOND}, parts=LATE)
approve: Callable[[Hall, str], Any] = lambda hall, no: hall.approve(no, REVIEWER)  # noqa: E731
claim: Callable[[Hall, str], Any] = lambda hall, no: engine.claim(  # noqa: E731
    hall.rt, REVIEWER, hall.task(no)
)


# ── the whole request goes on ──────────────────────────────────────────────────────────────────


def test_a_request_goes_on_along_the_new_version_to_its_end(between: Any) -> None:
    moved = between(ONE, TWO)
    hall, no = moved.hall, moved.no
    assert moved.go() == Verdict(no, True, "第 1 版 → 第 2 版，停在“初核”。")
    case = hall.case(no)
    assert (case.definition_id, case.label, case.progress) == (moved.to, "初核中", "dc-")
    assert case.path == ["fill", "a", "b"]
    assert [(task.node_name, task.role) for task in hall.tasks(no)] == [("初核", FIRST)]
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["b"]
    assert hall.approve(no, SECONDER).status == "completed"
    assert hall.verbs(no) == ["start", "migrate", "approve", "approve"]


def test_the_history_says_who_why_and_between_which_versions(between: Any) -> None:
    moved = between(ONE, TWO)
    moved.go()
    with moved.hall.sessions() as session:
        row = session.query(History).filter_by(verb="migrate").one()
    assert (row.actor_id, row.opinion, row.detail) == (KEEPER.id, WHY, {"from": 1, "to": 2})
    assert audit.verify(moved.hall.rt).clean


def test_a_claim_and_a_draft_stay(between: Any) -> None:
    moved = between(ONE, TWO, claim)
    hall, no = moved.hall, moved.no
    drafts.save(hall.rt, REVIEWER, f"request:{no}", {"opinion": "看到一半"})
    moved.go()
    (task,) = hall.tasks(no)
    assert (task.assignee, task.node_name) == (REVIEWER.id, "初核")
    kept = drafts.load(hall.rt, REVIEWER, f"request:{no}")
    assert kept is not None
    assert kept.data == {"opinion": "看到一半"}


def test_a_running_timer_keeps_its_time(between: Any) -> None:
    def late(hours: int, name: str) -> bytes:
        return straight(
            f"a={name}",
            parts=timer("late", "a", interrupting=True, timeDuration=f"'PT{hours}H'")
            + end("late_end", outcome="refused")
            + flows("late", "late_end"),
        )

    moved = between(late(5, "初审"), late(50, "初核"))
    hall, no = moved.hall, moved.no
    at = hall.case(no).next_timer_at
    assert at == hall.clock() + timedelta(hours=5)
    assert moved.go().ok
    assert hall.case(no).next_timer_at == at
    hall.clock.advance(hours=6)
    assert engine.timers.fire(hall.rt, hall.case(no).id)
    assert hall.case(no).status == "refused"


def test_a_returned_request_is_filed_again_on_the_new_version(between: Any) -> None:
    moved = between(ONE, TWO, lambda hall, no: hall.send_back(no, REVIEWER))
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    assert hall.case(no).status == "returned"
    hall.resubmit(no, APPLICANT)
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["b"]


def test_after_it_a_step_can_be_returned_and_taken_back(between: Any) -> None:
    moved = between(TWO, straight("a=初审", "b=复审", "c=终审", roles={"b": SECOND}), approve)
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    engine.take_back(hall.rt, REVIEWER, no)
    assert hall.where(no) == ["a"]
    hall.approve(no, REVIEWER)
    hall.send_back(no, SECONDER, "a")
    hall.approve(no, REVIEWER)
    hall.approve(no, SECONDER)
    assert hall.approve(no, EVERYWHERE).status == "completed"


def test_parallel_branches_go_on_where_they_are(between: Any) -> None:
    old = two_branches()
    new = two_branches(label="最后一审").replace("左二".encode(), "左侧二审".encode())

    def left(hall: Hall, no: str) -> None:
        task = next(each for each in hall.tasks(no) if each.node == "left1")
        engine.approve(hall.rt, REVIEWER, task.id)

    moved = between(old, new, left, key="branches")
    hall, no = moved.hall, moved.no
    assert moved.go().text == "第 1 版 → 第 2 版，停在“右、左侧二审”。"
    for task in hall.tasks(no):
        who = SECONDER if task.node == "left2" else REVIEWER_2
        engine.approve(hall.rt, who, task.id)
    assert hall.where(no) == ["final"]
    assert hall.case(no).label == "最后一审"


def test_a_step_done_several_times_keeps_its_progress(between: Any) -> None:
    def thrice(name: str) -> bytes:
        loop = (
            "<multiInstanceLoopCharacteristics isSequential='true'>"
            "<loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics></userTask>"
        )
        return straight(f"a={name}").replace(b"</userTask><endEvent", f"{loop}<endEvent".encode())

    moved = between(thrice("逐个审"), thrice("逐项审"), approve)
    hall, no = moved.hall, moved.no
    assert moved.go().text == "第 1 版 → 第 2 版，停在“逐项审”。"
    hall.approve(no, REVIEWER)
    assert hall.case(no).status == "running"
    assert hall.approve(no, REVIEWER).status == "completed"


def test_votes_already_cast_count(between: Any) -> None:
    old = joint_review(sign="all", signers=f"users:{REVIEWER.id},{REVIEWER_2.id}")
    new = joint_review(
        sign="all", signers=f"users:{REVIEWER.id},{REVIEWER_2.id}", final="终审", label="会审中"
    )

    def vote(hall: Hall, no: str, who: engine.Actor = REVIEWER) -> None:
        task = next(each for each in hall.tasks(no) if each.assignee == who.id)
        engine.approve(hall.rt, who, task.id)

    moved = between(old, new, vote, key="joint_review")
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    vote(hall, no, REVIEWER_2)
    assert hall.where(no) == ["last"]
    assert hall.approve(no, SECONDER).status == "completed"


def test_a_request_inside_a_sub_process_goes_on_inside(between: Any) -> None:
    def inside(*steps: str) -> bytes:
        part = subprocess(
            "part",
            start("p_start"),
            *(user(each, each, verbs="approve,return") for each in steps),
            end("p_end"),
            flows("p_start", *steps, "p_end"),
        )
        return process(
            "line",
            start(),
            form("fill"),
            part,
            end(),
            flows("start", "fill", "part", "end"),
            lanes=lane(OPERATOR, "fill") + lane(FIRST, *steps),
        )

    moved = between(inside("a"), inside("a", "b"))
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    hall.approve(no, REVIEWER)
    assert hall.where(no) == ["b"]
    assert hall.approve(no, REVIEWER_2).status == "completed"


def test_a_failed_step_can_be_retried_on_the_new_version(between: Any) -> None:
    apply = service("apply", "tests/apply")
    old = one_review("line", between=apply, way=flows("review", "apply", "end"))
    new = one_review("line", between=apply, way=flows("review", "apply", "end"), withdraw="never")

    def broken(_call: Any) -> None:
        raise ZeroDivisionError

    hall = between(old, new).hall
    hall.desk.when["apply"] = broken
    definition = versions.of(hall.rt, "line")
    no = hall.file(key="line")
    hall.approve(no, REVIEWER)
    assert hall.case(no).incidents == 1
    back = migrating.migrate_one(hall.rt, KEEPER, no, to=definition[1].id, reason=WHY)
    assert back.ok, back.text
    gone = hall.deploy(one_review("line"), "line")
    refused = migrating.migrate_one(hall.rt, KEEPER, no, to=gone.id, reason=WHY)
    assert refused.text == "“生效”正在办理，在新版本中没有了。"
    del hall.desk.when["apply"]
    with hall.sessions() as session:
        (incident,) = session.query(Incident).filter_by(resolved_at=None)
    repairing.retry(hall.rt, KEEPER, incident.id)
    assert hall.case(no).status == "completed"


def test_a_deadline_drawn_to_a_passed_step_counts_after_a_return(between: Any) -> None:
    moved = between(TWO, LATE_TWO, approve)
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    assert hall.case(no).next_timer_at is None
    hall.send_back(no, SECONDER, "a")
    assert hall.case(no).next_timer_at == hall.clock() + timedelta(hours=5)
    hall.approve(no, REVIEWER)
    assert hall.case(no).next_timer_at is None
    assert hall.approve(no, SECONDER).status == "completed"


def test_a_deadline_taken_from_a_passed_step_is_gone_after_a_return(between: Any) -> None:
    moved = between(LATE_TWO, TWO, approve)
    hall, no = moved.hall, moved.no
    assert moved.go().ok
    hall.send_back(no, SECONDER, "a")
    assert hall.case(no).next_timer_at is None
    hall.approve(no, REVIEWER)
    assert hall.approve(no, SECONDER).status == "completed"


def test_a_deadline_that_has_rung_cannot_be_taken_away(between: Any) -> None:
    def late(hall: Hall, no: str) -> None:
        hall.clock.advance(hours=6)
        assert engine.timers.fire(hall.rt, hall.case(no).id)

    moved = between(LATE_TWO, TWO, late, approve)
    assert moved.go().text == "“late”已经办过，在新版本中没有了。"


# ── whose it is then ───────────────────────────────────────────────────────────────────────────


def test_a_step_in_the_pool_goes_to_the_post_of_the_new_version(between: Any) -> None:
    moved = between(ONE, straight("a=初审", roles={"a": SECOND}))
    moved.go()
    (task,) = moved.hall.tasks(moved.no)
    assert (task.role, task.assignee) == (SECOND, None)
    assert moved.hall.approve(moved.no, SECONDER).status == "completed"


def test_a_claim_by_somebody_without_the_new_post_goes_back_to_the_pool(between: Any) -> None:
    moved = between(ONE, straight("a=初审", roles={"a": SECOND}), claim)
    moved.go()
    (task,) = moved.hall.tasks(moved.no)
    assert (task.role, task.assignee) == (SECOND, None)


def test_a_claim_by_somebody_with_both_posts_stays(between: Any) -> None:
    new = straight("a=初审", roles={"a": SECOND})
    moved = between(ONE, new, lambda hall, no: engine.claim(hall.rt, BOTH, hall.task(no)))
    moved.go()
    (task,) = moved.hall.tasks(moved.no)
    assert (task.role, task.assignee) == (SECOND, BOTH.id)


def test_a_step_in_the_pool_goes_to_the_people_the_new_version_names(between: Any) -> None:
    new = straight("a=初审", props={"a": {"candidates": f"user:{BOTH.id}"}})
    moved = between(ONE, new)
    moved.go()
    (task,) = moved.hall.tasks(moved.no)
    assert (task.role, task.assignee) == ("", BOTH.id)


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
