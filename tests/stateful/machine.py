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
    precondition,
    rule,
)
from tests.stateful import drawn
from tests.stateful.drawn import DAILY, MICROSECOND, MINUTE, NEW_YORK, PATIENTS, PLACES
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
    RecurringBlocking,
    Room,
)
from medsched.domain.appointments import Appointment
from medsched.domain.holds import Hold
from medsched.domain.idempotency import KEPT_FOR
from medsched.domain.principals import Principal
from medsched.domain.records import Resource
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.starts import Start
from medsched.domain.stored import Noun
from medsched.services.bookings import Bookings
from medsched.timeline.instants import instant_of

Command = Callable[[Practice], Any]


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
        self.keyed_at = NOW
        self.commands = 0
        self.looked: set[str] = set()

    def do(self, command: Command, *, changes: str = "bookings") -> Any:
        """Give a command to all; what they answer, if it is the same. None for an error."""
        first, *others = [subject.answer(command) for subject in self.subjects]
        for subject, other in zip(self.subjects[1:], others, strict=True):
            assert other.told == first.told, f"{subject.name}\n" + differences(
                [first.told], [other.told]
            )
        self.commands += 1
        self.looked.discard(changes)
        self.looked.discard("bookings")  # events are among them
        return first.result

    def keyed(self, command: Command, key: str | None) -> Any:
        """The same for a command under a key, which may be repeated later."""
        if key is not None:
            self.repeatable, self.keyed_at = command, self.subjects[0].clock.now()
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
            AppointmentType(code="class", duration=30 * MINUTE, capacity=3),
            AvailabilityRule("smith", DAILY, hours=["09:00-12:00"], id="mornings"),
            AvailabilityRule("kim", DAILY, hours=["09:00-12:00"], id="kims", location="main"),
            AvailabilityRule("jones", DAILY, hours=["22:00-04:00 overnight"], id="nights"),
        ]
        self.do(lambda clinic: clinic.add_all(records), changes="records")
        return ("rules", "nights")

    @rule(noun=drawn.nouns)
    def create(self, noun: Noun) -> None:
        self.do(lambda clinic: clinic.add_all([noun]), changes="records")

    @rule(
        which=drawn.types.map(lambda code: ("appointment_types", code))
        | drawn.providers.map(lambda id: ("providers", id)),
        length=drawn.lengths,
        needs=drawn.needs,
        place=drawn.places,
        stale=st.sampled_from([0, 0, 1]),
        fate=drawn.fates,
    )
    def change(
        self,
        which: tuple[str, str],
        length: int,
        needs: list[Need],
        place: str | None,
        stale: int,
        fate: str,
    ) -> None:
        def amend(clinic: Practice) -> object:
            directory, fields = getattr(clinic, which[0]), dict[str, Any](location=place)
            if which[0] == "appointment_types":
                fields = {"duration": length * MINUTE, "needs": needs}
            old = directory.get(which[1])
            changed = attrs.evolve(old, **fields, version=old.version - stale)
            return directory.update(changed, stranded=fate)

        self.do(amend, changes="records")

    @rule(which=drawn.directories, how=drawn.switches, fate=drawn.fates)
    def switch(self, which: tuple[str, str], how: str, fate: str) -> None:
        directory, id = which
        self.do(
            lambda clinic: getattr(getattr(clinic, directory), how)(id, stranded=fate),
            changes="records",
        )

    # -------------------------------------------------------------------------- hours

    @rule(
        owner=drawn.owners,
        kind=st.sampled_from(["closed", "extra", "replaced", "rule", "blocking"]),
        day=drawn.dates,
        when=drawn.stretches,
        place=drawn.places,
        only=st.none() | drawn.types,
        fate=drawn.fates,
        target=hours,
    )
    def add_hours(
        self,
        owner: Resource,
        kind: str,
        day: date,
        when: str,
        place: str | None,
        only: str | None,
        fate: str,
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
        stored = self.do(
            lambda clinic: clinic.availability.add(made, stranded=fate), changes="records"
        )
        return multiple() if stored is None else (records, stored.id)

    @rule(which=hours, how=drawn.switches, fate=drawn.fates)
    def switch_hours(self, which: tuple[str, str], how: str, fate: str) -> None:
        records, id = which
        self.do(
            lambda clinic: getattr(getattr(clinic.availability, records), how)(id, stranded=fate),
            changes="records",
        )

    @rule(which=hours, when=drawn.stretches, fate=drawn.fates)
    def change_hours(self, which: tuple[str, str], when: str, fate: str) -> None:
        def change(clinic: Practice) -> object:
            records = getattr(clinic.availability, which[0])
            old = records.get(which[1])
            changes = {"notes": when} if which[0] == "slot_overrides" else {"hours": when}
            return records.update(attrs.evolve(old, **changes), stranded=fate)

        self.do(change, changes="records")

    @rule(
        asked=drawn.starts,
        how=st.sampled_from(["move", "end", "tell", "delete", "end all", "restore", "restore"]),
        by=st.sampled_from([-30, -10, 10, 20, 30, 60]),
        fate=drawn.fates,
        target=hours,
    )
    def change_slot(self, asked: Start | str, how: str, by: int, fate: str) -> Any:
        def change(clinic: Practice) -> Any:
            hours = clinic.availability
            match how:
                case "restore":
                    return hours.restore_slot(asked, stranded=fate)
                case "delete" | "end all":
                    every = how == "end all"
                    return hours.delete_slot(asked, recurring=every, reason="ill", stranded=fate)
                case "tell":
                    return hours.change_slot(asked, notes="bring X-rays")
            at = instant_of(Bookings(clinic._context, clinic._snapshots).wanted(asked).start)
            if how == "end":
                return hours.change_slot(asked, end=at + abs(by) * MINUTE, stranded=fate)
            return hours.change_slot(asked, start=at + by * MINUTE, stranded=fate)

        made = self.do(change, changes="records")
        return ("slot_overrides", made.id) if isinstance(made, SlotOverride) else multiple()

    # ------------------------------------------------------------------------ booking

    @rule(
        provider=drawn.providers,
        type=drawn.types,
        patient=drawn.people,
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

    @rule(slot=drawn.starts, patient=drawn.people, who=drawn.whos, target=appointments)
    def book(self, slot: Start | str, patient: str, who: str | None) -> Any:
        made = self.do(lambda clinic: as_(clinic, who).appointments.book(slot, patient=patient))
        return multiple() if made is None else made

    @rule(
        slot=drawn.starts,
        patient=drawn.people,
        how=st.sampled_from(["request", "propose", "book"]),
        key=drawn.keys,
        who=drawn.whos,
        id=st.sampled_from(["", "", "", "ehr-1"]),
        reference=st.sampled_from(["", "", "", "R-1", "REF-9"]),
        named=drawn.resources,
        reason=drawn.texts,
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
        slot=drawn.starts,
        patient=st.none() | drawn.people,
        lasting=st.sampled_from([10, 60, 24 * 60, 7 * 24 * 60]),
        key=drawn.keys,
        who=drawn.whos,
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
        patient=drawn.people,
        same=st.sampled_from([True, True, False]),
        key=drawn.keys,
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

    @rule(hold=holds, as_read=drawn.readings, own=st.sampled_from([True, True, False]))
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
        where=drawn.places_in_time,
        type=st.sampled_from([None, None, None, "scan"]),
        how=st.integers(0, 5),
        as_read=drawn.readings,
        key=drawn.keys,
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
        slot, named = drawn.named(where, type or one.type, how), one if as_read else one.id
        self.keyed(
            lambda clinic: clinic.appointments.reschedule(named, slot, idempotency_key=key), key
        )

    @rule(one=appointments, named=drawn.resources)
    def change_resources(self, one: Appointment, named: list[Resource]) -> None:
        self.do(lambda clinic: clinic.appointments.change_resources(one.id, named))

    @rule(
        one=appointments,
        reason=st.none() | drawn.texts,
        notes=st.none() | drawn.texts,
        key=drawn.keys,
    )
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
        as_read=drawn.readings,
        key=drawn.keys,
        who=drawn.whos,
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
        reason=drawn.texts,
        key=drawn.keys,
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
        self.wait_until(hold.expires + off * MICROSECOND)

    @precondition(lambda self: self.repeatable is not None and self.commands > 25)
    @rule(off=st.sampled_from([-1, 0, 1]))
    def wait_for_a_key(self, off: int) -> None:
        """Until the last key is forgotten, or nearly; late, for by then most starts are past."""
        self.wait_until(self.keyed_at + KEPT_FOR + off * MICROSECOND)
        self.repeat()

    def wait_until(self, at: datetime) -> None:
        """To the microsecond; never back."""
        for subject in self.subjects:
            subject.clock.set(max(subject.clock.now(), at))

    # ------------------------------------------------------------------------- reading

    @rule(
        options=st.fixed_dictionaries(
            {"limit": st.integers(1, 3)},
            optional={
                "provider": drawn.providers,
                "patient": drawn.people,
                "location": st.sampled_from(PLACES),
                "type": drawn.types,
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

    @rule(
        provider=drawn.providers,
        type=drawn.types,
        wall=drawn.mornings | drawn.nights,
        patient=st.none() | drawn.people,
    )
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
        self.subjects[0].check_told()


def as_(clinic: Practice, who: str | None) -> Practice:
    """The practice, with somebody else acting in it."""
    return clinic if who is None else clinic.acting_as(Principal.trusted(who))
