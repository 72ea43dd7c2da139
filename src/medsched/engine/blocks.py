"""What refuses starts: claims widened by a slot's length and buffers, and closed resources.

A *block* is a span of starts with its cause. Everything that a needed resource has
against a slot is brought to this one form, which listing and judging both read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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


class Shut(NamedTuple):
    """A closed stretch that refuses starts: of a needed resource, or around a buffer."""

    reason: Reason
    resource: Resource
    low: int
    high: int


@attrs.define(eq=False)
class Blocks:
    """Spans of starts [low, high) that claims and closed time refuse, in no order."""

    claimed: list[tuple[int, int, Claim]] = attrs.field(factory=list)
    shut: list[tuple[int, int, Shut]] = attrs.field(factory=list)

    def spans(self) -> list[Interval]:
        """All of them, without their causes."""
        return [(block[0], block[1]) for block in (*self.claimed, *self.shut)]

    def shut_spans(self) -> list[Interval]:
        """Those of closed time."""
        return [(low, high) for low, high, _ in self.shut]

    def causes(self, start: int, joined: Session | None = None) -> list[Claim | Shut]:
        """What refuses one start; claims of the group session that is to be joined do not."""
        claims = [claim for low, high, claim in self.claimed if low <= start < high]
        closed = [shut for low, high, shut in self.shut if low <= start < high]
        return [*(one for one in claims if joined is None or one.session != joined), *closed]

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
        blocks.claimed += self._claimed(provider, length, type_.before, type_.after)
        if inquiry.request.patient is not None:
            patient = Resource(ResourceKind.PATIENT, inquiry.request.patient)
            blocks.claimed += self._claimed(patient, length, 0, 0)
        place = inquiry.schedule.locations.get(shape.location or "")
        if place is not None and place.exclusive:
            blocks.claimed += self._claimed(place.resource, length, type_.before, type_.after)
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
        blocks = Blocks(self._claimed(resource, length, before, after))
        for low, high in self.openings.closed(resource):
            shut = Shut(Reason.RESOURCE_CLOSED, resource, low, high)
            blocks.shut.append((low - length + 1, high, shut))
        return blocks

    def can_combine(self, shape: SlotShape, start: int, joined: Session | None) -> bool:
        """Whether every need can have a resource of its own at a start."""
        return _all_different(
            [
                [
                    resource
                    for resource in alternatives(need, shape)
                    if not self.of_need(need, resource, shape.length).causes(start, joined)
                ]
                for need in self.inquiry.type.needs
            ]
        )

    def _claimed(
        self, resource: Resource, length: int, before: int, after: int
    ) -> list[tuple[int, int, Claim]]:
        """Claims as the starts whose slot, buffers included, would overlap them."""
        now = self.inquiry.request.now
        back = length + after - 1
        return [
            (claim.low - back, claim.high + before, claim)
            for claim in self.inquiry.claims.get(resource, ())
            if claim.expires is None or claim.is_live(now)
        ]


def alternatives(need: Need, shape: SlotShape) -> list[Resource]:
    """The resources that may fill a need, in order; the room that the hours state comes alone."""
    if shape.room is not None:
        stated = Resource(ResourceKind.ROOM, shape.room)
        if stated in need.one_of:
            return [stated]
    return sorted(need.one_of)


def in_all(sets: Sequence[Sequence[Interval]]) -> list[Interval]:
    """The minutes that every one of the sets covers."""
    common, *others = (union(spans) for spans in sets)
    for spans in others:
        common = intersect(common, spans)
    return common


def _all_different(options: Sequence[Sequence[Resource]]) -> bool:
    """Whether each can be given one of its options, no two the same (augmenting paths)."""
    given: dict[Resource, int] = {}

    def place(index: int, seen: set[Resource]) -> bool:
        for resource in options[index]:
            if resource not in seen:
                seen.add(resource)
                if resource not in given or place(given[resource], seen):
                    given[resource] = index
                    return True
        return False

    return all(place(index, set()) for index in range(len(options)))
