"""Whose a step is: rules of the diagram, and what happens when nobody matches."""

from __future__ import annotations

import pytest
from sqlalchemy import select

import engine
from engine import Actor, errors
from engine.models import History, Incident, Task
from engine.verbs import repairing
from tests.builders import diagrams
from tests.builders.diagrams import SECOND
from tests.engine.hall import (
    APPLICANT,
    BOTH,
    BRANCH,
    FAR,
    FAR_KEEPER,
    INSIDER,
    KEEPER,
    KEEPER_2,
    OTHER_BRANCH,
    REVIEWER,
    REVIEWER_2,
    SECONDER,
    SECONDER_2,
    Hall,
    Town,
    person,
)

ALONE = person("staff:60", "石督查")  # knows the request only by name


@pytest.fixture
def hall(empty_hall: Hall) -> Hall:
    town(empty_hall).move_in(ALONE)
    return empty_hall


def town(hall: Hall) -> Town:
    found = hall.rt.directory
    assert isinstance(found, Town)
    return found


def there(hall: Hall, reviewer: Actor = REVIEWER, before: str = "", **props: object) -> str:
    """A request that has just come to the step with these properties."""
    hall.deploy(diagrams.picked(before=before, **props), "handpicked")
    no = hall.file(key="handpicked")
    hall.approve(no, reviewer)
    return no


def step(hall: Hall, no: str) -> Task:
    (found,) = hall.tasks(no)
    return found


def test_a_step_without_a_rule_is_its_lanes(hall: Hall) -> None:
    row = step(hall, there(hall))
    assert (row.role, row.domain, row.assignee) == (SECOND, f"branch:{BRANCH}", None)


def test_a_named_person_gets_the_step_without_any_post(hall: Hall) -> None:
    no = there(hall, candidates=f"user:{ALONE.id}")
    assert step(hall, no).assignee == ALONE.id
    with pytest.raises(errors.Forbidden, match="由指定的人员办理"):
        hall.approve(no, SECONDER)
    with pytest.raises(errors.Forbidden, match="指定由您办理，不能退领"):
        engine.release(hall.rt, ALONE, hall.task(no))
    assert engine.view(hall.rt, ALONE, no).task is not None
    assert hall.approve(no, ALONE).status == "completed"


def test_another_branch_does_the_step(hall: Hall) -> None:
    far = person("staff:61", "潘复核", (SECOND, f"branch:{OTHER_BRANCH}"))
    town(hall).move_in(far)
    no = there(hall, candidates=f"role@branch:{OTHER_BRANCH}")
    with pytest.raises(errors.Forbidden, match="您没有该岗位"):
        hall.approve(no, SECONDER)
    assert hall.task(no)
    assert step(hall, no).domain == f"branch:{OTHER_BRANCH}"


def test_the_whole_centre_or_another_post_does_the_step(hall: Hall) -> None:
    head = person("staff:62", "龙主任", (SECOND, "*"))
    town(hall).move_in(head)
    no = there(hall, candidates="role@*")
    with pytest.raises(errors.Forbidden, match="您没有该岗位"):
        hall.approve(no, SECONDER)
    assert hall.approve(no, head).status == "completed"
    no = there(hall, candidates="归集审核岗")
    assert hall.approve(no, REVIEWER_2).status == "completed"


def test_the_applicant_confirms_what_was_done(hall: Hall) -> None:
    no = there(hall, candidates="starter")
    assert step(hall, no).assignee == APPLICANT.id
    assert hall.approve(no, APPLICANT).status == "completed"


def test_who_decided_before_decides_again_where_it_is_drawn(hall: Hall) -> None:
    no = there(hall, candidates="previous:review")
    assert step(hall, no).assignee == REVIEWER.id
    assert hall.approve(no, REVIEWER).status == "completed"


def test_one_of_several_people_takes_the_step(hall: Hall) -> None:
    no = there(hall, candidates=f"expr:['{ALONE.id}', '{SECONDER.id}', '{FAR.id}']")
    task = hall.task(no)
    assert step(hall, no).assignee is None
    assert {"claim", "approve"} <= engine.view(hall.rt, ALONE, no).verbs
    with pytest.raises(errors.Forbidden, match="由指定的人员办理"):
        engine.claim(hall.rt, SECONDER_2, task)
    engine.claim(hall.rt, ALONE, task)
    with pytest.raises(errors.Conflict, match="石督查已领取"):
        engine.approve(hall.rt, SECONDER, task)
    engine.release(hall.rt, ALONE, task)
    assert hall.approve(no, SECONDER).status == "completed"


