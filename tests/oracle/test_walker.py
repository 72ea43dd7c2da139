"""The walker itself, held to cases worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import pytest
from tests.oracle.generate import changes, zone_for
from tests.oracle.walker import EPOCH, MINUTE, Clock, Start, Walker, midnight, zone_names

from medsched.domain.appointment_types import AppointmentType, Grid, Need
from medsched.domain.availability import AvailabilityRule, Override, RecurringBlocking
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.people import Provider, Travel
from medsched.domain.places import Location, PracticeSettings, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Request
from medsched.domain.schedule import Schedule, calendar
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.rrule_parts import Frequency

NEW_YORK = "America/New_York"
AUTUMN = date(2026, 11, 1)  # 02:00 EDT is 01:00 EST: 25 hours
SPRING = date(2026, 3, 8)  # 02:00 EST is 03:00 EDT: 23 hours
ORDINARY = date(2026, 6, 3)  # a Wednesday

Given = dict[str, Any]
Openable = AvailabilityRule | Override | RecurringBlocking


def rule(hours: str, **options: Any) -> AvailabilityRule:
    start = options.pop("start", date(2024, 1, 1))
    owner = options.pop("resource", "p")
    recurrence = options.pop("recurrence", Recurrence(start, Frequency.DAILY))
    return AvailabilityRule(owner, recurrence, hours=hours.split(","), id=hours, **options)


def walk(
    day: date,
    *sources: Openable,
    zone: str = NEW_YORK,
    days: int = 1,
    request: dict[str, Any] | None = None,
    claims: dict[Resource, list[Claim]] | None = None,
    provider: dict[str, Any] | None = None,
    schedule: dict[str, Any] | None = None,
    **type_options: Any,
) -> list[Start]:
    owners = {source.resource for source in sources}
    calendars = {
        owner: calendar(
            tuple(s for s in sources if isinstance(s, AvailabilityRule) and s.resource == owner),
            tuple(s for s in sources if isinstance(s, Override) and s.resource == owner),
            tuple(s for s in sources if isinstance(s, RecurringBlocking) and s.resource == owner),
        )
        for owner in owners
    }
    world = Schedule(
        practice=PracticeSettings(id="practice", timezone=zone),
        provider=Provider(id="p", **(provider or {})),
        calendars=calendars,
        **(schedule or {}),
    )
    type_ = AppointmentType(code="visit", **{"duration": timedelta(minutes=30), **type_options})
    clock = Clock(zone, midnight(day) - 2880, midnight(day) + (days + 3) * 1440)
    low, _ = clock.day(day)
    _, high = clock.day(day + timedelta(days=days - 1))
    return Walker(world, Request(type_, **(request or {})), claims or {}, low, high).starts()


def walls(starts: list[Start]) -> str:
    return " ".join(f"{one.wall // 60 % 24:02d}:{one.wall % 60:02d}" for one in starts)


def utc(starts: list[Start]) -> list[str]:
    return [f"{EPOCH + one.minute * MINUTE:%d %H:%M}" for one in starts]


# --------------------------------------------------------------- the wall's jumps


def test_a_day_of_25_hours_holds_ten_half_hours_from_midnight_to_four() -> None:
    found = walk(AUTUMN, rule("00:00-04:00"))
    assert walls(found) == "00:00 00:30 01:00 01:30 01:00 01:30 02:00 02:30 03:00 03:30"
    assert utc(found)[0] == "01 04:00"
    assert utc(found)[-1] == "01 08:30"


def test_a_day_of_23_hours_holds_four_from_one_to_four() -> None:
    assert walls(walk(SPRING, rule("01:00-04:00"))) == "01:00 01:30 03:00 03:30"


@pytest.mark.parametrize(
    "policy, expected",
    [("compatible", "03:30"), ("later", "03:30"), ("earlier", "01:30 03:00 03:30"), ("reject", "")],
)
def test_a_start_that_the_clock_skips(policy: str, expected: str) -> None:
    assert walls(walk(SPRING, rule("02:30-04:00", disambiguation=policy))) == expected


@pytest.mark.parametrize(
    "policy, expected",
    [
        ("compatible", "01:30 01:00 01:30"),
        ("earlier", "01:30 01:00 01:30"),
        ("later", "01:30"),
        ("reject", ""),
    ],
)
def test_a_start_that_comes_twice(policy: str, expected: str) -> None:
    assert walls(walk(AUTUMN, rule("01:30-02:00", disambiguation=policy))) == expected


def test_windows_that_a_skipped_hour_joins_are_one_for_the_grid() -> None:
    found = walk(SPRING, rule("00:45-02:00,03:00-04:00"))
    assert walls(found) == "00:45 01:15 01:45 03:15"


def test_the_earlier_window_keeps_the_minute_and_the_later_its_grid() -> None:
    first = rule("01:00-02:30")  # ends at 03:30, the skipped 02:30
    second = rule("03:10-04:10")
    found = walk(SPRING, first, second)
    assert [(one.wall // 60 % 24, one.wall % 60, one.opened_by) for one in found] == [
        (1, 0, "01:00-02:30"),
        (1, 30, "01:00-02:30"),
        (3, 0, "01:00-02:30"),
        (3, 40, "03:10-04:10"),
    ]


def test_half_an_hour_of_lord_howe() -> None:
    zone = "Australia/Lord_Howe"
    spring, autumn = date(2026, 10, 4), date(2026, 4, 5)  # 02:00 is 02:30; 02:00 is 01:30
    assert walls(walk(spring, rule("01:00-03:00"), zone=zone)) == "01:00 01:30 02:30"
    assert walls(walk(autumn, rule("01:00-03:00"), zone=zone)) == "01:00 01:30 01:30 02:00 02:30"


def test_a_date_that_apia_left_out() -> None:
    zone, thursday = "Pacific/Apia", date(2011, 12, 29)
    found = walk(thursday, rule("09:00-10:00", start=thursday), zone=zone, days=3)
    assert utc(found) == ["29 19:00", "29 19:30", "30 19:00", "30 19:30"]
    assert [one.wall // 1440 - midnight(thursday) // 1440 for one in found] == [0, 0, 2, 2]
    assert walk(date(2011, 12, 30), rule("09:00-10:00", start=thursday), zone=zone) == []
    overnight = rule("23:00-01:00 overnight", start=thursday, valid_to=thursday)
    assert walls(walk(thursday, overnight, zone=zone, days=3)) == "23:00 23:30 00:00 00:30"


def test_a_midnight_that_beirut_skips() -> None:
    zone, day = "Asia/Beirut", date(2024, 3, 31)  # 00:00 is 01:00
    assert walls(walk(day, rule("00:00-02:00"), zone=zone)) == "01:00 01:30"
    night = rule("23:00-00:30 overnight", valid_to=day - timedelta(days=1))
    found = walk(day - timedelta(days=1), night, zone=zone, days=2)
    assert walls(found)[-17:] == "23:00 23:30 01:00"


def test_hours_over_midnight_and_the_breaks_in_them() -> None:
    night = rule("22:00-02:00 overnight", breaks=["23:00-23:30", "00:30-01:00"])
    found = walk(ORDINARY, night, days=2)
    assert walls(found) == (
        "00:00 01:00 01:30 22:00 22:30 23:30 00:00 01:00 01:30 22:00 22:30 23:30"
    )


def test_hours_are_rounded_inward_and_breaks_outward() -> None:
    odd = rule("09:00:20-11:00:40", breaks=["10:00:30-10:09:30"])
    found = walk(ORDINARY, odd, grid=Grid.clock(timedelta(minutes=1)))
    assert walls(found).startswith("09:01 09:02")
    assert walls(found).split()[28:32] == ["09:29", "09:30", "10:10", "10:11"]
    assert walls(found).endswith("10:30")


# ------------------------------------------------------------------------- grids


def test_the_three_grids() -> None:
    nine = rule("09:10-11:00", break_duration=timedelta(minutes=5))
    taken = [
        Claim.of(
            "p", datetime(2026, 6, 3, 13, 50, tzinfo=UTC), datetime(2026, 6, 3, 14, tzinfo=UTC)
        )
    ]
    claims = {taken[0].resource: taken}
    assert walls(walk(ORDINARY, nine)) == "09:10 09:45 10:20"
    assert walls(walk(ORDINARY, nine, claims=claims)) == "09:10 10:20"
    quarter = Grid.clock(timedelta(minutes=15), offset=timedelta(minutes=5))
    assert walls(walk(ORDINARY, nine, grid=quarter)) == "09:20 09:35 09:50 10:05 10:20"
    assert walls(walk(ORDINARY, nine, grid=Grid.packed())) == "09:10 09:45 10:20"
    assert walls(walk(ORDINARY, nine, grid=Grid.packed(), claims=claims)) == "09:10 10:00"


def test_a_clock_grid_gives_no_start_in_a_skipped_hour_and_two_in_a_repeated() -> None:
    hourly: Given = {"grid": Grid.clock(timedelta(hours=1)), "duration": timedelta(hours=1)}
    assert walls(walk(SPRING, rule("00:00-05:00"), **hourly)) == "00:00 01:00 03:00 04:00"
    assert walls(walk(AUTUMN, rule("00:00-03:00"), **hourly)) == "00:00 01:00 01:00 02:00"


def test_a_step_and_lengths_of_their_own() -> None:
    stepping = rule("09:00-10:00", step=timedelta(minutes=20), slot_duration=timedelta(minutes=25))
    assert walls(walk(ORDINARY, stepping)) == "09:00 09:20"
    own: Given = {"durations": {"visit": timedelta(minutes=60)}}
    assert [one.length for one in walk(ORDINARY, stepping, provider=own)] == [25, 25]
    assert [one.length for one in walk(ORDINARY, rule("09:00-10:00"), provider=own)] == [60]


# ------------------------------------------------------------------------ layers


def test_a_slot_may_lie_across_windows_that_make_the_same_offer() -> None:
    wide: Given = {"duration": timedelta(minutes=45)}
    both = (rule("09:00-10:00"), rule("10:00-11:00"))
    assert walls(walk(ORDINARY, *both, **wide)) == "09:00 09:45 10:00"
    other = (rule("09:00-10:00"), rule("10:00-11:00", capacity=2))
    assert walls(walk(ORDINARY, *other, **wide)) == "09:00 10:00"


def test_layers_from_low_to_high() -> None:
    nine = rule("09:00-11:00")
    practice = Resource(ResourceKind.PRACTICE, "practice")
    holiday = Override.closed(practice, ORDINARY, id="holiday")
    extra = Override.extra("p", ORDINARY, hours="10:15-11:15", id="extra")
    assert walls(walk(ORDINARY, nine, holiday)) == ""
    assert walls(walk(ORDINARY, nine, holiday, extra)) == "10:15 10:45"
    # Over hours with the same offer, extra hours change nothing but what they add.
    assert walls(walk(ORDINARY, nine, extra)) == "09:00 09:30 10:00 10:30"
    dear = Override.extra("p", ORDINARY, hours="10:15-11:15", id="extra", capacity=3)
    assert walls(walk(ORDINARY, nine, dear)) == "09:00 09:30 10:15 10:45"
    replaced = Override.replaced("p", ORDINARY, hours="14:00-15:00", id="replaced")
    assert walls(walk(ORDINARY, nine, extra, replaced)) == "14:00 14:30"
    off = Override.closed("p", ORDINARY, hours="14:20-14:30", id="off")
    assert walls(walk(ORDINARY, nine, extra, replaced, off)) == "14:30"


def test_priorities_of_replaced_and_of_extra_hours() -> None:
    low = Override.replaced("p", ORDINARY, hours="22:00-02:00 overnight", id="low", priority=-1)
    high = Override.replaced("p", date(2026, 6, 4), hours="01:00-01:30", id="high")
    found = walk(ORDINARY, low, high, days=2)
    assert walls(found) == "22:00 22:30 23:00 23:30 01:00"
    lesser = attrs.evolve(high, priority=-2)
    found = walk(ORDINARY, low, lesser, days=2)
    assert walls(found) == "22:00 22:30 23:00 23:30 00:00 00:30 01:00 01:30"
    a = Override.extra("p", ORDINARY, hours="09:00-10:00", id="a", capacity=2)
    b = Override.extra("p", ORDINARY, hours="09:15-10:15", id="b", priority=1)
    assert [one.opened_by for one in walk(ORDINARY, a, b)] == ["b", "b"]


def test_whole_dates_by_instants_and_by_shifts() -> None:
    night = rule("22:00-02:00 overnight")
    off = Override.closed("p", ORDINARY, id="off")
    assert walls(walk(ORDINARY, night, off, days=1)) == ""
    assert walls(walk(date(2026, 6, 2), night, off, days=3)) == (
        "00:00 00:30 01:00 01:30 22:00 22:30 23:00 23:30 00:00 00:30 01:00 01:30 22:00 22:30 23:00"
        " 23:30"
    )
    shift = attrs.evolve(off, whole_shifts=True)
    assert (
        walls(walk(ORDINARY, night, shift, days=2))
        == "00:00 00:30 01:00 01:30 22:00 22:30 23:00 23:30"
    )
    practice = Resource(ResourceKind.PRACTICE, "practice")
    holiday = attrs.evolve(shift, resource=practice)
    assert walls(walk(ORDINARY, night, holiday, days=2)) == walls(
        walk(ORDINARY, night, shift, days=2)
    )


def test_a_place_closes_only_what_happens_there() -> None:
    main = Resource(ResourceKind.LOCATION, "main")
    places: Given = {
        "schedule": {"locations": {"main": Location(id="main"), "annex": Location(id="annex")}},
        "provider": {"location": "main"},
    }
    here, there = rule("09:00-10:00"), rule("10:00-11:00", location="annex")
    opening = rule("09:30-18:00", resource=main)
    assert walls(walk(ORDINARY, here, there, opening, **places)) == "09:30 10:00 10:30"
    lunch = RecurringBlocking(main, opening.recurrence, hours="09:30-10:30", id="lunch")
    assert walls(walk(ORDINARY, here, there, opening, lunch, **places)) == "10:00 10:30"


def test_closures_that_name_types_are_about_these() -> None:
    nine = rule("09:00-10:00")
    off = Override.closed("p", ORDINARY, id="off", types={"other"})
    assert walls(walk(ORDINARY, nine, off)) == "09:00 09:30"
    assert walls(walk(ORDINARY, nine, attrs.evolve(off, types={"visit"}))) == ""


def test_types_and_the_days_they_are_offered_on() -> None:
    assert walk(ORDINARY, rule("09:00-10:00", types={"other"})) == []
    night = rule("23:00-01:00 overnight", type_days={"visit": "WE"})
    assert walls(walk(ORDINARY, night)) == "00:00 00:30 23:00 23:30"


def test_zones_of_rules_places_and_travels() -> None:
    def first(*sources: Openable, **options: Any) -> str:
        return utc(walk(ORDINARY, *sources, **options))[0]

    nine = rule("09:00-10:00")
    home: Given = {"timezone": "America/Chicago"}
    away: Given = {**home, "travels": [Travel("Europe/Paris", ORDINARY, ORDINARY)]}
    tokyo: Given = {"locations": {"main": Location(id="main", timezone="America/Denver")}}
    assert first(nine) == "03 13:00"
    assert first(nine, provider=home) == "03 14:00"
    assert first(nine, provider=away) == "03 07:00"
    assert first(nine, provider={"location": "main"}, schedule=tokyo) == "03 15:00"
    assert first(rule("09:00-10:00", location="main"), provider=away, schedule=tokyo) == "03 15:00"
    own = rule("09:00-10:00", location="main", timezone="UTC")
    assert first(own, provider=away, schedule=tokyo) == "03 09:00"


# ------------------------------------------------------------------------ claims


def test_buffers_and_claims() -> None:
    nine = rule("09:00-11:00")
    busy = {
        Resource(ResourceKind.PROVIDER, "p"): [
            Claim.of(
                "p",
                datetime(2026, 6, 3, 14, tzinfo=UTC),  # 10:00
                datetime(2026, 6, 3, 14, 5, tzinfo=UTC),
                kind=ClaimKind.HOLD,
                expires=datetime(2026, 6, 3, 12, tzinfo=UTC),
            )
        ]
    }
    assert walls(walk(ORDINARY, nine, claims=busy)) == "09:00 09:30 10:30"
    after: Given = {"buffer_after": timedelta(minutes=1)}
    assert walls(walk(ORDINARY, nine, claims=busy, **after)) == "09:00 10:30"
    within: Given = {**after, "buffers_within_hours": True}
    assert walls(walk(ORDINARY, nine, claims=busy, **within)) == "09:00"
    late: Given = {"now": datetime(2026, 6, 3, 12, tzinfo=UTC)}
    assert walls(walk(ORDINARY, nine, claims=busy, request=late)) == "09:00 09:30 10:00 10:30"


def test_needs_alternatives_and_rooms_with_hours() -> None:
    nine = rule("09:00-11:00")
    one, two = (Resource(ResourceKind.ROOM, id) for id in ("r1", "r2"))
    rooms: Given = {
        "rooms": {"r1": Room(id="r1", location="main"), "r2": Room(id="r2", location="main")}
    }
    hours = rule("09:30-10:30", resource=one)
    need: Given = {"needs": [Need.room("r1", after=timedelta(minutes=10))], "schedule": rooms}
    assert walls(walk(ORDINARY, nine, hours, **need)) == "09:30 10:00"
    either: Given = {**need, "needs": [Need.room("r1", "r2")]}
    assert walls(walk(ORDINARY, nine, hours, **either)) == "09:00 09:30 10:00 10:30"
    both: Given = {**need, "needs": [Need.room("r1", "r2"), Need.room("r1", "r2")]}
    assert walls(walk(ORDINARY, nine, hours, **both)) == "09:30 10:00"
    stated = rule("09:00-11:00", room="r1")
    assert walls(walk(ORDINARY, stated, hours, **either)) == "09:30 10:00"
    closed = Override.closed(two, ORDINARY, id="shut")
    assert walls(walk(ORDINARY, nine, hours, closed, **either)) == "09:30 10:00"


def test_rules_of_time() -> None:
    nine = rule("09:00-11:00")
    now: Given = {"request": {"now": datetime(2026, 6, 3, 13, 0, 1, tzinfo=UTC)}}  # 09:00:01
    assert walls(walk(ORDINARY, nine, **now)) == "09:30 10:00 10:30"
    notice: Given = {"notice": timedelta(minutes=30)}
    assert walls(walk(ORDINARY, nine, **now, **notice)) == "10:00 10:30"
    ahead: Given = {"furthest_ahead": timedelta(minutes=60)}
    assert walls(walk(ORDINARY, nine, **now, **ahead)) == "09:30 10:00"
    today: Given = {"days_ahead": 0}
    assert walls(walk(ORDINARY, nine, **now, **today, days=3)) == "09:30 10:00 10:30"
    assert walls(walk(ORDINARY, nine, **now, provider=today, days=3)) == "09:30 10:00 10:30"


# --------------------------------------------------------------------- the seeds


def test_all_zones_come_up_among_the_seeds() -> None:
    assert {zone_for(seed) for seed in range(len(zone_names()) * 5 // 4 + 5)} == set(zone_names())


def test_changes_are_found() -> None:
    assert changes("UTC") == ()
    assert [f"{EPOCH + m * MINUTE:%Y-%m-%d %H:%M}" for m in changes("Pacific/Apia")] == [
        "2010-09-26 11:00",
        "2011-04-02 14:00",
        "2011-09-24 14:00",
        "2011-12-30 10:00",
        "2012-03-31 14:00",
        "2012-09-29 14:00",
        "2013-04-06 14:00",
        "2013-09-28 14:00",
        "2014-04-05 14:00",
        "2014-09-27 14:00",
        "2015-04-04 14:00",
        "2015-09-26 14:00",
        "2016-04-02 14:00",
        "2016-09-24 14:00",
        "2017-04-01 14:00",
        "2017-09-23 14:00",
        "2018-03-31 14:00",
        "2018-09-29 14:00",
        "2019-04-06 14:00",
        "2019-09-28 14:00",
        "2020-04-04 14:00",
        "2020-09-26 14:00",
        "2021-04-03 14:00",
    ]
