"""What is written down: who saw and changed what of whom, names of fields and never values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, timedelta
from functools import partial

import attrs
import pytest
from tests.access.world import HOUR, NOW, AuditedStore, World, at, start

from medsched import (
    AuditEntry,
    AvailabilityRule,
    IdempotencyMismatch,
    Location,
    MemoryStore,
    NotAllowed,
    NotFound,
    Practice,
    Principal,
    Provider,
    Purpose,
    Recurrence,
    Search,
)
from medsched.domain.stored import Ref, Stored

Row = tuple[str, str, str, str, str | None, bool]


class Audited(World):
    """A world whose store keeps an audit."""

    store: AuditedStore

    def told(self) -> list[Row]:
        """What was written down since this was asked last."""
        found: list[Row] = [
            (
                one.operation,
                one.action,
                one.outcome,
                f"{one.kind} {one.record}",
                one.patient,
                one.emergency,
            )
            for one in self.store.entries
        ]
        self.store.entries.clear()
        return found


@pytest.fixture
def world() -> Audited:
    return Audited()


def test_a_read_is_written_down(world: Audited) -> None:
    world.acting("bay").patients.get("ada")
    world.acting("trusted").appointments.find("ada@smith")
    assert world.told() == [
        ("patient.read", "read", "done", "patient ada", "ada", False),
        ("appointment.read", "read", "done", "appointment ada@smith", "ada", False),
    ]


def test_an_entry_tells_who_when_why_and_from_where(world: Audited) -> None:
    kim = Principal(
        "kim",
        roles={"staff"},
        practice="riverside",
        locations="bay",
        purpose="treatment",
        address="10.0.0.7",
        session="s-1",
    )
    world.clinic.acting_as(kim).patients.get("ada")
    (entry,) = world.store.entries
    assert attrs.evolve(entry, id="-") == AuditEntry(
        id="-",
        at=NOW,
        practice="riverside",
        principal="kim",
        roles=frozenset({"staff"}),
        operation="patient.read",
        action="read",
        outcome="done",
        reason="allowed to staff",
        kind="patient",
        record="ada",
        patient="ada",
        fields=frozenset({"name", "phone", "insurance_number"}),
        purpose=Purpose.TREATMENT.value,
        address="10.0.0.7",
        session="s-1",
    )


def test_a_list_is_written_down_record_by_record_in_one_go(world: Audited) -> None:
    calls: list[Sequence[AuditEntry]] = []
    kept = world.store.record

    def watched(entries: Sequence[AuditEntry]) -> None:
        calls.append(entries)
        kept(entries)

    world.store.record = watched  # type: ignore[method-assign]
    world.acting("bay").patients.list()
    assert [[one.record for one in some] for some in calls] == [["ada", "cleo", "eve"]]
    world.acting("bay").patients.list(limit=1)
    assert [one.record for one in calls[-1]] == ["ada"]


def test_a_count_is_written_down_of_the_one_patient_it_is_about(world: Audited) -> None:
    visits = world.acting("bay").appointments
    assert visits.count() == 4
    assert visits.count(search="Ada") == 3
    assert visits.count(patient="ben") == visits.count(patient="ada", status="cancelled") == 0
    assert world.told() == []
    assert visits.count(patient="ada") == 3
    assert world.told() == [("appointment.list", "read", "done", "appointment ", "ada", False)]
    breaker = world.acting("glass").appointments
    world.told()
    assert breaker.count(patient="ada") == 3
    assert world.told() == [("appointment.list", "read", "done", "appointment ", "ada", True)]


def test_a_page_of_a_numbered_list_is_written_down_alone(world: Audited) -> None:
    shown = world.acting("bay").appointments.list(skip=1, limit=2)
    assert [f"appointment {one.id}" for one in shown] == [row[3] for row in world.told()]
    assert len(shown) == 2


def test_names_are_written_down_once_for_each_patient_who_is_named(world: Audited) -> None:
    bay, every = world.acting("bay"), world.clinic.appointments.list()
    theirs = {one.patient for one in bay.appointments.list()}
    assert {one.patient for one in every} > theirs
    world.told()
    named = {one.appointment.patient for one in bay.appointments.named(every) if one.patient_name}
    assert named == theirs
    assert sorted(world.told(), key=repr) == [
        ("patient.read", "read", "done", f"patient {id}", id, False)
        for id in sorted(theirs, key=str)
    ]


def test_whom_a_slot_was_kept_for_is_written_down_when_it_is_given_back(world: Audited) -> None:
    smith, slot = world.acting("smith"), start("smith", 14, 10)
    made = smith.blockings.block_slot(slot, kept_for="ada")
    world.told()
    smith.blockings.unblock_slot(slot)
    assert world.told() == [
        ("blocking.release", "delete", "done", f"one-off-blocking {made.id}", "ada", False)
    ]


def test_what_changes_a_record_is_written_down_with_it(world: Audited) -> None:
    practice = world.acting("smith")
    made = practice.appointments.book(start("smith", 14, 10), patient="ada", notes="n")
    (entry,) = world.store.entries
    assert entry.fields == {"notes"}
    assert world.told() == [
        ("appointment.book", "create", "done", f"appointment {made.id}", "ada", False)
    ]
    practice.appointments.cancel(made, reason="r")
    practice.appointments.cancel(made.id)
    operation = "appointment.cancel"
    assert world.told() == [
        (operation, "update", "done", f"appointment {made.id}", "ada", False),
        (operation, "read", "done", f"appointment {made.id}", "ada", False),
    ]
    practice.patients.update(attrs.evolve(world.clinic.patients.get("ada"), phone=""))
    assert ("patient.update", "update", "done", "patient ada", "ada", False) in world.told()
    world.acting("admin").patients.delete("cleo")
    assert world.told() == [("patient.delete", "delete", "done", "patient cleo", "cleo", False)]


def test_a_hold_that_is_gone_was_somebodys(world: Audited) -> None:
    practice = world.acting("bay")
    held = practice.holds.place(start("smith", 14, 10), patient="ada")
    practice.holds.release(held)
    empty = practice.holds.place(start("smith", 14, 12))
    practice.holds.release(empty)
    assert world.told() == [
        ("hold.place", "create", "done", f"hold {held.id}", "ada", False),
        ("hold.release", "delete", "done", f"hold {held.id}", "ada", False),
    ]


def test_all_that_a_command_touches_is_written_down(world: Audited) -> None:
    made = world.acting("ada").waitlist.accept(world.offers["ada"], patient="ada")
    offer = world.offers["ada"]
    assert sorted(world.told(), key=str) == [
        ("waitlist.accept", "create", "done", f"appointment {made.id}", "ada", False),
        ("waitlist.accept", "delete", "done", f"hold {offer}", "ada", False),
        ("waitlist.accept", "update", "done", "waitlist-entry w-ada", "ada", False),
        ("waitlist.accept", "update", "done", f"waitlist-offer {offer}", "ada", False),
    ]


def test_what_is_no_patients_is_not_written_down(world: Audited) -> None:
    practice = world.acting("bay")
    practice.providers.list()
    practice.availability.rules.get("r-smith")
    practice.blockings.release("b-smith")
    practice.changes()
    assert world.told() == []


def test_denials_are_written_down(world: Audited) -> None:
    with pytest.raises(NotAllowed):
        world.acting("ada").staff.list()
    with pytest.raises(NotFound):
        world.acting("ada").patients.get("ben")
    with pytest.raises(NotFound):
        world.acting("ada").patients.get("ghost")
    assert world.acting("bay").appointments.find("ben@jones") is None
    with pytest.raises(NotAllowed):
        world.acting("smith").appointments.book(start("jones", 14, 10), patient="ada")
    with pytest.raises(NotFound):
        world.acting("jones").blockings.get("b-smith")
    assert world.told() == [
        ("staff.list", "execute", "denied", " ", None, False),
        ("patient.read", "read", "denied", "patient ben", "ben", False),
        ("patient.read", "read", "denied", "patient ghost", None, False),
        ("appointment.read", "read", "denied", "appointment ben@jones", "ben", False),
        ("appointment.book", "execute", "denied", "appointment appointment-5", "ada", False),
        ("one-off-blocking.read", "read", "denied", "one-off-blocking b-smith", None, False),
    ]


TAKEN: dict[str, tuple[str, Callable[[Practice], object], str, str | None]] = {
    "staff.read": ("ada", lambda p: p.staff.get("kim"), "staff kim", None),
    "patient.delete": ("bay", lambda p: p.patients.delete("ben"), "patient ben", "ben"),
    "patient.deactivate": ("ada", lambda p: p.patients.deactivate("x"), "patient x", "x"),
    "patient.shred": ("bay", lambda p: p.shred("ben"), "patient ben", "ben"),
    "access.break-glass": (
        "ada",
        lambda p: p.access.break_glass("ben", reason="x"),
        "patient ben",
        "ben",
    ),
    "appointment.fulfil": (
        "ada",
        lambda p: p.appointments.fulfil("ben@jones"),
        "appointment ben@jones",
        "ben",
    ),
    "appointment.mark-noshow": (
        "ada",
        lambda p: p.appointments.mark_noshow("ghost"),
        "appointment ghost",
        None,
    ),
    "waitlist.set-urgency": (
        "ada",
        lambda p: p.waitlist.set_urgency("w-ben", 9),
        "waitlist-entry w-ben",
        "ben",
    ),
    "waitlist.withdraw": (
        "ada",
        lambda p: p.waitlist.withdraw("waitlist-offer-2"),
        "waitlist-offer waitlist-offer-2",
        "ben",
    ),
    "blocking.release": (
        "ada",
        lambda p: p.blockings.release("b-smith"),
        "one-off-blocking b-smith",
        None,
    ),
    "hold.confirm": ("bay", lambda p: p.holds.confirm("h-ada"), "hold h-ada", "ada"),
    "record.choose-id": (
        "ada",
        lambda p: p.appointments.book(start("smith", 14, 10), patient="ada", id="mine"),
        "patient ada",
        "ada",
    ),
}


@pytest.mark.parametrize("operation", TAKEN)
def test_a_denial_says_of_what_and_whose_it_was(world: Audited, operation: str) -> None:
    who, run, record, patient = TAKEN[operation]
    with pytest.raises(NotAllowed):
        run(world.acting(who))
    assert world.told() == [(operation, "execute", "denied", record, patient, False)]


def test_whoever_answers_for_another_is_denied(world: Audited) -> None:
    offer = world.offers["ada"]
    for practice in (world.acting("bay"), world.acting("trusted")):
        with pytest.raises(NotFound):
            practice.waitlist.accept(offer, patient="eve")
        with pytest.raises(NotFound):
            practice.waitlist.decline(offer, patient="eve")
        of = ("read", "denied", f"waitlist-offer {offer}", "ada", False)
        assert world.told() == [("waitlist.accept", *of), ("waitlist.decline", *of)]


def test_what_was_denied_is_looked_up_for_the_audit_alone() -> None:
    class Unasked(MemoryStore):
        def bare(self, practice: str, refs: Collection[Ref]) -> Mapping[Ref, Stored]:
            raise AssertionError("it was asked")

    unaudited = World(Unasked())
    for who, run, _, _ in TAKEN.values():
        if who == "ada":
            with pytest.raises(NotAllowed):
                run(unaudited.acting(who))


def test_only_what_the_broken_glass_opens_is_an_emergency(world: Audited) -> None:
    jones = world.principal("glass")
    (broken,) = world.clinic.access.grants()
    assert world.told()[0] == (
        "access.break-glass",
        "create",
        "done",
        f"grant {broken.id}",
        "ada",
        True,
    )
    practice = world.clinic.acting_as(jones)
    practice.patients.list()
    practice.appointments.get("ada@smith")
    practice.appointments.get("ben@jones")
    practice.appointments.annotate("ada@smith", notes="n")
    assert [(one[3], one[5]) for one in world.told()] == [
        ("patient ada", True),
        ("patient ben", False),
        ("patient eve", False),
        ("appointment ada@smith", True),
        ("appointment ben@jones", False),
        ("appointment ada@smith", True),
    ]
    world.clinic.access.grant("d-jones", patients="ada", until=NOW + HOUR, reason="r")
    world.told()
    practice.appointments.get("ada@smith")
    assert [one[5] for one in world.told()] == [False]


def test_what_changes_is_an_emergency_by_what_it_was(world: Audited) -> None:
    """Ada's visit is found through the glass, and put where Jones is granted all there is."""
    hours = AvailabilityRule("lee", Recurrence.daily(start=NOW.date()), hours="08:00-18:00")
    world.clinic.add_all(
        [Location(id="cove"), Provider(id="lee", timezone="UTC", location="cove"), hours]
    )
    practice = world.acting("glass")
    world.clinic.access.grant("d-jones", locations="cove", until=NOW + HOUR, reason="r")
    world.told()
    practice.appointments.reschedule("ada@smith", start("lee", 14, 10))
    assert [(one[0], one[5]) for one in world.told()] == [("appointment.reschedule", True)]
    practice.appointments.annotate("ada@smith", notes="n")
    assert [(one[0], one[5]) for one in world.told()] == [("appointment.annotate", False)]


