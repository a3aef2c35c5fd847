"""Every door of the house: who may pass, and what a browser may do with what it gets.

The walk covers every route of the app; a new route without a line in PLACES fails the test, so
nobody can add a page and forget to say whose it is.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from handlers import documents
from handlers.documents import Material
from tests.builders import members
from tests.conftest import Clock
from tests.servers import Databases
from tests.webapp.hall import SERVICE, UNIT, Hall, csrf_of, make_app, post, seeded_copy
from webapp.runtime import db

WHO = ("nobody", "operator", "stranger", "reviewer", "far_reviewer")
# What each of WHO gets.  in = 303 to the sign-in page; 200 … = that status; a tuple = any of them.
IN = "sign-in"
EVERYBODY = (200,) * 5
SIGNED = (IN, 200, 200, 200, 200)
OPERATORS = (IN, 200, 200, 403, 403)
STAFF = (IN, 403, 403, 200, 200)
NO_ADMINS = (IN, 403, 403, 403, 403)
OWN_UNIT_AND_BRANCH = (IN, 200, 404, 200, 404)
MINE_ALONE = (IN, 200, 404, 404, 404)
MOVED = (303, 302)
ROSTER = "/services/open_accounts"
Answer = int | str | tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """One request to one route; {no} {message} {token} {task} are the operator's own."""

    path: str
    gets: tuple[Answer, ...]
    method: str = "GET"


