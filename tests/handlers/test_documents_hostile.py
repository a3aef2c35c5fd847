"""Files that pretend: each is refused with a sentence, and none leaves anything on the disk."""

from __future__ import annotations

import io
import random
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image
from sqlalchemy.orm import Session

from engine.errors import Problem
from handlers import documents
from handlers.documents import Limits, Material
from handlers.documents.content import clean_name, recognise
from tests.builders import files, people

LIMITS = Limits(max_bytes=1_000_000, max_pixels=1_000_000, max_pages=3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "materials"


@pytest.fixture
def take(sqlite_url: str, root: Path, clock: Any) -> Iterator[Callable[..., Any]]:
    with people.store(sqlite_url) as sessions, sessions() as session:
        yield _taker(session, root, clock)


def _taker(session: Session, root: Path, clock: Any) -> Callable[..., Any]:
    def take(content: Any, name: str = "a.jpg", limits: Limits = LIMITS) -> Material | Problem:
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        return documents.store(
            session,
            root=root,
            stream=stream,
            file_name=name,
            slot="business_licence",
            owner_id="operator:1",
            scope_key="service:unit_info_change",
            limits=limits,
            now=clock(),
        )

    return take


def left_behind(root: Path) -> list[Path]:
    return [item for item in root.rglob("*") if item.is_file()]


def stored_bytes(root: Path, material: Material) -> bytes:
    return documents.path(root, material).read_bytes()


def test_a_web_page_called_png_is_named_for_what_it_is(take: Any, root: Path) -> None:
    refused = take(files.HTML, "license.png")
    assert refused.text == "“license.png”的内容是网页（HTML），不是图片，请重新拍照或扫描后上传。"
    assert left_behind(root) == []


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (files.EXE, "程序文件（EXE）"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 50, "程序文件（ELF）"),
        (b"#!/bin/sh\nrm -rf /\n", "脚本"),
        (b"PK\x03\x04" + b"\0" * 50, "压缩包或 Office 文档"),
        (b"Rar!\x1a\x07\x00" + b"\0" * 50, "RAR"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 50, "旧版 Office"),
        (files.gif(), "GIF"),
        (files.gif() + b"PK\x03\x04 a jar behind a picture", "GIF"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "WebP"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "HEIC"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00", "视频"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\xef\xbb\xbf \n<HTML >hello", "HTML"),
        ("单位名称：演示".encode(), "文本文件"),
        (b"plain words", "文本文件"),
        (b"\x00\x01\x02\x03", "无法识别"),
        (b"", "空文件"),
    ],
)
def test_a_stranger_is_refused_by_its_content(
    take: Any, root: Path, content: bytes, word: str
) -> None:
    refused = take(content, "a.jpg")
    assert isinstance(refused, Problem)
    assert word in refused.text
    assert refused.text.startswith("“a.jpg”")
    assert refused.text.endswith("。")
    assert refused.field == "file"
    assert left_behind(root) == []


def test_a_stream_of_200_megabytes_is_cut_at_the_limit(take: Any, root: Path) -> None:
    stream = files.Endless(200 * 1024 * 1024)
    refused = take(stream, limits=Limits())
    assert refused.text == "文件超过 10 MB，请压缩后上传。"
    assert stream.given == 10 * 1024 * 1024 + 1
    assert left_behind(root) == []


def test_a_file_of_exactly_the_limit_is_read(take: Any) -> None:
    padded = files.jpeg()
    padded += b"\x00" * (LIMITS.max_bytes - len(padded))
    assert isinstance(take(padded), Material)
    assert take(padded + b"\x00").code == "material.bytes"


def test_a_picture_of_huge_dimensions_is_refused_before_decoding(take: Any, root: Path) -> None:
    start = time.perf_counter()
    refused = take(files.png_claiming(60_000, 60_000), "bomb.png")
    assert "60000×60000 像素" in refused.text
    assert "超过 100 万像素" in refused.text
    assert time.perf_counter() - start < 1
    assert left_behind(root) == []


