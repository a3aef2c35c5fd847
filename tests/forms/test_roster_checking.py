"""Rows are judged alike wherever they come from, and every verdict is a sentence one can act on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Problem
from forms.excel import reading
from forms.excel.templates import template
from forms.rosters import checking
from forms.rosters.base import Row
from forms.rosters.checking import CellCheck
from handlers.amounts import money_text
from handlers.identifiers import resident_check_digit
from tests.builders import rosters
from tests.builders.rosters import PERSON, TRADES, NewBases, Newcomers
from tests.builders.sheets import Wages
from tests.builders.units import texts

TODAY = date(2026, 7, 15)
ID = "11010519491231002X"
GOOD = PERSON | {"id_no": ID}
DESK: Any = rosters.desk(None)  # type: ignore[arg-type]


def row(seq: int = 1, **typed: str) -> Row:
    return Row(seq=seq, texts=GOOD | typed)


def checked(*rows: Row, form: Any = Newcomers, **more: Any) -> Sequence[Row]:
    checking.check(DESK, form, rows, **more)
    return rows


def sentences(one: Row, form: Any = Newcomers) -> list[str]:
    return [checking.sentence(one, problem, form.columns()) for problem in one.problems]


def test_a_good_row_has_canonical_values_and_no_problem() -> None:
    typed = {"id_no": " 110105 19491231 002x", "contribution_base": "5390"}
    (one,) = checked(row(**typed, id_type="居民身份证"))
    assert one.sound
    assert one.values == GOOD | {"contribution_base": "5,390.00", "id_type": "01"}
    assert one.subject == ID


def test_every_wrong_cell_is_a_sentence_with_row_column_what_is_and_what_should_be() -> None:
    (one,) = checked(row(12, id_no="1101051949123100", mobile="23800000000", person_name=""))
    assert sentences(one) == [
        "第 12 行“姓名”：请填写姓名。",
        "第 12 行“证件号码”：现在是“1101051949123100”，少 2 位，请填写 18 位居民身份证号码。",
        "第 12 行“手机号码”：现在是“23800000000”，手机号码以 13 至 19 开头，请核对前两位。",
    ]


def test_a_select_is_told_what_it_may_be() -> None:
    (one,) = checked(row(id_type="护照", trade=""))
    assert sentences(one) == [
        "第 1 行“证件类型”：现在是“护照”，应为居民身份证、军官证、外国人永久居留身份证中的一项，"
        "请从下拉列表中选择。"
    ]


@pytest.mark.parametrize(
    "typed",
    ["01", "1", "居民身份证", " 居民 身份证", "01-居民身份证", "居民身份证(01)", "01 居民身份证"],
)
def test_an_option_is_understood_as_code_and_as_words(typed: str) -> None:
    assert checked(row(id_type=typed))[0].values["id_type"] == "01"


def test_a_wrong_cell_keeps_what_was_typed_in_the_stored_line() -> None:
    (one,) = checked(row(mobile="138 0855", contribution_base="5390"))
    line = checking.to_line(one)
    assert (line.values["mobile"], line.values["contribution_base"]) == ("138 0855", "5,390.00")
    assert [problem.field for problem in line.problems] == ["mobile"]
    assert checking.sentence(line, line.problems[0], Newcomers.columns()).startswith(
        "第 0 行“手机号码”：现在是“138 0855”，"
    )


def test_a_line_checked_again_is_the_same_line() -> None:
    line = checking.to_line(checked(row(mobile="138", contribution_base="5390"))[0])
    again = checking.to_line(checked(Row(seq=1, texts=dict(line.values)))[0])
    assert again == line


def test_an_optional_cell_may_be_empty() -> None:
    (one,) = checked(row(mobile="", opened_on=" ", trade="\u200b"))
    assert one.sound
    assert (one.values["mobile"], one.values["opened_on"], one.values["trade"]) == ("", "", "")


def test_text_that_is_too_long_is_refused_before_it_is_looked_at() -> None:
    (one,) = checked(row(mobile="1" * 5_000))
    assert one.problems[0].code == "text.too_long"
    assert len(sentences(one)[0]) < 120


def test_what_was_typed_into_a_computed_column_is_forgotten() -> None:
    (one,) = checked(row(monthly_amount="1"))
    assert "monthly_amount" not in checking.to_line(one).values


def test_what_the_reader_could_not_read_is_not_called_missing_as_well() -> None:
    one = Row(seq=3, texts=GOOD | {"id_no": "#N/A"})
    one.refuse("cell.error", "现在是公式错误“#N/A”，请改成实际内容。", "id_no")
    checked(one)
    assert sentences(one) == ["第 3 行“证件号码”：现在是公式错误“#N/A”，请改成实际内容。"]


# ── twice ──────────────────────────────────────────────────────────────────────────────────────


def test_of_two_equal_rows_the_later_one_is_refused_and_names_both() -> None:
    first, second = checked(row(1), row(2, id_no=ID.lower()))
    assert first.sound
    assert sentences(second) == [
        f"第 2 行“证件号码”：现在是“{ID.lower()}”，与第 1 行的证件号码相同，同一职工只能有一行，"
        "请删去其中一行。"
    ]


def test_a_row_the_roster_holds_already_is_named() -> None:
    asked: list[Any] = []

    def taken(subjects: Any) -> dict[str, int]:
        asked.extend(subjects)
        return {ID: 7}

    (one,) = checked(row(9), taken=taken)
    assert asked == [ID]
    assert "与第 7 行的证件号码相同" in one.problems[0].text
    assert checked(row(9), taken={ID: 7})[0].problems == one.problems


def test_a_row_is_no_double_of_itself() -> None:
    assert checked(row(7), taken={ID: 7})[0].sound


def test_rows_without_a_key_are_not_equal() -> None:
    first, second = checked(row(1, id_no=""), row(2, id_no=""))
    assert [one.code for one in (*first.problems, *second.problems)] == ["form.missing"] * 2


def test_a_form_that_sets_no_subject_is_given_a_keyed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Newcomers, "judge", classmethod(lambda *_: None))
    first, second = checked(row(1), row(2))
    assert first.subject == second.subject != ""
    assert ID not in first.subject
    assert not second.sound


# ── locked columns ─────────────────────────────────────────────────────────────────────────────

GIVEN = {
    ("0108000001",): {"account_no": "0108000001", "person_name": "杨秀兰", "old_base": "5,390.00"}
}


def based(**typed: str) -> Row:
    texts_ = {"account_no": "0108000001", "person_name": "杨秀兰", "new_base": "6000"} | typed
    one = Row(seq=4, texts=texts_)
    cells = CellCheck(NewBases, texts(), today=TODAY, given=GIVEN)
    checking.check(DESK, NewBases, [one], cells_by=cells)
    return one


def test_a_locked_cell_left_empty_is_filled_in() -> None:
    one = based(person_name="", old_base="")
    assert one.sound
    assert (one.values["person_name"], one.values["old_base"]) == ("杨秀兰", "5,390.00")


def test_a_locked_cell_may_come_back_in_another_shape() -> None:
    assert based(old_base="￥5390").sound


def test_a_locked_cell_that_was_changed_is_refused() -> None:
    assert sentences(based(old_base="4000"), NewBases) == [
        "第 4 行“调整前基数”：现在是“4000”，这一列由中心填好，不能修改，应为“5,390.00”，"
        "请改回或重新下载模板。"
    ]


def test_given_rows_are_read_from_the_centre_only_for_forms_with_locked_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(NewBases, "prefill", classmethod(lambda *_: iter(GIVEN.values())))
    assert checking.given_rows(DESK, NewBases) == GIVEN
    assert checking.given_rows(DESK, Newcomers) is None


# ── what the template writes, read back ────────────────────────────────────────────────────────


@st.composite
def people(draw: st.DrawFn) -> dict[str, str]:
    born = date(1950, 1, 1) + timedelta(days=draw(st.integers(0, 20_000)))
    first17 = f"522601{born:%Y%m%d}{draw(st.integers(0, 999)):03d}"
    month = draw(st.integers(1, 12))
    return {
        "person_name": draw(st.text("杨秀兰·ABc", min_size=2, max_size=6).map(lambda t: "龙" + t)),
        "id_type": draw(st.sampled_from(sorted(rosters.ID_TYPES))),
        "id_no": first17 + resident_check_digit(first17),
        "mobile": draw(st.sampled_from(["", "13808556021", "19900000000"])),
        "contribution_base": money_text(draw(st.integers(0, 10**12))),
        "opened_on": draw(st.dates(date(1990, 1, 1), TODAY).map(date.isoformat) | st.just("")),
        "first_month": f"{draw(st.integers(1999, 2099))}-{month:02d}",
        "trade": draw(st.sampled_from(["", *TRADES])),
    }


@settings(max_examples=12, deadline=None)
@given(st.lists(people(), min_size=1, max_size=8, unique_by=lambda one: one["id_no"]))
def test_what_the_template_writes_is_read_back_equal(rows: list[dict[str, str]]) -> None:
    content = template(Newcomers, texts(), rows=rows)
    with reading.read(content, Newcomers.columns()) as sheet:
        back = [Row(seq=at, texts=found.texts) for at, found in enumerate(sheet.rows, start=1)]
    checked(*back)
    assert [one.problems for one in back] == [[] for _ in rows]
    assert [one.values for one in back] == rows


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(Wages.model_fields)), st.text(max_size=60)))
def test_whatever_is_typed_has_a_verdict_in_words(typed: dict[str, str]) -> None:
    one = Row(seq=1, texts=dict(typed))
    checking.check_cells(Wages, texts(), [one], today=TODAY)
    for problem in one.problems:
        assert isinstance(problem, Problem)
        assert checking.sentence(one, problem, Wages.columns()).endswith("。")
    assert set(one.values) | {problem.field for problem in one.problems} == set(Wages.model_fields)
