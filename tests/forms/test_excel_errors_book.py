"""The error file: the same sheet, the faulty cells red, and words that say why."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from engine.errors import Problem
from forms.excel import sheets
from forms.excel.errors_book import errors_book
from forms.excel.marks import ERRORS_HEADING, FIRST_ROW, HEADING_ROW
from handlers.rosters.store import Line
from tests.builders.rosters import PERSON, NewBases, Newcomers
from tests.builders.units import texts

PINK = "FFFBD9D5"
WRONG = Problem("id.check", "最后一位校验码不对，请核对。", "id_no")
TWICE = Problem("rosters.twice", "与第 3 行重复，请删除其中一行。")
SOUND = Line(values=PERSON)
FAULTY = Line(values=PERSON | {"id_no": "522632199002022214"}, problems=[WRONG, TWICE])


def made(*lines: Line, form: Any = Newcomers, **named: Any) -> Any:
    out = io.BytesIO()
    errors_book(form, texts(), lines, out, **named)
    return openpyxl.load_workbook(out).worksheets[0]


def column(page: Any, label: str) -> int:
    return [cell.value for cell in page[HEADING_ROW]].index(label)


def test_only_faulty_rows_are_in_it_unless_all_are_asked_for() -> None:
    assert made(SOUND, FAULTY, SOUND).max_row == FIRST_ROW
    assert made(SOUND, FAULTY, SOUND, everything=True).max_row == FIRST_ROW + 2


def test_it_counts_what_it_writes() -> None:
    assert errors_book(Newcomers, texts(), [SOUND, FAULTY], io.BytesIO()) == 1


def test_the_last_column_says_everything_that_is_wrong_with_the_row() -> None:
    page = made(FAULTY)
    assert page[HEADING_ROW][-1].value == ERRORS_HEADING
    said = page[FIRST_ROW][-1]
    assert said.value == ("证件号码：最后一位校验码不对，请核对；与第 3 行重复，请删除其中一行。")
    assert said.font.color.rgb == "FFC00000"


def test_the_faulty_cell_is_red_and_carries_a_note() -> None:
    page = made(FAULTY)
    place = column(page, "*证件号码")
    cells = page[FIRST_ROW]
    assert cells[place].fill.fgColor.rgb == PINK
    assert cells[place].comment.text == WRONG.text
    assert [cell.fill.fgColor.rgb for cell in cells].count(PINK) == 1
    assert sum(cell.comment is not None for cell in cells) == 1


def test_notes_end_at_a_limit_and_the_red_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "NOTES_MAX", 2)
    page = made(*[FAULTY] * 4)
    place = column(page, "*证件号码")
    cells = [page[FIRST_ROW + n][place] for n in range(4)]
    assert [cell.comment is not None for cell in cells] == [True, True, False, False]
    assert {cell.fill.fgColor.rgb for cell in cells} == {PINK}


def test_a_sentence_that_names_its_column_is_not_prefixed() -> None:
    named = Problem("form.missing", "请填写姓名。", "person_name")
    page = made(Line(values=PERSON | {"person_name": ""}, problems=[named]))
    assert page[FIRST_ROW][-1].value == "请填写姓名。"


def test_a_row_refused_when_it_was_applied_is_in_it_with_the_reason() -> None:
    page = made(Line(values=PERSON, state="failed", result="该职工已在其他单位开户。"))
    assert page[FIRST_ROW][-1].value == "该职工已在其他单位开户。"


def test_what_the_centre_filled_in_stays_locked() -> None:
    row = {"account_no": "010800000001", "person_name": "杨秀兰", "old_base": "5,390.00"}
    missing = Problem("form.missing", "请填写调整后基数。", "new_base")
    page = made(Line(values=row, problems=[missing]), form=NewBases)
    assert page.protection.sheet
    locked = [cell.protection.locked for cell in page[FIRST_ROW]]
    assert locked == [True, True, True, False, False]


def test_a_stream_that_breaks_leaves_nothing_half_written() -> None:
    def rows() -> Any:
        yield FAULTY
        raise RuntimeError("the database is gone")

    out = io.BytesIO()
    with pytest.raises(RuntimeError):
        errors_book(Newcomers, texts(), rows(), out)
    assert out.getvalue() == b""