@pytest.mark.parametrize(
    "content",
    [
        files.jpeg((400, 400))[:-600],
        files.png((300, 300))[:-20],
        files.png()[:40] + b"\xff" * 8 + files.png()[48:],
        files.png_claiming(100, 200),
        b"\xff\xd8\xff" + b"\x00" * 500,
        b"\x89PNG\r\n\x1a\n" + files.EXE,
        b"%PDF-1.7\nnothing more",
        files.pdf()[:200],
    ],
)
def test_a_broken_file_is_called_broken(take: Any, root: Path, content: bytes) -> None:
    refused = take(content, "扫描件.png")
    assert isinstance(refused, Problem), refused
    assert "已损坏或不完整" in refused.text
    assert left_behind(root) == []


def test_random_damage_never_raises(take: Any) -> None:
    chance = random.Random(2026)
    originals = [files.jpeg((90, 90)), files.png((90, 90)), files.pdf()]
    for number in range(60):
        content = bytearray(originals[number % 2 if number > 5 else 2])
        for _ in range(20):
            content[chance.randrange(4, len(content))] = chance.randrange(256)
        assert isinstance(take(bytes(content)), (Material, Problem))


def test_where_a_photo_was_taken_is_forgotten_and_it_stands_upright(take: Any, root: Path) -> None:
    photo = files.jpeg((64, 48), exif=files.exif_with_gps(), comment=b"secret comment")
    assert b"SecretPhone" in photo
    material = take(photo)
    kept = stored_bytes(root, material)
    assert b"SecretPhone" not in kept
    assert b"secret comment" not in kept
    assert b"Exif" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        assert dict(image.getexif()) == {}
        assert image.size == (48, 64)


def test_text_in_a_png_is_forgotten_and_transparency_stays(take: Any, root: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    note = PngInfo()
    note.add_text("Author", "SecretAuthor")
    kept = stored_bytes(root, take(files.png(mode="LA", pnginfo=note), "a.png"))
    assert b"SecretAuthor" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        assert image.mode == "RGBA"
        assert image.text == {}


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGBA"])
def test_every_kind_of_png_is_taken(take: Any, mode: str) -> None:
    assert isinstance(take(files.png(mode=mode), "a.png"), Material)


def test_a_cmyk_scan_becomes_an_ordinary_picture(take: Any, root: Path) -> None:
    out = io.BytesIO()
    Image.new("CMYK", (30, 30)).save(out, "JPEG")
    with Image.open(io.BytesIO(stored_bytes(root, take(out.getvalue())))) as image:
        assert image.mode == "RGB"


def test_what_is_hidden_behind_a_picture_is_cut_off(take: Any, root: Path) -> None:
    hidden = b"PK\x03\x04<script>alert(1)</script>"
    for content in (files.jpeg() + hidden, files.png() + hidden):
        assert hidden not in stored_bytes(root, take(content))


def test_a_large_photo_is_kept_at_4000_pixels(take: Any, root: Path) -> None:
    material = take(files.jpeg((5000, 1000)), limits=Limits())
    with Image.open(documents.path(root, material)) as image:
        assert image.size == (4000, 800)


def script(pdf: pikepdf.Pdf) -> None:
    pdf.Root.Names = pikepdf.Dictionary(
        JavaScript=pikepdf.Dictionary(
            Names=pikepdf.Array(
                ["a", pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")]
            )
        )
    )


def action_on_opening(pdf: pikepdf.Pdf) -> None:
    pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")


def action_deep_in_a_page(pdf: pikepdf.Pdf) -> None:
    link = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot,
        Subtype=pikepdf.Name.Link,
        Rect=pikepdf.Array([0, 0, 1, 1]),
        A=pikepdf.Dictionary(
            S=pikepdf.Name.GoTo,
            Next=pikepdf.Array([pikepdf.Dictionary(S=pikepdf.Name.Launch, F="cmd.exe")]),
        ),
    )
    pdf.pages[0].Annots = pikepdf.Array([link])


def attachment(pdf: pikepdf.Pdf) -> None:
    pdf.attachments["virus.exe"] = pikepdf.AttachedFileSpec(pdf, files.EXE)


def xfa(pdf: pikepdf.Pdf) -> None:
    pdf.Root.AcroForm = pikepdf.Dictionary(XFA=pikepdf.Stream(pdf, b"<xdp/>"))


def submit_form(pdf: pikepdf.Pdf) -> None:
    pdf.pages[0].AA = pikepdf.Dictionary(
        O=pikepdf.Dictionary(S=pikepdf.Name.SubmitForm, F="https://example.org")
    )


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (script, "含有脚本（JavaScript）"),
        (action_on_opening, "含有脚本（JavaScript）"),
        (action_deep_in_a_page, "自动运行程序"),
        (attachment, "夹带了其他文件"),
        (xfa, "XFA"),
        (submit_form, "发送数据"),
    ],
)
def test_a_pdf_that_acts_is_refused(
    take: Any, root: Path, change: Callable[[pikepdf.Pdf], None], word: str
) -> None:
    refused = take(files.pdf(change=change), "材料.pdf")
    assert isinstance(refused, Problem)
    assert word in refused.text
    assert left_behind(root) == []


