"""清册: the page of a roster service, as somebody without scripts meets it."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.builders import members, rosterservices
from tests.builders.rosterservices import IDS, PAGE, Hired, person
from tests.webapp.hall import Hall, post
from tests.webapp.rostersteps import (
    enter,
    fill,
    look_up,
    press,
    rows_of,
    submit,
    token_of,
    with_a_fault,
)
from tests.webapp.steps import upload


@pytest.fixture
def store() -> str:
    """What pages show does not depend on the store; test_roster_editing.py walks both."""
    return "sqlite"


@pytest.fixture(autouse=True)
def service(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    rosterservices.install(app, monkeypatch)


# ── what is there ──────────────────────────────────────────────────────────────────────────────


def test_an_empty_roster_says_how_rows_get_in(operator: FlaskClient) -> None:
    page = operator.get(PAGE).text
    assert "清册里还没有数据" in page
    assert "单笔录入" in page
    assert "批量导入" in page
    assert re.search(r"<button[^>]*ask-all[^>]* disabled", page)


def test_a_row_that_is_right_joins_the_roster_with_what_was_computed(operator: FlaskClient) -> None:
    fill(operator, "龙德昌")
    page = operator.get(PAGE).text
    (row,) = rows_of(page).values()
    assert "龙德昌" in row
    assert "862.40" in row, "8% of both sides of 5,390.00"
    assert "合格" in row
    assert IDS[0] not in page, "a number on record is masked"
    assert "522632********2210" in row


def test_a_row_that_is_wrong_stays_in_the_form_with_a_sentence(operator: FlaskClient) -> None:
    answer = enter(operator, person_name="龙德昌", id_no="52263219900202221X")
    assert answer.status_code == 422
    assert "校验码不符" in answer.text
    assert 'value="龙德昌"' in answer.text
    assert "清册里还没有数据" in answer.text, "nothing wrong gets in by the form"


def test_the_business_refuses_beside_the_field(operator: FlaskClient) -> None:
    answer = enter(operator, person_name="龙德昌", id_no=IDS[0], contribution_base="1800")
    assert answer.status_code == 422
    assert re.search(r'id="e-contribution_base">低于下限 2,000.00 元', answer.text)


def test_the_same_person_twice_is_refused_and_both_rows_are_named(operator: FlaskClient) -> None:
    fill(operator, "龙德昌")
    answer = enter(operator, person_name="龙德昌", id_no=IDS[0])
    assert answer.status_code == 422
    assert "与第 1 行的证件号码相同" in answer.text


def test_saving_and_going_on_opens_an_empty_form_again(operator: FlaskClient) -> None:
    answer = press(operator, "enter:more", **person(person_name="龙德昌", id_no=IDS[0]))
    assert answer.status_code == 303
    page = operator.get(answer.location).text
    typed = re.search(r'<input[^>]*name="person_name"[^>]*>', page)
    assert typed
    assert "龙德昌" not in typed[0]


def test_a_row_is_changed_in_the_entry_form_without_its_number_being_typed_again(
    operator: FlaskClient,
) -> None:
    fill(operator, "龙德昌")
    page = operator.get(f"{PAGE}?edit=1").text
    assert 'value="522632********2210"' in page
    shown = person(person_name="龙德昌", id_no="522632********2210", contribution_base="6,000.00")
    answer = post(operator, PAGE, {"action": "enter", "seq": "1", **shown})
    assert answer.status_code == 303, answer.text
    assert "960.00" in rows_of(operator.get(PAGE).text)[1]


def test_a_gate_of_the_business_is_said_before_anybody_types(
    operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(operator, "龙德昌")
    monkeypatch.setattr(Hired, "shut", True)
    assert "每月 25 日后不能开户" in operator.get(PAGE).text
    answer = submit(operator)
    assert answer.status_code == 422
    assert "每月 25 日后不能开户" in answer.text


# ── choices, 名册, paste ───────────────────────────────────────────────────────────────────────


def test_another_choice_for_the_whole_roster_judges_its_rows_anew(operator: FlaskClient) -> None:
    fill(operator, "龙德昌")
    answer = press(operator, "choose", **{"choice:rate": "10"})
    assert answer.status_code == 303
    assert "1,078.00" in rows_of(operator.get(PAGE).text)[1]


def test_a_choice_nobody_offers_is_refused(operator: FlaskClient) -> None:
    answer = press(operator, "choose", **{"choice:rate": "99"})
    assert answer.status_code == 422
    assert "请从列表中选择一项" in answer.text


def test_what_has_to_be_chosen_is_asked_for_before_anything_is_filed(operator: FlaskClient) -> None:
    fill(operator, "龙德昌")
    answer = press(operator, "submit:all")
    assert answer.status_code == 422
    assert "请先选择缴存比例" in answer.text


def test_the_units_own_list_is_loaded_once(operator: FlaskClient) -> None:
    for _ in range(2):
        assert press(operator, "load").status_code == 303
    names = re.findall("龙德昌|吴佳琪", "".join(rows_of(operator.get(PAGE).text).values()))
    assert sorted(set(names)) == ["吴佳琪", "龙德昌"]
    assert len(rows_of(operator.get(PAGE).text)) == 2


def test_cells_pasted_into_the_box_become_rows_with_verdicts(operator: FlaskClient) -> None:
    lines = [f"龙德昌\t01\t{IDS[0]}\t\t5390", f"吴佳琪\t01\t{IDS[1]}\t\t1800"]
    answer = press(operator, "paste", cells="\n".join(lines))
    assert answer.status_code == 303, answer.text
    page = operator.get(PAGE).text
    assert "粘贴了 2 行，合格 1 行，有误 1 行" in page
    assert "缴存基数(元)：低于下限 2,000.00 元" in rows_of(page)[2]


def test_a_line_of_headings_says_which_column_is_which(operator: FlaskClient) -> None:
    pasted = f"证件号码\t姓名\t证件类型\t备注\t缴存基数(元)\n{IDS[0]}\t龙德昌\t居民身份证\t新\t5390"
    press(operator, "paste", cells=pasted)
    assert "862.40" in rows_of(operator.get(PAGE).text)[1]


def test_too_long_a_paste_gets_a_sentence(operator: FlaskClient) -> None:
    answer = press(operator, "paste", cells="甲\n" * 2_001)
    assert answer.status_code == 422
    assert "粘贴了 2,001 行，一次最多 2,000 行" in answer.text


# ── filter, delete, undo ───────────────────────────────────────────────────────────────────────


def test_the_filter_shows_faulty_rows_alone_with_their_count(operator: FlaskClient) -> None:
    with_a_fault(operator)
    page = operator.get(f"{PAGE}?state=faulty").text
    assert list(rows_of(page)) == [2]
    assert re.search(r'有误 <span class="h-n" data-count="faulty">1<', page)


def test_a_faulty_cell_shows_what_was_typed_so_that_it_can_be_mended(operator: FlaskClient) -> None:
    press(operator, "paste", cells="龙德昌\t01\t52263219900202221X\t\t5390")
    assert "52263219900202221X" in rows_of(operator.get(PAGE).text)[1]


def test_ticked_rows_are_deleted_and_brought_back(operator: FlaskClient) -> None:
    fill(operator, "龙德昌", "吴佳琪")
    answer = press(operator, "delete", seq=["1"])
    page = operator.get(answer.location).text
    assert "已删除 1 行" in page
    undo = re.search(r'action="([^"]+/undo)"', page)
    assert undo
    assert list(rows_of(page)) == [2]
    post(operator, undo[1])
    page = operator.get(PAGE).text
    assert "龙德昌" in rows_of(page)[3]
    assert post(operator, undo[1]).status_code == 303
    assert len(rows_of(operator.get(PAGE).text)) == 2, "the second press brings nothing more"


def test_deleting_without_a_tick_asks_for_one(operator: FlaskClient) -> None:
    fill(operator, "龙德昌")
    answer = press(operator, "delete")
    assert answer.status_code == 422
    assert "请先勾选要办理的行" in answer.text


def test_the_twin_of_a_deleted_row_is_right_again(operator: FlaskClient) -> None:
    line = f"龙德昌\t01\t{IDS[0]}\t\t5390"
    press(operator, "paste", cells=f"{line}\n{line}")
    assert "is-bad" in rows_of(operator.get(PAGE).text)[2]
    press(operator, "delete", seq=["1"])
    assert "is-bad" not in rows_of(operator.get(PAGE).text)[2]


def test_all_faulty_rows_go_at_once_and_so_does_everything(operator: FlaskClient) -> None:
    with_a_fault(operator)
    press(operator, "delete:faulty")
    assert list(rows_of(operator.get(PAGE).text)) == [1]
    press(operator, "delete:all")
    assert "清册里还没有数据" in operator.get(PAGE).text


def test_a_long_roster_is_paged(operator: FlaskClient) -> None:
    press(operator, "paste", cells="\n".join(f"职工{n}\t01\t{n}\t\t5390" for n in range(60)))
    page = operator.get(PAGE).text
    assert len(rows_of(page)) == 50
    following = re.search(r'href="([^"]+)" rel="next"', page)
    assert following
    assert min(rows_of(operator.get(following[1].replace("&amp;", "&")).text)) == 51


# ── 提交 ───────────────────────────────────────────────────────────────────────────────────────


def test_filing_everything_takes_the_sound_rows_and_says_so(operator: FlaskClient) -> None:
    with_a_fault(operator)
    page = operator.get(PAGE).text
    assert re.search(r"共 <b><span[^>]*>1</span> 名</b>，月缴存额合计 .*?862\.40", page)
    answer = submit(operator)
    assert answer.status_code == 303, answer.text
    request = operator.get(answer.location).text
    assert "开户清册已提交" in request
    assert "成功 1 名" in request
    assert "862.40" in request
    assert list(rows_of(operator.get(PAGE).text)) == [2], "what is faulty stays"


def test_filing_ticked_rows_leaves_the_others(operator: FlaskClient) -> None:
    fill(operator, "龙德昌", "吴佳琪")
    answer = submit(operator, "submit", seq=["2"])
    assert answer.status_code == 303
    assert "吴佳琪" in operator.get(answer.location).text
    assert list(rows_of(operator.get(PAGE).text)) == [1]


def test_a_faulty_row_that_is_ticked_is_not_filed(operator: FlaskClient) -> None:
    with_a_fault(operator)
    answer = submit(operator, "submit", seq=["1", "2"])
    assert answer.status_code == 422
    assert "校验未通过" in answer.text


def test_a_double_click_is_one_request(operator: FlaskClient) -> None:
    fill(operator, "龙德昌")
    press(operator, "choose", **{"choice:rate": "8"})
    token = token_of(operator.get(PAGE).text)
    first, second = (press(operator, "submit:all", token=token) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.location == second.location


def test_nothing_to_file_is_a_sentence(operator: FlaskClient) -> None:
    answer = submit(operator)
    assert answer.status_code == 422
    assert "没有可以提交的数据" in answer.text


def test_a_material_the_centre_asks_for_has_to_be_there(
    app: Flask, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rosterservices.offer(
        app.extensions["hall"].center, monkeypatch, materials=(rosterservices.slot(),)
    )
    fill(operator, "龙德昌")
    assert "请上传“盖章名册”" in submit(operator).text
    assert upload(operator, "list", path=f"{PAGE}/materials").status_code == 200
    answer = submit(operator)
    assert answer.status_code == 303, answer.text
    assert "盖章名册" in operator.get(answer.location).text


# ── who ────────────────────────────────────────────────────────────────────────────────────────


def test_two_operators_of_a_unit_share_one_roster(operator: FlaskClient, hall: Hall) -> None:
    fill(operator, "龙德昌")
    assert "龙德昌" in hall.signed_in("colleague").get(PAGE).text


def test_another_unit_has_its_own(operator: FlaskClient, stranger: FlaskClient) -> None:
    fill(operator, "龙德昌")
    assert "龙德昌" not in stranger.get(PAGE).text
    assert stranger.get(f"{PAGE}/roster.xlsx").status_code == 200
    assert post(stranger, f"{PAGE}", {"action": "delete", "seq": "1"}).status_code == 303
    assert "龙德昌" in operator.get(PAGE).text, "a number of a row reaches one's own roster only"


def test_staff_do_not_file_for_units(reviewer: FlaskClient) -> None:
    assert reviewer.get(PAGE).status_code == 403
    assert reviewer.get(f"{PAGE}/roster.xlsx").status_code == 403
    assert look_up(reviewer, PAGE, "龙").status_code == 403


def test_html_in_a_name_stays_text(operator: FlaskClient) -> None:
    press(operator, "paste", cells=f"<img src=x>\t01\t{IDS[0]}\t\t5390")
    page = operator.get(PAGE).text
    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page


def test_the_units_own_people_are_found_by_name_account_or_document(
    operator: FlaskClient, stranger: FlaskClient, hall: Hall
) -> None:
    number = members.in_hall(hall, 901)
    name, paper = members.name_of(901), members.resident_id(901)

    def found(client: FlaskClient, asked: str) -> list[dict[str, str]]:
        answer = look_up(client, "/services/seal_accounts", asked)
        people: list[dict[str, str]] = answer.get_json()["people"]
        return people

    for asked in (name, name[1:], number, number[:6], paper):
        (one,) = [each for each in found(operator, asked) if each["account"] == number]
        assert one["name"] == name
        assert paper not in str(one), "masked"
        assert one["status"] == "正常"
    sealed = look_up(operator, "/services/unseal_accounts", number)
    assert sealed.get_json() == {"people": []}, "nobody is offered who cannot be unsealed"
    assert found(operator, paper[:10]) == [], "part of a number finds nobody"
    assert found(operator, "%") == found(operator, "") == []
    assert found(stranger, name) == []
