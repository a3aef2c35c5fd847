"""Who is told what when something happens to a request, and what of it leaves the hall."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session, sessionmaker

from engine import events
from engine.calendar import Weekdays
from engine.database import configure, transaction
from engine.errors import OperationFailed
from engine.models import NEVER, Definition, Instance, Message, OutboxItem, Task
from engine.operations import Call, run_once
from engine.runtime import SYSTEM, Actor, Runtime
from handlers import centers
from handlers.centers import Center, Notice
from handlers.notices import operations, queries, texts
from handlers.notices.announcements import announce
from handlers.notices.models import SmsMessage
from handlers.people.models import Operator, Post, Role, Staff
from tests.conftest import Clock
from tests.servers import compiled_once

ROOT = Path(__file__).resolve().parents[2]
CENTER = centers.load(ROOT, "qiandongnan")
APPLICANT = "13885500001"


@dataclass
class Hall:
    """One request in one centre, with an applicant and three reviewers."""

    sessions: sessionmaker[Session]
    clock: Clock
    center: Center

    def runtime(self, session: Session) -> Runtime:
        return Runtime(session, self.clock, Weekdays(), "QDN", self.center)

    def request(self, session: Session) -> Instance:
        return session.scalars(select(Instance)).one()

    def tell(self, event: str, *, key: str = "k1", reason: str = "") -> int:
        with self.sessions() as session, transaction(session):
            rt = self.runtime(session)
            return announce(rt, self.request(session), event, key=key, reason=reason)

    def call(self, params: dict[str, Any], data: dict[str, Any] | None = None) -> None:
        """As the diagram's service task does."""
        with self.sessions() as session, transaction(session):
            rt = self.runtime(session)
            instance = self.request(session)
            operations.send(Call(rt, instance, SYSTEM, "1:notify:ab", data or {}, params))

    def open_task(self, *, assignee: str | None = None, role: str = "归集审核岗") -> int:
        with self.sessions() as session, transaction(session):
            task = a_task(self.request(session).id, self.clock, assignee=assignee, role=role)
            session.add(task)
            session.flush()
            return task.id

    def messages(self) -> list[Message]:
        with self.sessions() as session:
            return list(session.scalars(select(Message).order_by(Message.id)))

    def sms(self) -> list[SmsMessage]:
        with self.sessions() as session:
            return list(session.scalars(select(SmsMessage).order_by(SmsMessage.id)))

    def owed(self) -> int:
        with self.sessions() as session:
            return len(session.scalars(select(OutboxItem)).all())

    def change(self, kind: type[Operator | Staff], login: str, **values: Any) -> None:
        with self.sessions() as session, transaction(session):
            row = session.scalars(select(kind).where(kind.login == login)).one()
            for name, value in values.items():
                setattr(row, name, value)


def a_task(instance_id: int, clock: Clock, *, assignee: str | None, role: str) -> Task:
    return Task(
        instance_id=instance_id,
        spiff_id=f"t-{role}",
        visit=1,
        node="review",
        node_name="归集审核",
        kind="review",
        role=role,
        domain="branch:QDN01",
        status="open",
        assignee=assignee,
        key="unit_info_change",
        starter_id="operator:1",
        created_at=clock(),
        order_at=NEVER,
    )


def a_request(definition_id: int, clock: Clock) -> Instance:
    return Instance(
        no="QDN-20260715-000001",
        definition_id=definition_id,
        key="unit_info_change",
        name="单位信息变更",
        status="running",
        label="初审中",
        path=[],
        progress="",
        deciders={},
        summary="发薪日 1 项变更",
        scope="unit:020810042637",
        scope_name="黔东南州苗岭建材有限公司",
        branch="QDN01",
        starter_id="operator:1",
        starter_name="杨秀兰",
        revision=1,
        state=b"",
        started_at=clock(),
        updated_at=clock(),
    )


def populate(session: Session, clock: Clock) -> None:
    definition = Definition(
        key="unit_info_change",
        version=1,
        name="单位信息变更",
        sha256="0" * 64,
        files={},
        deployed_at=clock(),
        deployed_by="system",
    )
    applicant = Operator(
        id=1,
        login="020810042637",
        name="杨秀兰",
        mobile=APPLICANT,
        password_hash="x",
        unit_account_no="020810042637",
    )
    session.add_all([definition, applicant])
    session.add(Role(name="归集审核岗"))
    session.flush()
    for number, branch in enumerate(("QDN01", "*", "QDN02"), start=1):
        staff = Staff(
            id=number,
            login=f"staff{number}",
            name=f"审核员{number}",
            mobile=f"1398550000{number}",
            password_hash="x",
        )
        staff.posts.append(Post(role="归集审核岗", branch_code=branch))
        session.add(staff)
    session.flush()
    session.add(a_request(definition.id, clock))


