"""查看完整号码: the few who may read a number in full do so through here, and it is written down.

A room says with `@revealable("person")` how the numbers of its subjects are found; the policy of
the centre says whose posts may read them.  Values and register row come from one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from engine.database import possible, transaction
from engine.errors import Forbidden, Problem, Refused, not_found
from engine.runtime import Actor, Runtime
from handlers.privacy import masking
from handlers.privacy.models import Disclosure

FIELDS_MAX = 20  # of one question: more than a page shows
FIELDS_CHARS_MAX = 300  # the column
NO_CHARS_MAX = 40  # the column
KEY_CHARS_MAX = 80  # the column
NAME_CHARS_MAX = 255  # the column
PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose numbers these are.  `domains`: where a post must be held to read them
    ("branch:QDN01"); `values`: field → number, every one of a kind `masking` knows."""

    name: str
    domains: frozenset[str]
    values: Mapping[str, str]
    labels: Mapping[str, str]


Source = Callable[[Runtime, Actor, str], Subject | None]
_sources: dict[str, Source] = {}


def revealable(kind: str) -> Callable[[Source], Source]:
    """Register how a subject of this kind is found; None when there is none with that key."""

    def register(source: Source) -> Source:
        assert _sources.get(kind, source) is source, f"two kinds of subjects called {kind}"
        _sources[kind] = source
        return source

    return register


def may_reveal(rt: Runtime, actor: Actor, kind: str, key: str) -> frozenset[str]:
    """The fields of this subject the actor may ask for; a page shows the button for them."""
    subject = _find(rt, actor, kind, key)
    return frozenset() if subject is None else readable_of(rt, actor, subject)


def reveal(
    rt: Runtime,
    actor: Actor,
    kind: str,
    key: str,
    *,
    fields: Sequence[str] = (),
    no: str | None = None,
) -> tuple[Subject, dict[str, str]]:
    """Field → number in full, of the fields asked for (all that may be read when none is named).

    Raises NotFound for an unknown subject or one outside the actor's reach, Forbidden when the
    post may not read one of the fields; nothing is written then.
    """
    with transaction(rt.session) as session:
        subject = _find(rt, actor, kind, key)
        readable = frozenset() if subject is None else readable_of(rt, actor, subject)
        if subject is None or not readable:
            raise not_found("信息")
        wanted = list(dict.fromkeys(fields)) or sorted(readable)
        if len(wanted) > FIELDS_MAX or not set(wanted) <= subject.values.keys():
            raise Refused(Problem("privacy.fields", "没有这一项号码，请刷新页面后再查看。"))
        if not set(wanted) <= readable:
            raise Forbidden(Problem("privacy.forbidden", "您的岗位不能查看这项完整号码。"))
        no = no if no and possible(no) and len(no) <= NO_CHARS_MAX else None
        row = {"kind": kind, "key": key, "name": subject.name, "no": no}
        session.add(_looked(rt, actor, wanted, **row))
        return subject, {field: subject.values[field] for field in wanted}


def write_down(rt: Runtime, actor: Actor, fields: Sequence[str], **row: str) -> None:
    """Numbers of many subjects are shown at once: one row says which page (`kind`, `key`, `name`).

    A transaction of its own, committed before anything is shown; the caller asks who may see them.
    """
    row["name"] = row["name"][:NAME_CHARS_MAX]
    with transaction(rt.session) as session:
        session.add(_looked(rt, actor, fields, **row))


def _looked(rt: Runtime, actor: Actor, fields: Sequence[str], **row: str | None) -> Disclosure:
    said = ",".join(fields)[:FIELDS_CHARS_MAX]
    return Disclosure(at=rt.clock(), actor_id=actor.id, actor_name=actor.name, fields=said, **row)


def register_page(
    rt: Runtime, *, before: int | None = None, limit: int = PAGE_ROWS
) -> list[Disclosure]:
    """The register, the newest first; `before` is the id of the last row of the page before."""
    query = select(Disclosure).order_by(Disclosure.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Disclosure.id < before)
    return list(rt.session.scalars(query))


def _find(rt: Runtime, actor: Actor, kind: str, key: str) -> Subject | None:
    source = _sources.get(kind)
    if source is None or not possible(key) or len(key) > KEY_CHARS_MAX:
        return None
    return source(rt, actor, key)


def readable_of(rt: Runtime, actor: Actor, subject: Subject) -> frozenset[str]:
    """The fields of a subject at hand whose numbers the actor may read in full."""
    policy = rt.profile.privacy.full
    return frozenset(
        field
        for field, value in subject.values.items()
        if value
        and (kind := masking.kind_of(field))
        and masking.may_read(policy, actor, kind, subject.domains)
    )
