"""What settling a million accounts costs, against bare SQL that does the same postings.

`make bench-interest`.  Each store is filled once; product and floor settle copies of it in a
process of their own, which also says how much memory it took.  The last line is one JSON object.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, time
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from deploy.servers import Postgres
from engine import Runtime
from engine.calendar import Weekdays
from engine.database import configure
from engine.runtime import SYSTEM
from handlers.ledger import settling
from tests.bench import savings, settlement_floor, stores
from tests.bench.savings import NOW, YEAR, Fund

MEMBERS, ROUNDS = 1_000_000, 1
KINDS = ("sqlite", "pg")
RUNNERS = ("floor", "product")
MIB_IN_KIB = 1024

# Every row a settlement writes or changes, without the ids the database chooses.
_LEFT = (
    """select a.kind, a.owner, e.seq, v.key, e.value_on, e.amount_cents, e.carried_forward_cents,
    e.interest_cents, e.balance_cents from hall_voucher v join hall_entry e on e.voucher_id = v.id
    join hall_ledger_account a on a.id = e.account_id where v.posted_on = :posted
    order by v.key, a.kind, a.owner""",
    """select branch_code, number, key, business, value_on, debit_cents, credit_cents,
    interest_cents, headcount, unit_account_no, contribution_month, contribution_month_to, memo,
    business_no, channel, reversal_of, reason, posted_at, posted_by, posted_by_name
    from hall_voucher where posted_on = :posted order by branch_code, number""",
    """select kind, owner, branch_code, unit_account_no, side, status, balance_cents,
    carried_forward_cents, entries, opened_on, settled_on from hall_ledger_account
    order by kind, owner""",
    "select unit_account_no, balance_cents from hall_unit_total order by 1",
    "select * from hall_interest_settlement",
)


# ── one run, in a process of its own ───────────────────────────────────────────────────────────


def run(who: str, url: str) -> None:
    """Settle, and say how long it took and how much memory."""
    database = configure(create_engine(url))
    with Session(database) as session:
        session.execute(text("select 1"))
        session.rollback()
        act: dict[str, Callable[[], Any]] = {
            "floor": lambda: settlement_floor.settle(database),
            "product": lambda: _settle(session),
        }
        worker = _worker(session)
        start, before = perf_counter(), _cpu_seconds(worker)
        act[who]()
        seconds, cpu = perf_counter() - start, _cpu_seconds(worker) - before
    sys.stdout.write(json.dumps({"seconds": seconds, "cpu": cpu, "mib": _peak_mib()}) + "\n")


def _worker(session: Session) -> str:
    """Which process does the work: PostgreSQL's, or this one."""
    if session.get_bind().dialect.name == "sqlite":
        return "self"
    pid = session.scalar(text("select pg_backend_pid()"))
    session.rollback()
    return str(pid)


