"""The workbook a unit downloads: what is red, what is locked, and that text stays text."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.datavalidation import DataValidation
from sqlalchemy.orm import Session

from forms.excel.marks import FIRST_ROW, HEADING_ROW, MARKS_SHEET, OPTIONS_SHEET, Marks, marks_of
from forms.excel.templates import template
from tests.builders import people, rosters, units
from tests.builders.rosters import PERSON, TRADES, NewBases, Newcomers
from tests.builders.units import ACCOUNT, texts

RED, GREY = "FFC00000", "FFD9D9D9"
HOSTILE = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "<r><t>x</t></r>",
    "<r></r>",
    "a&b<c>",
    "\t=1",
)


def opened(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content))


def sheet(content: bytes) -> Any:
    return opened(content).worksheets[0]


def headings(content: bytes) -> list[str]:
    return [cell.value for cell in sheet(content)[HEADING_ROW]]


def rules(content: bytes) -> dict[str, DataValidation]:
    """Column letter → what its cells accept."""
    found = sheet(content).data_validations.dataValidation
    return {str(rule.sqref)[0]: rule for rule in found}


def bases(count: int) -> Iterator[dict[str, str]]:
    for n in range(count):
        yield {"account_no": f"0108{n:08d}", "person_name": "杨秀兰", "old_base": "5,390.00"}


def test_required_columns_are_red_with_a_star_and_others_are_not() -> None:
    made = template(Newcomers, texts())
    cells = {cell.value: cell.fill.fgColor.rgb for cell in sheet(made)[HEADING_ROW]}
    assert cells["*姓名"] == cells["*缴存基数(元)"] == RED
    assert cells["手机号码"] not in (RED, GREY)
    assert "红色带 * 的列必须填写" in sheet(made)["A2"].value


def test_computed_and_hidden_columns_are_not_asked_for() -> None:
    made = headings(template(Newcomers, texts(hidden=("mobile",))))
    assert "月缴存额" not in made
    assert "手机号码" not in made
    assert "*姓名" in made


def test_cells_that_nobody_has_filled_in_yet_are_text() -> None:
    page = sheet(template(Newcomers, texts()))
    formats = {page.column_dimensions[name].number_format for name in "ABEFGH"}
    assert formats == {"@"}


def test_a_blank_template_is_not_protected() -> None:
    assert not sheet(template(Newcomers, texts())).protection.sheet


def test_in_a_filled_roster_only_the_typed_column_can_be_changed() -> None:
    """QDN-02: no other column may be touched."""
    page = sheet(template(NewBases, texts(), rows=bases(3)))
    assert page.protection.sheet
    cells = page[FIRST_ROW]
    assert [cell.protection.locked for cell in cells] == [True, True, True, False]
    assert [cell.value or "" for cell in cells] == ["010800000000", "杨秀兰", "5,390.00", ""]
    below = page.column_dimensions["D"].protection
    assert below.locked, "nobody adds a row to the centre's roster"
    assert page[HEADING_ROW][0].fill.fgColor.rgb == GREY
    assert "灰色的列由中心填好、不能修改" in page["A2"].value


def test_a_centre_may_lock_a_column_of_its_own() -> None:
    made = template(Newcomers, texts(locked={"mobile": "由中心核对"}), rows=[PERSON])
    page = sheet(made)
    assert page.protection.sheet
    assert [cell.protection.locked for cell in page[FIRST_ROW]].count(True) == 1


def test_a_filled_roster_without_locked_columns_may_be_changed_freely() -> None:
    assert not sheet(template(Newcomers, texts(), rows=[PERSON])).protection.sheet


def test_codes_are_written_in_words_and_chosen_from_a_list() -> None:
    made = template(Newcomers, texts(), rows=[PERSON])
    page, found = sheet(made), rules(made)
    assert page[FIRST_ROW][1].value == "居民身份证"
    assert found["B"].formula1 == '"居民身份证,军官证,外国人永久居留身份证"'


def test_a_list_too_long_for_a_cell_stands_on_a_hidden_sheet() -> None:
    made = template(Newcomers, texts())
    assert rules(made)["H"].formula1 == f"{OPTIONS_SHEET}!$A$1:$A${len(TRADES)}"
    hidden = opened(made)[OPTIONS_SHEET]
    assert hidden.sheet_state == "veryHidden"
    assert [row[0].value for row in hidden.rows] == list(TRADES.values())


def test_the_cell_says_how_a_date_and_a_month_are_written() -> None:
    found = rules(template(Newcomers, texts()))
    assert "2026-07-01" in found["F"].prompt
    assert "2026-07 " in found["G"].prompt


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_becomes_a_formula(name: str) -> None:
    cell = sheet(template(Newcomers, texts(), rows=[PERSON | {"person_name": name}]))["A4"]
    assert cell.data_type == "s"
    assert cell.value.rstrip() == name.rstrip()


def test_characters_that_break_a_workbook_are_dropped() -> None:
    broken = PERSON | {"person_name": "杨\x00秀\x0b兰\ud800\uffff"}
    assert sheet(template(Newcomers, texts(), rows=[broken]))["A4"].value == "杨秀兰"


def test_the_sheet_is_set_up_for_paper() -> None:
    page = sheet(template(Newcomers, texts()))
    assert page.page_setup.paperSize == "9" or page.page_setup.paperSize == 9
    assert page.page_setup.orientation == "landscape"
    assert page.print_title_rows == f"${HEADING_ROW}:${HEADING_ROW}"
    assert page.freeze_panes == f"A{FIRST_ROW}"
    assert "第 &P 页" in page.oddFooter.right.text


@pytest.fixture
def session(sqlite_url: str) -> Iterator[Session]:
    with people.store(sqlite_url) as sessions, sessions() as opened_session:
        units.unit(opened_session)
        yield opened_session


def test_it_says_whose_it_is(session: Session) -> None:
    made = template(
        Newcomers,
        texts(name="职工开户"),
        key="open_accounts",
        center="qiandongnan",
        desk=rosters.desk(session),
    )
    assert sheet(made)["A1"].value == "职工开户　凯里市云谷文旅发展有限公司"
    hidden = opened(made)[MARKS_SHEET]
    assert hidden.sheet_state == "veryHidden"
    assert marks_of(hidden.values) == Marks(
        form="tests.Newcomers", service="open_accounts", center="qiandongnan", unit=ACCOUNT
    )


def test_spoilt_marks_are_no_marks() -> None:
    assert marks_of([("form", "x"), ("version", "²")]) is None
    assert marks_of([("version", "1")]) is None
    assert marks_of([()]) is None


def test_a_long_roster_is_taken_row_by_row() -> None:
    made = template(NewBases, texts(), rows=bases(3_000))
    book = openpyxl.load_workbook(io.BytesIO(made), read_only=True)
    rows = book.worksheets[0].iter_rows(min_row=FIRST_ROW, values_only=True)
    numbers = [row[0] for row in islice(rows, 3_001)]
    book.close()
    assert numbers == [row["account_no"] for row in bases(3_000)]
