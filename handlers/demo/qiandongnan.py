"""The invented units and staff of the demonstration centre 黔东南.

The first unit is the one every page of the design shows.  Each line: branch, kind of body, industry
(GB/T 4754 section), name, street and number.
"""

from __future__ import annotations

from handlers.demo.people import Facts, StaffFacts, UnitFacts

_UNITS = """
QDN01 company R 凯里市云谷文旅发展有限公司|凯里市宁波路 18 号
QDN01 agency  S 凯里市人民防空办公室（演示）|凯里市永乐路 7 号
QDN01 public  P 凯里市清水江实验中学|凯里市学院路 32 号
QDN01 public  Q 凯里市大阁山医院|凯里市北京东路 115 号
QDN01 company E 黔东南苗岭建筑工程有限公司|凯里市凯开大道 208 号
QDN01 company F 凯里市侗布商贸有限责任公司|凯里市韶山北路 46 号
QDN01 company I 贵州数谷云科技有限公司|凯里市经济开发区华联路 9 号
QDN01 company C 凯里市酸汤食品有限公司|凯里市炉碧工业园区 3 号路
QDN01 state   D 凯里市清江供水有限公司|凯里市环城西路 71 号
QDN01 public  R 黔东南民族非遗展示馆|凯里市广场路 5 号
QDN01 company G 凯里市飞云客运有限公司|凯里市文化北路 24 号
QDN01 company K 凯里市金井物业服务有限公司|凯里市金山大道 88 号
QDN02 company R 黎平县侗乡旅游开发有限公司|黎平县翘街 12 号
QDN02 public  P 黎平县敖市中心小学|黎平县敖市镇中心街 6 号
QDN02 agency  S 黎平县肇兴旅游服务站（演示）|黎平县肇兴镇迎宾路 2 号
QDN02 company A 黎平县高屯油茶种植有限公司|黎平县高屯街道 19 号
QDN03 company H 镇远县㵲阳河酒店管理有限公司|镇远县㵲阳镇兴隆街 30 号
QDN03 public  Q 镇远县青溪卫生院|镇远县青溪镇中街 15 号
QDN03 company C 镇远县古城米酒酿造有限公司|镇远县蕉溪镇工业路 4 号
QDN03 public  R 镇远县古城文物管理站|镇远县㵲阳镇顺城街 9 号
QDN04 company C 天柱县凤城新材料有限公司|天柱县凤城街道工业园 11 号
QDN04 public  P 天柱县邦洞初级中学|天柱县邦洞街道学苑路 1 号
QDN04 company F 天柱县远口农资供应有限公司|天柱县远口镇江边路 23 号
QDN04 agency  S 天柱县凤城街道便民中心（演示）|天柱县环城西路 17 号
QDN05 company G 榕江县古州物流有限公司|榕江县古州镇滨江大道 55 号
QDN05 public  P 榕江县车江民族小学|榕江县古州镇车民大道 8 号
QDN05 company R 榕江县村寨体育文化有限公司|榕江县古州镇体育路 1 号
QDN05 company A 榕江县蔬果农民专业合作社|榕江县忠诚镇中心路 14 号
QDN06 company C 台江县银饰工艺有限公司|台江县台拱街道银匠街 27 号
QDN06 public  Q 台江县施洞卫生院|台江县施洞镇河滨路 10 号
QDN06 company R 台江县姊妹节文化传播有限公司|台江县秀眉大道 36 号
QDN06 public  P 台江县台拱幼儿园|台江县台拱街道苗疆大道 3 号
QDN07 company H 剑河县温泉康养有限公司|剑河县剑河温泉路 1 号
QDN07 public  P 剑河县革东民族中学|剑河县革东镇仰阿莎大道 60 号
QDN07 company C 剑河县红绣刺绣专业合作社|剑河县革东镇思源路 7 号
QDN07 agency  S 剑河县仰阿莎湖管理所（演示）|剑河县柳川镇湖滨路 5 号
QDN08 company C 麻江县蓝莓食品加工有限公司|麻江县杏山街道碧波工业园 2 号
QDN08 public  P 麻江县下司民族小学|麻江县下司镇古镇路 21 号
QDN08 company B 麻江县贤昌石材有限责任公司|麻江县贤昌镇石场路 6 号
QDN08 public  N 麻江县羊昌河水利管理站|麻江县杏山街道水利巷 4 号
"""