def test_an_expression_sees_the_data_and_whose_request_it_is(hall: Hall) -> None:
    text = "expr:boss if branch == 'QDN01' and scope == 'unit:0208' and starter else ''"
    no = there(hall, before=f"boss = '{ALONE.id}'", candidates=text)
    assert step(hall, no).assignee == ALONE.id


def test_an_expression_may_name_a_post(hall: Hall) -> None:
    no = there(hall, candidates="expr:'归集审核岗' if values else '归集复核岗'")
    assert step(hall, no).role == "归集审核岗"


@pytest.mark.parametrize("people", [[REVIEWER], [APPLICANT], [INSIDER, REVIEWER]])
def test_nobody_is_named_whom_four_eyes_bar(hall: Hall, people: list[Actor]) -> None:
    rule = f"expr:{[each.id for each in people]}"
    hall.deploy(diagrams.picked(candidates=rule, nobody="admin"), "handpicked")
    no = hall.file(INSIDER if INSIDER in people else APPLICANT, key="handpicked")
    hall.approve(no, REVIEWER)
    assert step(hall, no).role == "流程管理员"


# ── nobody ─────────────────────────────────────────────────────────────────────────────────────

WRONG = [
    "user:staff:404",
    "expr:[]",
    "expr:['staff:404']",
    "expr:17",
    "expr:[1, 2]",
    "expr:None",
    "expr:missing + 1",
    "expr:'没有这个岗位'",
    "previous:picked",
    f"role@branch:{OTHER_BRANCH}",
]


@pytest.mark.parametrize("rule", WRONG)
def test_when_nobody_matches_the_step_waits_in_the_pool_and_admins_are_told(
    hall: Hall, rule: str
) -> None:
    no = there(hall, candidates=rule)
    row = step(hall, no)
    assert (row.role, row.domain, row.assignee) == (SECOND, f"branch:{BRANCH}", None)
    for admin in (KEEPER, KEEPER_2):
        assert hall.messages(admin) == ["有业务无人可办"]
    assert hall.messages(FAR_KEEPER) == []
    assert hall.approve(no, SECONDER).status == "completed"


def test_a_post_without_anybody_is_noticed_where_the_diagram_asks(hall: Hall) -> None:
    for gone in (SECONDER, SECONDER_2, BOTH):
        del town(hall).people[gone.id]
    there(hall)
    assert hall.messages(KEEPER) == [], "a plain step asks the directory nothing"
    there(hall, nobody="wait")
    assert hall.messages(KEEPER) == ["有业务无人可办"]


def test_a_post_whose_only_holder_decided_before_counts_as_nobody(hall: Hall) -> None:
    for gone in (SECONDER, SECONDER_2):
        del town(hall).people[gone.id]
    no = there(hall, BOTH, nobody="admin")
    assert step(hall, no).role == "流程管理员"
    assert hall.approve(no, KEEPER).status == "completed"


def test_a_step_nobody_matches_may_be_passed_over_by_the_system(hall: Hall) -> None:
    no = there(hall, candidates="expr:[]", nobody="skip")
    assert hall.case(no).status == "completed"
    with hall.sessions() as session:
        last = session.scalars(select(History).order_by(History.seq.desc())).first()
    assert last is not None
    assert {"node": "picked", "name": "指定办理", "skipped": True} in last.detail["auto"]
    assert hall.case(no).deciders["picked"] == ["system", "系统", "skip"]


def test_a_step_that_may_be_passed_over_is_not_when_somebody_matches(hall: Hall) -> None:
    no = there(hall, candidates=f"user:{ALONE.id}", nobody="skip")
    assert hall.approve(no, ALONE).status == "completed"


def test_a_loop_of_steps_that_are_passed_over_ends(hall: Hall) -> None:
    content = diagrams.process(
        "round",
        diagrams.start(),
        diagrams.form("fill"),
        diagrams.gateway("again", kind="exclusive"),
        diagrams.user("check", "检查", verbs="approve,return", nobody="skip", candidates="expr:[]"),
        diagrams.gateway("enough", "again"),
        diagrams.end(),
        diagrams.flows("start", "fill", "again", "check", "enough", "again"),
        diagrams.flow("enough", "end", "'never' in values"),
        lanes=diagrams.lane("单位经办人", "fill") + diagrams.lane(SECOND, "check"),
    )
    hall.deploy(content, "round")
    with pytest.raises(errors.HallError, match="循环"):
        hall.file(key="round")
    assert hall.picture()["hall_instance"] == []


