"""Nothing that is told depends on what may not be seen.

Two practices are the same to the minute, but for the patients of the clinic in the south: other
people, with other names, reasons and ids. Whoever belongs to the north is let do whatever they
like in both, with ids of either, in the same order. Whatever they are told must be the same, and
must have cost as many calls of the store: so there is no path to a foreign record, not by an
error, its words, a conflict, a cursor or an idempotency key, nor by how long an answer takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import attrs
import pytest
from tests.counting import Counting

from medsched import (
    AvailabilityRule,
    MedschedError,
    MemoryStore,
    Practice,
    Principal,
    Recurrence,
    Role,
    Scheduler,
    Search,
    Start,
)
from medsched.domain.records import Resource
from medsched.testing.fixed import FixedClock, NumberedIds

pytest.importorskip("hypothesis", reason="the extra testing is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st

NOW: Final = datetime(2026, 1, 5, 7, tzinfo=UTC)
MONDAY: Final = date(2026, 1, 5)
WORLDS: Final = ("oak", "elm")
"""What the foreign patients of each of the two practices are called by."""
LOW: Final = {
    "patient": Principal("p", roles=[Role.PATIENT], practice="clinic", patient="ann"),
    "provider": Principal("d", roles=[Role.PROVIDER], practice="clinic", provider="north-doc"),
    "staff": Principal("s", roles=[Role.STAFF], practice="clinic", locations=["north"]),
    "both": Principal(
        "b",
        roles=[Role.STAFF, Role.PROVIDER],
        practice="clinic",
        locations=["north"],
        provider="north-doc",
    ),
}


DATES: Final[Mapping[str, Any]] = {"earliest": MONDAY, "latest": date(2026, 1, 30)}
"""When those on the waitlist can come."""


def world(name: str) -> tuple[Practice, Counting]:
    """A practice of two clinics; those who are seen in the south are called by ``name``."""
    store: Any = Counting(MemoryStore())
    scheduler = Scheduler(store, clock=FixedClock(NOW), ids=NumberedIds())
    clinic = scheduler.practice("clinic")
    clinic.settings.configure(timezone="UTC")
    clinic.appointment_types.create(code="visit", duration=timedelta(minutes=30))
    clinic.appointment_types.create(code="class", duration=timedelta(minutes=60), capacity=4)
    every_day = Recurrence.weekly("MO-SU", start=MONDAY)
    for place in ("north", "south"):
        clinic.locations.create(id=place)
        clinic.rooms.create(id=f"{place}-room", location=place)
        clinic.providers.create(id=f"{place}-doc", location=place)
        clinic.availability.add(AvailabilityRule(f"{place}-doc", every_day, hours="08:00-12:00"))
    for id in ("ann", "bob"):
        clinic.patients.create(id=id, name=id, locations=["north"], providers=["north-doc"])
    for number in (1, 2, 3):
        clinic.patients.create(
            id=f"{name}-{number}",
            name=f"{name} {number}",
            email=f"{name}{number}@example.org",
            locations=["south"],
        )
    for who, where, hour, visit in (
        ("ann", "north", 8, "ann-visit"),
        ("bob", "north", 9, "bob-visit"),
        (f"{name}-1", "south", 8, f"{name}-visit"),
        (f"{name}-2", "south", 9, ""),
    ):
        at = datetime(2026, 1, 6, hour, tzinfo=UTC)
        clinic.appointments.book(
            Start(f"{where}-doc", "visit", at), patient=who, id=visit, reason=f"for {who}"
        )
    clinic.appointments.book(
        Start("south-doc", "class", datetime(2026, 1, 7, 8, tzinfo=UTC)), patient=f"{name}-1"
    )
    held = Start("south-doc", "visit", datetime(2026, 1, 7, 10, tzinfo=UTC))
    clinic.holds.place(held, patient=f"{name}-3", id=f"{name}-hold")
    clinic.waitlist.join(
        patient=f"{name}-1", type="visit", providers="south-doc", id=f"{name}-entry", **DATES
    )
    clinic.waitlist.join(patient="ann", type="visit", id="ann-entry", **DATES)
    clinic.series.book(
        "south-doc",
        "visit",
        patient=f"{name}-2",
        recurrence=Recurrence.weekly("FR", start=MONDAY, until=date(2026, 1, 25)),
        at=time(11),
        id=f"{name}-series",
    )
    return clinic, store


PATIENTS = ("ann", "bob", *(f"{name}-{number}" for name in WORLDS for number in (1, 2, 3)), "gone")
VISITS = ("ann-visit", "bob-visit", *(f"{name}-visit" for name in WORLDS), "appointment-1", "gone")
HOLDS = (*(f"{name}-hold" for name in WORLDS), "hold-1", "gone")
ENTRIES = ("ann-entry", *(f"{name}-entry" for name in WORLDS), "waitlist-entry-1", "gone")
SERIES = (*(f"{name}-series" for name in WORLDS), "series-1", "gone")
TEXTS = ("ann", "oak", "elm", "oak 1", "oak-visit", "REF-1", "REF-3", "example.org")
KEYS = (None, "key-1", "key-2")
PLACES = ("north", "south")


@attrs.frozen
class Asked:
    """What one step draws: a number for each choice it makes."""

    numbers: tuple[int, ...]

    def of(self, at: int, choices: tuple[Any, ...]) -> Any:
        return choices[self.numbers[at] % len(choices)]

    @property
    def patient(self) -> str:
        return str(self.of(0, PATIENTS))

    @property
    def visit(self) -> str:
        return str(self.of(1, VISITS))

    @property
    def key(self) -> str | None:
        key: str | None = self.of(2, KEYS)
        return key

    @property
    def place(self) -> str:
        return str(self.of(3, PLACES))

    @property
    def at(self) -> datetime:
        day, half_hour = self.numbers[4] % 4, self.numbers[5] % 8
        return datetime(2026, 1, 6 + day, 8, tzinfo=UTC) + timedelta(minutes=30 * half_hour)

    @property
    def start(self) -> Start:
        return Start(f"{self.place}-doc", "visit", self.at)

    @property
    def text(self) -> str:
        return str(self.of(6, TEXTS))

    @property
    def hold(self) -> str:
        return str(self.of(6, HOLDS))

    @property
    def entry(self) -> str:
        return str(self.of(6, ENTRIES))

    @property
    def series(self) -> str:
        return str(self.of(6, SERIES))


SPAN = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 12, tzinfo=UTC)
Step = Callable[[Practice, Asked], object]
STEPS: Mapping[str, Step] = {
    "patient.get": lambda c, a: c.patients.get(a.patient),
    "patient.find": lambda c, a: c.patients.find(a.patient),
    "patient.list": lambda c, a: c.patients.list(limit=1 + a.numbers[6] % 3),
    "patient.update": lambda c, a: c.patients.update(
        attrs.evolve(c.patients.get(a.patient), phone="555")
    ),
    "patient.create": lambda c, a: c.patients.create(id=a.patient, name="new"),
    "patient.create-unnamed": lambda c, a: c.patients.create(name="new"),
    "patient.deactivate": lambda c, a: c.patients.deactivate(a.patient),
    "patient.delete": lambda c, a: c.patients.delete(a.patient),
    "visit.get": lambda c, a: c.appointments.get(a.visit),
    "visit.find": lambda c, a: c.appointments.find(a.visit),
    "visit.find-by-reference": lambda c, a: c.appointments.find_by_reference(a.text),
    "visit.list": lambda c, a: c.appointments.list(limit=1 + a.numbers[6] % 3),
    "visit.list-of-patient": lambda c, a: c.appointments.list(patient=a.patient),
    "visit.list-of-provider": lambda c, a: c.appointments.list(provider=f"{a.place}-doc"),
    "visit.list-at": lambda c, a: c.appointments.list(location=a.place, upcoming=True),
    "visit.search": lambda c, a: c.appointments.list(search=a.text),
    "visit.conflicts": lambda c, a: dict(c.appointments.conflicts(a.visit)),
    "visit.book": lambda c, a: c.appointments.book(
        a.start, patient=a.patient, idempotency_key=a.key
    ),
    "visit.book-under-id": lambda c, a: c.appointments.book(a.start, patient=a.patient, id=a.visit),
    "visit.book-first": lambda c, a: c.appointments.book_first(
        Search(first=MONDAY, providers=f"{a.place}-doc", types="visit"), patient=a.patient
    ),
    "visit.reschedule": lambda c, a: c.appointments.reschedule(
        a.visit, a.start, idempotency_key=a.key
    ),
    "visit.cancel": lambda c, a: c.appointments.cancel(a.visit, reason="r", idempotency_key=a.key),
    "visit.arrive": lambda c, a: c.appointments.arrive(a.visit),
    "visit.fulfil": lambda c, a: c.appointments.fulfil(a.visit),
    "visit.annotate": lambda c, a: c.appointments.annotate(a.visit, notes="n"),
    "visit.follow-up": lambda c, a: c.appointments.propose_moves([a.visit]),
    "hold.get": lambda c, a: c.holds.get(a.hold),
    "hold.list": lambda c, a: c.holds.list(),
    "hold.place": lambda c, a: c.holds.place(a.start, patient=a.patient, idempotency_key=a.key),
    "hold.release": lambda c, a: c.holds.release(a.hold),
    "hold.confirm": lambda c, a: c.holds.confirm(a.hold, patient=a.patient),
    "series.get": lambda c, a: c.series.get(a.series),
    "series.list": lambda c, a: c.series.list(),
    "series.list-of": lambda c, a: c.series.list(patient=a.patient),
    "series.appointments": lambda c, a: c.series.appointments(a.series),
    "waitlist.get": lambda c, a: c.waitlist.entries.get(a.entry),
    "waitlist.list": lambda c, a: c.waitlist.entries.list(),
    "waitlist.waiting": lambda c, a: c.waitlist.waiting("visit"),
    "waitlist.eligible": lambda c, a: c.waitlist.eligible(a.start),
    "waitlist.position": lambda c, a: c.waitlist.position(a.entry),
    "waitlist.join": lambda c, a: c.waitlist.join(
        patient=a.patient, type="visit", providers=f"{a.place}-doc", idempotency_key=a.key, **DATES
    ),
    "waitlist.leave": lambda c, a: c.waitlist.leave(a.entry),
    "waitlist.urgency": lambda c, a: c.waitlist.set_urgency(a.entry, 7),
    "waitlist.offer": lambda c, a: c.waitlist.offer(a.entry, a.start, reason="r"),
    "waitlist.offers": lambda c, a: c.waitlist.offers.list(),
    "slots": lambda c, a: list(
        c.availability.slots(f"{a.place}-doc", "visit", *SPAN, patient=a.patient)
    ),
    "explain": lambda c, a: c.availability.explain(
        f"{a.place}-doc", "visit", at=a.at, patient=a.patient
    ),
    "timeline": lambda c, a: c.availability.timeline(f"{a.place}-doc", "visit", *SPAN),
    "search": lambda c, a: list(
        c.search.slots(Search(first=MONDAY, types="visit", patient=a.patient), limit=5)
    ),
    "load": lambda c, a: c.search.load(Search(first=MONDAY, types="visit")),
    "stranded": lambda c, a: c.availability.stranded(f"{a.place}-doc"),
    "blockings": lambda c, a: c.blockings.between(Resource("provider", f"{a.place}-doc"), *SPAN),
    "block": lambda c, a: c.blockings.add(
        [Resource("provider", f"{a.place}-doc")],
        datetime(2026, 1, 6, 8, tzinfo=UTC),
        datetime(2026, 1, 6, 9, tzinfo=UTC),
    ),
    "changes": lambda c, a: c.changes(),
    "events": lambda c, a: c.events.after(0),
    "tallies": lambda c, a: c.tallies([a.patient]),
    "calendar": lambda c, a: c.calendars.of(f"{a.place}-doc", *SPAN),
    "calendar-of-room": lambda c, a: c.calendars.of(Resource("room", f"{a.place}-room"), *SPAN),
    "calendar-of-patient": lambda c, a: c.calendars.of(Resource("patient", a.patient), *SPAN),
    "break-glass": lambda c, a: c.access.break_glass("gone", reason="unconscious"),
    "grants": lambda c, a: c.access.grants(),
    "grant": lambda c, a: c.access.grant(
        "s", locations=["south"], until=NOW + timedelta(days=1), reason="r"
    ),
    "settings": lambda c, a: c.settings.get(),
}
ASKS: Final = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.tuples(*(st.integers(0, 23) for _ in range(7)))),
    min_size=1,
    max_size=8,
)


def plain(value: object) -> object:
    """Everything that a value shows, patients' data included, to be compared."""
    if isinstance(value, MedschedError):
        carried = {name: plain(one) for name, one in vars(value).items()}
        chained = plain(value.__context__), plain(value.__cause__)
        return type(value).__name__, str(value), carried, chained
    if attrs.has(type(value)):
        cls: Any = type(value)
        names = (field.name for field in attrs.fields(cls))
        return cls.__name__, {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list | set | frozenset | Iterator):
        return [plain(one) for one in value]
    return repr(value)


