"""Every register: what it shows of the unit's own rows, what it adds up, and that it shows nobody
else's.  The names of the tests carry the rows of the manuals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from engine.errors import HallError, Refused
from handlers.registers import catalog, reading
from handlers.registers.asking import Asked, Reader, ask
from handlers.registers.declaring import Register
from tests.builders import registers
from tests.builders.books import UNIT
from tests.builders.members import OTHER_UNIT, resident_id, two_units
from tests.builders.registers import THIRD_UNIT, World
from tests.conftest import Clock
from tests.handlers.register_rows import SHOWN

TODAY = date(2026, 7, 15)
STAFF = Reader(frozenset({"branch:QDN01"}), TODAY)
FAR = Reader(frozenset({"branch:QDN02"}), TODAY)
EVERYBODY = Reader(frozenset({"*"}), TODAY)


def of_unit(account_no: str) -> Reader:
    return Reader(frozenset({f"unit:{account_no}"}), TODAY, account_no)


OWN = of_unit(UNIT)


@pytest.fixture(scope="module")
def world(module_database_url: str) -> Iterator[World]:
    with two_units(module_database_url, Clock()) as books:
        yield registers.world(books)


def asked(world: World, key: str, reader: Reader = OWN, **words: str) -> Asked:
    """What is asked; {june} and the like are ids of the world."""
    words = {name: text.format(**world.ids) for name, text in words.items()}
    found = ask(catalog.BY_KEY[key], reader, words)
    assert found.ready, (found.problems, found.missing)
    return found


def rows(world: World, wanted: Asked) -> list[dict[str, Any]]:
    names = [column.name for column in wanted.register.columns]
    page = reading.page(world.session, wanted)
    world.session.rollback()
    return [dict(zip(names, line.values, strict=True)) for line in page.lines]


def totals(world: World, wanted: Asked) -> dict[str, int]:
    sums = reading.sums(world.session, wanted)
    world.session.rollback()
    names = [column.name for column in wanted.register.columns]
    pairs = zip(names, sums.totals, strict=True)
    return {"rows": sums.rows} | {name: total for name, total in pairs if total is not None}


def _named(key: str) -> str:
    return "_".join((*catalog.BY_KEY[key].sources, key))


EVERY = pytest.mark.parametrize("key", sorted(catalog.BY_KEY), ids=_named)


@EVERY
def test_a_register_shows_the_units_own_rows_and_adds_them_up(world: World, key: str) -> None:
    words, first, sums = SHOWN[key]
    wanted = asked(world, key, **words)
    shown = rows(world, wanted)
    assert {name: shown[0][name] for name in first} == first
    assert totals(world, wanted) == sums
    assert len(shown) == sums["rows"]


@EVERY
def test_nobody_else_sees_a_row_of_it(world: World, key: str) -> None:
    words, _, _ = SHOWN[key]
    for stranger in (of_unit(THIRD_UNIT), FAR, Reader(frozenset(), TODAY)):
        # naming the other unit in the address changes nothing
        everything = asked(world, key, stranger, **(words | {"unit": UNIT}))
        page = reading.page(world.session, everything)
        assert (page.lines, page.sums.rows) == ([], 0), stranger
        assert not list(reading.pieces(world.session, everything))


@EVERY
def test_staff_of_the_branch_and_of_the_centre_find_the_same_rows(world: World, key: str) -> None:
    words, _, _ = SHOWN[key]
    mine = rows(world, asked(world, key, **words))
    for reader in (STAFF, EVERYBODY):
        assert rows(world, asked(world, key, reader, **(words | {"unit": UNIT}))) == mine


@EVERY
def test_a_file_holds_what_the_pages_show(world: World, key: str) -> None:
    words, _, _ = SHOWN[key]
    wanted = asked(world, key, **words)
    pieces = [line.values for piece in reading.pieces(world.session, wanted) for line in piece]
    assert pieces == [line.values for line in reading.page(world.session, wanted).lines]


@EVERY
def test_no_register_shows_a_persons_number_in_full(world: World, key: str) -> None:
    words, _, _ = SHOWN[key]
    shown = str(rows(world, asked(world, key, **words)))
    for number in (resident_id(1), resident_id(2), "1380000000", "6217001230000098765"):
        assert number not in shown
    assert "522601198801010011" not in shown


# ── what single registers promise ──────────────────────────────────────────────────────────────


def test_sx_10_3_both_units_of_a_transfer_see_it_and_its_direction(world: World) -> None:
    out = rows(world, asked(world, "transfers", side="out"))
    assert rows(world, asked(world, "transfers", of_unit(OTHER_UNIT), side="in")) == out
    assert rows(world, asked(world, "transfers", side="in")) == []


def test_xz_6_3c_the_undo_log_shows_what_the_reviewer_wrote(world: World) -> None:
    (found,) = rows(world, asked(world, "undo_log", business="change"))
    assert (found["opinion"], found["name"], found["kind"]) == ("同意撤销", "杨秀兰", "启封")
    assert found["reason"] == "选错了人，应为 522601********0011"


def test_sx_4_1_somebody_has_to_be_named(world: World) -> None:
    nothing = ask(catalog.BY_KEY["individual_ledger"], OWN, {})
    assert nothing.missing == "请填写职工姓名、证件号码、职工账号中的至少一项，再点查询。"
    assert not nothing.ready


def test_sx_4_3_only_ended_fund_years_may_be_chosen(world: World) -> None:
    register = catalog.BY_KEY["yearly_statement"]
    assert ask(register, OWN, {}).values["year"] == "2026"
    for year in ("2027", "2016", "", "x"):
        running = ask(register, OWN, {"year": year})
        assert running.problems == {"year": "请选择已经结束的公积金年度。"}, year
    before = asked(world, "yearly_statement", year="2025")
    assert rows(world, before) == []  # nobody had an account then


def test_sx_4_3_the_statement_leads_to_the_entries_of_that_year(world: World) -> None:
    line = reading.page(world.session, asked(world, "yearly_statement")).lines[0]
    span = {"day_from": str(line.extra["first"]), "day_to": str(line.extra["last"])}
    entries = asked(world, "individual_ledger", account=line.extra["account_no"], **span)
    sums = totals(world, entries)
    assert (line.extra["first"], line.extra["last"]) == (date(2025, 7, 1), date(2026, 6, 30))
    assert sums["income"] - sums["expense"] == line.values[-2]


def test_qdn_06_1_accounts_are_found_by_state_and_opening_day(world: World) -> None:
    assert len(rows(world, asked(world, "members", status="01", opened_to="2026-03-02"))) == 3
    assert rows(world, asked(world, "members", opened_from="2026-03-03")) == []
    assert rows(world, asked(world, "members", status="closed")) == []


def test_staff_say_whom_they_mean_where_only_that_is_found_quickly(world: World) -> None:
    for key, register in catalog.BY_KEY.items():
        words = {name: text.format(**world.ids) for name, text in SHOWN[key][0].items()}
        named = {"name", "person", "account", "loan", "remittance"} & set(words)
        found = ask(register, STAFF, words)
        free = not register.narrow or bool(
            named & {f.name for f in register.filters if f.kind in ("name", "number")}
        )
        assert found.ready == free, key


# ── conditions ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("key", "words", "count"),
    [
        ("change_roster", {"kind": "seal"}, 1),
        ("change_roster", {"month_from": "2026-08"}, 0),
        ("change_roster", {"month_from": "", "month_to": "202607"}, 5),
        ("seal_changes", {"day_from": "2026-07-01", "day_to": "2026-07-31"}, 1),
        ("seal_changes", {"name": "秀"}, 2),
        ("seal_changes", {"name": "%"}, 0),
        ("seal_changes", {"account": "0000"}, 0),
        ("unit_changes", {"day_from": "2026-07-10", "day_to": "2026-07-10"}, 1),
        ("unit_changes", {"day_from": "2026-07-11"}, 0),
        ("unit_journal", {"business": "interest"}, 1),
        ("unit_journal", {"day_from": "20260601"}, 2),
        ("payments", {"method": "realtime"}, 0),
        ("submitted_data", {"no": "QDN-20260710-000001"}, 1),
        ("task_progress", {"review": "yes"}, 0),
        ("task_progress", {"state": "running"}, 1),  # DZ-U-08
        ("task_progress", {"state": "returned"}, 0),
        ("remittances", {"state": "posted", "month_from": "2026-06", "month_to": "2026-06"}, 1),
    ],
)
def test_conditions_narrow_what_is_shown(
    world: World, key: str, words: dict[str, str], count: int
) -> None:
    assert len(rows(world, asked(world, key, **words))) == count


def test_a_condition_nobody_has_touched_holds_its_default_and_an_emptied_one_does_not() -> None:
    register = catalog.BY_KEY["base_changes"]
    assert ask(register, OWN, {}).words["day_from"] == "2026-07-01"
    assert ask(register, OWN, {"day_from": ""}).values.get("day") is None
    assert dict(ask(register, OWN, {"day_from": ""}).words)["day_from"] == ""
    assert ask(catalog.BY_KEY["openings"], OWN, {}).words["day_from"] == "2025-07-15"


@pytest.mark.parametrize(
    ("words", "param", "sentence"),
    [
        ({"day_from": "2026-02-30"}, "day_from", "请按 2026-07-01 的样式填写。"),
        ({"day_to": "昨天"}, "day_to", "请按 2026-07-01 的样式填写。"),
        ({"day_from": "9999999-1-1"}, "day_from", "请按 2026-07-01 的样式填写。"),
        (
            {"day_from": "2026-07-02", "day_to": "2026-07-01"},
            "day_to",
            "结束不能早于开始，请核对。",
        ),
        ({"month_from": "2026-13"}, "month_from", "请按 2026-07 的样式填写。"),
        ({"name": "\x00"}, "name", "有无法识别的内容，请重新填写。"),
        ({"person": "99999999999"}, "person", "有无法识别的内容，请重新填写。"),
        ({"person": "-1"}, "person", "有无法识别的内容，请重新填写。"),
    ],
)
def test_what_is_no_condition_is_named_beside_its_field(
    words: dict[str, str], param: str, sentence: str
) -> None:
    found = ask(catalog.BY_KEY["base_changes"], OWN, words)
    assert found.problems == {param: sentence}
    assert not found.ready


def test_addresses_typed_by_hand_get_a_sentence_or_the_usual_page() -> None:
    register = catalog.BY_KEY["base_changes"]
    assert ask(register, OWN, {"rows": "1000000000"}).rows == 20
    assert ask(register, OWN, {"rows": "500"}).rows == 500
    with pytest.raises(Refused, match="没有的条件"):
        ask(register, OWN, {"unit_account_no": OTHER_UNIT})
    assert ask(register, OWN, {"unit": OTHER_UNIT}).unit == UNIT


def test_a_place_to_go_on_from_that_nobody_wrote_is_refused(world: World) -> None:
    wanted = asked(world, "base_changes")
    for odd in ("x", "", "W10", "WyJhIl0", "WzEuNV0", "WzFd" * 500, "Wzk5OTk5OTk5OTk5XQ", "😀"):
        for way in ({"after": odd}, {"before": odd}):
            if odd:
                with pytest.raises(Refused, match="翻页位置无效"):
                    reading.page(world.session, wanted, **way)


def test_registers_a_centre_does_not_list_are_not_there() -> None:
    class Nothing:
        registers = ()

    with pytest.raises(HallError, match="没有这项查询"):
        catalog.find(Nothing(), OWN, "members")  # type: ignore[arg-type]


def test_every_register_names_its_rows_and_is_tested() -> None:
    assert set(SHOWN) == set(catalog.BY_KEY)
    for register in catalog.ALL:
        assert register.sources, register.key
        assert len({column.name for column in register.columns}) == len(register.columns)
        assert _params_differ(register), register.key


def _params_differ(register: Register) -> bool:
    params = [param for one in register.filters for param in one.params]
    return len(params) == len(set(params))