@pytest.mark.parametrize("user", ["", "open sesame"])
def test_an_encrypted_pdf_is_refused_even_if_it_opens(take: Any, user: str) -> None:
    locked = files.pdf(encryption=pikepdf.Encryption(owner="owner", user=user))
    assert "加了密码" in take(locked, "a.pdf").text


def test_a_pdf_with_too_many_pages_is_refused_with_the_number(take: Any) -> None:
    assert take(files.pdf(4), "a.pdf").text == "“a.pdf”有 4 页，最多 3 页，请拆分后上传。"
    assert take(files.pdf(3), "a.pdf").pages == 3


def test_an_ordinary_pdf_is_rewritten_without_author_or_appendix(take: Any, root: Path) -> None:
    def jump_to_first_page(pdf: pikepdf.Pdf) -> None:
        pdf.Root.OpenAction = pikepdf.Array([pdf.pages[0].obj, pikepdf.Name.Fit])

    content = files.pdf(2, change=jump_to_first_page) + b"PK\x03\x04 appended"
    material = take(content, "a.pdf")
    kept = stored_bytes(root, material)
    assert material.pages == 2
    assert b"appended" not in kept
    with pikepdf.open(io.BytesIO(kept)) as pdf:
        assert "/OpenAction" not in pdf.Root
        assert dict(pdf.docinfo) == {}


def test_a_pdf_hidden_in_a_picture_is_only_a_picture(take: Any, root: Path) -> None:
    material = take(files.jpeg() + files.pdf(change=script), "a.pdf")
    assert material.media_type == "image/jpeg"
    assert material.file_name == "a.jpg"
    assert b"%PDF" not in stored_bytes(root, material)


def test_a_pdf_that_unpacks_to_gigabytes_costs_only_its_own_process(take: Any, root: Path) -> None:
    bomb = files.pdf_bomb(gigabytes=4)
    assert len(bomb) < 6_000_000
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    start = time.perf_counter()
    refused = take(bomb, "bomb.pdf", limits=Limits())
    assert isinstance(refused, Problem)
    assert "已损坏或不完整" in refused.text
    assert time.perf_counter() - start < 30
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert max(before, used) * 1024 < 1_500_000_000
    assert left_behind(root) == []


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\杨秀兰\\营业执照.jpg", "营业执照.jpg"),
        ("a\x00.jpg", "a.jpg"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("a\r\nSet-Cookie: x.png", "aSet-Cookie_ x.png"),
        ("长" * 300 + ".jpeg", "长" * 95 + ".jpeg"),
        ("长" * 300, "长" * 100),
        ("..", "未命名"),
        ("", "未命名"),
        (".jpg", "jpg"),
        ('<img src=x onerror="1">.png', "_img src=x onerror=_1__.png"),
        ("\ud800.png", "png"),
    ],
)
def test_a_hostile_name_becomes_only_a_name(raw: str, shown: str) -> None:
    assert clean_name(raw) == shown


def test_a_name_never_decides_what_a_file_is() -> None:
    assert recognise(files.pdf(), "a.png") == "application/pdf"
    assert recognise(files.png(), "a.pdf") == "image/png"
