"""Practices drawn at random, searches over them, and the plain way to answer one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from medsched import (
    Address,
    AvailabilityRule,
    BookingRules,
    Grid,
    Hours,
    MedschedError,
    Need,
    Override,
    Practice,
    Pricing,
    Recurrence,
    RecurringBlocking,
    ReleaseRule,
    Resource,
    ResourceKind,
    Search,
    Slot,
    Start,
)
from medsched.domain.starts import Anywhere
from medsched.testing.fixed import FixedClock

MINUTE = timedelta(minutes=1)
ZONES = ("America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Tokyo", "Pacific/Apia")
WHERE = (
    Address(city="New York", state="NY", postal_code="10001"),
    Address(city="Albany", state="NY", postal_code="12201"),
    Address(city="London", postal_code="EC1A 1BB"),
)
WORDS = ("cardiology", "dermatology", "paediatrics")
LANGUAGES = ("en", "es")
BEGINNINGS = (date(2026, 3, 5), date(2026, 3, 26), date(2026, 10, 1), date(2026, 10, 30))
"""Days on which clocks change in one of the zones are near these."""


def some(random: Random, words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for word in words if random.random() < 0.5)


def fill(clinic: Practice, clock: FixedClock, random: Random) -> date:
    """Make a practice up, with all that is booked and blocked in it; the first day of interest."""
    first = random.choice(BEGINNINGS)
    monday = first - timedelta(days=first.weekday() + 7)
    clock.set(datetime(first.year, first.month, first.day, random.randrange(24), tzinfo=UTC))
    clinic.settings.configure(timezone=random.choice(ZONES), shortest_slot=MINUTE)
    for number, address in enumerate(WHERE):
        clinic.locations.create(
            id=f"place-{number}",
            address=address,
            timezone=random.choice((None, *ZONES)),
            exclusive=random.random() < 0.15,
        )
        clinic.rooms.create(id=f"room-{number}", location=f"place-{number}")
    for number in range(random.randint(1, 3)):
        _type(clinic, number, random)
    for number in range(random.randint(1, 5)):
        _provider(clinic, f"p{number}", monday, random)
    for number in range(3):
        clinic.patients.create(id=f"patient-{number}", established=random.random() < 0.5)
    if random.random() < 0.3:
        room = Resource(ResourceKind.ROOM, "room-1")
        rule = Recurrence.weekly("MO-FR", start=monday)
        clinic.availability.add(AvailabilityRule(room, rule, hours="10:00-20:00"))
    if random.random() < 0.1:
        clinic.availability.add(_release(clinic.resource, monday, random))
    _bookings(clinic, clock, first, random)
    return first


def _type(clinic: Practice, number: int, random: Random) -> None:
    minutes = random.choice((7, 15, 20, 30, 31, 90))
    grid = random.choice(
        (Grid.window(), Grid.window(), Grid.clock(timedelta(minutes=30)), Grid.packed())
    )
    needs = random.choice(
        (
            (),
            (),
            (Need.room("room-0", after=10 * MINUTE),),
            (Need.room("room-0", "room-1", before=5 * MINUTE),),
            (Need.room("room-0", "room-1"), Need.room("room-1", "room-2")),
        )
    )
    rules = BookingRules()
    if random.random() < 0.25:
        rules = random.choice(
            (
                BookingRules(per_day=2),
                BookingRules(open_per_patient=1),
                BookingRules(spacing=timedelta(hours=5)),
                BookingRules(established_only=True),
                BookingRules(needs_referral=True),
            )
        )
    clinic.appointment_types.create(
        code=f"type-{number}",
        duration=minutes * MINUTE,
        buffer_before=random.choice((0, 0, 1, 10, 700)) * MINUTE,
        buffer_after=random.choice((0, 1, 5, 45)) * MINUTE,
        buffers_within_hours=random.random() < 0.2,
        grid=grid,
        capacity=random.choice((None, None, None, 3)),
        modality=random.choice(("in_person", "telehealth")),
        pricing=_pricing(random),
        needs=needs,
        rules=rules,
        notice=random.choice((0, 0, 26 * 60)) * MINUTE,
        days_ahead=random.choice((None, None, 3)),
    )


def _pricing(random: Random) -> Pricing | None:
    if random.random() < 0.3:
        return None
    return Pricing(
        base_fee=random.choice((50, 100, 150)),
        currency=random.choice(("USD", "USD", "EUR")),
        insurance_accepted=random.random() < 0.5,
    )


def _provider(clinic: Practice, id: str, monday: date, random: Random) -> None:
    clinic.providers.create(
        id=id,
        timezone=random.choice((None, *ZONES)),
        location=random.choice((None, "place-0", "place-1", "place-2")),
        specialties=some(random, WORDS),
        languages=some(random, LANGUAGES),
        insurers=some(random, ("acme", "best")),
        role=random.choice(("doctor", "nurse")),
        rating=random.choice((None, 3.5, 4.8)),
        years_of_experience=random.choice((None, 2, 15)),
        notice=random.choice((0, 0, 90)) * MINUTE,
        rules=random.choice(
            (BookingRules(), BookingRules(), BookingRules(), BookingRules(per_week=3))
        ),
    )
    hours = random.choice(
        (
            [Hours("09:00", "12:00"), Hours("13:00", "17:00")],
            [Hours("00:00", "06:00")],
            [Hours("20:00", "04:00", overnight=True)],
            [Hours("09:07", "11:53")],
        )
    )
    rule = AvailabilityRule(
        id,
        Recurrence.weekly(random.choice(("MO-FR", "MO,WE,SA", "SU")), start=monday),
        hours=hours,
        location=random.choice((None, "place-0", "place-2")),
        pricing=_pricing(random),
        break_duration=random.choice((0, 5)) * MINUTE,
    )
    with suppress(MedschedError):
        clinic.availability.add(rule)
    for offset in range(14):
        day = monday + timedelta(days=offset + 5)
        if random.random() < 0.1:
            with suppress(MedschedError):
                clinic.availability.add(Override.closed(id, day))
        if random.random() < 0.1:
            with suppress(MedschedError):
                clinic.availability.add(Override.extra(id, day, hours=[Hours("18:00", "19:30")]))
    if random.random() < 0.2:
        block = RecurringBlocking(
            id, Recurrence.weekly("TU", start=monday), hours="10:00-11:00", timezone="UTC"
        )
        with suppress(MedschedError):
            clinic.availability.add(block)
    if random.random() < 0.3:
        clinic.availability.add(_release(id, monday, random))
    if random.random() < 0.1:
        clinic.providers.deactivate(id)


def _release(whose: str | Resource, monday: date, random: Random) -> ReleaseRule:
    what: Any = random.choice(({"hours": "10:00-12:30"}, {"share": "1/3"}, {"share": 1}))
    when: Any = random.choice(
        (
            {"before": timedelta(hours=random.choice((1, 30)))},
            {"opens_at": time(7), "days_before": random.randrange(3)},
        )
    )
    kept_for = random.choice(((), ("type-0",)))
    return ReleaseRule(whose, Recurrence.daily(monday), kept_for=kept_for, **what, **when)


def _bookings(clinic: Practice, clock: FixedClock, first: date, random: Random) -> None:
    low = datetime(first.year, first.month, first.day, tzinfo=UTC)
    for provider in clinic.providers.list():
        for type_ in clinic.appointment_types.list():
            slots = clinic.availability.slots(provider.id, type_.code, low, low + timedelta(days=8))
            for slot in random.sample(list(slots), min(len(slots), random.choice((0, 3, 12)))):
                patient = f"patient-{random.randrange(3)}"
                with suppress(MedschedError):
                    match random.randrange(8):
                        case 0 | 1 | 2 | 3:
                            clinic.appointments.book(slot, patient=patient)
                        case 4:
                            clinic.holds.place(slot, lasting=timedelta(minutes=1))
                        case 5:
                            clinic.holds.place(slot, lasting=timedelta(days=2), patient=patient)
                        case 6:
                            clinic.blockings.block_slot(slot)
                        case _:
                            clinic.appointments.cancel(
                                clinic.appointments.book(slot, patient=patient)
                            )
            if slots and random.random() < 0.2:
                with suppress(MedschedError):
                    clinic.availability.delete_slot(slots[0])
            if slots and random.random() < 0.2:
                one = random.choice(list(slots))
                with suppress(MedschedError):
                    clinic.availability.change_slot(
                        one, start=one.start + random.choice((1, 5)) * MINUTE
                    )
    # A booking whatever speaks against it: two claims on one minute, one of which goes.
    taken = clinic.appointments.list(status="booked").items
    if taken and random.random() < 0.5:
        visit = random.choice(taken)
        start = Start(visit.provider, visit.type, visit.start)
        with suppress(MedschedError):
            twin = clinic.appointments.book(start, patient="patient-0", override="must")
            if random.random() < 0.5:
                clinic.appointments.cancel(twin)
    clock.set(clock.now() + timedelta(minutes=2))  # the short holds have expired by then


def searched(random: Random, first: date) -> Search:
    """A search that asks for some things."""
    since = first + timedelta(days=random.randrange(-1, 4))
    wanted = Search(first=since, last=since + timedelta(days=random.choice((0, 1, 6, 12))))
    for change in random.sample(narrowings(random), random.choice((0, 1, 2, 3))):
        wanted = attrs.evolve(wanted, **change)
    if random.random() < 0.3:
        wanted = attrs.evolve(wanted, timezone=random.choice(ZONES))
    return wanted


def narrowings(random: Random) -> list[dict[str, Any]]:
    """Each asks for something more; but who it is for, the grid of a type may depend on."""
    return [
        {"types": "type-0"},
        {"modality": "telehealth"},
        {"specialty": random.choice(WORDS)},
        {"language": "es"},
        {"insurer": "acme"},
        {"role": "doctor"},
        {"rating": 4},
        {"years_of_experience": 10},
        {"providers": {"p0"}},
        {"location": random.choice((None, "place-0", "place-2"))},
        {"area": random.choice(("ny", "new york, NY", " 10001", "London"))},
        {"price_at_most": Decimal("100")},
        {"insurance_accepted": random.random() < 0.5},
        {"hours": random.choice((["09:00-12:00"], ["22:00-02:00 overnight", "13:00-13:30"]))},
        {"weekdays": random.choice(("MO-WE", "SA,SU"))},
        {"patient": f"patient-{random.randrange(3)}"},
    ]


def plainly(clinic: Practice, search: Search) -> list[Slot]:
    """What a search must find: one listing after the other, each slot looked at by itself."""
    return sorted(_plainly(clinic, search), key=order)


def order(slot: Slot) -> tuple[datetime, str, str, str]:
    return slot.start, slot.provider, slot.type, slot.location or ""


def _plainly(clinic: Practice, search: Search) -> Iterator[Slot]:
    low = datetime(search.first.year, search.first.month, search.first.day, tzinfo=UTC)
    high = datetime(search.last.year, search.last.month, search.last.day, tzinfo=UTC)
    for provider in clinic.providers.list(limit=1000):
        if not (
            (search.providers is None or provider.id in search.providers)
            and (search.specialty is None or search.specialty in provider.specialties)
            and (search.language is None or search.language in provider.languages)
            and (search.insurer is None or search.insurer in provider.insurers)
            and (search.role is None or search.role == provider.role)
            and (search.rating is None or (provider.rating or -1) >= search.rating)
            and (
                search.years_of_experience is None
                or (provider.years_of_experience or -1) >= search.years_of_experience
            )
        ):
            continue
        for type_ in clinic.appointment_types.list(limit=1000):
            if search.types is not None and type_.code not in search.types:
                continue
            if search.modality not in (None, type_.modality):
                continue
            listed = clinic.availability.slots(
                provider.id,
                type_.code,
                low - timedelta(days=2),
                high + timedelta(days=3),
                patient=search.patient,
                referred=search.referred,
                prepaid=search.prepaid,
                taken=not search.available_only,
            )
            for slot in (*listed, *(listed.withdrawn if search.withdrawn else ())):
                if _wanted(clinic, search, slot):
                    yield slot


def _wanted(clinic: Practice, search: Search, slot: Slot) -> bool:
    local = slot.start.astimezone(ZoneInfo(search.timezone or slot.timezone))
    if not search.first <= local.date() <= search.last:
        return False
    if search.weekdays is not None and local.weekday() not in search.weekdays:
        return False
    if search.hours and not any(_within(hours, local) for hours in search.hours):
        return False
    if not isinstance(search.location, Anywhere) and slot.location != search.location:
        return False
    if search.area:
        if slot.location is None:
            return False
        address = clinic.locations.get(slot.location).address
        has = {part.lower() for part in (address.city, address.state, address.postal_code)}
        if not {part.strip().lower() for part in search.area.split(",")} <= has:
            return False
    price = slot.pricing
    if search.price_at_most is not None:
        if price is None or price.currency != search.currency:
            return False
        if price.base_fee > search.price_at_most:
            return False
    accepted = price is not None and price.insurance_accepted
    return search.insurance_accepted in (None, accepted)


def _within(hours: Hours, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    low, high = hours.start // MINUTE, hours.end // MINUTE
    return minute >= low or minute < high if hours.overnight else low <= minute < high
