"""Have a PDF looked at by `pdf_child`, and put its verdict into words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.errors import Problem
from handlers.documents.limits import Limits

CHILD = Path(__file__).with_name("pdf_child.py")
SECONDS_MAX = 30

_REFUSALS = {
    "encrypted": "加了密码或限制，请另存为不加密的 PDF 后上传",
    "script": "含有脚本（JavaScript），请用“打印为 PDF”重新生成后上传",
    "launch": "会自动运行程序或发送数据，请用“打印为 PDF”重新生成后上传",
    "embedded": "夹带了其他文件，请去掉附件或用“打印为 PDF”重新生成后上传",
    "media": "含有音频或视频，请用“打印为 PDF”重新生成后上传",
    "form": "是动态表单（XFA），请填好后用“打印为 PDF”重新生成再上传",
    "broken": "已损坏或不完整，打不开，请重新扫描后上传",
}


def rewrite(source: Path, target: Path, *, limits: Limits, name: str) -> int | Problem:
    """The number of pages, with a plain copy in `target`."""
    answer = _ask(source, target, limits.max_pages)
    verdict = answer["verdict"]
    if verdict == "ok":
        return int(answer["pages"])
    if verdict == "pages":
        text = f"“{name}”有 {answer['pages']} 页，最多 {limits.max_pages} 页，请拆分后上传。"
        return Problem("material.pages", text, "file")
    return Problem(f"material.pdf_{verdict}", f"“{name}”{_REFUSALS[verdict]}。", "file")


def _ask(source: Path, target: Path, pages_max: int) -> dict[str, Any]:
    command = [sys.executable, "-I", str(CHILD), str(source), str(target), str(pages_max)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS_MAX, check=True)
        answer: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        # Killed by its limits, crashed or silent: whatever this file is, it is no ordinary scan.
        return {"verdict": "broken"}
    return answer
