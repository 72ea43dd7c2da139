"""Calendars as each role sees them, of what a clinic has booked, held and blocked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.services.group import MINUTE, fill, nine, start

from medsched import (
    CalendarEntry,
    InvalidChoice,
    InvalidInterval,
    Location,
    MemoryStore,
    NaiveDatetime,
    NotFound,
    Practice,
    Principal,
    Resource,
    SlotStatus,
)
from medsched.domain.stored import Ref, Stored
from medsched.services.calendars import LONGEST_CALENDAR
from medsched.services.gates import Gate
from medsched.testing.fixed import FixedClock

GYM, P0, P1 = Resource("room", "gym"), Resource("patient", "p0"), Resource("patient", "p1")
WHY = "the reason that is nobody's business"
BUSY, HELD, AWAY = SlotStatus.BUSY, SlotStatus.BUSY_TENTATIVE, SlotStatus.BUSY_UNAVAILABLE


@pytest.fixture(autouse=True)
def _filled(clinic: Practice) -> None:
    """A class of two, a visit each of p0 and p1, a hold, a meeting, and a visit with jones."""
    fill(clinic)
    clinic.add_all([Location(id="side")])
    book = clinic.appointments.book
    book(start(0), patient="p0", id="seat-0", reason=WHY)
    book(start(0), patient="p1", id="seat-1", reason=WHY)
    book(start(90, "visit"), patient="p1", id="one", reason=WHY)
    book(start(120, "visit"), patient="p2", id="two", reason=WHY)
    clinic.holds.place(start(150, "visit"), patient="p3", id="held")
    clinic.blockings.add("smith", nine(180), nine(210), reason=WHY)
    book(start(90, "visit", "jones"), patient="p2", id="other", override="urgent", reason=WHY)
    cancelled = book(start(240, "visit"), patient="p0", id="gone")
    clinic.appointments.cancel(cancelled, reason="not needed")


def acting(clinic: Practice, role: str, **more: Any) -> Practice:
    return clinic.acting_as(Principal("who", roles={role}, practice="riverside", **more))


def told(entries: Sequence[CalendarEntry]) -> list[tuple[int, int, str]]:
    """Each entry as minutes after nine and all that it tells, in one line."""
    return [
        (
            (one.start - nine()) // MINUTE,
            (one.end - nine()) // MINUTE,
            " ".join(
                str(word)
                for word in (
                    None if one.status is BUSY else one.status,
                    *(one.appointment, one.hold, one.session and "session", one.type),
                    *(one.patient, one.provider, one.location),
                    "why" if one.reason == WHY else None,
                )
                if word
            ),
        )
        for one in entries
    ]


def of(clinic: Practice, resource: Resource | str) -> list[tuple[int, int, str]]:
    return told(clinic.calendars.of(resource, nine(-60), nine(600)))


def test_the_host_and_admins_see_all(clinic: Practice) -> None:
    for seen in (clinic, acting(clinic, "admin")):
        assert of(seen, "smith") == [
            (0, 60, "session class smith main"),
            (90, 120, "one visit p1 smith main why"),
            (120, 150, "two visit p2 smith main why"),
            (150, 180, "busy-tentative held visit p3 smith main"),
            (180, 210, "busy-unavailable why"),
        ]
        assert of(seen, GYM) == [(0, 60, "session class smith main")]
        assert of(seen, P1) == [
            (0, 60, "seat-1 session class p1 smith main why"),
            (90, 120, "one visit p1 smith main why"),
        ]


def test_a_patient_sees_their_own_visits_and_nothing_else(clinic: Practice) -> None:
    p0, p1 = (acting(clinic, "patient", patient=id) for id in ("p0", "p1"))
    seat = "session class p1 smith main why"
    assert of(p1, "smith") == [
        (0, 60, f"seat-1 {seat}"),
        (90, 120, "one visit p1 smith main why"),
        (120, 210, ""),
    ]
    assert of(p0, "smith")[1:] == [(90, 210, "")]
    assert of(p1, GYM) == [(0, 60, f"seat-1 {seat}")]
    assert of(p1, "jones") == [(90, 120, "")]
    assert of(p1, P1) == [(0, 60, f"seat-1 {seat}"), (90, 120, "one visit p1 smith main why")]
    assert of(acting(clinic, "patient", patient="p9"), GYM) == [(0, 60, "")]


def test_whom_one_may_not_see_is_as_if_there_were_nobody(clinic: Practice) -> None:
    p1, jones = (
        acting(clinic, "patient", patient="p1"),
        acting(clinic, "provider", provider="jones"),
    )
    for seen in (clinic, p1):  # a patient who is reached, and not stored
        for id in ("nobody", "p99"):
            with pytest.raises(NotFound):
                of(seen, Resource("patient", id))
    for seen in (p1, jones):
        raised = []
        for id in ("p0", "nobody"):
            with pytest.raises(NotFound) as found:
                of(seen, Resource("patient", id))
            raised.append(str(found.value).replace(id, "…"))
        assert raised[0] == raised[1]
    for seen in (clinic, p1, jones):
        for resource in ("nobody", Resource("room", "smith"), Resource("device", "gym")):
            with pytest.raises(NotFound):
                of(seen, resource)
    assert of(jones, Resource("patient", "p2")) == [
        (90, 120, "other visit p2 jones main why"),
        (120, 150, ""),
    ]


def test_providers_see_their_own_visits_and_what_shared_rooms_are_used_for(
    clinic: Practice,
) -> None:
    smith = acting(clinic, "provider", provider="smith")
    jones = acting(clinic, "provider", provider="jones")
    assert of(smith, "smith") == of(clinic, "smith")
    assert of(jones, "smith") == [
        (0, 70, ""),
        (90, 150, ""),
        (150, 180, "busy-tentative"),
        (180, 210, "busy-unavailable"),
    ]
    assert of(smith, GYM) == [(0, 60, "session class smith main")]
    assert of(jones, GYM) == [(0, 60, "class")]


def test_staff_see_what_is_at_their_locations(clinic: Practice) -> None:
    main = acting(clinic, "staff", locations={"main"})
    side = acting(clinic, "staff", locations={"side"})
    assert of(main, "smith") == of(clinic, "smith")
    assert of(main, P1) == [
        (0, 60, "seat-1 session class p1 smith main"),
        (90, 120, "one visit p1 smith main"),
    ]
    assert of(side, "smith") == [
        (0, 70, ""),
        (90, 150, ""),
        (150, 180, "busy-tentative"),
        (180, 210, "busy-unavailable why"),
    ]
    with pytest.raises(NotFound):
        of(side, P1)


def test_a_hold_that_has_expired_takes_no_time(clinic: Practice, clock: FixedClock) -> None:
    clock.advance(timedelta(hours=1))
    assert (150, 180) not in {one[:2] for one in of(clinic, "smith")}
    assert of(acting(clinic, "patient", patient="p9"), "smith")[1:] == [
        (90, 150, ""),
        (180, 210, ""),
    ]


def test_nobody_counts_patients_minute_by_minute(clinic: Practice) -> None:
    p9 = acting(clinic, "patient", patient="p9")
    for minute in range(-10, 220, 7):
        found = told(p9.calendars.of("smith", nine(minute), nine(minute + 1)))
        busy = 0 <= minute < 70 or 90 <= minute < 210
        assert found == ([(minute, minute + 1, "")] if busy else [])


def test_a_visit_that_reaches_into_the_stretch_is_told_whole(clinic: Practice) -> None:
    def between(low: int, high: int) -> list[tuple[int, int, str]]:
        return told(clinic.calendars.of("smith", nine(low), nine(high)))

    assert [one[:2] for one in between(100, 121)] == [(90, 120), (120, 150)]
    assert [one[:2] for one in between(100, 120)] == [(90, 120)]
    assert between(60, 90) == []  # the ten minutes after the class are a buffer
    one = clinic.calendars.of("smith", nine(100), nine(101))
    assert clinic.calendars.of("smith", nine(100), nine(100) + timedelta(seconds=1)) == one


def test_a_stretch_is_a_stretch_of_instants_and_not_too_long(clinic: Practice) -> None:
    of, low = clinic.calendars.of, nine()
    with pytest.raises(InvalidInterval):
        of("smith", low, low)
    with pytest.raises(InvalidInterval):
        of("smith", low, low + LONGEST_CALENDAR + timedelta(microseconds=1))
    assert of("smith", low, low + LONGEST_CALENDAR)
    with pytest.raises(NaiveDatetime):
        of("smith", low.replace(tzinfo=None), low)
    with pytest.raises(InvalidChoice):
        of(clinic.resource, low, nine(1))


def test_it_takes_two_round_trips_and_more_for_a_patient(
    clinic: Practice, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(name: str) -> Any:
        method = getattr(store, name)

        def ask(*args: Any, **named: Any) -> Any:
            asked.append(name)
            return method(*args, **named)

        return ask

    for name in ("claims", "get_many", "get", "page", "appointments", "referrers", "reached"):
        monkeypatch.setattr(store, name, counted(name))
    for resource, seen, trips in (
        ("smith", clinic, ["claims", "get_many"]),
        (GYM, acting(clinic, "patient", patient="p1"), ["claims", "get_many"]),
        (P1, clinic, ["claims", "get_many"]),
    ):
        of(seen, resource)
        assert asked == trips
        asked.clear()
    hidden = []
    for id in ("p0", "p9", "nobody"):  # who is hidden costs as much as who is not there
        with pytest.raises(NotFound):
            of(acting(clinic, "patient", patient="p1"), Resource("patient", id))
        hidden.append([*asked])
        asked.clear()
    assert hidden[0] == hidden[1] == hidden[2]
    assert "claims" not in hidden[0]


def test_whose_visits_were_shown_is_told_to_the_audit(
    clinic: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[list[str]] = []

    def shown(self: Gate, records: Sequence[Stored]) -> Sequence[Stored]:
        assert self.operation == "calendar.read"
        said.append([":".join(Ref.to(one)) for one in records])
        return records

    monkeypatch.setattr(Gate, "shown", shown)
    of(clinic, "smith")
    of(clinic, GYM)
    of(acting(clinic, "patient", patient="p1"), "smith")
    of(acting(clinic, "provider", provider="jones"), "smith")
    of(clinic, P0)
    assert said == [
        ["appointment:one", "appointment:two", "hold:held"],
        [],
        ["appointment:seat-1", "appointment:one"],
        [],
        ["patient:p0", "appointment:seat-0"],
    ]


def test_a_reason_is_in_no_repr(clinic: Practice) -> None:
    entries = clinic.calendars.of("smith", nine(), nine(600))
    assert WHY in {one.reason for one in entries}
    assert WHY not in repr(entries)
