"""Keys, sealed columns, their blind index, their rotation, and masks, without a page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, insert, select, text
from sqlalchemy.orm import Session

from engine.calendar import Weekdays
from engine.database import configure
from engine.models import DraftRow
from engine.runtime import Actor, Runtime
from handlers.notices.models import SmsMessage
from handlers.people.models import Operator
from handlers.privacy import keyfile, keyring, masking, rotation
from handlers.privacy.columns import blind, is_value
from handlers.privacy.keyring import Keyring, KeyringError
from handlers.rosters import store
from handlers.rosters.models import RosterRow
from tests.builders import keys, people
from tests.builders.stored import stored
from tests.servers import compiled_once

ID, MOBILE = "522632198807152210", "13985507788"
NOW = datetime(2026, 7, 15, tzinfo=UTC)
OLD = keys.KEYS.ring
NEW = Keyring("test02", {**OLD.data, "test02": b"\x33" * 32}, (b"\x44" * 32, *OLD.index))
STRANGE = Keyring("test01", {"test01": b"\x55" * 32}, OLD.index)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = compiled_once(configure(create_engine(database_url)))
    yield made
    made.dispose()


def sms(number: int, **values: object) -> dict[str, object]:
    return {
        **{"key": f"k{number}", "mobile": MOBILE, "mobile_index": blind("person.mobile", MOBILE)},
        **{"text": "…", "template": "t", "params": {"n": number}, "status": "queued"},
        **{"attempts": 0, "created_at": NOW, **values},
    }


# ── columns ────────────────────────────────────────────────────────────────────────────────────


def test_a_column_reads_as_text_and_is_stored_as_something_else(
    engine: Engine, database_url: str
) -> None:
    with Session(engine) as session:
        people.operator(session, id_no=ID, mobile="")
        assert session.scalars(select(Operator.id_no)).one() == ID
        (raw,) = session.execute(text("select id_no from hall_operator")).one()
        assert raw.startswith("1:test01:")
        assert session.execute(text("select mobile from hall_operator")).one() == ("",)
    assert ID.encode() not in stored(database_url)


def test_the_same_number_twice_looks_different() -> None:
    assert keyring.encrypt("person.id_no", ID) != keyring.encrypt("person.id_no", ID)


def test_the_index_follows_the_number_and_finds_it_however_it_was_typed(engine: Engine) -> None:
    with Session(engine) as session:
        message = SmsMessage(**sms(1, mobile_index="wrong"))
        session.add(message)
        session.commit()
        found = select(SmsMessage.key).where(
            is_value(SmsMessage.mobile_index, "person.mobile", "139 8550-7788")
        )
        assert session.scalars(found).all() == ["k1"]
        message.mobile = "13900001111"
        session.commit()
        assert session.scalars(found).all() == []


def test_rows_inserted_in_bulk_are_sealed_and_found(engine: Engine, database_url: str) -> None:
    with Session(engine) as session:
        session.execute(insert(SmsMessage), [sms(number) for number in range(20)])
        session.commit()
        wanted = is_value(SmsMessage.mobile_index, "person.mobile", MOBILE)
        assert len(session.scalars(select(SmsMessage).where(wanted)).all()) == 20
    assert MOBILE.encode() not in stored(database_url)


def test_a_sealed_value_moved_to_another_column_does_not_open(engine: Engine) -> None:
    with Session(engine) as session:
        people.operator(session, id_no=ID, mobile=MOBILE)
        session.execute(text("update hall_operator set mobile = id_no"))
        session.commit()
        with pytest.raises(KeyringError, match="person.mobile"):
            session.scalars(select(Operator.mobile)).all()


@pytest.mark.parametrize(
    "stored_text", ["13985507788", "1:test01:", "1:test01:AAAA", "1:test01:不是", "2:test01:AAAA"]
)
def test_what_is_not_sealed_is_told_in_a_sentence(stored_text: str) -> None:
    with pytest.raises(KeyringError) as told:
        keyring.decrypt("person.mobile", stored_text)
    assert told.value.text.endswith("。")


def test_a_wrong_or_missing_key_is_a_sentence_and_never_garbage() -> None:
    sealed = keyring.encrypt("person.id_no", ID)
    keyring.configure(STRANGE)
    with pytest.raises(KeyringError, match="密钥不对"):
        keyring.decrypt("person.id_no", sealed)
    keyring.configure(Keyring("test09", {"test09": b"\x66" * 32}, OLD.index))
    with pytest.raises(KeyringError, match="test01"):
        keyring.decrypt("person.id_no", sealed)


def test_no_sentence_and_no_repr_shows_a_key() -> None:
    assert "\\x11" not in repr(OLD)
    assert "\\x11" not in repr(keys.KEYS)


def test_blind_indexes_of_two_purposes_cannot_be_compared() -> None:
    assert blind("person.mobile", MOBILE) != blind("sms.mobile", MOBILE)
    assert blind("person.mobile", "") == ""


# ── the key file ───────────────────────────────────────────────────────────────────────────────


def test_a_new_file_is_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys.toml"
    assert keyfile.create(path, NOW)
    assert path.stat().st_mode & 0o777 == 0o600
    first = keyfile.read(path)
    assert not keyfile.create(path, NOW)
    assert keyfile.read(path) == first
    assert os.listdir(path.parent) == ["keys.toml"]


def test_a_file_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    keyfile.create(path, NOW)
    path.chmod(0o644)
    with pytest.raises(KeyringError, match="chmod 600"):
        keyfile.read(path)


@pytest.mark.parametrize(
    "broken",
    [
        "", "primary = ", "x" * 70_000, "\x00", 'primary = "a"',
        "[[data]]\nid = 1", 'primary = "zzzzzz"\n{rest}', '{whole}{whole}', "{short}",
    ],
)  # fmt: skip
def test_a_damaged_file_is_told_in_a_sentence(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "keys.toml"
    keyfile.create(path, NOW)
    whole = path.read_text()
    rest = "\n".join(line for line in whole.splitlines() if not line.startswith("primary ="))
    short = whole.replace('=="', '"').replace('="', '"')
    path.write_text(
        broken.replace("{rest}", rest).replace("{whole}", whole).replace("{short}", short)
    )
    with pytest.raises(KeyringError) as told:
        keyfile.read(path)
    assert str(path) in told.value.text


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="hall keys create"):
        keyfile.read(tmp_path / "none")


def test_a_prepared_key_opens_but_does_not_seal_until_it_is_promoted() -> None:
    first = keyfile.new(NOW)
    two = keyfile.with_data_key(first, NOW + timedelta(days=1))
    assert two.primary == first.primary
    assert two.prepared is not None
    assert two.prepared.id in two.ring.data
    three = keyfile.promoted(two, two.prepared.id, NOW + timedelta(days=2))
    assert three.prepared is None
    assert [key.id for key in keyfile.without_old(three).data] == [three.primary]


def test_a_running_process_learns_a_new_key_from_the_file() -> None:
    rings = iter([NEW])
    keyring.configure(OLD, lambda: next(rings, None))
    sealed = NEW.encrypt("person.id_no", ID)
    assert keyring.decrypt("person.id_no", sealed) == ID
    assert keyring.encrypt("person.id_no", ID).startswith("1:test02:")


# ── rotation ───────────────────────────────────────────────────────────────────────────────────


def seeded(engine: Engine, count: int = 3) -> None:
    with Session(engine) as session:
        people.operator(session, id_no=ID, mobile=MOBILE)
        session.execute(insert(SmsMessage), [sms(number) for number in range(count)])
        session.add(DraftRow(actor_id="a", scope_key="k", data={"id": ID}, updated_at=NOW))
        session.commit()


def readable(engine: Engine) -> None:
    with Session(engine) as session:
        operator = session.scalars(select(Operator)).one()
        assert (operator.id_no, operator.mobile) == (ID, MOBILE)
        assert session.scalars(select(DraftRow.data)).one() == {"id": ID}
        wanted = is_value(SmsMessage.mobile_index, "person.mobile", MOBILE)
        for message in session.scalars(select(SmsMessage).where(wanted)):
            assert message.params["n"] in range(100)


def test_after_a_rotation_only_the_new_keys_are_needed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    seeded(engine)
    keyring.configure(NEW)
    readable(engine)  # both keys are there: nothing is lost before it begins
    with pytest.raises(KeyringError, match="hall keys rotate"):
        rotation.check_retirable(engine, NEW)
    seen: list[tuple[str, int, int]] = []
    changed = rotation.rotate(engine, NEW, lambda *step: seen.append(step))
    # two numbers, a draft, and of each message: mobile, text, params and index
    assert changed == 3 + 3 * 4
    assert ("hall_sms_message", 3, 3) in seen
    assert rotation.rotate(engine, NEW, lambda *_: None) == 0
    rotation.check_retirable(engine, NEW)
    keyring.configure(Keyring("test02", {"test02": NEW.data["test02"]}, NEW.index[:1]))
    readable(engine)
    with Session(engine) as session:
        wanted = is_value(SmsMessage.mobile_index, "person.mobile", MOBILE)
        assert len(session.scalars(select(SmsMessage).where(wanted)).all()) == 3


def test_rows_of_rosters_are_sealed_anew_though_their_key_has_two_parts(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    with Session(engine) as session:
        rt = Runtime(session=session, clock=lambda: NOW, calendar=Weekdays())
        for scope in ("unit:1", "unit:2"):
            roster = store.open_roster(
                rt, Actor("operator:1", "杨秀兰"), "seal_accounts", "f", scope=scope, branch="B"
            )
            store.add(session, roster, [store.Line({"id_no": ID}) for _ in range(3)])
        session.commit()
    keyring.configure(NEW)
    assert rotation.rotate(engine, NEW, lambda *_: None) == 6
    keyring.configure(Keyring("test02", {"test02": NEW.data["test02"]}, NEW.index[:1]))
    with Session(engine) as session:
        contents = session.scalars(select(RosterRow.content)).all()
        assert [each["values"] for each in contents] == [{"id_no": ID}] * 6


def test_a_rotation_that_was_killed_goes_on_where_it_was(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    seeded(engine, 5)
    ring = replace_index(NEW)
    keyring.configure(ring)

    class KilledError(Exception):
        pass

    def die(table: str, done: int, _total: int) -> None:
        if (table, done) == ("hall_sms_message", 2):
            raise KilledError

    with pytest.raises(KilledError):
        rotation.rotate(engine, ring, die)
    readable(engine)
    half = rotation.used(engine)
    assert half["test01"] > 0
    assert half["test02"] > 0
    rotation.rotate(engine, ring, lambda *_: None)
    assert set(rotation.used(engine)) == {"test02"}
    readable(engine)


def test_a_value_written_while_it_is_rotated_is_not_turned_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(engine)
    ring = replace_index(NEW)
    keyring.configure(ring)
    write = rotation._write

    def late(connection: object, each: object, name: str, changes: list[dict[str, object]]) -> int:
        if name == "mobile" and changes and changes[0]["this0"] == 1 and not moved:
            moved.append(name)
            # as if another process had committed between the reading and the writing
            connection.execute(  # type: ignore[attr-defined]
                text("update hall_operator set mobile = :new"),
                {"new": OLD.encrypt("person.mobile", "13900002222")},
            )
        return write(connection, each, name, changes)  # type: ignore[arg-type]

    moved: list[str] = []
    monkeypatch.setattr(rotation, "_write", late)
    rotation.rotate(engine, ring, lambda *_: None)
    with Session(engine) as session:
        assert session.scalars(select(Operator.mobile)).one() == "13900002222"
    assert set(rotation.used(engine)) == {"test02"}


def test_a_rotation_waits_for_nobody(postgresql_url: str) -> None:
    engine = configure(create_engine(postgresql_url))
    seeded(engine)
    ring = replace_index(NEW)
    keyring.configure(ring)
    try:
        with engine.begin() as somebody:
            somebody.execute(text("select id from hall_draft for update"))
            rotation.rotate(engine, ring, lambda *_: None)
            assert rotation.left_behind(engine, ring) == 1
        rotation.rotate(engine, ring, lambda *_: None)
        assert rotation.left_behind(engine, ring) == 0
    finally:
        engine.dispose()


def replace_index(ring: Keyring) -> Keyring:
    return replace(ring, index=OLD.index)


# ── masks ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("legal_rep_id_no", ID, "522632********2210"),
        ("operator_mobile", MOBILE, "139****7788"),
        ("bank_account_no", "6217007160001234565", "***************4565"),
        ("new.legal_rep_id_no", ID, "522632********2210"),
        ("unit_account_no", "020810042637", "020810042637"),
        ("unit_name", "云谷", "云谷"),
    ],
)
def test_the_name_of_a_field_says_how_it_is_masked(field: str, value: str, shown: str) -> None:
    assert masking.masked(field, value) == shown


def test_texts_lose_the_numbers_one_can_tell_by_their_shape() -> None:
    numbers = "卡 6217007160001234565），单位 020810042637，QDN-20260715-000001"
    said = f"KeyError: {ID}（{MOBILE}，{numbers}"
    assert masking.masked_text(said) == (
        "KeyError: 522632********2210（139****7788，卡 ***************4565），"
        "单位 020810042637，QDN-20260715-000001"
    )


def test_mended_data_keeps_the_numbers_that_were_not_touched() -> None:
    real = {
        "changes": [{"field": "mobile", "old": MOBILE, "new": "13900001111", "label": "手机"}],
        "people": [{"id_no": ID}, {"id_no": "522601199204040017"}],
        "n": 1,
    }
    shown = masking.masked_data(real)
    assert MOBILE not in str(shown)
    assert ID not in str(shown)
    assert masking.restored(shown, shown, real) == real
    typed = masking.masked_data(real)
    typed["n"], typed["changes"][0]["new"] = 2, "13900003333"
    mended = masking.restored(typed, shown, real)
    assert mended["changes"][0] == real["changes"][0] | {"new": "13900003333"}
    assert (mended["n"], mended["people"]) == (2, real["people"])
    assert masking.left_masked(mended, shown, real) is None


def test_a_row_taken_out_leaves_the_numbers_of_the_others() -> None:
    real = {"people": [{"id_no": ID}, {"id_no": "522601199204040017"}]}
    shown = masking.masked_data(real)
    typed = {"people": shown["people"][1:]}
    assert masking.restored(typed, shown, real) == {"people": real["people"][1:]}


def test_a_mask_in_a_new_place_is_noticed() -> None:
    real = {"id_no": ID, "text": "522632********2210"}
    shown = masking.masked_data(real)
    typed = dict(shown) | {"note": shown["id_no"]}
    mended = masking.restored(typed, shown, real)
    assert masking.left_masked(mended, shown, real) == "522632********2210"
    assert masking.left_masked(real, shown, real) is None


def test_only_a_post_held_in_the_right_place_reads_in_full() -> None:
    policy = {"归集审核岗": ("id_no",)}
    kaili = frozenset({"branch:QDN01"})
    reviewer = Actor("staff:1", "王审核", frozenset({("归集审核岗", "branch:QDN01")}))
    assert masking.may_read(policy, reviewer, "id_no", kaili)
    assert not masking.may_read(policy, reviewer, "mobile", kaili)
    assert not masking.may_read(policy, reviewer, "id_no", {"branch:QDN02"})
    everywhere = Actor("staff:2", "龙主管", frozenset({("归集审核岗", "*")}))
    assert masking.may_read(policy, everywhere, "id_no", kaili)
    assert not masking.may_read({}, everywhere, "id_no", kaili)
