"""Materials people upload, and receipts they take home.

An upload is believed only by its content, rewritten so that nothing hidden survives, and kept
outside the web root under a random name.
"""

from __future__ import annotations

from handlers.documents.limits import Limits
from handlers.documents.models import Material, Receipt
from handlers.documents.queries import by_token, for_draft, for_page, for_request, path
from handlers.documents.receipts import printed, receipt_for, verify
from handlers.documents.uploads import attach, bind, purge, remove, store

__all__ = [
    "Limits",
    "Material",
    "Receipt",
    "attach",
    "bind",
    "by_token",
    "for_draft",
    "for_page",
    "for_request",
    "path",
    "printed",
    "purge",
    "receipt_for",
    "remove",
    "store",
    "verify",
]