def test_the_glass_broken_for_nobody_is_written_down(world: Audited) -> None:
    with pytest.raises(NotFound):
        world.acting("jones").access.break_glass("ghost", reason="r")
    assert world.told() == [("access.break-glass", "read", "denied", "patient ghost", None, False)]


def test_a_repeated_command_is_a_read(world: Audited) -> None:
    practice = world.acting("bay")
    first = practice.appointments.book(start("smith", 14, 10), patient="ada", idempotency_key="k")
    world.told()
    again = practice.appointments.book(start("smith", 14, 10), patient="ada", idempotency_key="k")
    assert again == first
    booked = "appointment.book"
    assert world.told() == [(booked, "read", "done", f"appointment {first.id}", "ada", False)]
    with pytest.raises(IdempotencyMismatch):
        practice.appointments.book(start("smith", 14, 11), patient="ada", idempotency_key="k")


def test_what_is_kept_for_a_patient_is_theirs(world: Audited) -> None:
    smith = world.acting("smith")
    made = smith.blockings.add(
        "smith", at(13, 9), at(13, 10), kept_for="ada", reason="canary", id=""
    )
    assert world.told() == [
        ("blocking.add", "create", "done", f"one-off-blocking {made.id}", "ada", False),
    ]
    smith.blockings.get(made.id)
    smith.calendars.of("smith", at(13, 8), at(13, 12))
    world.acting("annex").calendars.of("smith", at(13, 8), at(13, 12))
    with pytest.raises(NotFound):
        world.acting("jones").blockings.get(made.id)
    smith.blockings.release(made.id)
    of = (f"one-off-blocking {made.id}", "ada", False)
    assert world.told() == [
        ("one-off-blocking.read", "read", "done", *of),
        ("calendar.read", "read", "done", *of),
        ("one-off-blocking.read", "read", "denied", *of),
        ("blocking.release", "delete", "done", *of),
    ]


