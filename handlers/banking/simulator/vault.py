"""What the simulated bank remembers, in a SQLite file of its own.

An order number is done once; whoever asks again gets the first result.  How an account is treated
follows from its last four digits, so that a person can try every outcome.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.calendar import ZONE

DONE, DECLINED, SETTLING = "done", "declined", "settling"
SETTLES_SECONDS = 20  # so long an account ending in 9008 or 9009 keeps the hall waiting
# Last four digits of the payer's account → why it is declined.
REFUSING = {"9001": "insufficient_funds", "9002": "no_agreement", "9003": "account_frozen"}
LATE, LATE_DECLINED = "9008", "9009"
# → how the first answer about the order goes wrong (server.py); the money has moved, but for 9006.
MISBEHAVING = {"9004": "delay:5", "9005": "drop", "9006": "500", "9007": "garbage"}
BUSY_SECONDS = 10.0  # patience with another thread that writes
ROWS_MAX = 20_000  # of one day's statement

_TABLE = """
create table if not exists movement (
    order_no text primary key, payer_name text not null, payer_account_no text not null,
    branch_code text not null, amount_cents integer not null check (amount_cents > 0),
    memo text not null, status text not null, code text not null, serial text not null unique,
    at text not null, settles_at text not null, kind text not null
)
"""


@dataclass(frozen=True, slots=True)
class Movement:
    """A debit, or (`kind` "transfer") money a unit has sent by itself.  `at`: ISO, Shanghai."""

    order_no: str
    payer_name: str
    payer_account_no: str
    branch_code: str
    amount_cents: int
    memo: str
    status: str
    code: str
    serial: str
    at: str
    settles_at: str  # "" once it is settled
    kind: str = "debit"


_COLUMNS = ", ".join(one.name for one in fields(Movement))
_VALUES = ", ".join(f":{one.name}" for one in fields(Movement))
_INSERT = f"insert into movement ({_COLUMNS}) values ({_VALUES})"


class Vault:
    """Opens its file for each deed: a connection may neither be shared by threads nor survive the
    fork of a web server."""

    def __init__(self, file: Path, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock
        with self._open() as link:
            link.execute(_TABLE)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        link = sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            with link:  # commits, or rolls back
                link.execute("begin immediate")
                yield link
        finally:
            link.close()

    def debit(self, order: dict[str, Any]) -> tuple[Movement, bool]:
        """What became of the order, and whether this is the first time it is asked for."""
        with self._open() as link:
            self._settle(link)
            known = self._find(link, order["order_no"])
            if known is not None:
                return known, False
            return self._write(link, order, _fate(order["payer_account_no"])), True

    def transfer(self, order: dict[str, Any]) -> Movement:
        """A unit pays at its own bank: the money is on the next statement."""
        with self._open() as link:
            return self._write(link, order, (DONE, ""), "transfer")

    def find(self, order_no: str) -> Movement | None:
        with self._open() as link:
            self._settle(link)
            return self._find(link, order_no)

    def settle_all(self) -> None:
        """What would be settled later is settled now."""
        with self._open() as link:
            self._settle(link, "9999")

    def credits(self, day: str) -> list[Movement]:
        """What arrived on the collection accounts on the day (2026-07-15), oldest first."""
        with self._open() as link:
            self._settle(link)
            found = link.execute(
                f"select {_COLUMNS} from movement where status = ? and substr(at, 1, 10) = ?"
                " order by serial limit ?",
                (DONE, day, ROWS_MAX),
            )
            return [Movement(*row) for row in found]

    def _settle(self, link: sqlite3.Connection, until: str = "") -> None:
        late, moment = (f"%{LATE_DECLINED}", until or self._now())
        link.execute(
            "update movement set settles_at = '', status = case when payer_account_no like ?"
            " then 'declined' else 'done' end,"
            " code = case when payer_account_no like ? then 'insufficient_funds' else '' end"
            " where settles_at <> '' and settles_at <= ?",
            (late, late, moment),
        )

    @staticmethod
    def _find(link: sqlite3.Connection, order_no: str) -> Movement | None:
        found = link.execute(
            f"select {_COLUMNS} from movement where order_no = ?", (order_no,)
        ).fetchone()
        return None if found is None else Movement(*found)

    def _write(
        self,
        link: sqlite3.Connection,
        order: dict[str, Any],
        fate: tuple[str, str],
        kind: str = "debit",
    ) -> Movement:
        serial, (status, code) = self._next_serial(link), fate
        made = Movement(
            order_no=order.get("order_no") or serial,
            payer_name=order["payer_name"],
            payer_account_no=order["payer_account_no"],
            branch_code=order["branch_code"],
            amount_cents=order["amount_cents"],
            memo=order["memo"],
            status=status,
            code=code,
            serial=serial,
            at=self._now(),
            settles_at=self._now(SETTLES_SECONDS) if status == SETTLING else "",
            kind=kind,
        )
        link.execute(_INSERT, asdict(made))
        return made

    def _next_serial(self, link: sqlite3.Connection) -> str:
        """Digits that begin with the day, as banks number their movements."""
        row = link.execute("select count(*) from movement").fetchone()
        return f"{self._now()[:10].replace('-', '')}{row[0] + 1:08d}"

    def _now(self, later: int = 0) -> str:
        moment = datetime.fromtimestamp(self._clock().timestamp() + later, ZONE)
        return moment.isoformat(timespec="seconds")


def _fate(account_no: str) -> tuple[str, str]:
    ending = account_no[-4:]
    if ending in REFUSING:
        return DECLINED, REFUSING[ending]
    return (SETTLING, "") if ending in (LATE, LATE_DECLINED) else (DONE, "")
