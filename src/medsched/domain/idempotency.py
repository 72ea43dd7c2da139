"""Idempotency: a command that is repeated under its key changes nothing a second time.

What is kept of a request is a hash, keyed by the caller's idempotency key, which is kept only
as a hash itself: whoever reads the database cannot try out which patient a request was about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import attrs

from medsched.domain.bookings import instant
from medsched.domain.digests import SIZE, digest_of
from medsched.domain.fields import an_id, check_id
from medsched.domain.principals import Principal
from medsched.domain.stored import Stored

KEPT_FOR: Final = timedelta(days=7)
"""How long a key answers for its first request."""


@attrs.frozen(kw_only=True)
class KeyedRequest:
    """A request under an idempotency key: what is written beside the changes it makes.

    ``scope`` stands for principal, operation and key, ``digest`` for the request. ``result`` is
    the record that the command returns, None if it returns nothing, or reads it again. ``made_at``
    is an aware instant.
    """

    scope: str = attrs.field(validator=an_id)
    digest: str = attrs.field(validator=an_id)
    made_at: datetime = attrs.field(converter=instant)
    result: Stored | None = None


@attrs.frozen
class Receipt:
    """What is kept of the first request under a key: its digest, and the record it returned."""

    digest: str
    result: Stored | None


def keyed_request(
    key: str, principal: Principal, operation: str, request: Mapping[str, Any], now: datetime
) -> KeyedRequest:
    """A request under a key of 1 to 255 characters; `InvalidId` for any other key.

    Two requests are the same when all that they ask for is: instants in any zone, sets in any
    order.
    """
    scope = scope_of(key, principal, operation)
    secret = blake2b(key.encode()).digest()
    return KeyedRequest(
        scope=scope,
        digest=digest_of(request, key=secret),
        made_at=now,
    )


def scope_of(key: str, principal: Principal, operation: str) -> str:
    """What stands for principal, operation and key; `InvalidId` for a bad key."""
    check_id(key, "idempotency_key")
    scope = json.dumps([principal.id, operation, key]).encode()
    return blake2b(scope, digest_size=SIZE).hexdigest()