def test_a_step_that_halts_is_an_incident_until_somebody_can_do_it(hall: Hall) -> None:
    no = there(hall, candidates="user:staff:70", nobody="halt")
    assert hall.tasks(no) == []
    with hall.sessions() as session:
        (incident,) = session.scalars(select(Incident))
        assert (incident.kind, incident.node, incident.resolved_at) == ("step", "picked", None)
        assert "没有可以办理的人员" in incident.error
    late = person("staff:70", "新来的")
    with pytest.raises(errors.HallError, match="仍没有成功"):
        repairing.retry(hall.rt, KEEPER, incident.id)
    assert hall.tasks(no) == [], "still nobody"
    town(hall).move_in(late)
    repairing.retry(hall.rt, KEEPER, incident.id)
    assert step(hall, no).assignee == late.id
    assert hall.approve(no, late).status == "completed"


def test_a_vote_without_any_voter_follows_the_same_rule(hall: Hall) -> None:
    content = diagrams.joint_review(sign="all", signers=f"users:{APPLICANT.id}", nobody="skip")
    hall.deploy(content, "joint_review")
    no = hall.file(key="joint_review")
    assert hall.where(no) == ["last"]


def test_a_returned_step_goes_back_to_the_named_person(hall: Hall) -> None:
    no = there(hall, candidates=f"expr:['{ALONE.id}', '{SECONDER.id}']")
    hall.send_back(no, ALONE, "review")
    hall.approve(no, REVIEWER)
    assert step(hall, no).assignee == ALONE.id


# ── at deploy ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("props", "sentence"),
    [
        ({"candidates": "nobody:x"}, "candidates“nobody:x”不认识"),
        ({"candidates": "role@elsewhere"}, "不认识"),
        ({"candidates": "user:"}, "不认识"),
        ({"candidates": "previous:fill"}, "不是本流程的审批步骤"),
        ({"candidates": "previous:gone"}, "不是本流程的审批步骤"),
        ({"candidates": "expr:1 +"}, "不能用"),
        ({"nobody": "ignore"}, "nobody 只能是"),
        ({"batch": "yes"}, "batch 只能是 true 或 false"),
        ({"straight": "no"}, "straight 只能是 true 或 false"),
        ({"sign": "all"}, "须同时设置"),
        ({"signers": "users:a"}, "须同时设置"),
        ({"sign": "most", "signers": "users:a"}, "会签方式“most”不认识"),
        ({"sign": "ratio:2", "signers": "users:a"}, "会签方式“ratio:2”不认识"),
        ({"sign": "all", "signers": "users:a,,b"}, "signers 应为"),
        ({"sign": "all", "signers": "expr:("}, "不能用"),
        ({"sign": "all", "signers": "users:a", "candidates": "role"}, "请删除 candidates"),
        (
            {"sign": "all", "signers": "users:" + ",".join(map(str, range(21)))},
            "会签人员最多 20 人",
        ),
    ],
)
def test_a_misspelt_rule_is_refused_at_deploy(
    hall: Hall, props: dict[str, str], sentence: str
) -> None:
    with pytest.raises(errors.BadDefinition) as refused:
        hall.deploy(diagrams.picked(**props), "handpicked")
    (problem,) = refused.value.problems
    assert sentence in problem.text
    assert problem.text.startswith("“指定办理”")
    assert problem.field == "picked"


def test_rules_about_people_belong_to_reviews(hall: Hall) -> None:
    content = diagrams.process(
        "odd",
        diagrams.start(),
        diagrams.form("fill", candidates="starter"),
        diagrams.end(),
        diagrams.flows("start", "fill", "end"),
        lanes=diagrams.lane("单位经办人", "fill"),
        urge_per_day="often",
    )
    with pytest.raises(errors.BadDefinition) as refused:
        hall.deploy(content, "odd")
    texts = [problem.text for problem in refused.value.problems]
    assert texts == [
        "属性 urge_per_day 应为 0 到 20 的每日催办次数。",
        "“填写申请”不是审批步骤，不能设置 candidates，请删除。",
    ]
