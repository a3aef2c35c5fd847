"""All tables of the product as one MetaData, and the commands that bring a database up to it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData

from engine.models import Base
from webapp.rooms import register_handlers

FOLDER = Path(__file__).resolve().parent


def metadata() -> MetaData:
    """Engine's tables and those of every handler."""
    register_handlers()
    return Base.metadata


def config(url: str) -> Config:
    """Alembic without an alembic.ini: the address always comes from our settings."""
    made = Config()
    made.set_main_option("script_location", str(FOLDER))
    made.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    made.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
    return made


def upgrade(url: str) -> None:
    command.upgrade(config(url), "head")


def revise(url: str, message: str) -> None:
    command.revision(config(url), message=message, autogenerate=True)
