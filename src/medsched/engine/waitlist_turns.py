"""The waitlist: which slots suit an entry, and who gets which.

Entries are served in their order, each with the earliest slot that suits it. Where no two slots
overlap that is the same as to go through the slots in order of time and give each to the first in
order whom it suits and who has none yet: all agree on which slot is better, so there is one outcome
that nobody who is before another in the order has a claim against.

All types are read in one order of time, so whoever is served later has seen no slot that somebody
before them could not see. A packed grid moves with what is taken: where one is waited for, nothing
more is handed out around a slot that was, until it is read anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from enum import Enum, auto
from functools import cache
from typing import Final, NamedTuple

from medsched.domain.slots import Slot
from medsched.domain.starts import Anywhere
from medsched.domain.waitlist import PassedSlot, WaitlistEntry
from medsched.domain.wishes import within
from medsched.engine.waitlist import in_order

ASKS: Final = 20
"""After how many slots that it was refused an entry is passed over."""
_OTHER_WALLS: Final = 2
"""By how many dates walls may differ in which of two slots comes first."""
_STIRRED: Final = range(-2, 3)
"""On which days, counted from that of a slot, a packed grid may move with it."""


# ----------------------------------------------------------------------------- what suits


class Opening(NamedTuple):
    """A free slot as entries see it: on the wall of its hours, that which they ask of it."""

    provider: str
    type: str
    location: str | None
    start: datetime
    day: date
    minute: int
    seats: int = 1

    @classmethod
    def of(cls, slot: Slot) -> Opening:
        """The opening that a slot is."""
        local = slot.local_start
        return cls(
            slot.provider,
            slot.type,
            slot.location,
            slot.start,
            local.date(),
            local.hour * 60 + local.minute,
            max(slot.seats_free, 1),
        )


def wishes_for(entry: WaitlistEntry, one: Opening) -> bool:
    """Whether a slot is what an entry wishes for, whatever was offered to it before."""
    return (
        entry.type == one.type
        and (not entry.providers or one.provider in entry.providers)
        and entry.earliest <= one.day <= entry.latest
        and (entry.weekdays is None or one.day.weekday() in entry.weekdays)
        and (isinstance(entry.location, Anywhere) or entry.location == one.location)
        and within(entry.hours, one.minute)
    )


def suits(entry: WaitlistEntry, one: Opening) -> bool:
    """Whether a slot may be offered to an entry: it wishes for it, and did not pass it before."""
    if not wishes_for(entry, one):
        return False
    return not entry.passed or PassedSlot(one.provider, one.location, one.start) not in entry.passed


# ------------------------------------------------------------------------------ reading


class _Run:
    """Openings of one type that follow one another on one local date."""

    __slots__ = ("day", "minutes", "of_provider", "openings", "places")

    def __init__(self, openings: list[Opening]) -> None:
        self.openings = openings
        self.day = openings[0].day
        self.places = {one.location for one in openings}
        self.minutes = {one.minute for one in openings}
        self.of_provider = defaultdict[str, set[int]](set)
        for one in openings:
            self.of_provider[one.provider].add(one.minute)

    def may_suit(self, entry: WaitlistEntry, takes: Callable[[int], bool]) -> bool:
        """Whether there may be one that suits: without looking at each."""
        if (
            not self.openings
            or not entry.earliest <= self.day <= entry.latest
            or (entry.weekdays is not None and self.day.weekday() not in entry.weekdays)
            or not (isinstance(entry.location, Anywhere) or entry.location in self.places)
            or not any(map(takes, self.minutes))
        ):
            return False
        return not entry.providers or any(
            any(map(takes, self.of_provider[id]))
            for id in entry.providers & self.of_provider.keys()
        )


class _Free:
    """What is free, of all types together, read a UTC day at a time as far as it is needed."""

    def __init__(self, days: Iterable[Iterable[Opening]]) -> None:
        self._days = iter(days)
        self._runs = defaultdict[str, list[_Run]](list)
        self._read_to: date | None = None
        self._takes = cache(lambda hours: cache(lambda minute: within(hours, minute)))

    def suiting(self, entry: WaitlistEntry) -> Iterator[tuple[_Run, int]]:
        """Where the openings are that suit an entry, in order of time."""
        runs, at = self._runs[entry.type], 0
        furthest = entry.latest.toordinal() + _OTHER_WALLS
        takes = self._takes(entry.hours)
        while True:
            if at == len(runs):
                if not self._read(furthest):
                    return
                continue
            run, at = runs[at], at + 1
            if run.day.toordinal() > furthest:
                return
            if run.may_suit(entry, takes):
                for number, one in enumerate(run.openings):
                    if one.seats and suits(entry, one):
                        yield run, number

    def _read(self, furthest: int) -> bool:
        """Read a day more; False where there is none that may matter."""
        if self._read_to is not None and self._read_to.toordinal() > furthest:
            return False
        day = next((found for some in self._days if (found := list(some))), None)
        if day is None:
            return False
        self._read_to = day[0].start.date()
        run: dict[str, list[Opening]] = {}
        for one in day:
            so_far = run.setdefault(one.type, [])
            if so_far and so_far[-1].day != one.day:
                self._runs[one.type].append(_Run(so_far))
                so_far = run[one.type] = []
            so_far.append(one)
        for type, openings in run.items():
            self._runs[type].append(_Run(openings))
        return True


class _Theirs:
    """What one patient can have, read along with what is free."""

    def __init__(self, coming: Iterable[Opening]) -> None:
        self._coming = iter(coming)
        self._next = next(self._coming, None)

    def has(self, one: Opening) -> bool:
        """Whether it is among it; asked in order of time."""
        place = _place(one)
        while self._next is not None and _place(self._next) < place:
            self._next = next(self._coming, None)
        return self._next is not None and _place(self._next) == place


def _place(one: Opening) -> tuple[datetime, str, str]:
    return one.start, one.provider, one.location or ""


# ------------------------------------------------------------------------- who gets which


class Answer(Enum):
    """What comes of offering a slot to an entry."""

    OFFERED = auto()
    SHARED = auto()
    """It is offered, and takes what other providers need as well."""
    NOT_THEIRS = auto()
    """They cannot have it, others may."""
    GONE = auto()
    """Nobody can have it."""
    PASSED_OVER = auto()
    """Nothing can be offered to them now."""
    MOVED = auto()
    """The order may be another by now: look again."""


class HandedOut(NamedTuple):
    """How many slots were offered; whether it is to be looked at anew, or some was left."""

    offered: int = 0
    moved: bool = False
    full: bool = False


Offer = Callable[[WaitlistEntry, Opening], Answer]


def hand_out(
    entries: Iterable[WaitlistEntry],
    days: Iterable[Iterable[Opening]],
    offer: Offer,
    theirs: Callable[[WaitlistEntry, Opening], Iterable[Opening]],
    *,
    most: int,
    packed: bool = False,
) -> HandedOut:
    """Offer slots, at most so many, to entries in their order: each the earliest it can have.

    ``days`` are the openings of all types, a UTC day at a time, in order of time. ``theirs`` are
    those, from one on, that the patient of an entry can have: asked for once a slot was refused
    to them. ``packed``: some grid moves with what is taken. Whoever is before an entry has an offer
    by the time the entry is served, or was refused what is left.
    """
    turns = _Turns(_Free(days), offer, theirs, most, packed)
    for entry in in_order(entries):
        if turns.serve(entry):
            return HandedOut(turns.offered, moved=not turns.full, full=turns.full)
    again = turns.offered or turns.gone if packed else turns.offered and turns.gone
    return HandedOut(turns.offered, moved=bool(again))


class _Turns:
    """A look under way."""

    def __init__(
        self,
        free: _Free,
        offer: Offer,
        theirs: Callable[[WaitlistEntry, Opening], Iterable[Opening]],
        most: int,
        packed: bool,
    ) -> None:
        self._free = free
        self._offer = offer
        self._theirs = theirs
        self._most = most
        self._packed = packed
        self._stirred: set[tuple[str | None, int]] = set()
        self.gone: dict[tuple[str, datetime], str] = {}
        self.offered = 0
        self.full = False

    def serve(self, entry: WaitlistEntry) -> bool:
        """Offer an entry what it can have; whether the look is over with that."""
        theirs: _Theirs | None = None
        asked = 0
        for run, at in self._free.suiting(entry):
            one = run.openings[at]
            if theirs is not None and not theirs.has(one):
                continue
            if self.offered == self._most:
                self.full = True
                return True
            if self._is_stale(one):
                return True
            answer = self._offer(entry, one)
            if answer is Answer.MOVED:
                return True
            if answer is Answer.PASSED_OVER:
                return False
            if answer is Answer.NOT_THEIRS:
                asked += 1
                if asked == ASKS:
                    return False
                theirs = theirs or _Theirs(self._theirs(entry, one))
                continue
            if answer is Answer.GONE:
                run.openings[at] = one._replace(seats=0)
                self.gone[one.provider, one.start] = one.type
                continue
            run.openings[at] = one._replace(seats=one.seats - 1)
            self._stir(one, answer)
            self.offered += 1
            return False
        return False

    def _is_stale(self, one: Opening) -> bool:
        """Whether it may be another by now what is free then."""
        day = one.start.toordinal()
        return (
            (one.provider, day) in self._stirred
            or (None, day) in self._stirred
            # Taken when somebody before them was asked: if it is free again, that is for later.
            or self.gone.get((one.provider, one.start), one.type) != one.type
        )

    def _stir(self, one: Opening, answer: Answer) -> None:
        if self._packed:
            whose = None if answer is Answer.SHARED else one.provider
            self._stirred |= {(whose, one.start.toordinal() + by) for by in _STIRRED}
