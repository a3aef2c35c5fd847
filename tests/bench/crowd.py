"""A hall as large as one likes, filled by SQL: people, posts, so many open steps and an archive.

Half of the steps are claimed, half lie in pools; some are forms returned to units, some are for
named people.  Nothing is random: two stores of one size hold the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

import engine
from engine import Actor
from engine.models import Base
from engine.runtime import Mandate
from tests.bench.filings import DIAGRAMS, KEY, runtime

STATE_BYTES = 512  # of a state within its row; what is longer both databases keep apart
NOW = datetime(2026, 7, 15, 1, 30, tzinfo=UTC)
TABLES = ("hall_instance", "hall_task", "hall_history", "hall_candidate", "hall_message")
APPLICANT = "单位经办人"


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who works in a hall with `steps` open steps; `ended` requests lie in its archive."""

    steps: int
    staff: int
    operators: int
    units: int
    roles: int
    branches: int
    ended: int

    @property
    def posts(self) -> int:
        return self.roles * self.branches

    def reviewer(self, number: int) -> Actor:
        """Most hold one post, one in ten three, a few one everywhere; some have a principal."""
        actor = self._employee(number)
        if number % 50 != 7:
            return actor
        mandate = Mandate(self._employee(number + 1), NOW + timedelta(days=9))
        return replace(actor, mandates=(mandate,))

    def _employee(self, number: int) -> Actor:
        who = number % self.staff
        first = who % self.posts
        posts = {first}
        if number % 10 == 0:
            posts |= {(first + more * self.branches) % self.posts for more in (1, 2)}
        held = {(f"岗{post // self.branches}", f"branch:B{post % self.branches}") for post in posts}
        if number % 97 == 5:
            held.add((f"岗{first // self.branches}", "*"))
        return Actor(f"staff:{who}", f"审核员{who}", frozenset(held))

    def operator(self, number: int) -> Actor:
        who = number % self.operators
        unit = f"unit:{who % self.units}"
        return Actor(f"operator:{who}", f"经办人{who}", frozenset({(APPLICANT, unit)}))


LARGE = Crowd(1_000_000, 8_000, 2_000, 1_000, 15, 20, ended=200_000)
# A thousand open steps: in a hall with as much on everybody's desk, and among as many people.
SMALL = Crowd(1_000, 8, 2, 1, 3, 1, ended=200)
THIN = replace(LARGE, steps=1_000, ended=200)


def fill(database: Engine, crowd: Crowd) -> None:
    """Tables, a diagram and the rows; indexes are built at the end, which is far cheaper."""
    Base.metadata.create_all(database)
    with Session(database) as session:
        files = {path.name: path.read_bytes() for path in sorted(DIAGRAMS.iterdir())}
        engine.deploy(runtime(session), KEY, files)
    _journal(database, "OFF")
    indexes = [index for name in TABLES for index in Base.metadata.tables[name].indexes]
    with database.begin() as connection:
        if database.dialect.name == "postgresql":  # rows that are known to fit need no triggers
            connection.execute(text("set local session_replication_role = replica"))
            connection.execute(text("set local maintenance_work_mem = '512MB'"))
        for index in indexes:
            index.drop(connection)
        for statement in _Filling(crowd, database.dialect.name).statements():
            connection.execute(text(statement.replace(":", "\\:")))
        for index in indexes:
            index.create(connection)
    _journal(database, "WAL")
    if database.dialect.name == "postgresql":
        with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum analyze"))


