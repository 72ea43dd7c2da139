"""What the rules of booking ask about other bookings: read only where some rule asks for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from medsched.domain.agendas import Agenda, Named
from medsched.domain.appointments import CLAIMING, UPCOMING, Appointment, AppointmentStatus
from medsched.domain.booking_rules import BookingRules, Facts, Visited
from medsched.domain.changes import RowVersion
from medsched.domain.claims import ClaimKind
from medsched.domain.fields import minutes
from medsched.domain.holds import Hold
from medsched.domain.people import Patient
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.stored import Kind, Ref
from medsched.engine.booking_rules import WEEK, counters, scopes
from medsched.engine.inquiry import Inquiry
from medsched.services.context import Context
from medsched.services.seats import Seats
from medsched.timeline.instants import DAY, FIRST_MINUTE, LAST_MINUTE, instant_of, minute_of
from medsched.timeline.intervals import Interval

_AROUND: Final = (WEEK + 2) * DAY
"""How far from the starts asked for the visits lie that a cap may count."""
_AT_ONCE: Final = 500
"""The visits with how many providers are read together."""


@attrs.frozen(kw_only=True)
class Known:
    """Facts, the tallies that were read before them, and the visit that shows a patient was seen.

    Whoever decides on the facts may raise a tally by as many as they left over then, and guards
    that visit.
    """

    facts: Facts = attrs.field(factory=Facts)
    tallies: Mapping[str, int] = attrs.field(factory=dict)
    seen_at: RowVersion | None = None


class FactReader:
    """Reads what the rules of booking ask for in one practice."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seats = Seats(context)

    def about(
        self,
        inquiry: Inquiry,
        asked: Interval,
        patient: Patient | None,
        but: Collection[tuple[ClaimKind, str]] = (),
        counting: Sequence[int] = (),
    ) -> Known:
        """What is known of other bookings than ``but``, for the starts of a stretch of minutes.

        ``counting``: the starts at which something may be booked on it.
        """
        rules = [scope.rules for scope in scopes(inquiry)]
        if not rules:
            return Known()
        names = {one.name for start in counting for one in counters(inquiry, start)}
        # Before what they count: a booking in between is counted twice rather than not at all.
        tallies = self._context.store.tallies(self._context.practice, names) if names else {}
        visits: tuple[Visited, ...] = ()
        own: tuple[Visited, ...] = ()
        seen = seen_here = False
        seen_at: RowVersion | None = None
        now = inquiry.request.now
        if any(one.counts_visits for one in rules):
            visits = tuple(self._visits([inquiry.provider.id], asked, now, but))
        if patient is not None:
            if any(one.counts_own for one in rules):
                own = self._own(rules, patient.id, asked, now, but)
            if any(one.asks_established for one in rules):
                seen = patient.established
                if not seen:
                    seen, seen_here, seen_at = self._seen(inquiry, patient.id)
                seen_here = seen_here or patient.established
        facts = Facts(visits=visits, own=own, seen=seen, seen_here=seen_here)
        return Known(facts=facts, tallies=tallies, seen_at=seen_at)

    def about_all(
        self, inquiries: Sequence[Inquiry], asked: Interval, patient: Patient | None
    ) -> list[Facts]:
        """The facts for the same request to many providers, read for all of them together."""
        stated = [[scope.rules for scope in scopes(one)] for one in inquiries]
        every = [rules for some in stated for rules in some]
        if not every:
            return [Facts()] * len(inquiries)
        now = inquiries[0].request.now
        counted = {
            one.provider.id
            for one, some in zip(inquiries, stated, strict=True)
            if any(rules.counts_visits for rules in some)
        }
        visits: dict[str, list[Visited]] = {id: [] for id in counted}
        for visit in self._visits(sorted(counted), asked, now):
            visits[visit.provider].append(visit)
        own: tuple[Visited, ...] = ()
        if patient is not None and any(rules.counts_own for rules in every):
            own = self._own(every, patient.id, asked, now)
        seen_by = set[str]()
        if patient is not None and any(rules.asks_established for rules in every):
            fulfilled = frozenset({AppointmentStatus.FULFILLED})
            past = Agenda(patient=patient.id, statuses=fulfilled)
            seen_by = {one.provider for one in self._context.appointments(past)}
        known = patient is not None and patient.established
        return [
            Facts(
                visits=tuple(visits.get(one.provider.id, ())),
                own=own,
                seen=known or bool(seen_by),
                seen_here=known or one.provider.id in seen_by,
            )
            for one in inquiries
        ]

    # ------------------------------------------------------------ visits of the provider

    def _visits(
        self,
        providers: Sequence[str],
        asked: Interval,
        now: datetime | None,
        but: Collection[tuple[ClaimKind, str]] = (),
    ) -> Iterator[Visited]:
        """The visits with some providers around the starts asked for, some hundred at a time."""
        low, high = _clipped(asked[0] - _AROUND), _clipped(asked[1] + _AROUND)
        for at in range(0, len(providers), _AT_ONCE):
            some = providers[at : at + _AT_ONCE]
            agenda = Agenda(
                provider=some[0] if len(some) == 1 else None,
                named=None if len(some) == 1 else Named(providers=frozenset(some)),
                statuses=CLAIMING,
                since=instant_of(low),
                before=instant_of(high),
            )
            held = self._held([Resource(ResourceKind.PROVIDER, id) for id in some], low, high)
            yield from _visited([*self._context.appointments(agenda), *held], now, but)

    # ------------------------------------------------------------- visits of the patient

    def _own(
        self,
        rules: Iterable[BookingRules],
        patient: str,
        asked: Interval,
        now: datetime | None,
        but: Collection[tuple[ClaimKind, str]] = (),
    ) -> tuple[Visited, ...]:
        low = asked[0] - max((minutes(one.spacing) for one in rules if one.spacing), default=0)
        first = low if now is None else min(low, minute_of(now, rounding="down"))
        first = _clipped(first)
        statuses = CLAIMING - {AppointmentStatus.NOSHOW}
        agenda = Agenda(patient=patient, statuses=statuses, since=instant_of(first))
        held = self._held([Resource(ResourceKind.PATIENT, patient)], first, LAST_MINUTE)
        return tuple(_visited([*self._context.appointments(agenda), *held], now, but))

    def _seen(self, inquiry: Inquiry, patient: str) -> tuple[bool, bool, RowVersion | None]:
        """Whether a patient was seen, and whether by the provider; the visit that shows it."""
        store, practice = self._context.store, self._context.practice
        fulfilled = frozenset({AppointmentStatus.FULFILLED})
        for provider in (inquiry.provider.id, None):
            agenda = Agenda(patient=patient, provider=provider, statuses=fulfilled)
            found = store.appointments(practice, agenda, after=None, limit=1)
            for one in found:
                return True, provider is not None, RowVersion(Ref.to(one), one.version)
        return False, False, None

    # --------------------------------------------------------------------- in common

    def _held(self, resources: Sequence[Resource], low: int, high: int) -> list[Hold]:
        """The holds that take the time of some, those with seats in their sessions among them."""
        store, practice = self._context.store, self._context.practice
        claims = store.claims(practice, resources, low, high)
        refs = [Ref(Kind.HOLD, one.id) for one in claims if one.kind is ClaimKind.HOLD]
        rows = store.get_many(practice, refs) if refs else {}
        found = [one for one in rows.values() if isinstance(one, Hold)]
        now = self._context.now()
        for seated in self._seats.among(claims, now).values():
            members = self._seats.members(seated.session)
            found += [one for one in members if isinstance(one, Hold)]
        return [one for one in found if one.is_live(now)]


def _visited(
    bookings: Sequence[Appointment | Hold],
    now: datetime | None,
    but: Collection[tuple[ClaimKind, str]],
) -> Iterator[Visited]:
    for one in bookings:
        kind = ClaimKind.HOLD if isinstance(one, Hold) else ClaimKind.APPOINTMENT
        if (kind, one.id) not in but:
            open_ = isinstance(one, Hold) or one.status in UPCOMING
            upcoming = open_ and (now is None or one.start > now)
            start = minute_of(one.start, rounding="down")
            yield Visited(start, one.provider, one.type, upcoming)


def _clipped(minute: int) -> int:
    return min(max(minute, FIRST_MINUTE), LAST_MINUTE - 1)
