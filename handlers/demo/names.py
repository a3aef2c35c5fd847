"""Names as a census would draw them: surnames by how common they are, given names by generation.

Where people have no surname (西藏) most names are two Tibetan halves.  Nobody is meant: the
halves are the commonest there are, and the numbers beside the names are nobody's.
"""

from __future__ import annotations

from itertools import accumulate
from random import Random

from handlers.demo.people import Facts

# Born before, characters of given names of men, of women.
_GENERATIONS = (
    (
        1980,
        "国建志明永光正昌家德文华",
        "强军平福林生祥辉忠贵荣",
        "秀玉桂春翠凤",
        "英兰珍芝花梅云莲",
    ),
    (1993, "伟海俊晓志宏江永文云", "涛勇波鹏斌飞超林杰峰", "晓丽海雪小燕美", "燕敏霞娟萍芳琴蓉玲"),
    (9999, "浩宇子俊嘉天泽梓昊睿", "轩然豪涛航杰博阳辰", "思雨欣佳梦诗雅", "怡琪涵婷妍萱瑶颖"),
)
_ONE_CHARACTER = 0.12  # share of given names of a single character
_TIBETAN = (
    "扎西 次仁 旦增 洛桑 索朗 格桑 普布 尼玛 达瓦 拉巴 巴桑 强巴 边巴 丹巴 贡觉 白玛 德吉 其美",
    "顿珠 平措 次旦 多吉 旺堆 旺久 罗布 坚参 欧珠 群培 朗杰 顿旦 曲扎 伦珠",
    "卓玛 央宗 拉姆 措姆 卓嘎 曲珍 玉珍 央金 德吉 白珍 曲宗 拉宗 仓决 普赤",
)


class Names:
    """The names of one centre's people."""

    def __init__(self, facts: Facts) -> None:
        rows = [(entry[0], float(entry[1:])) for entry in facts.surname_weights.split()]
        self._surnames = [surname for surname, _ in rows]
        self._weights = list(accumulate(weight for _, weight in rows))
        self._tibetan = facts.tibetan
        first, men, women = (halves.split() for halves in _TIBETAN)
        self._first, self._second = first, {False: men, True: women}

    def draw(self, chance: Random, *, woman: bool, born: int) -> str:
        """A name of somebody born in that year."""
        if chance.random() < self._tibetan:
            return chance.choice(self._first) + chance.choice(self._second[woman])
        surname = chance.choices(self._surnames, cum_weights=self._weights)[0]
        generation = next(row for row in _GENERATIONS if born < row[0])
        heads, tails = generation[3:] if woman else generation[1:3]
        tail = chance.choice(tails)
        if chance.random() < _ONE_CHARACTER:
            return surname + tail
        return surname + chance.choice(heads.replace(tail, "")) + tail