def test_a_published_slot_that_tells_whose_it_is_is_a_read(world: Audited) -> None:
    world.clinic.availability.publish(timedelta(days=14))
    world.told()
    for who, patients in (("bay", ["ada", "eve"]), ("annex", []), ("trusted", ["ada", "eve"])):
        found = world.acting(who).availability.published("smith", "visit", at(7, 8), at(9, 8))
        assert {one.patient for one in found} - {None} == set(patients)
        assert world.told() == [
            ("availability.published", "read", "done", "published-slot ", one, False)
            for one in patients
        ]


SEARCH = Search(
    first=date(2026, 1, 7),
    last=date(2026, 1, 8),
    types="visit",
    providers="smith",
    patient="ada",
)
ASKED: dict[str, Callable[[Practice], object]] = {
    "availability.slots": lambda p: p.availability.slots("smith", "visit", NOW, NOW, patient="ada"),
    "availability.explain": lambda p: p.availability.explain(
        "smith", "visit", at=at(7, 10), patient="ada"
    ),
    "search.slots": lambda p: p.search.slots(SEARCH),
    "search.slots by provider": lambda p: p.search.by_provider(SEARCH),
    "search.slots found": lambda p: next(p.search.found(SEARCH)),
    "search.slots first": lambda p: p.search.first_of_each(SEARCH),
    "search.load": lambda p: p.search.load(SEARCH),
    "appointment.find-chain": lambda p: p.appointments.find_chain([SEARCH], patient="ada"),
}


