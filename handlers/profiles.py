"""What a centre does not say itself: the texts of a service, and what holds in the whole country.

`bpmn/<key>/service.toml` brings the words of a service (the keys of `[services.<key>]`, and
`[notices.<event>]`); `bpmn/centers/national.toml` brings `[parameters]` set by the State Council
and the central bank.  A centre's file says only what differs: tables are laid over each other key
by key, everything else (lists too) replaces what lies below.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Read = Callable[[Path, str], dict[str, Any]]
NATIONAL = "national.toml"
SERVICE = "service.toml"


def laid_over(root: Path, center: dict[str, Any], read: Read) -> dict[str, Any]:
    """The centre's file with everything it leaves to others filled in.

    Only services the centre names (in its menu or in `services`) are brought in, so that a service
    it does not offer stays unknown.
    """
    data = dict(center)
    national = root / "bpmn" / "centers" / NATIONAL
    if national.is_file():
        below = read(national, f"bpmn/centers/{NATIONAL}").get("parameters", {})
        data["parameters"] = below | _table(data.get("parameters"))
    services, notices = dict(_table(data.get("services"))), dict(_table(data.get("notices")))
    for key in _offered(data):
        path = root / "bpmn" / key / SERVICE
        if key.isidentifier() and path.is_file():
            words = read(path, f"bpmn/{key}/{SERVICE}")
            told = words.pop("notices", {})
            services[key] = merged(words, services.get(key, {}))
            notices[key] = merged(told, notices.get(key, {}))
    if services:
        data["services"] = services
    if notices:
        data["notices"] = {key: value for key, value in notices.items() if value}
    return data


def merged(below: Any, above: Any) -> Any:
    """`above` laid over `below`."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    found = dict(below)
    for key, value in above.items():
        found[key] = merged(below[key], value) if key in below else value
    return found


def _offered(data: dict[str, Any]) -> list[str]:
    menu = data.get("menu")
    groups = menu if isinstance(menu, list) else []
    named = [key for group in groups if isinstance(group, dict) for key in _keys(group)]
    return list(dict.fromkeys([*named, *_table(data.get("services"))]))


def _keys(group: dict[str, Any]) -> list[str]:
    found = group.get("services")
    return [key for key in found if isinstance(key, str)] if isinstance(found, list) else []


def _table(value: Any) -> dict[str, Any]:
    """Anything but a table is refused by the model behind, in words."""
    return value if isinstance(value, dict) else {}
