"""What importing a roster of 100,000 × 8 costs, against only reading the same file with openpyxl.

`make bench-import`.  Ours: the uploaded bytes → a job, slice by slice → every cell checked → rows
sealed and stored.  Each run has a process of its own and says how much memory it took, the child
that reads the workbook included.  The last line is one JSON object, the export's ratio with it.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter
from typing import Annotated, Any, ClassVar

import openpyxl
from openpyxl import Workbook
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session, sessionmaker

from engine.database import configure
from engine.models import Base
from forms.declared import Item
from forms.excel import source
from forms.fields import Date, Mobile, Money, PersonName, ResidentId, ShortText, choice
from forms.rosters.base import Column, Desk, RosterForm, Row
from handlers.identifiers import resident_check_digit
from handlers.privacy.columns import blind
from handlers.rosters.models import RosterRow
from tests.bench import export_floor, stores
from tests.builders import keys
from tests.builders.imports import Importing

ROWS, ROUNDS = 100_000, 3
FAULTY_EVERY = 500  # real rosters have slips
RUNNERS = ("floor", "ours")
KINDS = {"sqlite": "sqlite_normal_core", "pg": "pg_core"}
KIB_OF_MIB = 1024
NOW = datetime(2026, 7, 15, 1, 30, tzinfo=UTC)
ID_TYPES = {"01": "居民身份证", "03": "护照", "06": "外国人永久居留身份证"}
HEADING = (
    *("姓名", "证件类型", "证件号码", "手机号码"),
    *("缴存基数(元)", "工号", "开户日期", "学历"),
)
DEGREES = {"10": "研究生", "20": "大学本科", "30": "大学专科", "60": "高中"}


class Newcomers(RosterForm):
    """开户 as the manuals have it: eight typed columns, the monthly amount follows."""

    form_id: ClassVar[str] = "bench.Newcomers"
    title: ClassVar[str] = "个人开户"
    key: ClassVar[tuple[str, ...]] = ("id_no",)
    amount: ClassVar[str] = "monthly"

    name: Annotated[PersonName, Item(label="姓名", group="", required=True)]
    id_type: Annotated[str, choice(ID_TYPES), Item(label="证件类型", group="", required=True)]
    id_no: Annotated[ResidentId, Item(label="证件号码", group="", required=True)]
    mobile: Annotated[Mobile, Item(label="手机号码", group="", required=True)]
    base: Annotated[Money, Item(label="缴存基数", group="", required=True)]
    work_no: Annotated[ShortText, Item(label="工号", group="")]
    opened_on: Annotated[Date, Item(label="开户日期", group="", required=True)]
    degree: Annotated[str, choice(DEGREES), Item(label="学历", group="")]
    monthly: Annotated[Money, Item(label="月缴存额", group=""), Column(computed=True)]

    @classmethod
    def judge(cls, desk: Desk, rows: Sequence[Row]) -> None:
        for row in rows:
            if number := row.values.get("id_no"):
                row.subject = blind("person.id_no", number)
            if base := row.values.get("base"):
                cents = int(base.replace(",", "").replace(".", ""))
                row.amount_cents = (cents * 24 + 50) // 100
                if not 180_000 <= cents <= 3_000_000:
                    row.refuse("base.bounds", "缴存基数应在 1,800 元至 30,000 元之间。", "base")


def workbook() -> bytes:
    """Text cells, as our template asks for; a slip in every five hundredth row."""
    made = Workbook(write_only=True)
    sheet = made.create_sheet("清册")
    sheet.append(HEADING)
    for n in range(ROWS):
        first17 = f"522601{1960 + n % 40}{n // 40 % 12 + 1:02d}{n // 480 % 28 + 1:02d}"
        first17 += f"{n // 13_440:03d}"
        name = "龙杨吴潘石欧张罗"[n % 8] + "德秀兰昌美佳"[n // 8 % 6] + "琴芝花勇琪玲"[n // 48 % 6]
        mobile = f"13{n % 10}{n:08d}"
        sheet.append(
            (
                name,
                ID_TYPES["01"],
                first17 + resident_check_digit(first17),
                mobile[:10] if n % FAULTY_EVERY == 1 else mobile,
                f"{4000 + n * 37 % 19_000}.{n % 100:02d}",
                f"E{n:06d}",
                f"20{10 + n % 16}-{n % 12 + 1:02d}-{n % 28 + 1:02d}",
                list(DEGREES.values())[n % 4],
            )
        )
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


# ── one run, in a process of its own ───────────────────────────────────────────────────────────


def floor(content: bytes, _url: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    rows = sum(1 for _ in book.worksheets[0].iter_rows(values_only=True))
    assert rows == ROWS + 1


def ours(content: bytes, url: str) -> None:
    database = configure(create_engine(url))
    desk = Importing(sessionmaker(database), lambda: NOW, Newcomers)
    result = desk.bring(content, stated_rows=ROWS)
    faulty = -(-(ROWS - 1) // FAULTY_EVERY)
    assert (result["rows"], result["faulty"]) == (ROWS, faulty), result
    with Session(database) as session:
        assert session.scalar(select(func.count()).select_from(RosterRow)) == ROWS
    database.dispose()


def run(who: str, path: str, url: str) -> None:
    content = Path(path).read_bytes()
    act: dict[str, Callable[[bytes, str], None]] = {"floor": floor, "ours": ours}
    children: list[float] = []
    _watch_children(children)
    before, cpu, began = _peak_mib("self"), _cpu_seconds(url), perf_counter()
    act[who](content, url)
    seconds = perf_counter() - began
    said = {"seconds": seconds, "cpu": _cpu_seconds(url) - cpu}
    said["mib"] = round(_peak_mib("self") - before + max(children, default=0.0), 1)
    sys.stdout.write(json.dumps(said) + "\n")


def _cpu_seconds(url: str) -> float:
    """Used so far by this process, the children it has ended and the database's processes: what a
    busy neighbour does not change."""
    own = sum(
        getrusage(who).ru_utime + getrusage(who).ru_stime for who in (RUSAGE_SELF, RUSAGE_CHILDREN)
    )
    if url.startswith("sqlite"):
        return own
    engine = create_engine(url)
    with engine.connect() as connection:
        pid = connection.scalar(text("select pg_backend_pid()"))
    engine.dispose()
    master = _ticks(str(pid))[0]
    found = [_ticks(path.name) for path in Path("/proc").glob("[0-9]*")]
    workers = sum(ticks for parent, ticks, _ in found if parent == master)
    _, mine, ended = _ticks(str(master))
    return own + (workers + mine + ended) / os.sysconf("SC_CLK_TCK")


def _ticks(process: str) -> tuple[int, int, int]:
    """Parent, ticks of its own, ticks of children it has seen end."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0, 0
    return int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])


