"""What the tests of register pages share: a centre that offers all of them, people, reading."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import openpyxl
from flask import Flask
from sqlalchemy import select

import engine
from engine.database import transaction
from engine.diagrams.lint import service_files
from engine.runtime import SYSTEM
from handlers.centers import RegisterEntry
from handlers.parameters.models import ParameterValue
from handlers.registers import catalog, exporting
from handlers.registers.models import ExportRecord
from tests.builders import members
from tests.builders.registers import change
from tests.builders.units import texts
from tests.conftest import Clock
from tests.webapp.hall import UNIT, Hall
from webapp import jobs
from webapp.runtime import db
from webapp.settings import ROOT

NUMBERS = range(801, 804)
LIST = "/registers/seal_changes"


def offering(app: Flask, clock: Clock, *entries: RegisterEntry) -> Hall:
    """The hall of a centre that offers these registers (all there are), and large exports."""
    house = app.extensions["hall"]
    services = house.center.services | {
        key: texts(name="大量数据导出") for key in exporting.SERVICES.values()
    }
    listed = entries or tuple(RegisterEntry(key=key) for key in catalog.BY_KEY)
    changed = {"registers": listed, "services": services}
    app.extensions["hall"] = replace(house, center=house.center.model_copy(update=changed))
    return Hall(app, clock)


def sealed_people(hall: Hall) -> list[str]:
    """Three members of the operator's unit, each paid for and sealed once; their accounts."""
    with hall.app.app_context():
        accounts = members.a_year(hall.runtime(), NUMBERS, unit_account_no=UNIT)
        with transaction(hall.session()) as session:
            session.add_all(
                change(one, number, kind="seal", reason="01", old_status="01", new_status="02")
                for number, one in enumerate(accounts, 1)
            )
        return [one.individual_account_no for one in accounts]


def names(page: Any) -> list[str]:
    return re.findall(r'<td class="is-head[^"]*">(?:<a [^>]*>)?([^<]+)', page.text)


def book(answer: Any) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    answer.close()
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def alone(hall: Hall, rows: int) -> None:
    """From now on one person takes so many rows alone."""
    with hall.app.app_context():
        session = hall.session()
        key = ParameterValue.key == "export_rows_alone"
        for row in session.scalars(select(ParameterValue).where(key)):
            row.value = str(rows)
        session.commit()


def records(hall: Hall) -> list[tuple[str, str, int, str]]:
    with hall.app.app_context():
        found = db.session.scalars(select(ExportRecord).order_by(ExportRecord.id))
        return [(row.kind, row.register, row.rows, row.actor_name) for row in found]


def draw_exports(hall: Hall) -> None:
    """The services by which a second person agrees."""
    with hall.app.app_context():
        found = {key: files for key, _, files in service_files(ROOT / "bpmn", "qiandongnan")}
        for key in exporting.SERVICES.values():
            engine.deploy(hall.runtime(), key, found[key], SYSTEM)


def agree(hall: Hall, no: str, role: str = "归集复核岗") -> str:
    """Somebody of this post says yes; who."""
    with hall.app.app_context():
        rt = hall.runtime()
        people = map(hall.actor, ("second_reviewer", "reviewer", "other_reviewer", "admin"))
        reviewer = next(one for one in people if one.holds(role, "branch:QDN01"))
        task = engine.view(rt, reviewer, no).task
        assert task is not None
        engine.claim(rt, reviewer, task.id)
        engine.approve(rt, reviewer, task.id)
        return reviewer.name


def run_jobs(hall: Hall) -> None:
    settings = hall.app.extensions["hall"].settings
    with hall.app.app_context():
        shop = jobs.workshop(settings, db.engine, hall.clock)
    shop = replace(shop, center=hall.app.extensions["hall"].center)
    while jobs.drain_jobs(shop):
        pass
