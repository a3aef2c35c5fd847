"""The invented units and staff of the demonstration centre 陕西省直."""

from __future__ import annotations

from handlers.demo.people import Facts, StaffFacts, UnitFacts

_UNITS = """
SX01 agency  S 陕西省秦岭生态监测中心（演示）|西安市新城区东新街 88 号
SX01 public  M 陕西省考古技术研究所|西安市碑林区乐居场 3 号
SX01 public  P 陕西省雁塔实验学校|西安市雁塔区小寨东路 126 号
SX01 state   D 陕西渭水电力工程有限公司|西安市莲湖区大庆路 57 号
SX01 public  Q 陕西省灞桥职工医院|西安市灞桥区纺北路 14 号
SX01 public  R 陕西省关中民俗博物馆|西安市长安区南五台 1 号
SX02 company I 陕西沣河软件有限公司|西安市高新区科技二路 72 号
SX02 company M 陕西高新材料研究院有限公司|西安市高新区锦业路 69 号
SX02 company L 陕西唐延人力资源有限公司|西安市高新区唐延路 35 号
SX02 company J 陕西丈八融资担保有限公司|西安市高新区丈八一路 10 号
SX02 company E 陕西终南建设工程有限公司|西安市高新区高新四路 17 号
SX02 company K 陕西木塔物业服务有限公司|西安市高新区科创路 168 号
SX03 public  M 陕西省旱区农业试验站|杨凌示范区邰城路 2 号
SX03 company A 杨凌后稷种业有限公司|杨凌示范区新桥路 28 号
SX03 public  P 杨凌示范区农科幼儿园|杨凌示范区康乐路 11 号
SX03 company C 杨凌邰城生物制品有限公司|杨凌示范区城南路 40 号
"""

_AREAS = {
    "SX01": ("610102", "710000", "029", "西安"),
    "SX02": ("610113", "710075", "029", "高新"),
    "SX03": ("610403", "712100", "029", "杨凌"),
}

FACTS = Facts(
    account_prefix="0610",
    login_prefix="sx",
    areas=_AREAS,
    surnames="王张李刘陈杨赵郭惠雷",
    surname_weights=(
        "王9.5 张8.5 李8 刘6 杨4.5 赵4.2 陈3.5 马2.5 郭2.4 高2 雷1.6 惠1 白1.2 董1.2 "
        "田1.1 宋1.1 韩1.3 魏1.2 曹1.1 屈0.8 党0.7 权0.5 同0.3"
    ),
    stems=(
        "秦岭 渭水 终南 沣河 灞桥 长安 雁塔 曲江 汉唐 关中 华山 骊山 昆明池 未央 "
        "大明宫 丰镐 咸阳原 周原 后稷 杏林 太白 蓝田 紫阁 翠华 兴庆 含光 朱雀 玄武 "
        "安远 永宁"
    ),
    units=UnitFacts.parse(_UNITS),
    staff=(
        StaffFacts("雷审核", "SX01", (("归集审核岗", "SX01"),)),
        StaffFacts("惠审核", "SX01", (("归集审核岗", "SX01"),)),
        StaffFacts("郭复核", "SX01", (("归集复核岗", "SX01"),)),
        StaffFacts("韩复核", "SX01", (("归集复核岗", "SX01"),)),
        # Holds both posts: the hall must still not let this person decide twice on one request.
        StaffFacts("白同舟", "SX01", (("归集审核岗", "SX01"), ("归集复核岗", "SX01"))),
        StaffFacts("屈审核", "SX02", (("归集审核岗", "SX02"),)),
        StaffFacts("董复核", "SX02", (("归集复核岗", "SX02"),)),
        StaffFacts("党审核", "SX03", (("归集审核岗", "SX03"),)),
        StaffFacts("田复核", "SX03", (("归集复核岗", "SX03"),)),
        StaffFacts("权财务", "SX01", tuple(("财务岗", code) for code in _AREAS)),
        StaffFacts("魏主管", "*", (("业务主管", "*"), ("流程管理员", "*"))),
        # Repairs that touch money need a second admin.
        StaffFacts("曹管理", "*", (("流程管理员", "*"),)),
    ),
)
