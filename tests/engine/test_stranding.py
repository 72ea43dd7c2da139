"""Which appointments lie in hours: what could be booked there, grid and claims left out."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    FOLD,
    GAP,
    NY,
    SMITH,
    VISIT,
    ZONES,
    at,
    blocking,
    closed,
    extra,
    location,
    mins,
    on,
    replaced,
    room,
    rule,
    schedule,
)

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.appointments import Appointment
from medsched.domain.bookings import WallTime
from medsched.domain.people import Patient, Provider, Travel
from medsched.domain.places import Location, PracticeSettings, Room
from medsched.domain.records import Resource
from medsched.domain.requests import Reason
from medsched.domain.schedule import Schedule
from medsched.domain.stored import Noun
from medsched.engine.stranding import lacks, may_strand, reasons_of

BRANCH, WARD = Location(id="branch"), Location(id="ward")
R1 = Room(id="r1", location="branch")


def booked(
    low: str = "09:00", high: str = "09:30", *, day: date = DAY, **fields: Any
) -> Appointment:
    """An appointment of Smith's on the plain Wednesday, by New York's wall."""
    start, end = (at(f"{day} {one}", NY) for one in (low, high))
    return Appointment(
        id="a",
        provider="smith",
        patient="ada",
        type="visit",
        start=start,
        end=end,
        wall=WallTime(start.replace(tzinfo=None), NY),
        **fields,
    )


def why(made: Schedule, appointment: Appointment, type: AppointmentType = VISIT) -> set[Reason]:
    """Why an appointment lies outside hours."""
    return set(reasons_of(lacks(made, type, ZONES, appointment)))


class TestHours:
    def test_in_hours(self) -> None:
        made = schedule(rule())
        for low, high in (("09:00", "12:00"), ("09:07", "09:11"), ("11:59", "12:00")):
            assert why(made, booked(low, high)) == set()

    @pytest.mark.parametrize(
        "low, high, reason",
        [
            ("08:59", "09:30", Reason.CLOSED),
            ("12:00", "12:30", Reason.CLOSED),
            ("11:59", "12:01", Reason.RUNS_OUT),
            ("09:00", "13:00", Reason.RUNS_OUT),
        ],
    )
    def test_out_of_hours(self, low: str, high: str, reason: Reason) -> None:
        assert why(schedule(rule()), booked(low, high)) == {reason}

    def test_hours_that_touch_and_offer_the_same(self) -> None:
        evening = rule("12:00-14:00", id="later")
        assert why(schedule(rule(), evening), booked("11:30", "12:30")) == set()
        dear = rule("12:00-14:00", id="later", break_duration=mins(5))
        assert why(schedule(rule(), dear), booked("11:30", "12:30")) == {Reason.RUNS_OUT}

    @pytest.mark.parametrize(
        "item, reason",
        [
            (closed(), Reason.CLOSED),
            (closed(hours="09:10-09:20"), Reason.RUNS_OUT),
            (closed(hours="09:30-12:00"), None),
            (closed(types="other"), None),
            (closed(types="visit"), Reason.CLOSED),
            (closed(of=Resource("practice", "riverside")), Reason.CLOSED),
            (blocking("09:29-09:31"), Reason.RUNS_OUT),
            (extra("09:00-09:30", types="other"), Reason.TYPE),
            (extra("09:00-09:30", types={"other", "visit"}), None),
            (extra("09:15-09:30", types={"other", "visit"}), Reason.RUNS_OUT),
            (replaced("09:00-12:00"), None),
            (replaced("09:00-12:00", type_days={"visit": "MO"}), Reason.TYPE),
            (replaced("10:00-12:00"), Reason.CLOSED),
            (replaced("09:00-12:00", location="branch"), Reason.ELSEWHERE),
        ],
    )
    def test_what_is_laid_over_them(self, item: Any, reason: Reason | None) -> None:
        found = why(schedule(rule(), item, locations=[BRANCH]), booked())
        assert found == ({reason} if reason else set())

    def test_at_its_place(self) -> None:
        made = schedule(rule(location="branch"), locations=[BRANCH, WARD])
        assert why(made, booked(location="branch")) == set()
        assert why(made, booked(location="ward")) == {Reason.ELSEWHERE}
        assert why(made, booked()) == {Reason.ELSEWHERE}
        shut = schedule(rule(location="branch"), closed(of=location("branch")), locations=[BRANCH])
        assert why(shut, booked(location="branch")) == {Reason.CLOSED}

    def test_its_rooms(self) -> None:
        r1 = frozenset({room("r1")})
        own = rule("08:00-09:15", of=room("r1"), id="room")
        made = schedule(rule(), own, rooms=[R1])
        assert why(made, booked("09:00", "09:15", resources=r1)) == set()
        assert why(made, booked(resources=r1)) == {Reason.RESOURCE_CLOSED}
        assert why(made, booked()) == set()
        idle = schedule(rule(), rooms=[R1], inactive=[room("r1")])
        assert why(idle, booked(resources=r1)) == {Reason.INACTIVE}

    def test_who_takes_part(self) -> None:
        away = schedule(rule(), provider=attrs.evolve(SMITH, active=False))
        assert why(away, booked()) == {Reason.INACTIVE}
        assert why(schedule(rule()), booked(), attrs.evolve(VISIT, active=False)) == {
            Reason.INACTIVE
        }
        roles = attrs.evolve(
            schedule(rule()), practice=PracticeSettings(id="riverside", bookable_roles={"nurse"})
        )
        assert why(roles, booked()) == {Reason.NOT_BOOKABLE}

    def test_all_that_speaks_against_it(self) -> None:
        made = schedule(
            rule("09:00-09:20", location="branch", types="other"),
            provider=attrs.evolve(SMITH, active=False),
            locations=[BRANCH],
        )
        assert why(made, booked(location="ward")) == {
            Reason.INACTIVE,
            Reason.TYPE,
            Reason.ELSEWHERE,
            Reason.RUNS_OUT,
        }

    def test_when_the_clocks_change(self) -> None:
        nights = schedule(on(GAP, "01:00-04:00"))
        start = at(f"{GAP} 01:30", NY)
        whole = attrs.evolve(booked(), start=start, end=start + timedelta(hours=1, minutes=30))
        assert why(nights, whole) == set()
        longer = attrs.evolve(whole, end=whole.end + mins(1))
        assert why(nights, longer) == {Reason.RUNS_OUT}
        start = at(f"{FOLD} 01:00", NY)
        whole = attrs.evolve(booked(), start=start, end=start + timedelta(hours=2))
        assert why(schedule(on(FOLD, "01:00-02:00")), whole) == set()

    def test_a_visit_of_several_days(self) -> None:
        """Longer than what is booked now, and across the edge of what is opened at once."""
        stay = schedule(rule("00:00-24:00"))
        for first in range(1, 9):
            day = date(2026, 2, first)
            long = attrs.evolve(booked(day=day), end=at(f"{day + timedelta(days=6)} 10:00", NY))
            assert why(stay, long) == set()
            hole = schedule(rule("00:00-24:00"), closed(day + timedelta(days=6)))
            assert why(hole, long) == {Reason.RUNS_OUT}


class TestWhatMayStrand:
    """A first look: it may say yes too often, and never no too often."""

    @pytest.mark.parametrize(
        "before, after, may",
        [
            (None, rule(), True),
            (rule(), None, True),
            (rule(), rule(notes="new"), False),
            (rule(), rule(active=False), True),
            (rule(active=False), rule(), True),
            (rule(active=False), None, False),
            (None, rule(active=False), False),
            (rule(), rule("09:00-11:00"), True),
            (None, closed(), True),
            (closed(), None, False),
            (closed(), closed(active=False), False),
            (closed(), closed(reason="else"), False),
            (closed(), closed(hours="09:00-10:00"), True),
            (extra("09:00-10:00"), None, True),
            (replaced("09:00-10:00"), None, True),
            (None, blocking("09:00-10:00"), True),
            (blocking("09:00-10:00"), None, False),
            (SMITH, attrs.evolve(SMITH, name="Smythe"), False),
            (SMITH, attrs.evolve(SMITH, notice=mins(60), durations={"visit": mins(5)}), False),
            (SMITH, attrs.evolve(SMITH, active=False), True),
            (attrs.evolve(SMITH, active=False), SMITH, False),
            (SMITH, attrs.evolve(SMITH, location="branch"), True),
            (SMITH, attrs.evolve(SMITH, role="nurse"), True),
            (SMITH, attrs.evolve(SMITH, travels=[Travel("Asia/Tokyo", DAY, DAY)]), True),
            (None, Provider(id="new"), False),
            (SMITH, None, False),
            (BRANCH, attrs.evolve(BRANCH, phone="1"), False),
            (BRANCH, attrs.evolve(BRANCH, timezone=NY), True),
            (BRANCH, attrs.evolve(BRANCH, active=False), True),
            (R1, attrs.evolve(R1, name="one"), False),
            (R1, attrs.evolve(R1, location="ward"), True),
            (VISIT, attrs.evolve(VISIT, duration=mins(5)), False),
            (VISIT, attrs.evolve(VISIT, active=False), True),
            (Patient(id="ada"), Patient(id="ada", name="Ada"), False),
        ],
    )
    def test_one_record(self, before: Noun | None, after: Noun | None, may: bool) -> None:
        versioned = None if after is None else attrs.evolve(after, version=7)
        assert may_strand(before, versioned) is may
