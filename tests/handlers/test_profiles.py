"""What a centre leaves to others: texts of services, parameters of the country."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers import centers
from handlers.centers import CenterError
from handlers.profiles import merged

WORDS = """
name = "职工封存"
icon = "lock"
purpose = "停缴的职工在此封存。"
promise = "提交后自动办结"
who = "单位经办人"
term = "立即生效"
basis = "《条例》第十五条"
submit_label = "提交"
submitted_toast = "已提交"
in_flight_text = "有未办结的业务"
completed_text = "已封存"
options = { count_check = false, reasons = "all" }

[notices.completed]
title = "封存成功"
message = "{name}，{no} 已办结。"

[notices.refused]
title = "封存未办结"
message = "{reason}"
"""


def test_tables_are_laid_over_each_other_and_lists_are_replaced() -> None:
    below = {"a": {"x": 1, "y": [1, 2]}, "b": "old"}
    assert merged(below, {"a": {"y": [3]}, "c": 4}) == {
        "a": {"x": 1, "y": [3]},
        "b": "old",
        "c": 4,
    }
    assert merged(below, {"a": 5})["a"] == 5


def product(root: Path, *, menu: str = "", more: str = "", national: str = "") -> Path:
    """A product with one service that has words of its own, and the smallest centre."""
    (root / "bpmn" / "seal_accounts").mkdir(parents=True)
    (root / "bpmn" / "seal_accounts" / "service.toml").write_text(WORDS, encoding="utf-8")
    folder = root / "bpmn" / "centers" / "demo"
    folder.mkdir(parents=True)
    if national:
        (folder.parent / "national.toml").write_text(national, encoding="utf-8")
    (folder / "center.toml").write_text(
        f"""
code = "demo"
name = "中心"
short_name = "中心"
hall_name = "大厅"
prefix = "DM"
hotline = "12329"
hotline_hours = "工作日"
region = "州"
title_lines = ["中心"]
branches = [{{ code = "DM01", name = "市区", phone = "1", address = "路" }}]
roles = [{{ name = "单位经办人" }}]
menu = [{menu}]
doors = [{{ id = "unit", name = "单位", note = "单位", open = true }}]
{more if "[services" in more else more + chr(10) + "services = {}"}
""",
        encoding="utf-8",
    )
    return root


MENU = '{ group = "变更清册", services = ["seal_accounts"] }'


def test_a_service_in_the_menu_brings_its_words(tmp_path: Path) -> None:
    center = centers.load(product(tmp_path, menu=MENU), "demo")
    assert center.services["seal_accounts"].name == "职工封存"
    assert center.notices["seal_accounts"]["completed"].title == "封存成功"


def test_a_centre_says_only_what_differs(tmp_path: Path) -> None:
    more = """
[services.seal_accounts]
name = "个人账户封存"
options = { count_check = true }
[notices.seal_accounts.completed]
title = "{name}，办好了"
"""
    center = centers.load(product(tmp_path, menu=MENU, more=more), "demo")
    words = center.services["seal_accounts"]
    assert (words.name, words.term) == ("个人账户封存", "立即生效")
    assert words.options == {"count_check": True, "reasons": "all"}
    told = center.notices["seal_accounts"]
    assert (told["completed"].title, told["completed"].message) == (
        "{name}，办好了",
        "{name}，{no} 已办结。",
    )
    assert told["refused"].title == "封存未办结"


def test_a_service_nobody_names_stays_unknown(tmp_path: Path) -> None:
    assert centers.load(product(tmp_path), "demo").services == {}


def test_a_slip_in_the_words_of_a_service_is_named_by_its_key(tmp_path: Path) -> None:
    root = product(tmp_path, menu=MENU)
    path = root / "bpmn" / "seal_accounts" / "service.toml"
    path.write_text(WORDS.replace('icon = "lock"', "icon = 3"), encoding="utf-8")
    with pytest.raises(CenterError, match=r"services\.seal_accounts\.icon 应为加引号的文字"):
        centers.load(root, "demo")
    path.write_text("name = ", encoding="utf-8")
    with pytest.raises(CenterError, match="bpmn/seal_accounts/service.toml：.*不符合 TOML 写法"):
        centers.load(root, "demo")


def test_a_centres_own_parameter_replaces_the_countrys(tmp_path: Path) -> None:
    national = """
[parameters]
unseal_same_month = [{ starts_on = 2002-03-24, value = "allowed", source = "全国" }]
undo_span = [{ starts_on = 2002-03-24, value = "none", source = "全国" }]
"""
    own = """
[services]
[parameters]
unseal_same_month = [{ starts_on = 2020-01-01, value = "barred", source = "本中心" }]
"""
    root = product(tmp_path, national=national, more=own)
    center = centers.load(root, "demo")
    assert [row.value for row in center.parameters["unseal_same_month"]] == ["barred"]
    assert [row.value for row in center.parameters["undo_span"]] == ["none"]


@pytest.mark.parametrize("menu", ['{ group = "甲", services = ["../../etc"] }', '"甲"', "{}"])
def test_a_hostile_menu_reaches_no_file(tmp_path: Path, menu: str) -> None:
    with pytest.raises(CenterError):
        centers.load(product(tmp_path, menu=menu), "demo")
