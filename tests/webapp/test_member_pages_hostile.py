"""The pages over the books against people who type addresses, guess numbers and click twice."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from engine.database import transaction
from handlers.ledger import reversing
from handlers.ledger.models import Voucher
from handlers.members import queries
from handlers.privacy.models import Disclosure
from tests.builders import members
from tests.builders.books import CLERK
from tests.builders.members import in_hall, resident_id
from tests.webapp.hall import UNIT, Hall, post
from webapp import charts
from webapp.runtime import db

ODD = ("'", "%", "_%\\", "😀", "\0", "\ufffd", "9" * 31, "x" * 10_000, "0001-01-01", "-1", "１２")
LISTS = ("after", "person", "number", "rows", "unit", "name", "status", "since", "until")
SPAN = ("before", "since", "until")


@pytest.fixture
def number(hall: Hall) -> str:
    return in_hall(hall, 901)


def test_whether_a_stranger_is_known_cannot_be_asked(
    operator: FlaskClient,
    stranger: FlaskClient,
    reviewer: FlaskClient,
    far_reviewer: FlaskClient,
    number: str,
) -> None:
    def asked(client: FlaskClient, person: int) -> str:
        return str(post(client, "/members", {"id_no": resident_id(person)}).location)

    for theirs in (operator, reviewer):
        assert asked(theirs, 901) != asked(theirs, 902)
    for not_theirs in (stranger, far_reviewer):
        assert asked(not_theirs, 901) == asked(not_theirs, 902)


def test_whatever_is_typed_into_an_address_is_answered(
    operator: FlaskClient, reviewer: FlaskClient, number: str
) -> None:
    for odd in ODD:
        asked = [("/members", {name: odd}) for name in LISTS]
        everything = [("/members", dict.fromkeys(LISTS, odd))]
        everything += [(f"/members/{number}/ledger", dict.fromkeys(SPAN, odd))]
        for client, pages in ((operator, asked + everything), (reviewer, everything)):
            for path, query in pages:
                answer = client.get(path, query_string=query)
                assert answer.status_code == 200, (path, query)
                assert resident_id(901) not in answer.text
        if len(odd) < 100:
            assert operator.get(f"/members/{odd}").status_code == 404


def test_a_number_is_revealed_to_those_who_may_and_each_time_is_written_down(
    hall: Hall,
    operator: FlaskClient,
    stranger: FlaskClient,
    reviewer: FlaskClient,
    far_reviewer: FlaskClient,
    number: str,
) -> None:
    path = f"/privacy/member/{number}"
    for client in (operator, stranger, far_reviewer):
        answer = post(client, path, {"field": "id_no"})
        assert answer.status_code in (403, 404)
        assert resident_id(901) not in answer.text
    assert reviewer.post(path, data={"field": "id_no"}).status_code == 400, "no CSRF token"
    for _ in range(2):
        assert resident_id(901) in post(reviewer, path, {"field": "id_no"}).text
    post(reviewer, path, {"field": "nonsense"})
    post(reviewer, f"/privacy/nobody/{number}", {"field": "id_no"})
    with hall.app.app_context():
        assert db.session.scalar(select(func.count(Disclosure.id))) == 2


def test_a_number_that_cannot_be_opened_is_the_halls_fault_not_the_visitors(
    hall: Hall, operator: FlaskClient, number: str
) -> None:
    for statement in (
        "update hall_person set id_no = mobile",  # a value of another column
        "update hall_person set id_no = substr(id_no, 1, 40)",
        "update hall_person set id_no = '522601198801010011'",
        "update hall_operator set mobile = '13800000901'",  # of whoever is looking
    ):
        with hall.app.app_context():
            db.session.execute(text(statement))
            db.session.commit()
        for path in ("/members", f"/members/{number}"):
            answer = operator.get(path)
            assert answer.status_code == 500, statement
            assert "系统出错了" in answer.text
            assert "密钥" not in answer.text


def test_a_page_does_not_lead_out_of_the_hall(reviewer: FlaskClient, number: str) -> None:
    for back in ("//evil.example", "https://evil.example", "javascript:alert(1)", "/\\evil"):
        page = post(reviewer, f"/privacy/unit/{UNIT}", {"back": back})
        assert page.status_code == 200
        assert back not in page.text


def test_numbers_that_people_typed_where_none_belong_are_masked(
    hall: Hall, operator: FlaskClient, number: str
) -> None:
    with hall.app.app_context():
        rt = hall.runtime()
        account = queries.account_within(rt.session, {"*"}, number)
        assert account is not None
        account.person.phone = "13800000901"
        rt.session.commit()
        (member,) = members.a_year(rt, [902], unit_account_no=UNIT)
        voucher = rt.session.scalars(select(Voucher).order_by(Voucher.id)).first()
        assert voucher is not None
        with transaction(rt.session):
            why = f"误记，应为 {resident_id(901)}"
            reversing.reverse(rt, CLERK, voucher.id, key="test:typed", reason=why)
        other = member.individual_account_no
    assert "138****0901" in operator.get(f"/members/{number}").text
    ledger = operator.get(f"/members/{other}/ledger").text
    assert "误记，应为 522601********" in ledger
    assert resident_id(901) not in ledger


def test_round_amounts_of_the_chart_are_rounded_half_up() -> None:
    shown = {1_005_000: "1.01 万元", 999_999: "9,999.99 元", -1_005_000: "-1.01 万元"}
    assert {cents: charts.round_amount(cents) for cents in shown} == shown