PLACES: dict[str, list[Place]] = {
    "static": [Place("/static/hall.css", EVERYBODY)],
    "observability.healthz": [Place("/healthz", EVERYBODY)],
    "observability.metrics": [Place("/metrics", EVERYBODY)],  # by address or token, not by person
    "signin.form": [Place("/signin", (200, MOVED, MOVED, MOVED, MOVED))],
    "signin.enter": [Place("/signin", (422,) * 5, "POST")],
    "signin.leave": [Place("/signout", (MOVED,) * 5, "POST")],
    "signin.keep": [Place("/session/keep", (IN, 204, 204, 204, 204), "POST")],
    "signin.password": [Place("/password", SIGNED)],
    "signin.captcha": [Place("/captcha/unknown.png", (404,) * 5)],
    "signin.captcha_again": [Place("/captcha", (MOVED,) * 5, "POST")],
    "home.index": [Place("/", (IN, 200, 200, MOVED, MOVED))],
    "inboxes.first": [Place("/inbox", (IN, MOVED, MOVED, MOVED, MOVED))],
    "inboxes.box": [Place("/inbox/todo", SIGNED)],
    "inboxes.message": [Place("/messages/{message}", MINE_ALONE)],
    "inboxes.mark_read": [Place("/messages/{message}/read", (IN, MOVED, 404, 404, 404), "POST")],
    "inboxes.delete": [Place("/messages/{message}/delete", (IN, MOVED, 404, 404, 404), "POST")],
    "inboxes.restore": [Place("/messages/{message}/restore", (IN, MOVED, 404, 404, 404), "POST")],
    "pages.search": [Place("/search?q=QDN", SIGNED)],
    "pages.about": [Place("/about", EVERYBODY)],
    "pages.accessibility": [Place("/accessibility", EVERYBODY)],
    "pages.branches": [Place("/branches", EVERYBODY)],
    "demo.phone": [Place("/demo/phone", EVERYBODY)],
    "demo.sample": [Place("/demo/samples/unknown", (404, 404, 404, 404, 404))],
    "services.page": [
        Place(f"/services/{SERVICE}", OPERATORS),
        Place("/services/unknown", (IN, 404, 404, 404, 404)),
    ],
    "services.draft": [Place(f"/services/{SERVICE}/draft", OPERATORS, "POST")],
    "materials.upload": [
        Place(f"/services/{SERVICE}/materials", (IN, 400, 400, (400, 403), (400, 403)), "POST")
    ],
    "materials.upload_again": [Place("/requests/{no}/materials", (IN, 409, 404, 409, 404), "POST")],
    "materials.show": [Place("/materials/{token}", OWN_UNIT_AND_BRANCH)],
    "materials.remove": [Place("/materials/{token}/remove", (IN, 422, 404, 404, 404), "POST")],
    # a roster of one's own unit; what the pages do is told in test_roster_page.py
    **{
        f"rosters.{name}": [
            Place(f"{ROSTER}/{path}", (IN, *(answer,) * 2, 403, 403), method),
            Place(f"/requests/{{no}}/rows/{again}", (IN, 409, 404, 409, 404), method),
        ]
        for name, path, again, method, answer in (
            ("cell", "rows/1", "1", "POST", 422),
            ("check", "check", "check", "POST", 200),
            ("people", "people", "people", "POST", 200),
            ("progress", "progress.json", "progress.json", "GET", 200),
            ("template", "template.xlsx", "template.xlsx", "GET", 200),
            ("faulty", "errors.xlsx", "errors.xlsx", "GET", 200),
            ("whole", "roster.xlsx", "roster.xlsx", "GET", 200),
            ("paper", "roster", "sheet", "GET", 200),
            ("upload", "import", "import", "POST", 422),
            ("undo", "undo", "undo", "POST", MOVED),
        )
    },
    "rosters.paste": [
        Place(f"{ROSTER}/rows", (IN, 422, 422, 403, 403), "POST"),
        Place("/requests/{no}/rows", (IN, 409, 404, 409, 404), "POST"),
    ],
    # this request has no roster; with one they are in test_roster_filed.py
    "rosters.rows": [Place("/requests/{no}/rows", (IN, 404, 404, 404, 404))],
    "rosters.filed_book": [Place("/requests/{no}/rows.xlsx", (IN, 404, 404, 404, 404))],
    "rosters.filed_sheet": [Place("/requests/{no}/rows/print", (IN, 404, 404, 404, 404))],
    "rosters.filed_progress": [Place("/requests/{no}/rows.json", (IN, 404, 404, 404, 404))],
    "rosters.reuse": [Place("/requests/{no}/rows/reuse", (IN, 404, 404, 404, 404), "POST")],
    "requests.page": [Place("/requests/{no}", OWN_UNIT_AND_BRANCH)],
    "requests.decide": [
        # No step of theirs, or not their verb: a sentence on their own page, 404 for strangers.
        Place("/requests/{no}/approve", (IN, (409, 422), 404, (200, 303, 409, 422), 404), "POST"),
        Place("/requests/{no}/unknown", (IN, 404, 404, 404, 404), "POST"),
    ],
    "requests.edit": [Place("/requests/{no}/edit", (IN, MOVED, 404, MOVED, 404))],
    "requests.draft": [Place("/requests/{no}/draft", (IN, 409, 404, 409, 404), "POST")],
    "receipts.page": [Place("/requests/{no}/receipt", (IN, MOVED, 404, MOVED, 404))],
    "receipts.count_print": [
        Place("/requests/{no}/receipt", (IN, (404, 409), 404, (404, 409), 404), "POST")
    ],
    "receipts.verify": [
        Place("/verify", EVERYBODY),
        Place("/verify/0000-0000", (404,) * 5),
    ],
    "review.desk": [Place("/review", STAFF)],
    "review.preview": [Place("/review/{task}/preview", (IN, 403, 403, 200, 404))],
    "review.claim": [Place("/review/claim", (IN, 403, 403, MOVED, MOVED), "POST")],
    # nobody here has ordered a job; whoever has is told about in test_jobs_pages.py
    "jobs.index": [Place("/jobs", SIGNED)],
    "jobs.page": [Place("/jobs/1", (IN, 404, 404, 404, 404))],
    "jobs.status": [Place("/jobs/1.json", (IN, 404, 404, 404, 404))],
    "jobs.cancel": [Place("/jobs/1/cancel", (IN, 404, 404, 404, 404), "POST")],
    "jobs.retry": [Place("/jobs/1/retry", (IN, 404, 404, 404, 404), "POST")],
    # nobody here is a 流程管理员; what one of them gets is told in test_incidents.py
    "incidents.index": [Place("/incidents", NO_ADMINS)],
    "incidents.page": [Place("/incidents/1", NO_ADMINS)],
    "incidents.retry_kind": [Place("/incidents/retry", NO_ADMINS, "POST")],
    "incidents.retry": [Place("/incidents/1/retry", NO_ADMINS, "POST")],
    "incidents.edit": [Place("/incidents/1/edit", NO_ADMINS, "POST")],
    "incidents.skip": [Place("/incidents/1/skip", NO_ADMINS, "POST")],
    "incidents.settle": [Place("/incidents/1/repairs/1/confirm", NO_ADMINS, "POST")],
    # a centre that lists a register: test_registers_page.py
    "registers.page": [Place("/registers/unknown", (IN, 404, 404, 404, 404))],
    "registers.search": [Place("/registers/unknown", (IN, 404, 404, 404, 404), "POST")],
    "registers.numbers": [Place("/registers/unknown/numbers", (IN, 404, 404, 404, 404), "POST")],
    "registers.apply": [Place("/registers/unknown/requests", (IN, 404, 404, 404, 404), "POST")],
    "registers.workbook": [Place("/registers/unknown.xlsx", (IN, 404, 404, 404, 404))],
    "registers.paper": [Place("/registers/unknown.pdf", (IN, 404, 404, 404, 404))],
    "registers.sheet": [Place("/registers/unknown/print", (IN, 404, 404, 404, 404))],
    "registers.files": [Place("/registers/files", SIGNED)],
    "registers.file": [Place("/registers/files/1", (IN, 404, 404, 404, 404))],
    "registers.slip": [Place("/remittances/1/slip", (IN, 404, 404, 404, 404))],
    "registers.slip_pdf": [Place("/remittances/1/slip.pdf", (IN, 404, 404, 404, 404))],
    "members.index": [Place("/members", SIGNED)],
    "members.search": [Place("/members", (IN, MOVED, MOVED, MOVED, MOVED), "POST")],
    "members.page": [
        Place("/members/{member}", OWN_UNIT_AND_BRANCH),
        Place("/members/019999999999", (IN, 404, 404, 404, 404)),
    ],
    "members.ledger": [Place("/members/{member}/ledger", OWN_UNIT_AND_BRANCH)],
    "units.own_paper": [Place("/unit.pdf", OPERATORS)],
    "units.paper": [
        Place(f"/units/{UNIT}.pdf", (IN, 403, 403, 200, 404)),
        Place("/units/019999999999.pdf", (IN, 403, 403, 404, 404)),
    ],
    "units.own": [Place("/unit", OPERATORS)],
    "units.index": [Place("/units", STAFF)],
    "units.page": [Place(f"/units/{UNIT}", (IN, 403, 403, 200, 404))],
    "versions.index": [Place("/versions", NO_ADMINS)],
    "versions.page": [Place(f"/versions/{SERVICE}", NO_ADMINS)],
    "versions.migrate": [Place(f"/versions/{SERVICE}/migrate", NO_ADMINS)],
    "versions.run": [Place(f"/versions/{SERVICE}/migrate", NO_ADMINS, "POST")],
    # theirs and of 业务主管: test_parameters_page.py
    "parameters.index": [Place("/parameters", NO_ADMINS)],
    # who may read a number, and what is registered: test_privacy_screens.py
    "privacy.reveal": [Place("/privacy/request/{no}", (IN, 403, 403, 404, 404), "POST")],
    "privacy.register": [Place("/disclosures", NO_ADMINS)],
    "standins.page": [Place("/standins", SIGNED)],
    "standins.appoint": [Place("/standins", (IN, 422, 422, 422, 422), "POST")],
    "standins.cancel": [Place("/standins/1/cancel", (IN, 404, 404, 404, 404), "POST")],
    "standins.leaving": [Place("/handover", NO_ADMINS)],
    "standins.hand_over": [Place("/handover", NO_ADMINS, "POST")],
    "attachments.upload": [
        Place("/requests/{no}/attachments", (IN, (400, 422), 404, (400, 422), 404), "POST")
    ],
    "attachments.remove": [
        Place("/requests/{no}/attachments/{token}/remove", (IN, 404, 404, 404, 404), "POST")
    ],
    "opinions.page": [Place("/opinions", STAFF)],
    "opinions.add": [Place("/opinions", (IN, 403, 403, MOVED, MOVED), "POST")],
    "opinions.remove": [Place("/opinions/1/remove", (IN, 403, 403, MOVED, MOVED), "POST")],
    "opinions.lift": [Place("/opinions/1/raise", (IN, 403, 403, MOVED, MOVED), "POST")],
    "people.search": [Place("/people?q=a", SIGNED)],
    "review.keep_filter": [Place("/review/filters", (IN, 403, 403, MOVED, MOVED), "POST")],
    "review.drop_filter": [Place("/review/filters/1/remove", (IN, 403, 403, MOVED, MOVED), "POST")],
    "review.approve": [Place("/review/approve", (IN, 403, 403, MOVED, MOVED), "POST")],
}


