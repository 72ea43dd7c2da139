"""Publishing: slots written down ahead, for hosts that want to read them as rows.

Nothing in the library reads them: what is offered and booked is always worked out from the
rules. Whoever reads them here gets what the rules say at that moment, because each day that is
written down has a stamp of everything it follows from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Final

import attrs

from medsched.domain.access import Reach
from medsched.domain.appointment_types import AppointmentType
from medsched.domain.appointments import Appointment
from medsched.domain.claims import ClaimKind
from medsched.domain.people import Provider
from medsched.domain.published import Publication, PublishedDay, PublishedSlot
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.stored import Kind, Ref, kind_of
from medsched.engine.altered import reach_of
from medsched.engine.published import (
    Daily,
    LocalDay,
    bookable_of,
    days_between,
    of_day,
    zone_of_days,
)
from medsched.engine.slots import LONGEST_QUERY, check_query
from medsched.errors import InvalidDuration, NotFound, SlotsNotKept, StorageBusy
from medsched.ports.slot_table import SlotTable
from medsched.services.context import Context
from medsched.services.inquiries import Asked, Inquiries
from medsched.timeline.instants import DAY, date_of, instant_of, minute_of, whole_minute
from medsched.timeline.zones import Zone

_SLOT: Final = "published-slot"
"""What an audit calls it."""
_WEEK: Final = 7
"""How many days are read at once."""


class Publishing:
    """Writes down the slots of one practice, and reads them."""

    def __init__(self, context: Context, inquiries: Inquiries) -> None:
        self._context = context
        self._inquiries = inquiries

    def publish(
        self,
        window: timedelta,
        *,
        providers: Collection[str] | None = None,
        types: Collection[str] | None = None,
    ) -> Publication:
        """See `Availability.publish`."""
        gate = self._context.admit("availability.publish")
        days = _days_of(window)
        providers, types = _several(providers), _several(types)
        if providers is None and not gate.sees_all:
            gate.deny("they may publish what is their own only: say whose")
        gate.keep(*(Resource(ResourceKind.PROVIDER, one) for one in providers or ()))
        table = self._table()
        active = {
            (provider, type)
            for provider in self._active(Provider, providers)
            for type in self._active(AppointmentType, types)
        }
        done = Publication()
        for pair in table.published_pairs(self._context.practice):
            asked = (providers is None or pair[0] in providers) and (
                types is None or pair[1] in types
            )
            if asked and pair not in active:
                gone = table.withdraw_days(self._context.practice, *pair)
                done += Publication(withdrawn=gone)
        for provider, type in sorted(active):
            done += self._publish(table, provider, type, days)
        return done

    def published(
        self, provider: str, type: str, start: datetime, end: datetime
    ) -> tuple[PublishedSlot, ...]:
        """See `Availability.published`."""
        gate = self._context.admit("availability.published")
        low, high = check_query(start, end)
        table = self._table()
        now = self._context.now()
        found: list[PublishedSlot] = []
        if low < high:
            zone = self._zone(provider, type)
            days = days_between(zone, low, high)
            asked, daily = self._look(provider, type, days, now)
            kept = table.published_days(self._context.practice, provider, type, *_dates(days))
            for one, day in self._made(asked, daily, kept, now):
                before = kept.get(day.date)
                if before is not None and before.stamp != one.stamp:
                    with suppress(StorageBusy):  # then whoever reads it next writes it
                        table.publish_day(self._context.practice, day)
                found += day.slots
            found = bookable_of(found, asked.inquiry)
        told = tuple(one for one in found if start <= one.start < end)
        if not gate.sees_all:
            told = tuple(_told(one, gate.reach) for one in told)
        gate.tell_of(_SLOT, {one.patient for one in told if one.patient is not None})
        return told

    # -------------------------------------------------------------------- publishing

    def _publish(self, table: SlotTable, provider: str, type: str, days: int) -> Publication:
        practice, now = self._context.practice, self._context.now()
        zone = self._zone(provider, type)
        window = _window(zone, now, days)
        withdrawn = table.withdraw_days(practice, provider, type, kept=_dates(window))
        done = Publication(days=len(window), withdrawn=withdrawn)
        for week in (window[at : at + _WEEK] for at in range(0, len(window), _WEEK)):
            asked, daily = self._look(provider, type, week, now)
            kept = table.published_days(practice, provider, type, *_dates(week))
            for one, day in self._made(asked, daily, kept, now):
                before = kept.get(day.date)
                done += Publication(slots=len(day.slots))
                if before is None or before.stamp != one.stamp:
                    table.publish_day(practice, day)
                    done += Publication(written=1)
        return done

    # ----------------------------------------------------------------------- reading

    def _look(
        self, provider: str, type: str, days: Iterable[LocalDay], now: datetime
    ) -> tuple[Asked, list[Daily]]:
        """What some days in a row follow from as things stand."""
        row = list(days)
        asked = self._inquiries.asked(provider, type, (row[0].low, row[-1].high), now=now)
        versions, inquiry = asked.snapshot.versions, asked.inquiry
        return asked, [
            of_day(inquiry, versions, day, reach_of(inquiry, (day.low, day.high))) for day in row
        ]

    def _made(
        self, asked: Asked, daily: Iterable[Daily], kept: Mapping[date, PublishedDay], now: datetime
    ) -> Iterator[tuple[Daily, PublishedDay]]:
        """Each day with its slots: those that are kept where they are right."""
        for one in daily:
            on = date_of(one.day.day)
            old = kept.get(on)
            if old is not None and old.stamp == one.stamp:
                yield one, old
                continue
            patients, whole = self._patients(one)
            times = {} if old is None else {slot.start: slot for slot in old.slots}
            yield (
                one,
                PublishedDay(
                    provider=asked.inquiry.provider.id,
                    type=asked.inquiry.type.code,
                    date=on,
                    start=instant_of(one.day.low),
                    end=instant_of(one.day.high),
                    # An appointment that moved since its claims were read: right for nobody.
                    stamp=one.stamp if whole else "",
                    slots=[slot.since(times.get(slot.start)) for slot in one.slots(patients, now)],
                ),
            )

    def _patients(self, daily: Daily) -> tuple[dict[int, str], bool]:
        """Whose appointments of the type start on a day, and whether all were as they claim."""
        inquiry = daily.inquiry
        claims = [
            claim
            for claim in inquiry.claims.get(inquiry.provider.resource, ())
            if claim.kind is ClaimKind.APPOINTMENT
        ]
        refs = sorted({Ref(Kind.APPOINTMENT, claim.id) for claim in claims})
        rows = self._context.store.get_many(self._context.practice, refs) if refs else {}
        found: dict[int, str] = {}
        whole = True
        for claim in claims:
            one = rows.get(Ref(Kind.APPOINTMENT, claim.id))
            if not isinstance(one, Appointment) or claim not in one.claims:
                whole = False
            elif one.type == inquiry.type.code:
                found.setdefault(whole_minute(one.start, "start"), one.patient)
        return found, whole

    def _zone(self, provider: str, type: str) -> Zone:
        """The zone of a provider's dates, as things stand."""
        schedule = self._inquiries.of_hours(provider, type).schedule
        return zone_of_days(schedule, self._context.zones)

    def _table(self) -> SlotTable:
        store = self._context.store
        if not isinstance(store, SlotTable):
            raise SlotsNotKept(type(store).__name__)
        return store

    def _active(
        self, cls: type[Provider] | type[AppointmentType], asked: Collection[str] | None
    ) -> list[str]:
        """Those who take part in scheduling, of all or of some; `NotFound` for unknown ones."""
        store, practice = self._context.store, self._context.practice
        if asked is not None:
            rows = {id: store.get(practice, cls, id) for id in sorted(asked)}
            for id, row in rows.items():
                if row is None:
                    raise NotFound(kind_of(cls).value, id)
            return [id for id, row in rows.items() if row is not None and row.active]
        return [one.id for one in self._context.records(cls, active=True)]


