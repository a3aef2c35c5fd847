"""When something goes wrong: what happened, what to do, a way on.  JSON for programs, else a page.

Refusals of the engine carry their own sentence; everything else has one here, by status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, g, render_template, request
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from flask_login import AnonymousUserMixin
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError

from engine import errors
from handlers.privacy.keyring import KeyringError
from webapp import parking
from webapp.runtime import db, person
from webapp.security import wants_json


@dataclass(frozen=True, slots=True)
class Page:
    icon: str
    title: str
    text: str  # what happened and what to do


PLAIN = "text/plain; charset=utf-8"
PAGES = {
    400: Page("alert-circle", "请求没有看懂", "地址或提交的内容不完整，请返回上一页刷新后重试。"),
    401: Page("lock", "请先登录", "这个页面需要登录后查看。"),
    403: Page(
        "lock",
        "没有权限",
        "您的岗位不能查看或办理这项内容。如确需办理，请联系本单位管理员或所属管理部开通。",
    ),
    404: Page(
        "map-pin",
        "没有找到这个页面",
        "地址可能有误，或者内容已被删除。可以用流水号、姓名、单位搜索。",
    ),
    405: Page("ban", "不能这样打开", "这个地址只能由页面上的按钮提交，请回到工作台重新操作。"),
    409: Page("refresh", "内容已经变化", "有人先一步处理了这件业务，请刷新后查看最新状态。"),
    413: Page(
        "file-x",
        "文件太大",
        "上传的内容超过了大小上限，没有保存。请压缩图片或拆分 PDF 后重新上传。",
    ),
    422: Page("alert-circle", "没有办成", "提交的内容不符合业务规则，请核对后再试。"),
    429: Page("clock", "操作太频繁", "为了账户安全，请稍等一分钟再试。"),
    500: Page(
        "plug-connected-x",
        "系统出错了",
        "这次操作没有完成，数据没有改变。请稍后重试；仍有问题请拨打热线并报出编号。",
    ),
}
STATUS_OF = (
    (errors.NotFound, 404),
    (errors.Forbidden, 403),
    (errors.Conflict, 409),
    (errors.HallError, 422),
)


def init(app: Flask) -> None:
    app.register_error_handler(errors.HallError, _refusal)
    app.register_error_handler(KeyringError, _sealed_shut)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http)


def _refusal(error: errors.HallError) -> ResponseReturnValue:
    status = next(code for kind, code in STATUS_OF if isinstance(error, kind))
    db.session.rollback()
    return _answer(status, error.text, error.code)


def _sealed_shut(error: KeyringError) -> ResponseReturnValue:
    """The hall's fault and nothing a visitor can mend: they get the page of a fault, the log what
    to do."""
    current_app.logger.error("personal data cannot be read: %s", error.text, exc_info=error)
    return _http(InternalServerError(original_exception=error))


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    if request_ctx.url_adapter is None:
        # The host name itself was refused: no address of ours can be written under it.
        return "网址不正确，请从本中心公布的网址进入。", 400, {"Content-Type": PLAIN}
    status = error.code or 500
    if isinstance(error, InternalServerError):
        # The database may be what failed: draw the page without asking it who is there.
        g.without_people = True
        g._login_user = AnonymousUserMixin()  # or Flask-Login asks the database for us
        db.session.rollback()
    page = PAGES.get(status, PAGES[500 if status >= 500 else 400])
    body, code = _answer(status, page.text, f"http.{status}")
    headers = [(k, v) for k, v in error.get_headers() if k in ("Allow", "Retry-After")]
    return body, code, headers


def _answer(status: int, text: str, code: str) -> tuple[Any, int]:
    number = g.get("request_id", "")
    if wants_json():
        return {"problem": {"code": code, "text": text}, "request_id": number}, status
    page = PAGES.get(status, PAGES[500 if status >= 500 else 400])
    html = render_template("errors/page.html", page=page, text=text, status=status, number=number)
    return html, status


def _stale_form(error: CSRFError) -> ResponseReturnValue:
    """The form is older than the sign-in: keep it, or offer it again under the new one."""
    signed_in = person()
    if signed_in is None:
        return _expired()
    text = "页面停留过久，或在另一个窗口重新登录过，这次提交没有执行。"
    if wants_json():
        return {"problem": {"code": "csrf", "text": text + "请刷新页面后重试。"}}, 400
    fields = _fields_to_offer_again() if _sent_by_our_own_page() else []
    current_app.logger.info("stale form: %s", error.description)
    return render_template("errors/stale.html", text=text, fields=fields, path=request.path), 400


def _expired() -> ResponseReturnValue:
    where = parking.signin_url(expired=True, kept=False)
    if wants_json():
        problem = {"code": "signin.expired", "text": parking.EXPIRED_TEXT}
        return {"problem": problem, "signin": where}, 401
    return render_template("errors/expired.html", where=where), 400


def _fields_to_offer_again() -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, values in request.form.lists()
        if name not in parking.SECRET_FIELDS
        for value in values
    ]


def _sent_by_our_own_page() -> bool:
    """Offering a form again with a fresh token would help a forger: only our own pages may ask."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    source = request.headers.get("Origin") or request.referrer or ""
    return urlsplit(source).netloc == request.host
