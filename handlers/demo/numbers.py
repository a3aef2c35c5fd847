"""Numbers by the million, each given once: papers, telephones, cards.

Counted instead of drawn, so that no list of used numbers grows in memory: resident numbers count
within area, birthday and gender, telephones and cards through a scrambled sequence.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from handlers.identifiers import luhn_check_digit, resident_check_digit

ORDERS = 500  # sequence codes of one gender in one area on one birthday (GB 11643)
# None of `people.Inventor`'s, whose numbers belong to operators and staff.
_HEADS = (
    *("130", "131", "132", "133", "134", "137", "145", "147", "151", "152", "153", "155", "156"),
    *("157", "159", "166", "173", "175", "176", "177", "178", "181", "182", "183", "184", "185"),
    *("186", "187", "188", "191", "193", "195", "196", "198", "199"),
)
_TAILS = 10_000  # behind the 0000 in the middle
_STEP = 7_919  # a prime: neighbours in the sequence do not look like neighbours
# Bank and the first six digits of its debit cards.
CARDS = (
    ("105", "中国建设银行", "621700"),
    ("102", "中国工商银行", "622202"),
    ("103", "中国农业银行", "622848"),
    ("104", "中国银行", "621661"),
)
_CARD_SERIALS = 10**12
_CARD_STEP = 617_283_945_087  # without a factor of 2 or 5, so that every serial comes once


class Numbers:
    """One per generated centre; `taken`: resident numbers that belong to somebody already."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._orders: dict[tuple[str, int, bool], int] = {}
        self._mobiles = 0
        self._cards = 0

    def resident_id(self, area: str, born: date, *, woman: bool) -> str:
        key = (area, born.toordinal(), woman)
        count = self._orders[key] = self._orders.get(key, 0) + 1
        assert count <= ORDERS, f"more than {ORDERS} people born in {area} on {born}"
        place = (born.toordinal() * _STEP + count * 37) % ORDERS
        order = place * 2 + (not woman) + (2 if woman and place == 0 else 0)
        first17 = f"{area}{born:%Y%m%d}{order:03d}"
        number = first17 + resident_check_digit(first17)
        if number not in self._taken:
            if woman and place <= 1:  # 000 is nobody's, so two places share 002
                self._taken.add(number)
            return number
        return self.resident_id(area, born, woman=woman)

    def mobile(self) -> str:
        """Unique for the first 350,000 people; then somebody shares a family's telephone."""
        self._mobiles += 1
        place = self._mobiles * _STEP % (len(_HEADS) * _TAILS)
        return f"{_HEADS[place // _TAILS]}0000{place % _TAILS:04d}"

    def card(self, head: str) -> str:
        """19 digits, the last one right (Luhn)."""
        self._cards += 1
        payload = f"{head}{self._cards * _CARD_STEP % _CARD_SERIALS:012d}"
        return payload + luhn_check_digit(payload)
