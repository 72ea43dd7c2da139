"""Lists, a page at a time."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, Final, Generic, TypeVar

import attrs

from medsched.errors import InvalidCursor

T = TypeVar("T")
_SEAL = 9
"""Bytes of the checksum: 72 bits, a whole number of base64 letters."""
_AT_ONCE: Final = 1000
"""So many are read at a time where all are wanted: the most that a list gives."""


@attrs.frozen
class Page(Generic[T]):
    """Some of a list, in order of id: iterate it, ask its length.

    ``next`` is the cursor of the page after it, None on the last one.
    """

    items: tuple[T, ...]
    next: str | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def every(read: Callable[..., Page[T]], *args: Any, **asked: Any) -> Iterator[T]:
    """All that a list tells, page after page: ``every(clinic.rooms.list, location="main")``.

    ``read`` is what returns a page, and takes a ``cursor`` and a ``limit``, 1000 unless it is asked
    for another; it is called with the rest. A page is read when the one before it has been told:
    what comes, goes or moves in between is told or not; all else is told once.
    """
    asked.setdefault("limit", _AT_ONCE)
    page = read(*args, **asked)
    yield from page
    while page.next is not None:
        page = read(*args, **asked, cursor=page.next)
        yield from page


def cursor(scope: str, after: str) -> str:
    """The opaque cursor of what comes after an id in one list; ``scope`` names list and filters."""
    return urlsafe_b64encode(_seal(scope, after) + after.encode()).rstrip(b"=").decode("ascii")


def read_cursor(scope: str, text: str) -> str:
    """The id that a cursor of this list comes after.

    `InvalidCursor` for anything that this list, with the same filters, did not give. The
    seal finds accidents (another list's cursor, a part of one), not malice: a cursor opens
    nothing that its list would not show.
    """
    try:
        sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        after = sealed[_SEAL:].decode()
        if cursor(scope, after) != text:
            raise ValueError
    except (ValueError, TypeError, AttributeError):
        shown = text if isinstance(text, str) and len(text) <= 255 else type(text).__name__
        raise InvalidCursor("cursor", shown, "not a cursor of this list") from None
    return after


def _seal(scope: str, after: str) -> bytes:
    return blake2b(json.dumps([scope, after]).encode(), digest_size=_SEAL).digest()
