"""Paper: the sheet that is drawn, the PDF made of it, and what a page cannot do to the machine."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import pikepdf
import pytest
from flask import Flask

from engine.errors import Refused
from forms.excel.exports import ExportColumn
from tests.conftest import Clock
from tests.webapp.hall import Hall, make_app
from webapp import printing
from webapp.printing import PrintSheet, child, pdf_of, sheet_html

AT = datetime(2026, 7, 15, 1, 30, 5, tzinfo=UTC)
COLUMNS = [
    ExportColumn("个人账号"),
    ExportColumn("姓名"),
    ExportColumn("开户日期", "date"),
    ExportColumn("月缴存额", "money"),
]
ROW = ("010800457213", "龙德昌", date(2014, 3, 26), 291_200)
A4_POINTS = (595, 842)


@pytest.fixture
def app(tmp_path: Path, clock: Clock) -> Iterator[Flask]:
    """A hall with nobody in it: paper is drawn from what it is given."""
    made = make_app(f"sqlite:///{tmp_path}/hall.db", tmp_path, clock)
    yield made
    Hall(made, clock).close()


def sheet(**named: Any) -> PrintSheet:
    given: dict[str, Any] = {"title": "缴存人账户", "columns": COLUMNS, "rows": [ROW]}
    return PrintSheet(**given | {"at": AT, "by": "杨秀兰"} | named)


def drawn(app: Flask, made: PrintSheet, *, browser: bool = False) -> str:
    with app.test_request_context():
        return sheet_html(made, browser=browser)


def page(body: str) -> str:
    return f'<!doctype html><html lang="zh-CN"><body>{body}</body></html>'


def pdf(html: str) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(pdf_of(html)))


def size(opened: pikepdf.Pdf) -> tuple[int, int]:
    _, _, width, height = opened.pages[0].mediabox
    return round(width), round(height)


# ── the sheet ────────────────────────────────────────────────────────────────────────────────


def test_it_says_what_it_is_who_printed_it_and_when(app: Flask) -> None:
    html = drawn(app, sheet(filters=[("状态", "正常")], no="QDN-20260715-0001"))
    for text in (
        *("黔东南州住房公积金", "<h1>缴存人账户</h1>", "<dd>正常</dd>", "QDN-20260715-0001"),
        *("2014-03-26", '<td class="num">2,912.00</td>', "杨秀兰", "2026-07-15 09:30:05"),
    ):
        assert text in html


def test_money_has_a_total_in_figures_and_in_words(app: Flask) -> None:
    html = drawn(app, sheet(totals=[None, None, None, 291_200], capitals_cents=291_200))
    assert "合计" in html
    assert "人民币贰仟玖佰壹拾贰元整" in html
    assert "大写" not in drawn(app, sheet())


def test_a_sheet_without_rows_says_so(app: Flask) -> None:
    assert "没有符合条件的记录" in drawn(app, sheet(rows=[]))


def test_a_name_is_never_markup(app: Flask) -> None:
    assert "<script>x" not in drawn(app, sheet(rows=[("1", "<script>x", None, 0)]))


def test_only_a_browser_gets_a_button(app: Flask) -> None:
    assert "data-print" in drawn(app, sheet(), browser=True)
    assert "data-print" not in drawn(app, sheet())


# ── the PDF ──────────────────────────────────────────────────────────────────────────────────


def test_a_narrow_table_stands_and_a_wide_one_lies_on_a4(app: Flask) -> None:
    with pdf(drawn(app, sheet())) as made:
        assert size(made) == A4_POINTS
        assert str(made.docinfo["/Title"]) == "缴存人账户"
    wide = sheet(columns=COLUMNS * 3, rows=[ROW * 3])
    with pdf(drawn(app, wide)) as made:
        assert size(made) == A4_POINTS[::-1]


def test_a_table_too_wide_even_for_that_is_set_smaller(app: Flask) -> None:
    assert 'class="is-wide is-tight"' in drawn(app, sheet(columns=COLUMNS * 4, rows=[ROW * 4]))
    assert "is-tight" not in drawn(app, sheet(columns=COLUMNS * 3, rows=[ROW * 3]))


def test_where_it_is_tight_sentences_are_broken_and_numbers_are_not(app: Flask) -> None:
    columns = [ExportColumn("说明") for _ in range(6)] + [ExportColumn("凭证号") for _ in range(4)]
    row = ["款项与核定金额不符，请与中心联系清理"] * 6 + ["CX01-20261122-000006"] * 4
    shares = [float(share[:-1]) for share in sheet(columns=columns, rows=[row]).shares]
    chars = [printing.TIGHT_CHARS_MAX * share / 100 for share in shares]
    assert all(one > len("CX01-20261122-000006") for one in chars[6:])
    assert all(one < 2 * len(row[0]) for one in chars[:6])


def test_a_long_table_runs_over_pages(app: Flask) -> None:
    with pdf(drawn(app, sheet(rows=[ROW] * 120))) as made:
        assert len(made.pages) == 4


def test_more_rows_than_fit_are_refused_before_any_work() -> None:
    before = perf_counter()
    with pytest.raises(Refused, match="PDF 最多 2,000 行") as found:
        pdf_of(page("<table>" + "<tr><td>1</td></tr>" * 5_000 + "</table>"))
    assert found.value.code == "print.too_long"
    assert perf_counter() - before < 0.5


def test_a_page_without_end_is_refused_before_any_work() -> None:
    with pytest.raises(Refused, match="内容太多"):
        pdf_of("字" * printing.HTML_BYTES_MAX)


def test_a_page_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "SECONDS_MAX", 0.3)
    with pytest.raises(Refused, match="请缩小查询范围"):
        pdf_of(page("<p>长</p>" * 20_000))


def changed(folder: Path, lines: str) -> Path:
    """The real child, to which something happens first."""
    path = folder / "child.py"
    source = Path(child.__file__).read_text(encoding="utf-8")
    path.write_text(source.replace('if __name__ == "__main__":\n', f"{lines}\nif True:\n"))
    return path


def test_a_page_that_takes_too_much_memory_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    greedy = "import weasyprint; weasyprint.HTML = lambda **_: bytearray(MEMORY_BYTES_MAX)"
    monkeypatch.setattr(printing, "CHILD", changed(tmp_path, greedy))
    with pytest.raises(Refused, match="请缩小查询范围"):
        pdf_of(page("<p>1</p>"))


def test_a_page_that_takes_too_much_of_the_processor_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(printing, "CHILD", changed(tmp_path, "CPU_SECONDS_MAX = 1"))
    with pytest.raises(Refused, match="请缩小查询范围"):
        pdf_of(page("<p>" + "长" * 300_000))


def test_a_page_that_breaks_the_child_gets_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(printing, "CHILD", changed(tmp_path, "raise RuntimeError"))
    with pytest.raises(Refused, match="请改用打印") as found:
        pdf_of(page("<p>1</p>"))
    assert "RuntimeError" not in found.value.text


def test_without_pango_the_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = 'sys.modules["weasyprint"] = None  # as when its libraries are missing'
    monkeypatch.setattr(printing, "CHILD", changed(tmp_path, gone))
    with pytest.raises(Refused) as found:
        pdf_of(page("<p>1</p>"))
    assert found.value.text == "本机没有安装 PDF 组件（pango），请改用打印。"


def test_a_rush_is_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "WAIT_SECONDS_MAX", 0.01)
    places = [printing._places.acquire(timeout=1) for _ in range(printing.AT_ONCE_MAX)]
    try:
        with pytest.raises(Refused, match="请稍等"):
            pdf_of(page("<p>1</p>"))
    finally:
        for _ in places:
            printing._places.release()
    assert pdf_of(page("<p>1</p>")).startswith(b"%PDF-")


def test_a_page_reaches_neither_the_network_nor_the_machines_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        there = f"http://127.0.0.1:{listening.getsockname()[1]}"
        body = (
            f'<link rel="stylesheet" href="{there}/a.css"><img src="{there}/b.png">'
            f'<link rel="attachment" href="{secret.as_uri()}"><img src="{secret.as_uri()}">'
            f'<a rel="attachment" href="{secret.as_uri()}">x</a>'
        )
        with pdf(page(body)) as made:
            assert not made.attachments
        with pytest.raises(TimeoutError):
            listening.accept()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://example.com/static/print.css",
        "http://hall.invalid.example/static/print.css",
        "http://hall.invalid/static/../templates/base.html",
        "http://hall.invalid/static/%2e%2e/static/../app.py",
        "http://hall.invalid/static//etc/hosts",
        "http://hall.invalid/static/hall.js",
        "http://hall.invalid/static/nothing.css",
        "data:text/css,*{}",
    ],
)
def test_only_files_of_our_own_static_folder_are_served(url: str) -> None:
    with pytest.raises(child.NotOurs):
        child.ours(url, printing.STATIC)


def test_our_own_style_is_served() -> None:
    url = "http://hall.invalid/static/print.css?v=0123456789"
    assert child.ours(url, printing.STATIC) == printing.STATIC / "print.css"
