"""Crowds: many posts that are asked together, and what they open, put together once a day.

Most providers of a practice have hours like others'. What they open on a day differs then in whose
it is, and in nothing else, so what a search asks of it is worked out once for all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import NamedTuple

import attrs

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.people import Provider
from medsched.domain.records import Resource, Resources
from medsched.domain.slots import SlotTerms
from medsched.engine.free_starts import DayStarts, Pad, Template
from medsched.errors import MissingZone, UnknownZone
from medsched.timeline.zones import Zone


@attrs.frozen(eq=False)
class Post:
    """A provider and a type that may be booked with them: one of those that a search may find.

    ``plain``: the ledger alone tells what is free, see `is_plain`. ``timing`` is a number that
    posts share whose rules of time are alike.
    """

    provider: Provider
    type: AppointmentType
    template: Template
    plain: bool
    timing: int


class Member(NamedTuple):
    """What one post opens on a day.

    ``sole`` is whose claims alone matter, on the same day, if nobody else's do.
    """

    post: Post
    opened: DayStarts
    terms: SlotTerms
    sole: Resource | None


class Alike(NamedTuple):
    """Openings of one day with the same starts, of posts with the same rules of time.

    ``pad`` tells what claims refuse of each of them, if only those of the member's own ``sole``
    resource matter; ``length`` is that of their slots then.
    """

    zone: Zone
    starts: int
    length: int
    pad: Pad | None
    members: Sequence[Member]
    resources: Resources
    lowest: int
    highest: int

    @classmethod
    def of(cls, members: Sequence[Member]) -> Alike:
        """Some openings that are alike."""
        opened = members[0].opened
        return cls(
            zone=opened.terms.zone,
            starts=opened.starts,
            length=opened.terms.length,
            pad=opened.sole,
            members=members,
            resources=_resources(members),
            lowest=min(one.opened.lowest for one in members),
            highest=max(one.opened.highest for one in members),
        )


@attrs.frozen(eq=False, slots=False)
class Sheet:
    """What a crowd opens on one UTC day; ``untold`` are the posts of which that cannot be told."""

    opened: Sequence[Alike]
    untold: Sequence[Post]

    @cached_property
    def resources(self) -> Resources:
        """Everything whose claims matter to some of it."""
        return Resources(dict.fromkeys(one for alike in self.opened for one in alike.resources))


class Crowd:
    """Some posts that are asked together, in order, and what they open day by day.

    Threads may share it: what two of them work out at once is the same.
    """

    def __init__(self, posts: Sequence[Post]) -> None:
        self.posts = posts
        self._days: dict[int, Sheet] = {}
        self._made: dict[tuple[object, ...], Sheet] = {}

    def __bool__(self) -> bool:
        """Whether there is anybody in it."""
        return bool(self.posts)

    def without(self, providers: Collection[str]) -> Crowd:
        """Those of it who are not of these providers, by id."""
        return Crowd([post for post in self.posts if post.provider.id not in providers])

    def on(self, day: int) -> Sheet:
        """What is opened on a UTC day, counted from 1970-01-01."""
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = self._sheet(day)
        return found

    def _sheet(self, day: int) -> Sheet:
        members, untold = list[Member](), list[Post]()
        for post in self.posts:
            try:
                for one in post.template.on(day):
                    sole = None if one.sole is None else one.sole.resource
                    members.append(Member(post, one, one.terms, sole))
            except (MissingZone, UnknownZone):
                untold.append(post)
        # Most days of a week, and most weeks, are alike.
        known = (*(one.opened for one in members), *untold)
        made = self._made.get(known)
        if made is None:
            made = self._made.setdefault(known, Sheet(_alike(members), untold))
        return made


def _alike(members: Sequence[Member]) -> list[Alike]:
    found: dict[object, list[Member]] = {}
    for one in members:
        opened, pad = one.opened, one.opened.sole
        asked = None if pad is None else (pad.back, pad.before, opened.terms.length)
        # By identity, since to compare zones takes longer than to look at them.
        key = (id(opened.terms.zone), one.post.timing, opened.starts, asked)
        found.setdefault(key, []).append(one)
    return [Alike.of(some) for some in found.values()]


def _resources(members: Sequence[Member]) -> Resources:
    return Resources(dict.fromkeys(one for member in members for one in member.opened.resources))
