"""What surrounds every page: the rail, its counts, and the functions templates may call."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, current_app, g, request, url_for
from flask import session as cookie
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from engine.boxes import incident_desk
from engine.calendar import ZONE
from engine.diagrams import definitions
from engine.verbs.permissions import administers
from handlers.registers import catalog
from handlers.registers.asking import reader_of
from handlers.registers.catalog import Offered
from webapp import demo, filing, jobpages, parameters
from webapp.runtime import actor, center, counts, me, now, person, runtime, settings
from webapp.settings import ROOT

DIGEST_CHARS = 10
MEMBERS = "members.index"  # is there in every centre, listed or not
MEMBERS_TITLE = "职工信息查询"


@dataclass(frozen=True, slots=True)
class Service:
    key: str
    name: str
    icon: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    services: list[Service] = field(default_factory=list)


def deployed_services() -> list[Group]:
    """The centre's menu: services with a diagram whose first step is this person's post."""
    if "services" not in g:
        held = {role for role, _ in actor().posts}
        current = definitions.all_current(runtime())
        mine = {found.key for found in current if found.first.role in held}
        g.services = [_group(entry, mine) for entry in center().menu]
    return [group for group in g.services if group.services]


def _group(entry: Any, mine: set[str]) -> Group:
    texts = center().services
    return Group(
        entry.group,
        [
            Service(key, texts[key].name, texts[key].icon, texts[key].purpose)
            for key in entry.services
            if key in mine and key in texts
        ],
    )


def rail() -> list[dict[str, Any]]:
    """The left menu of whoever is signed in."""
    profile = me()
    if profile is None:
        return []
    inbox = _item("消息事务管理", "inbox", url_for("inboxes.box", box="messages"), "/inbox")
    inbox["count"] = counts()["messages"]
    standins = _item("代理设置", "user-check", url_for("standins.page"), "/standins")
    if profile.kind == "staff":
        desk = _item("审批台", "layout-list", url_for("review.desk"), "/review")
        desk["count"] = counts()["todo"]
        first = {"name": "", "items": [desk, inbox, standins, *_reading()]}
        return [first, *_joined([*_services(), *_queries(operator=False)]), *_keeping()]
    home = _item("工作台", "home", url_for("home.index"), None)
    first = {"name": "", "items": [home, inbox, standins]}
    return [first, *_joined([*_services(), *_queries(operator=True)])]


def _services() -> list[dict[str, Any]]:
    """What this person may file, in the groups of the centre's menu."""
    return [
        {
            "name": group.name,
            "items": [
                _item(s.name, s.icon, url_for("services.page", key=s.key), f"/services/{s.key}")
                for s in group.services
            ],
        }
        for group in deployed_services()
    ]


def _joined(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Services and registers of one group stand under one heading."""
    found: dict[str, dict[str, Any]] = {}
    for group in groups:
        here = found.setdefault(group["name"], {"name": group["name"], "items": []})
        here["items"] += group["items"]
    return list(found.values())


def _listed() -> list[Offered]:
    return catalog.offered(center(), reader_of(actor(), now().astimezone(ZONE).date()))


def members_title() -> str:
    """What this centre calls 职工信息查询."""
    named = (one.name for one in _listed() if one.register.page == MEMBERS)
    return next(named, MEMBERS_TITLE)


def _queries(*, operator: bool) -> list[dict[str, Any]]:
    """What the books say, read from pages that are no services: two fixed ones and the registers
    this centre lists."""
    name, endpoint = ("单位基本情况", "units.own") if operator else ("单位查询", "units.index")
    unit = _item(name, "building-community", url_for(endpoint), "/unit")
    found = [{"name": center().query_group, "items": [unit]}]
    listed = _listed()
    if not any(one.register.page == MEMBERS for one in listed):
        item = _item(MEMBERS_TITLE, "users", url_for(MEMBERS), "/members")
        found[0]["items"].append(item)
    for one in listed:
        page = one.register.page
        url = url_for(page) if page else url_for("registers.page", key=one.key)
        item = _item(one.name, one.register.icon, url, url if page else None)
        found.append({"name": one.group, "items": [item]})
    return _joined(found)


def _reading() -> list[dict[str, Any]]:
    if not parameters.may_read(actor()):
        return []
    return [_item("业务参数", "percentage", url_for("parameters.index"), "/parameters")]


def _keeping() -> list[dict[str, Any]]:
    """What only process admins look after."""
    if not administers(actor()):
        return []
    incidents = _item("流程异常", "alert-triangle", url_for("incidents.index"), "/incidents")
    incidents["count"] = incident_desk.count(runtime(), actor())
    versions = _item("流程版本", "git-compare", url_for("versions.index"), "/versions")
    handover = _item("离职转办", "user-x", url_for("standins.leaving"), "/handover")
    jobs = _item("我的任务", "list-check", url_for("jobs.index"), "/jobs")
    looks = _item("号码查看登记", "eye", url_for("privacy.register"), "/disclosures")
    return [{"name": "流程管理", "items": [incidents, versions, handover, jobs, looks]}]


def _item(name: str, icon: str, url: str, under: str | None) -> dict[str, Any]:
    here = request.path == url if under is None else request.path.startswith(under)
    return {"name": name, "icon": icon, "url": url, "here": here, "count": 0}


def undo() -> dict[str, str] | None:
    """The way back that goes with the next toast; offered once."""
    if "undo" not in g:
        g.undo = cookie.pop("undo", None)
    found: dict[str, str] | None = g.undo
    return found


def offer_undo(url: str, label: str = "撤销") -> None:
    cookie["undo"] = {"url": url, "label": label}


def asset(name: str) -> str:
    """A static file's address with its digest, so that browsers may keep it for a year."""
    folder = Path(current_app.static_folder or "")
    path = folder / name
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    digest = _digest(str(path), stamp) if stamp else ""
    return url_for("static", filename=name, v=digest or None)


@lru_cache(maxsize=200)
def _digest(path: str, _stamp: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:DIGEST_CHARS]


def csrf_field() -> Markup:
    """Beside the token the branch the page works for, where there are several (`filing`)."""
    hidden = Markup('<input type="hidden" name="{}" value="{}">')
    place = g.get("place")
    return hidden.format("csrf_token", generate_csrf()) + (
        hidden.format("place", place) if place else ""
    )


def idle_minutes() -> int:
    return settings().signin.idle_minutes


@lru_cache(maxsize=1)
def version() -> str:
    """The product is run from its folder, not installed, so its own file knows the version."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def register(app: Flask) -> None:
    """Functions, not values: macros imported without context can call them when they need them."""
    for function in (
        asset,
        center,
        counts,
        csrf_field,
        demo.demo_mode,
        idle_minutes,
        filing.places,
        me,
        person,
        rail,
        members_title,
        undo,
        version,
        jobpages.working,
    ):
        app.jinja_env.globals[function.__name__] = function
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
