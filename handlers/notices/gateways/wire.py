"""One HTTP exchange with an SMS gateway: what goes wrong becomes a receipt.

The line that matters: did the request certainly not leave (BUSY), or may the phone ring anyway
(UNKNOWN)?
"""

from __future__ import annotations

from collections.abc import Mapping

from handlers import exchange as http
from handlers.exchange import Answer, Fault, Left, Limits, Request
from handlers.notices.gateways.port import Outcome, Receipt

__all__ = ["Answer", "Limits", "Request", "exchange"]

_OUTCOMES: Mapping[Left, Outcome] = {
    Left.NEVER: Outcome.BUSY,
    Left.PERHAPS: Outcome.UNKNOWN,
    Left.NOWHERE: Outcome.REFUSED,
}


def exchange(request: Request, limits: Limits, *, proxy: str | None = None) -> Answer | Receipt:
    """The answer, or the receipt that says why there is none."""
    found = http.exchange(request, http.Peer("短信网关", limits, proxy))
    return Receipt(_OUTCOMES[found.left], error=found.text) if isinstance(found, Fault) else found
