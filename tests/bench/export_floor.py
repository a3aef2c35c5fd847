"""What a download of 100,000 × 8 costs, against openpyxl's write-only mode on the same rows.

Each run has a process of its own, which also says how much memory it took.  The floor writes bare
values; ours styles them, counts the money exactly and sets the paper up.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter
from typing import Any

from openpyxl import Workbook

from forms.excel.exports import ExportColumn, export

ROWS, ROUNDS = 100_000, 2
RUNNERS = ("floor", "ours")
KIB_OF_MIB = 1024
NOW = datetime(2026, 7, 15, 1, 30, tzinfo=UTC)


def rows() -> Iterator[tuple[Any, ...]]:
    """Account, name, paper, base, monthly amount, opened on, paid through, months; money in 分."""
    opened = date(2019, 7, 1)
    for n in range(ROWS):
        base = 320_000 + n * 37 % 1_900_000
        paper = f"5226011990{n % 12 + 1:02d}{n % 28 + 1:02d}{n % 10_000:04d}"
        name = "龙杨吴潘石欧张罗"[n % 8] + "德昌秀兰佳琪"[n % 6]
        yield f"0108{n:08d}", name, paper, base, base * 24 // 100, opened, "2026-06", n % 400


def ours(path: Path) -> None:
    labels = (
        "个人账号",
        "姓名",
        "证件号码",
        "缴存基数",
        "月缴存额",
        "开户日期",
        "缴至年月",
        "月数",
    )
    kinds = ("text", "text", "text", "money", "money", "date", "month", "int")
    columns = [ExportColumn(*pair) for pair in zip(labels, kinds, strict=True)]
    totals = [None, None, None, 1, 1, None, None, None]
    with path.open("wb") as out:
        export(columns, rows(), out, title="缴存人账户", totals=totals, by="杨秀兰", at=NOW)


def floor(path: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows():
        sheet.append((*row[:3], row[3] / 100, row[4] / 100, *row[5:]))
    book.save(path)


def measure_export() -> dict[str, float]:
    """Seconds of the best of two runs each, their ratio, and what ours took in memory (MiB)."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in RUNNERS}
    for _ in range(ROUNDS):
        for name in RUNNERS:
            found[name].append(_run(name))
    best = {name: min(one["seconds"] for one in runs) for name, runs in found.items()}
    return {
        "export_ratio": round(best["ours"] / best["floor"], 3),
        "export_seconds": round(best["ours"], 2),
        "export_floor_seconds": round(best["floor"], 2),
        "export_peak_mib": max(one["peak_mib"] for one in found["ours"]),
    }


def _run(name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.export_floor", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def _timed(work: Callable[[Path], None]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        before = perf_counter()
        work(Path(folder) / "book.xlsx")
        seconds = perf_counter() - before
    return {"seconds": seconds, "peak_mib": getrusage(RUSAGE_SELF).ru_maxrss // KIB_OF_MIB}


if __name__ == "__main__":
    chosen = {"ours": ours, "floor": floor}.get(sys.argv[1] if len(sys.argv) > 1 else "")
    sys.stdout.write(json.dumps(_timed(chosen) if chosen else measure_export()) + "\n")