FACTS = Facts(
    account_prefix="0208",
    login_prefix="qdn",
    areas={
        "QDN01": ("522601", "556000", "0855", "凯里"),
        "QDN02": ("522631", "557300", "0855", "黎平"),
        "QDN03": ("522625", "557700", "0855", "镇远"),
        "QDN04": ("522627", "556600", "0855", "天柱"),
        "QDN05": ("522632", "557200", "0855", "榕江"),
        "QDN06": ("522630", "556300", "0855", "台江"),
        "QDN07": ("522629", "556400", "0855", "剑河"),
        "QDN08": ("522635", "557600", "0855", "麻江"),
    },
    surnames="杨吴龙潘石王李张罗姚欧陆姜顾刘陈周田",
    # 苗 and 侗 families first
    surname_weights=(
        "杨17 吴13 龙9 潘6 石5 王5 李5 张5 罗3.5 姚2.5 欧2 陆2 姜2 顾1.5 刘3 陈2.5 周2 田1.5 粟0.6 "
        "韦1 莫0.7 万0.6 邰1 侯0.5 熊0.8 唐1 蒙0.6 彭0.7 黄1.4 滕0.5 袁0.6 文0.5 谭0.6 舒0.4 雷0.6 "
        "向0.5 胡0.7 何0.7 赵0.9 徐0.5 朱0.5 廖0.5 邓0.5 谢0.5 曾0.4 余0.4"
    ),
    stems=(
        "清江 苗岭 侗寨 雷公山 月亮山 舞阳 剑江 云台 香炉 金泉 银潭 翠微 朝阳 新洲 龙泉 凤凰 紫云 "
        "青龙 白马 高坡 花桥 风雨桥 鼓楼 芦笙 锦屏 锦绣 蜡染 木楼 稻香 竹海 杉乡 枫林 梅花 兰亭 "
        "松涛 碧波 明珠 宏图 瑞丰 恒泰 兴盛 众和 同创 华康 鑫达 博远 天成 永昌 安顺达 民生"
    ),
    units=UnitFacts.parse(_UNITS),
    staff=(
        StaffFacts("王审核", "QDN01", (("归集审核岗", "QDN01"),)),
        StaffFacts("赵审核", "QDN01", (("归集审核岗", "QDN01"),)),
        StaffFacts("李复核", "QDN01", (("归集复核岗", "QDN01"),)),
        StaffFacts("陈复核", "QDN01", (("归集复核岗", "QDN01"),)),
        # Holds both posts: the hall must still not let him decide twice on one request.
        StaffFacts("周同舟", "QDN01", (("归集审核岗", "QDN01"), ("归集复核岗", "QDN01"))),
        StaffFacts("吴审核", "QDN02", (("归集审核岗", "QDN02"), ("归集审核岗", "QDN05"))),
        StaffFacts("陆复核", "QDN02", (("归集复核岗", "QDN02"), ("归集复核岗", "QDN05"))),
        StaffFacts(
            "潘审核",
            "QDN03",
            (("归集审核岗", "QDN03"), ("归集审核岗", "QDN06"), ("归集审核岗", "QDN07")),
        ),
        StaffFacts(
            "石复核",
            "QDN03",
            (("归集复核岗", "QDN03"), ("归集复核岗", "QDN06"), ("归集复核岗", "QDN07")),
        ),
        StaffFacts("姚审核", "QDN04", (("归集审核岗", "QDN04"), ("归集审核岗", "QDN08"))),
        StaffFacts("姜复核", "QDN04", (("归集复核岗", "QDN04"), ("归集复核岗", "QDN08"))),
        StaffFacts("龙主管", "*", (("业务主管", "*"), ("流程管理员", "*"))),
        # Repairs that touch money need a second admin.
        StaffFacts("韦管理", "*", (("流程管理员", "*"),)),
        StaffFacts("欧财务", "QDN01", tuple(("财务岗", f"QDN{n:02d}") for n in range(1, 9))),
    ),
)
