"""Free starts by the day: what a schedule opens for a type, as bits, less what the ledger holds.

A `Template` is the part of an answer that depends on the schedule alone, worked out once by the
same `Board` that listing reads and kept for as long as the schedule stands. What is claimed then
takes starts away by a few operations on integers a day, which is what makes it possible to ask
thousands of providers. Not every schedule can be asked like that: see `is_plain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import Final, NamedTuple

import attrs

from medsched.domain.appointment_types import AppointmentType, GridKind
from medsched.domain.ledger import LedgerKey, PackedLedger
from medsched.domain.records import Resource
from medsched.domain.requests import Request
from medsched.domain.schedule import Schedule
from medsched.domain.slots import SlotTerms
from medsched.engine.blocks import Blocks
from medsched.engine.board import FREE, Board
from medsched.engine.booking_rules import scopes
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import Openings, SlotShape, Terms
from medsched.engine.release_rules import Kept, kept_stretches, release_rules
from medsched.engine.slots import TermsMaker
from medsched.engine.verdict import standing
from medsched.timeline.instants import DAY, LAST_DAY
from medsched.timeline.intervals import Interval
from medsched.timeline.zones import ZoneSource

AT_ONCE: Final = 7
"""How many days of a template are worked out together."""
_WHOLE: Final = (1 << DAY) - 1


class Pad(NamedTuple):
    """A resource that must be clear: each claim on it refuses starts around it.

    From ``back`` minutes before it, to ``before`` after it: found by ``shifts`` of its bits.
    """

    resource: Resource
    back: int
    before: int
    shifts: tuple[int, ...]

    @classmethod
    def of(cls, resource: Resource, back: int, before: int) -> Pad:
        """The pad of a resource."""
        return cls(resource, back, before, _shifts(back + before + 1))

    def blocked(self, taken: int) -> int:
        """The starts that claimed minutes refuse, both as bits."""
        taken <<= self.before
        for shift in self.shifts:
            taken |= taken >> shift
        return taken


@cache
def _shifts(wide: int) -> tuple[int, ...]:
    """How often and far bits are shifted over one another until each has become so many."""
    found: list[int] = []
    done = 1
    while done < wide:
        found.append(min(done, wide - done))
        done += found[-1]
    return tuple(found)


class Choice(NamedTuple):
    """One of several resources that would do, and the starts at which it is open."""

    pad: Pad
    opened: int


@attrs.frozen(eq=False, slots=False)
class DayStarts:
    """The starts of one opening on a UTC day, a bit a minute, and what must be clear for them.

    Claims from the minute ``lowest`` of the day to before ``highest`` matter, which may lie in the
    days before and after it.
    """

    terms: SlotTerms
    starts: int
    pads: tuple[Pad, ...]
    choices: tuple[tuple[Choice, ...], ...]
    resources: dict[Resource, None]
    lowest: int
    highest: int

    @cached_property
    def spills(self) -> bool:
        """Whether claims of other days matter."""
        return self.earlier or self.later

    @cached_property
    def sole(self) -> Pad | None:
        """The one pad that matters, on the same day, if there is nothing else: as it mostly is."""
        alone = len(self.pads) == 1 and not self.choices and not self.spills
        return self.pads[0] if alone else None

    @property
    def earlier(self) -> bool:
        """Whether claims of the day before matter."""
        return self.lowest < 0

    @property
    def later(self) -> bool:
        """Whether claims of the day after matter."""
        return self.highest > DAY

    def left(
        self, starts: int, day: int, ledger: Mapping[LedgerKey, int], patient: Resource | None
    ) -> int:
        """Those of some starts that nothing claims, of what they need and of a patient."""
        left = starts
        for pad in self.pads:
            left &= ~self._blocked(pad, day, ledger)
        for options in self.choices:
            some = 0
            for pad, opened in options:
                some |= opened & ~self._blocked(pad, day, ledger)
            left &= some
        if patient is not None and left:
            left &= ~self._blocked(Pad.of(patient, self.terms.length - 1, 0), day, ledger)
        return left

    def _blocked(self, pad: Pad, day: int, ledger: Mapping[LedgerKey, int]) -> int:
        taken = ledger.get(LedgerKey(pad.resource, day), 0)
        if not self.spills:
            return pad.blocked(taken) if taken else 0
        around = (taken << DAY) | (ledger.get(LedgerKey(pad.resource, day - 1), 0))
        around |= ledger.get(LedgerKey(pad.resource, day + 1), 0) << 2 * DAY
        return pad.blocked(around) >> DAY & _WHOLE if around else 0


def left_of_many(
    starts: int, pad: Pad, owners: Sequence[Resource], day: int, ledger: PackedLedger
) -> list[int]:
    """What is left of the same starts of many, whose own claims on the day alone matter to them.

    ``pad`` is that of any of them. What is claimed is laid side by side in one integer, so that it
    takes no more steps than for one of them. What a claim refuses beyond the edge of its own day
    lies as near to the other edge of a neighbour's, where no start is: else claims of the day
    before or after would matter.
    """
    wide, filling, lowest = ledger.wide, ledger.filling, ledger.lowest
    taken = int.from_bytes(b"".join(ledger.packed(owners, day)), "big")
    each = (starts >> lowest << filling).to_bytes(wide, "big") * len(owners)
    left = int.from_bytes(each, "big") & ~pad.blocked(taken)
    rows, nothing, whole = left.to_bytes(len(each), "big"), bytes(wide), int.from_bytes
    return [
        0 if row == nothing else whole(row, "big") >> filling << lowest
        for at in range(0, len(rows), wide)
        for row in (rows[at : at + wide],)
    ]


def first_start(starts: int) -> int:
    """The minute of the day of the first of some starts, of which there is one."""
    return (starts & -starts).bit_length() - 1


def minutes_in_day(spans: Sequence[Interval], day: int) -> int:
    """Which minutes of a UTC day some spans cover."""
    found, midnight = 0, day * DAY
    for low, high in spans:
        since, until = max(low - midnight, 0), min(high - midnight, DAY)
        if since < until:
            found |= ((1 << (until - since)) - 1) << since
    return found


def is_plain(schedule: Schedule, type_: AppointmentType, zones: ZoneSource) -> bool:
    """Whether the ledger alone tells what is free: no group sessions, no packed grid, no caps.

    A packed grid counts from claims, a session is shared, caps count visits, and needs that share
    alternatives must be met together.
    """
    inquiry = Inquiry(schedule, Request(type_), zones)
    return (
        type_.grid.kind is not GridKind.PACKED
        and not Openings(schedule, type_, zones, 0, 1).any_seats
        and not inquiry.needs_combine
        and not any(scope.rules.counts_visits for scope in scopes(inquiry))
    )


class Template:
    """What a provider's schedule opens for a type, day by day, whoever asks and whatever is taken.

    The schedule has to be a plain one: see `is_plain`.
    """

    def __init__(self, schedule: Schedule, type_: AppointmentType, zones: ZoneSource) -> None:
        self.inquiry = Inquiry(schedule, Request(type_), zones)
        self.closed = any(standing(self.inquiry))
        """Nothing can ever be booked: the provider or the type takes no part in scheduling."""
        self.asks_of_patient = bool(scopes(self.inquiry))
        """There are rules of booking that ask who it is for."""
        self.keeps_back = bool(release_rules(schedule))
        """There are release rules: what is free may not be open to this type yet."""
        self._days: dict[int, tuple[DayStarts, ...]] = {}
        self._kept: dict[tuple[int, int], list[Kept]] = {}
        self._made: dict[object, DayStarts] = {}

    def on(self, day: int) -> tuple[DayStarts, ...]:
        """What is opened on a UTC day, counted from 1970-01-01."""
        found = self._days.get(day)
        if found is None:
            first = day - day % AT_ONCE
            self._survey(first, min(first + AT_ONCE, LAST_DAY + 1))
            found = self._days[day]
        return found

    def kept(self, day: int, length: int) -> list[Kept]:
        """What release rules keep of the time of slots that start on a UTC day, so long."""
        found = self._kept.get((day, length))
        if found is None:
            schedule, zones = self.inquiry.schedule, self.inquiry.zones
            found = kept_stretches(schedule, zones, day * DAY, (day + 1) * DAY + length)
            self._kept[day, length] = found
        return found

    @property
    def size(self) -> int:
        """How many days are kept."""
        return len(self._days)

    def _survey(self, first: int, beyond: int) -> None:
        low, high = first * DAY, beyond * DAY
        board = Board(self.inquiry, low, high)
        each: list[list[DayStarts]] = [[] for _ in range(first, beyond)]
        terms_of = TermsMaker(board)
        strips: dict[SlotShape, bytearray] = {}
        for candidates in board.candidates() if not self.closed else ():
            terms = candidates.terms
            strip = strips.get(terms.shape)
            if strip is None:
                strip = strips[terms.shape] = board.strip(terms.shape, tell=False)
            marks = candidates.marks(strip)
            opened: dict[int, int] = {}
            for start, mark in zip(candidates.starts, marks, strict=True):
                if mark == FREE:
                    day, minute = divmod(start, DAY)
                    opened[day] = opened.get(day, 0) | 1 << minute
            shared = terms_of(terms, FREE, candidates.first)
            for day, starts in opened.items():
                each[day - first].append(self._day(board, terms, shared, day, starts))
        for day, found in enumerate(each, first):
            self._days[day] = tuple(found)
        self.inquiry.schedule.kept.clear()  # the board is not asked again

    def _day(
        self, board: Board, terms: Terms, shared: SlotTerms, day: int, starts: int
    ) -> DayStarts:
        pads = tuple(_pads(board.blocks(terms.shape)))
        choices = tuple(
            tuple(
                Choice(pad, _WHOLE & ~minutes_in_day(one.shut_spans(), day))
                for one in options
                for pad in _pads(one)
            )
            for options in board.choices(terms.shape)
        )
        every = [*pads, *(one.pad for options in choices for one in options)]
        back, before = max(pad.back for pad in every), max(pad.before for pad in every)
        found = DayStarts(
            terms=shared,
            starts=starts,
            pads=pads,
            choices=choices,
            resources={pad.resource: None for pad in every},
            lowest=first_start(starts) - before,
            highest=starts.bit_length() + back,
        )
        # Most days of a week, and most weeks, are alike.
        known = (shared, starts, pads, choices)
        return self._made.setdefault(known, found)


def _pads(blocks: Blocks) -> list[Pad]:
    return [Pad.of(one.resource, one.back, one.before) for one in blocks.claimed]
