"""Slots: one start for one appointment type, named by a deterministic id."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from itertools import repeat
from typing import NamedTuple, overload

import attrs

from medsched.domain.appointment_types import Modality, Pricing
from medsched.domain.fields import check_id
from medsched.errors import InvalidSlotId
from medsched.timeline.instants import FIRST_MINUTE, LAST_MINUTE, instant_of
from medsched.timeline.zones import Zone, ZoneSource

_SEAL = 6
"""Bytes of the checksum that tells a slot id from a part of one."""
_LONGEST = 16_384
"""Letters that a slot id of the longest ids has at most, and some to spare."""


class SlotStatus(StrEnum):
    """Whether a slot can be booked (FHIR slotstatus, and one that FHIR has no word for)."""

    FREE = "free"
    BUSY = "busy"
    BUSY_UNAVAILABLE = "busy-unavailable"
    BUSY_TENTATIVE = "busy-tentative"
    WITHDRAWN = "withdrawn"
    """Taken out of the offer; told only where that is asked for."""


class SlotKey(NamedTuple):
    """What a slot id names. ``start`` in minutes of the epoch."""

    practice: str
    provider: str
    type: str
    location: str | None
    start: int


def slot_id(key: SlotKey) -> str:
    """The opaque id of a slot: the same for the same key, wherever and whenever it is made."""
    text = json.dumps(key, ensure_ascii=False, separators=(",", ":")).encode()
    sealed = blake2b(text, digest_size=_SEAL).digest() + text
    return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def read_slot_id(text: str) -> SlotKey:
    """The key that a slot id names; `InvalidSlotId` for anything this library did not make.

    The seal finds accidents (a part of an id, a changed letter), not malice: whoever books
    by id is checked against the schedule like everybody else.
    """
    try:
        if len(text) > _LONGEST:
            raise ValueError
        sealed = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        content = sealed[_SEAL:]
        if blake2b(content, digest_size=_SEAL).digest() != sealed[:_SEAL]:
            raise ValueError
        practice, provider, type_code, location, start = json.loads(content)
        key = SlotKey(practice, provider, type_code, location, start)
        for id in (practice, provider, type_code, *([] if location is None else [location])):
            check_id(id)
        whole = type(start) is int and FIRST_MINUTE <= start < LAST_MINUTE
        if not whole or slot_id(key) != text:
            raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError, Base64Error):
        shown = text if isinstance(text, str) and len(text) <= 255 else type(text).__name__
        raise InvalidSlotId("slot", shown, "not a slot id") from None
    return key


@attrs.frozen
class SlotTerms:
    """What all slots of one opening and status have in common."""

    practice: str
    provider: str
    type: str
    location: str | None
    room: str | None
    opened_by: str
    zone: Zone
    length: int
    capacity: int
    taken: int
    status: SlotStatus
    modality: Modality
    pricing: Pricing | None
    special_requirements: frozenset[str]
    notes: str = ""
    changed_by: str = ""


class Slot(tuple[SlotTerms, int]):
    """One start for one appointment type, on the minute.

    ``start`` and ``end`` are aware UTC instants; ``local_start`` and ``local_end`` the same
    on the wall of ``timezone``: that of the hours it lies in, or the viewer's.

    Slots are made by the hundred, so they are pairs inside (what they share with others of
    their opening, and their minute), which costs a quarter of a class with fields; what a
    slot says is worked out when it is asked.
    """

    __slots__ = ()

    @classmethod
    def alike(cls, terms: SlotTerms, starts: Iterable[int]) -> list[Slot]:
        """The slots with these terms at some minutes."""
        return list(map(cls, zip(repeat(terms), starts, strict=False)))

    @property
    def _terms(self) -> SlotTerms:
        return self[0]

    @property
    def _minute(self) -> int:
        return self[1]

    @property
    def id(self) -> str:
        """The deterministic, opaque id: practice, provider, type, place and start."""
        terms = self._terms
        key = SlotKey(terms.practice, terms.provider, terms.type, terms.location, self._minute)
        return slot_id(key)

    @property
    def practice(self) -> str:
        """The practice's id."""
        return self._terms.practice

    @property
    def provider(self) -> str:
        """The provider's id."""
        return self._terms.provider

    @property
    def type(self) -> str:
        """The appointment type's code."""
        return self._terms.type

    @property
    def location(self) -> str | None:
        """The id of the place, if there is one."""
        return self._terms.location

    @property
    def room(self) -> str | None:
        """The id of the room the hours state, if they do."""
        return self._terms.room

    @property
    def opened_by(self) -> str:
        """The id of the rule or override whose window it lies in."""
        return self._terms.opened_by

    @property
    def start(self) -> datetime:
        """The first instant, aware, in UTC."""
        return instant_of(self._minute)

    @property
    def end(self) -> datetime:
        """The end, aware, in UTC, exclusive."""
        return instant_of(self._minute + self._terms.length)

    @property
    def duration(self) -> timedelta:
        """The elapsed time from start to end."""
        return timedelta(minutes=self._terms.length)

    @property
    def timezone(self) -> str:
        """The zone that the local times are shown in."""
        return self._terms.zone.key

    @property
    def local_start(self) -> datetime:
        """The start on the wall of `timezone`."""
        return self._terms.zone.local(self._minute)

    @property
    def local_end(self) -> datetime:
        """The end on the wall of `timezone`."""
        return self._terms.zone.local(self._minute + self._terms.length)

    @property
    def date(self) -> date:
        """The local date of the start."""
        return self.local_start.date()

    @property
    def status(self) -> SlotStatus:
        """Whether it can be booked."""
        return self._terms.status

    @property
    def capacity(self) -> int:
        """Seats in all: 1 unless it is a group session."""
        return self._terms.capacity

    @property
    def seats_free(self) -> int:
        """Seats that can still be booked."""
        return self._terms.capacity - self._terms.taken if self.status is SlotStatus.FREE else 0

    @property
    def modality(self) -> Modality:
        """How patient and provider meet."""
        return self._terms.modality

    @property
    def pricing(self) -> Pricing | None:
        """The price, if hours or type state one."""
        return self._terms.pricing

    @property
    def special_requirements(self) -> frozenset[str]:
        """What the patient must heed, of hours and type together."""
        return self._terms.special_requirements

    @property
    def notes(self) -> str:
        """What was noted of this one slot."""
        return self._terms.notes

    @property
    def changed_by(self) -> str:
        """The id of the override of this one slot; empty if nothing about it was changed."""
        return self._terms.changed_by

    def __repr__(self) -> str:
        local = f"{self.local_start:%Y-%m-%d %H:%M}-{self.local_end:%H:%M %Z}"
        return f"<Slot {self.provider} {self.type} {local} {self.status.value}>"


