"""A centre's folder on an empty database: parameters, branches, staff and diagrams, and no unit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

import engine
from engine.database import configure
from engine.diagrams.lint import service_files
from handlers import centers
from handlers.centers import Center
from handlers.parameters import operations as parameters
from tests.bpmn.desks import POSTS, ROOT, House
from tests.builders import people
from tests.conftest import Clock
from tests.servers import compiled_once
from webapp.rooms import register_handlers


def fill(url: str, name: str) -> None:
    """A centre on an empty database: parameters, branches, staff, diagrams."""
    register_handlers()
    center = centers.load(ROOT, name)
    clock = Clock()
    with house_on(url, center, clock) as house, house.sessions() as session:
        parameters.sync(session, center, now=clock() - timedelta(days=1))
        session.commit()
        for place, branch in enumerate(center.branches[:2]):
            people.branch(session, branch.code, branch.name)
            for number in (1, 2):
                login = f"{branch.code.lower()}{number}"
                posts = [(role, branch.code) for role in POSTS]
                people.staff(
                    session,
                    *posts,
                    login=login,
                    name=f"{'甲乙'[number - 1]}审核",
                    branch_code=branch.code,
                    mobile=f"1390000{place}{number:03d}",
                )
        for key, _, files in service_files(ROOT / "bpmn", name):
            engine.deploy(house.runtime(session), key, files)


@contextmanager
def house_on(url: str, center: Center, clock: Clock) -> Iterator[House]:
    made = compiled_once(configure(create_engine(url)))
    try:
        yield House(center, sessionmaker(made, expire_on_commit=False), clock)
    finally:
        made.dispose()
