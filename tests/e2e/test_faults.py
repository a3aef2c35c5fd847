"""What people and networks do wrong, in a real browser: survived, or told in a clear sentence."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.builders import files
from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import Visitors, field, sign_in, toast

FORM = "/services/unit_info_change"
ADDRESS = "凯里市清江大道 200 号 3 层"
HUGE = 200 * 1024 * 1024


def _csrf(page: Page) -> str:
    return page.locator("meta[name=csrf-token]").get_attribute("content") or ""


def test_a_double_click_files_one_request(hall: LiveHall, visitors: Visitors) -> None:
    login = unit_login(4)
    page = visitors.signed_in(hall, login)
    page.goto(FORM)
    field(page, "邮政编码").fill("556021")
    page.get_by_role("button", name="提交审核").dblclick()
    toast(page, "已提交至中心审核")
    assert len(hall.requests_of(login)) == 1


def test_the_same_page_posted_twice_at_once_files_one_request(
    hall: LiveHall, visitors: Visitors
) -> None:
    """What a double click is without our script, or with an impatient network."""
    login = unit_login(5)
    page = visitors.signed_in(hall, login)
    page.goto(FORM)
    field(page, "邮政编码").fill("556022")
    landed = page.evaluate(
        """async () => {
            const form = document.getElementById('filing');
            const post = () => {
                const data = new FormData(form);
                data.set('action', 'submit');
                const where = form.getAttribute('action');
                return fetch(where, {method: 'POST', body: data}).then((a) => a.url);
            };
            return Promise.all([post(), post(), post()]);
        }"""
    )
    assert len(hall.requests_of(login)) == 1
    no = hall.requests_of(login)[0]
    assert {urlsplit(url).path for url in landed} == {f"/requests/{no}"}


def test_back_after_submitting_and_submitting_again_opens_the_request_that_was_filed(
    hall: LiveHall, visitors: Visitors
) -> None:
    login = unit_login(6)
    page = visitors.signed_in(hall, login)
    page.goto(FORM)
    field(page, "邮政编码").fill("556023")
    page.get_by_role("button", name="提交审核").click()
    page.wait_for_url("**/requests/*")
    page.go_back()
    page.wait_for_url(f"**{FORM}")
    field(page, "邮政编码").fill("556024")
    page.get_by_role("button", name="提交审核").click()
    expect(page.get_by_text("存在未审批完成的单位信息变更业务")).to_be_visible()
    assert len(hall.requests_of(login)) == 1


def test_a_decision_on_a_stale_page_is_explained_and_the_opinion_kept(
    hall: LiveHall, visitors: Visitors
) -> None:
    no = hall.file(unit_login(7), pay_day="3")
    late = visitors.signed_in(hall, "qdn002")
    late.goto(f"/requests/{no}")
    opinion = late.get_by_label("审批意见")
    opinion.fill("地址与执照一致，同意。")
    hall.decide("qdn001", no, "approve", "同意")
    late.get_by_role("button", name="同意", exact=True).click()
    notice = late.locator(".w-moved")
    expect(notice).to_contain_text("王审核")
    expect(notice).to_contain_text("同意")
    expect(late.get_by_role("main")).to_contain_text("地址与执照一致，同意。")
    assert hall.view("qdn001", no).label == "复核中"


@pytest.mark.parametrize("button", ["保存", "提交审核"])
def test_nothing_typed_is_lost_when_the_session_ends_in_the_middle_of_the_form(
    hall: LiveHall, visitors: Visitors, button: str
) -> None:
    login = unit_login(8)
    page = visitors.signed_in(hall, login)
    page.goto(FORM)
    hall.end_sessions(login)
    field(page, "单位地址").fill(ADDRESS)
    field(page, "经办人手机号码").fill("1380855")
    page.get_by_role("button", name=button).click()
    page.wait_for_url("**/signin**")
    expect(page.get_by_text("登录已过期，您填写的内容已保存，重新登录后继续。")).to_be_visible()
    sign_in(page, login)
    assert urlsplit(page.url).path == FORM
    expect(field(page, "单位地址")).to_have_value(ADDRESS)
    expect(field(page, "经办人手机号码")).to_have_value("1380855")
    page.get_by_role("button", name="放弃草稿").click()
    toast(page, "草稿已放弃")


def test_an_old_draft_does_not_undo_what_was_decided_meanwhile(
    hall: LiveHall, visitors: Visitors
) -> None:
    login = unit_login(9)
    no = hall.file(login, operator_mobile="13800001234")
    page = visitors.signed_in(hall, login)
    page.goto(FORM)
    field(page, "发薪日").select_option("9")
    page.get_by_role("button", name="保存").click()
    expect(page.locator("[data-saved]")).to_contain_text("草稿已于")
    for reviewer in ("qdn001", "qdn003"):
        hall.decide(reviewer, no, "approve", "同意")
    page.goto(FORM)
    expect(field(page, "发薪日")).to_have_value("9")
    expect(field(page, "经办人手机号码")).to_have_value("138****1234")
    expect(page.locator("#changes tbody tr")).to_have_count(1)


def test_a_locked_field_posted_by_hand_is_refused(hall: LiveHall, visitors: Visitors) -> None:
    login = unit_login(4)
    page = visitors.signed_in(hall, login)
    page.goto(FORM)
    before, filed = hall.unit(login).unit_name, len(hall.requests_of(login))
    page.evaluate(
        """() => {
            const input = document.createElement('input');
            Object.assign(input, {name: 'unit_name', value: '别人的公司'});
            document.getElementById('filing').append(input);
        }"""
    )
    page.get_by_role("button", name="提交审核").click()
    expect(page.get_by_role("alert").first).to_contain_text("单位名称")
    assert hall.unit(login).unit_name == before
    assert len(hall.requests_of(login)) == filed


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("执照.png", files.HTML),
        ("执照.jpg", files.EXE),
        ("执照.pdf", files.EXE),
        ("setup.exe", files.EXE),
        ("执照.png", b""),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_in_words(
    hall: LiveHall, visitors: Visitors, name: str, content: bytes
) -> None:
    page = visitors.signed_in(hall, unit_login(8))
    page.goto(FORM)
    slot = page.locator("[data-slot=other]")
    slot.locator("#m-other").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )
    error = slot.locator("[data-slot-error]")
    expect(error).to_be_visible()
    expect(error).to_contain_text(re.compile("[一-龥]{4,}"))
    expect(slot.locator("[data-file]")).to_have_count(0)


def test_the_browser_refuses_a_file_that_is_too_large_before_sending_it(
    hall: LiveHall, visitors: Visitors, tmp_path: Path
) -> None:
    large = tmp_path / "扫描件.pdf"
    with large.open("wb") as out:
        out.truncate(HUGE)
    page = visitors.signed_in(hall, unit_login(8))
    page.goto(FORM)
    slot = page.locator("[data-slot=other]")
    slot.locator("#m-other").set_input_files(large)
    expect(slot.locator("[data-slot-error]")).to_contain_text("200.0 MB，超过")


def _two_hundred_megabytes(border: bytes, token: str) -> Iterator[bytes]:
    yield b"--%s\r\nContent-Disposition: form-data; name=csrf_token\r\n\r\n%s\r\n" % (
        border,
        token.encode(),
    )
    yield b"--%s\r\nContent-Disposition: form-data; name=slot\r\n\r\nother\r\n" % border
    yield b"--%s\r\nContent-Disposition: form-data; name=file; filename=a.pdf\r\n\r\n" % border
    piece = b"\x00" * 65_536
    for _ in range(HUGE // len(piece)):
        yield piece


def test_a_200_mb_upload_past_our_script_is_refused_quickly(
    hall: LiveHall, visitors: Visitors
) -> None:
    page = visitors.signed_in(hall, unit_login(8))
    page.goto(FORM)
    token = _csrf(page)
    cookies = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    parts = urlsplit(hall.url)
    started = time.monotonic()
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as line:  # type: ignore[arg-type]
        line.sendall(
            f"POST {FORM}/materials HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookies}\r\n"
            f"Accept: application/json\r\nX-CSRFToken: {token}\r\nContent-Length: {HUGE}\r\n"
            "Content-Type: multipart/form-data; boundary=frontier\r\n\r\n".encode()
        )
        try:
            for piece in _two_hundred_megabytes(b"frontier", token):
                line.sendall(piece)
        except OSError:
            pass  # the hall closed the door while we were still pushing
        answer = b""
        try:
            while piece := line.recv(65_536):
                answer += piece
                if b'"}' in answer:
                    break
        except OSError:
            pass
    seconds = time.monotonic() - started
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert "文件太大，没有上传" in answer.decode("unicode_escape", "ignore") or (
        "文件太大，没有上传" in answer.decode(errors="ignore")
    )
    assert seconds < 15, f"{seconds:.1f} s for a refusal"


def test_somebody_else_s_request_and_material_are_pages_that_do_not_exist(
    hall: LiveHall, visitors: Visitors, licence: Path
) -> None:
    owner = visitors.signed_in(hall, unit_login(0) + "-2")
    owner.goto(FORM)
    slot = owner.locator("[data-slot=other]")
    slot.locator("#m-other").set_input_files(licence)
    material = slot.locator("[data-file] a").get_attribute("href")
    no = hall.file(unit_login(14))  # 黎平管理部
    stranger = visitors.signed_in(hall, unit_login(3))
    for path in (material, f"/requests/{no}", f"/requests/{no}/receipt", f"/requests/{no}/edit"):
        answer = stranger.goto(str(path))
        assert answer is not None
        assert answer.status == 404, path
        expect(stranger.get_by_role("heading", level=1)).to_be_visible()
        assert no not in stranger.get_by_role("main").inner_text()
    far = visitors.signed_in(hall, "qdn001")  # reviews in another branch
    answer = far.goto(f"/requests/{no}")
    assert answer is not None
    assert answer.status == 404
