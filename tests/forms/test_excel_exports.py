"""数据下载: types that add up, ids that stay whole, as many sheets as it takes."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forms.excel import exports
from forms.excel.exports import ExportColumn, export, reading

COLUMNS = [
    ExportColumn("个人账号"),
    ExportColumn("月缴存额", "money"),
    ExportColumn("人数", "int"),
    ExportColumn("比例", "percent"),
    ExportColumn("开户日期", "date"),
    ExportColumn("缴至年月", "month"),
    ExportColumn("办理时间", "moment"),
]
AT = datetime(2026, 7, 15, 1, 30, 5, tzinfo=UTC)
ROW = ("010800457213010800", 829, 3, Decimal("8.50"), date(2014, 3, 26), "2026-07", AT)
HEADING = 4  # title, two lines, heading


def made(rows: Iterable[Sequence[Any]] = (ROW,), **named: Any) -> bytes:
    out = io.BytesIO()
    lines = ("开户日期 2014-01-01 至 2026-07-15", "状态 正常")
    export(COLUMNS, rows, out, title="缴存人账户", subtitle=lines, **named)
    return out.getvalue()


def opened(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content))


def raw(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("xl/worksheets/sheet1.xml").decode()


def test_values_come_back_as_what_they_are() -> None:
    page = opened(made()).active
    cells = page[HEADING + 1]
    assert [cell.value for cell in cells] == [
        "010800457213010800",
        8.29,
        3,
        0.085,
        datetime(2014, 3, 26),
        "2026-07",
        datetime(2026, 7, 15, 9, 30, 5),
    ]
    assert [cell.number_format for cell in cells] == [
        *("@", "#,##0.00", "0", "0.00%", "yyyy-mm-dd", "@", "yyyy-mm-dd hh:mm:ss")
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=30))
def test_money_is_exact_to_the_cent(cents: list[int]) -> None:
    out = io.BytesIO()
    export([ExportColumn("金额", "money")], [[one] for one in cents], out, title="明细")
    found = re.findall(r"<v>([^<]+)</v>", raw(out.getvalue()))
    assert [Decimal(text) * 100 for text in found] == cents


def test_no_money_is_an_empty_cell() -> None:
    row = (*ROW[:1], None, *ROW[2:])
    assert opened(made([row])).active[HEADING + 1][1].value is None


@pytest.mark.parametrize("name", ["=1+1", "+1", "@SUM(A1)", "<r><t>x</t></r>", "a&b"])
def test_text_never_becomes_a_formula(name: str) -> None:
    cell = opened(made([(name, *ROW[1:])])).active[HEADING + 1][0]
    assert cell.data_type == "s"
    assert cell.value.rstrip() == name


def test_text_that_no_workbook_can_hold_is_dropped_or_cut() -> None:
    rows = [("杨\x00秀\ud800兰", *ROW[1:]), ("长" * 40_000, *ROW[1:]), ("𠮷" * 20_000, *ROW[1:])]
    page = opened(made(rows)).active
    found = [page[HEADING + n][0].value for n in (1, 2, 3)]
    assert found == ["杨秀兰", "长" * 32_767, "𠮷" * 16_383]


def test_title_filters_and_heading_stand_above_the_rows() -> None:
    page = opened(made()).active
    assert page.title == "缴存人账户"
    assert [page.cell(n, 1).value for n in (1, 2, 3, 4)] == [
        *("缴存人账户", "开户日期 2014-01-01 至 2026-07-15", "状态 正常", "个人账号")
    ]
    assert page.freeze_panes == f"A{HEADING + 1}"
    assert page.auto_filter.ref == f"A{HEADING}:G{HEADING + 1}"


def test_the_total_stands_below_and_outside_the_filter() -> None:
    page = opened(made([ROW, ROW], totals=(None, 1658, 6, None, None, None, None))).active
    cells = page[HEADING + 3]
    assert [cell.value for cell in cells[:3]] == ["合计", 16.58, 6]
    assert cells[1].font.bold
    assert page.auto_filter.ref == f"A{HEADING}:G{HEADING + 2}"


def test_the_paper_says_who_took_the_data_out_and_when() -> None:
    content = made(by="杨秀兰&Co", at=AT)
    assert "&amp;L杨秀兰&amp;&amp;Co　2026-07-15 09:30:05&amp;R" in raw(content)
    page = opened(content).active
    assert page.oddFooter.right.text == "第 &P 页 共 &N 页"
    assert page.page_setup.orientation == "landscape"
    assert page.print_title_rows == f"${HEADING}:${HEADING}"


def test_what_does_not_fit_on_a_sheet_goes_on_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "SHEET_ROWS_MAX", 3)
    rows = [(f"{n:04d}", *ROW[1:]) for n in range(7)]
    out = io.BytesIO()
    totals = (None, 7 * 829, *[None] * 5)
    assert export(COLUMNS, iter(rows), out, title="缴存人账户", totals=totals) == 7
    sheets = opened(out.getvalue()).worksheets
    assert [page.title for page in sheets] == ["缴存人账户", "2 缴存人账户", "3 缴存人账户"]
    found = [page.cell(n, 1).value for page in sheets for n in range(3, page.max_row + 1)]
    assert found == [*(row[0] for row in rows), "合计"]


def test_a_full_sheet_alone_has_no_empty_one_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "SHEET_ROWS_MAX", 2)
    assert len(opened(made([ROW, ROW])).worksheets) == 1


def test_a_download_without_rows_has_its_heading() -> None:
    page = opened(made([])).active
    assert page.max_row == HEADING
    assert page.auto_filter.ref == f"A{HEADING}:G{HEADING}"


def test_a_row_of_the_wrong_length_is_a_bug_and_writes_nothing() -> None:
    out = io.BytesIO()
    with pytest.raises(ValueError, match="shorter"):
        export(COLUMNS, [ROW[:3]], out, title="缴存人账户")
    assert out.getvalue() == b""


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("money", 912000, "9,120.00"),
        ("money", 0, "0.00"),
        ("percent", Decimal("8.50"), "8.5%"),
        ("date", date(2026, 7, 1), "2026-07-01"),
        ("moment", AT, "2026-07-15 09:30:05"),
        ("month", "2026-07", "2026-07"),
        ("int", 0, "0"),
        ("text", None, ""),
    ],
)
def test_paper_and_page_read_the_same_words(kind: Any, value: Any, text: str) -> None:
    assert reading(kind, value) == text
