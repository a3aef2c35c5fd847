"""The desks of the demonstration: who acts for a unit or a branch, and how they file something.

Everything goes through the same forms as a person's, with every paper a business asks for.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from PIL import Image
from sqlalchemy import select

import engine
from engine import Actor, Outcome, Runtime
from engine.calendar import ZONE
from engine.database import transaction
from engine.errors import NotFound, Problem, Refused
from engine.models import Instance, Task
from engine.requests.cases import Case
from forms import registry
from forms.applications import ApplicationForm, Desk
from handlers import documents
from handlers.centers import ServiceTexts
from handlers.people import queries as people
from handlers.people.models import Operator
from handlers.rosters import store
from handlers.units.models import Unit
from webapp.settings import Settings

SECOND = 2  # the place of the tour's second unit among all
PAPER = (620, 877)  # pixels: a sheet of A4, small


@dataclass(frozen=True, slots=True)
class Scope:
    """For whom something is filed."""

    scope: str
    branch: str
    name: str


@dataclass
class Desks:
    """The tour's branch, and the units of the centre."""

    rt: Runtime
    settings: Settings
    used: set[str] = field(default_factory=set)

    @cached_property
    def first(self) -> Unit:
        """The tour's first unit; its branch is where the tour's staff sit."""
        return self._units[0]

    @cached_property
    def second(self) -> Unit:
        """The tour's other unit: work lies open there."""
        return self._units[SECOND]

    @cached_property
    def units(self) -> list[Unit]:
        """Those of the tour's branch."""
        return [unit for unit in self._units if unit.branch_code == self.branch]

    @cached_property
    def _units(self) -> Sequence[Unit]:
        return self.rt.session.scalars(select(Unit).order_by(Unit.id)).all()

    @property
    def branch(self) -> str:
        return self.first.branch_code

    @property
    def today(self) -> date:
        return self.rt.clock().astimezone(ZONE).date()

    def texts(self, key: str) -> ServiceTexts:
        found: ServiceTexts | None = self.rt.profile.services.get(key)
        if found is None:
            raise NotFound(Problem("demo.not_offered", "本中心没有开通这项业务。"))
        return found

    def operator(self, unit: Unit) -> Actor:
        mine = select(Operator.id).where(Operator.unit_account_no == unit.unit_account_no)
        operator_id = self.rt.session.scalar(mine.order_by(Operator.id).limit(1))
        found = people.actor(self.rt.session, f"operator:{operator_id}")
        assert found is not None, unit.unit_account_no
        return found

    def holder(self, role: str, branch: str = "") -> Actor:
        domain = f"branch:{branch or self.branch}"
        return people.holding_actors(self.rt.session, role, domain)[0]

    def unit_for(self, suits: Callable[[Unit], bool] = lambda _: True) -> Unit:
        """One nobody has filed anything for, never of the tour; of its branch if there is one."""
        for unit in (*self.units, *self._units):
            no = unit.unit_account_no
            if no in self.used or unit in (self.first, self.second) or unit.unit_status != "01":
                continue
            if suits(unit):
                self.used.add(no)
                return unit
        raise NotFound(Problem("demo.units", "演示单位不够。"))

    def desk(self, actor: Actor, key: str, where: Scope) -> Desk:
        texts = self.texts(key)
        return Desk(self.rt.session, actor, where.scope, where.branch, self.today, texts)

    def of(self, unit: Unit) -> Scope:
        return Scope(f"unit:{unit.unit_account_no}", unit.branch_code, unit.unit_name)

    @property
    def of_branch(self) -> Scope:
        found = self.rt.profile.branch(self.branch)
        return Scope(f"branch:{self.branch}", self.branch, found.name if found else self.branch)

    # ── filing ─────────────────────────────────────────────────────────────────────────────────
    def apply(self, actor: Actor, key: str, where: Scope, **typed: str) -> Outcome:
        """An application or a change of a record, with every paper it asks for."""
        texts = self.texts(key)
        deployed = engine.definitions.current(self.rt, key)
        if deployed is None:
            raise NotFound(Problem("demo.not_offered", "本中心没有开通这项业务。"))
        form = registry.get(str(deployed.first.form))
        session = self.rt.session
        current = form.load(session, actor, where.scope)
        shown = {spec.name for spec in form.bound(texts) if not spec.locked}
        values = {name: text for name, text in {**current, **typed}.items() if name in shown}
        slots = [slot.id for slot in texts.materials if slot.required]
        checked = form.check(values, current, texts, materials=dict.fromkeys(slots, 1))
        problems, facts, summary = list(checked.problems), {}, checked.summary
        if not problems and issubclass(form, ApplicationForm):
            desk = self.desk(actor, key, where)
            problems = form.judge(desk, checked.values)
            if not problems:
                words, summary = (
                    tell(desk, checked.values) for tell in (form.chosen, form.summary)
                )
                facts = {"facts": form.route_facts(desk, checked.values), "words": words}
        session.rollback()
        if problems:
            raise Refused(*problems)
        draft = f"service:{key}"
        data = {
            "form": form.form_id,
            "values": checked.values,
            "changes": [] if facts else [change.as_data() for change in checked.changes],
            "materials": [self._paper(actor, draft, slot) for slot in slots],
            **facts,
        }

        def also(writing: Any, case: Case) -> None:
            documents.bind(writing, actor.id, draft, case.no)

        return engine.start(
            self.rt,
            actor,
            key,
            also=also,
            data=data,
            scope=where.scope,
            scope_name=where.name,
            branch=where.branch,
            summary=summary,
            name=texts.name,
        )

    def _paper(self, actor: Actor, draft: str, slot: str) -> dict[str, str]:
        """An empty sheet, scanned."""
        sheet = io.BytesIO()
        Image.new("RGB", PAPER, "white").save(sheet, "PNG")
        sheet.seek(0)
        stored = documents.store(
            self.rt.session,
            root=self.settings.materials_path,
            stream=sheet,
            file_name="演示材料.png",
            slot=slot,
            owner_id=actor.id,
            scope_key=draft,
            limits=self.settings.uploads,
            now=self.rt.clock(),
        )
        if isinstance(stored, Problem):
            raise Refused(stored)
        return {"token": stored.token, "slot": slot, "name": stored.file_name}

    def of_unit(self, unit: Unit, key: str, **typed: str) -> Outcome:
        return self.apply(self.operator(unit), key, self.of(unit), **typed)

    def roster(self, unit: Unit, key: str) -> int:
        """The 待提交清册 of a unit."""
        self.texts(key)
        deployed = engine.definitions.current(self.rt, key)
        if deployed is None:
            raise NotFound(Problem("demo.not_offered", "本中心没有开通这项业务。"))
        with transaction(self.rt.session):
            made = store.open_roster(
                self.rt,
                self.operator(unit),
                key,
                str(deployed.first.form),
                scope=f"unit:{unit.unit_account_no}",
                branch=unit.branch_code,
            )
            return made.id

    def task(self, no: str) -> Task | None:
        """Where a request waits for somebody."""
        waiting = select(Task).join(Instance, Instance.id == Task.instance_id)
        return self.rt.session.scalar(
            waiting.where(Instance.no == no, Task.status == "open").limit(1)
        )
