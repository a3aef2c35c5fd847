"""Files: taken in by content, shown only to who may see the request, never more than allowed."""

from __future__ import annotations

import io
from urllib.parse import unquote

from flask.testing import FlaskClient

from tests.webapp.hall import csrf_of, post
from tests.webapp.steps import JSON, PAGE, decide, filed, picture, seen_by, submit, token_of, upload


class Endless(io.RawIOBase):
    """200 MB that are never in memory at once: it may only be read in small pieces."""

    SIZE = 200 * 1024 * 1024
    PIECE_MAX = 1024 * 1024
    position = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self.position = offset + (self.SIZE if whence == io.SEEK_END else 0)
        return self.position

    def read(self, size: int = -1, /) -> bytes:
        assert 0 <= size <= self.PIECE_MAX, "read in small pieces"
        piece = min(size, self.SIZE - self.position)
        self.position += piece
        return b"0" * piece


def test_an_upload_answers_with_the_slots_files(operator: FlaskClient) -> None:
    answer = upload(operator)
    assert answer.status_code == 200
    assert "照片.jpg" in answer.get_json()["files"]


def test_html_called_png_is_refused_in_words(operator: FlaskClient) -> None:
    answer = upload(operator, content=io.BytesIO(b"<html><script>1</script>"), name="a.png")
    assert answer.status_code == 422
    assert "网页" in answer.get_json()["problem"]["text"]


def test_the_file_comes_back_safe_to_open(operator: FlaskClient) -> None:
    answer = operator.get(f"/materials/{token_of(upload(operator))}", buffered=True)
    assert answer.mimetype == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "照片.jpg" in unquote(answer.headers["Content-Disposition"])
    assert "UTF-8''" in answer.headers["Content-Disposition"]


def test_a_thumbnail_is_small_and_kept(operator: FlaskClient) -> None:
    path = f"/materials/{token_of(upload(operator))}?size=thumb"
    first, second = operator.get(path, buffered=True), operator.get(path, buffered=True)
    assert first.data == second.data
    assert first.data[:2] == b"\xff\xd8"
    assert len(first.data) < 20_000


def test_a_drafts_file_is_the_uploaders_alone(
    operator: FlaskClient, stranger: FlaskClient, reviewer: FlaskClient
) -> None:
    token = token_of(upload(operator))
    for other in (stranger, reviewer):
        assert other.get(f"/materials/{token}", buffered=True).status_code == 404
        assert post(other, f"/materials/{token}/remove").status_code == 404
    assert operator.get(f"/materials/{token}", buffered=True).status_code == 200


def test_a_filed_file_is_for_who_may_see_the_request(
    operator: FlaskClient,
    stranger: FlaskClient,
    reviewer: FlaskClient,
    far_reviewer: FlaskClient,
) -> None:
    token = token_of(upload(operator))
    filed(operator)
    assert reviewer.get(f"/materials/{token}", buffered=True).status_code == 200
    assert stranger.get(f"/materials/{token}", buffered=True).status_code == 404
    assert far_reviewer.get(f"/materials/{token}", buffered=True).status_code == 404


def test_a_filed_file_cannot_be_taken_back_until_the_request_returns(
    operator: FlaskClient, reviewer: FlaskClient
) -> None:
    token = token_of(upload(operator))
    no = filed(operator)
    refused = post(operator, f"/materials/{token}/remove", headers=JSON)
    assert "申请已提交" in refused.get_json()["problem"]["text"]
    decide(reviewer, no, "return", opinion="换一张", **seen_by(reviewer, no))
    assert post(operator, f"/materials/{token}/remove", headers=JSON).status_code == 200
    again = upload(operator, path=f"/requests/{no}/materials", name="新照片.jpg")
    assert again.status_code == 200
    submit(operator, f"/requests/{no}/edit", pay_day="20")
    page = operator.get(f"/requests/{no}").text
    assert "新照片.jpg" in page
    assert token not in page


def test_taking_back_a_drafts_file_removes_it(operator: FlaskClient) -> None:
    token = token_of(upload(operator))
    assert (
        post(operator, f"/materials/{token}/remove", headers=JSON).get_json()["files"].strip() == ""
    )
    assert operator.get(f"/materials/{token}", buffered=True).status_code == 404


def test_a_full_slot_takes_no_more(operator: FlaskClient) -> None:
    for _ in range(2):
        assert upload(operator, "business_licence").status_code == 200
    third = upload(operator, "business_licence")
    assert third.status_code == 422
    assert "最多 2 份" in third.get_json()["problem"]["text"]


def test_unknown_slots_and_missing_files_are_told(operator: FlaskClient) -> None:
    assert upload(operator, "../etc").status_code == 400
    assert post(operator, f"{PAGE}/materials", {"slot": "other"}, headers=JSON).status_code == 400


def test_two_hundred_megabytes_are_refused_without_being_kept(operator: FlaskClient) -> None:
    body = Endless()
    answer = operator.post(
        f"{PAGE}/materials",
        input_stream=body,
        content_length=Endless.SIZE,
        content_type="multipart/form-data; boundary=x",
        headers={**JSON, "X-CSRFToken": csrf_of(operator)},
    )
    assert answer.status_code == 413
    assert body.position > 0, "read off, so that the browser gets the answer"
    assert "单个文件不能超过 10 MB" in answer.get_json()["problem"]["text"]


def test_a_strange_token_is_not_found(operator: FlaskClient) -> None:
    for token in ("0" * 32, "..%2f..%2fetc%2fpasswd", "x"):
        assert operator.get(f"/materials/{token}", buffered=True).status_code == 404


def test_the_name_of_a_file_is_shown_as_text(operator: FlaskClient) -> None:
    files = upload(operator, name="<img src=x onerror=alert(1)>.jpg", content=picture()).get_json()
    assert "<img src=x" not in files["files"]