def _cpu_seconds(process: str) -> float:
    """Used so far: what a busy neighbour does not change."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mib() -> float:
    """Of this program alone: `getrusage` counts in what the process was before."""
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index("VmHWM:") + 1]) / MIB_IN_KIB


def _settle(session: Session) -> None:
    rt = Runtime(session=session, clock=lambda: NOW, calendar=Weekdays())
    shown: list[int] = []
    settling.settle(rt, SYSTEM, YEAR, report=lambda done, total: shown.append(done * 100 // total))
    assert shown[-1] == 100, "it tells how far it is"


# ── copies of a filled store ───────────────────────────────────────────────────────────────────


class Store:
    """A filled database and copies of it."""

    def __init__(self, folder: Path, fund: Fund, kind: str) -> None:
        self.folder, self.kind = folder, kind
        self.server: Postgres | None = None
        if kind == "pg":
            self.server = Postgres(folder / "pgdata", folder / "pg", durable=True).start()
            self.server.create_database("filled")
        began = time()
        database = self.open("filled")
        savings.fill(database, fund)
        self._to_disk(database)
        database.dispose()
        sys.stderr.write(f"· {kind}: filled in {time() - began:.0f} s\n")

    def url(self, name: str) -> str:
        if self.server is not None:
            return self.server.url(name)
        return f"sqlite:///{self.folder / name}.sqlite3"

    def open(self, name: str) -> Engine:
        return configure(create_engine(self.url(name)))

    @contextmanager
    def copy(self, name: str) -> Iterator[str]:
        """The filled database once more, with nothing left to be written."""
        if self.server is None:
            source, target = (self.folder / f"{each}.sqlite3" for each in ("filled", name))
            shutil.copyfile(source, target)
            yield self.url(name)
            for path in self.folder.glob(f"{name}.sqlite3*"):
                path.unlink()
            return
        self._say(f"create database {name} template filled strategy file_copy", "checkpoint")
        yield self.url(name)
        self._say(f"drop database {name} with (force)")

    def _say(self, *statements: str) -> None:
        assert self.server is not None
        engine = create_engine(self.server.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def _to_disk(self, database: Engine) -> None:
        if self.server is not None:
            return
        with database.connect() as connection:
            driver = connection.connection.dbapi_connection
            assert driver is not None
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        if self.server is not None:
            self.server.stop()


def checksums(url: str) -> list[str]:
    """One for each table."""
    database = configure(create_engine(url))
    found = []
    with database.connect().execution_options(stream_results=True) as connection:
        for query in _LEFT:
            digest = hashlib.sha256()
            given = {"posted": savings.START.toordinal() + 364} if ":posted" in query else {}
            result = connection.execute(text(query), given)
            for rows in result.partitions(10_000):
                digest.update(repr([tuple(row) for row in rows]).encode())
            found.append(digest.hexdigest())
    database.dispose()
    return found


# ── measuring ──────────────────────────────────────────────────────────────────────────────────


def measure(kind: str, fund: Fund, rounds: int) -> dict[str, list[dict[str, float]]]:
    times: dict[str, list[dict[str, float]]] = {who: [] for who in RUNNERS}
    with stores.home() as folder:
        store = Store(folder, fund, kind)
        try:
            for turn in range(rounds):
                left = {}
                for who in RUNNERS if turn % 2 == 0 else RUNNERS[::-1]:
                    with store.copy(who) as url:
                        command = [sys.executable, "-m", "tests.bench.interest", "--run", who, url]
                        said = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
                        times[who].append(json.loads(said))
                        left[who] = checksums(url) if turn == 0 else []
                        sys.stderr.write(f"· {kind} {who}: {times[who][-1]}\n")
                assert left["floor"] == left["product"], "they have not written the same rows"
        finally:
            store.close()
    return times


def report(found: dict[str, dict[str, list[dict[str, float]]]], fund: Fund) -> str:
    lines = [
        f"{fund.members:,} accounts of {fund.units:,} units in {savings.BRANCHES} branches, "
        f"{1 + savings.MONTHS} entries each; seconds, load {os.getloadavg()[0]:.1f}",
        f"{'':<10}{'floor':>10}{'product':>10}{'ratio':>8}{'accounts/s':>12}{'MiB':>6}"
        f"{'CPU: floor':>13}{'product':>10}{'ratio':>8}",
    ]
    answer: dict[str, float] = {}
    for kind, times in found.items():
        floor, product = (_median(times[who], "seconds") for who in RUNNERS)
        cpu = [_median(times[who], "cpu") for who in RUNNERS]
        peak = max(one["mib"] for one in times["product"])
        speed = f"{fund.members / product:,.0f}"
        ratio = f"{product / floor:.2f}"
        lines.append(
            f"{kind:<10}{floor:>10.1f}{product:>10.1f}{ratio:>8}{speed:>12}{peak:>6.0f}"
            f"{cpu[0]:>13.1f}{cpu[1]:>10.1f}{cpu[1] / cpu[0]:>8.2f}"
        )
        answer[f"interest_ratio_{kind}"] = round(product / floor, 2)
        answer["interest_peak_mib"] = round(max(peak, answer.get("interest_peak_mib", 0)))
    return "\n".join(lines) + "\n" + json.dumps(answer)


def _median(times: list[dict[str, float]], what: str) -> float:
    return statistics.median(one[what] for one in times)


def main(arguments: list[str]) -> int:
    """[members [rounds [kind]]]"""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing stays behind
    if arguments[:1] == ["--run"]:
        run(*arguments[1:])
        return 0
    fund = Fund(int(arguments[0]) if arguments else MEMBERS)
    rounds = int(arguments[1]) if len(arguments) > 1 else ROUNDS
    kinds = arguments[2:] or KINDS
    found = {kind: measure(kind, fund, rounds) for kind in kinds}
    sys.stdout.write(report(found, fund) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
