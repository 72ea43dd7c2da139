"""Staff book whatever speaks against it: with a reason, and never at others' cost."""

from __future__ import annotations

from itertools import permutations

import pytest
from tests.races.wholeness import check_whole
from tests.services.group import SEATS, fill, nine, start

from medsched import (
    BookingRefused,
    InvalidText,
    MemoryStore,
    Practice,
    Principal,
    Reason,
    Resource,
)
from medsched.domain.appointments import Appointment

SMITH = Resource("provider", "smith")
WHY = "an emergency"


@pytest.fixture(autouse=True)
def _filled(clinic: Practice) -> None:
    fill(clinic)


def names(clinic: Practice, id: str) -> list[str]:
    return [one.event.name for one in clinic.events.after() if one.event.id == id]


def test_what_is_taken_is_doubled_and_said_so(clinic: Practice, store: MemoryStore) -> None:
    first = clinic.appointments.book(start(0, "visit"), patient="p0")
    made = clinic.appointments.book(start(0, "visit"), patient="p1", override=WHY)
    assert (made.overridden, made.override, made.start) == (
        frozenset({Reason.TAKEN}),
        WHY,
        first.start,
    )
    assert names(clinic, made.id) == ["appointment.booked", "appointment.overridden"]
    assert clinic.appointments.conflicts(made).keys() == {SMITH}
    assert "emergency" not in repr(made)
    with pytest.raises(BookingRefused):
        clinic.appointments.book(start(0, "visit"), patient="p2")
    check_whole(store, "riverside")


@pytest.mark.parametrize(
    "minutes, type, reasons",
    [
        (-120, "visit", frozenset({Reason.CLOSED})),
        (460, "visit", frozenset({Reason.RUNS_OUT, Reason.OFF_GRID})),
        (5, "visit", frozenset({Reason.OFF_GRID})),
        (-5 * 24 * 60, "visit", frozenset({Reason.CLOSED, Reason.TOO_SOON})),
    ],
)
def test_out_of_hours_off_the_grid_and_afterwards(
    clinic: Practice, minutes: int, type: str, reasons: frozenset[Reason]
) -> None:
    with pytest.raises(BookingRefused) as refused:
        clinic.appointments.book(start(minutes, type), patient="p0")
    assert {one.reason for one in refused.value.violations} == reasons
    made = clinic.appointments.book(start(minutes, type), patient="p0", override=WHY)
    assert (made.overridden, made.start, made.location) == (reasons, nine(minutes), "main")


def test_inside_a_buffer(clinic: Practice, store: MemoryStore) -> None:
    clinic.appointments.book(start(0), patient="p0")
    made = clinic.appointments.book(start(60, "visit"), patient="p1", override=WHY)
    assert made.overridden == {Reason.TAKEN}
    check_whole(store, "riverside")


def test_past_the_seats_of_a_session(clinic: Practice, store: MemoryStore) -> None:
    for number in range(SEATS):
        clinic.appointments.book(start(0), patient=f"p{number}")
    made = clinic.appointments.book(start(0), patient="p9", override=WHY)
    assert made.overridden == {Reason.FULL}
    check_whole(store, "riverside")
    for one in clinic.appointments.list(status="booked").items:
        clinic.appointments.cancel(one)
    assert store.claims("riverside", [SMITH], 0, 2**40) == []


def test_where_nothing_speaks_against_it_nothing_is_overridden(clinic: Practice) -> None:
    made = clinic.appointments.book(start(0, "visit"), patient="p0", override=WHY)
    assert (made.overridden, made.override) == (frozenset(), "")
    assert names(clinic, made.id) == ["appointment.booked"]


def test_a_reason_is_needed(clinic: Practice) -> None:
    for nothing in ("", "  ", None, 7):
        if nothing is None:
            continue
        with pytest.raises(InvalidText):
            clinic.appointments.book(start(0, "visit"), patient="p0", override=nothing)  # type: ignore[arg-type]
    assert clinic.appointments.list().items == ()


def test_who_takes_no_part_cannot_be_overridden(clinic: Practice) -> None:
    clinic.patients.deactivate("p0")
    with pytest.raises(BookingRefused):
        clinic.appointments.book(start(0, "visit"), patient="p0", override=WHY)
    clinic.providers.deactivate("smith")
    with pytest.raises(BookingRefused):
        clinic.appointments.book(start(0, "visit"), patient="p1", override=WHY)


def booked_thrice(clinic: Practice) -> list[Appointment]:
    """Three that overlap one another on Smith's day: one by right, two by staff."""
    return [
        clinic.appointments.book(start(0, "visit"), patient="p0"),
        clinic.appointments.book(start(15, "visit"), patient="p1", override=WHY),
        clinic.appointments.book(start(-15), patient="p2", override=WHY),
    ]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_giving_one_back_never_frees_the_others_minutes(
    clinic: Practice, store: MemoryStore, order: tuple[int, ...]
) -> None:
    made = booked_thrice(clinic)
    for at in order:
        check_whole(store, "riverside")
        clinic.appointments.cancel(made[at])
    assert store.ledger("riverside", [SMITH], 20000, 21000) == {}


def test_moving_one_leaves_the_others(clinic: Practice, store: MemoryStore) -> None:
    made = booked_thrice(clinic)
    moved = clinic.appointments.reschedule(made[1], start(240, "visit"))
    assert moved.overridden == frozenset()
    check_whole(store, "riverside")
    back = clinic.appointments.reschedule(made[0], start(240, "visit"), override=WHY)
    assert back.overridden == {Reason.TAKEN}
    check_whole(store, "riverside")


def test_what_staff_proposed_all_the_same_is_accepted_so(
    clinic: Practice, store: MemoryStore
) -> None:
    made = clinic.appointments.propose(start(0, "visit"), patient="p0")
    taken = clinic.appointments.book(start(0, "visit"), patient="p1")
    late = clinic.appointments.propose(start(0, "visit"), patient="p2", override=WHY)
    with pytest.raises(BookingRefused):
        clinic.appointments.accept(made)
    accepted = clinic.appointments.accept(late)
    assert (accepted.overridden, accepted.override) == (frozenset({Reason.TAKEN}), WHY)
    check_whole(store, "riverside")
    clinic.appointments.cancel(taken)
    check_whole(store, "riverside")


def test_what_was_decided_is_under_the_key(clinic: Practice) -> None:
    options = {"patient": "p1", "override": WHY, "idempotency_key": "k"}
    clinic.appointments.book(start(0, "visit"), patient="p0")
    first = clinic.appointments.book(start(0, "visit"), **options)  # type: ignore[arg-type]
    assert clinic.appointments.book(start(0, "visit"), **options) == first  # type: ignore[arg-type]


def test_who_did_it_is_recorded(clinic: Practice) -> None:
    kim = clinic.acting_as(Principal.trusted("kim"))
    made = kim.appointments.book(start(5, "visit"), patient="p0", override=WHY)
    assert (made.created_by, made.overridden) == ("kim", frozenset({Reason.OFF_GRID}))
