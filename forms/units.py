"""Forms of a unit's own record."""

from __future__ import annotations

from typing import Annotated, ClassVar

from sqlalchemy.orm import Session

from engine.errors import not_found
from engine.runtime import Actor
from forms.base import RecordForm
from forms.declared import Item
from forms.fields import (
    Address,
    Date,
    Email,
    Landline,
    Mobile,
    PayDay,
    PersonName,
    Postcode,
    ResidentId,
    ShortText,
    UnitName,
    Uscc,
    choice,
    id_number,
)
from handlers.units import codes, queries

BASIC, LEGAL, OPERATOR, PAYING = "单位基本信息", "法定代表人", "单位经办人", "缴存信息"


class UnitInfoChange(RecordForm):
    """单位信息变更 (QDN-01, DZ-U-04, XZ-5.1, SX-6.1)."""

    form_id: ClassVar[str] = "units.UnitInfoChange"
    title: ClassVar[str] = "单位信息变更"
    not_shown: ClassVar[frozenset[str]] = queries.RECORD_FIELDS

    unit_name: Annotated[UnitName, Item(label="单位名称", group=BASIC, required=True)]
    unit_account_no: Annotated[
        ShortText, Item(label="单位账号", group=BASIC, fixed="单位账号由中心编定，终身不变")
    ] = ""
    uscc: Annotated[Uscc, Item(label="统一社会信用代码", group=BASIC, required=True)]
    unit_economic_type: Annotated[
        str, choice(codes.ECONOMIC_TYPES), Item(label="单位经济类型", group=BASIC)
    ] = ""
    unit_address: Annotated[
        Address,
        Item(
            label="单位地址",
            group=BASIC,
            required=True,
            wide=True,
            autocomplete="street-address",
        ),
    ]
    unit_postcode: Annotated[
        Postcode, Item(label="邮政编码", group=BASIC, autocomplete="postal-code")
    ] = ""
    unit_industry: Annotated[str, choice(codes.INDUSTRIES), Item(label="所属行业", group=BASIC)] = (
        ""
    )
    unit_email: Annotated[Email, Item(label="单位电子信箱", group=BASIC, autocomplete="email")] = ""

    legal_rep_name: Annotated[PersonName, Item(label="法定代表人姓名", group=LEGAL, required=True)]
    legal_rep_id_type: Annotated[
        str,
        choice(codes.ID_TYPES),
        Item(label="法定代表人证件类型", group=LEGAL, required=True),
    ]
    legal_rep_id_no: Annotated[
        str,
        id_number("legal_rep_id_type"),
        Item(label="法定代表人证件号码", group=LEGAL, required=True),
    ]

    operator_name: Annotated[
        PersonName,
        Item(label="经办人姓名", group=OPERATOR, fixed="更换经办人请持材料到柜台办理"),
    ] = ""
    operator_id_no: Annotated[
        ResidentId,
        Item(label="经办人证件号码", group=OPERATOR, fixed="更换经办人请持材料到柜台办理"),
    ] = ""
    operator_mobile: Annotated[
        Mobile,
        Item(
            label="经办人手机号码",
            group=OPERATOR,
            required=True,
            hint="办理结果短信发到这个号码",
            autocomplete="tel",
        ),
    ]
    operator_phone: Annotated[Landline, Item(label="固定电话", group=OPERATOR)] = ""

    pay_day: Annotated[PayDay | None, Item(label="发薪日", group=PAYING)] = None
    entrusted_bank_name: Annotated[ShortText, Item(label="受托银行", group=PAYING)] = ""
    contribution_rates: Annotated[
        ShortText,
        Item(
            label="缴存比例（单位 + 个人）",
            group=PAYING,
            fixed="修改比例请办理“缴存比例调整”",
            made_of="unit_rate",
        ),
    ] = ""
    unit_opened_on: Annotated[
        Date, Item(label="开户日期", group=PAYING, fixed="开户日期由中心登记")
    ] = ""

    @classmethod
    def load(cls, session: Session, actor: Actor, scope: str) -> dict[str, str]:
        account_no = queries.account_of(scope)
        record = queries.record(session, account_no, actor.id) if account_no else None
        if record is None:
            raise not_found("单位")
        return {name: record[name] for name in cls.specs()}
