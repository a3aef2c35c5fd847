"""The keys of personal data in tests: fixed, so that databases filled once stay readable.

`configure` gives them to this process, `FILE` to every hall a test starts, in it or beside it.
"""

import atexit
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from handlers.privacy import keyfile, keyring
from handlers.privacy.keyfile import Key, KeyFile

MADE_AT = datetime(2026, 7, 1, tzinfo=UTC)
KEYS = KeyFile(
    "test01",
    MADE_AT,
    (Key("test01", MADE_AT, b"\x11" * 32),),
    "index1",
    (Key("index1", MADE_AT, b"\x22" * 32),),
)
_home = Path(tempfile.mkdtemp(prefix="hall-keys-"))
atexit.register(shutil.rmtree, _home, ignore_errors=True)
FILE = _home / "keys.toml"
keyfile.write(FILE, KEYS)


def configure() -> None:
    keyring.configure(KEYS.ring)
