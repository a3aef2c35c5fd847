"""Every query of the manuals, asked by the operator of a unit that has done a summer's business.

`walks` does the business, once for each centre and kind of database; here it is only read: on the
page of the register, in its workbook, on its sheets of paper.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import engine
from forms import exporting
from handlers import centers
from handlers.members import queries as members
from handlers.people import sign_in
from handlers.registers import catalog, reading
from handlers.registers.asking import Asked, ask, reader_of
from handlers.registers.catalog import Offered
from handlers.registers.declaring import Column
from handlers.registers.reading import Page
from handlers.units import books
from tests.bpmn.desks import ROOT, Desk, House
from tests.bpmn.houses import fill, house_on
from tests.bpmn.shown import AFTERWARDS, JULY, OF_PEOPLE_AND_UNITS, Paper, Shown
from tests.bpmn.shown_money import OF_MONEY
from tests.bpmn.shown_records import OF_CHANGES
from tests.bpmn.walks import WALKS, Walk
from tests.conftest import Clock
from tests.servers import Databases
from tests.webapp.hall import Hall, make_app
from webapp.runtime import db

SHOWN: Mapping[str, tuple[str, list[Shown | Paper]]] = OF_PEOPLE_AND_UNITS | OF_CHANGES | OF_MONEY


@dataclass
class World:
    """A centre after the summer."""

    house: House
    walk: Walk
    home: Path

    @property
    def desk(self) -> Desk:
        return Desk(self.house, self.walk.number, self.walk.operator)

    @cached_property
    def hall(self) -> Hall:
        url = self.house.sessions.kw["bind"].url.render_as_string(hide_password=False)
        return Hall(make_app(url, self.home, self.house.clock, center=self.walk.center), Clock())

    @cached_property
    def client(self) -> FlaskClient:
        """The operator's browser."""
        client = self.hall.browser()
        with self.hall.app.app_context():
            now = self.house.clock()
            token = sign_in.open_session(db.session(), self.walk.operator.id, now=now)
        with client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = token, True
        return client

    def close(self) -> None:
        if "hall" in self.__dict__:
            self.hall.close()

    def said(self, value: Any) -> Any:
        """ "{anna}" is the name of whom the walk calls so."""
        return value.format(**self.walk.words) if isinstance(value, str) else value


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], World]]:
    found: dict[str, World] = {}
    with ExitStack() as stack:

        def of(center: str) -> World:
            if center not in found:
                url = databases.sqlite() if request.param == "sqlite" else databases.postgres()
                stack.callback(databases.drop, url)
                fill(url, center)
                house = stack.enter_context(house_on(url, centers.load(ROOT, center), Clock()))
                walk = WALKS[center](house)
                house.verify()
                found[center] = World(house.on(AFTERWARDS), walk, tmp_path_factory.mktemp(center))
                stack.callback(found[center].close)
            return found[center]

        yield of


@pytest.mark.parametrize("row", SHOWN)
def test_the_query_shows_what_the_unit_did(world: Callable[[str], World], row: str) -> None:
    center, views = SHOWN[row]
    there = world(center)
    keys = [view.key for view in views if isinstance(view, Shown)]
    assert any(row in catalog.BY_KEY[key].sources for key in keys)
    for view in views:
        if isinstance(view, Shown):
            _reads(there, view)
        else:
            page = there.client.get(there.said(view.address))
            assert page.status_code == 200
            for word in there.said(view.words).split():
                assert word in page.text, (view.address, word)


def _reads(there: World, view: Shown) -> None:
    """The page and its sums, and then the same in the workbook."""
    reader = reader_of(there.walk.operator, date.fromisoformat(view.today))
    offered = catalog.find(there.house.center, reader, view.key)
    register = offered.register
    asked = ask(register, reader, {name: there.said(text) for name, text in view.asked.items()})
    assert asked.ready, (asked.problems, asked.missing)
    with there.house.sessions() as session:
        page = reading.page(session, asked)
        places = [[one.name for one in register.columns].index(n) for n in view.columns.split()]
        found = [tuple(line.values[place] for place in places) for line in page.lines]
        assert found == [tuple(map(there.said, row)) for row in view.rows]
        totals = zip(register.columns, page.sums.totals, strict=True)
        sums = {column.name: total for column, total in totals} | {"rows": page.sums.rows}
        assert {name: sums[name] for name in view.sums} == view.sums
        _writes(session, offered, asked, page)


