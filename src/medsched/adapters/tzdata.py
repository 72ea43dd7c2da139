"""The zones of the pinned ``tzdata`` package, whatever the machine's own database says."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from zoneinfo import ZoneInfo

from medsched.errors import UnknownZone
from medsched.timeline.zones import Zone


class TzdataZones:
    """A `ZoneSource` over the installed ``tzdata`` package; reads each zone once."""

    def __init__(self) -> None:
        self._zones: dict[str, Zone] = {}

    @property
    def version(self) -> str:
        """The release of the IANA database, such as ``2026b``."""
        return str(import_module("tzdata").IANA_VERSION)  # the package ships no types

    def keys(self) -> frozenset[str]:
        """Every zone name of the release."""
        return _names()

    def zone(self, key: str) -> Zone:
        """The zone of this exact name; `UnknownZone`, with suggestions, for any other text."""
        found = self._zones.get(key) if isinstance(key, str) else None
        if found is None:
            found = _load(key)
            self._zones[key] = found
        return found


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset((files("tzdata") / "zones").read_text("ascii").split())


def _load(key: str) -> Zone:
    if not isinstance(key, str) or key not in _names():
        raise UnknownZone(key, _like(key) if isinstance(key, str) else ())
    # Only a name of the release's own list gets here, so the path cannot leave the package.
    with files("tzdata").joinpath("zoneinfo", *key.split("/")).open("rb") as stream:
        return Zone(key, ZoneInfo.from_file(stream, key=key))


def _like(key: str) -> tuple[str, ...]:
    """Up to two names that may be meant: those of a place called so, else those spelt nearly so."""
    names = sorted(_names())
    place = key.strip().replace(" ", "_").lower()
    called = [name for name in names if name.rpartition("/")[2].lower() == place]
    return tuple(called[:2] or get_close_matches(key, names, n=2))
