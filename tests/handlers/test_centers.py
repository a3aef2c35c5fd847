"""center.toml: the centres we ship are right, and every mistake is one sentence that helps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from forms import registry
from handlers import centers
from handlers.centers import CenterError
from tests.builders.profiles import product

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("qiandongnan", "xizang")
ALL = ("dazhou", "xizang", "shaanxi", "chuxiong", "qiandongnan")
QIANDONGNAN = (ROOT / "bpmn/centers/qiandongnan/center.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", ALL)
def test_a_shipped_centre_has_its_branches_and_services_each_once(code: str) -> None:
    center = centers.load(ROOT, code)
    assert 3 <= len(center.branches) <= 8
    assert all(branch.code.startswith(center.prefix) for branch in center.branches)
    offered = [key for group in center.menu for key in group.services]
    assert "unit_info_change" in offered
    assert len(offered) == len(set(offered))


@pytest.mark.parametrize("code", ALL)
def test_units_and_staff_may_enter_and_the_closed_doors_say_what_to_do(code: str) -> None:
    center = centers.load(ROOT, code)
    assert [door.id for door in center.doors if door.open] == ["unit", "staff"]
    for door in center.doors:
        if not door.open:
            assert "开放时间另行通知" in door.closed_text
            assert "管理部" in door.closed_text


def test_qiandongnan_speaks_the_words_of_its_manual() -> None:
    center = centers.load(ROOT, "qiandongnan")
    texts = center.services["unit_info_change"]
    assert center.name == "黔东南州住房公积金管理中心"
    assert (texts.name, texts.submit_label) == ("单位信息变更", "提交审核")
    assert texts.submitted_toast == "已提交至中心审核"
    assert texts.in_flight_text == "存在未审批完成的单位信息变更业务"
    done = center.notices["unit_info_change"]["completed"]
    assert done.title.format(name="杨秀兰") == "尊敬的杨秀兰，您已完成办理单位信息变更！"


def test_xizang_speaks_the_words_of_its_manual_and_asks_for_no_papers() -> None:
    texts = centers.load(ROOT, "xizang").services["unit_info_change"]
    assert (texts.name, texts.submit_label) == ("单位信息修改", "提交")
    assert texts.submitted_toast == "单位基本信息修改成功"
    assert texts.materials == ()


def test_the_two_centres_lock_different_fields() -> None:
    here, there = (
        set(centers.load(ROOT, code).services["unit_info_change"].locked) for code in SHIPPED
    )
    assert "legal_rep_name" in there - here
    assert {"unit_name", "uscc", "operator_id_no"} <= here & there


def test_a_change_of_telephone_needs_no_paper() -> None:
    for slot in centers.load(ROOT, "qiandongnan").services["unit_info_change"].materials:
        assert not slot.required or slot.when
        assert not {"operator_phone", "operator_mobile", "unit_phone", "pay_day"} & set(slot.when)


@pytest.mark.parametrize("code", ALL)
def test_every_field_named_in_the_file_exists_in_the_form(code: str) -> None:
    texts = centers.load(ROOT, code).services["unit_info_change"]
    form = registry.get("units.UnitInfoChange")
    known = {field.name for group in form.groups(texts) for field in group.fields}
    named = {name for slot in texts.materials for name in slot.when} | set(texts.hidden)
    assert named <= known
    assert known & set(texts.locked), "something is locked"


@pytest.mark.parametrize("code", ALL)
def test_every_sms_fits_into_one_message_with_real_values(code: str) -> None:
    center = centers.load(ROOT, code)
    values = {"name": "杨秀兰", "no": "QDN-20260715-000001"}
    values |= {"reason": "原因", "unit": "凯里市云谷文旅发展有限公司"}
    for key, events in center.notices.items():
        values["business"] = center.services[key].name
        for notice in events.values():
            assert len(notice.sms.format(**values)) + len("【黔东南公积金】") <= 70


def test_a_centre_cannot_be_changed_while_running() -> None:
    center = centers.load(ROOT, "qiandongnan")
    with pytest.raises(ValidationError):
        center.name = "别的"  # type: ignore[misc]
    branch = center.branch("QDN01")
    assert branch is not None
    assert branch.name == "凯里管理部"
    assert center.branch("QDN99") is None
    door = center.door("unit")
    assert door is not None
    assert door.open


# ── mistakes ────────────────────────────────────────────────────────────────────────────────


def mistake(tmp_path: Path, text: str) -> str:
    root = product(tmp_path, "qiandongnan", text)
    with pytest.raises(CenterError) as caught:
        centers.load(root, "qiandongnan")
    return caught.value.text


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('prefix = "QDN"', "prefix = 5", "prefix 应为加引号的文字，现在是 5。"),
        (
            'prefix = "QDN"',
            'prefix = "qdn"',
            'prefix 格式不对，应符合 ^[A-Z]{2,4}$，现在是 "qdn"。',
        ),
        ('prefix = "QDN"', "", "缺少 prefix，请补上。"),
        ('prefix = "QDN"', 'prefx = "QDN"', "不认识 prefx，这里允许的有：code、name、"),
        ("open = true", 'open = "yes"', 'doors[1].open 只能是 true 或 false，现在是 "yes"。'),
        ('id = "person"', 'id = "nobody"', "doors[2].id 只能是 unit、person、developer、staff，"),
        ('id = "person"', 'id = "unit"', "doors id “unit”重复，每个只能出现一次。"),
        ('code = "QDN02"', 'code = "QDN01"', "branches code “QDN01”重复，每个只能出现一次。"),
        (
            "max_files = 2",
            "max_files = 0",
            "services.unit_info_change.materials[1].max_files 不能小于 1，现在是 0。",
        ),
        (
            "max_files = 2",
            "max_file = 2",
            "不认识 services.unit_info_change.materials[1].max_file，"
            "这里允许的有：id、name、note、required、when、max_files。",
        ),
        (
            'submit_label = "提交审核"',
            'submit_labl = "提交审核"',
            "不认识 services.unit_info_change.submit_labl，这里允许的有：name、icon、purpose、",
        ),
        ("hidden = []", 'hidden = "x"', "services.unit_info_change.hidden 应为方括号列表"),
        ("hidden = []", 'purpose = ""', "不符合 TOML 写法"),
        ('who = "本单位', 'who = ["本单位', "不符合 TOML 写法"),
        ("date = 2026-07-01", 'date = "七月"', "news[1].date 应为日期，例如 2026-07-01"),
        ('url = "/branches"', 'url = "javascript:x"', "links[1].url 格式不对"),
        (
            'services = ["unit_info_change", ',
            'services = ["loan", ',
            "menu 里的业务 loan 在 services",
        ),
        (
            "[notices.unit_info_change.submitted]",
            "[notices.loan.submitted]",
            "notices 里的业务 loan",
        ),
        ("{business}已提交", "{busines}已提交", "不认识 {busines}，只能用 {name}、{business}、"),
        ("{business}已提交", "{business已提交", "花括号没有成对"),
        ('sms = ""', f'sms = "{"长" * 71}"', "有 71 个字，短信最多 70 个字，请缩短。"),
        ('code = "qiandongnan"', 'code = "other"', "code 必须与文件夹同名，请改为“qiandongnan”。"),
        ("title_lines = [", "title_lines = []\nnews = [", "不符合 TOML 写法"),
        ('region = "', 'title_lines = ""\nregion = "', "不符合 TOML 写法"),
    ],
)
def test_a_mistake_is_one_sentence_naming_file_and_key(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    assert old in QIANDONGNAN
    said = mistake(tmp_path, QIANDONGNAN.replace(old, new, 1))
    assert said.startswith("bpmn/centers/qiandongnan/center.toml：")
    assert sentence in said
    assert said.endswith("。")
    assert said.count("。") == 1


def test_a_closed_door_without_a_sentence_is_a_mistake(tmp_path: Path) -> None:
    silent = re.sub(r"closed_text = .*\n", "", QIANDONGNAN, count=1)
    assert "doors[2] 没有开放（open = false）时必须写 closed_text" in mistake(tmp_path, silent)


def test_a_file_in_another_encoding_is_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "bpmn" / "centers" / "gbk"
    folder.mkdir(parents=True)
    (folder / "center.toml").write_bytes('name = "黔东南"'.encode("gbk"))
    with pytest.raises(CenterError, match="不是 UTF-8 编码"):
        centers.load(tmp_path, "gbk")


@pytest.mark.parametrize("code", ["nowhere", "../qiandongnan", "", "QIANDONGNAN", "a/b"])
def test_an_unknown_centre_is_a_sentence_listing_the_known_ones(code: str) -> None:
    with pytest.raises(CenterError, match="可用的有：chuxiong、dazhou、qiandongnan、"):
        centers.load(ROOT, code)
