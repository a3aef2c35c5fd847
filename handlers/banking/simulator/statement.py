"""The day's statement as a bank's customers download it: title rows, both directions, GB18030.

It is made to be read back by the hall, so it has what real ones have: a line above the headings,
thousands separators, a fee among the credits.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

from handlers.banking.simulator.vault import Movement

HEADINGS = (
    *("交易流水号", "交易日期", "交易时间", "借方发生额（支取）", "贷方发生额（收入）"),
    *("对方户名", "对方账号", "摘要", "备注"),
)
FEE_CENTS = 1_000  # the bank takes its fee on every day with movements


def as_csv(rows: Sequence[Movement], day: str) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(_lines(rows, day))
    return out.getvalue().encode("gb18030")


def as_xlsx(rows: Sequence[Movement], day: str) -> bytes:
    from openpyxl import Workbook  # every process of the hall imports this module, none needs that

    book = Workbook(write_only=True)
    sheet = book.create_sheet("账户明细")
    for line in _lines(rows, day):
        sheet.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


KINDS: Mapping[str, tuple[Callable[[Sequence[Movement], str], bytes], str]] = {
    "csv": (as_csv, "text/csv; charset=gb18030"),
    "xlsx": (as_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


def _lines(rows: Sequence[Movement], day: str) -> Iterator[list[str]]:
    yield [f"模拟银行 住房公积金归集户 账户明细 {day}"]
    yield list(HEADINGS)
    for row in rows:
        yield [
            *(row.serial, row.at[:10].replace("-", ""), row.at[11:19], "0.00"),
            *(_yuan(row.amount_cents), row.payer_name, row.payer_account_no),
            *("代扣" if row.kind == "debit" else "汇款", row.memo),
        ]
    if rows:
        serial = f"{day.replace('-', '')}99999999"
        yield [
            *(serial, day.replace("-", ""), "23:59:59", _yuan(FEE_CENTS)),
            *("0.00", "", "", "手续费", ""),
        ]


def _yuan(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02d}"
