"""The invented units and staff of the demonstration centre 楚雄."""

from __future__ import annotations

from handlers.demo.people import Facts, StaffFacts, UnitFacts

_UNITS = """
CX01 agency  S 楚雄州彝族文献编研中心（演示）|楚雄市鹿城南路 120 号
CX01 public  Q 楚雄州西山康复医院|楚雄市西山路 22 号
CX01 public  P 楚雄州鹿城民族中学|楚雄市学桥街 15 号
CX01 state   D 楚雄州龙川江供水有限公司|楚雄市龙江路 48 号
CX02 company H 楚雄市彝人火把酒店有限公司|楚雄市威楚大道 301 号
CX02 company C 楚雄市紫溪菌业有限公司|楚雄市紫溪镇工业路 7 号
CX02 public  P 楚雄市东瓜小学|楚雄市东瓜镇永安路 3 号
CX02 company F 楚雄市团结商贸有限公司|楚雄市团结路 66 号
CX03 company B 禄丰市恐龙谷石材有限公司|禄丰市川街路 19 号
CX03 public  R 禄丰市化石陈列馆|禄丰市金山镇龙城路 5 号
CX03 company C 禄丰市金山醋业有限公司|禄丰市金山镇工业园 11 号
CX04 company A 元谋县热坝果蔬有限公司|元谋县元马镇能禹路 40 号
CX04 public  N 元谋县土林管理所|元谋县物茂乡虎跳路 1 号
CX04 company G 元谋县冷链物流有限公司|元谋县元马镇龙川街 27 号
CX05 public  Q 姚安县光禄卫生院|姚安县光禄镇西街 9 号
CX05 company R 姚安县花灯文化传播有限公司|姚安县栋川镇德丰路 18 号
"""

_AREAS = {
    "CX01": ("532301", "675000", "0878", "楚雄"),
    "CX02": ("532301", "675000", "0878", "楚雄"),
    "CX03": ("532331", "651200", "0878", "禄丰"),
    "CX04": ("532328", "651300", "0878", "元谋"),
    "CX05": ("532325", "675300", "0878", "姚安"),
}

FACTS = Facts(
    account_prefix="0878",
    login_prefix="cx",
    areas=_AREAS,
    surnames="李杨王张罗普周鲁自毕",
    surname_weights=(
        "李11 杨9 王7 张6 罗4.5 普4 周3.6 鲁2.4 刘2.4 陈2.3 毕1.8 自1.4 者1 起0.7 "
        "施1.5 段1.4 郭1.2 徐1.1 何1.4 马1.2 苏0.9 高0.9 赵1.3"
    ),
    stems=(
        "鹿城 紫溪 西山 龙川江 威楚 火把 左脚 彝人 恐龙谷 土林 热坝 光禄 花灯 百草岭 "
        "化佛山 哀牢 马缨花 山茶 松茸 菌王 金沙 三潭 咪依噜 十月太阳 牟定 双柏 南华 "
        "大姚 永仁 武定"
    ),
    units=UnitFacts.parse(_UNITS),
    staff=(
        StaffFacts("普审核", "CX01", (("归集审核岗", "CX01"),)),
        StaffFacts("鲁审核", "CX01", (("归集审核岗", "CX01"),)),
        StaffFacts("毕复核", "CX01", (("归集复核岗", "CX01"),)),
        StaffFacts("罗复核", "CX01", (("归集复核岗", "CX01"),)),
        # Holds both posts: the hall must still not let this person decide twice on one request.
        StaffFacts("周同舟", "CX01", (("归集审核岗", "CX01"), ("归集复核岗", "CX01"))),
        StaffFacts("自审核", "CX02", (("归集审核岗", "CX02"), ("归集审核岗", "CX03"))),
        StaffFacts("施复核", "CX02", (("归集复核岗", "CX02"), ("归集复核岗", "CX03"))),
        StaffFacts("段审核", "CX04", (("归集审核岗", "CX04"), ("归集审核岗", "CX05"))),
        StaffFacts("者复核", "CX04", (("归集复核岗", "CX04"), ("归集复核岗", "CX05"))),
        StaffFacts("苏财务", "CX01", tuple(("财务岗", code) for code in _AREAS)),
        StaffFacts("起主管", "*", (("业务主管", "*"), ("流程管理员", "*"))),
        # Repairs that touch money need a second admin.
        StaffFacts("徐管理", "*", (("流程管理员", "*"),)),
    ),
)
