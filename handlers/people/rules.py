"""What a good password is, and when a login is locked.

Pure.  The numbers follow the baseline for level-three systems (GB/T 22239-2019 §8.1.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.calendar import ZONE
from engine.errors import Problem

PASSWORD_CHARS_MIN = 8
PASSWORD_CHARS_MAX = 128  # argon2 reads all of it: a megabyte password would be an attack
PASSWORD_CLASSES_MIN = 3
FAILURE_WINDOW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class LockRule:
    """After so many failures in a row the login rests for so long; section [signin]."""

    attempts: int = 5
    minutes: int = 15


LOCK_RULE = LockRule()


def judge_password(password: str, login: str = "") -> Problem | None:
    """None when the password may be used."""
    if len(password) < PASSWORD_CHARS_MIN:
        return Problem(
            "password.short", f"新密码至少 {PASSWORD_CHARS_MIN} 位，请再加长一些。", "new"
        )
    if len(password) > PASSWORD_CHARS_MAX:
        return Problem("password.long", f"新密码最多 {PASSWORD_CHARS_MAX} 位，请缩短。", "new")
    if character_classes(password) < PASSWORD_CLASSES_MIN:
        return Problem(
            "password.simple",
            "新密码过于简单，请在大写字母、小写字母、数字、符号中至少使用三种。",
            "new",
        )
    if login and login.lower() in password.lower():
        return Problem("password.login", "新密码不能包含登录账号，请换一个。", "new")
    return None


def character_classes(password: str) -> int:
    tests = (str.isupper, str.islower, str.isdigit)
    found = sum(any(test(char) for char in password) for test in tests)
    return found + any(not char.isalnum() or not char.isascii() for char in password)


def lock_after(failures_at: Sequence[datetime], rule: LockRule = LOCK_RULE) -> datetime | None:
    """Until when a login is locked, given its failures in a row, oldest first."""
    recent = [at for at in failures_at if failures_at[-1] - at < FAILURE_WINDOW]
    if len(recent) < rule.attempts:
        return None
    return recent[-1] + timedelta(minutes=rule.minutes)


def locked_text(until: datetime, rule: LockRule = LOCK_RULE) -> str:
    return (
        f"连续输错 {rule.attempts} 次，账号已锁定到 {until.astimezone(ZONE):%H:%M}，"
        "请到时再试；忘记密码请联系所属管理部重置。"
    )
