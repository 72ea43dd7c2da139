"""Bad input: a named error that carries the offending values, never a guess and never a crash."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from tests.engine.kit import (
    DAY,
    NY,
    SMITH,
    TOKYO,
    ZONES,
    ask,
    at,
    closed,
    extra,
    mins,
    minute,
    on,
    reasons,
    replaced,
    rule,
    visit,
)

from medsched.domain.appointment_types import AppointmentType, Grid, GridKind, Need
from medsched.domain.availability import AvailabilityRule, Override
from medsched.domain.claims import Claim
from medsched.domain.hours import Hours
from medsched.domain.people import Provider, Travel
from medsched.domain.requests import Reason, Request
from medsched.engine.explain import explain
from medsched.engine.slots import list_slots
from medsched.errors import (
    InvalidChoice,
    InvalidDuration,
    InvalidHours,
    InvalidInterval,
    InvalidRecurrence,
    InvalidText,
    InvalidValue,
    MedschedError,
    NaiveDatetime,
    OutOfRange,
    UnknownZone,
)
from medsched.timeline.recurrence import Recurrence

LOW, HIGH = at(f"{DAY} 00:00"), at(f"{DAY} 23:00")


def refused(expected: type[MedschedError], call: Callable[[], object]) -> MedschedError:
    with pytest.raises(expected) as caught:
        call()
    error = caught.value
    assert isinstance(error, MedschedError)
    assert str(error)
    return error


class TestQueries:
    def test_naive_datetimes(self) -> None:
        naive = datetime(2026, 2, 4, 9)
        for call in (
            lambda: list_slots(ask(rule()), naive, HIGH),
            lambda: list_slots(ask(rule()), LOW, naive),
            lambda: explain(ask(rule()), naive),
            lambda: list_slots(ask(rule(), now=naive), LOW, HIGH).first(),
            lambda: Claim.of("smith", naive, HIGH),
            lambda: Claim.of("smith", LOW, HIGH, expires=naive),
        ):
            error = refused(NaiveDatetime, call)
            assert isinstance(error, NaiveDatetime)
            assert error.value == naive

    def test_from_later_to_earlier(self) -> None:
        error = refused(InvalidInterval, lambda: list_slots(ask(rule()), HIGH, LOW))
        assert isinstance(error, InvalidInterval)
        assert error.value == (HIGH, LOW)

    def test_longer_than_the_bound(self) -> None:
        years = timedelta(days=732)
        assert len(list_slots(ask(rule()), LOW, LOW + years)) == 732 * 6
        refused(
            InvalidInterval,
            lambda: list_slots(ask(rule()), LOW, LOW + years + timedelta(seconds=1)),
        )

    def test_years_outside(self) -> None:
        for low, high in (
            (datetime(1972, 12, 31, 23, 59, tzinfo=UTC), datetime(1973, 1, 2, tzinfo=UTC)),
            (datetime(9998, 12, 31, tzinfo=UTC), datetime(9999, 1, 2, tzinfo=UTC)),
            (datetime.min.replace(tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)),
            (datetime(9999, 12, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
        ):
            refused(OutOfRange, lambda low=low, high=high: list_slots(ask(rule()), low, high))  # type: ignore[misc]

    @pytest.mark.parametrize("year", [1, 1972, 9999])
    def test_instants_outside(self, year: int) -> None:
        instant = datetime(year, 6, 1, tzinfo=UTC)
        for call in (
            lambda: explain(ask(rule()), instant),
            lambda: Claim.of("smith", instant, instant + mins(5)),
            lambda: Claim.of("smith", LOW, HIGH, expires=instant),
            lambda: list_slots(ask(rule(), now=instant), LOW, HIGH).first(),
        ):
            error = refused(OutOfRange, call)
            assert isinstance(error, OutOfRange)
            assert error.value == instant

    def test_datetimes_whose_offset_leaves_the_calendar(self) -> None:
        far = timezone(timedelta(hours=14))
        for instant in (
            datetime.max.replace(tzinfo=timezone(-timedelta(hours=14))),
            datetime.min.replace(tzinfo=far),
        ):
            refused(OutOfRange, lambda instant=instant: explain(ask(rule()), instant))  # type: ignore[misc]

    def test_a_time_within_a_minute_is_no_start(self) -> None:
        refused(InvalidInterval, lambda: explain(ask(rule()), LOW + timedelta(seconds=1)))

    def test_dates_and_texts_are_no_instants(self) -> None:
        for value in (DAY, "2026-02-04", 1770163200, None):
            refused(NaiveDatetime, lambda value=value: list_slots(ask(rule()), value, HIGH))  # type: ignore[misc]

    @pytest.mark.parametrize("grid", [Grid.window(), Grid.clock(mins(30)), Grid.packed()])
    @pytest.mark.parametrize("zone", ["UTC", NY, TOKYO, "Pacific/Kiritimati", "Pacific/Niue"])
    def test_the_first_and_the_last_years_are_whole(self, zone: str, grid: Grid) -> None:
        type_ = visit(
            60, grid=grid, buffer_before=timedelta(days=7), buffer_after=timedelta(days=7)
        )
        for first, last in (
            (date(1973, 1, 1), date(1973, 1, 10)),
            (date(9998, 12, 20), date(9998, 12, 31)),
        ):
            hours = AvailabilityRule(
                "smith",
                Recurrence.daily(first, until=last),
                hours=["09:00-10:00", "23:00-01:00 overnight"],
                timezone=zone,
                id="rule",
            )
            items = [
                hours,
                closed(first, first, timezone=zone),
                replaced("12:00-13:00", last, timezone=zone),
            ]
            inquiry = ask(*items, type=type_, timezone="UTC")
            low = max(
                datetime(first.year, first.month, 1, tzinfo=UTC), datetime(1973, 1, 1, tzinfo=UTC)
            )
            high = low + timedelta(days=31)
            slots = list_slots(inquiry, low, high)
            assert len(slots) >= 20
            for slot in (slots[0], slots[-1]):
                assert slot.local_start == slot.start
                assert slot.end - slot.start == timedelta(hours=1)
                assert explain(inquiry, slot.start).offered
            for instant in (low, high - mins(1)):
                assert explain(inquiry, instant).offered == (instant in {s.start for s in slots})

    def test_now_in_the_last_year(self) -> None:
        inquiry = ask(
            rule(),
            type=visit(days_ahead=36_525, furthest_ahead=timedelta(days=36_525)),
            now=datetime(9998, 6, 1, tzinfo=UTC),
        )
        assert list(list_slots(inquiry, LOW, HIGH)) == []
        assert Reason.TOO_SOON in reasons(inquiry, f"{DAY} 09:00")

    def test_now_in_the_first_year(self) -> None:
        inquiry = ask(rule(), now=datetime(1973, 1, 1, tzinfo=UTC), type=visit(days_ahead=0))
        assert reasons(inquiry, f"{DAY} 09:00") == {Reason.TOO_FAR}


class TestZones:
    @pytest.mark.parametrize(
        "name",
        [
            "../etc/passwd",
            "EST5EDT ",
            "",
            "/etc/localtime",
            "america/new_york",
            "Mars/Olympus",
            "\0",
            "posixrules",
        ],
    )
    def test_unknown_zones(self, name: str) -> None:
        error = refused(UnknownZone, lambda: ZONES.zone(name))
        assert isinstance(error, UnknownZone)
        assert error.name == name

    def test_a_near_miss_is_told(self) -> None:
        error = refused(UnknownZone, lambda: ZONES.zone("America/New_Yrok"))
        assert isinstance(error, UnknownZone)
        assert NY in error.suggestions


class TestHours:
    @pytest.mark.parametrize(
        "text",
        [
            "10:00-09:00",
            "09:00-09:00",
            "22:00-06:00",
            "25:00-26:00",
            "24:00-25:00",
            "24:00-06:00 overnight",
            "09:60-10:00",
            "09:00-10:00 overnight",
            "9-10",
            "nine to five",
            "-09:00-10:00",
            "",
        ],
    )
    def test_no_hours(self, text: str) -> None:
        refused(InvalidHours, lambda: rule(text))
        refused(InvalidHours, lambda: extra(text))
        refused(InvalidHours, lambda: closed(hours=text))

    def test_values_are_carried(self) -> None:
        error = refused(InvalidHours, lambda: Hours("10:00", "09:00"))
        assert isinstance(error, InvalidHours)
        assert "10:00" in str(error)
        assert "09:00" in str(error)

    def test_times_with_a_zone_are_no_wall_times(self) -> None:
        refused(InvalidHours, lambda: Hours(time(9, tzinfo=UTC), "10:00"))

    def test_windows_that_overlap(self) -> None:
        refused(InvalidHours, lambda: rule(["09:00-12:00", "11:59-13:00"]))
        refused(InvalidHours, lambda: rule(["22:00-02:00 overnight", "21:00-23:00"]))

    def test_breaks_outside_every_window(self) -> None:
        for pause in ("07:00-08:00", "12:00-13:00", "08:00-09:00", "23:00-24:00"):
            refused(InvalidHours, lambda pause=pause: rule("09:00-12:00", breaks=pause))  # type: ignore[misc]

    def test_no_hours_at_all(self) -> None:
        refused(InvalidHours, lambda: rule([]))
        refused(InvalidHours, lambda: extra([]))
        refused(InvalidHours, lambda: replaced([]))


class TestDurations:
    @pytest.mark.parametrize(
        "length",
        [timedelta(0), mins(-30), timedelta(seconds=90), timedelta(days=8), 30, "30"],
    )
    def test_no_lengths(self, length: Any) -> None:
        refused(InvalidDuration, lambda: AppointmentType(code="x", duration=length))
        refused(InvalidDuration, lambda: rule(slot_duration=length))
        refused(InvalidDuration, lambda: rule(step=length))
        refused(InvalidDuration, lambda: rule(durations={"visit": length}))
        refused(InvalidDuration, lambda: Grid.clock(length))
        refused(InvalidDuration, lambda: Provider(id="x", durations={"visit": length}))

    def test_a_length_longer_than_its_window(self) -> None:
        error = refused(InvalidDuration, lambda: rule("09:00-10:00", slot_duration=mins(61)))
        assert isinstance(error, InvalidDuration)
        assert error.value == mins(61)
        refused(InvalidDuration, lambda: rule("09:00-10:00", durations={"visit": mins(61)}))
        refused(InvalidDuration, lambda: extra("09:00-10:00", slot_duration=mins(61)))
        refused(
            InvalidDuration,
            lambda: rule("09:00-11:00", breaks="09:50-10:10", slot_duration=mins(60)),
        )

    def test_buffers_and_breaks_below_zero(self) -> None:
        refused(InvalidDuration, lambda: visit(buffer_before=mins(-1)))
        refused(InvalidDuration, lambda: visit(buffer_after=mins(-1)))
        refused(InvalidDuration, lambda: Need.room("r1", before=mins(-1)))
        refused(InvalidDuration, lambda: Need.device("d1", after=mins(-1)))
        refused(InvalidDuration, lambda: rule(break_duration=mins(-1)))
        refused(InvalidDuration, lambda: visit(notice=mins(-1)))

    def test_grids(self) -> None:
        refused(InvalidDuration, lambda: Grid.clock(mins(30), offset=mins(30)))
        refused(InvalidDuration, lambda: Grid.clock(mins(30), offset=mins(-1)))
        refused(InvalidDuration, lambda: Grid(GridKind.CLOCK))
        refused(InvalidDuration, lambda: Grid(interval=mins(10)))
        refused(InvalidChoice, lambda: Grid("sometimes"))


class TestDates:
    def test_30_february(self) -> None:
        with pytest.raises(ValueError, match="day"):
            date(2026, 2, 30)
        never = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"
        refused(InvalidRecurrence, lambda: Recurrence.parse(never, start=DAY))

    @pytest.mark.parametrize(
        "text",
        [
            "FREQ=HOURLY",
            "FREQ=DAILY;BYHOUR=9",
            "FREQ=DAILY;BYMINUTE=0",
            "FREQ=MINUTELY;INTERVAL=5",
            "FREQ=DAILY;UNTIL=20260101",
            "FREQ=DAILY;COUNT=0",
            "FREQ=DAILY;INTERVAL=0",
            "",
            "nonsense",
        ],
    )
    def test_recurrences(self, text: str) -> None:
        refused(InvalidRecurrence, lambda: Recurrence.parse(text, start=DAY))

    def test_overrides_from_later_to_earlier(self) -> None:
        refused(InvalidInterval, lambda: closed(DAY, date(2026, 2, 3)))
        refused(InvalidInterval, lambda: rule(valid_from=DAY, valid_to=date(2026, 2, 3)))
        refused(InvalidInterval, lambda: Travel("UTC", DAY, date(2026, 2, 3)))

    def test_travels_that_overlap(self) -> None:
        both = [Travel("UTC", DAY, DAY), Travel(TOKYO, DAY, DAY)]
        refused(InvalidInterval, lambda: Provider(id="x", travels=both))

    @pytest.mark.parametrize("day", [date(9999, 1, 1), date(1972, 12, 31), date.max, date.min])
    def test_years_outside(self, day: date) -> None:
        refused(OutOfRange, lambda: closed(day))
        refused(OutOfRange, lambda: on(day))
        refused(OutOfRange, lambda: rule(valid_from=day))
        refused(OutOfRange, lambda: Travel("UTC", day, day))

    def test_a_datetime_is_no_date(self) -> None:
        refused(OutOfRange, lambda: closed(datetime(2026, 2, 4)))
        refused(OutOfRange, lambda: on(datetime(2026, 2, 4, tzinfo=UTC)))


class TestTexts:
    def test_notes_of_501_characters(self) -> None:
        assert rule(notes="x" * 500).notes
        error = refused(InvalidText, lambda: rule(notes="secret " * 72))
        assert isinstance(error, InvalidText)
        assert error.value == 504, "its length, never the text"
        assert "secret" not in str(error)
        refused(InvalidText, lambda: closed(reason="x" * 501))


class TestOptions:
    def test_claims_from_later_to_earlier(self) -> None:
        refused(InvalidInterval, lambda: Claim.of("smith", HIGH, LOW))
        refused(InvalidInterval, lambda: Claim.of("smith", LOW, LOW))
        refused(InvalidValue, lambda: Claim.of("smith", LOW, HIGH, kind="nap"))

    def test_whole_shifts_where_there_are_none(self) -> None:
        refused(InvalidHours, lambda: closed(hours="09:00-10:00", whole_shifts=True))
        refused(
            InvalidChoice,
            lambda: Override(
                "smith", "extra", first=DAY, last=DAY, hours="09:00-10:00", whole_shifts=True
            ),
        )
        refused(InvalidHours, lambda: closed(hours="09:00-12:00", breaks="10:00-11:00"))

    def test_policies_and_priorities(self) -> None:
        refused(InvalidChoice, lambda: rule(disambiguation="sometimes"))
        for priority in (1001, -1001, 0.5, True, "1"):
            refused(InvalidValue, lambda priority=priority: closed(priority=priority))  # type: ignore[misc]

    def test_needs(self) -> None:
        refused(InvalidChoice, lambda: Need.room())
        refused(InvalidChoice, lambda: Need(SMITH.resource))

    def test_capacities(self) -> None:
        for seats in (0, -1, 10_001, 1.5, True):
            refused(InvalidValue, lambda seats=seats: visit(capacity=seats))  # type: ignore[misc]
            refused(InvalidValue, lambda seats=seats: rule(capacity=seats))  # type: ignore[misc]

    def test_days_ahead(self) -> None:
        refused(InvalidValue, lambda: visit(days_ahead=-1))
        refused(InvalidValue, lambda: visit(furthest_ahead=timedelta(0)))

    def test_patients_without_an_id(self) -> None:
        refused(InvalidValue, lambda: Request(visit(), patient=""))


def test_a_minute_of_no_hours_is_refused_and_not_an_error() -> None:
    assert reasons(ask(), f"{DAY} 09:00") == {Reason.CLOSED}
    assert minute(f"{DAY} 14:00") == minute(f"{DAY} 09:00", NY)
