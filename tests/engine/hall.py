"""A hall without fund and web: who works in it, what its operations do, what its database holds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session, sessionmaker

import engine
from engine import Actor, Mandate, Problem, Runtime
from engine.database import configure
from engine.errors import BpmnError, OperationFailed
from engine.models import Base, History, Instance, Task
from engine.operations import Call, operation
from engine.owed import messages, outbox
from tests.builders.diagrams import FIRST, OPERATOR, SECOND
from tests.servers import compiled_once

if TYPE_CHECKING:  # the processes of test_crash.py start faster without pytest
    from tests.conftest import Clock

_OURS = {m.local_table for m in Base.registry.mappers if m.class_.__module__.startswith("engine.")}
TABLES = [table for table in Base.metadata.sorted_tables if table in _OURS]  # the engine's alone
_PICTURE = {table.name: select(table).order_by(*table.primary_key) for table in TABLES}
LONG_AFTER = datetime(2099, 1, 1, tzinfo=UTC)
UNIT, OTHER_UNIT, BRANCH, OTHER_BRANCH = "unit:0208", "unit:0999", "QDN01", "QDN02"


def person(number: str, name: str, *posts: tuple[str, str]) -> Actor:
    return Actor(number, name, frozenset(posts), title=posts[0][0] if posts else "")


APPLICANT = person("operator:1", "杨秀兰", (OPERATOR, UNIT))
COLLEAGUE = person("operator:2", "罗建军", (OPERATOR, UNIT))
STRANGER = person("operator:9", "吴外人", (OPERATOR, OTHER_UNIT))
REVIEWER = person("staff:1", "王审核", (FIRST, f"branch:{BRANCH}"))
REVIEWER_2 = person("staff:2", "赵审核", (FIRST, f"branch:{BRANCH}"))
SECONDER = person("staff:3", "李复核", (SECOND, f"branch:{BRANCH}"))
SECONDER_2 = person("staff:4", "陈复核", (SECOND, f"branch:{BRANCH}"))
BOTH = person("staff:5", "周同舟", (FIRST, f"branch:{BRANCH}"), (SECOND, f"branch:{BRANCH}"))
FAR = person("staff:6", "吴审核", (FIRST, f"branch:{OTHER_BRANCH}"))
EVERYWHERE = person("staff:12", "龙主管", (FIRST, "*"))
KEEPER = person("staff:90", "石管理", ("流程管理员", f"branch:{BRANCH}"))
KEEPER_2 = person("staff:91", "田管理", ("流程管理员", "*"))
FAR_KEEPER = person("staff:92", "潘管理", ("流程管理员", f"branch:{OTHER_BRANCH}"))
# works for the centre and is an operator of the unit at once
INSIDER = person("staff:7", "姚兼职", (OPERATOR, UNIT), (FIRST, f"branch:{BRANCH}"))
EVERYBODY = (
    (APPLICANT, COLLEAGUE, STRANGER, REVIEWER, REVIEWER_2, SECONDER, SECONDER_2, BOTH, FAR)
    + (EVERYWHERE, INSIDER, KEEPER, KEEPER_2, FAR_KEEPER)
)  # fmt: skip


def standing_in(deputy: Actor, *principals: Actor) -> Actor:
    """The same person while they stand in for others (代理)."""
    return replace(deputy, mandates=tuple(Mandate(each, LONG_AFTER) for each in principals))


@dataclass
class Town:
    """Who can be found; a test lets people come and go."""

    people: dict[str, Actor] = field(
        default_factory=lambda: {each.id: each for each in EVERYBODY},
    )

    def find(self, person_id: str) -> Actor | None:
        return self.people.get(person_id)

    def holders(self, role: str, domain: str) -> list[Actor]:
        return [each for each in self.people.values() if each.holds(role, domain)]

    def move_in(self, *people: Actor) -> None:
        self.people |= {each.id: each for each in people}


@dataclass
class Desk:
    """What the centre is to the test operations: which of them refuse, and who wants to know."""

    failing: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    when: dict[str, Callable[[Call], None]] = field(default_factory=dict)


@operation("tests/apply")
def apply(call: Call) -> dict[str, Any]:
    """Writes what an operation may write: rows of its own and something owed to the world."""
    _hook(call, "apply")
    outbox.put(call.session, "tests.letter", {"no": call.no}, key=call.key, now=call.rt.clock())
    _note(call, "applied")
    return {"applied": True}


@operation("tests/note")
def note(call: Call) -> None:
    _hook(call, "note")
    _note(call, call.params["event"])


@operation("tests/echo")
def echo(call: Call) -> dict[str, Any]:
    """Returns its parameters."""
    return dict(call.params)


@operation("tests/bpmn_error")
def bpmn_error(call: Call) -> dict[str, Any]:
    """Writes, and then reports an error the diagram may catch."""
    _note(call, "half-written")
    desk = call.rt.profile
    if isinstance(desk, Desk) and "bpmn_error" in desk.failing:
        raise BpmnError("NO_FUNDS", "账户余额不足，请先补缴。")
    return {}


def _hook(call: Call, name: str) -> None:
    desk = call.rt.profile
    if isinstance(desk, Desk):
        desk.calls.append(name)
        if name in desk.when:
            desk.when[name](call)
        if name in desk.failing:
            messages_of(call, "half-written")
            raise OperationFailed(Problem("tests.refused", "登记机关没有答应，请稍后再试。"))


def _note(call: Call, event: str) -> None:
    messages_of(call, event)


def messages_of(call: Call, title: str) -> None:
    messages.put(
        call.session,
        recipient=call.instance.starter_id,
        title=title,
        body=call.data.get("opinion", ""),
        business=call.instance.name,
        channel="系统通知",
        no=call.no,
        now=call.rt.clock(),
    )


@contextmanager
def database(url: str) -> Iterator[Engine]:
    made = compiled_once(configure(create_engine(url)))
    try:
        yield made
    finally:
        made.dispose()


@dataclass
class Hall:
    """Shorthand for what every test does; the verbs themselves are called as the web calls them."""

    rt: Runtime
    clock: Clock
    database: Engine
    desk: Desk

    @property
    def sessions(self) -> sessionmaker[Session]:
        return sessionmaker(self.database)

    def runtime(self, session: Session) -> Runtime:
        return replace(self.rt, session=session)

    def deploy(self, content: bytes, key: str = "two_reviews", **more: bytes) -> engine.Deployed:
        files = {f"{key}.bpmn": content} | {f"{n}.bpmn": c for n, c in more.items()}
        return engine.deploy(self.rt, key, files)

    def file(self, who: Actor = APPLICANT, key: str = "two_reviews", **filed: Any) -> str:
        """File a request and return its number."""
        return engine.start(self.rt, who, key, **(filing() | filed)).no

    def task(self, no: str) -> int:
        """The id of the only open step."""
        (task,) = self.tasks(no)
        return task.id

    def tasks(self, no: str) -> list[Task]:
        with self.sessions() as session:
            query = select(Task).join(Instance).where(Instance.no == no, Task.status == "open")
            return list(session.scalars(query.order_by(Task.id)))

    def where(self, no: str) -> list[str]:
        """The steps at which the request stands."""
        return [task.node for task in self.tasks(no)]

    def approve(self, no: str, who: Actor, **more: Any) -> engine.Outcome:
        return engine.approve(self.rt, who, self.task(no), **more)

    def send_back(self, no: str, who: Actor, node: str = "fill", **more: Any) -> engine.Outcome:
        said = {"opinion": "材料不清晰"} | more
        return engine.return_to(self.rt, who, self.task(no), node=node, **said)

    def resubmit(self, no: str, who: Actor = APPLICANT, **data: Any) -> engine.Outcome:
        task = self.task(no)
        return engine.submit(self.rt, who, task, data=data, summary="改好了")

    def case(self, no: str) -> Instance:
        with self.sessions() as session:
            return session.scalars(select(Instance).where(Instance.no == no)).one()

    def verbs(self, no: str) -> list[str]:
        """The history, oldest first; its numbering is checked on the way."""
        with self.sessions() as session:
            query = select(History).join(Instance).where(Instance.no == no).order_by(History.seq)
            rows = list(session.scalars(query))
            revision = session.scalar(select(Instance.revision).where(Instance.no == no))
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        assert revision == len(rows)
        return [row.verb for row in rows]

    def messages(self, who: Actor = APPLICANT) -> list[str]:
        with self.sessions() as session:
            query = select(messages.Message).where(messages.Message.recipient == who.id)
            return [row.title for row in session.scalars(query.order_by(messages.Message.id))]

    def picture(self) -> dict[str, list[Any]]:
        """Everything the engine's tables hold, to compare before with after."""
        with self.database.connect() as connection:
            return {name: list(connection.execute(rows)) for name, rows in _PICTURE.items()}

    def together(self, *deeds: Callable[[Runtime], Any]) -> list[Any]:
        """Do all deeds at the same moment, each in its own thread and session; what each returned
        or raised, in order."""
        results: list[Any] = [None] * len(deeds)
        gun = threading.Barrier(len(deeds))

        def run(place: int) -> None:
            with self.sessions() as session:
                rt = replace(self.rt, session=session)
                gun.wait(timeout=10)
                try:
                    results[place] = deeds[place](rt)
                except Exception as error:
                    results[place] = error

        threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(len(deeds))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
            assert not thread.is_alive(), "a deadlock"
        self.rt.session.rollback()  # its snapshot is older than what the threads did
        return results


def filing(**changes: Any) -> dict[str, Any]:
    """The keyword arguments of `engine.start` for an ordinary request."""
    return {
        "data": {"form": "tests.Form", "values": {"pay_day": "20"}, "changes": [], "materials": []},
        "scope": UNIT,
        "scope_name": "凯里市云谷文旅发展有限公司",
        "branch": BRANCH,
        "summary": "发薪日 1 项变更",
    } | changes
