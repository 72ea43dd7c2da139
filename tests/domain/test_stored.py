"""Kinds, names, references, pages and events: what stores and services share."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, get_args

import attrs
import pytest

from medsched.domain.appointment_types import AppointmentType, Need
from medsched.domain.appointments import Appointment
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.bookings import WallTime
from medsched.domain.fields import LONGEST_ID
from medsched.domain.holds import Hold
from medsched.domain.pages import cursor, read_cursor
from medsched.domain.people import Patient, Provider, Staff
from medsched.domain.places import Device, Location, PracticeSettings, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.series import Series
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.stored import (
    CLASSES,
    BookingRecord,
    Kind,
    Ref,
    Stored,
    kind_of,
    references,
    scheduled_by,
)
from medsched.domain.time_blocks import TimeBlock
from medsched.testing.contracts.samples import RECORDS
from medsched.testing.contracts.taken import BOOKINGS
from medsched.timeline.recurrence import Recurrence

DAILY = Recurrence.daily(start=date(2026, 1, 1))
HALF_HOUR = timedelta(minutes=30)
NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)


def series(**place: Any) -> Series:
    return Series(
        patient="a",
        provider="p",
        type="t",
        recurrence=DAILY,
        at=time(9),
        timezone="UTC",
        **place,
    )


def in_block(booking: BookingRecord) -> BookingRecord:
    assert isinstance(booking, Appointment | Hold)
    return attrs.evolve(booking, block="b")


def test_each_class_has_a_kind_and_each_kind_a_class() -> None:
    assert set(CLASSES) == set(Kind)
    assert set(CLASSES.values()) == set(get_args(Stored))
    assert all(kind_of(cls) is kind for kind, cls in CLASSES.items())


def test_every_resource_is_of_a_kind() -> None:
    for kind in ResourceKind:
        resource = Resource(kind, "x")
        assert Ref.of(resource).resource == resource
    assert Ref(Kind.STAFF, "x").resource is None


@pytest.mark.parametrize(
    "record, named",
    [
        (PracticeSettings(id="p"), ""),
        (Staff(id="s"), ""),
        (Patient(id="p"), ""),
        (Location(id="l"), ""),
        (Provider(id="p"), ""),
        (Provider(location="l", durations={"t": HALF_HOUR}), "appointment-type t, location l"),
        (Room(location="l"), "location l"),
        (Device(), ""),
        (Device(location="l"), "location l"),
        (
            AppointmentType(
                code="t", duration=HALF_HOUR, needs=[Need.room("r1", "r2"), Need.device("d")]
            ),
            "device d, room r1, room r2",
        ),
        (AvailabilityRule("p", DAILY, hours="09:00-12:00"), "provider p"),
        (
            AvailabilityRule(
                Resource("room", "r"),
                DAILY,
                hours="09:00-12:00",
                location="l",
                types="t",
                type_days={"t2": "MO"},
                durations={"t3": HALF_HOUR},
            ),
            "appointment-type t, appointment-type t2, appointment-type t3, location l, room r",
        ),
        (AvailabilityRule("p", DAILY, hours="09:00-12:00", room="r"), "provider p, room r"),
        (Override.closed(Resource("practice", "p"), date(2026, 1, 1)), ""),
        (
            Override.closed("p", date(2026, 1, 1), types={"t"}, location="l"),
            "appointment-type t, location l, provider p",
        ),
        (
            RecurringBlocking(Resource("device", "d"), DAILY, hours="09:00-12:00", types="t"),
            "appointment-type t, device d",
        ),
        (
            Appointment(
                id="a",
                provider="p",
                patient="q",
                type="t",
                start=datetime(2026, 1, 7, 14, tzinfo=UTC),
                end=datetime(2026, 1, 7, 15, tzinfo=UTC),
                wall=WallTime(datetime(2026, 1, 7, 14), "UTC"),
                follows="b",
                series="s",
            ),
            "appointment b, appointment-type t, patient q, provider p, series s",
        ),
        (series(), "appointment-type t, patient a, provider p"),
        (series(location="l"), "appointment-type t, location l, patient a, provider p"),
        (series(location=None), "appointment-type t, patient a, provider p"),
        (
            TimeBlock("p", date(2026, 1, 1), "09:00-10:00", location="l", room="r", types="t"),
            "appointment-type t, location l, provider p, room r",
        ),
        (in_block(BOOKINGS["appointment"]), "time-block b"),
        (in_block(BOOKINGS["hold"]), "time-block b"),
        (
            ReleaseRule("p", DAILY, share="1/5", before=HALF_HOUR, kept_for=["t", "u"]),
            "appointment-type t, appointment-type u, provider p",
        ),
        (ReleaseRule(Resource("practice", "p"), DAILY, share="1/5", before=HALF_HOUR), ""),
        (SlotOverride(resource="p", type="t", start=NINE), "appointment-type t, provider p"),
        (
            SlotOverride(resource="p", type="t", location="l", start=NINE, becomes="u"),
            "appointment-type t, appointment-type u, location l, provider p",
        ),
        (
            RECORDS["waitlist entry, all stated"],
            (
                "appointment a1, appointment-type visit, location main, patient ehr-4711,"
                f" provider Smith, provider smith, provider {'😀' * LONGEST_ID}"
            ),
        ),
        (RECORDS["waitlist entry at no place"], "appointment-type visit, patient ehr-4711"),
        (
            RECORDS["waitlist offer, all stated"],
            (
                "appointment a1, appointment-type visit, location main, patient ehr-4711,"
                " provider smith, waitlist-entry e1"
            ),
        ),
        (RECORDS["grant, all stated"], ""),
    ],
)
def test_a_record_tells_what_it_refers_to(record: Stored, named: str) -> None:
    found = sorted(references(record))
    if named.startswith("time-block"):  # what all of them name is left out here
        found = [ref for ref in found if ref.kind is Kind.TIME_BLOCK]
    assert ", ".join(f"{kind} {id}" for kind, id in found) == named


def test_a_record_tells_whose_schedule_it_changes() -> None:
    assert scheduled_by(AvailabilityRule("p", DAILY, hours="09:00-12:00")) == Resource(
        "provider", "p"
    )
    assert scheduled_by(Location(id="l")) == Resource("location", "l")
    assert scheduled_by(Patient(id="p")) is None
    slot = SlotOverride(resource="p", type="t", start=NINE)
    assert scheduled_by(slot) == Resource("provider", "p")
    everybodys = Resource("practice", "p")
    kept = ReleaseRule(everybodys, DAILY, share="1/5", before=HALF_HOUR)
    assert scheduled_by(kept) == everybodys
    assert scheduled_by(RECORDS["waitlist entry"]) is None
    assert scheduled_by(RECORDS["waitlist offer"]) is None
    assert scheduled_by(RECORDS["grant"]) is None


@pytest.mark.parametrize("id", ["a", "é☃", "x" * 255, "=", " "])
def test_a_cursor_comes_back(id: str) -> None:
    text = cursor("a list", id)
    assert text.isascii()
    assert read_cursor("a list", text) == id
