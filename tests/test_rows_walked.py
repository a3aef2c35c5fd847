"""Every row of the monthly cycle and of its queries is walked by a test that carries its id."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
# Capability → rows of the five manuals.
ROWS = {
    "C10 变更记录查询": "SX-6.2 QDN-04 XZ-6.2d",
    "C11 个人开户": "DZ-U-06.1 XZ-2.1a SX-3.1 CX-U16 QDN-07a",
    "C12 批量开户": "XZ-2.1d SX-3.2 QDN-07b",
    "C13 封存": "DZ-U-06.3 XZ-2.1c SX-9.1 SX-9.2 CX-U17 QDN-09c",
    "C14 启封": "XZ-2.1b SX-9.3 SX-9.4 CX-U18 QDN-09a QDN-09b DZ-U-06.3",
    "C15 内部转移": "XZ-4a XZ-4b XZ-4c XZ-4d XZ-4e XZ-4f SX-10.1 SX-10.2 CX-U20",
    "C16 个人账户合并": "SX-8.1",
    "C17 基数调整": "DZ-U-06.2 XZ-2.2a XZ-2.2b CX-U19 QDN-02",
    "C18 年度核定": "SX-11.1 XZ-2.2b QDN-02 XZ-2.2a",
    "C19 比例调整": "DZ-U-09 XZ-2.3 CX-U22 QDN-05",
    "C20 汇缴核定": "DZ-U-06.4 XZ-2.4a SX-12.1 QDN-03.1 CX-U25a",
    "C21 缴款与入账": "DZ-U-06.5 DZ-U-06.6 XZ-2.4b XZ-2.4c XZ-3 CX-U25a CX-U25b CX-U25c",
    "C22 预缴": "CX-U24b CX-U24a",
    "C23 补缴": "DZ-U-07 XZ-I-01 SX-13.1 SX-13.2 CX-U26",
    "C24 取消核定和撤销": "XZ-2.1e XZ-4f SX-14.1 QDN-03.2",
    "C33 职工查询": "XZ-6.1a XZ-6.1b XZ-6.1c XZ-6.1d SX-3.3 SX-4.1 SX-4.2 CX-U06 CX-U07 QDN-06.1",
    "C34 单位查询": "XZ-6.2a XZ-6.2b SX-7.1 SX-7.2 CX-U08 CX-U09 CX-U14",
    "C35 业务记录查询": "XZ-6.2c XZ-6.2d XZ-2.2c SX-8.2 SX-9.5 SX-10.3 SX-11.2 SX-12.2 SX-13.3 "
    "CX-U10 CX-U11 CX-U12 QDN-06.3",
    "C36 暂存款": "SX-7.3 XZ-6.2a",
    "C37 对账单和结息": "SX-4.3 CX-U13 XZ-6.1c",
    "C38 回单和凭证重打": "DZ-U-06.7 CX-U23 QDN-03.2 XZ-3 SX-12.2",
    "C39 进度和结果": "DZ-U-08 SX-15.1 SX-16.1 QDN-00.8",
    "C40 操作日志": "XZ-6.3a XZ-6.3b XZ-6.3c",
}
# Of these capabilities, but of services that are not there yet: 职工信息变更 (its records and its
# 复位), and the developers' own door.
WAITING = ("SX-5.2", "QDN-06.2", "DZ-U-05", "DZ-D-03")
_NAMES = "\n".join(
    name
    for path in TESTS.rglob("test_*.py")
    for name in re.findall(r"^\s*def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
)


@pytest.mark.parametrize("capability", ROWS)
def test_every_row_of_the_capability_is_walked(capability: str) -> None:
    missing = [row for row in ROWS[capability].split() if not _walked(row)]
    assert missing == []


def _walked(row: str) -> bool:
    name = re.sub(r"\W", "_", row.lower())
    named = re.search(rf"(?<![a-z0-9]){name}(?![a-z0-9])", _NAMES) is not None
    return named or row in _ids()


@cache
def _ids() -> frozenset[str]:
    """What the walks of the centres are parametrized by: the words in brackets."""
    found = set()
    for path in (TESTS / "bpmn").glob("test_*.py"):
        module = importlib.import_module(f"tests.bpmn.{path.stem}")
        tests = [test for name, test in vars(module).items() if name.startswith("test_")]
        marks = [mark for test in tests for mark in getattr(test, "pytestmark", ())]
        for mark in marks:
            if mark.name == "parametrize":
                found |= {text for value in mark.args[1] for text in _words(value)}
    return frozenset(found)


def _words(value: Any) -> list[str]:
    """The id of one set of parameters, and whatever text is among its values."""
    if isinstance(value, type(pytest.param())):
        return [str(value.id), *_words(value.values)]
    values = value if isinstance(value, tuple | list) else [value]
    return [one for one in values if isinstance(one, str)]


def test_a_row_nobody_walks_would_be_named() -> None:
    assert _walked("SX-9.5")
    assert not _walked("SX-9.9")