@dataclass(frozen=True)
class Mine:
    """What belongs to the operator, on the reviewer's desk."""

    no: str
    message: int
    token: str
    task: int
    member: str


@pytest.fixture
def mine(hall: Hall) -> Mine:
    no = hall.file()
    task = hall.task_of(no, "reviewer")
    return Mine(no, hall.message(no=no), _material(hall, no), task, members.in_hall(hall))


def _material(hall: Hall, no: str) -> str:
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(picture, "PNG")
    picture.seek(0)
    settings = hall.app.extensions["hall"].settings
    owner = hall.user_id("operator")
    with hall.app.app_context():
        stored = documents.store(
            db.session(),
            root=settings.materials_path,
            stream=picture,
            file_name="营业执照.png",
            slot="business_licence",
            owner_id=owner,
            scope_key=f"service:{SERVICE}",
            limits=settings.uploads,
            now=hall.clock(),
        )
        assert isinstance(stored, Material), stored
        token = stored.token
        documents.bind(db.session(), owner, f"service:{SERVICE}", no)
        db.session.commit()
    return token


def _browser_of(hall: Hall, who: str) -> FlaskClient:
    return hall.browser() if who == "nobody" else hall.signed_in(who)


def test_every_route_says_whose_it_is(hall: Hall) -> None:
    routes = {rule.endpoint for rule in hall.app.url_map.iter_rules()}
    assert routes - set(PLACES) == set(), "a route without a line in PLACES"
    assert set(PLACES) - routes == set(), "a line without a route"


