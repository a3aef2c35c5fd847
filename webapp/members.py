"""职工信息查询: a unit's people, one member's facts and ledger, read from the books.

Operators read their own unit, staff the units of their branches.  An ID number that is searched
for travels by POST and goes on as the number of a row, so that no address, log or history holds
it.  Names of pages and buttons are the manual's (XZ §6.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine.database import number_in
from handlers.amounts import rate_text
from handlers.identifiers import compact, mask_card, mask_id, mask_mobile
from handlers.members import queries, statements, subjects
from handlers.members.codes import (
    ACCOUNT_STATUSES,
    CLOSED,
    FROZEN,
    GENDERS,
    NORMAL,
    SEAL_REASONS,
    SEALED,
    WITHDRAWAL_REASONS,
)
from handlers.members.models import IndividualAccount
from handlers.members.operations import unknown_account
from handlers.members.queries import CLOSED_KINDS, NOBODY, Filter
from handlers.members.statements import Span
from handlers.privacy import disclosure
from handlers.privacy.masking import masked_text
from handlers.registers import catalog
from handlers.registers.asking import ask, reader_of
from handlers.units import books
from handlers.units.models import Unit
from handlers.units.rules import rates_text
from webapp.format import day, local, money
from webapp.inboxes import typed_day
from webapp.registerpage import Taking, taking
from webapp.runtime import actor, center, me, now, runtime, session

bp = Blueprint("members", __name__)

NAME_CHARS_MAX = 40
NUMBER_CHARS_MAX = 20  # the columns
DAY_CHARS_MAX = 12
PAGE_ROWS = 20
ROWS_OFFERED = (20, 100, 500)  # 500 print on a dozen sheets; more belongs into a file
LEDGER_ROWS = 50  # four years of months
WRONG_DAY = "请按 2026-07-01 的样式填写。"
STATUSES = (
    ("", "全部"),
    (NORMAL, "正常"),
    (SEALED, "封存"),
    (FROZEN, "冻结"),
    (CLOSED_KINDS, "销户"),
)
TONES = {NORMAL: "done", FROZEN: "stop"}
REGISTER = "members"
# This page's words for what the register asks (its addresses are older).
_PARAMS = {"number": "account", "since": "opened_from", "until": "opened_to"}
_OURS = {theirs: ours for ours, theirs in _PARAMS.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters of the list as they were typed; `unit` is the operator's own, always."""

    unit: str
    status: str
    name: str
    number: str
    person: int | None
    since: str
    until: str
    rows: int

    @property
    def words(self) -> dict[str, str | int]:
        """For addresses: what was asked for, without what nobody asked."""
        found: dict[str, str | int] = {"status": self.status, "name": self.name}
        found |= {"number": self.number, "since": self.since, "until": self.until}
        if self.person is not None:
            found["person"] = self.person
        if self.rows != PAGE_ROWS:
            found["rows"] = self.rows
        if not _is_operator():
            found["unit"] = self.unit
        return {name: value for name, value in found.items() if value != ""}

    def wrong(self, name: str) -> str:
        """A sentence when what was typed is no date; such a filter filters nothing."""
        typed = getattr(self, name)
        return WRONG_DAY if typed and typed_day(typed) is None else ""

    @property
    def filter(self) -> Filter:
        return Filter(
            unit_account_no=self.unit,
            status=self.status,
            name=self.name,
            account_no=self.number,
            person_id=self.person,
            opened_from=typed_day(self.since),
            opened_to=typed_day(self.until),
        )


@bp.get("/members")
def index() -> ResponseReturnValue:
    asked = _asked(request.args)
    after = _digits(request.args.get("after", ""))
    # A reader of many units must name somebody (SX §4.1: at least one condition).
    page = None
    if asked.filter.narrow:
        page = queries.members(
            session(), actor().domains, asked.filter, after=after, limit=asked.rows
        )
    unit = _unit(asked.unit)
    return render_template(
        "members/index.html",
        asked=asked,
        unit=unit,
        page=page,
        rows=[_row(row) for row in page.rows] if page else [],
        sums=_page_sums(page) if page else None,
        statuses=STATUSES,
        rows_offered=[(str(n), f"{n} 人") for n in ROWS_OFFERED],
        today=now(),
        taking=_taking(asked, page),
        next_url=url_for("members.index", after=page.next, **asked.words)
        if page and page.next
        else "",
        first_url=url_for("members.index", **asked.words) if after else "",
    )


