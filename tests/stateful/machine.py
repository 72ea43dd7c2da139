"""The machine: any commands in any order, given to every subject alike.

Whatever one of them answers, all must answer; whatever one shows afterwards, all must show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)
from tests.stateful.subjects import NOW, Subject, differences

from medsched import (
    AppointmentType,
    AvailabilityRule,
    Device,
    Grid,
    Location,
    Need,
    Override,
    Patient,
    Practice,
    Provider,
    Recurrence,
    RecurringBlocking,
    Room,
    TzdataZones,
)
from medsched.domain.appointments import Appointment
from medsched.domain.bookings import WallTime
from medsched.domain.holds import Hold
from medsched.domain.principals import Principal
from medsched.domain.records import Resource
from medsched.domain.slots import SlotKey, slot_id
from medsched.domain.starts import Start
from medsched.domain.stored import Noun
from medsched.timeline.instants import whole_minute

Command = Callable[[Practice], Any]

MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
DAILY = Recurrence.daily(start=date(2026, 3, 1))
NEW_YORK = "America/New_York"

PROVIDERS = ["smith", "jones", "kim", "lee"]
PATIENTS = ["ada", "bob", "ADA", "ada "]
PLACES = ["main", "annex"]
TYPES = ["visit", "scan", "surgery", "check"]
R1, R2, D1 = Resource("room", "r1"), Resource("room", "r2"), Resource("device", "d1")

people = st.sampled_from([*PATIENTS, *PATIENTS, "nobody"])
providers = st.sampled_from(["smith", "smith", *PROVIDERS])
types = st.sampled_from(["visit", "visit", "scan", *TYPES])
places = st.sampled_from([*PLACES, None])
keys = st.sampled_from([None, None, None, "k1", "k2"])
whos = st.sampled_from([None, None, None, "kim"])
texts = st.sampled_from(["", "headache", "brings her mother"])
dates = st.integers(8, 10).map(lambda day: date(2026, 3, day))
buffers = st.sampled_from([0, 0, 5, 10, 15])
lengths = st.sampled_from([30, 15, 20, 45])
resources = st.sampled_from(
    [[], [], [], [R1], [R2], [D1], [R1, D1], [R1, R2]]  # what a type may or may not need
)
owners = st.sampled_from(
    [
        *(Resource("provider", id) for id in ("jones", "kim", "lee")),
        *(R1, D1, Resource("location", "main"), Resource("practice", "riverside")),
    ]
)
stretches = st.sampled_from(
    ["13:00-15:00", "09:00-10:00", "10:00-12:00", "22:00-04:00 overnight", "01:00-04:00"]
)
grids = st.sampled_from([Grid.window(), Grid.clock(10 * MINUTE), Grid.packed()])
needs = st.sampled_from(
    [
        [],
        [Need.room("r1", "r2")],
        [Need.room("r1", after=10 * MINUTE), Need.device("d1")],
        [Need.room("r1", "r2"), Need.room("r2", "r1")],
    ]
)
mornings = st.builds(
    lambda day, step: datetime(2026, 3, day, 9) + 10 * step * MINUTE,
    st.integers(6, 8),
    st.sampled_from([0, 3, 6, 9, 12, 15, 1, 17]),
)
nights = st.builds(
    lambda day, step: datetime(2026, 3, day, 22) + 10 * step * MINUTE,
    st.integers(6, 8),
    st.sampled_from([0, 3, 6, 9, 12, 21, 24, 27, 33, 1]),
)
"""The second of them is the night in which two o'clock is skipped."""


def _named(where: tuple[str, datetime], type: str, how: int) -> Start | str:
    """A start by its wall time or its instant, or the id of its slot."""
    provider, wall = where
    zone = TzdataZones().zone(NEW_YORK)
    at = wall.replace(tzinfo=zone.tzinfo).astimezone(UTC)
    match how:
        case 0:
            return Start(provider, type, WallTime(wall, NEW_YORK))
        case 1:
            return Start(provider, type, at, location="main")
        case 2:
            return Start(provider, type, at)
    return slot_id(SlotKey("riverside", provider, type, "main", whole_minute(at, "at")))