def told(clinic: Practice, store: Counting, step: str, asked: Asked) -> object:
    """What one step tells: its result or its error, and the calls it took."""
    before = store.asked.copy()
    try:
        found = plain(STEPS[step](clinic, asked))
    except MedschedError as error:
        found = plain(error)
    return found, store.asked - before


@pytest.mark.parametrize("who", LOW)
@settings(deadline=None)
@given(steps=ASKS)
def test_what_is_told_does_not_depend_on_foreign_records(
    who: str, steps: list[tuple[str, tuple[int, ...]]]
) -> None:
    (one, calls), (other, other_calls) = (world(name) for name in WORLDS)
    one, other = (clinic.acting_as(LOW[who]) for clinic in (one, other))
    for step, numbers in steps:
        asked = Asked(numbers)
        assert told(one, calls, step, asked) == told(other, other_calls, step, asked), step


def test_the_walk_can_tell_the_practices_apart() -> None:
    """For somebody who may see all, they are not the same: or the test above would find nothing."""
    (one, calls), (other, other_calls) = (world(name) for name in WORLDS)
    for step in ("patient.list", "visit.list", "waitlist.list", "series.list", "hold.list"):
        asked = Asked((0, 0, 0, 0, 0, 0, 2))
        assert told(one, calls, step, asked) != told(other, other_calls, step, asked), step
    seen = told(one, calls, "patient.get", Asked((PATIENTS.index("oak-1"), *(0,) * 6)))
    missing = told(other, other_calls, "patient.get", Asked((PATIENTS.index("oak-1"), *(0,) * 6)))
    assert seen != missing
