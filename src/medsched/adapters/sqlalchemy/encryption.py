"""What a host says of encryption at rest: whose keys, and whether patients can be looked up."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from datetime import timedelta
from threading import Lock
from time import monotonic, time
from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from medsched.domain.fields import whole, yes_or_no
from medsched.errors import InvalidDuration, InvalidNumber
from medsched.ports.keys import KeyProvider

if TYPE_CHECKING:  # it needs an extra that a store in plain text does not
    from medsched.adapters.sqlalchemy.envelopes import SecretKey

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

    @prefix.validator
    def _no_single_letter(self, attribute: object, value: int) -> None:
        if value == 1:
            raise InvalidNumber("prefix", value, "0, or from 2 to 10")


@attrs.frozen
class Encryption:
    """Encryption at rest of all that the domain marks as a patient's data.

    ``keys`` wrap one data key for each patient, and one for what is no patient's in a practice.
    ``index``: how patients can be looked up; without one, by reading all of them. A data key that
    was unwrapped is kept in this process for ``keep_keys_for``, 5 minutes unless given and at most
    an hour, and at most ``keep_keys`` of them: so long others may still read what is sealed by a
    key that was destroyed. Make one of these for a process, and give it to each store of it.

    ``reads_plain``: what is in plain text is read as long as the database says that it is not
    wholly sealed. Give it while an old database is being sealed under stores at work, and take it
    away afterwards. Without it plain text is `DecryptionError`, whatever the database says: who can
    write to it could put plain text in the place of what was sealed.

    Raises `InvalidDuration` and `InvalidNumber`.
    """

    keys: KeyProvider = attrs.field(repr=False)
    index: BlindIndex | None = attrs.field(default=None, kw_only=True)
    keep_keys_for: timedelta = attrs.field(
        default=timedelta(minutes=5), validator=_kept, kw_only=True
    )
    keep_keys: int = attrs.field(default=10_000, validator=whole(1, 10_000_000), kw_only=True)
    reads_plain: bool = attrs.field(default=False, validator=yes_or_no, kw_only=True)
    kept: KeptKeys = attrs.field(init=False, repr=False, eq=False)

    @kept.default
    def _kept_keys(self) -> KeptKeys:
        _kept(self, None, self.keep_keys_for)  # before its own validator
        return KeptKeys(self.keep_keys_for.total_seconds(), self.keep_keys)

    @property
    def prefix(self) -> int | None:
        """How many characters of a name's words the index holds; None without an index."""
        return None if self.index is None else self.index.prefix


class Content(NamedTuple):
    """A wrapped key and what it is for: that it opens to one key is true for ever."""

    practice: str
    subject: str
    wrapped_by: str
    wrapped: str


class Current(NamedTuple):
    """A key, and its number among those of its subject."""

    number: int
    key: SecretKey


@attrs.frozen
class _Kept:
    """A key that is kept until either of two clocks says that it is too old.

    One of them stands still while a machine sleeps, the other may be set.
    """

    key: SecretKey = attrs.field(repr=False)
    until: float
    until_wall: float


class KeptKeys:
    """Keys in the clear, the most recently used ones, each for a while. Threads may share it.

    A key is kept under the text that it was unwrapped from, and may be called something beside.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._swept_at = monotonic()
        self._kept = OrderedDict[Content, _Kept]()
        self._called = OrderedDict[Hashable, tuple[int, Content]]()
        self._lock = Lock()

    def get(self, content: Content) -> SecretKey | None:
        """The key that was unwrapped from this, unless that was too long ago."""
        with self._lock:
            return self._get(content)

    def put(self, content: Content, key: SecretKey) -> None:
        """Keep a key that was unwrapped just now."""
        now = monotonic()
        kept = _Kept(key, now + self._seconds, time() + self._seconds)
        with self._lock:
            if now >= self._swept_at + self._seconds:  # what nobody asks for goes, too
                for old in [name for name, one in self._kept.items() if now >= one.until]:
                    del self._kept[old]
                self._swept_at = now
            if not self._seconds:
                return
            self._kept[content] = kept
            self._kept.move_to_end(content)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def called(self, name: Hashable) -> Current | None:
        """What is called this, as long as it is kept."""
        with self._lock:
            number, content = self._called.get(name, (0, None))
            key = None if content is None else self._get(content)
            if key is None:
                self._called.pop(name, None)
                return None
            self._called.move_to_end(name)
            return Current(number, key)

    def call(self, name: Hashable, number: int, content: Content) -> None:
        """Remember what a key is called."""
        with self._lock:
            self._called[name] = number, content
            self._called.move_to_end(name)
            while len(self._called) > 2 * self._most:
                self._called.popitem(last=False)

    def forget(self) -> None:
        """Keep nothing of what there was."""
        with self._lock:
            self._kept.clear()
            self._called.clear()

    def _get(self, content: Content) -> SecretKey | None:
        found = self._kept.get(content)
        if found is None:
            return None
        if monotonic() >= found.until or time() >= found.until_wall:
            del self._kept[content]
            return None
        self._kept.move_to_end(content)
        return found.key

    def __len__(self) -> int:
        return len(self._kept)
