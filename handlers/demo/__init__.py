"""The demonstration: a centre with eight branches, forty units, their operators and twelve staff.

Loading twice changes nothing.  Every account has the same, published password, so this data must
never meet a real one: `webapp` refuses to load it in production.
"""

from __future__ import annotations

from handlers.demo.loading import PASSWORD, Login, load, logins

__all__ = ["PASSWORD", "Login", "load", "logins"]