POSTED = sorted(name for name, places in PLACES.items() if any(p.method != "GET" for p in places))


def test_everybody_sees_what_is_theirs(hall: Hall, mine: Mine) -> None:
    """Looking changes nothing, so that one hall serves all pages."""
    clients = {who: _browser_of(hall, who) for who in WHO}
    looks = [place for places in PLACES.values() for place in places if place.method == "GET"]
    wrong = [said for place in looks for said in _wrong(place, mine, clients)]
    assert wrong == []


@pytest.mark.parametrize("endpoint", POSTED)
def test_everybody_may_do_what_is_theirs(hall: Hall, mine: Mine, endpoint: str) -> None:
    for place in PLACES[endpoint]:
        if place.method != "GET":
            assert _wrong(place, mine, {who: _browser_of(hall, who) for who in WHO}) == []


def _wrong(place: Place, mine: Mine, clients: dict[str, FlaskClient]) -> list[str]:
    """Who gets something else than this place says."""
    path, wrong = place.path.format(**vars(mine)), []
    for (who, client), expected in zip(clients.items(), place.gets, strict=True):
        answer = client.get(path) if place.method == "GET" else post(client, path)
        got = _told(answer.status_code, answer.location)
        allowed = expected if isinstance(expected, tuple) else (expected,)
        if got not in allowed:
            wrong.append(f"{who} {place.method} {path}: {got}, not {expected}")
        answer.close()
    return wrong


def _told(status: int, location: str | None) -> int | str:
    return IN if status == 303 and "/signin?next=" in (location or "") else status


def test_a_refused_page_tells_nothing_of_what_it_would_show(
    hall: Hall, mine: Mine, stranger: FlaskClient, far_reviewer: FlaskClient
) -> None:
    for client in (stranger, far_reviewer):
        missing = client.get("/requests/QDN-20200101-000001")
        hidden = client.get(f"/requests/{mine.no}")
        assert hidden.status_code == missing.status_code == 404
        assert "云谷" not in hidden.text
        assert _without_ids(hidden.text) == _without_ids(missing.text)


def _without_ids(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if "csrf" not in line)


def test_no_box_of_a_stranger_holds_the_request(
    hall: Hall, mine: Mine, stranger: FlaskClient, far_reviewer: FlaskClient
) -> None:
    for client in (stranger, far_reviewer):
        for path in ("/inbox/todo", "/inbox/started", "/inbox/done", "/inbox/messages", "/review"):
            assert mine.no not in client.get(path).text


