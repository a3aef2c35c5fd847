"""Field types one by one, and the translation of every error pydantic can raise."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core.core_schema import ErrorType

from forms import fields
from forms.kinds import Context, Kind, translate

TODAY = Context(date(2026, 7, 15))


def read(field: Any, typed: Any) -> Any:
    """The value inside, or the sentence."""
    try:
        return TypeAdapter(field).validate_python(typed, context=TODAY)
    except ValidationError as error:
        (first,) = error.errors()
        return translate(first, name="field", label="该项", maxlength=10).text


def kind(field: Any) -> Kind:
    return next(part for part in get_args(field) if isinstance(part, Kind))


@pytest.mark.parametrize(
    ("field", "typed", "value"),
    [
        (fields.UnitName, " 凯里市（云谷）文旅公司 ", "凯里市（云谷）文旅公司"),
        (fields.Uscc, "91110000802100433b", "91110000802100433B"),
        (fields.ResidentId, "11010519491231002x", "11010519491231002X"),
        (fields.Mobile, "138 0855 6021", "13808556021"),
        (fields.Landline, "08558236120", "0855-8236120"),
        (fields.Postcode, "556000", "556000"),
        (fields.BankCard, "6222 0200 0000 0000 000", "6222020000000000000"),
        (fields.Email, "HR@Example.com", "HR@example.com"),
        (fields.Month, "2026年7月", "2026-07"),
        (fields.Month, "202607", "2026-07"),
        (fields.Date, "2014/3/26", "2014-03-26"),
        (fields.Date, "20140326", "2014-03-26"),
        (fields.Money, "9,120.00", 912_000),
        (fields.Rate, "8.5", Decimal("8.50")),
        (fields.PayDay, "31", 31),
        (fields.FileRef, "0" * 32, "0" * 32),
    ],
)
def test_a_field_holds_the_normalised_value_and_gives_it_back(
    field: Any, typed: str, value: Any
) -> None:
    inside = read(field, typed)
    assert inside == value
    assert type(inside) is type(value)
    assert read(field, kind(field).to_text(inside)) == value


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        (fields.Month, "2026-13", "没有这个月份，请按 2026-07 的样子填写年月。"),
        (fields.Date, "2026-02-30", "没有这一天，请按 2026-07-01 的样子填写日期。"),
        (fields.Date, "٢٠٢٦-07-01", "没有这一天，请按 2026-07-01 的样子填写日期。"),
        (fields.PayDay, "32", "发薪日请选择每月 1 日至 31 日中的一天。"),
        (fields.PayDay, "0", "发薪日请选择每月 1 日至 31 日中的一天。"),
        (fields.PayDay, "²", "发薪日请选择每月 1 日至 31 日中的一天。"),
        (fields.FileRef, "../../etc/passwd", "没有找到上传的材料，请重新上传。"),
        (fields.UnitName, "12345", "单位名称含有不能使用的字符，请对照营业执照填写。"),
        (fields.PersonName, "张3", "姓名只能填写汉字、字母和间隔号“·”，请对照证件核对。"),
        (fields.Address, "凯里", "内容太短，至少填写 4 个字。"),
        (fields.Mobile, "1380855602{0}", "手机号码只能是数字，请填写 11 位手机号码。"),
        (fields.ShortText, "凯" * 260, "最多 255 个字，现有 260 个字，请缩短。"),
    ],
)
def test_a_wrong_value_gets_its_sentence(field: Any, typed: str, sentence: str) -> None:
    assert read(field, typed) == sentence


def test_money_says_itself_in_capitals() -> None:
    echo = kind(fields.Money).echo
    assert echo is not None
    assert echo("1680.32") == "人民币壹仟陆佰捌拾元零叁角贰分"
    assert echo("abc") == ""


def test_lines_are_kept_where_a_field_has_lines() -> None:
    check = fields.text(100, lines=True).check
    assert check(" 第一行 \r\n\r\n第二  行\t", TODAY) == "第一行\n\n第二 行"


@pytest.mark.parametrize("error_type", get_args(ErrorType))
def test_no_error_of_pydantic_reaches_the_screen_in_english(error_type: str) -> None:
    error: Any = {"type": error_type, "loc": ("x",), "msg": "Input should be …", "input": "x"}
    problem = translate(error, name="pay_day", label="发薪日", maxlength=2)
    assert problem.field == "pay_day"
    assert "发薪日" in problem.text
    assert not any("a" <= char.lower() <= "z" for char in problem.text)
