"""A private PostgreSQL and a private Redis, started from the machine's own binaries.

Used by `make real` and by the tests.  Neither listens where others could reach it, and both die
with the process that started them, even when that is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

START_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 10.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class CannotStart(Exception):
    """A server is missing or does not come up; the text is one sentence."""


def die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], log: Path, ready: Any) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if ready():
            return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    lines = log.read_text(errors="replace").strip().splitlines() or ["no message"]
    raise CannotStart(f"{log.stem} 没有启动：{lines[-1]}（日志 {log}）")


def _runs(process: subprocess.Popen[bytes] | None) -> bool:
    return process is not None and process.poll() is None


def _stop(process: subprocess.Popen[bytes] | None, sign: int) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(sign)
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Postgres:
    """A cluster of its own in `folder`, reached through a unix socket in `run` alone."""

    def __init__(self, folder: Path, run: Path, *, durable: bool = True) -> None:
        self._folder = folder
        self._run = run
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._user = _server_user()

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://hall@/{database}?host={self._run}"

    def start(self) -> Postgres:
        """Does nothing when it runs."""
        if _runs(self._process):
            return self
        binaries = postgres_binaries()
        self._run.mkdir(parents=True, exist_ok=True)
        self._own(self._run)
        if not (self._folder / "PG_VERSION").exists():
            self._create(binaries)
        log = self._run / "postgres.log"
        command = [str(binaries / "postgres"), "-D", str(self._folder), "-k", str(self._run)]
        settings = {"listen_addresses": "", "max_connections": "100"}
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                preexec_fn=die_with_parent, start_new_session=True, **self._identity(),
            )  # fmt: skip
        try:
            _wait(self._process, log, self._answers)
        except BaseException:
            self.stop()
            raise
        return self

    def create_database(self, name: str) -> None:
        """Does nothing when it is there."""
        import psycopg

        with psycopg.connect(self._plain("postgres"), autocommit=True) as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", [name])
            if found.fetchone() is None:
                connection.execute(f'create database "{name}"'.encode())

    def stop(self) -> None:
        # SIGINT: end sessions, write what is owed; SIGQUIT leaves a recovery behind.
        _stop(self._process, signal.SIGINT if self._durable else signal.SIGQUIT)
        self._process = None

    def _plain(self, database: str) -> str:
        return f"host={self._run} user=hall dbname={database} connect_timeout=2"

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self._plain("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _create(self, binaries: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._own(self._folder)
        done = subprocess.run(
            [
                str(binaries / "initdb"), "-D", str(self._folder), "-U", "hall", "--auth=trust",
                "-E", "UTF8", "--locale=C.UTF-8", *([] if self._durable else ["--no-sync"]),
            ],  # fmt: skip
            capture_output=True, stdin=subprocess.DEVNULL, check=False, cwd="/", **self._identity(),
        )  # fmt: skip
        if done.returncode:
            shutil.rmtree(self._folder, ignore_errors=True)
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
            raise CannotStart(f"PostgreSQL 的数据目录建不起来：{lines[-1]}")

    def _own(self, folder: Path) -> None:
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)

    def _identity(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


def _server_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, so root hands it to Debian's `postgres`."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise CannotStart("PostgreSQL 不能以 root 运行，而系统里没有 postgres 用户。")


def reachable(folder: Path) -> bool:
    """May the user that runs PostgreSQL enter this folder?  (Homes are often closed to others.)"""
    user = _server_user()
    if user is None:
        return True
    near = next(path for path in (folder, *folder.parents) if path.exists())
    done = subprocess.run(
        ["test", "-x", str(near)],
        check=False, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/",
    )  # fmt: skip
    return done.returncode == 0


def postgres_binaries() -> Path:
    """The newest PostgreSQL of the machine, Debian's place first."""
    found = sorted(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
    )
    if found:
        return found[-1]
    other = shutil.which("initdb")
    if other is None:
        raise CannotStart("没有找到 PostgreSQL，请安装 Debian 的 postgresql 软件包。")
    return Path(other).resolve().parent


class Redis:
    """A server on loopback that keeps nothing on disk: Redis may be lost at any time."""

    def __init__(self, run: Path, port: int | None = None) -> None:
        self._run = run
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Redis:
        """Does nothing when it runs."""
        if _runs(self._process):
            return self
        binary = shutil.which(
            "redis-server", path=os.environ.get("PATH", "") + ":/usr/bin:/usr/sbin"
        )
        if binary is None:
            raise CannotStart("没有找到 redis-server，请安装 Debian 的 redis-server 软件包。")
        self._run.mkdir(parents=True, exist_ok=True)
        log = self._run / "redis.log"
        command = [
            binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--daemonize", "no", "--dir", str(self._run),
        ]  # fmt: skip
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                preexec_fn=die_with_parent, start_new_session=True,
            )  # fmt: skip
        try:
            _wait(self._process, log, self._answers)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        _stop(self._process, signal.SIGTERM)
        self._process = None

    def signal(self, sign: int) -> None:
        if self._process is not None:
            self._process.send_signal(sign)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False
