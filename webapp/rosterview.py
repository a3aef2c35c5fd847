"""What the request page, the desk and the receipt say of the roster a request was filed with.

Whoever may see the request may see its rows, personal numbers masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy import select

from engine import RequestView
from forms import registry
from forms.rosters.base import ColumnSpec, RosterForm
from handlers.amounts import money_text
from handlers.rosters.models import APPLIED, APPLYING, FAILED, SUBMITTED, Roster
from handlers.rosters.store import Sums
from webapp import filing, rostergrid
from webapp.rostergrid import Asked, Grid
from webapp.rosterjobs import Progress, job_of
from webapp.runtime import actor, session

ROWS_FIRST = 10  # on the request page
OVER = frozenset({"withdrawn", "ended", "refused"})


@dataclass(frozen=True, slots=True)
class Filed:
    """One roster of a request, as its pages show it."""

    view: RequestView
    roster: Roster
    form: type[RosterForm]
    columns: list[ColumnSpec]
    sums: Sums
    grid: Grid

    @property
    def title(self) -> str:
        texts = filing.texts_of(self.roster.key)
        return f"{texts.name if texts else self.form.title}清册"

    @property
    def url(self) -> str:
        return url_for("rosters.rows", no=self.view.no, **self._which)

    @property
    def sheet_url(self) -> str:
        return url_for("rosters.filed_sheet", no=self.view.no, **self._which)

    @property
    def book_url(self) -> str:
        return url_for("rosters.filed_book", no=self.view.no, **self._which)

    @property
    def failed_url(self) -> str:
        return url_for("rosters.filed_book", no=self.view.no, state=FAILED, **self._which)

    @property
    def progress_url(self) -> str:
        return url_for("rosters.filed_progress", no=self.view.no, **self._which)

    @property
    def _which(self) -> dict[str, Any]:
        return {"form": self.form.form_id}

    @property
    def money(self) -> str:
        return money_text(self.sums.amount_cents) if self.form.amount else ""

    @property
    def counted(self) -> str:
        return f"{self.sums.rows:,} {self.grid.counter}"

    @property
    def outcome(self) -> str:
        """成功 990 名，失败 10 名"""
        if not (self.sums.done or self.sums.failed):
            return ""
        one = self.grid.counter
        failed = f"，失败 {self.sums.failed:,} {one}" if self.sums.failed else ""
        return f"成功 {self.sums.done:,} {one}{failed}"

    @property
    def progress(self) -> Progress | None:
        if self.roster.state != APPLYING:
            return None
        return job_of(self.roster.id, self.roster.job_id)

    @property
    def reusable(self) -> int:
        """Rows that can be put back: of a request that is over, those that took no effect."""
        over = self.view.status in OVER or self.roster.state == APPLIED
        if not over or self.roster.state not in (SUBMITTED, APPLIED) or not mine(self.view):
            return 0
        return 0 if self.roster.reused_at else self.sums.rows - self.sums.done

    @property
    def reused(self) -> bool:
        return self.roster.reused_at is not None


def mine(view: RequestView) -> bool:
    """May this person file the service for whom the request is?"""
    deployed = filing.deployed_of(view.key)
    return deployed is not None and actor().holds(deployed.first.role, view.scope)


def of_view(view: RequestView) -> list[Filed]:
    """The rosters of a request with their first rows; most requests have none."""
    found = session().scalars(select(Roster).where(Roster.no == view.no).order_by(Roster.id))
    return [one for each in found if (one := filed(view, each, Asked(), ROWS_FIRST))]


def filed(view: RequestView, roster: Roster, asked: Asked, rows: int) -> Filed | None:
    form, texts = registry.roster(roster.form), filing.texts_of(roster.key)
    if form is None:
        return None
    columns = [spec for spec in form.columns(texts) if not spec.column.internal]

    def address(**words: Any) -> str:
        return url_for("rosters.rows", no=view.no, form=form.form_id, **words)

    grid = rostergrid.grid(
        roster, form, columns, asked=asked, words=rostergrid.RESULTS, address=address, rows=rows
    )
    if rows == ROWS_FIRST:  # beside the record there is room for what is filled in
        grid.keep_filled()
    return Filed(view, roster, form, columns, grid.sums, grid)
