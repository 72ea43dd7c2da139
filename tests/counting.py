"""A store whose calls are counted: what takes no other calls takes no other time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from medsched import MemoryStore


class Counting:
    """A store in memory, and how often each of its methods was called."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if callable(found):
            self.asked[name] += 1
        return found