@bp.post("/members")
def search() -> ResponseReturnValue:
    """查询: the same list under an address without the ID number that was typed."""
    asked = _asked(request.form)
    words = asked.words
    typed = compact(request.form.get("id_no", "")[:NAME_CHARS_MAX])
    if typed:
        known = typed.isprintable()
        domains = actor().domains
        words["person"] = queries.holder(session(), domains, typed) if known else NOBODY
    return redirect(url_for("members.index", **words), 303)  # type: ignore[arg-type]


@bp.get("/members/<account_no>")
def page(account_no: str) -> ResponseReturnValue:
    account = _account(account_no)
    facts = queries.facts(session(), account)
    return render_template(
        "members/page.html",
        facts=facts,
        account=account,
        member=facts.person,
        groups=_groups(facts),
        status=ACCOUNT_STATUSES[account.account_status],
        tone=TONES.get(account.account_status, "idle"),
        rates=rates_text(account.unit_rate, account.individual_rate),
        # 法院冻结 bars the owner, not the unit's duty to pay.
        paid=account.account_status in (NORMAL, FROZEN),
        subject=subjects.KIND,
        revealable=disclosure.may_reveal(runtime(), actor(), subjects.KIND, account_no),
        today=now(),
    )


@bp.get("/members/<account_no>/ledger")
def ledger(account_no: str) -> ResponseReturnValue:
    account = _account(account_no)
    since, until = (request.args.get(n, "").strip()[:DAY_CHARS_MAX] for n in ("since", "until"))
    before = number_in(request.args.get("before", ""))
    span = Span(typed_day(since), typed_day(until))
    found = statements.statement(
        session(), account.ledger_account_id, span, before=before, limit=LEDGER_ROWS
    )
    facts = queries.facts(session(), account)
    asked = {name: text for name, text in (("since", since), ("until", until)) if text}
    here = {"account_no": account_no, **asked}
    return render_template(
        "members/ledger.html",
        account=account,
        facts=facts,
        member=facts.person,
        found=found,
        shown={row.seq for row in found.rows},
        asked=asked,
        wrong={name: WRONG_DAY for name, text in asked.items() if typed_day(text) is None},
        today=now(),
        next_url=url_for("members.ledger", before=found.next, **here) if found.next else "",
        first_url=url_for("members.ledger", **here) if before else "",
    )


def _is_operator() -> bool:
    profile = me()
    return profile is not None and profile.kind == "operator"


def _account(account_no: str) -> IndividualAccount:
    """Theirs, or one sentence for every other number."""
    known = _digits(account_no) == account_no
    found = queries.account_within(session(), actor().domains, account_no) if known else None
    if found is None:
        raise unknown_account()
    return found


def _unit(account_no: str) -> Unit | None:
    return books.unit_within(session(), actor().domains, account_no) if account_no else None


def _asked(typed: Mapping[str, str]) -> Asked:
    """What was asked in this page's words, or in the register's, whose page sends people here."""
    words = {_OURS.get(name, name): text for name, text in typed.items()}
    status, rows = words.get("status", ""), number_in(words.get("rows", ""))
    profile = me()
    own = profile.unit_account_no if profile and profile.kind == "operator" else None
    return Asked(
        unit=own if own is not None else _digits(words.get("unit", "")),
        status=status if status in dict(STATUSES) else "",
        name=_printable(words.get("name", ""))[:NAME_CHARS_MAX],
        number=_digits(words.get("number", "")),
        person=number_in(words.get("person", "")),
        since=_printable(words.get("since", ""))[:DAY_CHARS_MAX],
        until=_printable(words.get("until", ""))[:DAY_CHARS_MAX],
        rows=rows if rows in ROWS_OFFERED else PAGE_ROWS,
    )


def _taking(asked: Asked, page: queries.Page | None) -> Taking | None:
    """打印, PDF, 数据下载 of the same people through the register, if this centre offers it."""
    reader = reader_of(actor(), local(now()).date(), center().privacy.full)
    listed = (one for one in catalog.offered(center(), reader) if one.key == REGISTER)
    offered = next(listed, None)
    if page is None or offered is None:
        return None
    words = {_PARAMS.get(name, name): str(text) for name, text in asked.words.items()}
    wanted = ask(offered.register, reader, words)
    return taking(offered, wanted, page.totals.people) if wanted.ready else None


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable()).strip()