def _told(slot: PublishedSlot, reach: Reach) -> PublishedSlot:
    """A slot as it is told to who reaches so much: whose it is only where that is reached."""
    theirs = slot.patient in reach.patients or reach.is_visited(slot.provider, slot.location)
    return slot if slot.patient is None or theirs else attrs.evolve(slot, patient=None)


def _several(ids: Collection[str] | None) -> Collection[str] | None:
    """Some ids; a single one is one of them."""
    return [ids] if isinstance(ids, str) else ids


def _days_of(window: timedelta) -> int:
    """The days of a window; `InvalidDuration` unless they are whole ones, of two years at most."""
    if not isinstance(window, timedelta) or window % timedelta(days=1):
        raise InvalidDuration("window", window, "a window has whole days")
    if not timedelta(0) < window <= LONGEST_QUERY:
        raise InvalidDuration("window", window, f"1 to {LONGEST_QUERY.days} days")
    return window.days


def _window(zone: Zone, now: datetime, days: int) -> list[LocalDay]:
    """Today's date and those after it, so many in all; fewer where one does not exist."""
    minute = minute_of(now, "now", rounding="down")
    (today,) = days_between(zone, minute, minute + 1)
    ahead = days_between(zone, today.low, today.low + (days + 2) * DAY)
    return [one for one in ahead if today.day <= one.day < today.day + days]


def _dates(days: Iterable[LocalDay]) -> tuple[date, date]:
    row = list(days)
    return date_of(row[0].day), date_of(row[-1].day)
