"""Hashes of values: the same for equal ones, whoever makes them and wherever."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from hashlib import blake2b
from typing import Any, Final

import attrs

from medsched.domain.records import Resource

SIZE: Final = 24
"""Bytes of a digest."""
_AS_IT_IS: Final = frozenset({str, int, bool})
"""The types that JSON writes; a subclass may be an enum."""


def digest_of(value: Any, *, key: bytes = b"") -> str:
    """The hash of a value in hexadecimal digits, under a key if one is given.

    Equal values have equal hashes: instants in any zone, sets in any order.
    """
    whole = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), default=str)
    return blake2b(whole.encode(), digest_size=SIZE, key=key).hexdigest()


def _plain(value: Any) -> Any:
    """A value as JSON writes it, the same for equal values."""
    if value is None or type(value) in _AS_IT_IS:
        return value
    match value:
        case datetime():
            return value.isoformat() if value.tzinfo is None else value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Resource():
            return [value.kind.value, value.id]
        case Enum():
            return value.value
        case Mapping():
            return {str(name): _plain(one) for name, one in value.items()}
        case frozenset() | set():
            return sorted((_plain(one) for one in value), key=repr)
        case list() | tuple():
            return [_plain(one) for one in value]
        case _ if attrs.has(type(value)):
            return _plain(attrs.asdict(value, recurse=False))
        case _:
            return value
