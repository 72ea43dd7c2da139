"""When a provider can be booked: slots, and why a time is or is not one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from itertools import chain

from medsched.domain.appointment_types import Pricing
from medsched.domain.availability import AvailabilityRule, Override
from medsched.domain.claims import Claim
from medsched.domain.explanations import Explanation, Stretch
from medsched.domain.findings import Finding
from medsched.domain.people import Provider
from medsched.domain.published import Publication, PublishedSlot
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.slots import Slot, Slots, Summary
from medsched.domain.stored import Kind
from medsched.domain.stranding import Stranded
from medsched.engine.check import check_schedule
from medsched.engine.explain import explain
from medsched.engine.slots import LONGEST_QUERY, check_query, list_slots, stretch_of_rule
from medsched.engine.timeline import timeline
from medsched.engine.windows import Frame
from medsched.errors import InvalidInterval, NotFound
from medsched.services.asked_for import SlotLike
from medsched.services.bookings import Bookings
from medsched.services.context import Context
from medsched.services.inquiries import Inquiries, moment
from medsched.services.publishing import Publishing
from medsched.services.rules import AvailabilityRecords
from medsched.services.schedules import bare_schedule_of, schedule_of
from medsched.services.slot_changes import SlotChanges, WallClock
from medsched.services.snapshots import Snapshots
from medsched.services.stranding import Fate
from medsched.timeline.instants import check_date, day_of, instant_of


class Availability(AvailabilityRecords):
    """The hours of one practice: what is written about them, and what they open.

    Readers take a provider's id and a type's code, and read everything they need when they
    are called: the appointments and holds of the store among it. ``busy`` is time that is
    taken besides, given by the caller. ``now`` is the instant
    that the rules of time count from, the clock's unless given. All of them raise
    `NotFound` for an unknown provider, type or patient.
    """

    def __init__(self, context: Context, snapshots: Snapshots) -> None:
        super().__init__(context)
        self._context = context
        self._inquiries = Inquiries(context, snapshots)
        self._publishing = Publishing(context, self._inquiries)
        self._slots = SlotChanges(Bookings(context, snapshots), self._writer)

    def slots(
        self,
        provider: str,
        type: str,
        start: datetime,
        end: datetime,
        *,
        patient: str | None = None,
        busy: Iterable[Claim] = (),
        taken: bool = False,
        referred: bool = False,
        prepaid: bool = False,
        now: datetime | None = None,
    ) -> Slots:
        """The slots whose start lies in [start, end), in order; objects are made when looked at.

        ``start`` and ``end`` are aware and at most two years apart. What lies before ``now``
        is not listed; ask with an earlier ``now`` to see what was offered then. With a ``patient``,
        what that patient's own time or a rule of booking refuses is left out: ``referred`` and
        ``prepaid`` say that there is a referral, and a payment in advance. With ``taken`` the slots
        that are claimed are listed as well, with their status. Raises `NaiveDatetime`,
        `OutOfRange`, and `InvalidInterval` for an end before the start or too far from it.
        """
        gate = self._context.admit("availability.slots", Kind.PATIENT, patient)
        asked = check_query(start, end)
        gate.ask_for(patient)
        inquiry = self._inquiries.about(
            provider,
            type,
            asked,
            patient=patient,
            busy=busy,
            now=now,
            referred=referred,
            prepaid=prepaid,
        )
        return list_slots(inquiry, start, end, taken=taken)

    def slot(self, slot: SlotLike | SlotOverride, *, withdrawn: bool = False) -> Slot:
        """One slot as it is listed now: free or taken, which its status tells.

        ``slot`` is its id, the slot as it was listed before, a `Start`, or what `change_slot` or
        `delete_slot` has made of it. With ``withdrawn`` one that was taken out of the offer is
        told, too.

        `NotFound` for what is not listed, and for a slot of another practice; `InvalidSlotId` for
        an id that this library did not make.
        """
        context, now = self._context, self._context.now()
        context.admit("availability.slots")
        wanted = self._slots.named(slot)
        asked = wanted.start, wanted.start + 1
        inquiry = self._inquiries.about(wanted.provider, wanted.type, asked, now=now)
        listed = list_slots(inquiry, *map(instant_of, asked), taken=True)
        for one in chain(listed, listed.withdrawn if withdrawn else ()):
            if wanted.places is None or one.location in wanted.places:
                return one
        raise NotFound("slot", self._slots.id_of(wanted))

    def zone_on(self, provider: str, day: date, *, location: str | None = None) -> str:
        """The name of the zone whose time a provider's clocks show on a local date.

        That of the ``location``, if one is named and states a zone; else the provider's travel zone
        on that date, their own, that of their main place, the practice's. So is the zone found of a
        rule that states none of its own. `NotFound` for an unknown provider or location,
        `MissingZone` where nothing states a zone, `OutOfRange` for what is no date.
        """
        self._context.admit("availability.slots")
        schedule = bare_schedule_of(self._context, provider, location)
        at = day_of(check_date(day, "day"))
        return Frame(schedule, self._context.zones, 0, 0).zone_on(at, location).key

    def opened(
        self,
        rule: str,
        type: str,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Summary:
        """How many slots a provider's rule opens for a type in [start, end), and their seats.

        Unless they are given, from its first date on to its last, but no more than 366 local dates.
        Counted as the schedule stands, closures heeded, whatever is taken and whatever the time is.
        Those that were taken out of the offer are told as ``withdrawn`` only. `NotFound` for an
        unknown rule.
        """
        context = self._context
        context.admit("availability.opened")
        if start is not None and end is not None:
            check_query(start, end)
        found = context.store.get(context.practice, AvailabilityRule, rule)
        if found is None:
            raise NotFound(Kind.RULE.value, rule)
        inquiry = self._inquiries.of_hours(found.resource.id, type)
        if start is None or end is None:
            own = stretch_of_rule(found, inquiry.schedule, context.zones)
            first, beyond = map(instant_of, own)
            low = start or (first if end is None else min(first, end))
            start, end = low, end or max(low, beyond)
        return list_slots(inquiry, start, end).opened_by(rule).summary()

    def summary(
        self,
        provider: str,
        type: str,
        start: datetime,
        end: datetime,
        *,
        busy: Iterable[Claim] = (),
        now: datetime | None = None,
    ) -> Summary:
        """How many slots of each status start in [start, end); raises as `slots` does.

        So many were taken out of the offer besides: ``withdrawn``, see `delete_slot`.
        """
        return self.slots(provider, type, start, end, busy=busy, taken=True, now=now).summary()

    def explain(
        self,
        provider: str,
        type: str,
        *,
        at: datetime,
        patient: str | None = None,
        busy: Iterable[Claim] = (),
        referred: bool = False,
        prepaid: bool = False,
        now: datetime | None = None,
    ) -> Explanation:
        """Why a start is, or is not, offered: for any aware whole minute.

        Raises `NaiveDatetime`, `OutOfRange`, and `InvalidInterval` for a time within a minute.
        """
        gate = self._context.admit("availability.explain", Kind.PATIENT, patient)
        asked = moment(at)
        gate.ask_for(patient)
        inquiry = self._inquiries.about(
            provider,
            type,
            asked,
            patient=patient,
            busy=busy,
            now=now,
            referred=referred,
            prepaid=prepaid,
        )
        found, hushing = explain(inquiry, at), gate.hushing
        return found if hushing is None else hushing.explanation(found)

    def timeline(
        self,
        provider: str,
        type: str,
        start: datetime,
        end: datetime,
        *,
        busy: Iterable[Claim] = (),
        now: datetime | None = None,
    ) -> tuple[Stretch, ...]:
        """What decides each stretch of [start, end), in order and without gaps.

        Each tells its layers and which of them wins, its claims, and the rules that refuse
        every start in it. Raises as `slots` does.
        """
        gate = self._context.admit("availability.timeline")
        asked = check_query(start, end)
        inquiry = self._inquiries.about(provider, type, asked, busy=busy, now=now)
        found, hushing = timeline(inquiry, start, end), gate.hushing
        return found if hushing is None else hushing.stretches(found)

    # --------------------------------------------------------------------- one slot

    def change_slot(
        self,
        slot: SlotLike,
        *,
        start: WallClock | None = None,
        end: WallClock | None = None,
        type: str | None = None,
        pricing: Pricing | None = None,
        notes: str | None = None,
        special_requirements: Iterable[str] | str | None = None,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> SlotOverride:
        """Offer one slot at another time, as another type, at another price, or with notes.

        ``slot`` is one that was listed, its id, or a `Start`, free or taken. What is None stays
        as it is; a slot that is moved stays as long as it was. ``start`` and ``end`` are instants,
        or times of day on the wall of its hours, on the slot's own date: a `datetime.time`, or
        ``"10:30"``; an end may be ``"24:00"``. It stays where it is put whatever becomes of the
        grid, as long as there are hours. It can be changed again, told by `slot`, and put back with
        `restore_slot`. ``stranded`` says what becomes of the appointments that stand in it when it
        is moved, ends before they do, or becomes another type: see `Stranded`. Those who are
        cancelled are told the ``reason``.

        `NotFound` for a start that is no slot, or a type that is none; `OutsideHours` where the
        provider is not open for it at its place; `SlotsOverlap` for another slot of the type, or
        an appointment of the provider, in its way; `AppointmentsStranded`; `VersionConflict`
        where somebody else changed it meanwhile; `NaiveDatetime`, `InvalidInterval`,
        `InvalidDuration` and `InvalidHours` for times that are none, `NonexistentTime` and
        `AmbiguousTime` for a time of day that the clocks of that date skip, or show twice.
        Repeated under its ``idempotency_key`` it returns its first result: see `Appointments`.
        """
        return self._slots.change(
            slot,
            start=start,
            end=end,
            type=type,
            pricing=pricing,
            notes=notes,
            special_requirements=special_requirements,
            fate=Fate(stranded, reason),
            key=idempotency_key,
        )

    def delete_slot(
        self,
        slot: SlotLike,
        *,
        reason: str = "",
        recurring: bool = False,
        stranded: Stranded | str = Stranded.REFUSE,
        idempotency_key: str | None = None,
    ) -> SlotOverride | AvailabilityRule | Override:
        """Offer one slot no more; or, ``recurring``, none of the rule that opened it.

        The ``reason``, up to 500 characters, is kept: by the override of the slot, or the rule,
        which is deactivated. Whoever asks for the slot is told. ``stranded`` says what becomes of
        the appointments that stand in it: see `Stranded`. `NotFound` for a start that is no slot;
        `AppointmentsStranded`. ``idempotency_key`` as in `change_slot`; ``recurring`` has keys of
        its own.
        """
        fate = Fate(stranded, reason)
        if recurring:
            return self._slots.end_recurrence(slot, fate, idempotency_key)
        return self._slots.withdraw(slot, fate, idempotency_key)

    def restore_slot(
        self,
        slot: SlotLike,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> None:
        """Let one slot be again what its hours make of it.

        It may be named as its hours give it, or as it was changed. Hours that were ended are
        activated instead. ``stranded``, ``reason`` and ``idempotency_key`` as in `change_slot`.
        `NotFound` where nothing was changed.
        """
        self._slots.restore(slot, Fate(stranded, reason), idempotency_key)

    # -------------------------------------------------------------------- findings

    def check(self, first: date, last: date, *, provider: str | None = None) -> tuple[Finding, ...]:
        """What may surprise from ``first`` to ``last``, both inclusive: of a provider, or of all.

        Windows that a clock change touches, overlaps it makes, stubs of overnight windows.
        Raises `InvalidInterval` for dates in the wrong order.
        """
        self._context.admit("availability.check")
        check_date(first, "first")
        check_date(last, "last")
        if last < first:
            raise InvalidInterval("last", (first, last), "comes before the first date")
        if last - first > LONGEST_QUERY:
            raise InvalidInterval("last", (first, last), f"longer than {LONGEST_QUERY.days} days")
        found: dict[Finding, None] = {}
        every = (one.id for one in self._context.records(Provider, active=True))
        for one in every if provider is None else [provider]:
            schedule = schedule_of(self._context, one)
            findings = check_schedule(schedule, self._context.zones, first, last)
            found.update(dict.fromkeys(findings))
        return tuple(sorted(found, key=lambda one: (one.date or first, one.resource, one.by)))

    def publish(
        self,
        window: timedelta,
        *,
        providers: Collection[str] | None = None,
        types: Collection[str] | None = None,
    ) -> Publication:
        """Write the slots of the next days into the store's slot table: run it daily.

        Of each active provider and type, or of those stated, from today's local date of the
        provider on, as many dates as the ``window`` has days: whole ones, two years at most, else
        `InvalidDuration`. Slots that are taken are written too, with their status. What is past,
        beyond the window or not offered any more is removed.

        Each date is written in a transaction of its own, and only if something has changed: run
        again after it was cut short it goes on, and run twice it is run once. The rules of time
        (notice, how far ahead) are not applied to what is written. Nothing that is booked depends
        on it. `NotFound` for a stated provider or type; `SlotsNotKept` for a store without a table.
        """
        return self._publishing.publish(window, providers=providers, types=types)

    def published(
        self, provider: str, type: str, start: datetime, end: datetime
    ) -> tuple[PublishedSlot, ...]:
        """The published slots whose start lies in [start, end), those that are taken too.

        They are those that ``slots(…, taken=True)`` lists at this moment: dates of which anything
        has changed since they were written are written anew, dates that were not published are
        worked out. Raises as `slots`; `SlotsNotKept`.
        """
        return self._publishing.published(provider, type, start, end)
