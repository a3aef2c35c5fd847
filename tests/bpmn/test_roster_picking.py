"""从名册选择: whom the hall lists, who can be ticked, and what a pick puts into the roster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from engine.errors import Refused
from forms import registry
from forms.rosters import picking
from forms.rosters.picking import Asked, Offer, Picked
from handlers.rosters.models import Roster
from handlers.rosters.store import Line
from tests.bpmn.desks import Desk, Open, typed

SEAL, BASES, UNDO = "seal_accounts", "base_adjustment", "undo_changes"


def asked(desk: Desk, key: str) -> Asked:
    form = registry.roster(desk._form(key))
    assert form is not None
    columns = form.columns(desk.house.center.services[key])
    return picking.asked_of(form, [spec for spec in columns if spec.typed])


def listed(desk: Desk, key: str, **how: str) -> list[Offer]:
    number = desk.roster(key)
    with desk.rt() as rt:
        roster = rt.session.get_one(Roster, number)
        offers, more = picking.offered(rt, desk.operator, roster, asked(desk, key), **how)
    assert not more
    return offers


def pick(
    desk: Desk,
    key: str,
    *keys: str,
    sums: Mapping[str, Mapping[str, str]] | None = None,
    **said: str,
) -> Sequence[Line]:
    number = desk.roster(key)
    with desk.rt() as rt:
        roster = rt.session.get_one(Roster, number)
        return picking.pick(rt, desk.operator, roster, Picked(keys, sums or {}, said))


def test_xz_2_1c_everybody_in_state_normal_is_listed_and_one_reason_seals_those_ticked(
    house: Open,
) -> None:
    desk = house("xizang").unit(unit_rate=12, individual_rate=12)
    first, second, third = desk.member(), desk.member(), desk.member()
    desk.file(SEAL, {"individual_account_no": third, "reason": "01"})
    offers = listed(desk, SEAL)
    assert [(one.key, one.why) for one in offers] == [(first, ""), (second, "")]
    assert offers[0].line.values["monthly_amount"] == "1,920.00"
    (line,) = pick(desk, SEAL, first, reason="02")
    assert (typed(line), line.values["reason"]) == ([], "02")
    assert desk.case(desk.submit(SEAL)).status == "completed"
    assert desk.account(first).account_status == "02"
    assert desk.account(second).account_status == "01"


def test_who_is_in_the_roster_already_cannot_be_ticked_again(house: Open) -> None:
    desk = house("xizang").unit()
    first, second = desk.member(), desk.member()
    pick(desk, SEAL, first, reason="01")
    assert [(one.key, one.why) for one in listed(desk, SEAL)] == [
        (first, "已在清册中"),
        (second, ""),
    ]


def test_somebody_is_found_by_name_or_by_account_number(house: Open) -> None:
    desk = house("xizang").unit()
    number, other = desk.member(), desk.member()
    name = desk.account(number).person.person_name
    assert [one.key for one in listed(desk, SEAL, sought=number)] == [number]
    assert [one.key for one in listed(desk, SEAL, sought=name)] == [number]
    assert other not in {one.key for one in listed(desk, SEAL, sought=name)}


def test_xz_2_2a_new_sums_are_typed_beside_the_people(house: Open) -> None:
    desk = house("xizang").unit(unit_rate=12, individual_rate=12)
    first, second = desk.member(), desk.member()
    open_ = asked(desk, BASES)
    assert [spec.name for spec in open_.each] == ["monthly_amount"]
    assert not open_.ticks, "a sum chooses its line"
    assert [one.why for one in listed(desk, BASES)] == ["", ""]
    (line,) = pick(desk, BASES, sums={first: {"monthly_amount": "2400"}})
    assert typed(line) == []
    desk.submit(BASES)
    assert desk.account(first).monthly_amount_cents == 240_000
    assert desk.account(second).monthly_amount_cents == 192_000


def test_xz_2_1e_this_months_changes_are_ticked_and_undone(house: Open) -> None:
    desk = house("xizang").unit()
    number, kept = desk.member(), desk.member()
    for one in (number, kept):
        desk.file(SEAL, {"individual_account_no": one, "reason": "01"})
    newest, older = listed(desk, UNDO)
    assert newest.line.values["individual_account_no"] == kept
    (line,) = pick(desk, UNDO, older.key)
    desk.submit(UNDO, seqs=[line.seq])
    assert desk.account(number).account_status == "01"
    assert desk.account(kept).account_status == "02"


def test_nothing_ticked_and_what_is_no_longer_offered_are_refused_in_words(house: Open) -> None:
    desk, elsewhere = house("xizang").unit(), house("xizang").unit()
    desk.member()
    with pytest.raises(Refused, match="请先勾选"):
        pick(desk, SEAL, reason="01")
    with pytest.raises(Refused, match="请刷新页面后重新选择"):
        pick(desk, SEAL, elsewhere.member(), reason="01")
    assert desk.lines(SEAL) == []
