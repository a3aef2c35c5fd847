"""内部转移 both ways and 账户合并: the people, their money, and the books behind them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from engine.calendar import ZONE
from engine.errors import Refused
from handlers.ledger import closing, settling, verifying
from handlers.ledger.models import (
    Entry,
    InterestSettlement,
    LedgerAccount,
    UnitTotal,
    Voucher,
)
from tests.builders.books import CLERK
from tests.builders.changes import FAR, A, B, C, Ground, ground, newcomer
from tests.builders.members import resident_id
from tests.conftest import Clock

RICH = 10_000_000


@pytest.fixture
def here(database_url: str, clock: Clock) -> Iterator[Ground]:
    with ground(database_url, clock, day="2026-07-02") as made:
        yield made


@pytest.fixture
def sent(database_url: str, clock: Clock) -> Iterator[Ground]:
    """A centre where the old unit starts (XZ)."""
    with ground(database_url, clock, "2026-07-02", transfer_started_by="old_unit") as made:
        yield made


def total(here: Ground, unit: str) -> int:
    here.books.session.rollback()
    row = here.books.session.get(UnitTotal, unit, populate_existing=True)
    return row.balance_cents if row else 0


def settled(here: Ground) -> None:
    """The fund year 2025/26 is settled, and it is 2 July."""
    here.books.on("2026-06-30")
    settling.settle(here.books.rt, CLERK, 2026)
    here.books.on("2026-07-02")


# ── the new unit takes over ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("unit", [B, C])
def test_sx_10_1_the_account_itself_moves_with_all_its_money(here: Ground, unit: str) -> None:
    no = here.sealed(1, unit, cents=RICH)
    before = here.account(no)
    assert here.apply("InternalTransfer", newcomer(1)) == [""]
    account = here.account(no)
    assert (account.id, account.unit_account_no, account.branch_code) == (before.id, A, "QDN01")
    assert (account.account_status, account.sealed_on) == ("02", before.sealed_on)
    assert (here.heads(unit), here.heads(A)) == ((0, 0), (0, 1))
    assert (total(here, unit), total(here, A)) == (0, RICH)
    (change,) = here.changes(kind="transfer")
    assert (change.from_unit_account_no, change.to_unit_account_no) == (unit, A)
    assert (change.amount_cents, change.other_account_id, change.reason) == (RICH, None, "工作调动")
    here.verify()


def test_carried_forward_stays_carried_forward_and_interest_goes_on(
    database_url: str, clock: Clock
) -> None:
    with ground(database_url, clock, day="2026-06-01") as here:
        no, stays = here.sealed(1, C, cents=RICH), here.sealed(2, C, cents=RICH)
        settled(here)
        carried = here.money(no).carried_forward_cents
        assert carried == RICH + 12_500, "30 days at 1.5 % of 100,000.00"
        assert here.apply("InternalTransfer", newcomer(1)) == [""]
        assert here.money(no).carried_forward_cents == carried
        here.books.on("2027-06-30")
        settling.settle(here.books.rt, CLERK, 2027)
        assert here.money(no).balance_cents == here.money(stays).balance_cents
        for branch in ("QDN01", FAR):
            closing.close_through(here.books.rt, branch, date(2027, 6, 30))
        here.books.session.commit()
        here.verify()


def test_the_trial_balances_of_both_branches_hold_before_and_after_a_move(here: Ground) -> None:
    no = here.sealed(1, C, cents=RICH)
    here.books.on("2026-07-03")
    assert here.apply("InternalTransfer", newcomer(1)) == [""]
    here.books.on("2026-07-06")
    for branch in ("QDN01", FAR):
        closing.close_through(here.books.rt, branch, date(2026, 7, 5))
    here.books.session.commit()
    here.verify()
    assert here.money(no).branch_code == "QDN01"


def test_glossary_3_1_an_account_may_arrive_paid_for_at_the_new_units_rates(
    database_url: str, clock: Clock
) -> None:
    with ground(database_url, clock, transfer_arrives="normal") as here:
        here.set(A, unit_rate=12, individual_rate=6)
        no = here.sealed(1, B)
        assert here.apply("InternalTransfer", newcomer(1)) == [""]
        account = here.account(no)
        assert (account.account_status, account.sealed_on) == ("01", None)
        assert (account.unit_monthly_amount_cents, account.individual_monthly_amount_cents) == (
            96_000,
            48_000,
        )
        assert here.heads(A) == (1, 0)
        assert here.undo(here.changes(kind="transfer")[0].id) == [""]
        account = here.account(no)
        assert (account.account_status, account.unit_rate, account.employee_no) == ("02", 8, "Y001")
        assert account.unit_monthly_amount_cents == 64_000
        assert account.sealed_on is not None


def test_who_has_an_account_here_already_is_paid_for_on_that_one(
    sqlite_url: str, clock: Clock
) -> None:
    with ground(sqlite_url, clock, transfer_arrives="normal") as here:
        here.member(1)
        no = here.sealed(1, B)
        assert here.apply("InternalTransfer", newcomer(1)) == [""]
        assert here.account(no).account_status == "02"


def test_nobody_is_taken_over_by_half_a_name_and_nothing_is_told(here: Ground) -> None:
    no = here.sealed(1, B, cents=5)
    cases: list[tuple[dict[str, str], str]] = [
        ({"person_name": "龙德昌"}, "transfer.who"),
        ({"id_no": resident_id(1)}, "transfer.name"),
        ({"person_name": "杨秀兰", "id_no": resident_id(1)}, "transfer.no_match"),
        ({"person_name": "龙德昌", "id_no": resident_id(2)}, "transfer.no_match"),
        ({"person_name": "龙德昌", "individual_account_no": no}, "transfer.who"),
        (
            {"person_name": "龙德昌", "individual_account_no": no, "from_unit": C},
            "transfer.no_match",
        ),
        ({"person_name": "龙德昌", "individual_account_no": no, "from_unit": B}, ""),
    ]
    for row, code in cases:
        assert here.apply("InternalTransfer", row) == [code], row
    assert here.apply("InternalTransfer", newcomer(1)) == ["transfer.here"]


@pytest.mark.parametrize(
    ("deed", "code"),
    [("unseal", "transfer.not_sealed"), ("freeze", "members.frozen")],
)
def test_an_account_in_use_or_frozen_stays(here: Ground, deed: str, code: str) -> None:
    no = here.sealed(1, B)
    here.deed(deed, no)
    assert here.apply("InternalTransfer", newcomer(1)) == [code]
    assert here.account(no).unit_account_no == B


def test_money_on_its_way_keeps_an_account_where_it_is(here: Ground) -> None:
    no = here.sealed(1, B)
    here.assess(no, unit=B)
    assert here.apply("InternalTransfer", newcomer(1)) == ["changes.assessed"]
    again = here.sealed(2, A)
    other = here.member(2, A, id_no=resident_id(2, birth="19900101"))
    here.assess(again)
    pair = {"source_account_no": again, "target_account_no": other}
    assert here.apply("AccountMerge", pair) == ["merge.other_person"]
    with pytest.raises(Refused, match="已核定未入账"):
        here.deed("close", again, reason="03")


def test_with_two_sealed_accounts_elsewhere_it_must_be_said_which(here: Ground) -> None:
    here.sealed(1, B)
    far = here.sealed(1, C)
    assert here.apply("InternalTransfer", newcomer(1)) == ["transfer.several"]
    row = newcomer(1, individual_account_no=far, from_unit="镇远县古城旅游公司")
    assert here.apply("InternalTransfer", row) == [""]
    assert here.account(far).unit_account_no == A


# ── the old unit sends ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("unit", [B, C])
def test_xz_4a_money_and_interest_go_to_the_account_the_new_unit_opened(
    sent: Ground, unit: str
) -> None:
    old = sent.sealed(1, A, cents=RICH)
    new = sent.member(1, unit)
    sent.books.on("2026-07-12")
    row = {"individual_account_no": old, "to_unit": unit}
    assert sent.apply("InternalTransfer", row) == [""]
    interest = 4_167  # ten days at 1.5 % of 100,000.00
    assert (sent.money(old).balance_cents, sent.money(old).status) == (0, "closed")
    assert sent.money(new).balance_cents == RICH + interest
    account = sent.account(old)
    assert (account.account_status, account.closed_on) == ("03", date(2026, 7, 12))
    (change,) = sent.changes(kind="transfer")
    assert (change.amount_cents, change.interest_cents) == (RICH, interest)
    assert (change.individual_account_id, change.other_account_id) == (
        account.id,
        sent.account(new).id,
    )
    assert (total(sent, A), total(sent, unit)) == (0, RICH + interest)
    assert (sent.heads(A), sent.heads(unit)) == ((0, 0), (1, 0))
    sent.verify()


def test_xz_4a_opened_there_and_sealed_here_or_it_is_refused(sent: Ground) -> None:
    old = sent.member(1, A)
    row = {"individual_account_no": old, "to_unit": "凯里市清水江实验中学"}
    assert sent.apply("InternalTransfer", row) == ["members.status"]
    sent.deed("seal", old, reason="03")
    assert sent.apply("InternalTransfer", row) == ["transfer.not_opened"]
    assert sent.apply("InternalTransfer", row | {"to_unit": "凯里市清水江"}) == ["transfer.no_unit"]
    assert sent.apply("InternalTransfer", row | {"to_unit": A}) == ["transfer.same_unit"]
    new = sent.member(1, B)
    sent.deed("freeze", new)
    assert sent.apply("InternalTransfer", row) == ["transfer.not_opened"]
    sent.deed("unfreeze", new)
    assert sent.apply("InternalTransfer", row) == [""]


# ── merging ──────────────────────────────────────────────────────────────────────────────────


def test_sx_8_1_two_accounts_of_one_person_become_one(here: Ground) -> None:
    old, new = here.sealed(1, B, cents=RICH), here.member(1, A, cents=100)
    assert here.apply("InternalTransfer", newcomer(1)) == [""]
    here.books.on("2026-07-12")
    pair = {"source_account_no": old, "target_account_no": new}
    assert here.apply("AccountMerge", pair) == [""]
    assert here.money(new).balance_cents == RICH + 100 + 4_167
    assert (here.account(old).account_status, here.heads(A)) == ("03", (1, 0))
    (change,) = here.changes(kind="merge")
    assert (change.amount_cents, change.interest_cents) == (RICH, 4_167)
    here.verify()
    assert here.undo(change.id) == [""]
    assert (here.money(old).balance_cents, here.money(old).status) == (RICH, "open")
    assert (here.account(old).account_status, here.heads(A)) == ("02", (1, 1))
    assert here.undo(here.changes(kind="transfer")[0].id) == [""]
    assert here.heads(B) == (0, 1)
    here.verify()


@pytest.mark.parametrize("what", ["same", "person", "elsewhere", "closed", "frozen"])
def test_sx_8_1_what_does_not_belong_together_stays_apart(here: Ground, what: str) -> None:
    source, target = here.sealed(1), here.member(2)
    pair = {"source_account_no": source, "target_account_no": target}
    if what == "same":
        pair["target_account_no"] = source
    elif what == "elsewhere":
        pair["target_account_no"] = here.member(1, B)
    elif what == "closed":
        here.deed("close", source, reason="03")
    elif what == "frozen":
        here.deed("freeze", source)
    codes = {
        "same": "merge.same",
        "person": "merge.other_person",
        "elsewhere": "changes.not_found",
        "closed": "merge.other_person",
        "frozen": "merge.other_person",
    }
    assert here.apply("AccountMerge", pair) == [codes[what]]


# ── the ledger ───────────────────────────────────────────────────────────────────────────────


def test_each_units_journal_shows_its_own_side_of_a_move(here: Ground) -> None:
    here.sealed(1, C, cents=RICH)
    assert here.apply("InternalTransfer", newcomer(1)) == [""]
    query = (
        select(Voucher.unit_account_no, Entry.amount_cents)
        .join(Entry, Entry.voucher_id == Voucher.id)
        .join(LedgerAccount, LedgerAccount.id == Entry.account_id)
        .where(LedgerAccount.kind == "member", Voucher.business == "internal_transfer")
        .order_by(Voucher.id)
    )
    assert here.books.session.execute(query).all() == [(C, -RICH), (A, RICH)]


def test_verify_still_finds_an_account_that_was_carried_off(here: Ground) -> None:
    no = here.sealed(1, C, cents=RICH)
    ledger = here.money(no)
    here.set(no, branch_code="QDN01")
    here.books.session.execute(
        LedgerAccount.__table__.update()
        .where(LedgerAccount.id == ledger.id)
        .values(branch_code="QDN01")
    )
    here.books.session.commit()
    codes = {fault.code for fault in verifying.verify(here.books.session).faults}
    assert {"voucher.branch", "branch.balance"} <= codes


def test_no_transfer_while_the_years_interest_is_being_paid(here: Ground) -> None:
    here.sealed(1, B, cents=RICH)
    now = here.books.rt.clock()
    year = InterestSettlement(fund_year=2026, posted_on=now.astimezone(ZONE).date(), started_at=now)
    here.books.session.add(year)
    here.books.session.commit()
    assert here.apply("InternalTransfer", newcomer(1)) == ["changes.settling"]
    year.finished_at = now + timedelta(minutes=1)
    here.books.session.commit()
    assert here.apply("InternalTransfer", newcomer(1)) == [""]
