"""Messages belong to their recipient; drafts to whoever typed them."""

from __future__ import annotations

from typing import Any

import pytest

from engine import Runtime
from engine.database import transaction
from engine.errors import NotFound, Refused
from engine.models import Message
from engine.owed import drafts, messages
from engine.owed.drafts import DRAFT_BYTES_MAX
from tests.engine.hall import APPLICANT, COLLEAGUE, Hall


def write(hall: Hall, **more: Any) -> Message:
    said = {
        "recipient": APPLICANT.id,
        "title": "已办结",
        "body": "您的申请已办结",
        "business": "测试业务",
        "channel": "系统通知",
        "no": "QDN-1",
        "now": hall.clock(),
    } | more
    with transaction(hall.rt.session) as session:
        messages.put(session, **said)
    with hall.sessions() as session:
        return session.query(Message).order_by(Message.id.desc()).first()


def test_a_message_with_the_same_key_is_written_once(hall: Hall) -> None:
    write(hall, key="k")
    write(hall, key="k", title="again")
    write(hall)
    write(hall)
    assert hall.messages() == ["已办结"] * 3


def test_marking_as_read_keeps_the_first_time(hall: Hall) -> None:
    message = write(hall)
    messages.mark_read(hall.rt, APPLICANT, message.id)
    first = hall.clock()
    hall.clock.advance(hours=1)
    messages.mark_read(hall.rt, APPLICANT, message.id)
    assert messages.get(hall.rt, APPLICANT, message.id).read_at == first


def test_a_deleted_message_can_be_opened_and_restored(hall: Hall) -> None:
    message = write(hall)
    messages.delete(hall.rt, APPLICANT, message.id)
    assert messages.get(hall.rt, APPLICANT, message.id).deleted_at == hall.clock()
    messages.restore(hall.rt, APPLICANT, message.id)
    assert messages.get(hall.rt, APPLICANT, message.id).deleted_at is None


@pytest.mark.parametrize(
    "verb", [messages.get, messages.mark_read, messages.delete, messages.restore]
)
def test_somebody_elses_message_does_not_exist(hall: Hall, verb: Any) -> None:
    message = write(hall)
    before = hall.picture()
    for who, message_id in ((COLLEAGUE, message.id), (APPLICANT, 10**6), (APPLICANT, 2**80)):
        with pytest.raises(NotFound, match="没有找到这件消息"):
            verb(hall.rt, who, message_id)
    assert hall.picture() == before


def test_a_draft_is_kept_per_person_and_page(hall: Hall) -> None:
    assert drafts.load(hall.rt, APPLICANT, "service:a") is None
    drafts.save(hall.rt, APPLICANT, "service:a", {"pay_day": "20"})
    drafts.save(hall.rt, APPLICANT, "service:b", {"pay_day": "21"})
    drafts.save(hall.rt, COLLEAGUE, "service:a", {"pay_day": "22"})
    hall.clock.advance(minutes=1)
    drafts.save(hall.rt, APPLICANT, "service:a", {"pay_day": "23"})
    kept = drafts.load(hall.rt, APPLICANT, "service:a")
    assert kept is not None
    assert (kept.data, kept.updated_at) == ({"pay_day": "23"}, hall.clock())
    other = drafts.load(hall.rt, COLLEAGUE, "service:a")
    assert other is not None
    assert other.data == {"pay_day": "22"}


def test_a_dropped_draft_is_dropped_with_the_transaction(hall: Hall) -> None:
    drafts.save(hall.rt, APPLICANT, "service:a", {"x": "1"})

    def drop_and_fail() -> None:
        with transaction(hall.rt.session) as session:
            drafts.drop(session, APPLICANT.id, "service:a")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        drop_and_fail()
    assert drafts.load(hall.rt, APPLICANT, "service:a") is not None
    hall.file(also=lambda session, case: drafts.drop(session, APPLICANT.id, "service:a"))
    assert drafts.load(hall.rt, APPLICANT, "service:a") is None


def test_a_draft_keeps_what_people_type(hall: Hall) -> None:
    typed = {"name": "㵲阳河 \U0001f600 '\"<script>", "empty": "", "nul": "a\x00b", "n": [1, {}]}
    drafts.save(hall.rt, APPLICANT, "service:a", typed)
    kept = drafts.load(hall.rt, APPLICANT, "service:a")
    assert kept is not None
    assert kept.data == typed


@pytest.mark.parametrize(
    "data",
    [{"x": "字" * DRAFT_BYTES_MAX}, {"x": "\ud800"}, {"x": 2**70}],
    ids=["too long", "not text", "huge"],
)
def test_a_draft_that_cannot_be_kept_is_refused_with_a_sentence(hall: Hall, data: Any) -> None:
    drafts.save(hall.rt, APPLICANT, "service:a", {"x": "1"})
    with pytest.raises(Refused, match="没有保存"):
        drafts.save(hall.rt, APPLICANT, "service:a", data)
    kept = drafts.load(hall.rt, APPLICANT, "service:a")
    assert kept is not None
    assert kept.data == {"x": "1"}


def test_two_tabs_saving_the_first_draft_at_once_keep_one_of_them(hall: Hall) -> None:
    def save(text: str) -> Any:
        def run(rt: Runtime) -> Any:
            return drafts.save(rt, APPLICANT, "service:a", {"x": text})

        return run

    results = hall.together(*[save(text) for text in "abcd"])
    assert all(isinstance(each, drafts.Draft) for each in results), results
    kept = drafts.load(hall.rt, APPLICANT, "service:a")
    assert kept is not None
    assert kept.data["x"] in "abcd"
    assert len(hall.picture()["hall_draft"]) == 1
