"""Commands end when told, leave nothing running, and say in one sentence why they cannot start."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deploy.servers import free_port
from tests.real.programs import Program, eventually, finished

STOP_SECONDS_MAX = 10.0
SMALL = ("--months", "0")  # people and units, but no books: filling those is tested elsewhere


@contextmanager
def started(product: Path, arguments: list[str], **settings: str) -> Iterator[Program]:
    """A command of the copy, with all it starts; whatever survives the test is killed."""
    home = Path(tempfile.mkdtemp(dir=product.parent))
    program = Program("command", arguments, settings, home)
    program.cwd = product
    before = our_processes(product)
    assert not before
    try:
        yield program.start()
    finally:
        program.kill()
        for pid in our_processes(product):
            subprocess.run(["kill", "-9", str(pid)], check=False)
        eventually(lambda: not our_processes(product))


def our_processes(product: Path) -> set[int]:
    """Processes that work in this copy or were started with a path in it, of any session."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
            place = str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(product) in command or place.startswith(str(product)):
            found.add(int(entry.name))
    return found


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/about", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("whom", ["the whole terminal", "the command alone"])
def test_ctrl_c_ends_the_demonstration(product: Path, whom: str) -> None:
    port = free_port()
    with started(product, ["webapp.cli", "demo", *SMALL, "--port", str(port)]) as demo:
        assert eventually(lambda: "Ctrl-C" in demo.log() and answers(port), 30), demo.log()
        if whom == "the whole terminal":
            demo.signal(signal.SIGINT)
        else:
            assert demo.members()[0] == demo.pid
            subprocess.run(["kill", "-INT", str(demo.pid)], check=True)
        assert demo.wait(STOP_SECONDS_MAX) in (0, 130)
        assert not our_processes(product)
        assert "Traceback" not in demo.log()
    assert not answers(port)


def test_ctrl_c_ends_the_real_set_up_with_all_its_servers(product: Path) -> None:
    port = free_port()
    with started(product, ["deploy.real", *SMALL], HALL_WEB_PORT=str(port)) as real:
        ready = ("web  http", "worker 2", "scheduler")
        assert eventually(lambda: all(word in real.log() for word in ready), 60), real.log()
        assert eventually(lambda: answers(port)), real.log()
        assert len(our_processes(product)) > 6, "servers, web, workers, scheduler"
        subprocess.run(["kill", "-INT", str(real.pid)], check=True)
        assert real.wait(STOP_SECONDS_MAX) in (0, 130), real.log()
        assert not our_processes(product)
        assert "Traceback" not in real.log(), real.log()
        assert "Error" not in real.log(), real.log()
    assert not answers(port)


def test_when_the_real_set_up_is_killed_nothing_of_it_lives_on(product: Path) -> None:
    port = free_port()
    with started(product, ["deploy.real", *SMALL], HALL_WEB_PORT=str(port)) as real:
        assert eventually(lambda: "web  http" in real.log(), 60), real.log()
        subprocess.run(["kill", "-9", str(real.pid)], check=True)
        assert real.wait(5) == -signal.SIGKILL
        assert eventually(lambda: not our_processes(product), 10), our_processes(product)


def sentence(arguments: list[str], **settings: str) -> str:
    """The one sentence a command ends with when it cannot do its work."""
    done = finished(["webapp.cli", *arguments], settings)
    assert done.returncode not in (0, -signal.SIGKILL), done.stdout
    said = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(said) == 1, done.stderr
    assert re.fullmatch(r"✗ .*。", said[0]), said[0]
    return said[0]


@pytest.mark.parametrize("command", [["serve"], ["demo"]])
def test_a_taken_port_is_one_sentence(command: list[str], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        settings = {"HALL_WEB_PORT": port, "HALL_DATA_DIR": str(tmp_path)}
        assert f"端口 {port} 已被占用" in sentence(command, **settings)


@pytest.mark.parametrize("command", [["serve"], ["demo", "--center", "atlantis"]])
def test_an_unknown_centre_is_one_sentence(command: list[str], tmp_path: Path) -> None:
    said = sentence(command, HALL_CENTER="atlantis", HALL_DATA_DIR=str(tmp_path))
    assert "没有名为 atlantis 的中心" in said
    assert "qiandongnan" in said


@pytest.mark.parametrize("command", ["migrate", "load-demo", "open-center", "serve"])
def test_a_data_folder_that_cannot_be_written_is_one_sentence(command: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()  # for root, every folder is writable; but no folder is inside a file
    settings = {"HALL_DATA_DIR": str(file / "data"), "HALL_WEB_PORT": str(free_port())}
    assert str(file / "data") in sentence([command], **settings)


def test_a_database_without_tables_is_told_how_to_get_them(
    empty_database_url: str, tmp_path: Path
) -> None:
    settings = {"HALL_DATA_DIR": str(tmp_path), "DATABASE_URL": empty_database_url}
    assert "请先执行 hall migrate" in sentence(["open-center"], **settings)


def test_a_database_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    nowhere = f"postgresql+psycopg://hall@127.0.0.1:{free_port()}/hall"
    said = sentence(["migrate"], DATABASE_URL=nowhere, HALL_DATA_DIR=str(tmp_path))
    assert "数据库用不了" in said
