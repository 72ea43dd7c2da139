"""What a host says of encryption at rest: whose keys, and whether patients can be looked up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from datetime import timedelta
from threading import Lock
from time import monotonic, time
from typing import Any, Final

import attrs

from medsched.adapters.sqlalchemy.envelopes import SecretKey
from medsched.domain.fields import whole
from medsched.errors import InvalidDuration
from medsched.ports.keys import KeyProvider

LONGEST_KEPT: Final = timedelta(hours=1)
"""The longest that a process may keep a key in the clear."""


def _kept(instance: object, attribute: object, value: object) -> None:
    if not isinstance(value, timedelta) or not timedelta() <= value <= LONGEST_KEPT:
        raise InvalidDuration("keep_keys_for", value, "from no time at all to an hour")


@attrs.frozen(kw_only=True)
class BlindIndex:
    """Lets patients be looked up without reading all of them, and says so much about them.

    Beside a patient's record stand keyed hashes of e-mail address, phone number, birth date and
    insurance number, and of the beginnings of each word of the name: of 2 up to ``prefix``
    characters (2 to 10; 0 leaves names out). Whoever can read the database, and nothing else,
    learns from it which patients share a value or a beginning, how often each occurs, and
    roughly how many and how long the words of a name are; with common names known, that may tell
    some names. Whoever has the practice's index key, too, can try out guesses. A store without an
    index tells none of that; it looks patients up by reading all of them.
    """

    prefix: int = attrs.field(default=10, validator=whole(0, 10))


@attrs.frozen
class Encryption:
    """Encryption at rest of all that the domain marks as a patient's data.

    ``keys`` wrap one data key for each patient, and one for what is no patient's in a practice.
    ``index``: how patients can be looked up; without one, by reading all of them. A data key that
    was unwrapped is kept in this process for ``keep_keys_for``, 5 minutes unless given and at most
    an hour, and at most ``keep_keys`` of them: so long others may still read what is sealed by a
    key that was destroyed. Make one of these for a process, and give it to each store of it.

    Raises `InvalidDuration` and `InvalidNumber`.
    """

    keys: KeyProvider = attrs.field(repr=False)
    index: BlindIndex | None = attrs.field(default=None, kw_only=True)
    keep_keys_for: timedelta = attrs.field(
        default=timedelta(minutes=5), validator=_kept, kw_only=True
    )
    keep_keys: int = attrs.field(default=10_000, validator=whole(1, 10_000_000), kw_only=True)
    kept: KeptKeys = attrs.field(init=False, repr=False, eq=False)

    @kept.default
    def _kept_keys(self) -> KeptKeys:
        return KeptKeys(self.keep_keys_for.total_seconds(), self.keep_keys)

    @property
    def prefix(self) -> int | None:
        """How many characters of a name's words the index holds; None without an index."""
        return None if self.index is None else self.index.prefix


@attrs.frozen
class Kept:
    """Something kept in the process, until both of two clocks say that it is too old.

    One of them stands still while a machine sleeps, the other may be set.
    """

    value: Any = attrs.field(repr=False)
    until: float
    until_wall: float


class KeptKeys:
    """Keys in the clear, the most recently used ones, each for a while. Threads may share it."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._kept = OrderedDict[Hashable, Kept]()
        self._lock = Lock()

    def fresh(self, value: SecretKey) -> Kept:
        """A key that was unwrapped just now."""
        return Kept(value, monotonic() + self._seconds, time() + self._seconds)

    def get(self, name: Hashable) -> Kept | None:
        """What is kept under a name, unless it is too old."""
        with self._lock:
            found = self._kept.get(name)
            if found is None:
                return None
            if monotonic() >= found.until or time() >= found.until_wall:
                del self._kept[name]
                return None
            self._kept.move_to_end(name)
            return found

    def put(self, name: Hashable, kept: Kept) -> None:
        """Keep something, for no longer than it may be."""
        with self._lock:
            self._kept[name] = kept
            self._kept.move_to_end(name)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def forget(self) -> None:
        """Keep nothing of what there was."""
        with self._lock:
            self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)