@pytest.fixture
def hall(database_url: str, clock: Clock) -> Iterator[Hall]:
    engine = compiled_once(configure(create_engine(database_url)))
    made = Hall(sessionmaker(engine), clock, CENTER)
    with made.sessions() as session, transaction(session):
        populate(session, clock)
    yield made
    engine.dispose()


def with_notice(hall: Hall, event: str, notice: Notice) -> Hall:
    changed = hall.center.model_copy(update={"notices": {"unit_info_change": {event: notice}}})
    return replace(hall, center=changed)


def test_completion_tells_the_applicant_in_the_hall_and_by_sms(hall: Hall) -> None:
    assert hall.tell("completed") == 1
    message = hall.messages()[0]
    assert message.recipient == "operator:1"
    assert message.title == "尊敬的杨秀兰，您已完成办理单位信息变更！"
    assert "QDN-20260715-000001" in message.body
    assert (message.business, message.no) == ("单位信息变更", "QDN-20260715-000001")
    sms = hall.sms()[0]
    assert (sms.mobile, sms.status) == (APPLICANT, "queued")
    assert "杨秀兰" in sms.text
    assert (sms.template, sms.instance_no) == ("unit_info_change.completed", message.no)
    assert hall.owed() == 1


def test_announcing_the_same_thing_twice_changes_nothing(hall: Hall) -> None:
    hall.tell("completed")
    hall.tell("completed")
    assert (len(hall.messages()), len(hall.sms()), hall.owed()) == (1, 1, 1)


def test_two_returns_are_two_notices(hall: Hall) -> None:
    hall.tell("returned", key="returned:1:7", reason="执照不清晰")
    hall.tell("returned", key="returned:1:9", reason="地址不完整")
    assert [reason in one.body for one, reason in zip(
        hall.messages(), ("执照不清晰", "地址不完整"), strict=True
    )] == [True, True]  # fmt: skip


def test_a_rolled_back_verb_leaves_no_notice(hall: Hall) -> None:
    with hall.sessions() as session:
        told = announce(hall.runtime(session), hall.request(session), "completed", key="k")
        session.rollback()
    assert told == 1
    assert (hall.messages(), hall.sms(), hall.owed()) == ([], [], 0)


def test_a_reminder_goes_to_the_pool_of_the_open_step_in_that_branch(hall: Hall) -> None:
    hall.open_task()
    assert hall.tell("reminder") == 2
    assert [one.recipient for one in hall.messages()] == ["staff:1", "staff:2"]  # not staff:3
    assert [one.mobile for one in hall.sms()] == ["13985500001", "13985500002"]


def test_a_reminder_of_a_claimed_step_goes_to_who_claimed_it(hall: Hall) -> None:
    hall.open_task(assignee="staff:2")
    assert hall.tell("reminder") == 1
    assert [one.recipient for one in hall.messages()] == ["staff:2"]


def test_a_reminder_with_nothing_open_tells_nobody(hall: Hall) -> None:
    assert hall.tell("reminder") == 0


def test_somebody_disabled_is_told_nothing(hall: Hall) -> None:
    hall.change(Operator, "020810042637", enabled=False)
    assert hall.tell("completed") == 0
    assert (hall.messages(), hall.sms()) == ([], [])


@pytest.mark.parametrize("mobile", ["", "1234", "0855-82345", "٠١٢٣٤٥٦٧٨٩٠"])
def test_without_a_mobile_the_page_says_why_no_sms_came(hall: Hall, mobile: str) -> None:
    hall.change(Operator, "020810042637", mobile=mobile)
    hall.tell("completed")
    assert len(hall.messages()) == 1
    with hall.sessions() as session:
        line = queries.for_request(session, "QDN-20260715-000001")[0]
    assert (line.status_name, line.error) == ("发送失败", "没有登记有效的手机号码")
    assert hall.owed() == 0


def test_a_centre_without_a_text_sends_nothing(hall: Hall) -> None:
    other = with_notice(hall, "refused", Notice(title="t", message="m"))
    assert other.tell("completed") == 0
    assert hall.messages() == []


def test_a_notice_without_sms_text_stays_in_the_hall(hall: Hall) -> None:
    with_notice(hall, "completed", Notice(title="t", message="m")).tell("completed")
    assert (len(hall.messages()), hall.sms()) == (1, [])


def test_the_request_page_sees_masked_numbers_oldest_first(hall: Hall) -> None:
    hall.tell("completed")
    hall.tell("refused", key="k2")
    with hall.sessions() as session:
        lines = queries.for_request(session, "QDN-20260715-000001")
        assert queries.for_request(session, "QDN-0") == []
    assert [line.mobile_masked for line in lines] == ["138****0001"] * 2
    assert "完成" in lines[0].text


