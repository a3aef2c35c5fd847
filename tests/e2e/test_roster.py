"""清册 in a real browser: typed, pasted, mended in the grid, imported, filed; also on a phone."""

from __future__ import annotations

import io
import re

import pytest
from openpyxl import Workbook
from playwright.sync_api import Page, expect

from tests.builders.rosterservices import IDS
from tests.e2e.axe import look
from tests.e2e.live import LiveHall, unit_login
from tests.e2e.visitors import Visitors, toast

PAGE = "/services/open_accounts"  # 缴存人登记
TYPING, MENDING, IMPORTING, PHONE, LOOKED_AT = (unit_login(line) for line in range(24, 29))
HEADINGS = ("姓名", "证件号码", "手机号码", "缴存基数")


@pytest.fixture
def desk(hall: LiveHall, visitors: Visitors):
    """Opens the page for a unit, with the rate of the roster chosen."""

    def opened(login: str, **options: object) -> Page:
        page = visitors.signed_in(hall, login, **options)
        page.goto(PAGE)
        choose(page)
        return page

    return opened


def choose(page: Page) -> None:
    with page.expect_navigation():
        page.get_by_label("缴存比例").select_option("8")
    page.wait_for_load_state()


def type_in(page: Page, name: str, number: str, base: str = "5390") -> None:
    form = page.locator("#single")
    form.get_by_label("姓名").fill(name)
    form.get_by_label("证件号码").fill(number)
    form.get_by_label("手机号码").fill("13808556021")
    form.get_by_label("缴存基数").fill(base)


def rows(page: Page):
    return page.locator("[data-grid] tbody tr")


def cell(page: Page, row: int, column: str):
    return page.locator(f'tr[data-row="{row}"] td[data-col="{column}"]')