def _watch_children(peaks: list[float]) -> None:
    """What the reading child took at its most, asked for when it is closed."""
    close = source.Source.close

    def noted(self: Any) -> None:
        if self._child.poll() is None:
            peaks.append(_peak_mib(str(self._child.pid)))
        close(self)

    source.Source.close = noted  # type: ignore[method-assign]


def _peak_mib(process: str) -> float:
    """Of this program alone: `getrusage` counts in what the process was before."""
    status = Path(f"/proc/{process}/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1]) / KIB_OF_MIB


# ── measuring ──────────────────────────────────────────────────────────────────────────────────


def measure(kind: str, rounds: int) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {who: [] for who in RUNNERS}
    with stores.home() as folder, stores.store(KINDS[kind], folder) as database:
        url = database.url.render_as_string(hide_password=False)
        path = folder / "roster.xlsx"
        path.write_bytes(workbook())
        for turn in range(rounds):
            _empty(database)
            for who in RUNNERS if turn % 2 == 0 else RUNNERS[::-1]:
                command = [sys.executable, "-m", "tests.bench.roster_import"]
                command += ["--run", who, str(path), url]
                said = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
                found[who].append(json.loads(said))
                sys.stderr.write(f"· {kind} {who}: {found[who][-1]}\n")
    return found


def _empty(database: Any) -> None:
    Base.metadata.drop_all(database)
    Base.metadata.create_all(database)


def report(found: dict[str, dict[str, list[dict[str, float]]]], exported: dict[str, float]) -> str:
    lines = [
        f"{ROWS:,} rows × {len(HEADING)} columns; seconds, load {os.getloadavg()[0]:.1f}",
        f"{'':<10}{'openpyxl':>10}{'import':>10}{'ratio':>8}{'MiB':>8}"
        f"{'CPU: openpyxl':>16}{'import':>10}{'ratio':>8}",
    ]
    answer: dict[str, float] = {}
    for kind, times in found.items():
        floor_seconds, our_seconds = (_median(times[who], "seconds") for who in RUNNERS)
        cpu = [_median(times[who], "cpu") for who in RUNNERS]
        ratio, peak = our_seconds / floor_seconds, max(one["mib"] for one in times["ours"])
        lines.append(
            f"{kind:<10}{floor_seconds:>10.1f}{our_seconds:>10.1f}{ratio:>8.2f}{peak:>8.0f}"
            f"{cpu[0]:>16.1f}{cpu[1]:>10.1f}{cpu[1] / cpu[0]:>8.2f}"
        )
        answer[f"import_cpu_ratio_{kind}"] = round(cpu[1] / cpu[0], 2)
        answer[f"import_ratio_{kind}"] = round(ratio, 2)
        answer[f"import_peak_mib_{kind}"] = round(peak)
    for name in ("import_ratio", "import_peak_mib"):
        answer[name] = max(value for key, value in answer.items() if key.startswith(f"{name}_"))
    return "\n".join(lines) + "\n" + json.dumps(answer | exported)


def _median(times: list[dict[str, float]], what: str) -> float:
    return statistics.median(one[what] for one in times)


def main(arguments: list[str]) -> int:
    """[rounds [kind…]]"""
    keys.configure()
    if arguments[:1] == ["--run"]:
        run(*arguments[1:])
        return 0
    rounds = int(arguments[0]) if arguments else ROUNDS
    found = {kind: measure(kind, rounds) for kind in arguments[1:] or KINDS}
    sys.stdout.write(report(found, export_floor.measure_export()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
