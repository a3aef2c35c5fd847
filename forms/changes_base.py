"""What the rosters about a unit's people have in common: the columns that say whom a row means, the
check of the unit, and the way from texts to accounts.

A person is named by account number, paper or name; what was not typed is shown beside it, the
paper masked, in columns of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

from engine.errors import Problem
from forms.declared import Item
from forms.fields import Money, PersonName, ShortText, text
from forms.kinds import Context, Kind
from forms.rosters.base import Column, ColumnSpec, Desk, RosterForm, Row
from forms.typed import clean
from handlers.centers import ServiceTexts
from handlers.contributions import bases, changes, finding
from handlers.contributions.finding import Held
from handlers.identifiers import compact, half_width, mask_id
from handlers.members.openings import ID_NO_CHARS_MAX
from handlers.privacy.columns import blind
from handlers.rosters import store
from handlers.rosters.models import SOUND
from handlers.units import queries as units
from handlers.units.models import Unit

WHO, PAY, WHY = "职工", "缴存", "原因"
ACCOUNT_CHARS_MAX = 20  # the column
ENTRY = "entry"  # which column a centre's people fill in: base, amount; both: the parameter decides
_PIECE = 2_000
_SUBJECT = "roster.subject"


def _account_no(typed: str, _: Context) -> str | Problem:
    number = compact(typed)
    if number.isascii() and number.isalnum() and len(number) <= ACCOUNT_CHARS_MAX:
        return number
    return Problem("account_no.format", "账号只能是数字和字母，请对照职工信息查询核对。")


def _paper(typed: str, _: Context) -> str | Problem:
    """A number to look somebody up by; whether it is right shows when somebody has it."""
    value = clean(half_width(typed))
    if isinstance(value, Problem):
        return value
    number = compact(value)
    if 0 < len(number) <= ID_NO_CHARS_MAX:
        return number
    return Problem("id_no.length", f"证件号码最多 {ID_NO_CHARS_MAX} 位，请对照证件核对。")


AccountNo = Annotated[
    str,
    Kind(
        check=_account_no,
        maxlength=ACCOUNT_CHARS_MAX,
        inputmode="numeric",
        pattern="[0-9A-Za-z]*",
        pattern_hint="12 位个人账号",
    ),
]
Paper = Annotated[str, Kind(check=_paper, maxlength=ID_NO_CHARS_MAX, mask=mask_id)]
Remark = Annotated[str, text(60)]

# Columns several rosters have.  Names of headings are those of the five manuals' own sheets.
ByAccount = Annotated[
    AccountNo,
    Item(label="个人账号", group=WHO),
    Column(width=16, aliases=("职工账号", "个人公积金账号", "公积金账号", "个人帐号", "职工帐号")),
]
ByName = Annotated[
    PersonName,
    Item(label="姓名", group=WHO),
    Column(width=12, aliases=("职工姓名", "个人姓名", "缴存人姓名", "员工姓名")),
]
ByPaper = Annotated[
    Paper,
    Item(label="证件号码", group=WHO),
    Column(
        width=22, aliases=("身份证号码", "身份证号", "证件号", "居民身份证号码", "职工证件号码")
    ),
]
Registered = Annotated[
    ShortText, Item(label="登记证件", group=WHO), Column(computed=True, width=22)
]
Status = Annotated[ShortText, Item(label="账户状态", group=WHO), Column(computed=True, width=10)]

UnitShare = Annotated[Money, Item(label="单位月缴存额", group=PAY), Column(computed=True, width=14)]
IndividualShare = Annotated[
    Money, Item(label="个人月缴存额", group=PAY), Column(computed=True, width=14)
]


class UnitRoster(RosterForm):
    """A roster about the people of one unit."""

    key: ClassVar[tuple[str, ...]] = (finding.ACCOUNT,)

    @classmethod
    def gate(cls, desk: Desk) -> list[Problem]:
        problem = changes.standing(units.unit(desk.session, desk.unit_account_no))
        return [problem] if problem else []

    @classmethod
    def unit(cls, desk: Desk) -> Unit:
        found = units.unit(desk.session, desk.unit_account_no)
        assert found is not None, desk.scope
        return found

    @classmethod
    def option_text(cls, texts: ServiceTexts | None, name: str) -> str:
        return str(cls.option(texts, name) if texts else cls.options[name])


class PaidRoster(UnitRoster):
    """One that says what somebody is paid: by base or by amount, as the centre fills it in."""

    @classmethod
    def columns(cls, texts: ServiceTexts | None = None) -> list[ColumnSpec]:
        typed = {"base": bases.BASE_COLUMN, "amount": bases.AMOUNT_COLUMN}
        entry, required = cls.option_text(texts, ENTRY), cls.pay_required(texts)
        found = super().columns(texts)
        return [entered(spec, entry, typed, required=required) for spec in found]

    @classmethod
    def pay_required(cls, texts: ServiceTexts | None) -> bool:
        return True


def entered(
    spec: ColumnSpec, entry: str, columns: Mapping[str, str], *, required: bool = True
) -> ColumnSpec:
    """`columns`: entry → the column it fills in.  The other one is computed then."""
    if entry not in columns or spec.name not in columns.values():
        return spec
    typed = columns[entry] == spec.name
    return ColumnSpec(
        replace(spec.field, required=typed and required),
        replace(spec.column, computed=not typed),
    )


def find(desk: Desk, rows: Sequence[Row], *, wanted: Collection[str]) -> list[tuple[Row, Held]]:
    """The sound rows with the accounts of the unit they mean; the others get their sentence."""
    live = [row for row in rows if row.sound]
    asked = [finding.said(row.values) for row in live]
    found = finding.identify(desk.session, desk.unit_account_no, asked, wanted=wanted)
    both = []
    for row, held in zip(live, found, strict=True):
        if isinstance(held, Problem):
            row.problems.append(held)
        else:
            tell(row, held)
            both.append((row, held))
    return both


def tell(row: Row, held: Held) -> None:
    """Whom the row means, beside what was typed."""
    row.subject = subject(held.account_no)
    row.values[finding.ACCOUNT] = held.account_no
    row.values[finding.NAME] = held.name
    row.values["registered_id"] = held.masked_id


def subject(number: str) -> str:
    return blind(_SUBJECT, number)


def refuse(row: Row, problem: Problem | None) -> bool:
    if problem is not None:
        row.problems.append(problem)
    return problem is not None


def filed_numbers(desk: Desk, roster_id: int, seqs: Collection[int] | None) -> set[str]:
    """Account numbers of the rows about to be filed."""
    wanted, found, after = None if seqs is None else set(seqs), set[str](), 0
    while lines := store.rows(desk.session, roster_id, after=after, limit=_PIECE, state=SOUND):
        after = lines[-1].seq
        found |= {
            line.values.get(finding.ACCOUNT, "")
            for line in lines
            if wanted is None or line.seq in wanted
        }
    return found
