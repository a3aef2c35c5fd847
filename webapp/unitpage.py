"""单位基本情况: what is registered of a unit and what the books say of it.

Operators have one page, `/unit`; staff look a unit of their branches up by number or name.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine.errors import NotFound, Problem
from forms.excel.exports import ExportColumn
from handlers.amounts import rate_text
from handlers.identifiers import mask_card, mask_id, mask_mobile
from handlers.months import month_after, month_of
from handlers.people import queries as people
from handlers.privacy import disclosure
from handlers.units import books
from handlers.units.codes import ECONOMIC_TYPES, ID_TYPES, INDUSTRIES, UNIT_STATUSES
from handlers.units.models import Unit
from handlers.units.states import DEFERRED, NORMAL
from webapp import charts, printing
from webapp.format import day, local, money
from webapp.printing import PrintSheet
from webapp.runtime import actor, center, me, now, runtime, session
from webapp.security import audience

bp = Blueprint("units", __name__)

QUERY_CHARS_MAX = 40
PAGE_ROWS = 20
ORG_CODE = slice(8, 17)  # of a credit code (GB 32100): the nine characters of the old one
TONES = {NORMAL: "done", DEFERRED: "wait"}


@bp.get("/unit")
@audience("operator")
def own() -> ResponseReturnValue:
    profile = me()
    assert profile is not None
    unit = books.unit_within(session(), actor().domains, profile.unit_account_no or "")
    if unit is None:
        raise unknown_unit()
    return _page(unit)


@bp.get("/units")
@audience("staff")
def index() -> ResponseReturnValue:
    q, after = (_printable(request.args.get(name, "")) for name in ("q", "after"))
    rows, following = books.find(
        session(), actor().domains, q, after=after[:QUERY_CHARS_MAX], limit=PAGE_ROWS
    )
    return render_template(
        "units/index.html",
        q=q,
        rows=rows,
        statuses=UNIT_STATUSES,
        tones=TONES,
        branches={branch.code: branch.name for branch in center().branches},
        next_url=url_for("units.index", q=q or None, after=following) if following else "",
        first_url=url_for("units.index", q=q or None) if after else "",
    )


@bp.get("/units/<account_no>")
@audience("staff")
def page(account_no: str) -> ResponseReturnValue:
    known = account_no.isprintable() and len(account_no) <= QUERY_CHARS_MAX
    unit = books.unit_within(session(), actor().domains, account_no) if known else None
    if unit is None:
        raise unknown_unit()
    return _page(unit)


@bp.get("/unit.pdf")
@audience("operator")
def own_paper() -> ResponseReturnValue:
    profile = me()
    assert profile is not None
    return _paper(profile.unit_account_no or "")


@bp.get("/units/<account_no>.pdf")
@audience("staff")
def paper(account_no: str) -> ResponseReturnValue:
    return _paper(account_no)


def _paper(account_no: str) -> ResponseReturnValue:
    """单位基本情况 on A4: the two tables of the page, one below the other."""
    known = account_no.isprintable() and len(account_no) <= QUERY_CHARS_MAX
    unit = books.unit_within(session(), actor().domains, account_no) if known else None
    if unit is None:
        raise unknown_unit()
    groups = _groups(unit, books.books(session(), account_no))
    sheet = PrintSheet(
        title="单位基本情况",
        columns=[ExportColumn("类别"), ExportColumn("项目"), ExportColumn("内容", width=40)],
        rows=[(name, label, text or "—") for name, rows in groups.items() for label, text in rows],
        at=now(),
        by=actor().name,
        filters=[("单位名称", unit.unit_name), ("单位账号", account_no)],
    )
    answer = Response(printing.pdf_of(printing.sheet_html(sheet)), mimetype="application/pdf")
    name = quote(f"单位基本情况{local(now()):%Y%m%d}.pdf")
    answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    return answer


def unknown_unit() -> NotFound:
    """One sentence for 'does not exist' and 'not yours', so that numbers cannot be probed."""
    text = "没有找到这个单位账号，请核对账号，或用单位名称重新查找。"
    return NotFound(Problem("units.not_found", text))


def chart_of(unit: Unit) -> charts.Chart | None:
    """缴存统计: twelve months up to the last one, or up to what is paid already."""
    last = max(month_after(month_of(local(now()).date()), -1), unit.paid_through_month)
    return charts.remittances(books.remitted(session(), unit.unit_account_no, last))


def _page(unit: Unit) -> ResponseReturnValue:
    found = books.books(session(), unit.unit_account_no)
    return render_template(
        "units/page.html",
        unit=unit,
        books=found,
        status=UNIT_STATUSES[unit.unit_status],
        tone=TONES.get(unit.unit_status, "idle"),
        groups=_groups(unit, found),
        chart=chart_of(unit),
        revealable=disclosure.may_reveal(runtime(), actor(), "unit", unit.unit_account_no),
        today=now(),
    )


def _groups(unit: Unit, found: books.UnitBooks) -> dict[str, list[tuple[str, str]]]:
    """Heading → (label, text): the two tables of XZ §6.2."""
    branch = center().branch(unit.branch_code)
    return {
        "单位基本信息": [
            ("单位账号", unit.unit_account_no),
            ("单位名称", unit.unit_name),
            ("管理部", branch.name if branch else unit.branch_code),
            ("统一社会信用代码", unit.uscc),
            ("组织机构代码", unit.uscc[ORG_CODE]),
            ("单位性质", ECONOMIC_TYPES.get(unit.unit_economic_type, "")),
            ("所属行业", INDUSTRIES.get(unit.unit_industry, "")),
            ("经营地址", unit.unit_address),
            ("邮编", unit.unit_postcode),
            ("固定电话", unit.unit_phone),
            ("法人代表", unit.legal_rep_name),
            ("法人证件类型", ID_TYPES.get(unit.legal_rep_id_type, "")),
            ("法人证件号码", mask_id(unit.legal_rep_id_no)),
            *_operator(unit),
            ("发薪日", f"每月 {unit.pay_day} 日" if unit.pay_day else ""),
            ("受托银行", unit.entrusted_bank_name),
            ("银行账号", mask_card(unit.bank_account_no)),
        ],
        "公积金基本情况": [
            ("开户时间", day(unit.unit_opened_on)),
            ("首次汇缴年月", books.first_month(session(), unit.unit_account_no)),
            ("最近汇缴年月", unit.paid_through_month),
            ("汇缴状态", UNIT_STATUSES[unit.unit_status]),
            ("单位缴存比例", rate_text(unit.unit_rate)),
            ("职工缴存比例", rate_text(unit.individual_rate)),
            ("单位总人数", f"{found.members:,}"),
            ("汇缴总人数", f"{unit.active_headcount:,}"),
            ("封存人数", f"{unit.sealed_headcount:,}"),
            ("工资基数总额（元）", money(found.base_cents)),
            ("单位月缴存额（元）", money(found.unit_monthly_cents)),
            ("职工月缴存额（元）", money(found.individual_monthly_cents)),
            ("公积金暂存额（元）", money(found.suspense_cents)),
            ("预缴户余额（元）", money(found.advance_cents)),
        ],
    }


def _operator(unit: Unit) -> list[tuple[str, Any]]:
    """The first operator; a unit may have none yet."""
    known = people.operators_of(session(), unit.unit_account_no)
    name, mobile = (known[0].name, known[0].mobile) if known else ("", "")
    return [("经办人", name), ("经办人手机", mask_mobile(mobile))]


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable()).strip()[:QUERY_CHARS_MAX]
