"""Operators and staff are two kinds of people with two doors, so they are two tables.

A user is named everywhere by one text, `operator:12` or `staff:3`, which is what the engine
stores in history and inbox rows; it never changes and is never given to another person.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models import Base, UtcDateTime
from handlers.privacy.columns import Encrypted

EVERY_BRANCH = "*"


class Branch(Base):
    """管理部."""

    __tablename__ = "hall_branch"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    phone: Mapped[str] = mapped_column(String(40), default="")
    address: Mapped[str] = mapped_column(String(255), default="")


class Account:
    """What both kinds of people need to come in."""

    KIND: ClassVar[str]

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    mobile: Mapped[str] = mapped_column(Encrypted("person.mobile"), default="")
    password_hash: Mapped[str] = mapped_column(String(200))
    password_changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    must_change_password: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=True)

    @property
    def user_id(self) -> str:
        return f"{self.KIND}:{self.id}"


class Operator(Account, Base):
    """单位经办人.  The first operator of a unit signs in with the unit account number."""

    __tablename__ = "hall_operator"
    KIND = "operator"

    unit_account_no: Mapped[str] = mapped_column(String(20), index=True)
    id_type: Mapped[str] = mapped_column(String(2), default="01")
    id_no: Mapped[str] = mapped_column(Encrypted("person.id_no"), default="")
    phone: Mapped[str] = mapped_column(String(20), default="")
    remark: Mapped[str] = mapped_column(String(255), default="")


class Staff(Account, Base):
    """中心工作人员."""

    __tablename__ = "hall_staff"
    KIND = "staff"

    branch_code: Mapped[str] = mapped_column(String(20), default=EVERY_BRANCH)

    posts: Mapped[list[Post]] = relationship(
        back_populates="staff", cascade="all, delete-orphan", order_by="Post.id"
    )


class Role(Base):
    """A post as diagrams know it: the name of a lane (归集审核岗, 单位经办人)."""

    __tablename__ = "hall_role"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    note: Mapped[str] = mapped_column(String(255), default="")


class Post(Base):
    """A role held in one branch, or in every branch when `branch_code` is `*`."""

    __tablename__ = "hall_post"
    __table_args__ = (
        UniqueConstraint("staff_id", "role", "branch_code", name="uq_hall_post_staff_role_branch"),
        Index("ix_hall_post_role_branch", "role", "branch_code"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("hall_staff.id", ondelete="CASCADE"))
    role: Mapped[str] = mapped_column(ForeignKey("hall_role.name"))
    branch_code: Mapped[str] = mapped_column(String(20))

    staff: Mapped[Staff] = relationship(back_populates="posts")


class SigninAttempt(Base):
    """Every try, right or wrong: the audit asks for user, time, origin and result (等保 8.1.4)."""

    __tablename__ = "hall_signin_attempt"
    __table_args__ = (
        CheckConstraint("outcome in ('failed', 'ok', 'locked', 'disabled')", name="outcome"),
        Index("ix_hall_signin_attempt_login", "door", "login", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    door: Mapped[str] = mapped_column(String(10))
    login: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    outcome: Mapped[str] = mapped_column(String(10))
    user_id: Mapped[str | None] = mapped_column(String(40), default=None)
    ip: Mapped[str] = mapped_column(String(45), default="")


class SigninGuard(Base):
    """One row per login tried: the row everybody must hold while counting failures."""

    __tablename__ = "hall_signin_guard"
    __table_args__ = (UniqueConstraint("door", "login", name="uq_hall_signin_guard_door_login"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    door: Mapped[str] = mapped_column(String(10))
    login: Mapped[str] = mapped_column(String(64))
    touched_at: Mapped[datetime] = mapped_column(UtcDateTime)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)


class SigninSession(Base):
    """A signed-in browser.  Only the hash of its token is kept: a stolen table opens nothing."""

    __tablename__ = "hall_signin_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str] = mapped_column(String(40), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime, default=None)
    ip: Mapped[str] = mapped_column(String(45), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")


class Captcha(Base):
    """A question asked once.  Its id is random, so nobody can use up a stranger's question."""

    __tablename__ = "hall_captcha"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    answer: Mapped[str] = mapped_column(String(8))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