def test_the_sms_carries_the_reason_masked_and_on_one_line(hall: Hall) -> None:
    notice = Notice(title="退回", message="{reason}", sms="{name}，{business}退回：{reason}")
    reason = "身份证522601199001011234与\n【执照】不符，电13885512345 {no}"
    with_notice(hall, "returned", notice).tell("returned", reason=reason)
    assert hall.sms()[0].text == (
        "杨秀兰，单位信息变更退回：身份证522****1234与 [执照]不符，电138****2345 {no}"
    )
    assert set(hall.sms()[0].params) == {"name", "business", "reason"}
    assert hall.messages()[0].body == reason  # inside the hall nothing is hidden from its applicant


# ── the operation and the listener ─────────────────────────────────────────────────────────────
def test_the_operation_sends_what_its_diagram_names(hall: Hall) -> None:
    hall.call({"event": "refused"}, {"opinion": "执照过期"})
    assert "执照过期" in hall.messages()[0].body


def test_the_operation_takes_the_last_opinion_when_the_data_has_none(hall: Hall) -> None:
    task_id = hall.open_task()
    with hall.sessions() as session, transaction(session):
        task = session.get_one(Task, task_id)
        task.status, task.completed_at = "done", hall.clock()
        task.decision, task.opinion = "refuse", "地址不实"
    hall.call({"event": "refused"})
    assert "地址不实" in hall.messages()[0].body


def test_the_operation_run_again_by_the_engine_sends_once(hall: Hall) -> None:
    for _ in range(2):
        with hall.sessions() as session, transaction(session):
            rt = hall.runtime(session)
            call = Call(rt, hall.request(session), SYSTEM, "1:n:ab", {}, {"event": "completed"})
            assert run_once(call, "notices/send") == {}
    assert (len(hall.messages()), len(hall.sms())) == (1, 1)


def test_an_unknown_event_in_a_diagram_refuses_and_writes_nothing(hall: Hall) -> None:
    with pytest.raises(OperationFailed, match="complete"):
        hall.call({"event": "complete"})
    assert hall.messages() == []


def test_a_return_is_announced_with_the_reviewers_opinion(hall: Hall) -> None:
    task_id = hall.open_task(assignee="staff:1")
    reviewer = Actor("staff:1", "审核员1")
    for _ in range(2):  # heard twice, told once
        with hall.sessions() as session, transaction(session):
            rt, task = hall.runtime(session), session.get_one(Task, task_id)
            event = events.Event("returned", rt, hall.request(session), reviewer, "请补执照", task)
            events.emit(event)
    assert [one.recipient for one in hall.messages()] == ["operator:1"]
    assert "请补执照" in hall.messages()[0].body
    assert [one.template for one in hall.sms()] == ["unit_info_change.returned"]


# ── texts, pure ────────────────────────────────────────────────────────────────────────────────
VALUES = {"name": "杨秀兰", "business": "单位信息变更", "no": "QDN-1", "reason": "", "unit": "某"}


@pytest.mark.parametrize("length", [0, 30, 116, 117, 500])
def test_a_long_reason_is_cut_and_the_rest_of_the_text_stays(length: int) -> None:
    template = "{name}，{business}{no}退回：{reason}请修改。"
    text = texts.sms_text(template, VALUES | {"reason": "长" * length})
    assert len(text) <= texts.SMS_CHARS_MAX
    assert text.startswith("杨秀兰，单位信息变更QDN-1退回：")
    assert text.endswith("请修改。")
    assert ("…" in text) == (length > 80)


def test_a_long_unit_name_gives_way_after_the_reason() -> None:
    values = VALUES | {"unit": "某" * 200, "reason": "原因"}
    text = texts.sms_text("{unit}：{reason}，{no}", values)
    assert len(text) <= texts.SMS_CHARS_MAX
    assert text.endswith("QDN-1")


@pytest.mark.parametrize("code", ["qiandongnan", "xizang"])
def test_the_templates_of_every_centre_can_be_filled(code: str) -> None:
    assert texts.check_templates(centers.load(ROOT, code)) == []


@pytest.mark.parametrize(
    ("event", "title", "words"),
    [
        ("completed", "{who}", "不认识 {who}"),
        ("completed", "{name!r}", "花括号"),
        ("completed", "{name", "花括号"),
        ("compleeted", "{name}", "没有“compleeted”这种通知"),
    ],
)
def test_a_bad_template_is_found_before_anything_is_sent(
    event: str, title: str, words: str
) -> None:
    notice = Notice.model_construct(title=title, message="m", sms="")
    center = CENTER.model_copy(update={"notices": {"unit_info_change": {event: notice}}})
    problems = texts.check_templates(center)
    assert len(problems) == 1
    assert words in problems[0].text
    assert f"notices.unit_info_change.{event}" in problems[0].text
