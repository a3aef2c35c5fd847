"""Reads about materials.  Whether somebody may see one is asked of the request, not here."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from handlers.documents.models import Material

_RANDOM_NAME = re.compile(r"[0-9a-f]{32}")  # tokens and names on disk


def for_draft(session: Session, owner_id: str, scope_key: str) -> list[Material]:
    return list(
        session.scalars(
            select(Material)
            .where(
                Material.owner_id == owner_id,
                Material.scope_key == scope_key,
                Material.instance_no.is_(None),
                Material.removed_at.is_(None),
            )
            .order_by(Material.id)
        )
    )


def for_request(session: Session, no: str) -> list[Material]:
    """The materials of the filing."""
    return [row for row in _of_request(session, no) if row.entry is None]


def for_page(session: Session, no: str) -> tuple[list[Material], dict[int, list[Material]]]:
    """The materials of the filing, and the attachments by the history line they belong to."""
    filed: list[Material] = []
    attached: dict[int, list[Material]] = {}
    for row in _of_request(session, no):
        place = filed if row.entry is None else attached.setdefault(row.entry, [])
        place.append(row)
    return filed, attached


def _of_request(session: Session, no: str) -> list[Material]:
    return list(
        session.scalars(
            select(Material)
            .where(Material.instance_no == no, Material.removed_at.is_(None))
            .order_by(Material.id)
        )
    )


def by_token(session: Session, token: str) -> Material | None:
    if not _RANDOM_NAME.fullmatch(token):  # PostgreSQL would choke on a NUL from a URL
        return None
    return session.scalars(
        select(Material).where(Material.token == token, Material.removed_at.is_(None))
    ).one_or_none()


def path(root: Path, material: Material) -> Path:
    assert _RANDOM_NAME.fullmatch(material.stored_name), "names on disk are made by us alone"
    return root / material.stored_name[:2] / material.stored_name
