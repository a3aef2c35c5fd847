"""`hall bank-simulator`: a bank in a process of its own, never in production; the demo has one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from webapp import cli, practicebank
from webapp.settings import ROOT, SettingsError


def test_it_answers_from_its_own_process_until_it_is_told_to_stop(tmp_path: Path) -> None:
    port = practicebank.chosen()["simulator_port"]
    command = [sys.executable, "-u", "-m", "webapp.cli", "bank-simulator", "--port", str(port)]
    environ = os.environ | {"HALL_DATA_DIR": str(tmp_path / "data")}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
    ) as bank:
        assert bank.stdout is not None
        address = bank.stdout.readline().split()[-1]
        try:
            assert "9005" in httpx.get(address, trust_env=False).text
        finally:
            bank.terminate()
        bank.wait(10)
    assert (tmp_path / "data" / practicebank.FILE).exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)


def test_it_is_refused_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "MODE": "production",
        "SECRET_KEY": "k" * 40,
        "SMS_GATEWAY": "http",
        "SMS_HTTP_URL": "https://sms.example.cn/?to={mobile}&say={text}",
        "SMS_HTTP_SUCCESS_REGEX": "OK",
        "WEB_BASE_URL": "https://hall.example.gov.cn",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"HALL_{name}", value)
    refused = CliRunner().invoke(cli.hall, ["bank-simulator"])
    assert isinstance(refused.exception, SettingsError)
    assert "不能启动模拟银行" in str(refused.exception)


def test_a_port_that_is_taken_is_said_in_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        options = ["--port", str(port), "--file", str(tmp_path / "bank.sqlite3")]
        refused = CliRunner().invoke(cli.hall, ["bank-simulator", *options])
    assert isinstance(refused.exception, SettingsError)
    assert f"端口 {port} 已被占用" in str(refused.exception)


def test_the_demo_pays_at_the_bank_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "demo_folder", lambda center: tmp_path)
    settings = cli.demo_settings("qiandongnan", None, None)
    door = settings.bank.door()
    assert door is not None
    with practicebank.beside(settings):
        assert httpx.get(door.url, trust_env=False).status_code == 200