def _journal(database: Engine, mode: str) -> None:
    """SQLite would write gigabytes twice, and then read them from the journal."""
    if database.dialect.name == "sqlite":
        raw = database.raw_connection()
        cursor = raw.cursor()
        for pragma in (f"journal_mode={mode}", f"foreign_keys={int(mode == 'WAL')}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == (mode.lower(),)
        raw.close()


class _Filling:
    """The statements; `n` is the number of a request, from which everything else follows."""

    def __init__(self, crowd: Crowd, dialect: str) -> None:
        self.crowd, self.dialect = crowd, dialect
        self.operator = self._spread(668265263, crowd.operators)
        self.claimer = self._spread(2246822519, crowd.staff)
        self.decider = self._spread(3266489917, crowd.staff)
        self.filed = self._at(self._spread(374761393, 20_000))
        self.due = self._at(self._spread(374761393, 20_000) + " + 14400")
        pool = self._spread(2654435761, crowd.posts)
        # who has claimed a step holds its post
        self.post = f"(case when n % 2 = 0 then {self.claimer} % {crowd.posts} else {pool} end)"

    def _spread(self, factor: int, among: int) -> str:
        """Numbers that look unrelated to n, each as frequent as the others."""
        return f"((n * {factor}) / 65536 % {among})"

    def _at(self, minutes: str) -> str:
        if self.dialect == "postgresql":
            return f"(timestamptz '2026-07-01 00:00+00' + ({minutes}) * interval '1 minute')"
        since = f"'2026-07-01', '+' || ({minutes}) || ' minutes'"
        return f"strftime('%Y-%m-%d %H:%M:%f000', {since})"

    def _numbers(self, last: int) -> str:
        if self.dialect == "postgresql":
            return f"(select n::bigint as n from generate_series(1, {last}) as g(n)) as s"
        series = f"select 1 union all select n + 1 from s where n < {last}"
        return f"(with recursive s(n) as ({series}) select n from s) as s"

    def statements(self) -> list[str]:
        every = self._numbers(self.crowd.steps + self.crowd.ended)
        second = f"{every} where n % 3 = 0"
        running = self._numbers(self.crowd.steps)
        return [
            self._requests(every),
            self._task(every, node="fill", done_by=f"'operator:' || {self.operator}"),
            self._task(second, node="check", done_by=f"'staff:' || {self.decider}"),
            self._task(running, node="", done_by=""),
            f"""insert into hall_candidate (task_id, person_id)
            select t.id, 'staff:' || ((t.id * 31 + k) % {self.crowd.staff}) from hall_task t,
            (select 0 as k union all select 1 union all select 2) as three
            where t.role = '' and t.status = 'open'""",
            f"""insert into hall_history (instance_id, seq, at, actor_id, actor_name, actor_title,
            verb, detail, opinion, seal)
            select n, 1, {self.filed}, 'staff:1', '王审核', '归集审核岗',
            case when n % 100 = 1 then 'return' else 'start' end, '{{}}', '材料不清晰', ''
            from {every}""",
            f"""insert into hall_message (recipient, title, body, business, channel, created_at,
            read_at)
            select 'staff:' || {self.claimer}, '办结', '申请已经办结。', '量速', '系统通知',
            {self.filed}, case when n % 3 = 0 then null else {self.filed} end from {every}""",
        ]

    def _requests(self, numbers: str) -> str:
        json, blob = "", f"zeroblob({STATE_BYTES})"
        if self.dialect == "postgresql":
            json, blob = "::json", f"decode(repeat('00', {STATE_BYTES}), 'hex')"
        crowd, ended = self.crowd, f"n > {self.crowd.steps}"
        return f"""insert into hall_instance (id, no, definition_id, key, name, status, label, path,
            progress, deciders, summary, scope, scope_name, branch, starter_id, starter_name,
            revision, state, started_at, updated_at, due_at, ended_at, timer_failures, chain,
            incidents)
            select n, 'QDN-20260701-' || (1000000 + n), 1, '{KEY}', '量速',
            case when {ended} then 'completed' when n % 100 = 1 then 'returned' else 'running' end,
            '初审中',
            '["fill","check","sign"]', 'dc-', (case when n % 3 = 0 then '{{"check":["staff:' ||
            {self.decider} || '","某","approve"]}}' else '{{}}' end){json},
            '单位地址、发薪日 2 项变更', 'unit:' || ({self.operator} % {crowd.units}),
            '凯里市清水江农业发展有限公司', 'B' || ({self.post} % {crowd.branches}),
            'operator:' || {self.operator}, '杨秀兰',
            case when n % 3 = 0 or n % 100 = 1 then 2 else 1 end, {blob},
            {self.filed}, {self.filed},
            {self.due}, case when {ended} then {self.due} end, 0, '', 0 from {numbers}"""

    def _task(self, numbers: str, *, node: str, done_by: str) -> str:
        """A decided step at `node`, or where the request stands now."""
        crowd, starter = self.crowd, f"'operator:' || {self.operator}"
        is_form, is_named = "n % 100 = 1", "n % 100 = 3"
        at = f"'{node}'" if node else "case when n % 3 = 0 then 'sign' else 'check' end"
        form = "true" if node == "fill" else "false" if node == "check" else is_form
        assignee = f"case when {is_form} then {starter} when n % 2 = 0 then 'staff:' ||"
        assignee = done_by or f"{assignee} {self.claimer} end"
        done = (self.filed, done_by, "'某人'", "'start'" if node == "fill" else "'approve'")
        completed = ", ".join(done if node else ("null",) * len(done))
        false = "false" if self.dialect == "postgresql" else "0"
        return f"""insert into hall_task (instance_id, spiff_id, visit, part, position, key,
            starter_id, batch, node, node_name, kind, role, domain, status, assignee,
            assignee_name, created_at, due_at, order_at, completed_at, completed_by,
            completed_by_name, decision)
            select n, '{node}' || n, 1, 'step', 0, '{KEY}', {starter}, {false},
            case when {form} then 'fill' else {at} end, '审核',
            case when {form} then 'form' else 'review' end,
            case when {form} then '{APPLICANT}' when {is_named} then ''
            else '岗' || ({self.post} / {crowd.branches}) end,
            case when {form} then 'unit:' || ({self.operator} % {crowd.units})
            when {is_named} then 'people'
            else 'branch:B' || ({self.post} % {crowd.branches}) end,
            '{"done" if node else "open"}', {assignee},
            case when {is_form} or n % 2 = 0 then '某人' end,
            {self.filed}, {self.due}, {self.due}, {completed} from {numbers}"""
