"""Pages of the library put together, for documented answers that are whole or are counted."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from medsched import Page

T = TypeVar("T")


def every(read: Callable[..., Page[T]], *args: Any, **asked: Any) -> Iterator[T]:
    """All of a list, a page at a time."""
    cursor: str | None = None
    while True:
        page = read(*args, **asked, limit=1000, cursor=cursor)
        yield from page
        if page.next is None:
            return
        cursor = page.next