def paste(page: Page, *lines: tuple[str, ...]) -> None:
    """Ctrl+V of cells copied from a sheet, wherever the focus is."""
    text = "\n".join("\t".join(line) for line in lines)
    page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.setData('text/plain', text);
            document.activeElement.dispatchEvent(
                new ClipboardEvent(
                    'paste', {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        text,
    )


def three(*bases: str) -> list[tuple[str, ...]]:
    names = ("龙德昌", "吴佳琪", "潘明贵")
    return [
        HEADINGS,
        *(
            (name, number, "13808556021", base)
            for name, number, base in zip(names, IDS, bases, strict=False)
        ),
    ]


def test_somebody_types_a_row_sees_what_it_comes_to_and_files_it(desk) -> None:
    page = desk(TYPING)
    type_in(page, "龙德昌", IDS[0])
    expect(page.locator("[data-computed]")).to_contain_text("431.20")
    page.get_by_role("button", name="保存并继续新增").click()
    toast(page, "已加入清册")
    expect(rows(page)).to_have_count(1)
    type_in(page, "吴佳琪", "52260119850101301")
    expect(page.locator("#e-id_no")).to_contain_text("少 1 位")
    page.get_by_role("button", name="确认开户").click()
    asked = page.get_by_role("dialog", name="确认开户")
    expect(asked).to_contain_text("共 1 名")
    expect(asked).to_contain_text("862.40 元")
    asked.get_by_role("button", name="确定提交").click()
    toast(page, "缴存人登记已提交")
    expect(page.locator(".r-filed")).to_contain_text("成功 1 名")


def test_cells_are_mended_in_the_grid_by_keyboard(desk) -> None:
    page = desk(MENDING)
    paste(page, *three("5390", "5.3.90", "6000"))
    toast(page, "粘贴了 3 行，合格 2 行，有误 1 行")
    bad = cell(page, 2, "contribution_base")
    expect(bad).to_have_text("5.3.90")
    cell(page, 1, "contribution_base").click()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    expect(bad).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("7,000")
    page.keyboard.press("Enter")
    expect(bad).to_have_text("7,000.00")
    expect(page.locator('tr[data-row="2"]')).to_contain_text("合格")
    expect(page.locator("#bar")).to_contain_text("合格 3 名")
    expect(cell(page, 3, "contribution_base")).to_be_focused()
    cell(page, 1, "person_name").click()
    page.keyboard.press("Tab")
    expect(cell(page, 1, "id_type")).to_be_focused()
    page.get_by_role("checkbox", name="选择 龙德昌").check()
    page.get_by_role("button", name="删除所选").click()
    toast(page, "已删除 1 行")
    page.get_by_role("button", name="撤销").click()
    toast(page, "已恢复 1 行")
    expect(rows(page)).to_have_count(3)


def test_a_file_is_imported_with_progress_and_its_faults_are_selected(desk, hall: LiveHall) -> None:
    page = desk(IMPORTING)
    page.get_by_role("tab", name="批量导入").click()
    made, out = Workbook(), io.BytesIO()
    for line in three("5390", "1", "6000"):
        made.active.append(line)  # type: ignore[union-attr]
    made.save(out)
    page.locator("#f-file").set_input_files(
        {"name": "开户.xlsx", "mimeType": "application/octet-stream", "buffer": out.getvalue()}
    )
    page.get_by_role("button", name="导入", exact=True).click()
    expect(page.get_by_text("共 3 行，合格 2 行，有误 1 行")).to_be_visible()
    page.get_by_role("button", name="选中错误数据").click()
    expect(page.get_by_role("checkbox", name="选择 吴佳琪")).to_be_checked()
    with page.expect_download() as found:
        page.get_by_role("link", name="下载错误清册").click()
    assert found.value.suggested_filename.endswith("错误数据.xlsx")
    page.get_by_role("button", name="提交所选").click()
    expect(page.get_by_role("dialog", name="提交所选")).to_contain_text("其中 1 行有误")


def test_on_a_phone_rows_are_cards_and_everything_is_reached(desk) -> None:
    page = desk(PHONE, viewport={"width": 390, "height": 844})
    paste(page, *three("5390", "1"))
    toast(page, "粘贴了 2 行")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cell(page, 2, "contribution_base").click()
    page.keyboard.type("6200")
    page.keyboard.press("Enter")
    expect(cell(page, 2, "contribution_base")).to_contain_text("6,200.00")
    page.get_by_role("checkbox", name="选择 吴佳琪").check()
    page.get_by_role("button", name="提交所选").click()
    page.get_by_role("button", name="确定提交").click()
    toast(page, "缴存人登记已提交")
    page.get_by_role("link", name="查看全部").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("清册")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    ("login", "key"),
    [
        (LOOKED_AT, "rate_adjustment"),
        (LOOKED_AT, "remittance_assessment"),
        (LOOKED_AT, "base_adjustment"),
        ("qdn014", "bank_statement"),
        ("qdn014", "suspense_clearing"),
    ],
)
def test_axe_finds_nothing_on_applications_and_services_of_staff(
    hall: LiveHall, visitors: Visitors, login: str, key: str
) -> None:
    page = visitors.signed_in(hall, login)
    page.goto(f"/services/{key}")
    choice = page.locator("#filing select")
    # on a fresh day nobody's money waits for a place
    if choice.count() and choice.first.locator("option").count() > 1:
        choice.first.select_option(index=1)
        expect(page.locator("[data-saved]")).to_contain_text("自动保存")
    look(page, f"service-{key}")


def test_axe_finds_nothing_on_any_state_of_a_roster(desk) -> None:
    page = desk(LOOKED_AT)
    look(page, "roster-empty")
    paste(page, *three("5390", "1", "6000"))
    toast(page, "粘贴了 3 行")
    look(page, "roster-rows")
    cell(page, 1, "contribution_base").click()
    look(page, "roster-editing")
    page.keyboard.press("Escape")
    for name in ("批量导入", "粘贴录入"):
        page.get_by_role("tab", name=name).click()
        look(page, f"roster-{name}")
    page.get_by_role("tab", name="单笔录入").click()
    type_in(page, "欧阳志强", "1")
    page.get_by_role("button", name="录入清册", exact=True).click()
    expect(page.locator(".is-invalid").first).to_be_visible()
    look(page, "roster-refused")
    page.get_by_role("link", name="打印清册").click()
    look(page, "roster-print")
    page.goto(PAGE)
    page.get_by_role("button", name="确认开户").click()
    look(page, "roster-confirm")
    page.get_by_role("button", name="确定提交").last.click()
    toast(page, "缴存人登记已提交")
    look(page, "roster-request")
    page.get_by_role("link", name=re.compile("打印回单")).click()
    look(page, "roster-receipt")
