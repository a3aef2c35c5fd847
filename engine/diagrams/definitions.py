"""Deploying and finding diagrams.

A deployed version is immutable; a request stays on the version it started with.  Parsed versions
are kept per process, a few hundred at most, and shared by all threads.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import replace
from threading import Lock

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from engine.database import possible, transaction
from engine.diagrams import dialect, lint, rehearsal
from engine.diagrams.dialect import Deployed
from engine.errors import not_found
from engine.models import Definition
from engine.runtime import SYSTEM, Actor, Runtime

CACHE_MAX = 256
_cache: OrderedDict[tuple[int, Engine], Deployed] = OrderedDict()
_lock = Lock()


def deploy(
    rt: Runtime,
    key: str,
    files: dict[str, bytes],
    actor: Actor = SYSTEM,
    *,
    known: lint.Known = lint.ANY,
) -> Deployed:
    """Check and store a new version of `key`; the same content again is the same version.

    `files`: name → content of one or more .bpmn and .dmn files; `known`: what the centre has, to be
    checked against.  Raises BadDefinition whose `problems` name every element to mend; nothing is
    stored then.
    """
    deployed = lint.examine(key, files, known)
    try:
        return load(rt, _store(rt, deployed, files, actor))
    except IntegrityError:  # another process deployed in the same instant: its version is there now
        return load(rt, _store(rt, deployed, files, actor))


def _store(rt: Runtime, deployed: Deployed, files: dict[str, bytes], actor: Actor) -> int:
    """The id of the version that holds this content."""
    key, sha256 = deployed.key, _digest(files)
    with transaction(rt.session) as session:
        latest = session.scalar(
            select(Definition).where(Definition.key == key).order_by(Definition.version.desc())
        )
        if latest is None or latest.sha256 != sha256:
            latest = Definition(
                key=key,
                version=1 + (latest.version if latest else 0),
                name=deployed.name,
                sha256=sha256,
                files={name: content.decode("utf-8") for name, content in files.items()},
                deployed_at=rt.clock(),
                deployed_by=actor.id,
            )
            session.add(latest)
            session.flush()
        return latest.id


def load(rt: Runtime, definition_id: int) -> Deployed:
    """The parsed version with this id, from memory when it was seen before."""
    slot = (definition_id, _database(rt.session))
    with _lock:
        if slot in _cache:
            _cache.move_to_end(slot)
            return _cache[slot]
    row = rt.session.get(Definition, definition_id)
    if row is None:
        raise not_found("流程")
    files = {name: text.encode("utf-8") for name, text in row.files.items()}
    deployed = dialect.parse(row.key, files, row_id=row.id, version=row.version)
    deployed = replace(deployed, steps=rehearsal.from_start(deployed, rt, {}))
    with _lock:
        _cache[slot] = deployed
        while len(_cache) > CACHE_MAX:
            _cache.popitem(last=False)
    return deployed


def current(rt: Runtime, key: str) -> Deployed | None:
    """The newest version of a service, None when it was never deployed."""
    newest = select(func.max(Definition.id)).where(Definition.key == key)
    definition_id = rt.session.scalar(newest) if possible(key) else None
    return None if definition_id is None else load(rt, definition_id)


def all_current(rt: Runtime) -> list[Deployed]:
    """The newest version of every service, by key."""
    ids = rt.session.scalars(
        select(func.max(Definition.id)).group_by(Definition.key).order_by(Definition.key)
    )
    return [load(rt, definition_id) for definition_id in ids.all()]


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _database(session: Session) -> Engine:
    """Several databases in one process (tests, benchmarks) number their definitions alike."""
    return session.get_bind().engine
