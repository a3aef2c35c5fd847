"""Parameters with dates of effect: rates, caps, wages, limits, terms.

`value(session, DEPOSIT_RATE, day)` is what holds on a day, `for_request` what a request accepted
earlier runs under.  Declarations are code (`declared`), values the centre's (`center.toml`).
"""

from handlers.parameters.queries import (
    ParameterGap,
    Period,
    accepted_on,
    for_request,
    periods,
    standings,
    value,
)

__all__ = [
    "ParameterGap",
    "Period",
    "accepted_on",
    "for_request",
    "periods",
    "standings",
    "value",
]
