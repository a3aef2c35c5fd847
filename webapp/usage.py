"""What is wrong with a command as it was typed, in one sentence instead of click's English."""

from __future__ import annotations

import click


def sentence(error: click.ClickException) -> str:
    """`--date 的值 2026-02-30 不可用：应为存在的日期…`; our own sentences stay as they are."""
    said = error.format_message()
    if said.endswith("。"):
        return said
    hint = f"请执行 {_command(error)} -h 查看用法。"
    if isinstance(error, click.NoSuchOption):
        return f"没有 {error.option_name} 这个选项，{hint}"
    if isinstance(error, click.MissingParameter):
        return f"缺少 {_named(error)}，{hint}"
    if isinstance(error, click.BadParameter):
        wanted = _wanted(error.param.type) if error.param else ""
        return f"{_named(error)} 的值不可用{wanted}，{hint}"
    return f"命令写得不对（{said.rstrip('.')}），{hint}"


def _command(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context else "hall"


def _named(error: click.BadParameter) -> str:
    if error.param is None or error.ctx is None:
        return "参数"
    return error.param.get_error_hint(error.ctx).replace("'", "")


def _wanted(kind: click.ParamType) -> str:
    if isinstance(kind, click.DateTime):
        return "：应为存在的日期，写成 2026-07-01 的样式"
    if isinstance(kind, click.IntRange):
        least = "" if kind.min is None else f"，不小于 {kind.min}"
        most = "" if kind.max is None else f"，不大于 {kind.max}"
        return f"：应为整数{least}{most}"
    if isinstance(kind, click.Path) and kind.exists:
        return "：应为已有的文件" if not kind.dir_okay else "：应为已有的文件或文件夹"
    if isinstance(kind, click.Choice):
        return f"：应为 {'、'.join(map(str, kind.choices))}"
    return ""
