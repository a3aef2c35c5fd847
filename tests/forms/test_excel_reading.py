"""Which sheet, which row and which columns of a dirty workbook are the roster."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import Refused
from forms.excel import reading
from forms.excel.reading import Sheet
from forms.excel.templates import template
from tests.builders import rosters
from tests.builders.rosters import PERSON, Newcomers
from tests.builders.sheets import HEADING, Wages, book, books, saved, xls
from tests.builders.units import texts

ZHANG, LI = ["张三", "A1", 8, 5390], ["李四", "A2", 8, 5400]


def opened(content: bytes) -> Sheet:
    """The sheet with its rows read."""
    with reading.read(content, Wages.columns()) as sheet:
        sheet.rows = iter(list(sheet.rows))
    return sheet


def names(content: bytes) -> list[str]:
    return [row.texts["name"] for row in opened(content).rows]


def refusal(content: bytes, form: Any = Wages) -> str:
    with pytest.raises(Refused) as refused:
        reading.read(content, form.columns())
    return refused.value.text


# ── where the roster is ────────────────────────────────────────────────────────────────────────


def test_title_rows_notes_and_merged_cells_may_stand_above_the_heading() -> None:
    def change(sheet: Any) -> None:
        sheet.merge_cells("A1:H1")

    above = [
        ["2026 年度缴存基数表"],
        ["单位：凯里市云谷文旅发展有限公司", None, "填表人：杨秀兰"],
        [],
    ]
    content = book(*above, HEADING, ZHANG, LI, change=change)
    sheet = opened(content)
    assert sheet.heading_row == 4
    assert [(row.number, row.texts["name"]) for row in sheet.rows] == [(5, "张三"), (6, "李四")]


def test_a_heading_of_two_rows_is_one() -> None:
    def change(sheet: Any) -> None:
        for column in "ABCDEFGH":
            sheet.merge_cells(f"{column}1:{column}2")

    assert names(book(HEADING, [], ZHANG, change=change)) == ["张三"]


def test_the_group_above_two_headings_is_no_heading() -> None:
    def change(sheet: Any) -> None:
        sheet.merge_cells("A1:A2")
        sheet.merge_cells("B1:D1")

    rows = ["姓名", "缴存信息"], [None, "工号", "缴存比例", "缴存基数"], ZHANG
    assert names(book(*rows, change=change)) == ["张三"]


@pytest.mark.parametrize(
    "heading",
    [
        "*缴存基数",
        "★ 缴存 基数",
        "缴存\n基数\n（元）",
        "缴存基数(元)",
        "缴存基数（单位：元）",
        "缴存基数【必填】",
        "缴存基数：",
        "缴存\u200b基数\u00a0",
    ],
)
def test_marks_blanks_and_remarks_do_not_make_another_heading(heading: str) -> None:
    content = book([heading, "姓名"], [5390, "张三"])
    assert next(opened(content).rows).texts == {"base": "5390", "name": "张三"}


def test_full_width_letters_in_a_heading_are_letters() -> None:
    assert names(book(["职工姓名", "工号"], ZHANG[:2])) == ["张三"]


def test_moved_columns_and_empty_columns_between_them_are_found() -> None:
    content = book([None, "工号", None, "姓名"], [None, "A1", None, "张三"])
    assert next(opened(content).rows).texts == {"work_no": "A1", "name": "张三"}


def test_an_alias_is_the_column() -> None:
    content = book(["职工姓名", "身份证号"], ["张三", "11010519491231002X"])
    assert next(opened(content).rows).texts["id_no"] == "11010519491231002X"


def test_unknown_columns_are_passed_over_with_a_note_and_running_numbers_without() -> None:
    sheet = opened(book(["序号", "姓名", "部门", "工号"], [1, "张三", "财务部", "A1"]))
    assert sheet.notes == ["第 C 列“部门”不是本清册的项目，没有读取。"]
    assert next(sheet.rows).texts == {"name": "张三", "work_no": "A1"}


def test_the_sheet_that_fits_is_read_not_the_first_one() -> None:
    made = books(说明=[["请先阅读"]], 清册=[HEADING, ZHANG])
    sheet = opened(saved(made))
    assert (sheet.name, sheet.row_count) == ("清册", 1)


def test_a_second_sheet_that_fits_as_well_is_told() -> None:
    sheet = opened(saved(books(七月=[HEADING, ZHANG], 八月=[HEADING, LI])))
    assert [row.texts["name"] for row in sheet.rows] == ["张三"]
    assert sheet.notes == ["读取的是工作表“七月”，工作表“八月”没有读取。"]


def test_an_empty_form_in_front_of_the_filled_one_is_no_roster() -> None:
    assert names(saved(books(空表=[HEADING], 清册=[HEADING, LI]))) == ["李四"]


def test_a_hidden_sheet_is_not_read_when_another_fits() -> None:
    made = books(旧数据=[HEADING, LI, LI], 清册=[HEADING, ZHANG])
    made["旧数据"].sheet_state = "hidden"
    sheet = opened(saved(made))
    assert [row.texts["name"] for row in sheet.rows] == ["张三"]
    assert sheet.notes == []


def test_a_roster_on_a_hidden_sheet_is_asked_to_be_shown() -> None:
    made = books(说明=[["请先阅读"]], 清册=[HEADING, ZHANG])
    made["清册"].sheet_state = "hidden"
    assert refusal(saved(made)) == "清册在隐藏的工作表“清册”里，请取消隐藏并保存后再上传。"


# ── headings that cannot be read ───────────────────────────────────────────────────────────────


def test_a_renamed_column_is_refused_and_both_names_are_said() -> None:
    content = book(["工号", "姓 名 字", "缴存比例"], ["A1", "张三", 8])
    assert refusal(content) == (
        "工作表“Sheet”：第 1 行的标题中没有“姓名”，现有的标题是：工号、姓 名 字、缴存比例。"
        "第 B 列“姓 名 字”如果就是“姓名”，请把标题改成“姓名”。请使用模板中的标题，不要改名。"
    )


def test_a_missing_column_is_named() -> None:
    said = refusal(book(["工号", "缴存比例"], ["A1", 8]))
    assert "没有“姓名”，现有的标题是：工号、缴存比例。" in said


def test_a_heading_that_stands_twice_is_refused_with_both_places() -> None:
    said = refusal(book(["姓名", "工号", "职工姓名"], ["张三", "A1", "李四"]))
    assert said == (
        "工作表“Sheet”：第 A 列“姓名”和第 C 列“职工姓名”都是“姓名”，请删去其中一列或改掉标题。"
    )


@pytest.mark.parametrize("unit", ["万元", "千元", "分", "单位：万元"])
def test_amounts_in_other_units_are_not_taken_for_yuan(unit: str) -> None:
    said = refusal(book(["姓名", f"缴存基数（{unit}）"], ["张三", 0.5]))
    assert f"以“{unit.removeprefix('单位：')}”为单位，请换算成元" in said


def test_a_file_without_a_heading_is_told_what_is_expected_and_what_it_has() -> None:
    said = refusal(book(["员工", "部门"], ["张三", "财务部"]))
    assert said.startswith("没有找到标题行，应有的标题是：姓名、工号、缴存比例、缴存基数、")
    assert "文件第 1 行是：员工、部门。" in said


def test_a_heading_without_rows_is_refused() -> None:
    assert refusal(book(HEADING, ["", " ", "\u3000"])) == (
        "标题在第 1 行，下面没有内容，请填写清册后再上传。"
    )


def test_an_empty_workbook_is_refused() -> None:
    assert refusal(book()) == "文件里没有内容，请选择填好的清册再上传。"


# ── rows ───────────────────────────────────────────────────────────────────────────────────────


def test_empty_rows_between_people_are_passed_over_and_row_numbers_stay() -> None:
    sheet = opened(book(HEADING, ZHANG, [], [" ", "\u200b"], LI, []))
    assert sheet.row_count == 2
    assert [row.number for row in sheet.rows] == [2, 5]


def test_sums_and_remarks_are_no_people() -> None:
    rows = ZHANG, ["合 计", None, None, 5390], ["注：本表一式两份"], LI
    sheet = opened(book(HEADING, *rows))
    assert [row.texts["name"] for row in sheet.rows] == ["张三", "李四"]
    assert sheet.notes == ["第 3、4 行是合计或说明，没有读取。"]


def test_reading_goes_on_behind_rows_that_were_read_before() -> None:
    with reading.read(book(HEADING, ZHANG, [], LI), Wages.columns(), skip=1) as sheet:
        assert sheet.row_count == 2
        assert [row.texts["name"] for row in sheet.rows] == ["李四"]


def test_more_rows_than_the_limit_are_refused_before_any_is_read() -> None:
    with pytest.raises(Refused, match="文件中有 3 行，一次最多导入 2 行，请分成几个文件上传"):
        reading.read(book(HEADING, ZHANG, LI, ZHANG), Wages.columns(), rows_max=2)


# ── formats ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_text_file_is_read_in_every_encoding_excel_writes(encoding: str, delimiter: str) -> None:
    lines = [delimiter.join(row) for row in (("姓名", "工号"), ("张三", "A1"), ("", ""))]
    assert names("\r\n".join(lines).encode(encoding)) == ["张三"]


def test_a_text_file_may_have_short_rows_and_quoted_line_breaks() -> None:
    assert names('姓名,工号,缴存比例\n"张\n三",A1\n李四\n'.encode()) == ["张\n三", "李四"]


def test_an_old_workbook_is_read_whatever_its_name() -> None:
    sheet = opened(xls(("姓名", "工号"), ("张三", 7.0)))
    assert (sheet.name, next(sheet.rows).texts) == ("清册", {"name": "张三", "work_no": "7"})


# ── our own template ───────────────────────────────────────────────────────────────────────────


def test_what_our_template_holds_comes_back_as_it_was() -> None:
    content = template(Newcomers, texts(), key="open_accounts", center="qdn", rows=[PERSON])
    with reading.read(content, Newcomers.columns()) as sheet:
        assert sheet.marks is not None
        assert (sheet.marks.form, sheet.marks.service) == ("tests.Newcomers", "open_accounts")
        assert sheet.notes == []
        (row,) = sheet.rows
    words = {"id_type": "居民身份证", "trade": rosters.TRADES["T07"]}
    assert row.texts == PERSON | words


def test_an_empty_template_says_that_it_is_empty() -> None:
    assert refusal(template(Newcomers, texts()), Newcomers) == (
        "标题在第 3 行，下面没有内容，请填写清册后再上传。"
    )
