"""`make real`: the whole real set-up in the foreground, so that it can be tried on one machine.

PostgreSQL and Redis are private ones under var/real unless DATABASE_URL / REDIS_URL name others.
For a machine that stays on, use the systemd units beside this file instead.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deploy.servers import CannotStart, Postgres, Redis, die_with_parent, free_port, reachable

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "var" / "real"
WORKERS = 2
WEB_PROCESSES = 2
STOP_SECONDS_MAX = 20.0
RESTART_SECONDS = 2.0  # a process that ends by itself is started again, not faster than this


def say(text: str) -> None:
    sys.stdout.write(f"  · {text}\n")
    sys.stdout.flush()


def main() -> int:
    # Also when started in the background, where a shell has switched Ctrl-C off.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    owned: list[Callable[[], None]] = []
    try:
        environ = _environment(owned)
        _hall(environ, "migrate")
        if environ["HALL_MODE"] == "demo":
            _hall(environ, "load-demo", *sys.argv[1:])  # how large it is: hall load-demo --help
        else:
            _hall(environ, "open-center")
        return _supervise(environ)
    except CannotStart as error:
        sys.stderr.write(f"\n✗ {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for stop in reversed(owned):
            stop()


def _interrupt(_sign: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _environment(owned: list[Callable[[], None]]) -> dict[str, str]:
    """What every process of the hall is told; secrets made once, under var/real."""
    HOME.mkdir(parents=True, exist_ok=True)
    environ = dict(os.environ)
    if not environ.get("DATABASE_URL"):
        environ["DATABASE_URL"] = _private_postgres(owned)
    if not environ.get("REDIS_URL"):
        server = Redis(HOME / "redis", free_port()).start()
        owned.append(server.stop)
        environ["REDIS_URL"] = server.url
        say(f"Redis       {server.url}")
    defaults = {
        # The people of the demonstration and its phone, on the real machinery; a production
        # set-up says HALL_MODE=production and names an SMS gateway.
        "HALL_MODE": "demo",
        "HALL_DATA_DIR": str(HOME / "data"),
        "HALL_SECRET_KEY": _secret(),
        "HALL_WORKER_KIND": "rq",
        "HALL_WEB_PROCESSES": str(WEB_PROCESSES),
        "HALL_LOG_FORMAT": "json",
    }
    if environ.get("HALL_SECRET_KEY_FILE"):
        del defaults["HALL_SECRET_KEY"]
    for name, value in defaults.items():
        environ.setdefault(name, value)
    if environ["HALL_MODE"] == "demo":
        environ.setdefault("HALL_BANK_KIND", "simulator")
        environ.setdefault("HALL_BANK_SIMULATOR_PORT", str(free_port()))
    return environ


def _private_postgres(owned: list[Callable[[], None]]) -> str:
    home = HOME
    if not reachable(ROOT / "var"):
        # The folder is closed to the user that must run PostgreSQL (a home, often).
        home = Path("/var/lib/postgresql") / f"hall-{ROOT.name}"
    # /run/… of the machine is not ours; a socket path must stay under 108 characters.
    server = Postgres(home / "postgres", home / "run").start()
    owned.append(server.stop)
    server.create_database("hall")
    say(f"PostgreSQL  {home / 'postgres'}")
    return server.url("hall")


def _secret() -> str:
    file = HOME / "secret_key"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32), encoding="ascii")
    return file.read_text(encoding="ascii").strip()


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "webapp.cli", *arguments]


def _hall(environ: dict[str, str], *arguments: str) -> None:
    if subprocess.run(_command(*arguments), env=environ, cwd=ROOT, check=False).returncode:
        raise CannotStart(f"hall {' '.join(arguments)} 没有成功，原因见上。")


def _supervise(environ: dict[str, str]) -> int:
    """Keep all processes running until Ctrl-C; the web process ending by itself ends everything."""
    wanted = {"web": ("serve",), "scheduler": ("scheduler",)}
    wanted |= {f"worker {n}": ("worker",) for n in range(1, WORKERS + 1)}
    if environ.get("HALL_BANK_KIND") == "simulator":
        wanted["bank"] = ("bank-simulator",)
    running: dict[str, subprocess.Popen[bytes]] = {}
    started: dict[str, float] = {}
    try:
        while True:
            for name, arguments in wanted.items():
                process = running.get(name)
                if process is not None and process.poll() is None:
                    continue
                if process is not None:
                    if name == "web":
                        return process.returncode or 1
                    if time.monotonic() - started[name] < RESTART_SECONDS:
                        continue
                    say(f"{name} 已退出（{process.returncode}），重新启动")
                running[name] = subprocess.Popen(
                    _command(*arguments), env=environ, cwd=ROOT, start_new_session=True,
                    stdin=subprocess.DEVNULL, preexec_fn=die_with_parent,
                )  # fmt: skip
                started[name] = time.monotonic()
                say(f"{name:<11} pid {running[name].pid}")
            time.sleep(0.5)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _stop_all(list(running.values()))


def _stop_all(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