places_in_time = (
    st.tuples(st.sampled_from(["smith", "smith", "kim"]), mornings)
    | st.tuples(st.just("jones"), nights)
    | st.tuples(providers, nights | mornings)
)
starts = st.builds(_named, places_in_time, types, st.integers(0, 5))
"""Starts of which many are offered."""
nouns: st.SearchStrategy[Noun] = st.one_of(
    st.builds(
        Provider,
        id=st.sampled_from(["lee", "kim"]),
        name=st.just("Dr. Lee"),
        location=places,
        timezone=st.sampled_from([None, "Europe/London"]),
        notice=buffers.map(lambda one: one * MINUTE),
    ),
    st.builds(Patient, id=people),
    st.builds(Location, id=st.sampled_from(PLACES), exclusive=st.booleans()),
    st.builds(Room, id=st.sampled_from(["r1", "r3"]), location=st.sampled_from(PLACES)),
    st.builds(
        AppointmentType,
        code=st.sampled_from(["check", "visit"]),
        duration=lengths.map(lambda one: one * MINUTE),
        buffer_before=buffers.map(lambda one: one * MINUTE),
        buffer_after=buffers.map(lambda one: one * MINUTE),
        grid=grids,
        needs=needs,
    ),
)
directories = st.sampled_from(
    [
        *(("providers", id) for id in PROVIDERS),
        *(("patients", id) for id in PATIENTS),
        *(("locations", id) for id in PLACES),
        *(("appointment_types", id) for id in ("scan", "surgery", "check")),
        *(("rooms", "r1"), ("devices", "d1")),
    ]
)
readings = st.sampled_from([False, False, True])
"""Whether an appointment is named as it was read, or by its id."""
switches = st.sampled_from(["activate", "activate", "deactivate", "delete"])