@attrs.frozen
class Summary:
    """How many slots there are of each status, and in all; ``seats`` those left to book.

    ``withdrawn`` were taken out of the offer one by one, and would be listed otherwise, be it as
    taken: they are in none of the other numbers.
    """

    total: int
    free: int
    busy: int
    unavailable: int
    tentative: int
    seats: int
    withdrawn: int


def _nothing() -> list[Slot]:
    return []


class Slots(Sequence[Slot]):
    """Slots in order of start, found when they are looked at.

    What they are made from was read when the listing was asked for; a slice is again such
    a sequence, and local times can be seen from any zone without an instant moving. ``withdrawn``
    finds the slots of the same stretch that were taken out of the offer; it is asked by `summary`
    and `withdrawn` alone.
    """

    __slots__ = ("_find", "_find_first", "_found", "_withdrawn", "_zones")

    def __init__(
        self,
        find: Callable[[], list[Slot]],
        zones: ZoneSource,
        *,
        first: Callable[[int], list[Slot]] | None = None,
        withdrawn: Callable[[], list[Slot]] = _nothing,
    ) -> None:
        self._find = find
        self._find_first = first
        """Finds at least so many of the earliest, if there are, without looking for all."""
        self._withdrawn = withdrawn
        self._found: list[Slot] | None = None
        self._zones = zones

    @property
    def _all(self) -> list[Slot]:
        if self._found is None:
            self._found = self._find()
        return self._found

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._all)

    @overload
    def __getitem__(self, index: int) -> Slot: ...
    @overload
    def __getitem__(self, index: slice) -> Slots: ...
    def __getitem__(self, index: int | slice) -> Slot | Slots:
        if isinstance(index, slice):
            part = self._all[index]
            return Slots(lambda: part, self._zones)
        return self._all[index]

    def __repr__(self) -> str:
        return f"<Slots: {len(self)}>"

    def first(self, count: int = 1) -> list[Slot]:
        """The earliest ``count`` slots, or fewer if there are no more.

        No later ones are looked for, unless they were already.
        """
        count = max(count, 0)
        if self._found is not None or self._find_first is None:
            return list(self[:count])
        return self._find_first(count)[:count]

    def by_date(self) -> dict[date, list[Slot]]:
        """The slots by the local date of their start, dates in order of their first slot."""
        grouped: dict[date, list[Slot]] = {}
        for slot in self:
            grouped.setdefault(slot.date, []).append(slot)
        return grouped

    def seen_from(self, timezone: str) -> Slots:
        """The same slots with their local times in another zone; `UnknownZone` if there is none."""
        zone = self._zones.zone(timezone)

        def find() -> list[Slot]:
            shared = {id(terms): terms for terms, _ in self._all}
            seen = {key: attrs.evolve(terms, zone=zone) for key, terms in shared.items()}
            return [Slot((seen[id(terms)], minute)) for terms, minute in self._all]

        return Slots(find, self._zones, withdrawn=self._withdrawn)

    @property
    def withdrawn(self) -> Slots:
        """The slots of the same stretch that were taken out of the offer, and would be listed.

        Their status says so, and nothing of whether they would be free. Of a slice there are none:
        it has no stretch of its own.
        """
        return Slots(self._withdrawn, self._zones)

    def summary(self) -> Summary:
        """How many slots there are of each status.

        Of a slice none is told as `withdrawn`.
        """
        terms = [shared for shared, _ in self._all]
        count = Counter(one.status for one in terms)
        return Summary(
            total=len(terms),
            free=count[SlotStatus.FREE],
            busy=count[SlotStatus.BUSY],
            unavailable=count[SlotStatus.BUSY_UNAVAILABLE],
            tentative=count[SlotStatus.BUSY_TENTATIVE],
            seats=sum(one.capacity - one.taken for one in terms if one.status is SlotStatus.FREE),
            withdrawn=len(self._withdrawn()),
        )

    def opened_by(self, id: str) -> Slots:
        """Those that lie in the windows of one rule or override."""

        def among(found: list[Slot]) -> list[Slot]:
            return [slot for slot in found if slot.opened_by == id]

        return Slots(
            lambda: among(self._all), self._zones, withdrawn=lambda: among(self._withdrawn())
        )
