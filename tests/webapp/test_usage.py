"""A command typed wrongly ends with one Chinese sentence and an exit code, whatever is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from webapp import cli

WRONG = {
    "ledger trial-balance --date 2026-02-30": "--date 的值不可用：应为存在的日期",
    "ledger close-day --date 昨天": "--date 的值不可用：应为存在的日期",
    "parameters --day 2026-13-01": "--day 的值不可用：应为存在的日期",
    "ledger settle-interest --year 10": "--year 的值不可用：应为整数，不小于 2000，不大于 2199",
    "ledger settle-interest": "缺少 --year",
    "ledger close-month": "命令写得不对",
    "keys rotate --all": "没有 --all 这个选项",
    "restore {folder}": "SOURCE 的值不可用：应为已有的文件",
    "restore {folder}/nothing.tar": "SOURCE 的值不可用：应为已有的文件",
    "backup": "缺少 TARGET",
    "backup {folder}/a.tar --keep 2": "--keep 只能用于文件夹",
}


@pytest.mark.parametrize("typed", WRONG)
def test_a_wrong_command_is_answered_in_one_sentence(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hall", *typed.format(folder=tmp_path).split()])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("✗ ")
    assert WRONG[typed] in line
    assert line.endswith("。")
