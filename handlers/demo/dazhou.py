"""The invented units and staff of the demonstration centre 达州."""

from __future__ import annotations

from handlers.demo.people import Facts, StaffFacts, UnitFacts

_UNITS = """
DZ01 agency  S 达州市巴渠地方志编研中心（演示）|达州市通川区朝阳中路 39 号
DZ01 state   D 达州市州河供水有限公司|达州市通川区滨河路 112 号
DZ01 public  P 达州市凤凰山实验中学|达州市通川区来凤路 8 号
DZ01 public  Q 达州市通达骨科医院|达州市通川区南岳庙街 17 号
DZ02 company F 达州市荷叶街商贸有限公司|达州市通川区荷叶街 91 号
DZ02 public  P 通川区罗江小学|达州市通川区罗江镇中街 5 号
DZ02 company E 四川元稹建筑工程有限公司|达州市通川区金龙大道 203 号
DZ02 company K 达州市塔沱物业服务有限公司|达州市通川区塔沱路 44 号
DZ03 company C 达川区乌梅食品有限公司|达州市达川区百节镇工业路 6 号
DZ03 public  Q 达川区石桥卫生院|达州市达川区石桥镇正街 12 号
DZ03 company G 达川区三里坪物流有限公司|达州市达川区三里坪 78 号
DZ03 agency  S 达川区杨柳便民服务中心（演示）|达州市达川区杨柳路 30 号
DZ04 company C 达州经开区玄武岩纤维有限公司|达州经济开发区斌郎工业园 15 号
DZ04 company I 达州经开区云计算服务有限公司|达州经济开发区金龙大道 66 号
DZ04 company L 达州经开区人力资源有限公司|达州经济开发区长田路 21 号
DZ04 company G 达州市河市通用航空服务有限公司|达州经济开发区河市大道 9 号
"""

_AREAS = {
    "DZ01": ("511702", "635000", "0818", "达州"),
    "DZ02": ("511702", "635000", "0818", "通川"),
    "DZ03": ("511703", "635000", "0818", "达川"),
    "DZ04": ("511703", "635000", "0818", "达州"),
}

FACTS = Facts(
    account_prefix="0818",
    login_prefix="dz",
    areas=_AREAS,
    surnames="王李张刘陈杨周罗唐邓谢冯",
    surname_weights=(
        "李8 王7.5 张7 刘6 陈5.5 杨4.5 周3.5 罗3 唐2.6 邓2.4 何2.3 黄2.2 吴2 谢1.8 "
        "冯1.6 向1.4 赵1.4 胡1.3 徐1.2 蒋1.1 郑1 袁1 符0.8 桂0.6"
    ),
    stems=(
        "巴渠 州河 凤凰山 元稹 八台山 龙爪 真佛山 罗江 石桥 百节 乌梅 苎麻 金垭 南岳 "
        "朝阳 滨河 翠屏 莲花湖 磨盘 马家坝 兴达 鑫渠 宏达 通惠 嘉陵 蜀东 明月 竹海 "
        "香炉 宝塔"
    ),
    units=UnitFacts.parse(_UNITS),
    staff=(
        StaffFacts("冯审核", "DZ01", (("归集审核岗", "DZ01"),)),
        StaffFacts("罗审核", "DZ01", (("归集审核岗", "DZ01"),)),
        StaffFacts("邓复核", "DZ01", (("归集复核岗", "DZ01"),)),
        StaffFacts("唐复核", "DZ01", (("归集复核岗", "DZ01"),)),
        # Holds both posts: the hall must still not let this person decide twice on one request.
        StaffFacts("谢同舟", "DZ01", (("归集审核岗", "DZ01"), ("归集复核岗", "DZ01"))),
        StaffFacts("向审核", "DZ02", (("归集审核岗", "DZ02"), ("归集审核岗", "DZ03"))),
        StaffFacts("何复核", "DZ02", (("归集复核岗", "DZ02"), ("归集复核岗", "DZ03"))),
        StaffFacts("蒋审核", "DZ04", (("归集审核岗", "DZ04"),)),
        StaffFacts("袁复核", "DZ04", (("归集复核岗", "DZ04"),)),
        StaffFacts("符财务", "DZ01", tuple(("财务岗", code) for code in _AREAS)),
        StaffFacts("桂主管", "*", (("业务主管", "*"), ("流程管理员", "*"))),
        # Repairs that touch money need a second admin.
        StaffFacts("郑管理", "*", (("流程管理员", "*"),)),
    ),
)
