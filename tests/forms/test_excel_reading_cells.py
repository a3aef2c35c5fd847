"""What a cell's type means in each kind of column, and what of it is refused."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from engine.errors import Problem
from forms.excel import reading
from forms.rosters import checking
from forms.rosters.base import Row
from tests.builders.sheets import (
    HEADING,
    SHEET_PART,
    Wages,
    book,
    repacked,
    xls,
)

TODAY = dt.date(2026, 7, 15)
LETTERS = dict(zip(Wages.model_fields, "ABCDEFGH", strict=True))


def row_of(content: bytes) -> Row:
    """The first row of a file, its cells checked."""
    with reading.read(content, Wages.columns()) as sheet:
        found = next(sheet.rows)
    row = Row(seq=1, texts=found.texts, problems=list(found.problems))
    checking.check_cells(Wages, None, [row], today=TODAY)
    return row


def workbook(column: str, value: Any, shape: str = "") -> bytes:
    def change(sheet: Any) -> None:
        cell = sheet[f"{LETTERS[column]}2"]
        cell.value = value
        if shape:
            cell.number_format = shape

    return book(HEADING, ["张三"], change=change)


def value(column: str, typed: Any, shape: str = "") -> str:
    row = row_of(workbook(column, typed, shape))
    assert row.problems == []
    return row.values[column]


def refusal(column: str, typed: Any, shape: str = "") -> str:
    row = row_of(workbook(column, typed, shape))
    return checking.sentence(row, row.problems[0], Wages.columns())


@pytest.mark.parametrize(
    ("column", "typed", "meant"),
    [
        ("base", 5390.0, "5,390.00"),
        ("base", 5390, "5,390.00"),
        ("base", 0.1 + 0.2, "0.30"),
        ("base", 1234567.89, "1,234,567.89"),
        ("base", "5390", "5,390.00"),
        ("base", "５３９０．５", "5,390.50"),
        ("base", "￥5,390.50元", "5,390.50"),
        ("base", "¥ 5 390.5", "5,390.50"),
        ("base", "5390.500000", "5,390.50"),
        ("base", "\u200b5390\u00a0", "5,390.00"),
        ("work_no", 5390.0, "5390"),
        ("work_no", 13812345678, "13812345678"),
        ("work_no", "Ａ０１", "A01"),
        ("work_no", "'007", "007"),
        ("rate", 8, "8"),
        ("rate", 8.5, "8.5"),
        ("rate", "８％", "8"),
        ("rate", 0.07 * 100, "7"),
        ("since", 46204, "2026-07-01"),
        ("since", 20260701, "2026-07-01"),
        ("since", "2026/7/1", "2026-07-01"),
        ("since", "2026年7月1日", "2026-07-01"),
        ("since", dt.date(2026, 7, 1), "2026-07-01"),
        ("since", dt.datetime(2026, 7, 1, 13, 5), "2026-07-01"),
        ("month", 202607, "2026-07"),
        ("month", "2026.10", "2026-10"),
        ("month", dt.date(2026, 7, 1), "2026-07"),
        ("month", 46204, "2026-07"),
        ("here", True, "1"),
        ("here", "是", "1"),
        ("here", 0, "0"),
        ("here", " 否 ", "0"),
        ("here", "1-是", "1"),
        ("id_no", "１１０10519491231002Ｘ", "11010519491231002X"),
        ("id_no", " 110105 19491231 002X\u3000", "11010519491231002X"),
        ("id_no", "11010519491231002x", "11010519491231002X"),
        ("name", " 杨\u200b秀兰　", "杨秀兰"),
        ("base", "", ""),
        ("base", "　\u00a0", ""),
    ],
)  # fmt: skip
def test_a_cell_is_read_as_a_person_means_it(column: str, typed: Any, meant: str) -> None:
    typed = "张三" if column == "name" and typed is None else typed
    row = row_of(workbook(column, typed))
    assert row.problems == []
    assert row.values[column] in (meant, "0.00" if meant == "" else meant)


def test_a_percentage_is_a_rate_in_per_cent() -> None:
    assert value("rate", 0.12, "0%") == "12"
    assert value("rate", 0.055, "0.0%;[Red]-0.0%") == "5.5"
    assert value("rate", 0.07, "0.00%") == "7"


def test_a_per_cent_sign_in_quotes_is_no_percentage() -> None:
    assert value("rate", 12, '0"%"') == "12"


def test_leading_zeros_that_only_the_format_shows_are_kept() -> None:
    assert value("work_no", 42, "000000") == "000042"


def test_a_long_number_that_has_lost_its_last_digits_is_refused() -> None:
    said = refusal("id_no", 522632199002022213)
    assert said.startswith("第 1 行“证件号码”：现在是数字“5.22632e+17”，超过 15 位")
    assert "改为“文本”" in said


def test_a_number_in_powers_of_ten_has_lost_its_digits_in_a_text_file_too() -> None:
    row = row_of("姓名,证件号码\n张三,5.22632E+17\n".encode())
    assert row.problems[0].code == "cell.lost_digits"


def test_text_that_programs_protect_from_excel_is_read_without_its_protection() -> None:
    assert row_of('姓名,工号\n张三,"=""007"""\n'.encode()).values["work_no"] == "007"


