"""Time kept back: which starts are refused until when. Expected times are written out by hand."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    FOLD,
    GAP,
    NY,
    PRACTICE,
    SMITH,
    TOKYO,
    VISIT,
    ZONES,
    ask,
    at,
    block,
    blocking,
    busy,
    closed,
    every,
    extra,
    mins,
    minute,
    on,
    reasons,
    rule,
    starts,
    times,
    visit,
)

from medsched.domain.appointment_types import Grid
from medsched.domain.people import Provider, Travel
from medsched.domain.release_rules import ReleaseRule
from medsched.domain.requests import Reason
from medsched.engine.booking import OVERRIDABLE, Plan, plan
from medsched.engine.explain import explain
from medsched.engine.inquiry import Inquiry
from medsched.engine.release_rules import kept_stretches
from medsched.engine.slots import list_slots
from medsched.engine.timeline import timeline
from medsched.engine.verdict import refusals
from medsched.timeline.recurrence import Recurrence

DAILY = Recurrence.daily(date(2026, 1, 1))
HOUR = timedelta(hours=1)
LORD_HOWE = "Australia/Lord_Howe"
LONG_AGO = at("2026-01-01 00:00")


def kept(hours: Any = (), *, id: str = "kept", of: Any = "smith", **fields: Any) -> ReleaseRule:
    if "opens_at" not in fields:
        fields.setdefault("before", 24 * HOUR)
    return ReleaseRule(of, fields.pop("on", DAILY), id=id, hours=hours, **fields)


def kept_on(inquiry: Inquiry, low: str, high: str, zone: str = NY) -> list[str]:
    """What is kept between two wall times, on the wall."""
    found = kept_stretches(inquiry.schedule, ZONES, minute(low, zone), minute(high, zone))
    shown = ZONES.zone(zone)
    return [
        f"{shown.local(start):%d %H:%M}-{shown.local(end):%H:%M}"
        for _, stretches in found
        for start, end in stretches
    ]


# ------------------------------------------------------------------------- hours, and when


def test_kept_time_is_not_listed_until_it_opens() -> None:
    item = (rule("09:00-12:00"), kept("10:00-11:00"))
    early = ["09:00", "09:30", "11:00", "11:30"]
    assert starts(ask(*item, now=at("2026-02-03 09:59", NY))) == early
    assert starts(ask(*item, now=at("2026-02-03 10:00", NY))) == [*early[:2], "10:00", *early[2:]]
    assert starts(ask(*item, now=at("2026-02-03 10:29:59", NY))) == [
        *early[:2],
        "10:00",
        *early[2:],
    ]
    assert starts(ask(*item, now=at("2026-02-03 10:30", NY))) == every("09:00", "11:30", 30)


def test_nothing_is_kept_back_where_nobody_asks_when() -> None:
    assert starts(ask(rule("09:00-11:00"), kept("09:00-11:00"))) == every("09:00", "10:30", 30)


def test_some_types_may_book_it_all_along() -> None:
    urgent = visit(code="urgent")
    item = (rule("09:00-11:00"), kept("10:00-11:00", kept_for="urgent"))
    assert starts(ask(*item, type=urgent, now=LONG_AGO)) == every("09:00", "10:30", 30)
    assert starts(ask(*item, now=LONG_AGO)) == ["09:00", "09:30"]


def test_every_rule_that_keeps_the_time_has_a_say() -> None:
    urgent = visit(code="urgent")
    both = (
        rule("09:00-11:00"),
        kept("10:00-11:00", kept_for="urgent", id="a"),
        kept("10:30-11:00", kept_for="other", id="b"),
    )
    assert starts(ask(*both, type=urgent, now=LONG_AGO)) == ["09:00", "09:30", "10:00"]


@pytest.mark.parametrize(
    "length, found",
    [
        (30, ["09:00", "09:15", "09:30", "11:00", "11:15", "11:30"]),
        (31, ["09:00", "09:15", "11:00", "11:15"]),
        (60, ["09:00", "11:00"]),
        (90, []),
    ],
)
def test_a_slot_that_touches_kept_time_is_refused(length: int, found: list[str]) -> None:
    type_ = visit(length, grid=Grid.clock(mins(15)))
    inquiry = ask(rule("09:00-12:00"), kept("10:00-11:00"), type=type_, now=LONG_AGO)
    assert starts(inquiry) == found


def test_each_opening_has_slots_of_its_own_length() -> None:
    """Of two rules with different lengths each start is judged by its own."""
    item = (
        rule("09:00-10:00", id="short", slot_duration=mins(20)),
        rule("10:00-12:00", id="long", slot_duration=mins(60)),
        kept("09:55-10:00", id="a"),
        kept("11:30-11:31", id="b"),
    )
    assert starts(ask(*item, now=LONG_AGO)) == ["09:00", "09:20", "10:00"]


def test_it_opens_at_a_time_of_day_some_days_before() -> None:
    same_day = (rule("07:00-10:00"), kept("07:00-10:00", opens_at=time(8)))
    assert starts(ask(*same_day, now=at("2026-02-04 07:59:59", NY))) == []
    assert starts(ask(*same_day, now=at("2026-02-04 08:00", NY))) == every("08:00", "09:30", 30)
    earlier = (rule("07:00-10:00"), kept("07:00-10:00", opens_at=time(8), days_before=2))
    assert starts(ask(*earlier, now=at("2026-02-02 07:59", NY))) == []
    assert starts(ask(*earlier, now=at("2026-02-02 08:00", NY))) == every("07:00", "09:30", 30)


def test_the_date_is_that_of_the_start() -> None:
    """What is kept overnight opens in two parts."""
    item = (
        rule("22:00-02:00 overnight"),
        kept("22:00-02:00 overnight", opens_at=time(8)),
    )
    inquiry = ask(*item, now=at("2026-02-04 08:00", NY))
    assert times(inquiry, "2026-02-04 12:00", "2026-02-05 12:00", NY) == [
        "22:00", "22:30", "23:00", "23:30"
    ]  # fmt: skip


def test_before_is_elapsed_time() -> None:
    """A day before 09:00 in summer time is 08:00 in winter time."""
    item = (rule("09:00-10:00"), kept("09:00-10:00"))
    assert starts(ask(*item, now=at("2026-03-07 07:59", NY)), GAP) == []
    assert starts(ask(*item, now=at("2026-03-07 08:00", NY)), GAP) == ["09:00"]


def test_opening_times_that_the_clock_skips_or_repeats() -> None:
    skipped = (rule("12:00-13:00"), kept("12:00-13:00", opens_at=time(2, 30)))
    assert starts(ask(*skipped, now=at("2026-03-08 07:29")), GAP) == []
    assert starts(ask(*skipped, now=at("2026-03-08 07:30")), GAP) == ["12:00", "12:30"]
    repeated = (rule("12:00-13:00"), kept("12:00-13:00", opens_at=time(1, 30)))
    assert starts(ask(*repeated, now=at("2026-11-01 05:29")), FOLD) == []
    assert starts(ask(*repeated, now=at("2026-11-01 05:30")), FOLD) == ["12:00", "12:30"]


@pytest.mark.parametrize(
    "day, opens, utc",
    [
        ("2026-10-04", time(2, 15), "2026-10-03 15:45"),  # 02:00 to 02:30: later by the gap
        ("2026-04-05", time(1, 45), "2026-04-04 14:45"),  # 02:00 back to 01:30: the first
    ],
)
def test_opening_times_where_clocks_change_by_half_an_hour(day: str, opens: time, utc: str) -> None:
    smith = Provider(id="smith", timezone=LORD_HOWE)
    item = (rule("12:00-13:00"), kept("12:00-13:00", opens_at=opens))
    on_day = date.fromisoformat(day)
    before = ask(*item, provider=smith, now=at(utc) - mins(1))
    assert starts(before, on_day, LORD_HOWE) == []
    after = ask(*item, provider=smith, now=at(utc))
    assert starts(after, on_day, LORD_HOWE) == ["12:00", "12:30"]


def test_opened_after_it_has_begun_is_never_opened() -> None:
    item = (rule("07:00-09:00"), kept("07:00-09:00", opens_at=time(8), days_before=0))
    assert Reason.KEPT_BACK in reasons(ask(*item, now=at("2026-02-04 07:00", NY)), f"{DAY} 07:30")


# ------------------------------------------------------------------------------- shares


def test_a_share_is_the_last_of_the_open_minutes() -> None:
    fifth = kept(share="1/5")
    assert kept_on(ask(rule("09:00-14:00"), fifth), f"{DAY} 00:00", f"{DAY} 23:59") == [
        "04 13:00-14:00"
    ]
    gaps = ask(rule(["09:00-13:30", "14:00-14:30"]), fifth)
    assert kept_on(gaps, f"{DAY} 00:00", f"{DAY} 23:59") == ["04 13:00-13:30", "04 14:00-14:30"]


@pytest.mark.parametrize(
    "share, found",
    [
        ("1/7", "11:34-12:00"),
        ("1/180", "11:59-12:00"),
        ("1/1000", "11:59-12:00"),
        (1, "09:00-12:00"),
    ],
)
def test_a_share_is_rounded_up(share: Any, found: str) -> None:
    inquiry = ask(rule("09:00-12:00"), kept(share=share))
    assert kept_on(inquiry, f"{DAY} 00:00", f"{DAY} 23:59") == [f"04 {found}"]


def test_a_share_is_of_what_is_open_for_anybody() -> None:
    """Closed for one type it is open for others; extra hours count, what is booked stays."""
    hours = (rule("09:00-13:00"), extra("18:00-19:00"))
    items = (*hours, closed(hours="12:00-13:00", types="visit"), kept(share="2/5"))
    inquiry = ask(*items, claims=[busy("18:00", "19:00")], now=LONG_AGO)
    assert kept_on(inquiry, f"{DAY} 00:00", f"{DAY} 23:59") == ["04 12:00-13:00", "04 18:00-19:00"]
    shut = ask(*hours, closed(hours="12:00-13:00"), blocking("09:00-10:00"), kept(share="1/2"))
    assert kept_on(shut, f"{DAY} 00:00", f"{DAY} 17:00") == ["04 11:30-12:00"]
    assert kept_on(shut, f"{DAY} 17:00", f"{DAY} 23:59") == ["04 18:00-19:00"]


def test_a_share_of_a_date_on_which_nothing_is_open() -> None:
    assert starts(ask(on(DAY), closed(), kept(share=1), now=LONG_AGO)) == []


@pytest.mark.parametrize(
    "zone, day, found",
    [
        (NY, "2026-03-08", "18:15-00:00"),  # 23 hours: a quarter is 5:45
        (NY, "2026-11-01", "17:45-00:00"),  # 25 hours: a quarter is 6:15
        (LORD_HOWE, "2026-10-04", "18:07-00:00"),  # 23:30: a quarter is 352.5 minutes, rounded up
        (LORD_HOWE, "2026-04-05", "17:52-00:00"),  # 24:30: 367.5 minutes
    ],
)
def test_a_share_of_a_day_that_a_clock_change_makes_longer_or_shorter(
    zone: str, day: str, found: str
) -> None:
    smith = Provider(id="smith", timezone=zone)
    inquiry = ask(rule("00:00-24:00"), kept(share="1/4"), provider=smith, timezone=zone)
    after = date.fromisoformat(day) + timedelta(days=1)
    told = kept_on(inquiry, f"{day} 12:00", f"{after} 00:00", zone)
    assert told == [f"{day[-2:]} {found}"]


def test_a_share_is_of_the_minutes_of_a_date_not_of_its_windows() -> None:
    """The end of a night shift is of the date it ends on."""
    night = ask(on(DAY, "22:00-06:00 overnight"), kept(share="1/2"))
    assert kept_on(night, f"{DAY} 12:00", "2026-02-05 12:00") == [
        "04 23:00-00:00",
        "05 03:00-06:00",
    ]


def test_a_share_is_the_same_whatever_stretch_is_asked_for() -> None:
    inquiry = ask(rule("09:00-14:00"), kept(share="1/5"), now=LONG_AGO)
    for hour in range(24):
        low = at(f"{DAY} {hour:02d}:00", NY)
        found = list_slots(inquiry, low, low + HOUR)
        shown = [f"{slot.local_start:%H:%M}" for slot in found]
        assert shown == [one for one in every("09:00", "12:30", 30) if one[:2] == f"{hour:02d}"]


# -------------------------------------------------------------------------- whose and where


def test_a_practices_rule_is_on_each_providers_own_wall() -> None:
    shared = kept("10:00-11:00", of=PRACTICE, opens_at=time(8))
    for zone in (NY, TOKYO):
        smith = Provider(id="smith", timezone=zone)
        items = (rule("09:00-12:00"), shared)
        before = ask(*items, provider=smith, timezone=None, now=at(f"{DAY} 07:59", zone))
        assert starts(before, zone=zone) == ["09:00", "09:30", "11:00", "11:30"]
        after = ask(*items, provider=smith, timezone=None, now=at(f"{DAY} 08:00", zone))
        assert starts(after, zone=zone) == every("09:00", "11:30", 30)


def test_a_rule_travels_with_its_provider_unless_it_states_a_zone() -> None:
    away = attrs.evolve(SMITH, travels=[Travel(TOKYO, DAY, DAY)])
    hours = rule("00:00-24:00")
    there = ask(hours, kept("10:00-11:00"), provider=away)
    assert kept_on(there, f"{DAY} 02:00", f"{DAY} 23:00", TOKYO) == ["04 10:00-11:00"]
    bound = ask(hours, kept("10:00-11:00", timezone=NY), provider=away)
    assert kept_on(bound, f"{DAY} 00:00", f"{DAY} 23:00", NY) == ["04 10:00-11:00"]


def test_dates_of_a_traveller_overlap_and_leave_gaps_but_each_start_has_one() -> None:
    """Home from Tokyo a date begins fourteen hours late: until then it is still the one before."""
    away = attrs.evolve(SMITH, travels=[Travel(TOKYO, DAY, DAY)])
    item = (rule("00:00-24:00", timezone="UTC"), kept(share=1, opens_at=time(0)))
    asked = "2026-02-05 00:00"  # UTC: in Tokyo the fourth is over, in New York the fifth is to come
    opened = ask(*item, provider=away, now=at("2026-02-03 15:00"))
    assert Reason.KEPT_BACK not in reasons(opened, asked, "UTC")
    assert Reason.KEPT_BACK in reasons(opened, "2026-02-05 05:00", "UTC")


def test_dates_that_are_not_the_rules_are_free() -> None:
    once = kept("10:00-11:00", on=Recurrence.once(DAY))
    tomorrow = DAY + timedelta(days=1)
    assert "10:00" in starts(ask(rule(), once, now=LONG_AGO), tomorrow)
    ended = kept("10:00-11:00", valid_to=DAY)
    assert "10:00" in starts(ask(rule(), ended, now=LONG_AGO), tomorrow)
    assert "10:00" not in starts(ask(rule(), ended, now=LONG_AGO))


# ------------------------------------------------------------------------------ what is told


def test_it_is_told_for_whom_and_from_when_on() -> None:
    item = (rule("09:00-12:00"), kept("10:00-11:00", kept_for=["urgent", "acute"]))
    told, _ = refusals(ask(*item, now=LONG_AGO), minute(f"{DAY} 09:45", NY))
    assert told.reason is Reason.KEPT_BACK
    assert str(told) == "kept for acute, urgent: open to others from 1 day before the start"
    assert (told.by, told.resource) == ("kept", SMITH.resource)
    assert (told.start, told.end) == (at(f"{DAY} 10:00", NY), at(f"{DAY} 11:00", NY))


def test_it_is_told_at_what_time_it_opens() -> None:
    item = (rule("09:00-12:00"), kept("10:00-11:00", opens_at=time(2, 30)))
    inquiry = ask(*item, now=LONG_AGO)
    explained = explain(inquiry, at(f"{DAY} 10:30", NY))
    assert str(explained).splitlines()[1:] == ["- kept back: open to all from 2026-02-04 02:30 on"]
    skipped = explain(inquiry, at(f"{GAP} 10:30", NY))
    assert "from 2026-03-08 03:30 on" in str(skipped)


@pytest.mark.parametrize(
    "before, told",
    [
        (mins(1), "1 minute"),
        (mins(61), "1 hour 1 minute"),
        (timedelta(days=2, hours=3, minutes=30), "2 days 3 hours 30 minutes"),
    ],
)
def test_how_long_before_is_told_in_words(before: timedelta, told: str) -> None:
    inquiry = ask(rule("09:00-12:00"), kept("10:00-11:00", before=before), now=LONG_AGO)
    (found,) = refusals(inquiry, minute(f"{DAY} 10:30", NY))
    assert str(found) == f"kept back: open to all from {told} before the start"


def test_a_timeline_tells_it() -> None:
    inquiry = ask(rule("09:00-12:00"), kept("10:00-11:00"), now=LONG_AGO)
    told = [
        (f"{one.start.astimezone(ZONES.zone(NY).tzinfo):%H:%M}", one.violations[0].message[:9])
        for one in timeline(inquiry, at(f"{DAY} 09:00", NY), at(f"{DAY} 12:00", NY))
        if one.violations
    ]
    assert told == [("09:31", "kept back")]


def test_the_nearest_starts_are_none_that_are_kept() -> None:
    inquiry = ask(rule("09:00-12:00"), kept("10:00-11:00"), now=LONG_AGO)
    told = refusals(inquiry, minute(f"{DAY} 10:45", NY))
    message = next(one.message for one in told if one.reason is Reason.OFF_GRID)
    assert message.endswith("the nearest are 2026-02-04 09:30 and 2026-02-04 11:00")


def test_what_is_taken_there_is_still_told() -> None:
    inquiry = ask(
        rule("09:00-12:00"), kept("10:00-11:00"), claims=[busy("10:00", "10:30")], now=LONG_AGO
    )
    found = list_slots(inquiry, at(f"{DAY} 00:00", NY), at(f"{DAY} 23:00", NY), taken=True)
    shown = [f"{one.local_start:%H:%M} {one.status}" for one in found]
    assert shown == ["09:00 free", "09:30 free", "10:00 busy", "11:00 free", "11:30 free"]


def test_it_never_moves_a_grid() -> None:
    packed = visit(25, grid=Grid.packed())
    hours, taken = rule("09:00-12:00"), [busy("09:00", "09:10")]
    all_of_them = starts(ask(hours, type=packed, claims=taken, now=LONG_AGO))
    left = starts(ask(hours, kept("10:00-11:00"), type=packed, claims=taken, now=LONG_AGO))
    assert all_of_them == ["09:10", "09:35", "10:00", "10:25", "10:50", "11:15"]
    assert left == ["09:10", "09:35", "11:15"]


def test_a_time_block_is_kept_back_too() -> None:
    inquiry = ask(block("18:00-19:30"), kept("19:00-20:00"), now=LONG_AGO)
    assert starts(inquiry) == []


def test_staff_may_book_against_it() -> None:
    assert Reason.KEPT_BACK in OVERRIDABLE
    inquiry = ask(rule("09:00-12:00"), kept("10:00-11:00"), now=LONG_AGO)
    planned = plan(inquiry, minute(f"{DAY} 10:00", NY), override=True)
    assert isinstance(planned, Plan)
    assert planned.overridden == {Reason.KEPT_BACK}


def test_it_holds_at_both_ends_of_time() -> None:
    smith = Provider(id="smith", timezone=TOKYO)
    always = Recurrence.daily(date(1973, 1, 1))
    first = ask(
        rule("00:00-24:00", start=date(1973, 1, 1)),
        kept(share=1, opens_at=time(8), days_before=30, on=always),
        provider=smith,
        type=VISIT,
        now=at("1973-01-01 00:00"),
    )
    low = datetime(1973, 1, 1, tzinfo=at("1973-01-01 00:00").tzinfo)
    assert list_slots(first, low, low + HOUR * 48).first(1)
    last = ask(
        rule("00:00-24:00", start=date(1973, 1, 1)),
        kept(share="1/2", opens_at=time(8), on=always),
        provider=smith,
        now=at("1973-01-01 00:00"),
    )
    found = list_slots(last, at("9998-12-30 00:00"), at("9998-12-31 23:59"))
    assert {one.local_start.hour < 12 for one in found} == {True}


def test_what_is_told_does_not_depend_on_what_was_asked_about() -> None:
    """Of time that is kept day and night, the part of the date of the start is told."""
    inquiry = ask(rule("00:00-24:00"), kept(share=1), now=LONG_AGO)
    (told,) = refusals(inquiry, minute(f"{DAY} 10:00", NY))
    assert (told.start, told.end) == (at(f"{DAY} 00:00", NY), at("2026-02-05 00:00", NY))
    (stretch, *_) = timeline(inquiry, at(f"{DAY} 10:00", NY), at(f"{DAY} 11:00", NY))
    assert stretch.violations == (told,)
