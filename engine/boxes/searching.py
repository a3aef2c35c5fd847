"""Finding requests by what people remember of them: a number, or words of unit, applicant, summary.

A number is looked up along its index.  Words have to be compared row by row, so they are looked for
among the newest requests only: what is older is found by its number, or with a filter of a box.
"""

from __future__ import annotations

import re
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    bindparam,
    literal_column,
    or_,
    select,
    true,
    union,
)

from engine.boxes.rows import REQUEST_COLUMNS, RequestRow, page_size, request_row
from engine.database import number_in, possible
from engine.models import Instance
from engine.runtime import ANYWHERE, Actor, Runtime

WORDS_CHARS_MAX = 60
SEARCHED_MAX = 5_000  # newest requests of a person, a unit, a branch: some ten milliseconds each
WHOLE_NUMBER = re.compile(r"\w+-\d{8}-\d{6,}")  # as `starting` writes them
_CASE = cast(Table, Instance.__table__)
_ESCAPE = "/"


def like(column: Any) -> ColumnElement[bool]:
    """`column` contains the words whose `pattern` is the parameter `words`."""
    found: ColumnElement[bool] = column.ilike(bindparam("words"), escape=_ESCAPE)
    return found


LIKE_WORDS = or_(*(like(_CASE.c[name]) for name in ("no", "scope_name", "starter_name", "summary")))


def pattern(words: str) -> str:
    """`words` as the parameter of LIKE: wildcards in them are ordinary characters."""
    text = words.replace("\x00", "").strip()[:WORDS_CHARS_MAX]
    text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is no letter
    for character in (_ESCAPE, "%", "_"):
        text = text.replace(character, _ESCAPE + character)
    return f"%{text}%"


def search(rt: Runtime, actor: Actor, q: str, limit: int = 20) -> list[RequestRow]:
    """Requests this actor may see, by number, unit, applicant or summary, the newest first."""
    words = q.strip()[:WORDS_CHARS_MAX]
    if not words:
        return []
    visible = _visible(actor)
    number = select(*REQUEST_COLUMNS).where(_numbered(words), or_(*visible))
    found = {row.id: row for row in rt.session.execute(number)}
    if not WHOLE_NUMBER.fullmatch(words):
        matching = _newest(visible).where(LIKE_WORDS)
        query = matching.order_by(_CASE.c.started_at.desc(), _CASE.c.id.desc())
        said = {"words": pattern(words)}
        rows = rt.session.execute(query.limit(page_size(limit)), said)
        found |= {row.id: row for row in rows}
    newest_first = sorted(found.values(), key=lambda row: (row.started_at, row.id), reverse=True)
    return [request_row(row) for row in newest_first[: page_size(limit)]]


def _visible(actor: Actor) -> list[ColumnElement[bool]]:
    """One condition for each index that leads to what this actor may see."""
    if ANYWHERE in actor.domains:
        return [true()]
    branches = [d.removeprefix("branch:") for d in actor.domains if d.startswith("branch:")]
    return [
        _CASE.c.starter_id == actor.id,
        *(_CASE.c.scope == scope for scope in sorted(actor.domains)),
        *(_CASE.c.branch == branch for branch in sorted(branches)),
    ]


def _numbered(words: str) -> ColumnElement[bool]:
    """The whole number, or the running number it ends with."""
    whole = _CASE.c.no == (words.upper() if possible(words) else "")
    number = number_in(words)
    return whole if number is None else or_(whole, _CASE.c.id == number)


def _newest(visible: list[ColumnElement[bool]]) -> Select[Any]:
    """The newest requests along each of these conditions."""
    latest = (_CASE.c.started_at.desc(), _CASE.c.id.desc())
    most: ColumnElement[int] = literal_column(str(SEARCHED_MAX))
    newest = [select(_CASE.c.id).where(each).order_by(*latest).limit(most) for each in visible]
    ids = union(*(select(query.subquery()) for query in newest)).subquery()
    return select(*REQUEST_COLUMNS).join(ids, ids.c.id == _CASE.c.id)
