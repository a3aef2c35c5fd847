"""缴存比例调整 (DZ-U-09, XZ-2.3, CX-U22, QDN-05)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from sqlalchemy.orm import Session

from engine.errors import Problem, not_found
from engine.runtime import Actor
from forms.applications import ApplicationForm, Desk, Panel
from forms.declared import BoundSpec, Item
from forms.fields import Rate, ShortText, text
from forms.kinds import Kind, Options
from handlers.amounts import money_text, parse_rate, rate_text
from handlers.centers import ServiceTexts
from handlers.contributions import amounts, changes, finding, rates
from handlers.contributions.rates import INDIVIDUAL_RATE, OFFER, RATE, UNIT_RATE, Rates
from handlers.contributions.terms import terms
from handlers.members.codes import NORMAL
from handlers.units import queries as units
from handlers.units.models import Unit

NOW, NEW = "现在的比例", "调整后的比例"
FIELDS, OFFERED = "fields", "offered"
LOWER = "lower"  # condition of materials, fact of the decision table
OFFER_CHARS_MAX = 12
SHOWN_MAX = 10  # people whose new amounts the page shows
_FIELDS = {
    "both": (UNIT_RATE, INDIVIDUAL_RATE),
    "one": (RATE,),
    "unit": (UNIT_RATE,),
    "listed": (OFFER,),
}


def _words(value: str) -> str:
    chosen = rates.offer(value)
    return rates.both_text(chosen) if chosen else value


Chosen = Annotated[
    str,
    Kind(
        check=lambda typed, _: typed,
        maxlength=OFFER_CHARS_MAX,
        widget="select",
        spaced=False,
        mask=_words,  # how a choice reads to somebody who did not make it
    ),
]


class RateAdjustment(ApplicationForm):
    """Option `fields` says which fields a centre's people fill in (it hides the others); `offered`
    lists the rates of the drop-down, "5, 8, 12/10"."""

    form_id: ClassVar[str] = "contributions.RateAdjustment"
    title: ClassVar[str] = "缴存比例调整"
    condition_names: ClassVar[frozenset[str]] = frozenset({LOWER})
    options: ClassVar[Mapping[str, str | int | bool]] = {
        FIELDS: "both",
        OFFERED: "5, 6, 7, 8, 9, 10, 11, 12",
    }

    old_unit_rate: Annotated[
        ShortText, Item(label="单位缴存比例", group=NOW, fixed="现在的比例由系统登记")
    ] = ""
    old_individual_rate: Annotated[
        ShortText, Item(label="个人缴存比例", group=NOW, fixed="现在的比例由系统登记")
    ] = ""
    unit_rate: Annotated[Rate | None, Item(label="调整后单位比例（%）", group=NEW)] = None
    individual_rate: Annotated[Rate | None, Item(label="调整后个人比例（%）", group=NEW)] = None
    rate: Annotated[
        Rate | None, Item(label="调整后缴存比例（%）", group=NEW, hint="单位、个人相同")
    ] = None
    offer: Annotated[Chosen, Item(label="调整后比例规格", group=NEW)] = ""
    reason: Annotated[str, text(200), Item(label="调整原因", group=NEW, wide=True)] = ""

    @classmethod
    def load(cls, session: Session, actor: Actor, scope: str) -> dict[str, str]:
        account_no = units.account_of(scope) or ""
        unit = units.unit(session, account_no)
        if unit is None or units.record(session, account_no, actor.id) is None:
            raise not_found("单位")
        now = {
            "old_unit_rate": rate_text(unit.unit_rate),
            "old_individual_rate": rate_text(unit.individual_rate),
        }
        return dict.fromkeys(cls.specs(), "") | now

    @classmethod
    def bound(cls, texts: ServiceTexts | None) -> list[BoundSpec]:
        """Only the fields this centre's way of asking has, and those are required."""
        mode = str(texts.options.get(FIELDS, cls.options[FIELDS])) if texts else "both"
        asked = _FIELDS.get(mode, ())
        others = {name for names in _FIELDS.values() for name in names} - set(asked)
        return [
            replace(spec, required=spec.required or spec.name in asked)
            for spec in super().bound(texts)
            if spec.name not in others
        ]

    @classmethod
    def conditions(cls, current: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
        """`lower`: on either side, as far as the fields say (XZ-2.3)."""
        now = tuple(
            _rate(current.get(name, "")) for name in ("old_unit_rate", "old_individual_rate")
        )
        for mode in rates.MODES:
            if now[0] is None or now[1] is None or not _filled(mode, values):
                continue
            new = rates.wished(mode, dict(values), (now[0], now[1]))
            if not isinstance(new, Problem) and rates.is_lower(new, (now[0], now[1])):
                return [LOWER]
        return []

    @classmethod
    def misfits(cls, texts: ServiceTexts) -> list[Problem]:
        problems = super().misfits(texts)
        mode = texts.options.get(FIELDS, cls.options[FIELDS])
        if mode not in rates.MODES:
            words = (
                f"“{cls.title}”的选项 fields 应为 {'、'.join(rates.MODES)} 之一，现在是“{mode}”。"
            )
            return [*problems, Problem("form.option", words, FIELDS)]
        if len(rates.offers(str(offered := texts.options.get(OFFERED, "5")))) == 0:
            words = f"“{cls.title}”的选项 offered 应写成 5, 8, 12/10 的样子，现在是“{offered}”。"
            problems.append(Problem("form.option", words, OFFERED))
        lacking = [name for name in _FIELDS[str(mode)] if name in texts.hidden]
        text = f"“{cls.title}”按 fields = {mode} 填写，不能隐藏{'、'.join(lacking)}。"
        return problems + ([Problem("form.option", text, FIELDS)] if lacking else [])

    @classmethod
    def choices(cls, desk: Desk) -> Mapping[str, Options]:
        return {OFFER: rates.offers(str(cls._option(desk, OFFERED)))}

    @classmethod
    def judge(cls, desk: Desk, values: Mapping[str, str]) -> list[Problem]:
        unit = units.unit(desk.session, desk.unit_account_no)
        refused = changes.standing(unit)
        if unit is None or refused is not None:
            return [refused] if refused else []
        new = cls._wished(desk, values, unit)
        if isinstance(new, Problem):
            return [new]
        return rates.adjusting(desk.session, unit, desk.day).problems(new)

    @classmethod
    def panels(cls, desk: Desk, values: Mapping[str, str]) -> list[Panel]:
        """The first people's shares, before and after; harmless while nothing sensible is typed."""
        unit = units.unit(desk.session, desk.unit_account_no)
        new = cls._wished(desk, values, unit) if unit else None
        if unit is None or new is None or isinstance(new, Problem):
            return []
        rounding = terms(desk.session, desk.day, unit.branch_code).rounding
        rows = []
        members = finding.members(
            desk.session, unit.unit_account_no, {NORMAL}, pieces=SHOWN_MAX + 1
        )
        for held, _ in zip(members, range(SHOWN_MAX), strict=False):
            shares = amounts.shares(held.base_cents, *new, rounding)
            sums = (held.base_cents, held.total_cents, shares.total_cents)
            rows.append((held.account_no, held.name, *map(money_text, sums)))
        headings = ("个人账号", "姓名", "缴存基数", "现月缴存额", "调整后月缴存额")
        note = f"单位共有正常缴存职工 {unit.active_headcount:,} 人，生效后全部按新比例计算。"
        return [Panel("调整后的月缴存额", headings, rows, note, frozenset({2, 3, 4}))]

    @classmethod
    def route_facts(cls, desk: Desk, values: Mapping[str, str]) -> dict[str, Any]:
        """`lower` and the new rates, which the operation writes."""
        unit = units.unit(desk.session, desk.unit_account_no)
        assert unit is not None, desk.scope
        new = cls._wished(desk, values, unit)
        assert not isinstance(new, Problem), "judged before it is filed"
        return {
            LOWER: rates.is_lower(new, (unit.unit_rate, unit.individual_rate)),
            "headcount": unit.active_headcount + unit.sealed_headcount,
            "new_unit_rate": str(new[0]),
            "new_individual_rate": str(new[1]),
        }

    @classmethod
    def _wished(cls, desk: Desk, values: Mapping[str, str], unit: Unit) -> Rates | Problem:
        mode = str(cls._option(desk, FIELDS))
        new = rates.wished(mode, dict(values), (unit.unit_rate, unit.individual_rate))
        offered = dict(rates.offers(str(cls._option(desk, OFFERED))))
        if mode == "listed" and values.get(OFFER, "") not in offered:
            return Problem("rate.missing", "请从下拉列表中选择调整后的缴存比例。", OFFER)
        return new

    @classmethod
    def _option(cls, desk: Desk, name: str) -> str | int | bool:
        return desk.texts.options.get(name, cls.options[name])


def _filled(mode: str, values: Mapping[str, str]) -> bool:
    return all(values.get(name) for name in _FIELDS[mode])


def _rate(text: str) -> Decimal | None:
    found = parse_rate(text)
    return None if isinstance(found, Problem) else found
