"""职工 whose numbers may be asked for in full (查看完整号码); by whom is the centre's policy."""

from __future__ import annotations

from engine.runtime import Actor, Runtime
from handlers.members.queries import account_within
from handlers.privacy.disclosure import Subject, revealable

KIND = "member"
LABELS = {
    "id_no": "证件号码",
    "mobile": "手机号码",
    "joint_card_no": "联名卡号",
    "payout_bank_card": "收款账号",
}


@revealable(KIND)
def member(rt: Runtime, actor: Actor, account_no: str) -> Subject | None:
    account = account_within(rt.session, actor.domains, account_no)
    if account is None:
        return None
    person = account.person
    values = {
        "id_no": person.id_no,
        "mobile": person.mobile,
        "joint_card_no": account.joint_card_no,
        "payout_bank_card": account.payout_account_no,
    }
    domains = {f"branch:{account.branch_code}", f"unit:{account.unit_account_no}"}
    return Subject(person.person_name, frozenset(domains), values, LABELS)
