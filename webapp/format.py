"""How values read on a screen: times in Asia/Shanghai, money from 分, masked numbers.

Everything is a pure function of its arguments; `register` binds the clock and hands them to Jinja.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask import Flask

from handlers.privacy.masking import NAMES, kind_of, masked_text

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEKDAYS = "一二三四五六日"
JUST_NOW = timedelta(minutes=1)
AN_HOUR = timedelta(hours=1)
Clock = Callable[[], datetime]


def local(at: datetime) -> datetime:
    assert at.tzinfo is not None, "a naive time reached a page"
    return at.astimezone(SHANGHAI)


def exact(at: datetime | None) -> str:
    return "" if at is None else f"{local(at):%Y-%m-%d %H:%M:%S}"


def iso(at: datetime | None) -> str:
    return "" if at is None else local(at).isoformat(timespec="seconds")


def clock_time(at: datetime) -> str:
    return f"{local(at):%H:%M}"


def day(on: date | datetime | None) -> str:
    """2026-07-15"""
    if on is None:
        return ""
    return f"{local(on) if isinstance(on, datetime) else on:%Y-%m-%d}"


def long_day(at: datetime) -> str:
    """2026年7月15日 星期三"""
    on = local(at)
    return f"{on.year}年{on.month}月{on.day}日 星期{WEEKDAYS[on.weekday()]}"


def day_of_month(at: datetime) -> int:
    return local(at).day


def month_of_year(at: datetime) -> str:
    """7月: under the large day of a calendar leaf."""
    return f"{local(at).month}月"


def tally(number: int) -> str:
    """37 · 99+: a count of the engine that stopped counting says so; nothing when it met none."""
    if not getattr(number, "more", False):
        return str(int(number))
    return f"{int(number)}+" if number else ""


def moment(at: datetime) -> str:
    """7月15日 09:30"""
    on = local(at)
    return f"{on.month}月{on.day}日 {on:%H:%M}"


def ago(at: datetime | None, now: datetime) -> str:
    """刚刚 · 8 分钟前 · 今天 09:31 · 昨天 16:02 · 7月10日 · 2025-12-24"""
    if at is None:
        return ""
    then, today = local(at), local(now).date()
    age = now - at
    if timedelta(0) <= age < JUST_NOW:
        return "刚刚"
    if timedelta(0) <= age < AN_HOUR:
        return f"{int(age.total_seconds() // 60)} 分钟前"
    if then.date() == today:
        return f"今天 {then:%H:%M}"
    if then.date() == today - timedelta(days=1):
        return f"昨天 {then:%H:%M}"
    if then.year == today.year:
        return f"{then.month}月{then.day}日"
    return f"{then:%Y-%m-%d}"


def days_left(due_at: datetime, now: datetime) -> int:
    """Calendar days between the two local dates; negative when the day has passed."""
    return (local(due_at).date() - local(now).date()).days


def due_text(due_at: datetime | None, now: datetime) -> str:
    """剩 2 天 · 今日 17:30 前 · 已过今日 17:30 · 超期 1 天"""
    if due_at is None:
        return ""
    days = days_left(due_at, now)
    if days > 0:
        return f"剩 {days} 天"
    if days < 0:
        return f"超期 {-days} 天"
    if due_at < now:
        return f"已过今日 {clock_time(due_at)}"
    return f"今日 {clock_time(due_at)} 前"


def due_class(due_at: datetime | None, now: datetime) -> str:
    if due_at is None:
        return ""
    if due_at < now:
        return "is-over"
    return "is-today" if days_left(due_at, now) == 0 else ""


def money(cents: int | None) -> str:
    """26843040 → 268,430.40"""
    if cents is None:
        return ""
    sign = "-" if cents < 0 else ""
    yuan, rest = divmod(abs(cents), 100)
    return f"{sign}{yuan:,}.{rest:02d}"


def rate(percent: Decimal | None) -> str:
    """8.00 → 8%, 5.50 → 5.5%"""
    return "" if percent is None else f"{Decimal(percent).normalize():f}%"


def month(value: str | None) -> str:
    """2026-07 → 2026年7月"""
    if not value or len(value) != len("2026-07"):
        return value or ""
    return f"{value[:4]}年{int(value[5:])}月"


def mask_mobile(mobile: str | None) -> str:
    """138****6021"""
    text = mobile or ""
    return f"{text[:3]}****{text[-4:]}" if len(text) == len("13800000000") else "*" * len(text)


def mask_name(name: str | None) -> str:
    """张*: the family name alone."""
    text = name or ""
    return text[:1] + "*" * (len(text) - 1)


def mask_id(number: str | None) -> str:
    """First six and last four of an identity number."""
    text = number or ""
    return f"{text[:6]}{'*' * (len(text) - 10)}{text[-4:]}" if len(text) > 10 else "*" * len(text)


def number_name(field: str) -> str:
    """old.legal_rep_id_no → 证件号码"""
    return NAMES.get(kind_of(field) or "", field)


def track_text(progress: str) -> str:
    """The words behind a row of ticks: 第3步，共6步."""
    steps = len(progress)
    if "x" in progress:
        return f"退回到第{progress.index('x') + 1}步，共{steps}步"
    if "c" in progress:
        return f"第{progress.index('c') + 1}步，共{steps}步"
    walked = progress.count("d")
    return f"{steps}步全部完成" if walked == steps else f"已走{walked}步，共{steps}步"


PLAIN = (
    clock_time,
    day,
    day_of_month,
    exact,
    iso,
    long_day,
    mask_id,
    mask_mobile,
    mask_name,
    masked_text,
    moment,
    money,
    month,
    month_of_year,
    number_name,
    rate,
    tally,
    track_text,
)
WITH_CLOCK = (ago, days_left, due_text, due_class)


def register(app: Flask, clock: Clock) -> None:
    filters = app.jinja_env.filters
    for function in PLAIN:
        filters[function.__name__] = function
    for timed in WITH_CLOCK:
        filters[timed.__name__] = _at_clock(timed, clock)


def _at_clock(function: Callable[..., object], clock: Clock) -> Callable[[datetime | None], object]:
    return lambda at: function(at, clock())
