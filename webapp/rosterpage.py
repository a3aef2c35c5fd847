"""What `rosters/page.html` reads: entry form, import, choices, grid, materials, what is in the way.

Everything is judged by the form's own check, so the page never disagrees with a submission.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from flask import request

import engine
from engine import Entry
from engine.database import number_in
from engine.errors import Problem
from forms.excel.files import FILE_BYTES_MAX
from forms.rosters import editing
from forms.rosters.base import Choice, ColumnSpec
from handlers.rosters import store
from handlers.rosters.models import FAULTY, SOUND
from webapp import casepage, fieldviews, materials, rostergrid, rosterpicking
from webapp.fieldviews import FieldView, SlotView
from webapp.filingpage import step_note
from webapp.rosterbench import Bench
from webapp.rostergrid import Asked, Grid
from webapp.rosterjobs import Progress, job_of
from webapp.rosterpicking import Picker
from webapp.runtime import runtime, session, settings

FIND_BY = "individual_account_no"  # a form that asks for an account lets one be looked for
PICK, SINGLE = "pick", "single"
TABS = {PICK: "从名册选择", SINGLE: "单笔录入", "import": "批量导入", "paste": "粘贴录入"}
JOB_ARGUMENT = "job"


@dataclass(slots=True)
class Page:
    """What the template reads; `editing`: the row the entry form changes."""

    bench: Bench
    grid: Grid
    token: str
    tab: str
    fields: list[FieldView]
    choices: list[tuple[Choice, str, str]]
    slots: list[SlotView]
    gate: list[Problem]
    progress: Progress | None
    picker: Picker | None = None
    once: list[FieldView] = field(default_factory=list)  # what holds for all that are picked
    editing: int = 0
    said: str = ""  # about the entry form as a whole
    refusal: str = ""
    refusals: list[str] = field(default_factory=list)
    in_flight: str = ""
    returned: Entry | None = None

    @property
    def name(self) -> str:
        return self.bench.texts.name

    @property
    def urls(self) -> dict[str, str]:
        return self.bench.urls

    @property
    def busy(self) -> bool:
        return self.progress is not None and not self.progress.over

    @property
    def finds(self) -> bool:
        """The entry form helps to find one of the unit's own people."""
        desk = self.bench.desk()
        asks = any(spec.name == FIND_BY for spec in self.bench.typed)
        return asks and bool(desk.unit_account_no and self.bench.form.seeks(desk))

    @property
    def tabs(self) -> list[tuple[str, str, str]]:
        ways = _ways(self.bench, bool(self.editing))
        return [(name, TABS[name], f"{self.urls['post']}?tab={name}#entry") for name in ways]

    @property
    def here(self) -> str:
        """This page with its filter, for forms that come back to it."""
        return request.full_path.rstrip("?")

    @property
    def download_label(self) -> str:
        usual = "下载名册" if self.bench.fills else "下载模板"
        return self.bench.texts.download_label or usual

    @property
    def submit_label(self) -> str:
        return self.bench.texts.submit_label

    @property
    def limit_bytes(self) -> int:
        return settings().uploads.max_bytes

    @property
    def limit_text(self) -> str:
        return materials.size_text(self.limit_bytes)

    @property
    def file_limit_text(self) -> str:
        return f"{FILE_BYTES_MAX // 1_000_000} MB"

    @property
    def file_bytes_max(self) -> int:
        return FILE_BYTES_MAX

    @property
    def at_once(self) -> int:
        return editing.AT_ONCE_ROWS

    @property
    def headings(self) -> str:
        """The order of pasted columns, in words."""
        return "、".join(spec.label for spec in self.bench.typed)

    @property
    def missing(self) -> int:
        return sum(slot.needed and not slot.files for slot in self.slots)

    @property
    def steps(self) -> list[tuple[str, str]]:
        reviewed = any(step.kind == "review" for step in self.bench.deployed.steps)
        last = "中心审核，结果发消息" if reviewed else "系统办理，结果发消息"
        noun = self.bench.form.noun
        if self.bench.form.only_picks:
            enter = [("选择", f"勾选要办理的{noun}"), ("核对", f"核对勾选的{noun}")]
        else:
            ways = "选择、单笔、导入或粘贴" if self.picker else "单笔、导入或粘贴"
            enter = [("录入", ways), ("核对", "逐行校验，改正有误的行")]
        return [
            *enter,
            ("提交", step_note(self.submit_label)),
            ("办理", last),
        ]

    @property
    def step(self) -> int:
        sums = self.grid.sums
        if not sums.rows:
            return 0
        return 2 if sums.sound and not sums.faulty and not self.missing else 1


