"""Materials from upload to request, and receipts: who has what, and what can be taken back."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers import documents
from handlers.documents import Limits, Material, Receipt
from tests.builders import files, people

OWNER, SCOPE = "operator:1", "service:unit_info_change"
NO = "QDN-20260715-000001"


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    with people.store(database_url) as sessions, sessions() as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "materials"


@pytest.fixture
def upload(session: Session, root: Path, clock: Any) -> Callable[..., Any]:
    def take(name: str = "营业执照.jpg", limits: Limits | None = None, **who: str) -> Any:
        return documents.store(
            session,
            root=root,
            stream=io.BytesIO(files.jpeg()),
            file_name=name,
            slot="business_licence",
            owner_id=who.get("owner", OWNER),
            scope_key=who.get("scope", SCOPE),
            limits=limits or Limits(),
            now=clock(),
        )

    return take


def bind(session: Session, owner: str = OWNER) -> list[Material]:
    bound = documents.bind(session, owner, SCOPE, NO)
    session.commit()
    return bound


def test_a_file_lies_under_a_random_name_readable_by_the_hall_alone(
    upload: Any, root: Path
) -> None:
    material = upload()
    file = documents.path(root, material)
    assert re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{32}", str(file.relative_to(root)))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert material.token != material.stored_name
    assert file.stat().st_size == material.bytes
    assert "营业执照" not in str(file)


def test_two_uploads_of_one_file_are_two_files(upload: Any, root: Path) -> None:
    first, second = upload(), upload()
    assert first.sha256 == second.sha256
    assert documents.path(root, first) != documents.path(root, second)


def test_a_path_is_only_made_from_a_name_of_our_own(root: Path) -> None:
    with pytest.raises(AssertionError):
        documents.path(root, Material(stored_name="../../etc/passwd"))


def test_a_draft_shows_its_owner_alone_what_was_uploaded(session: Session, upload: Any) -> None:
    mine = upload()
    upload(owner="operator:2")
    upload(scope="service:other")
    assert documents.for_draft(session, OWNER, SCOPE) == [mine]
    assert documents.by_token(session, mine.token) == mine
    assert documents.by_token(session, mine.stored_name) is None
    assert documents.by_token(session, "\x00../etc") is None


def test_starting_a_request_takes_the_draft_along(session: Session, upload: Any) -> None:
    first, second = upload(), upload("附页.jpg")
    upload(owner="operator:2")
    assert bind(session) == [first, second]
    assert documents.for_request(session, NO) == [first, second]
    assert documents.for_draft(session, OWNER, SCOPE) == []
    assert len(documents.for_draft(session, "operator:2", SCOPE)) == 1


def test_a_start_that_fails_leaves_the_draft_its_files(session: Session, upload: Any) -> None:
    upload()
    documents.bind(session, OWNER, SCOPE, NO)
    session.rollback()
    assert len(documents.for_draft(session, OWNER, SCOPE)) == 1
    assert documents.for_request(session, NO) == []


def test_an_upload_can_be_taken_back_by_its_owner_alone(
    session: Session, upload: Any, clock: Any
) -> None:
    token = upload().token
    assert documents.remove(session, token, "operator:2", clock()) is not None
    assert documents.remove(session, token, OWNER, clock()) is None
    assert documents.for_draft(session, OWNER, SCOPE) == []
    assert documents.by_token(session, token) is None
    again = documents.remove(session, token, OWNER, clock())
    assert again is not None
    assert "已经取消" in again.text


def test_taking_back_a_made_up_file_is_a_sentence(session: Session, clock: Any) -> None:
    for token in ("", "\x00", "f" * 32):
        refused = documents.remove(session, token, OWNER, clock())
        assert refused is not None
        assert refused.code == "material.gone"


def test_a_submitted_file_stays_unless_the_request_came_back(
    session: Session, upload: Any, clock: Any
) -> None:
    token = upload().token
    bind(session)
    refused = documents.remove(session, token, OWNER, clock())
    assert refused is not None
    assert refused.code == "material.submitted"
    assert len(documents.for_request(session, NO)) == 1
    assert documents.remove(session, token, OWNER, clock(), submitted_too=True) is None
    assert documents.for_request(session, NO) == []


def test_a_request_holds_only_so_many_files(session: Session, upload: Any, root: Path) -> None:
    limits = Limits(max_files_per_request=2)
    upload(limits=limits)
    upload(limits=limits)
    refused = upload(limits=limits)
    assert isinstance(refused, Problem)
    assert refused.text == "一件申请最多上传 2 个文件，请先取消不需要的。"
    assert len([item for item in root.rglob("*") if item.is_file()]) == 2


def test_purging_deletes_what_was_removed_or_abandoned_long_ago(
    session: Session, upload: Any, root: Path, clock: Any
) -> None:
    removed, submitted, abandoned = upload(), upload(), upload(scope="service:other")
    documents.remove(session, removed.token, OWNER, clock())
    bind(session)
    files_of = {row.token: documents.path(root, row) for row in (removed, submitted, abandoned)}
    removed_token, submitted_token = removed.token, submitted.token
    abandoned_token = abandoned.token

    assert documents.purge(session, root, clock() + timedelta(days=29)) == 0
    assert documents.purge(session, root, clock() + timedelta(days=31)) == 1
    assert not files_of[removed_token].exists()
    assert documents.purge(session, root, clock() + timedelta(days=91)) == 1
    assert not files_of[abandoned_token].exists()
    assert files_of[submitted_token].exists()
    assert documents.purge(session, root, clock() + timedelta(days=9000)) == 0


def test_purging_sweeps_up_after_a_killed_upload(session: Session, root: Path, clock: Any) -> None:
    folder = root / "incoming" / "tmpkilled"
    folder.mkdir(parents=True)
    (folder / "raw").write_bytes(b"half")
    yesterday = (clock() - timedelta(days=2)).timestamp()
    os.utime(folder / "raw", (yesterday, yesterday))
    assert documents.purge(session, root, clock()) == 1
    assert not (folder / "raw").exists()


def test_the_database_itself_refuses_another_kind_of_file(session: Session, upload: Any) -> None:
    upload().media_type = "text/html"
    with pytest.raises(IntegrityError, match="media_type"):
        session.commit()


@pytest.mark.parametrize("values", [{"max_bytes": 0}, {"max_pages": 0}, {"max_byte": 1}])
def test_limits_out_of_bounds_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Limits.model_validate(values)


# ── receipts ────────────────────────────────────────────────────────────────────────────────


def test_a_request_has_one_receipt_however_often_it_is_asked_for(
    session: Session, clock: Any
) -> None:
    first = documents.receipt_for(session, NO, clock())
    clock.advance(days=1)
    again = documents.receipt_for(session, NO, clock())
    assert (first.code, first.issued_at) == (again.code, again.issued_at)
    assert len(session.scalars(select(Receipt)).all()) == 1


def test_a_code_is_long_enough_not_to_be_guessed(session: Session, clock: Any) -> None:
    codes = {documents.receipt_for(session, f"QDN-{n}", clock()).code for n in range(20)}
    assert len(codes) == 20
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}", code) for code in codes)


def test_a_code_is_found_however_it_was_typed(session: Session, clock: Any) -> None:
    session.add(Receipt(no=NO, code="10A0Z-92C1K", issued_at=clock(), print_count=0))
    session.commit()
    for typed in ("10A0Z-92C1K", "10a0z92c1k", " loAoz 92cik ", "1OAOZ-92CIK"):
        found = documents.verify(session, typed)
        assert found is not None
        assert found.no == NO


@pytest.mark.parametrize(
    "typed", ["", "10A0Z", "10A0Z-92C1X", "' or 1=1 -", "\x00" * 10, "9" * 9999]
)
def test_a_wrong_code_finds_nothing(session: Session, clock: Any, typed: str) -> None:
    session.add(Receipt(no=NO, code="10A0Z-92C1K", issued_at=clock(), print_count=0))
    session.commit()
    assert documents.verify(session, typed) is None


def test_prints_are_counted(session: Session, clock: Any) -> None:
    documents.receipt_for(session, NO, clock())
    assert [documents.printed(session, NO) for _ in range(3)] == [1, 2, 3]