def _digits(text: str) -> str:
    """An account number without gaps; what no number can be is left as it is and finds nothing."""
    return compact(_printable(text))[:NUMBER_CHARS_MAX]


def _row(row: queries.Row) -> dict[str, Any]:
    account, person = row.account, row.person
    status = account.account_status
    return {
        "number": account.individual_account_no,
        "name": person.person_name,
        "id_no": mask_id(person.id_no),
        "mobile": mask_mobile(person.mobile),
        "status": "销户" if status in CLOSED else ACCOUNT_STATUSES[status],
        "tone": TONES.get(status, "idle"),
        "month": account.paid_through_month,
        "rates": rates_text(account.unit_rate, account.individual_rate),
        "monthly_cents": account.monthly_amount_cents if status == NORMAL else None,
        "balance_cents": row.balance_cents,
        "card": _card(account),
        "opened_on": account.opened_on,
        "base_cents": account.contribution_base_cents,
    }


def _card(account: IndividualAccount) -> str:
    """建设银行 6222: which bank, and how the number ends."""
    return f"{account.joint_card_bank} {account.joint_card_no[-4:]}".strip()


def _page_sums(page: queries.Page) -> dict[str, int]:
    """本页小计; monthly amounts and bases of 正常 accounts, like the sums above the table."""
    normal = [row.account for row in page.rows if row.account.account_status == NORMAL]
    return {
        "people": len(page.rows),
        "balance_cents": sum(row.balance_cents for row in page.rows),
        "monthly_cents": sum(account.monthly_amount_cents for account in normal),
    }


def _groups(facts: queries.Facts) -> dict[str, list[tuple[str, str]]]:
    """Heading → (label, text): every column of XZ §6.1 that no large figure shows."""
    account, person = facts.account, facts.person
    return {
        "职工信息": [
            ("单位名称", facts.unit_name),
            ("职工账号", account.individual_account_no),
            ("职工姓名", person.person_name),
            ("性别", GENDERS.get(person.gender, "")),
            ("身份证号", mask_id(person.id_no)),
            ("职工工号", account.employee_no),
            ("联系电话", masked_text(person.phone)),  # people give a mobile here, too
            ("手机号", mask_mobile(person.mobile)),
            ("联名卡号", mask_card(account.joint_card_no)),
            ("联名卡银行", account.joint_card_bank),
        ],
        "缴存信息": [
            *_days(account),
            ("最近汇缴年月", account.paid_through_month),
            ("最近缴款时间", f"{day(facts.last_paid_on)}{_days_ago(facts.last_paid_on)}"),
            ("工资基数（元）", money(account.contribution_base_cents)),
            ("单位缴存比例", rate_text(account.unit_rate)),
            ("个人缴存比例", rate_text(account.individual_rate)),
            ("单位月缴存额（元）", money(account.unit_monthly_amount_cents)),
            ("职工月缴存额（元）", money(account.individual_monthly_amount_cents)),
            ("上年结转余额（元）", money(facts.carried_forward_cents)),
            ("当年归集余额（元）", money(facts.current_year_cents)),
            ("是否贷款", "是" if facts.has_loan else "否"),
        ],
    }


def _days(account: IndividualAccount) -> list[tuple[str, str]]:
    """What happened to the account, and when."""
    found = [("开户日期", day(account.opened_on))]
    if account.account_status == SEALED and account.sealed_on:
        found.append(("封存日期", day(account.sealed_on)))
        found.append(("封存原因", SEAL_REASONS.get(account.seal_or_close_reason, "")))
    if account.closed_on:
        found.append(("销户日期", day(account.closed_on)))
        found.append(("销户原因", WITHDRAWAL_REASONS.get(account.seal_or_close_reason, "")))
    return found


def _days_ago(then: date | None) -> str:
    """（12 天前）: beside an exact day, for those who count."""
    days = (local(now()).date() - then).days if then else -1
    return {0: "（今天）", 1: "（昨天）"}.get(days, f"（{days} 天前）") if days >= 0 else ""
