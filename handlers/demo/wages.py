"""What people earn: log-normal around the city's average, by industry and years of work."""

from __future__ import annotations

from random import Random

# Share of the city's average wage (GB/T 4754 sections); roughly as statistical yearbooks have it.
_INDUSTRY = {
    "A": 0.68, "B": 1.12, "C": 0.92, "D": 1.35, "E": 0.86, "F": 0.84, "G": 1.0, "H": 0.64,
    "I": 1.3, "J": 1.55, "K": 0.82, "L": 0.78, "M": 1.3, "N": 0.88, "O": 0.72, "P": 1.22,
    "Q": 1.25, "R": 0.9, "S": 1.18, "T": 1.0,
}  # fmt: skip
_SPREAD = 0.3  # of the logarithm: one in six earns 35 % more than the middle
_FIRST_YEAR, _PER_YEAR, _YEARS_MAX = 0.74, 0.017, 30


def monthly_yuan(chance: Random, average_yuan: int, industry: str, years: float) -> int:
    """A month's wage, in whole yuan, after so many years of work."""
    middle = _INDUSTRY.get(industry, 1.0) * (_FIRST_YEAR + _PER_YEAR * min(years, _YEARS_MAX))
    return max(1, round(average_yuan * middle * chance.lognormvariate(0.0, _SPREAD)))


def raised_yuan(yuan: int, percent: int) -> int:
    """The wage a year later."""
    return yuan * (100 + percent) // 100