def test_fifteen_digits_are_still_exact() -> None:
    assert value("work_no", 123456789012345) == "123456789012345"


def test_an_error_value_is_named() -> None:
    def change(sheet: Any) -> None:
        sheet["D2"].value = "#N/A"
        sheet["D2"].data_type = "e"

    row = row_of(book(HEADING, ["张三"], change=change))
    assert [one.text for one in row.problems] == ["现在是公式错误“#N/A”，请改成实际内容。"]
    assert row.texts["base"] == "#N/A"


def test_an_error_value_in_an_old_workbook_is_no_empty_cell() -> None:
    row = row_of(xls(("姓名", "缴存基数"), ("张三", ("error", 0x2A))))
    assert [one.text for one in row.problems] == ["现在是公式错误“#N/A”，请改成实际内容。"]


def test_a_row_of_nothing_but_errors_is_a_row() -> None:
    def change(sheet: Any) -> None:
        sheet["A2"].value = "#REF!"
        sheet["A2"].data_type = "e"

    assert row_of(book(HEADING, change=change)).problems[0].code == "cell.error"


def calculated(name: str, data: bytes) -> bytes:
    """As Excel saves it: the formula with what it gives."""
    return re.sub(rb"<v ?/>|<v></v>", b"<v>5390</v>", data) if name == SHEET_PART else data


def test_a_formula_counts_as_what_it_gave_when_it_was_saved() -> None:
    content = workbook("base", "=5000+390")
    with_value = repacked(content, calculated)
    assert row_of(with_value).values["base"] == "5,390.00"


def test_a_formula_nobody_has_calculated_is_refused() -> None:
    assert refusal("base", "=5000+390") == (
        "第 1 行“缴存基数”：现在是没有算出结果的公式“=5000+390”，请改成实际内容。"
    )


def test_a_formula_that_gave_empty_text_is_an_empty_cell() -> None:
    content = repacked(
        workbook("work_no", '=""'),
        lambda name, data: data.replace(b'<c r="B2">', b'<c r="B2" t="str">'),
    )
    assert row_of(content).problems == []


@pytest.mark.parametrize(
    ("column", "typed", "sentence"),
    [
        ("month", 2026.1, "第 1 行“起缴年月”：现在是数字“2026.1”，分不清是几月"),
        ("base", dt.date(2026, 7, 1), "第 1 行“缴存基数”：现在是日期“2026-07-01”"),
        ("base", "五千", "第 1 行“缴存基数”：现在是“五千”，金额只能填写数字"),
        ("base", 100.125, "第 1 行“缴存基数”：现在是“100.125”，金额最多保留两位小数"),
        ("since", "2026-02-30", "第 1 行“开户日期”：现在是“2026-02-30”，没有这一天"),
        ("since", 5, "第 1 行“开户日期”：现在是“5”，没有这一天"),
        ("here", "在", "第 1 行“在岗”：现在是“在”，应为是、否中的一项"),
        ("id_no", "52263219900202221", "第 1 行“证件号码”：现在是“52263219900202221”，少 1 位"),
        ("rate", "8.555", "第 1 行“缴存比例”：现在是“8.555”，比例最多保留两位小数"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_row_column_and_what_was_found(
    column: str, typed: Any, sentence: str
) -> None:
    assert refusal(column, typed).startswith(sentence)


def test_a_cell_merged_downwards_counts_for_each_of_its_rows() -> None:
    def change(sheet: Any) -> None:
        sheet.merge_cells("C2:C4")

    content = book(
        HEADING, ["甲一", "1", 8], ["乙二", "2"], [None] * 8, ["丙三", "3"], change=change
    )
    with reading.read(content, Wages.columns()) as sheet:
        rates = [row.texts["rate"] for row in sheet.rows]
    assert rates == ["8", "8", ""]


def test_days_count_from_1904_where_the_workbook_says_so() -> None:
    content = repacked(
        workbook("since", 44742),
        lambda name, data: (
            data.replace(b"<workbookPr/>", b'<workbookPr date1904="1"/>')
            if name == "xl/workbook.xml"
            else data
        ),
    )
    assert row_of(content).values["since"] == "2026-07-01"


def test_text_of_every_kind_of_cell_is_checked_by_the_same_rules_as_typed_text() -> None:
    row = Row(seq=7, texts={"name": "张三", "base": "￥5,390元", "month": "2026年7月"})
    checking.check_cells(Wages, None, [row], today=TODAY)
    assert (row.values["base"], row.values["month"]) == ("5,390.00", "2026-07")


def test_a_problem_of_a_cell_knows_its_column() -> None:
    row = row_of(workbook("month", 2026.1))
    assert [(one.code, one.field) for one in row.problems] == [("cell.month_number", "month")]
    assert isinstance(row.problems[0], Problem)


def test_rich_text_is_read_as_its_letters() -> None:
    from openpyxl.cell.rich_text import CellRichText, TextBlock
    from openpyxl.cell.text import InlineFont

    made = CellRichText(TextBlock(InlineFont(b=True), "杨"), "秀兰")
    assert value("name", made) == "杨秀兰"