class Stores(RuleBasedStateMachine):
    """Drives every subject with the same commands."""

    appointments = Bundle("appointments")
    holds = Bundle("holds")
    hours = Bundle("hours")
    """Rules, overrides and blockings: the list that they are in, and their ids."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        super().__init__()
        self.subjects = subjects
        self.repeatable: Command | None = None
        self.looked: set[str] = set()

    def do(self, command: Command, *, changes: str = "bookings") -> Any:
        """Give a command to all; what they answer, if it is the same. None for an error."""
        first, *others = [subject.answer(command) for subject in self.subjects]
        for subject, other in zip(self.subjects[1:], others, strict=True):
            assert other.told == first.told, f"{subject.name}\n" + differences(
                [first.told], [other.told]
            )
        self.looked.discard(changes)
        self.looked.discard("bookings")  # events are among them
        return first.result

    def keyed(self, command: Command, key: str | None) -> Any:
        """The same for a command under a key, which may be repeated later."""
        if key is not None:
            self.repeatable = command
        return self.do(command)

    # ------------------------------------------------------------------- the practice

    @initialize(registers=st.booleans(), target=hours)
    def open(self, registers: bool) -> Any:
        """A practice that can be booked from the first step on."""
        for subject in self.subjects:
            subject.opened(registers_patients=registers)
        self.do(lambda clinic: clinic.settings.configure(timezone=NEW_YORK), changes="records")
        records: list[Noun] = [
            Location(id="main"),
            Room(id="r1", location="main"),
            Room(id="r2", location="main"),
            Device(id="d1"),
            Provider(id="smith", name="Dr. Smith", location="main"),
            Provider(id="jones", name="Dr. Jones", location="main"),
            Provider(id="kim", name="Dr. Kim", days_ahead=2),
            *(Patient(id=id, name="Ada Lovelace") for id in PATIENTS),
            AppointmentType(code="visit", duration=30 * MINUTE),
            AppointmentType(
                code="scan",
                duration=20 * MINUTE,
                buffer_after=10 * MINUTE,
                grid=Grid.clock(10 * MINUTE),
                needs=[Need.room("r1", "r2"), Need.device("d1")],
            ),
            AppointmentType(code="surgery", duration=60 * MINUTE, grid=Grid.packed()),
            AvailabilityRule("smith", DAILY, hours=["09:00-12:00"], id="mornings"),
            AvailabilityRule("kim", DAILY, hours=["09:00-12:00"], id="kims", location="main"),
            AvailabilityRule("jones", DAILY, hours=["22:00-04:00 overnight"], id="nights"),
        ]
        self.do(lambda clinic: clinic.add_all(records), changes="records")
        return ("rules", "nights")

    @rule(noun=nouns)
    def create(self, noun: Noun) -> None:
        self.do(lambda clinic: clinic.add_all([noun]), changes="records")

    @rule(
        which=types.map(lambda code: ("appointment_types", code))
        | providers.map(lambda id: ("providers", id)),
        length=lengths,
        needs=needs,
        place=places,
        stale=st.sampled_from([0, 0, 1]),
    )
    def change(
        self, which: tuple[str, str], length: int, needs: list[Need], place: str | None, stale: int
    ) -> None:
        def amend(clinic: Practice) -> object:
            directory, fields = getattr(clinic, which[0]), dict[str, Any](location=place)
            if which[0] == "appointment_types":
                fields = {"duration": length * MINUTE, "needs": needs}
            old = directory.get(which[1])
            return directory.update(attrs.evolve(old, **fields, version=old.version - stale))

        self.do(amend, changes="records")

    @rule(which=directories, how=switches)
    def switch(self, which: tuple[str, str], how: str) -> None:
        directory, id = which
        self.do(lambda clinic: getattr(getattr(clinic, directory), how)(id), changes="records")

    # -------------------------------------------------------------------------- hours

    @rule(
        owner=owners,
        kind=st.sampled_from(["closed", "extra", "replaced", "rule", "blocking"]),
        day=dates,
        when=stretches,
        place=places,
        only=st.none() | types,
        target=hours,
    )
    def add_hours(
        self, owner: Resource, kind: str, day: date, when: str, place: str | None, only: str | None
    ) -> Any:
        made: AvailabilityRule | Override | RecurringBlocking
        match kind:
            case "rule":
                records = "rules"
                made = AvailabilityRule(owner, DAILY, hours=when, location=place, types=only)
            case "blocking":
                records = "blockings"
                made = RecurringBlocking(owner, DAILY, hours=when, types=only)
            case _:
                records = "overrides"
                made = Override(owner, kind, first=day, last=day, hours=when, types=only)
        stored = self.do(lambda clinic: clinic.availability.add(made), changes="records")
        return multiple() if stored is None else (records, stored.id)

    @rule(which=hours, how=switches)
    def switch_hours(self, which: tuple[str, str], how: str) -> None:
        records, id = which
        self.do(
            lambda clinic: getattr(getattr(clinic.availability, records), how)(id),
            changes="records",
        )

    @rule(which=hours, when=stretches)
    def change_hours(self, which: tuple[str, str], when: str) -> None:
        def change(clinic: Practice) -> object:
            records = getattr(clinic.availability, which[0])
            return records.update(attrs.evolve(records.get(which[1]), hours=when))

        self.do(change, changes="records")

    # ------------------------------------------------------------------------ booking

    @rule(
        provider=providers,
        type=types,
        patient=people,
        days=st.integers(0, 2),
        taken=st.booleans(),
        at=st.integers(0, 30),
        target=appointments,
    )
    def book_what_is_listed(
        self, provider: str, type: str, patient: str, days: int, taken: bool, at: int
    ) -> Any:
        """With those that are taken among them, or not."""
        first = NOW + timedelta(days=days)
        found = self.do(
            lambda clinic: clinic.availability.slots(
                provider, type, first, first + timedelta(days=1), patient=patient, taken=taken
            )
        )
        if not found:
            return multiple()
        slot = found[at % len(found)]
        made = self.do(lambda clinic: clinic.appointments.book(slot, patient=patient))
        return multiple() if made is None else made

    @rule(slot=starts, patient=people, who=whos, target=appointments)
    def book(self, slot: Start | str, patient: str, who: str | None) -> Any:
        made = self.do(lambda clinic: as_(clinic, who).appointments.book(slot, patient=patient))
        return multiple() if made is None else made

    @rule(
        slot=starts,
        patient=people,
        how=st.sampled_from(["request", "propose", "book"]),
        key=keys,
        who=whos,
        id=st.sampled_from(["", "", "", "ehr-1"]),
        reference=st.sampled_from(["", "", "", "R-1", "REF-9"]),
        named=resources,
        reason=texts,
        target=appointments,
    )
    def make(
        self,
        slot: Start | str,
        patient: str,
        how: str,
        key: str | None,
        who: str | None,
        id: str,
        reference: str,
        named: list[Resource],
        reason: str,
    ) -> Any:
        made = self.keyed(
            lambda clinic: getattr(as_(clinic, who).appointments, how)(
                slot,
                patient=patient,
                id=id,
                reference=reference,
                resources=named,
                reason=reason,
                idempotency_key=key,
            ),
            key,
        )
        return multiple() if made is None else made

    @rule(
        slot=starts,
        patient=st.none() | people,
        lasting=st.sampled_from([10, 60, 24 * 60, 7 * 24 * 60]),
        key=keys,
        who=whos,
        target=holds,
    )
    def hold(
        self, slot: Start | str, patient: str | None, lasting: int, key: str | None, who: str | None
    ) -> Any:
        made = self.keyed(
            lambda clinic: as_(clinic, who).holds.place(
                slot, patient=patient, lasting=lasting * MINUTE, idempotency_key=key
            ),
            key,
        )
        return multiple() if made is None else made

    @rule(
        hold=holds,
        patient=people,
        same=st.sampled_from([True, True, False]),
        key=keys,
        own=st.sampled_from([True, True, False]),
        target=appointments,
    )
    def confirm(self, hold: Hold, patient: str, same: bool, key: str | None, own: bool) -> Any:
        """For the patient it was held for or another, by whoever placed it or somebody else."""
        named, who = hold.patient if same else patient, hold.created_by if own else "lee"
        made = self.keyed(
            lambda clinic: as_(clinic, who).holds.confirm(
                hold.id, patient=named, idempotency_key=key
            ),
            key,
        )
        return multiple() if made is None else made

    @rule(hold=holds, as_read=readings, own=st.sampled_from([True, True, False]))
    def release(self, hold: Hold, as_read: bool, own: bool) -> None:
        who = hold.created_by if own else "lee"
        self.do(lambda clinic: clinic.holds.get(hold.id))
        self.do(lambda clinic: as_(clinic, who).holds.release(hold if as_read else hold.id))

    @rule()
    def sweep(self) -> None:
        self.do(lambda clinic: clinic.holds.sweep())

    # ----------------------------------------------------------------- moving, stepping

    @rule(
        one=appointments,
        where=places_in_time,
        type=st.sampled_from([None, None, None, "scan"]),
        how=st.integers(0, 5),
        as_read=readings,
        key=keys,
    )
    def reschedule(
        self,
        one: Appointment,
        where: tuple[str, datetime],
        type: str | None,
        how: int,
        as_read: bool,
        key: str | None,
    ) -> None:
        slot, named = _named(where, type or one.type, how), one if as_read else one.id
        self.keyed(
            lambda clinic: clinic.appointments.reschedule(named, slot, idempotency_key=key), key
        )

    @rule(one=appointments, named=resources)
    def change_resources(self, one: Appointment, named: list[Resource]) -> None:
        self.do(lambda clinic: clinic.appointments.change_resources(one.id, named))

    @rule(one=appointments, reason=st.none() | texts, notes=st.none() | texts, key=keys)
    def annotate(
        self, one: Appointment, reason: str | None, notes: str | None, key: str | None
    ) -> None:
        self.keyed(
            lambda clinic: clinic.appointments.annotate(
                one.id, reason=reason, notes=notes, idempotency_key=key
            ),
            key,
        )

    @rule(
        one=appointments,
        how=st.sampled_from(["accept", "arrive", "check_in", "fulfil", "mark_noshow", "accept"]),
        as_read=readings,
        key=keys,
        who=whos,
    )
    def step(
        self, one: Appointment, how: str, as_read: bool, key: str | None, who: str | None
    ) -> None:
        named = one if as_read else one.id
        self.keyed(
            lambda clinic: getattr(as_(clinic, who).appointments, how)(named, idempotency_key=key),
            key,
        )

    @rule(
        one=appointments,
        how=st.sampled_from(["cancel", "cancel", "enter_in_error"]),
        reason=texts,
        key=keys,
    )
    def call_off(self, one: Appointment, how: str, reason: str, key: str | None) -> None:
        self.keyed(
            lambda clinic: getattr(clinic.appointments, how)(
                one.id, reason=reason, idempotency_key=key
            ),
            key,
        )

    @rule()
    def repeat(self) -> None:
        """The last command that had a key, word for word."""
        if self.repeatable is not None:
            self.do(self.repeatable)

    # --------------------------------------------------------------------------- time

    @rule(by=st.sampled_from([1, 1, 5, 15, 60, 12 * 60]))
    def wait(self, by: int) -> None:
        for subject in self.subjects:
            subject.clock.advance(by * MINUTE)

    @rule(hold=holds, off=st.sampled_from([-1, 0, 1]))
    def wait_for_expiry(self, hold: Hold, off: int) -> None:
        """To the microsecond before it, to it, or to the one after it; never back."""
        for subject in self.subjects:
            subject.clock.set(max(subject.clock.now(), hold.expires + off * MICROSECOND))

    # ------------------------------------------------------------------------- reading

    @rule(
        options=st.fixed_dictionaries(
            {"limit": st.integers(1, 3)},
            optional={
                "provider": providers,
                "patient": people,
                "location": st.sampled_from(PLACES),
                "type": types,
                "status": st.sampled_from(["booked", ["pending", "cancelled"], "proposed"]),
                "since": st.just(NOW + timedelta(days=1)),
                "before": st.just(NOW + timedelta(days=2)),
                "upcoming": st.booleans(),
                "search": st.sampled_from(["ada", "dr. s", "R-1", "ehr-1", "Love", "%"]),
                "order": st.sampled_from(["start", "created"]),
                "descending": st.booleans(),
            },
        )
    )
    def list_appointments(self, options: dict[str, Any]) -> None:
        """Page by page to the end; then a cursor of another list."""
        cursor = None
        for _ in range(20):
            page = self.do(
                lambda clinic, at=cursor: clinic.appointments.list(**options, cursor=at)  # type: ignore[misc]
            )
            if page is None or page.next is None:
                break
            cursor = page.next
        if cursor is not None:
            self.do(lambda clinic: clinic.appointments.list(provider="x", cursor=cursor))

    @rule(
        directory=st.sampled_from(["providers", "patients", "rooms", "appointment_types"]),
        active=st.sampled_from([True, False, None]),
        limit=st.integers(1, 3),
    )
    def list_records(self, directory: str, active: bool | None, limit: int) -> None:
        cursor = None
        for _ in range(20):
            page = self.do(
                lambda clinic, at=cursor: getattr(clinic, directory).list(  # type: ignore[misc]
                    active=active, limit=limit, cursor=at
                )
            )
            if page.next is None:
                break
            cursor = page.next

    @rule(one=appointments)
    def look_at(self, one: Appointment) -> None:
        self.do(lambda clinic: clinic.appointments.get(one.id))
        self.do(lambda clinic: clinic.appointments.conflicts(one.id))
        self.do(lambda clinic: clinic.appointments.find_by_reference(one.reference))

    @rule(provider=providers, type=types, wall=mornings | nights, patient=st.none() | people)
    def explain(self, provider: str, type: str, wall: datetime, patient: str | None) -> None:
        at = wall.replace(tzinfo=UTC)
        self.do(lambda clinic: clinic.availability.explain(provider, type, at=at, patient=patient))

    @rule(after=st.integers(0, 40), limit=st.integers(1, 5))
    def follow(self, after: int, limit: int) -> None:
        self.do(lambda clinic: clinic.events.after(after, limit=limit))

    # ---------------------------------------------------------------------- afterwards

    @invariant()
    def all_show_the_same(self) -> None:
        """Looked at anew only where something may have changed."""
        for what in ("bookings", "records"):
            if what not in self.looked:
                self.compare(what)
                self.looked.add(what)

    @invariant()
    def all_is_whole(self) -> None:
        """In memory; the others show the same."""
        self.subjects[0].check()

    def compare(self, what: str) -> None:
        first, *others = [getattr(subject, what)() for subject in self.subjects]
        for subject, other in zip(self.subjects[1:], others, strict=True):
            assert other == first, f"{subject.name}\n" + differences(first, other)

    def teardown(self) -> None:
        self.compare("referrers")
        self.compare("records")


def as_(clinic: Practice, who: str | None) -> Practice:
    """The practice, with somebody else acting in it."""
    return clinic if who is None else clinic.acting_as(Principal(who))
