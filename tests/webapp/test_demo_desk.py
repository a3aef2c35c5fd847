"""A new demonstration has work on its desks, and files a visitor can import at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

import engine
from engine.database import transaction
from engine.models import Instance, Task
from forms.rosters import editing, importing
from handlers import demo
from handlers.banking.models import AWAITING, Payment
from handlers.ledger import verifying
from handlers.registers import catalog, reading
from handlers.registers.asking import ask, reader_of
from handlers.rosters import store
from handlers.rosters.models import FAULTY, OPEN, SOUND, Roster
from webapp import cli, demodesk, demofiles, demomatters, jobs
from webapp.jobs import Workshop

SIZE = demo.Size(units=40, members=0, months=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        made = tmp_path_factory.mktemp("demos")
        patch.setattr(cli, "demo_folder", lambda center: made / center)
        yield made


def opened(center: str) -> Workshop:
    settings = cli.demo_settings(center, None, None)
    if not (settings.data_path / demofiles.FOLDER).exists():
        cli.migrate_database(settings)
        cli.load_demo(settings, SIZE)
    return jobs.workshop(settings)


@pytest.fixture(params=["qiandongnan", "dazhou", "xizang"])
def shop(request: pytest.FixtureRequest, folder: Path) -> Iterator[Workshop]:
    found = opened(request.param)
    yield found
    found.engine.dispose()


WAITING = {
    "qiandongnan": {"归集审核岗", "归集复核岗", "业务主管", "单位经办人"},
    "dazhou": {"归集审核岗", "归集复核岗", "业务主管", "单位经办人", "财务岗"},
    "xizang": {"归集审核岗", "归集复核岗", "业务主管", "单位经办人"},
}


def test_somebody_waits_in_every_box_and_one_request_came_back(shop: Workshop) -> None:
    with shop.sessions() as session:
        roles = set(session.scalars(select(Task.role).where(Task.status == "open")))
        states = Counter(session.scalars(select(Instance.status)))
        awaited = session.scalars(select(Payment).where(Payment.state == AWAITING)).all()
        assert verifying.verify(session).faults == ()
    assert roles == WAITING[shop.center.code]
    assert states["returned"] == 1
    assert len(awaited) == (shop.center.code == "xizang")


def test_the_export_that_waits_for_a_second_person_has_rows_to_export(shop: Workshop) -> None:
    with shop.sessions() as session:
        rt = shop.runtime(session)
        filed = session.scalars(select(Instance).where(Instance.key == "large_export_staff")).one()
        clerk = rt.directory.find(filed.starter_id)
        assert clerk is not None
        wanted = engine.view(rt, clerk, filed.no).data["export"]
        reader = reader_of(clerk, demodesk.Desks(rt, shop.settings).today)
        asked = ask(catalog.BY_KEY[wanted["register"]], reader, wanted["words"])
        assert asked.ready
        assert reading.sums(session, asked).rows > 0


def test_the_second_unit_has_begun_a_roster_with_one_wrong_row(shop: Workshop) -> None:
    with shop.sessions() as session:
        desks = demodesk.Desks(shop.runtime(session), shop.settings)
        mine = Roster.scope == desks.of(desks.second).scope
        begun = session.scalars(
            select(Roster).where(mine, Roster.state == OPEN, Roster.key == "open_accounts")
        ).one()
        rows = store.rows(session, begun.id, limit=10)
    assert Counter(row.state for row in rows) == {SOUND: 3, FAULTY: 1}


def imported(shop: Workshop, sample: str) -> Counter[str]:
    """States of the rows of a sample, uploaded into an empty roster of its service."""
    with shop.sessions() as session:
        rt = shop.runtime(session)
        desks = demodesk.Desks(rt, shop.settings)
        money = sample.startswith("statement")
        key, form = (
            ("bank_statement", "banking.Statement")
            if money
            else ("open_accounts", "contributions.OpenAccounts")
        )
        actor = desks.holder("财务岗") if money else desks.operator(desks.first)
        where = desks.of_branch if money else desks.of(desks.first)
        with transaction(session):
            roster = store.open_roster(rt, actor, key, form, scope=where.scope, branch=where.branch)
        number = roster.id
        editing.remove(rt, actor, number)
        if not money:
            demomatters.choose_rates(desks, actor, number)
        book = demofiles.path(shop.settings, sample).read_bytes()
        name = f"{sample}.xlsx"
        importing.start_import(rt, actor, roster, book, file_name=name, stated_rows=None)
    jobs.drain_jobs(shop)
    with shop.sessions() as session:
        sums = store.sums(session, number)
        return Counter({SOUND: sums.sound, FAULTY: sums.faulty})


def test_a_tidy_sample_is_sound_and_an_untidy_one_has_rows_to_put_right(shop: Workshop) -> None:
    statement, spoiled = imported(shop, "statement"), imported(shop, "statement-dirty")
    assert statement[SOUND] >= 3
    assert (statement[FAULTY], spoiled[FAULTY] >= 6) == (0, True)
    assert imported(shop, "new-accounts") == {SOUND: demofiles.FEW, FAULTY: 0}
    untidy = imported(shop, "new-accounts-dirty")
    assert untidy[FAULTY] >= 5
    assert untidy[SOUND] >= 3


def test_every_offered_sample_is_there(shop: Workshop) -> None:
    assert set(demofiles.offered(shop.settings)) == set(demofiles.NAMES)
