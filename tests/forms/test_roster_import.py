"""A workbook becomes rows of a roster: all of them once, or none and a sentence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session, sessionmaker

from engine.database import configure, transaction
from engine.errors import Conflict, Problem, Refused
from engine.owed import jobs
from forms.excel import reading
from forms.excel.reading import Sheet
from forms.excel.templates import template
from forms.rosters import importing, parked
from forms.rosters.base import Desk, RosterForm
from handlers.rosters import store
from handlers.rosters.models import APPLYING, Roster, RosterFile
from tests.builders import people, rosters
from tests.builders.imports import ME, Importing
from tests.builders.sheets import HEADING, Wages, book
from tests.builders.stored import stored
from tests.builders.units import texts
from tests.conftest import Clock
from tests.engine.killing import killed


@pytest.fixture
def sessions(database_url: str) -> Iterator[sessionmaker[Session]]:
    with people.store(database_url) as opened:
        yield opened


@pytest.fixture
def desk(sessions: sessionmaker[Session], clock: Clock) -> Importing:
    return Importing(sessions, clock, Wages)


def sheet(count: int, *, wrong: tuple[int, ...] = ()) -> bytes:
    rows = [["职工", f"A{n}", 8, "x" if n in wrong else 5390] for n in range(count)]
    return book(HEADING, *rows)


def numbers(desk: Importing) -> list[str]:
    return [line.values["work_no"] for line in desk.lines()]


def test_a_workbook_is_imported_and_the_result_is_said_in_words(desk: Importing) -> None:
    assert desk.bring(sheet(10, wrong=(3, 7))) == {
        "rows": 10,
        "sound": 8,
        "faulty": 2,
        "notes": [],
        "text": "共 10 行，合格 8 行，有误 2 行",
    }
    lines = desk.lines()
    assert [line.seq for line in lines] == list(range(1, 11))
    assert [line.seq for line in lines if not line.sound] == [4, 8]
    assert lines[3].values["base"] == "x"
    assert lines[3].notes == ["上传文件第 5 行"]
    assert lines[0].notes == []


def test_the_file_is_sealed_while_it_waits_and_gone_when_it_was_read(
    desk: Importing, database_url: str
) -> None:
    content = "姓名,工号\n钟离昧不可见,A1\n".encode()
    job_id = desk.upload(content)
    assert desk.roster().job_id == job_id
    assert desk.roster().file_name == "清册.xlsx"
    assert "钟离昧不可见".encode() not in stored(database_url)
    desk.work(job_id)
    with desk.sessions() as session:
        assert session.scalars(select(RosterFile.roster_id)).all() == []
    assert desk.roster().job_id is None
    assert [line.values["name"] for line in desk.lines()] == ["钟离昧不可见"]


def test_a_second_file_is_appended_and_doubles_are_found_across_both(desk: Importing) -> None:
    desk.bring(sheet(3))
    assert desk.bring(sheet(4))["faulty"] == 3
    lines = desk.lines()
    assert [line.seq for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert lines[3].problems[0].text.startswith("与第 1 行的工号相同")


def test_a_file_may_replace_what_was_there(desk: Importing) -> None:
    desk.bring(sheet(3))
    assert desk.bring(sheet(2), replace=True)["sound"] == 2
    assert [line.seq for line in desk.lines()] == [4, 5]


def test_doubles_are_found_across_pieces(desk: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PIECE_ROWS", 2)
    rows = [["张三", number] for number in ("A", "B", "C", "A", "D", "C")]
    desk.bring(book(HEADING, *rows))
    assert [line.seq for line in desk.lines() if not line.sound] == [4, 6]


# ── refused as a whole ─────────────────────────────────────────────────────────────────────────


def test_a_row_count_that_is_not_what_was_typed_stores_nothing(desk: Importing) -> None:
    desk.bring(sheet(1))
    result = desk.bring(sheet(11), stated_rows=12, replace=True)
    assert result == {
        "refused": "您填写的导入条数是 12，文件中有 11 行，请核对文件，或修改导入条数后重新上传。"
    }
    assert numbers(desk) == ["A0"]
    assert desk.bring(sheet(11), stated_rows=11, replace=True)["rows"] == 11


def test_a_file_that_is_no_workbook_is_refused_before_anything_is_ordered(desk: Importing) -> None:
    with pytest.raises(Refused, match="PDF"):
        desk.upload(b"%PDF-1.7")
    assert desk.roster().job_id is None


def test_a_workbook_without_the_columns_is_refused_by_the_job(desk: Importing) -> None:
    assert "没有找到标题行" in desk.bring(book(["部门"], ["财务部"]))["refused"]
    assert (desk.lines(), desk.roster().job_id) == ([], None)


def test_a_template_of_another_service_is_refused(desk: Importing) -> None:
    content = template(rosters.Newcomers, texts(), rows=[rosters.PERSON])
    assert desk.bring(content) == {
        "refused": "这是别的业务的模板，请下载“工资基数”的模板填写后上传。"
    }
    assert desk.lines() == []


def test_a_template_of_another_unit_is_refused(
    desk: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = rosters.desk(None)  # type: ignore[arg-type]
    monkeypatch.setattr(type(other), "unit_account_no", property(lambda _: "020899999999"))
    monkeypatch.setattr("forms.excel.sheets.units.unit", lambda *_: None)
    content = template(Wages, texts(), desk=other, rows=[{"name": "张三"}])
    monkeypatch.undo()
    assert desk.bring(content)["refused"] == (
        "这是单位 020899999999 的模板，请下载本单位的模板填写后上传。"
    )


def test_a_roster_has_a_limit_however_many_files_it_comes_from(
    desk: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "ROWS_MAX", 5)
    desk.bring(sheet(3))
    assert "清册中已有 3 行，文件中有 3 行，合计超过 5 行" in desk.bring(sheet(3))["refused"]
    assert desk.bring(sheet(5), replace=True)["rows"] == 5


def test_a_business_that_is_closed_takes_no_file(
    desk: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gate(_form: type[RosterForm], _desk: Desk) -> list[Problem]:
        return [Problem("window", "调整窗口为每年 7 月，现在不能办理。")]

    monkeypatch.setattr(Wages, "gate", classmethod(gate))
    assert desk.bring(sheet(1)) == {"refused": "调整窗口为每年 7 月，现在不能办理。"}


# ── one import at a time ───────────────────────────────────────────────────────────────────────


def test_a_second_file_has_to_wait_for_the_first(desk: Importing) -> None:
    job_id = desk.upload(sheet(2))
    with pytest.raises(Conflict, match="正在导入"):
        desk.upload(sheet(2))
    desk.work(job_id)
    desk.bring(sheet(2), replace=True)


def test_after_a_cancelled_import_another_file_may_come(desk: Importing) -> None:
    job_id = desk.upload(sheet(2))
    with desk.sessions() as session:
        from engine.boxes import job_desk

        job_desk.cancel(desk.runtime(session), ME, job_id)
    assert desk.bring(sheet(3))["rows"] == 3


def test_a_roster_that_is_being_applied_takes_no_file(desk: Importing) -> None:
    with desk.sessions() as session, transaction(session):
        session.get_one(Roster, desk.roster_id).state = APPLYING
    with pytest.raises(Conflict, match="已经在办理"):
        desk.upload(sheet(1))


# ── slices and kills ───────────────────────────────────────────────────────────────────────────


def test_an_import_that_is_cut_behind_every_piece_stores_every_row_once(
    desk: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PIECE_ROWS", 3)
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.0)
    job_id = desk.upload(sheet(10, wrong=(1,)))
    assert desk.work(job_id)["text"] == "共 10 行，合格 9 行，有误 1 行"
    assert desk.job(job_id).attempts == 5
    assert (desk.job(job_id).done, desk.job(job_id).total) == (10, 10)
    assert numbers(desk) == [f"A{n}" for n in range(10)]


def test_progress_is_told_while_it_works(desk: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PIECE_ROWS", 4)
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.0)
    job_id = desk.upload(sheet(6, wrong=(0,)))
    jobs.run_one(desk, job_id, clock=desk.clock)
    seen = desk.job(job_id)
    assert (seen.done, seen.total, seen.message) == (4, 6, "已校验 4 行，有误 1 行")
    assert desk.work(job_id)["faulty"] == 1


def test_the_next_slice_reads_on_without_opening_the_file_again(
    desk: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PIECE_ROWS", 2)
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.0)
    opened: list[Sheet] = []
    read = reading.read

    def noted(*args: Any, **more: Any) -> Sheet:
        opened.append(read(*args, **more))
        return opened[-1]

    monkeypatch.setattr(reading, "read", noted)
    desk.bring(sheet(6))
    assert len(opened) == 1
    assert not alive(opened[0])


def test_a_slice_that_comes_too_late_opens_the_file_anew(
    desk: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PIECE_ROWS", 2)
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.0)
    closed = threading.Event()
    put = parked.park

    def briefly(key: tuple[int, ...], opened: parked.Opened) -> None:
        close = opened.sheet.close
        monkeypatch.setattr(type(opened.sheet), "close", lambda _: (close(), closed.set()))
        put(key, opened)

    monkeypatch.setattr(parked, "PARKED_SECONDS", 0.0)
    monkeypatch.setattr(parked, "park", briefly)
    job_id = desk.upload(sheet(4))
    assert jobs.run_one(desk, job_id, clock=desk.clock)
    assert closed.wait(10)
    monkeypatch.undo()
    assert desk.work(job_id)["rows"] == 4
    assert numbers(desk) == ["A0", "A1", "A2", "A3"]


def test_one_file_at_most_is_kept_open(desk: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (reading.read(sheet(1), Wages.columns()) for _ in range(2))
    for key, one in enumerate((first, second)):
        parked.park((key,), parked.Opened(one, None, {}))  # type: ignore[arg-type]
    assert (alive(first), alive(second)) == (False, True)
    assert parked.take((0,)) is None
    found = parked.take((1,))
    assert found is not None
    found.sheet.close()
    assert not alive(second)


def alive(sheet: Sheet) -> bool:
    """Whether the process that reads it is still there."""
    assert sheet._source is not None
    return sheet._source._child.poll() is None


@pytest.mark.parametrize("replace", [False, True])
def test_killed_at_any_moment_it_goes_on_and_no_row_comes_twice(
    desk: Importing, database_url: str, clock: Clock, replace: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(importing, "PIECE_ROWS", 4)
    desk.bring(book(HEADING, ["旧人", "OLD"]))
    wanted = ([] if replace else ["OLD"]) + [f"A{n}" for n in range(6)]

    def deed(engine: Engine) -> Any:
        shop = Importing(sessionmaker(engine), clock, Wages)
        return jobs.run_one(shop, job_id, clock=clock)

    moment = 3 * replace
    while True:
        moment += 6
        clear(desk)
        job_id = desk.upload(sheet(6), replace=replace)
        if not killed(database_url, moment, deed):
            break
        clock.advance(seconds=jobs.LEASE_SECONDS + 1)
        assert desk.work(job_id)["rows"] == 6
        assert numbers(desk) == wanted, moment
        clock.advance(seconds=1)
    assert moment > 20, "it makes that many statements"
    assert numbers(desk) == wanted


def clear(desk: Importing) -> None:
    """Only the old row is left."""
    with desk.sessions() as session, transaction(session):
        roster = store.locked(session, desk.roster_id)
        store.remove(session, roster, None)
        line = store.Line({"work_no": "OLD", "name": "旧人"}, subject="OLD")
        store.add(session, roster, [line])


def test_a_run_that_was_killed_behind_its_last_commit_still_has_its_result(
    desk: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = desk.upload(sheet(2))

    def die(_work: jobs.Work) -> None:
        raise ConnectionError("gone before it could say so")

    monkeypatch.setattr(jobs.Work, "check", die)
    jobs.run_one(desk, job_id, clock=desk.clock)
    monkeypatch.undo()
    assert desk.roster().job_id is None
    desk.clock.advance(seconds=1_000)  # type: ignore[attr-defined]
    assert desk.work(job_id)["text"] == "共 2 行，合格 2 行，有误 0 行"
    assert len(desk.lines()) == 2


def test_two_runners_do_not_store_a_piece_twice(
    desk: Importing, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    job_id = desk.upload(sheet(4))
    keep = importing._Import._keep
    late: list[Any] = []

    def overtaken(self: Any, rows: Any) -> None:
        if not late:
            late.append(1)
            desk.clock.advance(seconds=jobs.LEASE_SECONDS + 1)  # type: ignore[attr-defined]
            other = configure(create_engine(database_url))
            monkeypatch.setattr(importing._Import, "_keep", keep)
            desk.sessions, mine = sessionmaker(other), desk.sessions
            desk.work(job_id)
            desk.sessions = mine
            other.dispose()
        keep(self, rows)

    monkeypatch.setattr(importing._Import, "_keep", overtaken)
    jobs.run_one(desk, job_id, clock=desk.clock)
    assert numbers(desk) == ["A0", "A1", "A2", "A3"]
    assert desk.work(job_id)["rows"] == 4
