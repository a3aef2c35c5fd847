"""Pages of a register while rows arrive, and what reading one unit costs among many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from engine.database import transaction
from handlers.ledger.drafts import Line
from handlers.registers import catalog, reading
from handlers.registers.asking import Asked, Reader, ask
from tests.builders import registers
from tests.builders.books import UNIT
from tests.builders.crowds import crowd
from tests.builders.members import two_units
from tests.builders.registers import World, change
from tests.conftest import Clock

OWN = Reader(frozenset({f"unit:{UNIT}"}), date(2026, 7, 15), UNIT)
# What grows with every unit of a centre; nobody's page may walk through all of it.
LARGE = (
    *("hall_voucher", "hall_entry", "hall_member_change", "hall_remittance"),
    *("hall_remittance_line", "hall_individual_account", "hall_person", "hall_instance"),
    *("hall_task", "hall_payment", "hall_bank_receipt", "hall_loan", "hall_loan_repayment"),
    *("hall_unit_change", "hall_unit_rate_change", "hall_annual_assessment", "hall_ledger_account"),
    *("hall_roster", "hall_job", "hall_receipt", "hall_export_record"),
)
WORDS = {
    "individual_ledger": {"account": "0108"},
    "loan_repayments": {"loan": "1"},
    "remittance_lines": {"remittance": "1"},
}


@pytest.fixture(scope="module")
def world(module_database_url: str) -> Iterator[World]:
    with two_units(module_database_url, Clock()) as books:
        world = registers.world(books)
        if module_database_url.startswith("postgresql"):
            crowd(world.session, LARGE, rows=3_000)
        yield world


def asked(key: str, **words: str) -> Asked:
    return ask(catalog.BY_KEY[key], OWN, words)


def add(world: World, first: int, count: int) -> None:
    with transaction(world.session) as session:
        rows = [change(world.people[0], first + n, month="2026-01") for n in range(count)]
        session.add_all(rows)


def test_no_row_is_lost_or_repeated_while_others_arrive(world: World) -> None:
    add(world, 1_000, 45)
    wanted = asked("base_changes", day_from="", month_from="2026-01", month_to="2026-01")
    before = [line.cursor for piece in reading.pieces(world.session, wanted) for line in piece]
    page = reading.page(world.session, wanted)
    assert (len(page.lines), page.first, page.sums.rows, page.previous) == (20, 1, 45, "")
    seen = [line.cursor for line in page.lines]
    place = page.next
    while place:
        add(world, 2_000 + len(seen), 3)  # newer ones: they stand before the first page
        page = reading.page(world.session, wanted, after=place)
        assert page.first == page.sums.rows - 45 + len(seen) + 1
        seen += [line.cursor for line in page.lines]
        place = page.next
    assert seen == before
    back = reading.page(world.session, wanted, before=page.previous)
    assert [line.cursor for line in back.lines] == before[20:40]
    assert back.next == before[39]


def test_pages_of_an_ascending_register_go_on_and_back(world: World) -> None:
    wanted = asked("members")
    whole = [line.cursor for line in reading.page(world.session, wanted).lines]
    behind = reading.page(world.session, wanted, after=whole[0])
    assert [line.cursor for line in behind.lines] == whole[1:]
    assert (behind.first, behind.previous, behind.next) == (2, whole[1], "")
    front = reading.page(world.session, wanted, before=whole[2])
    assert [line.cursor for line in front.lines] == whole[:2]
    assert (front.first, front.previous, front.next) == (1, "", whole[1])


def test_an_order_of_several_values_goes_on_inside_equal_ones(world: World) -> None:
    for key, words in (
        ("remittances", {}),
        ("unit_journal", {}),
        ("undo_log", {}),
        ("individual_ledger", {"name": "龙德昌"}),
        ("submitted_data", {}),
        ("unit_changes", {}),
    ):
        wanted = asked(key, **words)
        whole = [line.cursor for line in reading.page(world.session, wanted).lines]
        one_by_one = whole[:1]
        while (page := reading.page(world.session, wanted, after=one_by_one[-1])).lines:
            one_by_one.append(page.lines[0].cursor)
            assert page.first == len(one_by_one), key
        assert one_by_one == whole, key


def test_a_file_holds_no_transaction_open_between_its_pieces(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE_ROWS", 10)
    wanted = asked("change_roster", month_from="2026-01", month_to="2026-01")
    pieces = []
    for piece in reading.pieces(world.session, wanted):
        assert not world.session.in_transaction()
        pieces.append(len(piece))
    assert sum(pieces) == reading.sums(world.session, wanted).rows > 40
    assert set(pieces[:-1]) == {10}
    world.session.rollback()


def test_xz_6_2b_what_moves_between_members_is_what_the_unit_has_gained_or_lost(
    world: World,
) -> None:
    books, (first, second, *_) = world.books, world.people
    one, two = first.ledger_account_id, second.ledger_account_id
    over, payable = books.account("interbranch"), books.account("interest_payable")
    out = books.post("internal_transfer", {one: -700, over: 700}, unit_account_no=UNIT)
    books.post("internal_transfer", {over: -300, one: 300}, unit_account_no=UNIT)
    earned = [Line(payable, -5), Line(one, 5, interest_cents=5)]
    merged = [*earned, Line(one, -205), Line(two, 205)]
    books.post("account_merge", merged, unit_account_no=UNIT)
    books.reverse(out)
    found = {}
    for business in ("internal_transfer", "account_merge"):
        page = reading.page(world.session, asked("unit_journal", business=business))
        places = [page_place(name) for name in ("income", "expense", "interest", "amount")]
        found[business] = [tuple(line.values[n] for n in places) for line in page.lines]
    assert found == {
        "internal_transfer": [(0, -700, 0, 700), (300, 0, 0, 300), (0, 700, 0, -700)],
        "account_merge": [(0, 0, 5, 5)],
    }
    world.session.rollback()


def page_place(name: str) -> int:
    columns = catalog.BY_KEY["unit_journal"].columns
    return [column.name for column in columns].index(name)


# ── cost ───────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def statements(session: Session) -> Iterator[list[tuple[str, Any]]]:
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((statement, parameters))

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("key", sorted(catalog.BY_KEY))
def test_reading_one_unit_walks_through_no_large_table(world: World, key: str) -> None:
    wanted = asked(key, **WORDS.get(key, {}))
    session = world.session
    session.rollback()
    with statements(session) as found:
        reading.page(session, wanted)
    assert len(found) >= 2, "a page and its sums"
    for statement, parameters in found:
        if statement.lstrip().upper().startswith("SELECT"):
            assert walked(session, statement, parameters) == set(), statement
    session.rollback()


def test_a_walk_through_a_large_table_would_be_seen(world: World) -> None:
    for key, table, words in (
        ("unit_journal", "hall_voucher", {"day_from": ""}),
        ("suspense", "hall_bank_receipt", {"state": "", "arrived_from": ""}),
    ):
        everybody = Reader(frozenset({"*"}), date(2026, 7, 15))
        wanted = ask(catalog.BY_KEY[key], everybody, words)
        with statements(world.session) as found:
            reading.sums(world.session, wanted)
        assert table in walked(world.session, *found[-1])
        world.session.rollback()


def walked(session: Session, statement: str, parameters: Any) -> set[str]:
    """Large tables a statement reads from end to end."""
    connection = session.connection()
    if session.get_bind().dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"explain query plan {statement}", parameters).all()
        scans = [row[-1].split() for row in plan if row[-1].startswith("SCAN")]
        named = {words[1].rstrip("_0123456789") for words in scans}  # an alias is numbered
        return named & set(LARGE)
    session.execute(text("set local enable_seqscan = off"))
    plan = connection.exec_driver_sql(f"explain (format json) {statement}", parameters).scalar()
    plan = plan if isinstance(plan, list) else json.loads(plan)
    return set(_full(plan[0]["Plan"]))


def _full(node: dict[str, Any]) -> Iterator[str]:
    bounded = "Index Cond" in node or node["Node Type"] == "Bitmap Heap Scan"
    if node.get("Relation Name") in LARGE and not bounded:
        yield node["Relation Name"]
    for inner in node.get("Plans", ()):
        yield from _full(inner)
