"""Which roster somebody works on: the 待提交清册 of their unit, or one that came back.

Both are worked on the same page; only the addresses and the last step differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from flask import Blueprint, abort, url_for

import engine
from engine import Deployed, RequestView
from engine.database import transaction
from engine.errors import Conflict, Problem
from forms import registry
from forms.applications import Desk
from forms.rosters import filing as rosters
from forms.rosters import picking
from forms.rosters.base import LIST, ColumnSpec, RosterForm
from handlers.centers import ServiceTexts
from handlers.rosters import store
from handlers.rosters.models import SUBMITTED, Roster
from webapp import filing
from webapp.runtime import actor, runtime, session

bp = Blueprint("rosters", __name__)  # of this page's several modules

_CLOSED = Problem("rosters.closed", "这件业务不在修改中，清册不能再改，请刷新页面查看进度。")


@dataclass(frozen=True)
class Bench:
    """`view`: the request the roster came back with, for a correction."""

    deployed: Deployed
    form: type[RosterForm]
    texts: ServiceTexts
    roster: Roster
    view: RequestView | None = None

    @property
    def key(self) -> str:
        return self.roster.key

    @property
    def where(self) -> dict[str, str]:
        """What names the bench in an address."""
        return {"no": self.view.no} if self.view is not None else {"key": self.key}

    @property
    def draft_key(self) -> str:
        kind, name = next(iter(self.where.items()))
        return f"{'request' if kind == 'no' else 'service'}:{name}"

    @cached_property
    def columns(self) -> list[ColumnSpec]:
        """What is drawn of a row."""
        return [spec for spec in self.form.columns(self.texts) if not spec.column.internal]

    @cached_property
    def typed(self) -> list[ColumnSpec]:
        """What a person fills in, under this centre's texts."""
        return [spec for spec in self.columns if spec.typed and spec.name not in self.texts.locked]

    @property
    def loads(self) -> bool:
        """Has the form a 名册 of its own, and does this centre offer it?"""
        if self.option(LIST) is False:
            return False
        return self.form.prefill.__func__ is not RosterForm.prefill.__func__  # type: ignore[attr-defined]

    @property
    def picks(self) -> bool:
        """May its rows be ticked one by one?"""
        return self.loads and self.form.picks(self.texts)

    @property
    def fills(self) -> bool:
        """Is the whole 名册 worth loading or sending along?  Not where a few of it are ticked."""
        return self.loads and not (self.picks and picking.asked_of(self.form, self.typed).ticks)

    @property
    def counts_rows(self) -> bool:
        """导入条数 has to be typed (XZ-2.1d)."""
        return bool(self.option("count_check"))

    def option(self, name: str) -> Any:
        return self.texts.options.get(name, self.form.options.get(name))

    def desk(self) -> Desk:
        return rosters.desk_of(runtime(), actor(), self.roster)

    def url(self, endpoint: str, **more: Any) -> str:
        return url_for(f"rosters.{endpoint}", **self.where, **more)

    @property
    def page_url(self) -> str:
        if self.view is not None:
            return url_for("requests.edit", no=self.view.no)
        return url_for("services.page", key=self.key)

    @property
    def urls(self) -> dict[str, str]:
        """As `filingpage.Filing.urls`, for the templates both kinds of pages share."""
        no = self.view.no if self.view is not None else ""
        upload = (
            url_for("materials.upload_again", no=no)
            if no
            else url_for("materials.upload", key=self.key)
        )
        leave = url_for("requests.page", no=no) if no else url_for("home.index")
        return {"post": self.page_url, "upload": upload, "leave": leave}


def is_roster(form_id: str | None) -> bool:
    """Is the form of this step a roster?"""
    return registry.roster(form_id or "") is not None


def of_service(key: str) -> Bench:
    """The open roster of a service, made when it is asked for the first time."""
    here = filing.offered(key)
    form = registry.roster(here.deployed.first.form or "")
    if form is None:
        abort(404)
    found = store.open_one(session(), key, here.scope)
    if found is None:  # written once; who looks again waits for no writer
        with transaction(session()):
            found = store.open_roster(
                runtime(), actor(), key, form.form_id, scope=here.scope, branch=here.branch
            )
    return Bench(here.deployed, form, here.texts, found)


def of_request(view: RequestView) -> Bench:
    """The roster of a request that is with its applicant; raises Conflict when it is not."""
    deployed, texts = filing.deployed_of(view.key), filing.texts_of(view.key)
    if deployed is None or texts is None:
        abort(404)
    task = view.task
    form = registry.roster((task.form if task is not None else "") or "")
    found = store.of_request(session(), view.no, form.form_id) if form is not None else None
    if "submit" not in view.verbs or form is None or found is None or found.state != SUBMITTED:
        raise Conflict(_CLOSED)
    return Bench(deployed, form, texts, found, view)


def find(key: str, no: str) -> Bench:
    """The bench an address names."""
    return of_request(engine.view(runtime(), actor(), no)) if no else of_service(key)


def refreshed(bench: Bench) -> Bench:
    """After a verb that was refused: everything read again."""
    session().rollback()
    return replace(bench, roster=session().get_one(Roster, bench.roster.id))
