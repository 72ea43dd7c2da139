"""Idempotency: a command that is repeated under its key changes nothing a second time.

What is kept of a request is a hash, keyed by the caller's idempotency key, which is kept only
as a hash itself: whoever reads the database cannot try out which patient a request was about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from hashlib import blake2b
from typing import Any, Final

import attrs

from medsched.domain.bookings import instant
from medsched.domain.fields import an_id, check_id
from medsched.domain.principals import Principal
from medsched.domain.records import Resource
from medsched.domain.stored import BookingRecord

KEPT_FOR: Final = timedelta(days=7)
"""How long a key answers for its first request."""
_SIZE: Final = 24
"""Bytes of a digest."""


@attrs.frozen(kw_only=True)
class KeyedRequest:
    """A request under an idempotency key: what is written beside the changes it makes.

    ``scope`` stands for principal, operation and key, ``digest`` for the request. ``result`` is
    the booking that the command returns, None if it returns nothing. ``made_at`` is an aware
    instant.
    """

    scope: str = attrs.field(validator=an_id)
    digest: str = attrs.field(validator=an_id)
    made_at: datetime = attrs.field(converter=instant)
    result: BookingRecord | None = None


@attrs.frozen
class Receipt:
    """What is kept of the first request under a key: its digest, and the booking it returned."""

    digest: str
    result: BookingRecord | None


def keyed_request(
    key: str, principal: Principal, operation: str, request: Mapping[str, Any], now: datetime
) -> KeyedRequest:
    """A request under a key of 1 to 255 characters; `InvalidId` for any other key.

    Two requests are the same when all that they ask for is: instants in any zone, sets in any
    order.
    """
    check_id(key, "idempotency_key")
    whole = json.dumps(_plain(request), sort_keys=True, separators=(",", ":"))
    scope = json.dumps([principal.id, operation, key]).encode()
    secret = blake2b(key.encode()).digest()
    return KeyedRequest(
        scope=blake2b(scope, digest_size=_SIZE).hexdigest(),
        digest=blake2b(whole.encode(), digest_size=_SIZE, key=secret).hexdigest(),
        made_at=now,
    )


def _plain(value: Any) -> Any:
    """A value as JSON writes it, the same for equal values."""
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