def _writes(session: Session, offered: Offered, asked: Asked, page: Page) -> None:
    """The workbook has a row for every line of the page, and in each cell what stands there."""
    out = io.BytesIO()
    at = datetime.fromisoformat(f"{AFTERWARDS}T10:00+08:00")
    exporting.write(session, offered, asked, out, by="杨秀兰", at=at)
    sheet = openpyxl.load_workbook(out).active
    cells = [[_plain(cell.value) for cell in row] for row in sheet.iter_rows()]
    heading = [column.label for column in exporting.export_columns(offered)]
    top = cells.index(heading) + 1
    written = [row[: len(heading)] for row in cells[top : top + len(page.lines)]]
    kinds = [column for _, column in offered.data]
    wanted = [
        [_cell(column, line.values[place]) for place, column in offered.data] for line in page.lines
    ]
    moments = [place for place, column in enumerate(kinds) if column.kind == "moment"]
    for row in (*written, *wanted):
        for place in moments:
            row[place] = ""
    assert written == wanted


def _plain(value: Any) -> Any:
    if isinstance(value, float | int):
        return Decimal(str(value)).normalize()
    return value.date() if isinstance(value, datetime) else value or ""


def _cell(column: Column, value: Any) -> Any:
    if value is None:
        return ""
    if column.kind == "money":
        return (Decimal(value) / 100).normalize()
    if column.kind == "count":
        return Decimal(value).normalize()
    if column.kind == "rate":  # 8 % is 0.08 to a workbook
        return (Decimal(value) / 100).normalize()
    return value


FACTS = {
    "XZ-6.2a": ("xizang", books.UnitBooks(3, 762_160, 60_000, 0, 3_100_000, 248_000, 248_000)),
    "SX-7.1": ("shaanxi", books.UnitBooks(4, 864_598, 50_000, 0, 2_610_000, 208_800, 208_800)),
    "CX-U08": ("chuxiong", books.UnitBooks(3, 1_114_160, 0, 0, 3_100_000, 310_000, 248_000)),
}


@pytest.mark.parametrize("row", FACTS)
def test_the_facts_of_the_unit_are_those_of_its_people_and_its_money(
    world: Callable[[str], World], row: str
) -> None:
    center, wanted = FACTS[row]
    there = world(center)
    with there.house.sessions() as session:
        assert books.books(session, there.walk.number) == wanted
        assert books.first_month(session, there.walk.number) == "2026-06"
    page = there.client.get("/unit").text
    cents = (wanted.base_cents, wanted.suspense_cents, wanted.unit_monthly_cents)
    for text in (there.walk.words["unit"], there.walk.number, *(f"{c / 100:,.2f}" for c in cents)):
        assert text in page, text


def test_xz_6_1b_the_card_of_an_employee_says_what_lies_there_and_who_has_a_loan(
    world: Callable[[str], World],
) -> None:
    there = world("xizang")
    words = there.walk.words
    with there.house.sessions() as session:
        domains = there.walk.operator.domains
        anna = members.account_within(session, domains, words["anna_no"])
        carl = members.account_within(session, domains, words["carl_no"])
        assert anna is not None
        assert carl is not None
        facts = members.facts(session, anna)
        assert (facts.balance_cents, facts.carried_forward_cents) == (378_080, 128_080)
        assert (facts.last_paid_on, facts.has_loan) == (JULY, True)
        assert (facts.unit_name, anna.contribution_base_cents) == (words["unit"], 1_500_000)
        assert not members.facts(session, carl).has_loan
    page = there.client.get(f"/members/{words['anna_no']}").text
    for text in (words["anna"], "3,780.80", "2026-07", "15,000.00"):
        assert text in page, text


def test_qdn_00_8_what_i_have_started_says_how_far_it_is_and_who_had_it(
    world: Callable[[str], World],
) -> None:
    there = world("qiandongnan")
    words, operator = there.walk.words, there.walk.operator
    with there.desk.rt() as rt:
        found = [(one.no, one.status) for one in engine.inbox.started(rt, operator).rows]
        numbers = [words[name] for name in ("rewrite", "cancel", "assess")]
        numbers += [words[name] for name in ("seal2", "unseal", "seal")]
        assert found == [(words["returned"], "returned"), *((no, "completed") for no in numbers)]
        history = engine.view(rt, operator, words["rewrite"]).history
        assert [entry.verb for entry in history if entry.verb == "approve"] == ["approve"] * 2
        last = engine.view(rt, operator, words["returned"]).history
        assert "请补正营业执照" in [entry.opinion for entry in last]
    assert words["returned"] in there.client.get("/inbox/started").text
