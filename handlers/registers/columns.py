"""Columns and filters that many registers have, each said once: money, days, who, its papers.

`more` takes what else a `Column` or `Filter` has (phone, total, drill …).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.registers.declaring import Column, Default, Drill, Filter, Phone

REQUEST = Drill("request", {"no": "no"})  # the register's `extra` has the number under "no"


def money(name: str, label: str, of: Any, **more: Any) -> Column:
    """分; nothing is summed unless `total` says so."""
    return Column(name=name, label=label, of=of, kind="money", **more)


def count(name: str, label: str, of: Any, **more: Any) -> Column:
    return Column(name=name, label=label, of=of, kind="count", **more)


def rate(name: str, label: str, of: Any, **more: Any) -> Column:
    return Column(name=name, label=label, of=of, kind="rate", **more)


def day(name: str, label: str, of: Any, **more: Any) -> Column:
    return Column(name=name, label=label, of=of, kind="day", **more)


def month(name: str, label: str, of: Any, **more: Any) -> Column:
    return Column(name=name, label=label, of=of, kind="month", **more)


def moment(name: str, label: str, of: Any, phone: Phone = "off") -> Column:
    return Column(name=name, label=label, of=of, kind="moment", phone=phone)


def note(name: str, label: str, of: Any, phone: Phone = "off", **more: Any) -> Column:
    """What people have typed."""
    return Column(name=name, label=label, of=of, kind="note", phone=phone, **more)


def state(
    of: Any,
    tones: Mapping[str, str],
    *,
    label: str = "状态",
    words: Mapping[str, str] | None = None,
) -> Column:
    return Column(name="state", label=label, of=of, kind="state", words=words, tones=tones)


def by(of: Any, label: str = "经办人") -> Column:
    return Column(name="by", label=label, of=of, phone="off")


def request_no(of: Any, phone: Phone = "row") -> Column:
    """流水号, which leads to the request."""
    return Column(name="no", label="流水号", of=of, phone=phone, drill=REQUEST)


def action(name: str, label: str, of: Any, *, text: str, drill: Drill, phone: Phone) -> Column:
    """Something to click on in every row; it is in no file."""
    return Column(
        name=name, label=label, of=of, read=lambda _: text, action=True, drill=drill, phone=phone
    )


def receipt(of: Any, phone: Phone = "end") -> Column:
    """凭证, to print again."""
    drill = Drill("receipt", {"no": "no"})
    return action("receipt", "凭证", of, text="打印", drill=drill, phone=phone)


def ask_days(name: str, label: str, of: Any = None, default: Default = "", **more: Any) -> Filter:
    return Filter(name=name, label=label, kind="days", of=of, default=default, **more)


def ask_months(name: str, label: str, of: Any, default: Default = "") -> Filter:
    return Filter(name=name, label=label, kind="months", of=of, default=default)


def ask_choice(
    name: str, label: str, options: Mapping[str, str], of: Any = None, **more: Any
) -> Filter:
    return Filter(name=name, label=label, kind="choice", options=options, of=of, **more)


def ask_fund_year() -> Filter:
    """A fund year that has ended, the latest unless another is chosen (SX-4.3)."""
    return Filter(name="year", label="公积金年度", kind="fund_year", default="latest")