def build(
    bench: Bench,
    *,
    typed: Mapping[str, str] | None = None,
    problems: list[Problem] | None = None,
    seq: int = 0,
    token: str = "",
    refused: Mapping[str, str] | None = None,
) -> Page:
    """`typed` and `problems`: of an entry that was not taken; `seq`: of the row being changed."""
    asked = Asked.of(request.args, rostergrid.STATES)
    names = frozenset(spec.name for spec in bench.typed)
    grid = rostergrid.grid(
        bench.roster, bench.form, bench.columns, asked=asked, words=rostergrid.STATES,
        address=lambda **words: _address(bench, words), typed=names,
    )  # fmt: skip
    desk = bench.desk()
    entry, seq = _entry(bench, typed, seq)
    slots = fieldviews.slots_of(bench.texts.materials, materials.of_draft(bench.draft_key), {"all"})
    for slot in slots:
        slot.error = (refused or {}).get(slot.id, "")
    page = Page(
        bench=bench,
        grid=grid,
        token=token or uuid4().hex,
        tab=_tab(bench, bool(seq or typed)),
        fields=[_field(spec, entry, problems or []) for spec in bench.typed],
        choices=[
            (choice, str(bench.roster.choices.get(choice.name, "")), f"c-{choice.name}")
            for choice in bench.form.choose(desk)
        ],
        slots=slots,
        gate=bench.form.gate(desk),
        progress=progress_of(bench),
        picker=(found := rosterpicking.picker(bench)),
        once=[_field(spec, _posted(found), []) for spec in (found.asked.once if found else [])],
        editing=seq,
        said="；".join(p.text.rstrip("。") for p in problems or [] if p.field not in names),
    )
    if bench.view is None:
        page.in_flight = engine.in_flight(runtime(), bench.key, bench.roster.scope) or ""
    else:
        page.returned = casepage.returned_entry(bench.view)
    return page


def _address(bench: Bench, words: Mapping[str, Any]) -> str:
    rest = "&".join(f"{name}={value}" for name, value in words.items())
    return f"{bench.page_url}{'?' if rest else ''}{rest}#grid"


def _ways(bench: Bench, editing: bool) -> list[str]:
    """How rows get in, in order."""
    if bench.form.only_picks:
        return [PICK, SINGLE] if editing else [PICK]
    return [name for name in TABS if name != PICK or bench.picks]


def _tab(bench: Bench, at_work: bool) -> str:
    if at_work:
        return SINGLE
    asked = request.args.get("tab", "")
    if asked in _ways(bench, False):
        return asked
    if bench.option("whole"):  # everybody has to be in it: the workbook comes first (QDN-02)
        return "import"
    return PICK if bench.picks else bench.form.first_way


def _entry(bench: Bench, typed: Mapping[str, str] | None, seq: int) -> tuple[dict[str, str], int]:
    """What the entry form holds: what was typed, a row to change, or nothing."""
    if typed is not None:
        return dict(typed), seq
    number = number_in(request.args.get("edit", "")) or 0
    line = store.row(session(), bench.roster.id, number) if number else None
    if line is None:
        return _usual(bench), 0
    view = rostergrid.row_view(line, bench.columns)
    return {cell.name: cell.value for cell in view.cells}, number


def _usual(bench: Bench) -> dict[str, str]:
    """What nearly every row holds, e.g. 居民身份证: the defaults of the form's columns."""
    fields = bench.form.model_fields
    known = {spec.name: fields[spec.name].default for spec in bench.typed}
    return {name: value for name, value in known.items() if value and isinstance(value, str)}


def _posted(found: Picker) -> dict[str, str]:
    """What was said for all that were picked, when it came back."""
    names = [spec.name for spec in found.asked.once]
    picked = request.form.get("action", "").partition(":")[0] == rosterpicking.ACTION
    return editing.cells(request.form, names) if picked else {}


def _field(spec: ColumnSpec, entry: Mapping[str, str], problems: list[Problem]) -> FieldView:
    found = spec.field
    value = entry.get(spec.name, "")
    error = next((p.text for p in problems if p.field == spec.name), "")
    html = {
        "inputmode": found.inputmode or None,
        "autocomplete": "off",
        "placeholder": found.placeholder or None,
    }
    return FieldView(
        name=spec.name,
        label=spec.label,
        widget=found.widget,
        value=value,
        original="",
        original_text="",
        reading=value,
        required=found.required,
        wide=found.wide,
        hint=found.hint,
        options=tuple(found.options),
        locked="",
        error=error,
        changed=False,
        capital=found.echo(value) if found.echo and value else "",
        html={name: each for name, each in html.items() if each},
    )


# ── jobs at work on a roster ───────────────────────────────────────────────────────────────────


def progress_of(bench: Bench) -> Progress | None:
    """The job that keeps the roster busy, or the one the address follows."""
    number = number_in(request.args.get(JOB_ARGUMENT, "")) or 0
    return job_of(bench.roster.id, bench.roster.job_id or number)


def names(bench: Bench) -> list[str]:
    """What may be chosen for the roster as a whole."""
    return [choice.name for choice in bench.form.choose(bench.desk())]


def sums(bench: Bench) -> dict[str, Any]:
    """What the script writes into the counters after a change."""
    found = store.sums(session(), bench.roster.id)
    grid = Grid([], [], found, [], "", bench.form.noun)
    return {
        "rows": f"{found.rows:,}",
        SOUND: f"{found.sound:,}",
        FAULTY: f"{found.faulty:,}",
        "money": grid.sound_money,
    }
