"""Hours, rules, overrides and blockings at the door: what they let in, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import attrs
import pytest

from medsched.domain.appointment_types import Pricing
from medsched.domain.availability import AvailabilityRule, Override, OverrideKind, RecurringBlocking
from medsched.domain.hours import Hours, day_windows
from medsched.domain.offers import Offer, offer_key
from medsched.domain.people import Provider
from medsched.domain.places import PracticeSettings
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.schedule import NO_CALENDAR, Schedule, calendar
from medsched.errors import (
    InvalidChoice,
    InvalidDuration,
    InvalidHours,
    InvalidId,
    InvalidInterval,
    InvalidNumber,
    InvalidRecurrence,
    InvalidText,
    MedschedError,
    OutOfRange,
    UnknownZone,
)
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.resolve import Disambiguation
from medsched.timeline.weekdays import Weekday

MONDAY = date(2026, 1, 5)
DAILY = Recurrence.daily(MONDAY)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ROOM = Resource(ResourceKind.ROOM, "1")


def rule(**fields: Any) -> AvailabilityRule:
    return AvailabilityRule("smith", DAILY, **{"hours": "09:00-17:00", **fields})


def windows(hours: Any, breaks: Any = ()) -> list[str]:
    """The windows of a day as ``"09:00-12:00"``; what passes midnight counts on, to 48:00."""
    found = rule(hours=hours, breaks=breaks).windows
    return ["-".join(f"{edge // 60:02d}:{edge % 60:02d}" for edge in window) for window in found]


# ----------------------------------------------------------------------- hours


@pytest.mark.parametrize(
    "text, start, end, overnight",
    [
        ("09:00-17:00", 9 * HOUR, 17 * HOUR, False),
        ("9:00-17:30", 9 * HOUR, 17.5 * HOUR, False),
        (" 09:00 – 17:00 ", 9 * HOUR, 17 * HOUR, False),
        ("09:00 to 17:00", 9 * HOUR, 17 * HOUR, False),
        ("00:00-24:00", 0 * HOUR, 24 * HOUR, False),
        ("22:00-06:00 overnight", 22 * HOUR, 6 * HOUR, True),
        ("22:00-00:00 overnight", 22 * HOUR, 0 * HOUR, True),
        ("08:00-08:00 overnight", 8 * HOUR, 8 * HOUR, True),
        ("00:00-00:00 overnight", 0 * HOUR, 0 * HOUR, True),
        ("23:59:59-24:00", 24 * HOUR - timedelta(seconds=1), 24 * HOUR, False),
    ],
)
def test_hours_as_text(text: str, start: timedelta, end: timedelta, overnight: bool) -> None:
    hours = Hours.parse(text)
    assert (hours.start, hours.end, hours.overnight) == (start, end, overnight)
    assert Hours.parse(str(hours)) == Hours.parse(hours) == hours


def test_hours_as_times() -> None:
    assert Hours(time(9), time(17, 30)) == Hours("09:00", "17:30")
    assert Hours(9 * HOUR, 24 * HOUR) == Hours("09:00", "24:00")
    assert str(Hours(time(22), time(6), overnight=True)) == "22:00-06:00 overnight"


@pytest.mark.parametrize(
    "text",
    [
        *("", "9-17", "09:00", "09:00-", "-17:00", "09:00-17:00 tomorrow", "09:00-17:00 OVERNIGHT"),
        *("0900-1700", "09:00-12:00,13:00-17:00", "09.00-17.00", "9:0-10:0", "+9:00-10:00"),
        *("09:60-10:00", "09:00:60-10:00", "25:00-26:00", "09:00-25:00", "09:00-24:01"),
        *("09:00-24:00:01", "99:99-99:99", "09:00-17:00\0"),
    ],
)
def test_texts_that_are_no_hours(text: str) -> None:
    with pytest.raises(InvalidHours) as caught:
        Hours.parse(text)
    assert caught.value.field == "hours"
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("value", [None, 9, 9.5, ("09:00", "10:00"), b"09:00-10:00"])
def test_what_is_no_text_is_no_hours(value: Any) -> None:
    with pytest.raises(InvalidHours) as caught:
        Hours.parse(value)
    assert (caught.value.field, caught.value.value) == ("hours", value)


@pytest.mark.parametrize(
    "edge",
    [
        *("9", "nine", "-1:00", "09:60", ""),
        *(time(9, tzinfo=UTC), -MINUTE, 24 * HOUR + MINUTE, 9, None, datetime(2026, 1, 1, 9)),
    ],
)
def test_edges_that_are_no_time_of_day(edge: Any) -> None:
    for edges in ((edge, "24:00"), ("00:00", edge)):
        with pytest.raises(InvalidHours) as caught:
            Hours(*edges)
        assert (caught.value.field, caught.value.value) == ("hours", edge)


@pytest.mark.parametrize("text", ["25:00", "24:01"])
def test_hours_after_24_00(text: str) -> None:
    with pytest.raises(InvalidHours, match="not a time of day from 00:00 to 24:00"):
        Hours("09:00", text)


@pytest.mark.parametrize("text", ["25:00", "24:01"])
def test_hours_after_24_00_are_carried_as_written(text: str) -> None:
    with pytest.raises(InvalidHours) as caught:
        Hours("09:00", text)
    assert caught.value.value == text


@pytest.mark.parametrize("overnight", [False, True])
def test_24_00_is_no_start(overnight: bool) -> None:
    with pytest.raises(InvalidHours, match="24:00 is an end") as caught:
        Hours("24:00", "06:00", overnight=overnight)
    assert caught.value.field == "start"


@pytest.mark.parametrize("text", ["17:00-09:00", "09:00-09:00", "22:00-06:00", "09:00-00:00"])
def test_what_passes_midnight_says_so(text: str) -> None:
    with pytest.raises(InvalidHours, match="hours past midnight say overnight") as caught:
        Hours.parse(text)
    assert (caught.value.field, caught.value.value) == ("end", text)


@pytest.mark.parametrize("text", ["09:00-17:00", "00:00-24:00", "22:00-24:00", "08:00-08:01"])
def test_what_says_so_passes_midnight(text: str) -> None:
    with pytest.raises(InvalidHours, match="at or before the time they start") as caught:
        Hours.parse(f"{text} overnight")
    assert (caught.value.field, caught.value.value) == ("end", f"{text} overnight")


def test_seconds_round_inward_when_open_and_outward_when_busy() -> None:
    hours = Hours("09:00:01", "17:00:59")
    assert (hours.open_minutes(), hours.busy_minutes()) == ((541, 1020), (540, 1021))
    late = Hours("22:00:30", "06:00:30", overnight=True)
    assert (late.open_minutes(), late.busy_minutes()) == ((1321, 1800), (1320, 1801))


@pytest.mark.parametrize(
    "hours, other, held",
    [
        ("09:00-12:00", "09:00-12:00", True),
        ("09:00-12:00", "10:00-10:15", True),
        ("09:00-12:00", "08:59-10:00", False),
        ("09:00-12:00", "11:00-12:01", False),
        ("09:00-24:00", "23:00-24:00", True),
        ("09:00-24:00", "23:00-01:00 overnight", False),
        ("22:00-06:00 overnight", "23:00-01:00 overnight", True),
        ("22:00-06:00 overnight", "02:00-02:30", True),
        ("22:00-06:00 overnight", "05:00-06:01", False),
        ("22:00-06:00 overnight", "10:00-10:15", False),
    ],
)
def test_what_lies_in_hours(hours: str, other: str, held: bool) -> None:
    assert Hours.parse(hours).holds(Hours.parse(other)) is held


def test_hours_are_frozen() -> None:
    hours = Hours("09:00", "17:00")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        hours.end = 18 * HOUR  # type: ignore[misc]


def test_hours_of_microseconds_read_back() -> None:
    hours = Hours(time(9, 0, 59, 900_000), "10:00")
    assert ":60" not in str(hours)


# ------------------------------------------------------------ windows of a day


@pytest.mark.parametrize(
    "hours, breaks, expected",
    [
        ("09:00-17:00", (), ["09:00-17:00"]),
        (["13:00-17:00", "09:00-12:00"], (), ["09:00-12:00", "13:00-17:00"]),  # in any order
        (["09:00-12:00", "12:00-17:00"], (), ["09:00-17:00"]),  # touching ones are one
        ("09:00-17:00", "12:00-13:00", ["09:00-12:00", "13:00-17:00"]),
        ("09:00-17:00", ["12:00-13:00", "15:00-15:10"], None),
        ("09:00-17:00", "09:00-10:00", ["10:00-17:00"]),
        ("09:00-17:00", "08:00-10:00", ["10:00-17:00"]),  # partly outside
        ("09:00-17:00", "12:00:30-12:59:30", ["09:00-12:00", "13:00-17:00"]),
        (["09:00-12:00", "13:00-17:00"], "11:00-14:00", ["09:00-11:00", "14:00-17:00"]),
        ("22:00-06:00 overnight", (), ["22:00-30:00"]),
        ("22:00-06:00 overnight", "23:00-23:30", ["22:00-23:00", "23:30-30:00"]),
        ("22:00-06:00 overnight", "01:00-02:00", ["22:00-25:00", "26:00-30:00"]),  # after midnight
        ("22:00-06:00 overnight", "23:30-00:30 overnight", ["22:00-23:30", "24:30-30:00"]),
        ("22:00-00:00 overnight", (), ["22:00-24:00"]),
        ("08:00-08:00 overnight", (), ["08:00-32:00"]),
        (["00:00-02:00", "22:00-24:00"], "01:00-01:30", None),
        (["09:00-12:00", "22:00-06:00 overnight"], "05:00-05:30", None),
    ],
)
def test_windows(hours: Any, breaks: Any, expected: list[str] | None) -> None:
    found = windows(hours, breaks)
    if expected is not None:
        assert found == expected
    else:
        assert len(found) == 3


@pytest.mark.parametrize(
    "hours",
    [
        ["09:00-12:00", "11:59-17:00"],
        ["09:00-17:00", "10:00-11:00"],
        ["09:00-17:00", "09:00-17:00"],
        ["22:00-06:00 overnight", "23:00-24:00"],
    ],
)
def test_hours_that_overlap(hours: list[str]) -> None:
    with pytest.raises(InvalidHours, match="overlaps the hours before it") as caught:
        rule(hours=hours)
    assert caught.value.field == "hours"


@pytest.mark.parametrize(
    "hours, outside",
    [
        ("09:00-17:00", "08:00-09:00"),
        ("09:00-17:00", "17:00-18:00"),
        ("09:00-17:00", "01:00-02:00"),
        (["09:00-12:00", "13:00-17:00"], "12:00-13:00"),
        ("22:00-06:00 overnight", "12:00-13:00"),
        ("22:00-06:00 overnight", "06:00-07:00"),
    ],
)
def test_a_break_outside_every_window(hours: Any, outside: str) -> None:
    with pytest.raises(InvalidHours, match="outside every window") as caught:
        rule(hours=hours, breaks=outside)
    assert (caught.value.field, caught.value.value) == ("breaks", outside)


@pytest.mark.parametrize(
    "breaks",
    [["12:00-13:00", "12:15-12:45"], ["12:15-12:45", "12:00-13:00"], ["12:00-13:00"] * 2],
)
def test_breaks_may_overlap(breaks: list[str]) -> None:
    assert windows("09:00-17:00", breaks) == ["09:00-12:00", "13:00-17:00"]


@pytest.mark.parametrize(
    "hours, breaks",
    [
        ("09:00-12:00", "09:00-12:00"),
        ("09:00-12:00", "08:00-13:00"),
        (["09:00-10:00", "11:00-12:00"], ["09:00-10:00", "11:00-12:00"]),
        (Hours(time(9, 0, 10), time(9, 0, 50)), ()),  # no whole minute
    ],
)
def test_a_rule_opens_something(hours: Any, breaks: Any) -> None:
    with pytest.raises(InvalidHours):
        rule(hours=hours, breaks=breaks)


def test_day_windows_of_nothing() -> None:
    assert day_windows([], []) == ()
    assert day_windows([Hours("09:00", "10:00")], []) == ((540, 600),)


# ---------------------------------------------------------------------- offers


def test_what_an_offer_states() -> None:
    offer = Offer(
        types=["visit", "mri"],
        type_days={"mri": "MO,WE"},
        slot_duration=30 * MINUTE,
        durations={"mri": 45 * MINUTE},
    )
    assert offer.offers("visit")
    assert not offer.offers("group")
    assert (offer.stated_duration("mri"), offer.stated_duration("visit")) == (
        45 * MINUTE,
        30 * MINUTE,
    )
    assert offer.days_for("mri") == frozenset({Weekday.MO, Weekday.WE})
    assert offer.days_for("visit") is None
    assert Offer().offers("anything")
    assert Offer().stated_duration("anything") is None


def test_equal_offers_have_equal_keys() -> None:
    here, unstated = rule(location="clinic"), rule()
    assert offer_key(here, "branch") == offer_key(unstated, "clinic")
    assert offer_key(here, "clinic") != offer_key(unstated, "branch")
    base = offer_key(rule(), None)
    other: list[dict[str, Any]] = [
        {"room": "1"},
        {"types": "visit"},
        {"type_days": {"visit": "MO"}},
        {"slot_duration": 30 * MINUTE},
        {"durations": {"visit": 30 * MINUTE}},
        {"break_duration": 5 * MINUTE},
        {"step": 45 * MINUTE},
        {"capacity": 2},
        {"pricing": Pricing(base_fee=1)},
        {"special_requirements": "fasting"},
    ]
    assert all(offer_key(rule(**fields), None) != base for fields in other)
    same: list[dict[str, Any]] = [{"hours": "10:00-11:00"}, {"notes": "x"}, {"id": "other"}]
    assert all(offer_key(rule(**fields), None) == base for fields in same)


@pytest.mark.parametrize(
    "fields, error, field, value",
    [
        ({"types": []}, InvalidChoice, "types", set()),
        ({"types": [""]}, InvalidId, "types", ""),
        ({"type_days": {"": "MO"}}, InvalidId, "type_days", ""),
        ({"type_days": {"a": "XX"}}, InvalidRecurrence, "BYDAY", "XX"),
        ({"type_days": {"a": []}}, InvalidRecurrence, "BYDAY", []),
        ({"location": ""}, InvalidId, "location", ""),
        ({"room": "a\nb"}, InvalidId, "room", "a\nb"),
        ({"capacity": 0}, InvalidNumber, "capacity", 0),
        ({"slot_duration": timedelta(0)}, InvalidDuration, "slot_duration", timedelta(0)),
        ({"slot_duration": -MINUTE}, InvalidDuration, "slot_duration", -MINUTE),
        ({"slot_duration": 30}, InvalidDuration, "slot_duration", 30),
        ({"break_duration": -MINUTE}, InvalidDuration, "break_duration", -MINUTE),
        ({"step": timedelta(0)}, InvalidDuration, "step", timedelta(0)),
        ({"durations": {"a": timedelta(0)}}, InvalidDuration, "durations[a]", timedelta(0)),
        # longer than its window, breaks cut out
        ({"slot_duration": 8 * HOUR + MINUTE}, InvalidDuration, "slot_duration", 8 * HOUR + MINUTE),
        ({"durations": {"a": 9 * HOUR}}, InvalidDuration, "a", 9 * HOUR),
        (
            {"slot_duration": 5 * HOUR, "breaks": "12:00-13:00"},
            InvalidDuration,
            "slot_duration",
            5 * HOUR,
        ),
    ],
)
@pytest.mark.parametrize("make", [rule, lambda **f: Override.extra("p", MONDAY, **f)])
def test_offers_that_are_refused(
    make: Callable[..., object],
    fields: dict[str, Any],
    error: type[MedschedError],
    field: str,
    value: object,
) -> None:
    with pytest.raises(error) as caught:
        make(**{"hours": "09:00-17:00", **fields})
    assert (getattr(caught.value, "field", None), getattr(caught.value, "value", None)) == (
        field,
        value,
    )


def test_a_duration_fits_some_window() -> None:
    fields: dict[str, Any] = {"hours": ["09:00-10:00", "13:00-17:00"]}
    assert rule(slot_duration=4 * HOUR, **fields).windows
    with pytest.raises(InvalidDuration, match="longest window, 4:00:00"):
        rule(slot_duration=4 * HOUR + MINUTE, **fields)


# ----------------------------------------------------------------------- rules


def test_a_rule_is_about_a_resource() -> None:
    assert rule().resource == Resource(ResourceKind.PROVIDER, "smith")
    assert AvailabilityRule(ROOM, DAILY, hours="09:00-10:00").resource is ROOM
    with pytest.raises(InvalidId):
        AvailabilityRule("", DAILY, hours="09:00-10:00")


def test_notes_hold_500_characters() -> None:
    assert rule(notes="x" * 500).notes == "x" * 500
    for notes, value in (("x" * 501, 501), ("a\0", 2)):
        with pytest.raises(InvalidText) as caught:
            rule(notes=notes)
        assert (caught.value.field, caught.value.value) == ("notes", value)
        assert "xxx" not in str(caught.value)


@pytest.mark.parametrize(
    "fields, error, field, value",
    [
        ({"hours": ()}, InvalidHours, "hours", ()),
        ({"disambiguation": "guess"}, InvalidChoice, "disambiguation", "guess"),
        ({"valid_from": datetime(2026, 1, 1, tzinfo=UTC)}, OutOfRange, "valid_from", ...),
        ({"valid_to": "2026-02-30"}, OutOfRange, "valid_to", "2026-02-30"),
        ({"valid_to": date(9999, 1, 1)}, OutOfRange, "valid_to", date(9999, 1, 1)),
        (
            {"valid_from": MONDAY, "valid_to": date(2026, 1, 4)},
            InvalidInterval,
            "valid_to",
            (MONDAY, date(2026, 1, 4)),
        ),
    ],
)
@pytest.mark.parametrize("cls", [AvailabilityRule, RecurringBlocking])
def test_rules_and_blockings_that_are_refused(
    cls: Any, fields: dict[str, Any], error: type[MedschedError], field: str, value: object
) -> None:
    with pytest.raises(error) as caught:
        cls("smith", DAILY, **{"hours": "09:00-17:00", **fields})
    found: Any = caught.value
    assert found.field in (field, "Disambiguation")
    assert value in (..., found.value)


@pytest.mark.parametrize("cls", [AvailabilityRule, RecurringBlocking])
def test_a_recurrence_is_needed(cls: Any) -> None:
    with pytest.raises(MedschedError):
        cls("smith", "FREQ=DAILY", hours="09:00-17:00")


def test_validity_may_be_one_date() -> None:
    assert rule(valid_from=MONDAY, valid_to=MONDAY).valid_to == MONDAY


# ------------------------------------------------------------------- overrides


def test_closures() -> None:
    closed = Override.closed("smith", MONDAY, reason="holiday")
    assert (closed.kind, closed.first, closed.last) == (OverrideKind.CLOSED, MONDAY, MONDAY)
    assert (closed.windows, closed.types, closed.priority) == ((), None, 0)
    some = Override.closed(ROOM, MONDAY, hours=["12:00:30-13:00", "22:00-02:00 overnight"])
    assert some.windows == ((720, 780), (1320, 1560))  # rounded outward
    away = Override.time_off("smith", MONDAY, MONDAY + timedelta(days=4), reason="leave")
    assert (away.kind, away.last, away.reason) == (OverrideKind.CLOSED, date(2026, 1, 9), "leave")


def test_extra_and_replaced_hours() -> None:
    extra = Override.extra("smith", MONDAY, hours="18:00-20:00", types="visit")
    assert (extra.kind, extra.windows, extra.types) == (
        OverrideKind.EXTRA,
        ((1080, 1200),),
        frozenset({"visit"}),
    )
    instead = Override.replaced(
        "smith", MONDAY, hours="09:00-12:00", breaks="10:00-10:15", whole_shifts=True
    )
    assert instead.windows == ((540, 600), (615, 720))


@pytest.mark.parametrize(
    "make, error, field",
    [
        (lambda: Override.extra("p", MONDAY, hours=()), InvalidHours, "hours"),
        (lambda: Override.replaced("p", MONDAY, hours=[]), InvalidHours, "hours"),
        (
            lambda: Override(
                "p", OverrideKind.CLOSED, first=MONDAY, last=MONDAY, breaks="1:00-2:00"
            ),
            InvalidHours,
            "breaks",
        ),
        (
            lambda: Override.closed("p", MONDAY, hours="09:00-10:00", whole_shifts=True),
            InvalidHours,
            "hours",
        ),
        (
            lambda: Override(
                "p",
                OverrideKind.EXTRA,
                first=MONDAY,
                last=MONDAY,
                hours="09:00-10:00",
                whole_shifts=True,
            ),
            InvalidChoice,
            "whole_shifts",
        ),
        (
            lambda: Override.extra("p", MONDAY, hours="09:00-10:00", breaks="11:00-12:00"),
            InvalidHours,
            "breaks",
        ),
        (lambda: Override.closed("p", MONDAY, types=[]), InvalidChoice, "types"),
        (lambda: Override.closed("p", MONDAY, date(2026, 1, 4)), InvalidInterval, "last"),
        (lambda: Override.closed("p", MONDAY, hours="17:00-09:00"), InvalidHours, "end"),
        (lambda: Override.closed("p", MONDAY, reason="x" * 501), InvalidText, "reason"),
        (lambda: Override.closed("p", MONDAY, priority=1001), InvalidNumber, "priority"),
        (lambda: Override.closed("", MONDAY), InvalidId, "id"),
    ],
)
def test_overrides_that_are_refused(
    make: Callable[[], object], error: type[MedschedError], field: str
) -> None:
    with pytest.raises(error) as caught:
        make()
    assert getattr(caught.value, "field", None) == field


@pytest.mark.parametrize("zone", ["", "UTC\0"])
def test_a_zone_has_the_form_of_a_name(zone: str) -> None:
    for make in (
        lambda: rule(timezone=zone),
        lambda: RecurringBlocking("smith", DAILY, hours="09:00-17:00", timezone=zone),
        lambda: Override.closed("p", MONDAY, timezone=zone),
    ):
        with pytest.raises(UnknownZone) as caught:
            make()
        assert caught.value.name == zone


# ------------------------------------------------------------------- blockings


def test_a_blocking_closes_outward() -> None:
    meeting = RecurringBlocking("smith", DAILY, hours="12:00:30-13:00", types="visit")
    assert meeting.windows == ((720, 780),)
    assert meeting.types == frozenset({"visit"})
    assert meeting.disambiguation is Disambiguation.COMPATIBLE
    with pytest.raises(InvalidChoice):
        RecurringBlocking("smith", DAILY, hours="12:00-13:00", types=[])
    with pytest.raises(InvalidText):
        RecurringBlocking("smith", DAILY, hours="12:00-13:00", reason="x" * 501)


# ------------------------------------------------------------ frozen, calendars


CLOSED = Override.closed("smith", MONDAY)
MEETING = RecurringBlocking("smith", DAILY, hours="12:00-13:00")


@pytest.mark.parametrize("noun", [rule(), CLOSED, MEETING, Offer()])
def test_all_are_frozen(noun: Any) -> None:
    for field in attrs.fields(type(noun)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(noun, field.name, None)
    assert hash(attrs.evolve(noun)) == hash(noun)
    assert attrs.evolve(noun) == noun


def test_a_change_is_checked_again() -> None:
    changed = attrs.evolve(rule(), hours="22:00-02:00 overnight")
    assert changed.windows == ((1320, 1560),)
    with pytest.raises(InvalidHours):
        attrs.evolve(rule(breaks="12:00-13:00"), hours="13:00-17:00")


def test_a_calendar_is_in_order_of_id_and_of_the_active() -> None:
    one, two, off = (rule(id=id, active=id != "c") for id in "abc")
    found = calendar((two, off, one), (CLOSED, attrs.evolve(CLOSED, active=False)), (MEETING,))
    assert found.rules == (one, two)
    assert (found.overrides, found.blockings) == ((CLOSED,), (MEETING,))
    assert calendar() == NO_CALENDAR


def test_a_resource_of_which_nothing_is_said_has_an_empty_calendar() -> None:
    smith = Provider(id="smith")
    known = calendar((rule(),))
    schedule = Schedule(
        practice=PracticeSettings(), provider=smith, calendars={smith.resource: known}
    )
    assert schedule.calendar(smith.resource) is known
    assert schedule.calendar(ROOM) is NO_CALENDAR
