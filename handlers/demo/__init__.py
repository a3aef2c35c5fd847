"""The demonstration: a centre with eight branches, its units, operators and staff, and its books.

`load` opens the centre with forty named units; `generate` fills it with people and two years of
vouchers.  Doing either twice changes nothing.  Every account has the same, published password, so
this data must never meet a real one: `webapp` refuses to load it in production.
"""

from __future__ import annotations

from handlers.demo.generating import Made, generate
from handlers.demo.loading import PASSWORD, Login, load, logins
from handlers.demo.window import Size

__all__ = ["PASSWORD", "Login", "Made", "Size", "generate", "load", "logins"]
