"""The doors: who is at the keyboard, proven by account, password and a picture.

The browser holds a signed cookie with a random token; the session itself is a row that ends on
idle, on sign-out, or when the account is disabled.  Signing in always starts a new row and an empty
cookie.
"""

from __future__ import annotations

from dataclasses import replace

from captcha.image import ImageCaptcha
from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, login_user, logout_user

from engine.errors import Problem
from engine.verbs.substitutes import mandates_of
from handlers.centers import Door
from handlers.people import operations, queries, sign_in
from handlers.people.rules import LockRule
from webapp import demo, parking
from webapp.runtime import Person, center, me, now, person, runtime, session, settings
from webapp.security import audience, limiter, wants_json

bp = Blueprint("signin", __name__)
login_manager = LoginManager()

CAPTCHA_WIDTH, CAPTCHA_HEIGHT = 216, 72  # twice the size on screen, for dense displays
CAPTCHA_FONT_SIZES = (46, 50, 54)
SIGNIN_LIMIT = "20 per minute; 200 per hour"  # per address; the account itself locks after five
CAPTCHA_LIMIT = "60 per minute"
WORKING_DOORS = ("unit", "staff")
QUIET_ENDPOINTS = (
    "jobs.status",
    "rosters.progress",
    "rosters.filed_progress",
)  # asked by a page while nobody may be there
LANDING = {"operator": "home.index", "staff": "review.desk"}


@login_manager.user_loader
def load(token: str) -> Person | None:
    """Flask-Login's question on every request; also what keeps the session from idling out."""
    store = session()
    quiet = request.endpoint in QUIET_ENDPOINTS
    user_id = sign_in.touch(store, token, now(), settings().signin.idle_minutes, quiet=quiet)
    if user_id is None:
        return None
    profile = queries.profile(store, user_id)
    actor = queries.actor(store, user_id, profile) if profile else None
    if actor is None or profile is None:
        return None
    if profile.kind == "staff":  # 代理: a unit's operators have the same posts anyway
        actor = replace(actor, mandates=mandates_of(runtime(), user_id))
    return Person(token, actor, profile)


@bp.get("/signin")
@audience("public")
def form() -> ResponseReturnValue:
    profile = me()
    if profile is not None:
        return redirect(_landing(profile.kind), 303)
    return _page(_door(request.args.get("door")))


@bp.post("/signin")
@audience("public")
@limiter.limit(SIGNIN_LIMIT)
def enter() -> ResponseReturnValue:
    door = _door(request.form.get("door"))
    if door.id not in WORKING_DOORS or not door.open:
        return _page(door, status=403)
    store = session()
    posted = request.form
    if settings().signin.captcha and not _captcha_answered():
        wrong = Problem("captcha", "验证码不对或已过期，请输入新图片上的字符。", "captcha")
        return _page(door, problem=wrong, status=422)
    limits = settings().signin
    outcome = sign_in.check(
        store,
        door.id,
        posted.get("login", ""),
        posted.get("password", ""),
        now=now(),
        ip=_ip(),
        rule=LockRule(limits.lock_attempts, limits.lock_minutes),
    )
    if isinstance(outcome, Problem):
        return _page(door, problem=outcome, status=422)
    return _let_in(outcome)


@bp.post("/signout")
@audience("public")
def leave() -> ResponseReturnValue:
    signed_in = person()
    if signed_in is not None:
        sign_in.close_session(session(), signed_in.token, now())
    logout_user()
    cookie.clear()
    flash("已安全退出", "done")
    return redirect(url_for("signin.form"), 303)


@bp.post("/session/keep")
def keep() -> ResponseReturnValue:
    """继续办理: reaching this view has already touched the session."""
    return "", 204


@bp.route("/password", methods=["GET", "POST"])
def password() -> ResponseReturnValue:
    """修改密码; also where somebody with a temporary password is kept until it is changed."""
    if request.method == "GET":
        return render_template("signin/password.html", problem=None)
    signed_in, typed = person(), request.form
    assert signed_in is not None, "the gate let nobody else in"
    if typed.get("new", "") != typed.get("again", ""):
        problem: Problem | None = Problem("password.again", "两次输入的新密码不一致。", "again")
    else:
        problem = operations.change_password(
            session(),
            signed_in.actor.id,
            typed.get("old", ""),
            typed.get("new", ""),
            now=now(),
            keep_token=signed_in.token,
        )
    if problem is not None:
        return render_template("signin/password.html", problem=problem), 422
    flash("密码已修改，其他电脑上的登录已退出", "done")
    return redirect(_landing(signed_in.profile.kind), 303)


@bp.post("/captcha")
@audience("public")
@limiter.limit(CAPTCHA_LIMIT)
def captcha_again() -> ResponseReturnValue:
    return _captcha() if wants_json() else _form_again()


@bp.get("/captcha/<id>.png")
@audience("public")
@limiter.limit(CAPTCHA_LIMIT)
def captcha(id: str) -> ResponseReturnValue:
    answer = sign_in.captcha_answer(session(), id, now())
    if answer is None:
        abort(404)
    drawn = ImageCaptcha(CAPTCHA_WIDTH, CAPTCHA_HEIGHT, font_sizes=CAPTCHA_FONT_SIZES)
    return Response(drawn.generate(answer).getvalue(), mimetype="image/png")


def _captcha_answered() -> bool:
    typed = request.form
    return sign_in.use_captcha(
        session(), typed.get("captcha_id", ""), typed.get("captcha", ""), now()
    )


def _let_in(user_id: str) -> ResponseReturnValue:
    """A fresh cookie and a fresh row: what the browser held before is worth nothing after."""
    store = session()
    target = request.form.get("next")
    agent = request.user_agent.string
    token = sign_in.open_session(store, user_id, now=now(), ip=_ip(), agent=agent)
    actor, profile = queries.actor(store, user_id), queries.profile(store, user_id)
    assert actor is not None, "signed in a moment ago"
    assert profile is not None, "an actor is made from a profile"
    cookie.clear()
    login_user(Person(token, actor, profile))
    cookie[parking.OWNER] = user_id
    if target and parking.safe_path(target):
        return redirect(target, 303)
    return redirect(_landing(profile.kind), 303)


def _landing(kind: str) -> str:
    return url_for(LANDING[kind])


def _ip() -> str:
    return get_remote_address() or ""


def _door(name: str | None) -> Door:
    return center().door(name or "") or center().doors[0]


def _form_again() -> ResponseReturnValue:
    """换一张 without scripts: the same door, and where to go on after it."""
    asked_next = request.args.get("next")
    kept = asked_next if parking.safe_path(asked_next) else None
    door = _door(request.args.get("door"))
    return redirect(url_for("signin.form", door=door.id, next=kept), 303)


def _captcha() -> dict[str, str]:
    id_, answer = sign_in.new_captcha(session(), now())
    return {
        "id": id_,
        "url": url_for("signin.captcha", id=id_),
        "hint": demo.captcha_hint(answer),
    }


def _page(door: Door, *, problem: Problem | None = None, status: int = 200) -> ResponseReturnValue:
    asked_next = request.values.get("next", "")
    works = door.id in WORKING_DOORS and door.open
    html = render_template(
        "signin/form.html",
        door=door,
        works=works,
        captcha=_captcha() if works and settings().signin.captcha else None,
        problem=problem,
        login=request.form.get("login", ""),
        next=asked_next if parking.safe_path(asked_next) else "",
        expired=request.args.get("expired", ""),
        kept_text=parking.KEPT_TEXT,
        expired_text=parking.EXPIRED_TEXT,
        demo_logins=demo.logins(door.id) if works else [],
    )
    return html, status
