"""What refuses starts: claims widened by a slot's length and buffers, and closed resources.

A *block* is a span of starts with its cause. Everything that a needed resource has
against a slot is brought to this one form, which listing and judging both read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, TypeVar

import attrs

from medsched.domain.appointment_types import Need
from medsched.domain.claims import Claim, Session
from medsched.domain.fields import minutes
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Reason
from medsched.engine.inquiry import Inquiry
from medsched.engine.layers import reach
from medsched.engine.openings import Openings, SlotShape
from medsched.timeline.intervals import Interval, complement, intersect, union

OptionT = TypeVar("OptionT")


class Shut(NamedTuple):
    """A closed stretch that refuses starts: of a needed resource, or around a buffer."""

    reason: Reason
    resource: Resource
    low: int
    high: int


class Claimed(NamedTuple):
    """Claims on a resource: each refuses starts from ``back`` before it to ``before`` after it."""

    resource: Resource
    claims: Sequence[Claim]
    back: int
    before: int
    told: bool = True
    """Whether slots that these claims take are taken for everybody; a patient's own are not."""


@attrs.define(eq=False)
class Blocks:
    """What refuses starts: claims, and closed time as spans of starts [low, high); in no order."""

    claimed: list[Claimed] = attrs.field(factory=list)
    shut: list[tuple[int, int, Shut]] = attrs.field(factory=list)

    def spans(self) -> list[Interval]:
        """The starts refused, without the causes."""
        taken = [
            (claim.low - back, claim.high + before)
            for _, claims, back, before, _ in self.claimed
            for claim in claims
        ]
        return taken + self.shut_spans()

    def shut_spans(self) -> list[Interval]:
        """The starts that closed time refuses."""
        return [(low, high) for low, high, _ in self.shut]

    def causes(self, start: int, joined: Session | None = None) -> list[Claim | Shut]:
        """What refuses one start; the group session to be joined does not, save who is in it."""
        claims = [
            claim
            for _, some, back, before, told in self.claimed
            for latest, soonest in [(start + back, start - before)]
            for claim in some
            if claim.low <= latest
            and claim.high > soonest
            and not (told and joined is not None and claim.session == joined)
        ]
        return [*claims, *(shut for low, high, shut in self.shut if low <= start < high)]

    def add(self, other: Blocks) -> None:
        """Take in all blocks of another."""
        self.claimed += other.claimed
        self.shut += other.shut


@attrs.frozen(eq=False)
class BlockMaker:
    """Makes the blocks of one inquiry; each answer is for slots of one shape."""

    inquiry: Inquiry
    openings: Openings

    def fixed(self, shape: SlotShape) -> Blocks:
        """What refuses starts whatever is chosen: of provider, patient, place, sole resources."""
        inquiry, type_, length = self.inquiry, self.inquiry.type, shape.length
        blocks = Blocks()
        provider = inquiry.provider.resource
        blocks.claimed.append(self._claimed(provider, length, type_.before, type_.after))
        if inquiry.request.patient is not None:
            patient = Resource(ResourceKind.PATIENT, inquiry.request.patient)
            own = self._claimed(patient, length, 0, 0)._replace(told=False)
            blocks.claimed.append(own)
        place = inquiry.schedule.locations.get(shape.location or "")
        if place is not None and place.exclusive:
            taken = self._claimed(place.resource, length, type_.before, type_.after)
            blocks.claimed.append(taken)
        if type_.buffers_within_hours and (type_.before or type_.after):
            opened = union((piece[0], piece[1]) for piece in self.openings.pieces)
            for low, high in complement(opened, *reach(self.openings.frame)):
                shut = Shut(Reason.BUFFER, provider, low, high)
                blocks.shut.append((low - length - type_.after + 1, high + type_.before, shut))
        for need in type_.needs:
            options = alternatives(need, shape)
            if len(options) == 1:
                blocks.add(self.of_need(need, options[0], length))
        return blocks

    def choices(self, shape: SlotShape) -> list[list[Blocks]]:
        """For each need that has a choice, what blocks each alternative."""
        return [
            [self.of_need(need, resource, shape.length) for resource in options]
            for need in self.inquiry.type.needs
            for options in [alternatives(need, shape)]
            if len(options) > 1
        ]

    def of_need(self, need: Need, resource: Resource, length: int) -> Blocks:
        """Where one resource cannot fill a need: claimed, or not open for the whole slot."""
        before, after = minutes(need.buffer_before), minutes(need.buffer_after)
        blocks = Blocks([self._claimed(resource, length, before, after)])
        for low, high in self.openings.closed(resource):
            shut = Shut(Reason.RESOURCE_CLOSED, resource, low, high)
            blocks.shut.append((low - length + 1, high, shut))
        return blocks

    def choose(
        self,
        shape: SlotShape,
        start: int,
        joined: Session | None = None,
        prefer: Collection[Resource] = (),
    ) -> list[Resource] | None:
        """A free resource for each need at a start, all different; None if that cannot be.

        Where there is a choice, those in ``prefer`` come first, then the others in order.
        """
        options = [
            [
                resource
                for resource in in_turn(need, shape, prefer)
                if not self.of_need(need, resource, shape.length).causes(start, joined)
            ]
            for need in self.inquiry.type.needs
        ]
        return all_different(options)

    def choose_any(
        self, shape: SlotShape, prefer: Collection[Resource] = ()
    ) -> list[Resource] | None:
        """A resource for each need, all different, free or not; None if there are too few."""
        inactive = self.inquiry.schedule.inactive
        return all_different(
            [
                [one for one in in_turn(need, shape, prefer) if one not in inactive]
                for need in self.inquiry.type.needs
            ]
        )

    def _claimed(self, resource: Resource, length: int, before: int, after: int) -> Claimed:
        """The live claims on a resource, against slots of a length with these buffers."""
        claims, now = self.inquiry.claims.get(resource, ()), self.inquiry.request.now
        if [True for claim in claims if claim.expires is not None]:
            claims = [claim for claim in claims if claim.is_live(now)]
        return Claimed(resource, claims, length + after - 1, before)


def alternatives(need: Need, shape: SlotShape) -> list[Resource]:
    """The resources that may fill a need, in order; the room that the hours state comes alone."""
    if shape.room is not None:
        stated = Resource(ResourceKind.ROOM, shape.room)
        if stated in need.one_of:
            return [stated]
    return sorted(need.one_of)


def in_turn(need: Need, shape: SlotShape, prefer: Collection[Resource]) -> list[Resource]:
    """The resources that may fill a need, the preferred ones first."""
    return sorted(alternatives(need, shape), key=lambda one: (one not in prefer, one))


def in_all(sets: Sequence[Sequence[Interval]]) -> list[Interval]:
    """The minutes that every one of the sets covers."""
    common, *others = (union(spans) for spans in sets)
    for spans in others:
        common = intersect(common, spans)
    return common


def all_different(options: Sequence[Sequence[OptionT]]) -> list[OptionT] | None:
    """One option for each, no two the same, earlier ones if they can be had (augmenting paths)."""
    given: dict[OptionT, int] = {}

    def place(index: int, seen: set[OptionT]) -> bool:
        for option in options[index]:
            if option not in seen:
                seen.add(option)
                if option not in given or place(given[option], seen):
                    given[option] = index
                    return True
        return False

    if not all(place(index, set()) for index in range(len(options))):
        return None
    return sorted(given, key=given.__getitem__)
