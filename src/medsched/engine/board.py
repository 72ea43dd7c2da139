"""The one predicate: what a schedule offers for a request, in bulk and start by start.

A `Board` lays what is claimed over what is open. Listing stamps the blocks on a strip of
minutes and keeps the starts of the grid that stay clear; judging one start asks the same
openings and the same blocks, so what is listed is what is not refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from itertools import chain

import attrs

from medsched.domain.appointment_types import GridKind
from medsched.domain.claims import Claim, ClaimKind, Session
from medsched.domain.records import Resource
from medsched.domain.slot_overrides import SlotOverride
from medsched.engine.blocks import BlockMaker, Blocks, Claimed, in_all
from medsched.engine.booking_rules import Ruled, ruled_out
from medsched.engine.grids import within
from medsched.engine.inquiry import Inquiry
from medsched.engine.openings import Candidates, Openings, SlotShape, Terms, openings
from medsched.engine.release_rules import kept_back, release_rules
from medsched.engine.windows import Piece
from medsched.timeline.intervals import Interval, covering, subtract, union

REFUSED, FREE, TENTATIVE, UNAVAILABLE, BUSY = range(5)
"""Marks on a strip: refused whatever is claimed; free; claimed by a hold, a blocking, a visit."""

_NOT_FREE = bytes.maketrans(bytes([FREE]), bytes([REFUSED]))

_MARK = {
    ClaimKind.HOLD: TENTATIVE,
    ClaimKind.BLOCKING: UNAVAILABLE,
    ClaimKind.APPOINTMENT: BUSY,
    ClaimKind.SESSION: BUSY,
}


def _told_first(claimed: Claimed) -> bool:
    return not claimed.told


@attrs.frozen(eq=False, slots=False)
class Board:
    """What decides the starts in [low, high), in minutes."""

    inquiry: Inquiry
    low: int
    high: int
    _blocks: dict[SlotShape, Blocks] = attrs.field(init=False, factory=dict)
    _choices: dict[SlotShape, list[list[Blocks]]] = attrs.field(init=False, factory=dict)
    _ruled: dict[int, list[Ruled]] = attrs.field(init=False, factory=dict)

    @cached_property
    def openings(self) -> Openings:
        """What is open, whatever is claimed."""
        inquiry, low, high = self.inquiry, self.low, self.high
        longest = inquiry.longest_session(low, high)
        return openings(inquiry.schedule, inquiry.type, inquiry.zones, low, high, longest)

    def ruled(self, length: int) -> list[Ruled]:
        """What the rules of booking and of release refuse of slots of so many minutes.

        As those of time, they never move a grid.
        """
        found = self._ruled.get(length)
        if found is None:
            found = self._ruled[length] = [*self._of_any_length, *self._kept_back(length)]
        return found

    @cached_property
    def _of_any_length(self) -> list[Ruled]:
        return ruled_out(self.inquiry, self.low, self.high)

    def _kept_back(self, length: int) -> list[Ruled]:
        if self.inquiry.request.now is None or not release_rules(self.inquiry.schedule):
            return []
        return kept_back(self.inquiry, self.openings.kept(length), self.low, self.high, length)

    @cached_property
    def _maker(self) -> BlockMaker:
        return BlockMaker(self.inquiry, self.openings)

    def blocks(self, shape: SlotShape) -> Blocks:
        """What refuses starts of this shape, needs with a choice left out."""
        found = self._blocks.get(shape)
        if found is None:
            found = self._blocks[shape] = self._maker.fixed(shape)
        return found

    def choices(self, shape: SlotShape) -> list[list[Blocks]]:
        """For each need with a choice, what refuses each alternative."""
        found = self._choices.get(shape)
        if found is None:
            found = self._choices[shape] = self._maker.choices(shape)
        return found

    def choose(
        self,
        shape: SlotShape,
        start: int,
        joined: Session | None = None,
        prefer: Collection[Resource] = (),
    ) -> list[Resource] | None:
        """A free resource for each need at a start, all different; None if that cannot be."""
        return self._maker.choose(shape, start, joined, prefer)

    def choose_any(
        self, shape: SlotShape, prefer: Collection[Resource] = ()
    ) -> list[Resource] | None:
        """A resource for each need, all different, free or not; None if there are too few."""
        return self._maker.choose_any(shape, prefer)

    def can_combine(self, shape: SlotShape, start: int, joined: Session | None = None) -> bool:
        """Whether needs that share alternatives can all be met at a start."""
        return not self.inquiry.needs_combine or self.choose(shape, start, joined) is not None

    # ----------------------------------------------------------------- listing

    def candidates(self) -> Iterable[Candidates]:
        """The starts in [low, high) that hours and grid give, in order, claimed ones among them.

        The packed grid counts from claims, and so gives none that are claimed, but time blocks.
        """
        packed = self.inquiry.type.grid.kind is GridKind.PACKED
        found = self._packed() if packed else self.openings.candidates
        return self._with_changes(found) if self.openings.changes else found

    def _with_changes(self, found: Iterable[Candidates]) -> Iterator[Candidates]:
        """The same with the slots that were changed one by one; those come last, in no order."""
        opened, changed = self.openings, list[tuple[Terms, int]]()
        changes = opened.changes
        for candidates in found:
            terms, place = candidates.terms, candidates.terms.opening.location
            kept = [start for start in candidates.starts if changes.of_grid(start, place)]
            told = [start for start in kept if (start, place) in changes.told]
            changed += [
                (opened.terms_changed(terms, changes.told[start, place]), start) for start in told
            ]
            plain = [start for start in kept if (start, place) not in changes.told]
            if plain:
                yield Candidates(terms, candidates.origin, plain[0], starts=plain)
        for (start, place), change in changes.placed.items():
            piece = opened.piece_at(start) if self.low <= start < self.high else None
            if piece is not None and piece[4].location == place:
                terms = opened.terms_changed(opened.terms(piece[4]), change)
                if start + terms.length <= opened.run_end(piece):
                    changed.append((terms, start))
        for terms, start in changed:
            yield Candidates(terms, self.low, start, starts=[start])

    def _packed(self) -> Iterator[Candidates]:
        for terms, pieces, runs in self.openings.groups():
            if terms.grid is GridKind.PACKED:
                ranges = self._packed_in(terms, self.openings.room(terms, pieces, runs))
                ranges = within(ranges, self.low, self.high)
            else:
                ranges = self.openings.grid(terms, pieces, runs, self.low, self.high)
            starts = [start for start in chain.from_iterable(ranges) if terms.on_day(start)]
            if starts:
                yield Candidates(terms, self.low, starts[0], starts=starts)

    def _packed_in(self, terms: Terms, room: list[Interval]) -> list[range]:
        """In each stretch of possible starts from its first minute, every step."""
        free = subtract(room, self._blocked(terms.shape))
        return [range(start, stop, terms.step) for start, stop in free]

    def _blocked(self, shape: SlotShape) -> list[Interval]:
        """Every start that something but the rules of time refuses."""
        needs = (in_all([one.spans() for one in choice]) for choice in self.choices(shape))
        return union(self.blocks(shape).spans(), *needs)

    def strip(self, shape: SlotShape, *, tell: bool) -> bytearray:
        """One mark a minute of [low, high): may a slot of this shape start here?

        Where claims refuse a start the mark tells whose they are, if it shall, or is that of
        all other refusals.
        """
        strip = bytearray([FREE]) * (self.high - self.low)
        blocks, choices = self.blocks(shape), self.choices(shape)
        for _, claims, back, before, told in sorted(blocks.claimed, key=_told_first):
            if tell and told:
                for kind, mark in _MARK.items():
                    some = [claim for claim in claims if claim.kind is kind]
                    self._stamp_claims(strip, mark, some, back, before)
            else:
                self._stamp_claims(strip, REFUSED, claims, back, before)
        for choice in choices:
            taken = in_all([one.spans() for one in choice])
            self._stamp(strip, BUSY if tell else REFUSED, taken)
            self._stamp(strip, REFUSED, in_all([one.shut_spans() for one in choice]))
        self._stamp(strip, REFUSED, blocks.shut_spans())
        first, beyond = self.inquiry.bookable()
        self._stamp(strip, REFUSED, [(self.low, first), (beyond, self.high)])
        for low, high, *_ in self.ruled(shape.length):  # what is taken there is still told
            start, stop = max(low - self.low, 0), min(high - self.low, len(strip))
            if start < stop:
                strip[start:stop] = strip[start:stop].translate(_NOT_FREE)
        return strip

    def _stamp_claims(
        self, strip: bytearray, mark: int, claims: Iterable[Claim], back: int, before: int
    ) -> None:
        # As `_stamp`, without a span made for each of many claims; most are equally long, and
        # most lie within the strip.
        ahead, behind, size = self.low + back, before - self.low, len(strip)
        # A bytearray goes into another one at half the cost of bytes.
        ink, run, lasting = bytearray([mark]), bytearray(), 0
        for claim in claims:
            start, stop = claim.low - ahead, claim.high + behind
            if start >= 0 and stop <= size:
                if stop - start != lasting:
                    lasting = stop - start
                    run = ink * lasting
                strip[start:stop] = run
            elif start < size and stop > 0:
                start, stop = max(start, 0), min(stop, size)
                strip[start:stop] = ink * (stop - start)

    def _stamp(self, strip: bytearray, mark: int, spans: Iterable[Interval]) -> None:
        size, ink = len(strip), bytes([mark])
        for low, high in spans:
            start, stop = max(low - self.low, 0), min(high - self.low, size)
            if start < stop:
                strip[start:stop] = ink * (stop - start)

    # ------------------------------------------------------------ a single start

    def on_grid(self, piece: Piece, terms: Terms, start: int) -> bool:
        """Whether a start lies on a piece's grid; on the packed one every impossible start does.

        So does a slot that was put there.
        """
        if terms.change is not None and terms.change.is_moved:
            return True
        if terms.grid is GridKind.PACKED:
            run = self.openings.run_end(piece)
            blocked = self._blocked(terms.shape)
            if start + terms.length > run or covering(blocked, start) is not None:
                return True
            room = self.openings.room(terms, *self.openings.joined(piece))
            return any(start in one for one in self._packed_in(terms, room))
        fits = piece[1] + terms.length  # whether the slot fits its run is another question
        return any(self.openings.grid(terms, [piece], [fits], start, start + 1))

    def nearest_on_grid(self, piece: Piece, terms: Terms, start: int) -> list[int]:
        """The starts of a piece's grid just before and after a minute that nothing refuses."""
        if terms.grid is GridKind.PACKED:
            room = self.openings.room(terms, *self.openings.joined(piece))
            ranges = self._packed_in(terms, room)
        else:
            run = self.openings.run_end(piece)
            ranges = self.openings.grid(terms, [piece], [run], piece[0], piece[1])
        ruled = (one[:2] for one in Board(self.inquiry, *piece[:2]).ruled(terms.length))
        blocked = union(self._blocked(terms.shape), ruled)
        first, beyond = self.inquiry.bookable()
        starts = [
            one
            for one in chain.from_iterable(ranges)
            if first <= one < beyond
            and terms.on_day(one)
            and covering(blocked, one) is None
            and self.withdrawn_at(piece, one) is None
        ]
        before = [one for one in starts if one < start]
        after = [one for one in starts if one > start]
        return before[-1:] + after[:1]

    def withdrawn_at(self, piece: Piece, start: int) -> SlotOverride | None:
        """What took the slot away that would start there, if it was taken away."""
        return self.openings.changes.withdrawn(start, piece[4].location)

    @cached_property
    def sessions(self) -> dict[tuple[int, str | None], Session]:
        """The group sessions of the type asked for that are under way, by start and place."""
        found = self.inquiry.sessions
        if not found or not self.openings.any_seats:
            return {}
        return {(one.start, one.location): one for one in found}

    def session_at(self, start: int, terms: Terms) -> Session | None:
        """The group session that a booking at this start would join, if one is under way."""
        return self.sessions.get((start, terms.opening.location)) if terms.seats > 1 else None

    def terms_at(self, piece: Piece | None, start: int) -> Terms:
        """What a start means for the type, and for the group session that is under way there."""
        if piece is None:
            return self.openings.terms_without_hours()
        terms = self.openings.terms_at(piece, start)
        session = self.session_at(start, terms)
        return terms if session is None else self.openings.terms_within(session, terms)
