"""The form of a record: what is drawn, what is refused, and what becomes the list of changes."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import BadDefinition, Problem
from forms import registry
from forms.base import Checked
from forms.declared import client_rules
from forms.units import UnitInfoChange
from handlers import centers
from handlers.centers import ServiceTexts
from tests.builders.units import RECORD, texts

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 7, 15)
ADDRESS = "凯里市清江大道 126 号云谷大厦 8 层"


def check(
    texts_: ServiceTexts | None = None,
    materials: dict[str, int] | None = None,
    current: dict[str, str] | None = None,
    **posted: Any,
) -> Checked:
    return UnitInfoChange.check(
        posted, current or RECORD, texts_, materials=materials or {}, today=TODAY
    )


def sentence(checked: Checked, field: str | None) -> str:
    found = [problem.text for problem in checked.problems if problem.field == field]
    assert len(found) == 1, checked.problems
    return found[0]


def is_chinese(text: str) -> bool:
    """No English word gets to a screen, whatever the value was."""
    return text.endswith("。") and not any(
        word in text.lower() for word in ("input", "should", "valid", "string", "error", "value")
    )


# ── the page ─────────────────────────────────────────────────────────────────────────────────


def test_groups_stand_in_the_order_of_the_page() -> None:
    groups = UnitInfoChange.groups(None)
    assert [group.title for group in groups] == [
        "单位基本信息",
        "法定代表人",
        "单位经办人",
        "缴存信息",
    ]
    assert [field.label for field in groups[3].fields] == [
        "发薪日",
        "受托银行",
        "缴存比例（单位 + 个人）",
        "开户日期",
    ]


def test_without_texts_only_what_belongs_to_other_businesses_is_locked() -> None:
    locked = {spec.name for spec in UnitInfoChange.bound(None) if spec.locked}
    assert locked == {
        "unit_account_no",
        "operator_name",
        "operator_id_no",
        "contribution_rates",
        "unit_opened_on",
    }


def test_a_centre_locks_with_its_own_reason_and_hides_fields() -> None:
    told = texts(locked={"unit_name": "请到柜台", "unit_rate": "请办调整"}, hidden=("unit_email",))
    specs = {spec.name: spec for spec in UnitInfoChange.bound(told)}
    assert specs["unit_name"].reason == "请到柜台"
    assert specs["contribution_rates"].reason == "请办调整"
    assert not specs["unit_address"].locked
    assert "unit_email" not in specs


def test_locked_personal_numbers_are_shown_masked_and_editable_ones_whole() -> None:
    specs = {spec.name: spec for spec in UnitInfoChange.bound(None)}
    assert specs["operator_id_no"].shown(RECORD["operator_id_no"]) == "522632********2213"
    assert specs["operator_mobile"].shown("13808556021") == "13808556021"


def test_an_input_leaves_room_for_the_blanks_of_a_pasted_number() -> None:
    rules = client_rules(UnitInfoChange.specs()["operator_mobile"])
    assert rules["inputmode"] == "numeric"
    assert rules["required"] is True
    assert int(rules["maxlength"]) >= len("+86 138 0855 6021")


@pytest.mark.parametrize("code", ["qiandongnan", "xizang"])
def test_every_name_in_a_centre_file_is_a_field(code: str) -> None:
    center = centers.load(ROOT, code)
    assert UnitInfoChange.misfits(center.services["unit_info_change"]) == []


def test_a_misspelt_lock_is_found() -> None:
    problems = UnitInfoChange.misfits(texts(locked={"unit_nmae": "请到柜台"}))
    assert [problem.field for problem in problems] == ["unit_nmae"]


def test_a_diagram_that_names_an_unknown_form_is_refused() -> None:
    assert registry.get("units.UnitInfoChange") is UnitInfoChange
    with pytest.raises(BadDefinition, match=r"units\.UnitInfoChange"):
        registry.get("os.system")


# ── changes ──────────────────────────────────────────────────────────────────────────────────


def test_changed_values_become_the_list_and_the_summary() -> None:
    checked = check(**RECORD | {"unit_address": ADDRESS, "pay_day": "10"})
    assert checked.problems == []
    assert [change.as_data() for change in checked.changes] == [
        {
            "field": "unit_address",
            "label": "单位地址",
            "old": "凯里市宁波路 18 号",
            "new": ADDRESS,
            "old_text": "凯里市宁波路 18 号",
            "new_text": ADDRESS,
        },
        {
            "field": "pay_day",
            "label": "发薪日",
            "old": "15",
            "new": "10",
            "old_text": "每月 15 日",
            "new_text": "每月 10 日",
        },
    ]
    assert checked.summary == "单位地址、发薪日 2 项变更"


def test_reviewers_read_personal_numbers_masked() -> None:
    checked = check(operator_mobile="139 0855 6022")
    (change,) = checked.changes
    assert (change.old, change.new) == ("13808556021", "13908556022")
    assert (change.old_text, change.new_text) == ("138****6021", "139****6022")
    read = {fact.name: fact.text for g in UnitInfoChange.facts(checked.values) for fact in g.facts}
    assert read["operator_mobile"] == "139****6022"
    assert read["legal_rep_id_no"] == "522601********3010"
    assert read["unit_industry"] == "文化、体育和娱乐业"
    assert read["unit_email"] == "（空）"


def test_values_kept_with_the_request_hold_no_locked_personal_number() -> None:
    checked = check(unit_address=ADDRESS)
    assert checked.values["operator_id_no"] == "522632********2213"


def test_the_same_value_in_another_shape_is_no_change() -> None:
    checked = check(
        operator_mobile="+86 138-0855-6021", unit_postcode="５５６０００", pay_day="015"
    )
    assert checked.changes == []
    assert [problem.code for problem in checked.problems] == ["form.no_change"]


def test_nothing_changed_is_said_in_the_words_of_the_page() -> None:
    assert sentence(check(**RECORD), None) == "没有修改任何项目，请先修改需要变更的内容。"


def test_a_masked_echo_of_an_editable_number_is_no_change() -> None:
    checked = check(operator_mobile="138****6021", unit_address=ADDRESS)
    assert [change.field for change in checked.changes] == ["unit_address"]


def test_an_optional_value_may_be_emptied_and_a_required_one_may_not() -> None:
    assert check(unit_postcode=" ").changes[0].new_text == "（空）"
    assert check(pay_day="").changes[0].new == ""
    assert sentence(check(unit_address="　\u200b"), "unit_address") == "请填写单位地址。"
    assert sentence(check(operator_mobile=""), "operator_mobile") == "请填写经办人手机号码。"


def test_an_old_slip_in_an_untouched_value_does_not_stop_another_change() -> None:
    current = RECORD | {"unit_postcode": "5560", "legal_rep_id_no": "522601700315301"}
    checked = check(current=current, **current | {"unit_address": ADDRESS})
    assert checked.problems == []


def test_a_required_value_that_the_record_lacks_is_asked_for() -> None:
    checked = check(current=RECORD | {"operator_mobile": ""}, unit_address=ADDRESS)
    assert sentence(checked, "operator_mobile") == "请填写经办人手机号码。"


def test_a_new_kind_of_document_judges_its_number_again() -> None:
    checked = check(
        current=RECORD | {"legal_rep_id_type": "03", "legal_rep_id_no": "E12345678"},
        legal_rep_id_type="01",
    )
    assert "少 9 位" in sentence(checked, "legal_rep_id_no")
    assert check(legal_rep_id_type="03", legal_rep_id_no="e12345678").changes[1].new == "E12345678"


# ── locks ────────────────────────────────────────────────────────────────────────────────────


def test_a_locked_field_posted_by_hand_is_refused_with_the_reason() -> None:
    told = texts(locked={"unit_name": "登记时已核定，需到柜台办理。"})
    checked = check(told, unit_name="凯里市另一家公司", unit_address=ADDRESS)
    expected = "单位名称不能在网上修改：登记时已核定，需到柜台办理。"
    assert sentence(checked, "unit_name") == expected
    assert [change.field for change in checked.changes] == ["unit_address"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("unit_account_no", "020810000000"),
        ("contribution_rates", "12% + 12%"),
        ("unit_opened_on", "2015-01-01"),
        ("operator_name", "王五"),
        ("operator_id_no", "522632199002022220"),
        ("operator_id_no", ""),
        ("operator_id_no", {"x": 1}),
        ("operator_id_no", None),
    ],
)
def test_what_belongs_to_other_businesses_is_never_changed_here(field: str, value: Any) -> None:
    checked = check(**{field: value})
    assert "不能在网上修改" in sentence(checked, field)
    assert checked.changes == []


def test_a_locked_value_may_come_back_as_it_was_shown() -> None:
    told = texts(locked={"uscc": "请到柜台", "unit_economic_type": "请到柜台"})
    checked = check(
        told,
        uscc="91522601MA********",
        unit_economic_type="有限责任公司",
        operator_id_no="522632********2213",
        unit_address=ADDRESS,
    )
    assert checked.problems == []


def test_a_hidden_field_cannot_be_posted() -> None:
    told = texts(hidden=("unit_email",))
    assert "不能在网上修改" in sentence(check(told, unit_email="a@b.cn"), "unit_email")
    assert "unit_email" not in check(told, unit_address=ADDRESS).values


def test_fields_of_the_frame_are_ignored_and_strangers_refused() -> None:
    frame = {"csrf_token": "x", "action": "submit", "token": "t", "opinion": "", "_method": "post"}
    assert check(unit_address=ADDRESS, **frame).problems == []
    checked = check(unit_address=ADDRESS, unit_balance="1")
    assert sentence(checked, None) == (
        "页面提交了本业务没有的项目“unit_balance”，请刷新页面后重新填写。"
    )
    hostile = check(unit_address=ADDRESS, **{"<script>\ud800": "1"})
    assert "script" not in sentence(hostile, None)


# ── materials ────────────────────────────────────────────────────────────────────────────────

LICENCE = {"id": "licence", "name": "营业执照", "required": True, "when": ("unit_address",)}
OTHER = {"id": "other", "name": "其他材料", "max_files": 2}


def test_a_material_is_asked_for_only_when_the_change_needs_it() -> None:
    told = texts(materials=(LICENCE, OTHER))
    checked = check(told, unit_address=ADDRESS)
    assert sentence(checked, "materials.licence") == "请上传“营业执照”。"
    assert check(told, unit_address=ADDRESS, materials={"licence": 1}).problems == []
    assert check(told, pay_day="10").problems == []


def test_too_many_files_are_counted() -> None:
    told = texts(materials=(LICENCE, OTHER))
    checked = check(told, pay_day="10", materials={"other": 3})
    assert "最多上传 2 个文件" in sentence(checked, "materials.other")


# ── hostile input ────────────────────────────────────────────────────────────────────────────

EDITABLE = [spec.name for spec in UnitInfoChange.bound(None) if not spec.locked]
HOSTILE = {
    "null byte": "凯里市\x00宁波路 18 号",
    "control": "凯里市\x1b[31m宁波路",
    "emoji": "凯里市😀宁波路",
    "heart": "凯里市❤️宁波路",
    "surrogate": "凯里市\ud800宁波路",
    "private use": "凯里市\ue000宁波路",
    "megabyte": "凯" * 1_000_000,
    "megabyte of digits": "9" * 1_000_000,
    "dict": {"a": {"b": 1}},
    "list": ["x"],
    "int": 10,
    "float": 1.5,
    "bool": True,
    "none": None,
    "bytes": b"abc",
}


@pytest.mark.parametrize("field", EDITABLE)
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_values_get_one_chinese_sentence_at_their_field(field: str, value: Any) -> None:
    checked = check(**{field: value})
    text = sentence(checked, field)
    assert is_chinese(text), text
    assert len(text) < 100
    text.encode()
    assert checked.changes == []


def test_direction_marks_and_zero_width_spaces_are_dropped() -> None:
    (change,) = check(unit_address="\u202e凯里市\u200b清江大道\u200f 126\ufeff 号").changes
    assert change.new == "凯里市清江大道 126 号"


def test_markup_in_an_address_is_kept_as_text_for_the_page_to_escape() -> None:
    (change,) = check(unit_address="<b>清江大道</b> 126 号").changes
    assert change.new == "<b>清江大道</b> 126 号"


@pytest.mark.parametrize("name", ["王𰻝", "旦增·央吉", "བསྟན་འཛིན", "O'Neil Mary-Ann"])
def test_rare_and_tibetan_names_are_accepted(name: str) -> None:
    (change,) = check(legal_rep_name=name).changes
    assert change.new == name


POSTED = st.one_of(st.none(), st.integers(), st.text(st.characters()), st.lists(st.text()))


# The first text of all characters takes a while to build; that is no fault of the code.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from([*RECORD, "csrf_token", "x"]), POSTED))
def test_whatever_is_posted_the_answer_is_values_and_sentences(posted: dict[str, Any]) -> None:
    checked = UnitInfoChange.check(posted, RECORD, None, today=TODAY)
    assert checked.ok or all(is_chinese(problem.text) for problem in checked.problems)
    for change in checked.changes:
        assert change.old == RECORD[change.field] != change.new
        again = UnitInfoChange.check({change.field: change.new}, RECORD, None, today=TODAY)
        assert [c.new for c in again.changes if c.field == change.field] == [change.new]


def test_a_problem_is_a_value_not_an_exception() -> None:
    assert all(isinstance(problem, Problem) for problem in check(pay_day="32").problems)