@pytest.mark.parametrize("path", ["/", "/signin", "/requests/{no}", "/nothing"])
def test_the_policy_forbids_what_we_do_not_use(
    hall: Hall, mine: Mine, operator: FlaskClient, path: str
) -> None:
    client = hall.browser() if path == "/signin" else operator
    headers = client.get(path.format(no=mine.no)).headers
    policy = dict(
        part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert policy["base-uri"] == "'none'"
    assert policy["object-src"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_inline_styles_are_allowed_nowhere_but_beside_a_diagram(
    hall: Hall, mine: Mine, operator: FlaskClient
) -> None:
    for path in ("/", "/inbox/todo", "/about", f"/services/{SERVICE}", "/verify"):
        assert "unsafe-inline" not in operator.get(path).headers["Content-Security-Policy"]
    for path in ("/", f"/requests/{mine.no}", "/about"):
        policy = operator.get(path).headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy


@pytest.mark.parametrize(
    "path",
    ["/", "/inbox/messages", "/signin", "/about", "/branches", "/demo/phone", "/search?q=QD"],
)
def test_no_page_carries_inline_code_or_styles(
    hall: Hall, mine: Mine, operator: FlaskClient, path: str
) -> None:
    page = (hall.browser() if path == "/signin" else operator).get(path).text
    assert " style=" not in page
    assert "<style" not in page
    assert " onclick=" not in page
    assert "<script>" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_every_form_that_changes_something_carries_a_token(
    hall: Hall, mine: Mine, operator: FlaskClient
) -> None:
    seen = 0
    for path in ("/", "/inbox/messages", f"/messages/{mine.message}", "/password", "/about"):
        for form in operator.get(path).text.split("<form ")[1:]:
            head, body = form.split(">", 1)
            if 'method="post"' in head:
                assert 'name="csrf_token"' in body.split("</form>")[0], f"{path}: {head}"
                seen += 1
    assert seen >= 8


@pytest.mark.parametrize(
    "path", ["/signout", "/session/keep", "/messages/1/delete", f"/services/{SERVICE}"]
)
def test_a_forged_post_changes_nothing(operator: FlaskClient, path: str) -> None:
    assert operator.post(path, data={"action": "submit"}).status_code == 400
    assert operator.get("/").status_code == 200


def _https(databases: Databases, clock: Clock, home: Path) -> tuple[Hall, FlaskClient, str]:
    url = seeded_copy(databases, clock)
    web = {"base_url": "https://hall.example.cn", "trusted_proxies": 1}
    app = make_app(url, home, clock, web=web)
    return Hall(app, clock), app.test_client(), url


def test_behind_https_cookies_are_secure_and_the_browser_is_told_to_stay(
    databases: Databases, clock: Clock, tmp_path: Path
) -> None:
    hall, client, url = _https(databases, clock, tmp_path)
    proxy = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "hall.example.cn"}
    answer = client.get("/signin", headers=proxy)
    assert answer.status_code == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-hall=")
    assert "Secure" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    hall.close()
    databases.drop(url)


def test_another_host_name_is_refused(databases: Databases, clock: Clock, tmp_path: Path) -> None:
    hall, client, url = _https(databases, clock, tmp_path)
    proxy = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    assert client.get("/signin", headers=proxy).status_code == 400
    assert client.get("/signin", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/healthz", headers={"Host": "127.0.0.1:8000"}).status_code == 200
    hall.close()
    databases.drop(url)


def test_without_a_proxy_its_headers_are_not_believed(hall: Hall) -> None:
    for _ in range(2):
        answer = hall.browser().get("/signin", headers={"X-Forwarded-Proto": "https"})
        assert "Strict-Transport-Security" not in answer.headers


def test_static_files_with_a_digest_are_kept_and_others_checked(browser: FlaskClient) -> None:
    with browser.get("/static/hall.css?v=1") as kept, browser.get("/static/hall.css") as checked:
        assert "immutable" in kept.headers["Cache-Control"]
        assert "immutable" not in checked.headers.get("Cache-Control", "")
        assert "Set-Cookie" not in kept.headers


def test_a_signed_in_cookie_of_another_key_is_worth_nothing(hall: Hall) -> None:
    client = hall.browser()
    client.set_cookie("hall", "eyJfdXNlcl9pZCI6IjEifQ.forged.forged")
    assert client.get("/").location == "/signin?next=/"
    assert csrf_of(client)
