"""Calendars: the taken time of one resource, as the principal may see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from medsched.domain.blockings import Blocking
from medsched.domain.calendars import CalendarEntry
from medsched.domain.records import Resource, ResourceKind, resource
from medsched.domain.stored import CLAIMED_BY, BookingRecord, Kind, Ref, Stored
from medsched.engine.calendars import Viewer, entries
from medsched.errors import InvalidChoice, InvalidInterval, NotFound
from medsched.services.context import Context
from medsched.timeline.instants import span_of

LONGEST_CALENDAR: Final = timedelta(days=370)
"""The longest stretch that is shown at once."""


class Calendars:
    """The calendars of one practice. Each principal sees as much of them as they need.

    Admins and trusted principals see all; the reasons of visits only on the calendars of providers
    and patients. Staff see visits that they reach, with type and patient; reasons on a provider's
    calendar only. Providers see their own visits in full; on the calendar of a room, device or
    location, the type of whatever visit it is, and the patient of their own. Patients see their own
    visits. Everything else is busy time of which nothing is told; to patients not even whether it
    is visited, held or blocked. Why time is blocked is told to staff, to admins, and to the
    provider whose time it is.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    def of(
        self, resource_: Resource | str, start: datetime, end: datetime
    ) -> tuple[CalendarEntry, ...]:
        """What takes the time of a resource in [start, end), aware instants, by start.

        A bare id is a provider's. A visit that reaches into the stretch is told whole; time of
        which nothing is told, as far as the stretch goes. A location has a calendar if it is
        exclusive, else nothing takes its time.

        `NotFound` for a resource that is not there, and for a patient who is not reached.
        `InvalidInterval` for an end that is not after the start or more than `LONGEST_CALENDAR`
        after it, `NaiveDatetime`, `OutOfRange`, and `InvalidChoice` for the practice itself.
        """
        gate = self._context.admit("calendar.read")
        wanted = resource(resource_)
        if wanted.kind is ResourceKind.PRACTICE:
            raise InvalidChoice("resource", str(wanted), "a practice has no calendar of its own")
        low, high = span_of(start, end, inward=False)
        if end - start > LONGEST_CALENDAR:
            why = f"longer than {LONGEST_CALENDAR.days} days"
            raise InvalidInterval("end", (start, end), why)
        viewer = Viewer.of(gate.principal, gate.reach, keeps=gate.keeps([wanted]))
        store, practice = self._context.store, self._context.practice
        if wanted.kind is ResourceKind.PATIENT:
            gate.patient(wanted.id)  # before anything is read of theirs
        asked = {wanted}
        if viewer.patient is not None:
            asked.add(Resource(ResourceKind.PATIENT, viewer.patient))
        claims = store.claims(practice, asked, low, high)
        refs = [Ref(CLAIMED_BY[claim.kind], claim.id) for claim in claims]
        # No key of those of whom nothing is told may be asked for.
        bare = store.seals and not gate.sees_all
        read = store.bare if bare else store.get_many
        found = dict(read(practice, [Ref.of(wanted), *refs]))
        if Ref.of(wanted) not in found:
            raise NotFound(wanted.kind.value, wanted.id)
        if bare:
            told = [ref for ref in refs if viewer.may_know(found.get(ref))]
            found.update(store.get_many(practice, told))
        takers = [one if isinstance(one, BookingRecord) else None for one in map(found.get, refs)]
        shown = entries(
            viewer,
            wanted,
            zip(claims, takers, strict=True),
            between=(start, end),
            now=self._context.now(),
        )
        kept = (one for one in takers if isinstance(one, Blocking) and one.kept_for is not None)
        reasons = [one for one in kept if viewer.may_know(one)]
        gate.shown([*_told_of(wanted, shown, found), *reasons])
        return shown


def _told_of(
    wanted: Resource, shown: Sequence[CalendarEntry], found: Mapping[Ref, Stored]
) -> list[Stored]:
    """The records that a calendar tells of with their patients; and the patient whose it is."""
    told = [
        ref
        for one in shown
        for ref in (
            Ref(Kind.APPOINTMENT, one.appointment or ""),
            Ref(Kind.HOLD, one.hold or ""),
        )
        if one.patient is not None
    ]
    whose = [Ref.of(wanted)] if wanted.kind is ResourceKind.PATIENT else []
    return [found[ref] for ref in (*whose, *told) if ref in found]
