"""Full numbers in registers: only for who holds a post the centre lets read them, only where it is
held, only when asked to, and never in a file one person takes alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from engine.errors import Forbidden
from engine.runtime import Actor
from handlers.registers import catalog, exporting, reading
from handlers.registers.asking import Asked, Reader, ask, in_full, personal, reader_of
from tests.builders import registers
from tests.builders.books import UNIT
from tests.builders.members import resident_id, two_units
from tests.builders.registers import World
from tests.conftest import Clock
from tests.handlers.register_rows import SHOWN

TODAY = date(2026, 7, 15)
POLICY = {"归集审核岗": ("id_no", "mobile", "bank_card"), "财务岗": ("bank_card",)}
HERE, ELSEWHERE = "branch:QDN01", "branch:QDN02"
PAYER = "6217001230000098765"


@pytest.fixture(scope="module")
def world(module_database_url: str) -> Iterator[World]:
    with two_units(module_database_url, Clock()) as books:
        yield registers.world(books)


def holding(*posts: tuple[str, str]) -> Reader:
    return reader_of(Actor("staff:1", "王审核", frozenset(posts)), TODAY, POLICY)


def asked(world: World, key: str, reader: Reader) -> Asked:
    words = {name: text.format(**world.ids) for name, text in SHOWN[key][0].items()}
    return ask(catalog.BY_KEY[key], reader, words | {"unit": UNIT})


def full(world: World, key: str, reader: Reader) -> Asked:
    return in_full(asked(world, key, reader), catalog.BY_KEY[key].columns)


def values(world: World, wanted: Asked) -> list[dict[str, Any]]:
    names = [column.name for column in wanted.register.columns]
    lines = reading.page(world.session, wanted).lines
    assert [line.values for piece in reading.pieces(world.session, wanted) for line in piece] == [
        line.values for line in lines
    ]
    return [dict(zip(names, line.values, strict=True)) for line in lines]


def test_a_post_of_the_branch_reads_the_numbers_it_asks_for_and_no_others(world: World) -> None:
    clerk = holding(("归集审核岗", HERE))
    assert values(world, full(world, "members", clerk))[0]["id_no"] == resident_id(1)
    assert values(world, full(world, "suspense", clerk))[0]["payer_account"] == PAYER
    everywhere = holding(("归集审核岗", "*"))
    assert values(world, full(world, "yearly_statement", everywhere))[0]["id_no"] == resident_id(1)
    # nobody sees one who has not asked
    assert "*" in values(world, asked(world, "members", clerk))[0]["id_no"]


def test_a_post_reads_only_the_kinds_the_centre_names(world: World) -> None:
    finance = holding(("财务岗", HERE))
    assert values(world, full(world, "suspense", finance))[0]["payer_account"] == PAYER
    with pytest.raises(Forbidden, match="不能查看这里的完整号码"):
        full(world, "members", finance)


def test_numbers_of_another_branch_stay_masked(world: World) -> None:
    both = holding(("归集审核岗", ELSEWHERE), ("查询岗", HERE))
    shown = values(world, full(world, "members", both))
    assert len(shown) == 3
    assert resident_id(1) not in str(shown)


def test_what_people_have_typed_stays_masked(world: World) -> None:
    clerk = holding(("归集审核岗", HERE))
    everything = asked(world, "undo_log", clerk)
    assert "522601198801010011" not in str(values(world, replace(everything, full=True)))


@pytest.mark.parametrize("key", sorted(catalog.BY_KEY))
def test_who_holds_no_such_post_cannot_ask_for_a_number(world: World, key: str) -> None:
    for reader in (holding(("查询岗", HERE)), Reader(frozenset({f"unit:{UNIT}"}), TODAY, UNIT)):
        with pytest.raises(Forbidden):
            full(world, key, reader)
        # and a question that claims to have been allowed finds them masked all the same
        claimed = replace(asked(world, key, reader), full=True)
        found = str([line.values for line in reading.page(world.session, claimed).lines])
        for number in (resident_id(1), resident_id(2), "1380000000", PAYER):
            assert number not in found


def test_a_register_without_numbers_has_none_to_ask_for() -> None:
    clerk = holding(("归集审核岗", HERE))
    kinds = {key: personal(one.columns, clerk) for key, one in catalog.BY_KEY.items()}
    assert kinds["members"] == ("id_no", "mobile")
    assert kinds["suspense"] == ("bank_card",)
    assert kinds["unit_journal"] == ()


def test_a_file_with_full_numbers_needs_a_second_person_however_short(world: World) -> None:
    wanted = full(world, "members", holding(("归集审核岗", HERE)))
    refused = exporting.refusal(wanted, 1, alone=5_000)
    assert refused is not None
    assert refused.text == "带完整号码的数据须他人同意，请在查询页面点“申请导出”。"
    assert ("号码", "完整号码") in wanted.shown