@pytest.mark.parametrize("name", ASKED)
def test_whoever_asks_what_a_patient_can_have_reads_when_they_are_busy(
    world: Audited, name: str
) -> None:
    for who in ("bay", "trusted", "glass"):
        practice = world.acting(who)
        world.told()
        ASKED[name](practice)
        emergency = who == "glass"
        assert world.told() == [
            (name.split()[0], "read", "done", "patient ", "ada", emergency),
        ]


def test_what_a_booking_looks_up_is_no_read_of_its_own(world: Audited) -> None:
    bay = world.acting("bay")
    bay.appointments.book_first(SEARCH, patient="ada")
    bay.appointments.book_chain([SEARCH], patient="ada")
    world.acting("trusted").waitlist.work()
    assert not [row for row in world.told() if row[3] == "patient "]


def test_stranded_appointments_that_are_told_are_read(world: Audited) -> None:
    practice = world.acting("smith")
    with pytest.raises(Exception, match="4 appointments stand"):
        practice.availability.rules.deactivate("r-smith")
    assert [one[1:4] for one in world.told()] == [
        ("read", "done", f"appointment {id}")
        for id in ("ada@smith", "eve@smith", "appointment-1", "appointment-2")
    ]


def test_no_audit_no_data(world: Audited) -> None:
    def fails(entries: Sequence[AuditEntry]) -> None:
        raise OSError("the disk is full")

    world.store.record = fails  # type: ignore[method-assign]
    for who in ("bay", "trusted"):
        practice = world.acting(who)
        reads: list[Callable[[], object]] = [
            partial(practice.patients.get, "ada"),
            partial(practice.patients.find, "ada"),
            practice.patients.list,
            practice.appointments.list,
            partial(practice.appointments.find_by_reference, "REF-ada@smith"),
            partial(practice.series.appointments, "s-ada"),
            partial(practice.waitlist.waiting, "visit"),
            partial(practice.waitlist.position, "w-ada"),
            partial(practice.appointments.propose_moves, ["ada@smith"]),
            partial(practice.holds.get, "h-ada"),
        ]
        for read in reads:
            with pytest.raises(OSError, match="full"):
                read()


def test_no_value_is_ever_written_down(world: Audited) -> None:
    for who in ("trusted", "admin", "bay", "smith", "ada"):
        practice = world.acting(who)
        practice.patients.list()
        practice.patients.update(
            attrs.evolve(world.clinic.patients.get("ada"), phone=f"CANARY {who}")
        )
        practice.appointments.list()
        practice.appointments.cancel("ada@smith", reason="canary")
        practice.waitlist.entries.list()
    world.acting("jones").access.break_glass("ada", reason="canary")
    assert len(world.store.entries) > 30
    assert "canary" not in repr(world.store.entries).casefold()


def test_nothing_is_written_down_where_no_audit_is_kept() -> None:
    class Unaudited(MemoryStore):
        def record(self, entries: Sequence[AuditEntry]) -> None:
            raise AssertionError("nobody asked for it")

    world = World(Unaudited())
    for who in ("trusted", "bay"):
        world.acting(who).patients.list()
        world.acting(who).appointments.cancel("ada@smith")
    assert world.acting("annex").patients.find("ada") is None
