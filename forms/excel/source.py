"""The hall's end of the line to `child`: sheets by number, rows in batches, refusals in words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from engine.errors import Refused
from forms.excel import files
from forms.excel.files import Kind, refused

_ROOT = Path(__file__).parents[2]
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from forms.excel.child import main; main(*sys.argv[2:])"
)
_CLOSING_SECONDS = 10

# Rows of the sheet from 0, their cells, and whether all of these are text.
Batch = tuple[list[int], list[list[Any]], bool]


@dataclass(frozen=True, slots=True)
class Listed:
    """A sheet by its number in the book."""

    index: int
    name: str
    visible: bool


@dataclass(frozen=True, slots=True)
class Top:
    """The first rows of a sheet; `height`: how many there are, rows without content included."""

    rows: list[list[Any]]
    height: int
    epoch_1904: bool


class Source:
    """An opened file.  A context manager: the child ends with it.  Raises Refused anywhere."""

    def __init__(self, content: bytes, kind: Kind) -> None:
        command = [sys.executable, "-I", "-c", _START, str(_ROOT), kind.name, kind.encoding]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            self._write(len(content).to_bytes(8, "big") + content)
            self.sheets = [
                Listed(at, one["name"], one["visible"])
                for at, one in enumerate(self._answer()["sheets"])
            ]
        except BaseException:
            self.close()
            raise

    def peek(self, sheet: Listed) -> Top:
        found = self._ask({"peek": sheet.index})
        return Top(found["top"], found["height"], found["epoch_1904"])

    def read(self, **order: Any) -> tuple[int, list[int], Iterator[Batch]]:
        """How many rows have content, which were passed over, and the rows: see `child.Order`."""
        found = self._ask({"read": order})
        return found["count"], found["skipped"], self._batches()

    def _batches(self) -> Iterator[Batch]:
        while (batch := self._answer()) is not None:
            yield batch[0], batch[1], batch[2]

    def _ask(self, command: dict[str, Any]) -> Any:
        self._write(orjson.dumps(command) + b"\n")
        return self._answer()

    def _write(self, data: bytes) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(data)
            self._child.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _answer(self) -> Any:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._died()
        answer = orjson.loads(line)
        if isinstance(answer, dict) and "refused" in answer:
            raise _refusal(answer)
        return answer

    def _died(self) -> Refused:
        """Ended by its limits, or by an error of its own."""
        ended = self._child.wait(_CLOSING_SECONDS)
        return _refusal({"refused": "heavy" if ended < 0 else "broken"})

    def close(self) -> None:
        child = self._child
        if child.poll() is None:
            child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what it was not told any more
                    pipe.close()
        child.wait(_CLOSING_SECONDS)


def _refusal(said: dict[str, Any]) -> Refused:
    match said["refused"]:
        case "encrypted":
            return files.encrypted()
        case "far":
            text = (
                f"工作表“{said['sheet']}”的 {said['cell']} 格有内容，离清册太远。"
                "请删除清册右侧多余的内容，保存后上传。"
            )
            return refused("far", text)
        case "quotes":
            text = f"第 {said['row']} 行附近的双引号没有成对，请另存为 .xlsx 后上传。"
            return refused("quotes", text)
        case "heavy":
            text = (
                "工作表的使用范围过大，读不完。请把要导入的行复制到一个新的工作簿，"
                "不带右侧、下方的空白行列，保存后上传。"
            )
            return refused("heavy", text)
    return files.broken()
