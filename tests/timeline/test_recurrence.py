"""Rules of whole days: the standard's examples, the errors, and what must cost nothing."""

from __future__ import annotations

import copy
import pickle
from datetime import date, datetime, time, timedelta
from typing import Any

import attrs
import pytest
from dateutil import rrule as dateutil

from medsched.errors import InvalidRecurrence, OutOfRange
from medsched.timeline import periods
from medsched.timeline.instants import FIRST_DATE, LAST_DATE, LAST_DAY, date_of, day_of
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.rrule_parts import Frequency
from medsched.timeline.weekdays import ByDay, Weekday

MONDAY = date(2026, 1, 5)
YEAR_END = date(2026, 12, 31)


def days(text: str) -> tuple[date, ...]:
    """``"1997 Sep 2 4, Oct 1; 1998 Jan 5"`` as dates."""
    found = []
    for year in text.split(";"):
        number, rest = year.split(maxsplit=1)
        for month in rest.split(","):
            name, *numbers = month.split()
            at = datetime.strptime(f"{number} {name}", "%Y %b").date()
            found += [at.replace(day=int(day)) for day in numbers]
    return tuple(found)


def first_dates(rule: Recurrence, number: int) -> tuple[date, ...]:
    """The first so many dates."""
    low, found = day_of(rule.first), list[int]()
    while len(found) < number:
        found += rule.days(low, low := low + 1000)
    return tuple(map(date_of, found[:number]))


# -------------------------------------------------------- RFC 5545 3.8.5.3, by date

EXAMPLES = {
    "daily for 10 occurrences": (
        "FREQ=DAILY;COUNT=10",
        "1997 Sep 2 3 4 5 6 7 8 9 10 11",
    ),
    "every other day": ("FREQ=DAILY;INTERVAL=2", "1997 Sep 2 4 6 8 10 12 14 16 18 20"),
    "every 10 days, 5 occurrences": (
        "FREQ=DAILY;INTERVAL=10;COUNT=5",
        "1997 Sep 2 12 22, Oct 2 12",
    ),
    "weekly for 10 occurrences": (
        "FREQ=WEEKLY;COUNT=10",
        "1997 Sep 2 9 16 23 30, Oct 7 14 21 28, Nov 4",
    ),
    "weekly until December 24": (
        "FREQ=WEEKLY;UNTIL=19971224",
        "1997 Sep 2 9 16 23 30, Oct 7 14 21 28, Nov 4 11 18 25, Dec 2 9 16 23",
    ),
    "every other week": (
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        "1997 Sep 2 16 30, Oct 14 28, Nov 11 25, Dec 9 23; 1998 Jan 6 20, Feb 3 17",
    ),
    "Tuesday and Thursday for five weeks": (
        "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH",
        "1997 Sep 2 4 9 11 16 18 23 25 30, Oct 2",
    ),
    "every other week on Monday, Wednesday and Friday, from a Monday": (
        "19970901 FREQ=WEEKLY;INTERVAL=2;UNTIL=19971223;WKST=SU;BYDAY=MO,WE,FR",
        (
            "1997 Sep 1 3 5 15 17 19 29, Oct 1 3 13 15 17 27 29 31, Nov 10 12 14 24 26 28,"
            " Dec 8 10 12 22"
        ),
    ),
    "every other week on Tuesday and Thursday, 8 occurrences": (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        "1997 Sep 2 4 16 18 30, Oct 2 14 16",
    ),
    "monthly on the first Friday": (
        "19970905 FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        "1997 Sep 5, Oct 3, Nov 7, Dec 5; 1998 Jan 2, Feb 6, Mar 6, Apr 3, May 1, Jun 5",
    ),
    "every other month on the first and last Sunday": (
        "19970907 FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "1997 Sep 7 28, Nov 2 30; 1998 Jan 4 25, Mar 1 29, May 3 31",
    ),
    "monthly on the second-to-last Monday": (
        "19970922 FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        "1997 Sep 22, Oct 20, Nov 17, Dec 22; 1998 Jan 19, Feb 16",
    ),
    "monthly on the third-to-last day": (
        "19970928 FREQ=MONTHLY;BYMONTHDAY=-3",
        "1997 Sep 28, Oct 29, Nov 28, Dec 29; 1998 Jan 29, Feb 26",
    ),
    "monthly on the 2nd and 15th": (
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        "1997 Sep 2 15, Oct 2 15, Nov 2 15, Dec 2 15; 1998 Jan 2 15",
    ),
    "monthly on the first and last day": (
        "19970930 FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        "1997 Sep 30, Oct 1 31, Nov 1 30, Dec 1 31; 1998 Jan 1 31, Feb 1",
    ),
    "every 18 months on the 10th to 15th": (
        "19970910 FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        "1997 Sep 10 11 12 13 14 15; 1999 Mar 10 11 12 13",
    ),
    "every Tuesday, every other month": (
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        "1997 Sep 2 9 16 23 30, Nov 4 11 18 25; 1998 Jan 6 13 20 27, Mar 3 10 17 24 31",
    ),
    "yearly in June and July": (
        "19970610 FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        (
            "1997 Jun 10, Jul 10; 1998 Jun 10, Jul 10; 1999 Jun 10, Jul 10; 2000 Jun 10, Jul 10;"
            "2001 Jun 10, Jul 10"
        ),
    ),
    "every other year in January, February and March": (
        "19970310 FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        (
            "1997 Mar 10; 1999 Jan 10, Feb 10, Mar 10; 2001 Jan 10, Feb 10, Mar 10;"
            "2003 Jan 10, Feb 10, Mar 10"
        ),
    ),
    "every third year on the 1st, 100th and 200th day": (
        "19970101 FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
        (
            "1997 Jan 1, Apr 10, Jul 19; 2000 Jan 1, Apr 9, Jul 18; 2003 Jan 1, Apr 10, Jul 19;"
            "2006 Jan 1"
        ),
    ),
    "every 20th Monday of the year": (
        "19970519 FREQ=YEARLY;BYDAY=20MO",
        "1997 May 19; 1998 May 18; 1999 May 17",
    ),
    "Monday of week number 20": (
        "19970512 FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        "1997 May 12; 1998 May 11; 1999 May 17",
    ),
    "every Thursday in March": (
        "19970313 FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
        "1997 Mar 13 20 27; 1998 Mar 5 12 19 26; 1999 Mar 4 11 18 25",
    ),
    "every Thursday in June, July and August": (
        "19970605 FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        "1997 Jun 5 12 19 26, Jul 3 10 17 24 31, Aug 7 14 21 28; 1998 Jun 4 11 18 25",
    ),
    "every Friday the 13th": (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "1998 Feb 13, Mar 13, Nov 13; 1999 Aug 13; 2000 Oct 13",
    ),
    "the first Saturday after the first Sunday": (
        "19970913 FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
        "1997 Sep 13, Oct 11, Nov 8, Dec 13; 1998 Jan 10, Feb 7, Mar 7, Apr 11, May 9, Jun 13",
    ),
    "US presidential election day": (
        "19961105 FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "1996 Nov 5; 2000 Nov 7; 2004 Nov 2",
    ),
    "the third Tuesday, Wednesday or Thursday": (
        "19970904 FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
        "1997 Sep 4, Oct 7, Nov 6",
    ),
    "the second-to-last weekday of the month": (
        "19970929 FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "1997 Sep 29, Oct 30, Nov 27, Dec 30; 1998 Jan 29, Feb 26, Mar 30",
    ),
    "the last work day of the month (3.3.10)": (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "1997 Sep 30, Oct 31, Nov 28, Dec 31; 1998 Jan 30, Feb 27",
    ),
    "weeks that start on Monday": (
        "19970805 FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
        "1997 Aug 5 10 19 24",
    ),
    "weeks that start on Sunday": (
        "19970805 FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
        "1997 Aug 5 17 19 31",
    ),
    "an invalid date is left out": (
        "20070115 FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
        "2007 Jan 15 30, Feb 15, Mar 15 30",
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_standard(name: str) -> None:
    text, dates = EXAMPLES[name]
    *start, rule = text.split()
    expected = days(dates)
    found = Recurrence.parse(rule, start=date.fromisoformat(*start or ["19970902"]))
    if found.last is None:
        assert first_dates(found, len(expected)) == expected
    else:
        assert found.between(FIRST_DATE, LAST_DATE) == expected
        assert found.last == expected[-1]
    assert found.first == expected[0]


def test_every_day_in_january_two_ways() -> None:
    yearly, daily = (
        Recurrence.parse(rule, start=date(1998, 1, 1))
        for rule in (
            "FREQ=YEARLY;UNTIL=20000131;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
            "FREQ=DAILY;UNTIL=20000131;BYMONTH=1",
        )
    )
    found = yearly.between(FIRST_DATE, LAST_DATE)
    assert found == daily.between(FIRST_DATE, LAST_DATE)
    assert len(found) == 93


def test_friday_the_13th_without_its_start() -> None:
    rule = Recurrence.parse(
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        start=date(1998, 2, 13),
        exdates=[date(1998, 2, 13)],
    )
    assert first_dates(rule, 2) == days("1998 Mar 13, Nov 13")


# ------------------------------------------------------------------ constructors


def test_daily() -> None:
    assert Recurrence.daily(MONDAY).rule == "FREQ=DAILY"
    every_third = Recurrence.daily(start=MONDAY, every=3, count=3)
    assert every_third.between(MONDAY, YEAR_END) == days("2026 Jan 5 8 11")


def test_weekdays_are_monday_to_friday() -> None:
    assert Recurrence.weekdays(MONDAY) == Recurrence.weekly("MO-FR", start=MONDAY)
    found = Recurrence.weekdays(start=date(2026, 1, 3)).between(date(2026, 1, 1), date(2026, 1, 11))
    assert found == days("2026 Jan 5 6 7 8 9")


@pytest.mark.parametrize(
    "given",
    ["MO,WE", "we, mo", ["WE", "MO"], (Weekday.MO, "WE"), {Weekday.WE, Weekday.MO}],
)
def test_weekly_takes_texts_and_weekdays(given: Any) -> None:
    rule = Recurrence.weekly(given, start=MONDAY)
    assert rule.by_day == (ByDay(Weekday.MO), ByDay(Weekday.WE))
    assert rule.rule == "FREQ=WEEKLY;BYDAY=MO,WE"


def test_weekly_without_days_is_on_the_weekday_of_the_start() -> None:
    rule = Recurrence.weekly(None, start=MONDAY, every=2, until=date(2026, 2, 2))
    assert rule.between(FIRST_DATE, LAST_DATE) == days("2026 Jan 5 19, Feb 2")


def test_weekly_by_two_counts_weeks_from_that_of_the_start() -> None:
    wednesday = date(2026, 1, 7)
    rule = Recurrence.weekly("MO", start=wednesday, every=2)
    assert first_dates(rule, 2) == days("2026 Jan 19, Feb 2")
    from_sunday = Recurrence.weekly("SU", start=wednesday, every=2, week_start=Weekday.SU)
    assert first_dates(from_sunday, 2) == days("2026 Jan 18, Feb 1")


def test_monthly() -> None:
    assert first_dates(Recurrence.monthly(31, start=MONDAY), 3) == days(
        "2026 Jan 31, Mar 31, May 31"
    )
    both = Recurrence.monthly([-1, 15], start=MONDAY, every=2)
    assert both.rule == "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=-1,15"
    assert first_dates(both, 3) == days("2026 Jan 15 31, Mar 15")


@pytest.mark.parametrize("which", ["1MO,-1FR", ["-1FR", "1MO"], ["+1mo", " -1FR "]])
def test_monthly_on(which: Any) -> None:
    rule = Recurrence.monthly_on(which, start=MONDAY)
    assert rule.rule == "FREQ=MONTHLY;BYDAY=1MO,-1FR"
    assert first_dates(rule, 3) == days("2026 Jan 5 30, Feb 2")


def test_a_plain_weekday_beside_an_ordinal_means_either() -> None:
    rule = Recurrence.monthly_on("MO,2TU", start=MONDAY)
    assert first_dates(rule, 5) == days("2026 Jan 5 12 13 19 26")


def test_yearly() -> None:
    leap = Recurrence.yearly(start=date(2024, 2, 29))
    assert first_dates(leap, 3) == days("2024 Feb 29; 2028 Feb 29; 2032 Feb 29")
    assert Recurrence.yearly(start=MONDAY, every=10, count=2).last == date(2036, 1, 5)


def test_once_and_dates() -> None:
    once = Recurrence.once(MONDAY)
    assert (once.first, once.last) == (MONDAY, MONDAY)
    assert once.between(FIRST_DATE, LAST_DATE) == (MONDAY,)
    some = Recurrence.dates(YEAR_END, MONDAY, YEAR_END)
    assert some.between(FIRST_DATE, LAST_DATE) == (MONDAY, YEAR_END)
    assert (some.first, some.last) == (MONDAY, YEAR_END)
    assert some == Recurrence.dates(MONDAY, YEAR_END)


# ----------------------------------------------------------------------- weekdays


@pytest.mark.parametrize(
    "text, expected",
    [
        ("MO", "MO"),
        ("MO-FR,SU", "MO TU WE TH FR SU"),
        ("FR-MO", "FR SA SU MO"),
        ("WE-WE", "WE"),
        ("mo - tu , sa", "MO TU SA"),
        (["MO-TU", Weekday.SA], "MO TU SA"),
        ("TU-MO", "MO TU WE TH FR SA SU"),
    ],
)
def test_parse_set(text: Any, expected: str) -> None:
    assert Weekday.parse_set(text) == {Weekday[name] for name in expected.split()}


@pytest.mark.parametrize(
    "given, value", [("", ""), ("MO,", ""), ("XX", "XX"), ("MO-", ""), ([3], 3), ([None], None)]
)
def test_parse_set_refuses(given: Any, value: object) -> None:
    with pytest.raises(InvalidRecurrence) as caught:
        Weekday.parse_set(given, "days")
    assert (caught.value.field, caught.value.value) == ("days", value)
    assert caught.value.why == "a weekday is needed: MO, TU, WE, TH, FR, SA or SU"


def test_parse_set_needs_one() -> None:
    with pytest.raises(InvalidRecurrence) as caught:
        Recurrence.weekly([], start=MONDAY)
    assert attrs.astuple(caught.value) == ("BYDAY", [], "at least one weekday is needed")


def test_weekdays_are_numbered_as_dates_number_them() -> None:
    assert Weekday(MONDAY.weekday()) is Weekday.MO
    assert [ByDay(Weekday.TU), ByDay(Weekday.TU, 2), ByDay(Weekday.FR, -1)] == [
        ByDay.parse("TU"),
        ByDay.parse("+2tu"),
        ByDay.parse("-1FR"),
    ]


# ------------------------------------------------------------------------ semantics


def test_a_start_that_does_not_match_is_no_occurrence() -> None:
    rule = Recurrence.weekly("FR", start=MONDAY, count=2)
    assert rule.between(FIRST_DATE, LAST_DATE) == days("2026 Jan 9 16")
    assert not rule.occurs_on(MONDAY)
    assert rule.first == date(2026, 1, 9)


def test_count_is_counted_before_exdates() -> None:
    rule = Recurrence.weekly("MO", start=MONDAY, count=3, exdates=days("2026 Jan 12 19"))
    assert rule.between(FIRST_DATE, LAST_DATE) == (MONDAY,)
    assert (rule.first, rule.last) == (MONDAY, MONDAY)


def test_until_is_inclusive() -> None:
    assert Recurrence.daily(MONDAY, until=MONDAY).between(FIRST_DATE, LAST_DATE) == (MONDAY,)


def test_rdates_lie_anywhere_and_exdates_win() -> None:
    before, after = date(1999, 12, 31), date(2050, 1, 1)
    rule = Recurrence.weekly(
        "MO", start=MONDAY, count=1, rdates=[before, MONDAY, after], exdates=[after]
    )
    assert rule.between(FIRST_DATE, LAST_DATE) == (before, MONDAY)
    assert (rule.first, rule.last) == (before, MONDAY)
    assert rule.occurs_on(before)


def test_first_skips_exdates() -> None:
    rule = Recurrence.daily(MONDAY, exdates=days("2026 Jan 5 6"), rdates=days("2026 Jan 6"))
    assert rule.first == date(2026, 1, 7)
    assert rule.last is None


def test_positions_in_the_first_week_are_counted_from_the_start() -> None:
    # As dateutil does; in a month they are counted from its first day.
    wednesday = date(2026, 1, 7)
    weekly = Recurrence.parse("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1", start=wednesday)
    assert first_dates(weekly, 2) == days("2026 Jan 7 12")
    monthly = Recurrence.parse("FREQ=MONTHLY;BYDAY=MO,WE,FR;BYSETPOS=1", start=wednesday)
    assert first_dates(monthly, 1) == days("2026 Feb 2")


def test_a_week_number_without_a_weekday_is_the_whole_week() -> None:
    rule = Recurrence.parse(
        "FREQ=YEARLY;BYWEEKNO=20",
        start=date(1997, 1, 1),
    )
    assert first_dates(rule, 7) == days("1997 May 12 13 14 15 16 17 18")


@pytest.mark.parametrize("week_start", Weekday)
def test_week_numbers_at_year_ends_are_those_of_dateutil(week_start: Weekday) -> None:
    """A year stands for all of like calendar: compare 400 years, which are all there are."""
    start, end = date(1999, 12, 28), date(2401, 1, 5)
    for weeks in [(1,), (52,), (53,), (-1,), (-52,), (-53,), (1, 53), (-1, 2)]:
        rule = Recurrence(start, Frequency.YEARLY, by_week_no=weeks, week_start=week_start)
        replay = dateutil.rrule(
            dateutil.YEARLY,
            dtstart=datetime.combine(start, time()),
            byweekno=weeks,
            wkst=int(week_start),
            until=datetime.combine(end, time()),
        )
        assert rule.between(start, end) == tuple(day.date() for day in replay)


def test_daily_by_days_of_the_month() -> None:
    rule = Recurrence.parse("FREQ=DAILY;BYMONTHDAY=-1,1", start=MONDAY)
    assert first_dates(rule, 4) == days("2026 Jan 31, Feb 1 28, Mar 1")


def test_a_first_match_may_be_centuries_away() -> None:
    rule = Recurrence.parse(
        "FREQ=YEARLY;INTERVAL=700;BYMONTH=2;BYMONTHDAY=29", start=date(2100, 1, 1)
    )
    assert rule.first == date(2800, 2, 29)


def test_queries_at_the_ends_of_the_range() -> None:
    rule = Recurrence.daily(FIRST_DATE)
    assert rule.between(FIRST_DATE, FIRST_DATE) == (FIRST_DATE,)
    assert rule.between(LAST_DATE, LAST_DATE) == (LAST_DATE,)
    assert rule.days(LAST_DAY, LAST_DAY + 1000) == [LAST_DAY]
    assert rule.days(-(10**6), day_of(FIRST_DATE)) == []
    for text in ("FREQ=WEEKLY;BYDAY=TH", "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=YEARLY;BYYEARDAY=-1"):
        late = Recurrence.parse(text, start=date(9998, 12, 30))
        assert late.between(FIRST_DATE, LAST_DATE) == (LAST_DATE,)
        assert late.last is None


def test_an_empty_or_backward_query_has_no_date() -> None:
    rule = Recurrence.daily(MONDAY, rdates=[YEAR_END])
    number = day_of(MONDAY)
    assert rule.days(number, number) == rule.days(number, number - 5) == []
    assert rule.between(YEAR_END, MONDAY) == ()


@pytest.mark.parametrize(
    "text, last",
    [
        ("FREQ=DAILY", LAST_DATE),
        ("FREQ=WEEKLY", date(9998, 12, 28)),
        ("FREQ=DAILY;BYMONTH=1", date(9998, 1, 31)),
        ("FREQ=MONTHLY", date(9998, 12, 5)),
    ],
)
def test_a_count_may_reach_past_the_range(text: str, last: date) -> None:
    assert Recurrence.parse(f"{text};COUNT=999999999999", start=MONDAY).last == last


def test_value_semantics() -> None:
    rule = Recurrence.parse("FREQ=MONTHLY;BYDAY=2TU,MO,2TU;COUNT=5", start=MONDAY)
    assert rule == Recurrence.parse("BYDAY=MO,2TU;FREQ=MONTHLY;COUNT=5", start=MONDAY)
    assert len({rule, copy.deepcopy(rule), pickle.loads(pickle.dumps(rule))}) == 1
    moved = attrs.evolve(rule, start=YEAR_END)
    assert (rule.last, moved.last) == (date(2026, 1, 26), date(2027, 1, 25))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        rule.count = 7  # type: ignore[misc]


# ----------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    "text, canonical",
    [
        ("RRULE:FREQ=DAILY", "FREQ=DAILY"),
        (" rrule:freq=daily;interval=1;wkst=mo ", "FREQ=DAILY"),
        ("COUNT=3;FREQ=DAILY;INTERVAL=02", "FREQ=DAILY;INTERVAL=2;COUNT=3"),
        ("FREQ=WEEKLY;BYDAY=SU,MO;WKST=SU", "FREQ=WEEKLY;WKST=SU;BYDAY=MO,SU"),
        ("FREQ=DAILY;UNTIL=20261231", "FREQ=DAILY;UNTIL=20261231"),
        (
            "FREQ=YEARLY;BYSETPOS=-1;BYMONTH=3,2;BYDAY=+2TU",
            "FREQ=YEARLY;BYMONTH=2,3;BYDAY=2TU;BYSETPOS=-1",
        ),
    ],
)
def test_rule_is_canonical_text(text: str, canonical: str) -> None:
    rule = Recurrence.parse(text, start=MONDAY)
    assert rule.rule == str(rule) == canonical
    assert Recurrence.parse(canonical, start=MONDAY) == rule


# --------------------------------------------------------------------------- errors

NUMBER = "a whole number is needed"
POSITIVE = "must be a whole number of at least 1"
UNTIL = "a date is needed, such as 20261231"
BYDAY = "a weekday is needed, such as MO, 2TU or -1FR"
WEEKDAY = "a weekday is needed: MO, TU, WE, TH, FR, SA or SU"
NEVER = "never occurs from 2026-01-05 on"

REFUSED: dict[str, tuple[str, object, str]] = {
    "": ("RRULE", "", "no such part"),
    "INTERVAL=2": ("FREQ", "INTERVAL=2", "missing"),
    "FREQ=": ("FREQ", "", "empty"),
    "FREQ=HOURLY": ("FREQ", "HOURLY", "finer than a day"),
    "FREQ=MINUTELY": ("FREQ", "MINUTELY", "finer than a day"),
    "FREQ=SECONDLY": ("FREQ", "SECONDLY", "finer than a day"),
    "FREQ=FORTNIGHTLY": ("FREQ", "FORTNIGHTLY", "must be DAILY, WEEKLY, MONTHLY or YEARLY"),
    "FREQ=DAILY;BYHOUR=9": ("BYHOUR", "9", "finer than a day"),
    "FREQ=DAILY;BYMINUTE=0": ("BYMINUTE", "0", "finer than a day"),
    "FREQ=DAILY;BYSECOND=0": ("BYSECOND", "0", "finer than a day"),
    "FREQ=DAILY;BYEASTER=0": ("BYEASTER", "0", "no such part"),
    "FREQ=DAILY;": ("RRULE", "", "no such part"),
    "FREQ=DAILY;COUNT=1;COUNT=1": ("COUNT", "1", "stated twice"),
    "FREQ=DAILY;COUNT": ("COUNT", "", "empty"),
    "FREQ=DAILY;COUNT=0": ("COUNT", 0, POSITIVE),
    "FREQ=DAILY;COUNT=x": ("COUNT", "X", NUMBER),
    "FREQ=DAILY;COUNT=1_0": ("COUNT", "1_0", NUMBER),
    "FREQ=DAILY;COUNT=\u0661": ("COUNT", "\u0661", NUMBER),
    "FREQ=DAILY;INTERVAL=0": ("INTERVAL", 0, POSITIVE),
    "FREQ=DAILY;INTERVAL=-1": ("INTERVAL", -1, POSITIVE),
    "FREQ=DAILY;COUNT=2;UNTIL=20261231": ("COUNT", 2, "not together with UNTIL"),
    "FREQ=DAILY;UNTIL=20261231T000000Z": (
        "UNTIL",
        "20261231T000000Z",
        "has a time part: a date is needed",
    ),
    "FREQ=DAILY;UNTIL=2026-12-31": ("UNTIL", "2026-12-31", UNTIL),
    "FREQ=DAILY;UNTIL=2026W011": ("UNTIL", "2026W011", UNTIL),
    "FREQ=DAILY;UNTIL=20260230": ("UNTIL", "20260230", UNTIL),
    "FREQ=DAILY;UNTIL=20260104": ("UNTIL", date(2026, 1, 4), "before the start, 2026-01-05"),
    "FREQ=WEEKLY;WKST=XX": ("WKST", "XX", WEEKDAY),
    "FREQ=WEEKLY;BYDAY=MO,,TU": ("BYDAY", "", BYDAY),
    "FREQ=WEEKLY;BYDAY=MO-FR": ("BYDAY", "MO-FR", BYDAY),
    "FREQ=WEEKLY;BYDAY=ZZ": ("BYDAY", "ZZ", WEEKDAY),
    "FREQ=WEEKLY;BYDAY=1MO": ("BYDAY", "1MO", "no ordinal with FREQ=WEEKLY"),
    "FREQ=DAILY;BYDAY=-1MO": ("BYDAY", "-1MO", "no ordinal with FREQ=DAILY"),
    "FREQ=YEARLY;BYDAY=0MO": ("BYDAY", 0, "the ordinal must be 1 to 53 or -53 to -1"),
    "FREQ=YEARLY;BYDAY=54MO": ("BYDAY", 54, "the ordinal must be 1 to 53 or -53 to -1"),
    "FREQ=MONTHLY;BYDAY=6MO": ("BYDAY", "6MO", "no month has so many of a weekday"),
    "FREQ=YEARLY;BYMONTH=2;BYDAY=-6MO": ("BYDAY", "-6MO", "no month has so many of a weekday"),
    "FREQ=YEARLY;BYWEEKNO=2;BYDAY=1MO": ("BYDAY", "1MO", "no ordinal with BYWEEKNO"),
    "FREQ=MONTHLY;BYMONTHDAY=0": ("BYMONTHDAY", 0, "must be 1 to 31 or -31 to -1"),
    "FREQ=MONTHLY;BYMONTHDAY=32": ("BYMONTHDAY", 32, "must be 1 to 31 or -31 to -1"),
    "FREQ=MONTHLY;BYMONTHDAY=1,": ("BYMONTHDAY", "", NUMBER),
    "FREQ=WEEKLY;BYMONTHDAY=1": ("BYMONTHDAY", (1,), "not with FREQ=WEEKLY"),
    "FREQ=YEARLY;BYMONTH=13": ("BYMONTH", 13, "must be 1 to 12"),
    "FREQ=YEARLY;BYMONTH=-1": ("BYMONTH", -1, "must be 1 to 12"),
    "FREQ=YEARLY;BYYEARDAY=367": ("BYYEARDAY", 367, "must be 1 to 366 or -366 to -1"),
    "FREQ=DAILY;BYYEARDAY=1": ("BYYEARDAY", (1,), "not with FREQ=DAILY"),
    "FREQ=WEEKLY;BYYEARDAY=1": ("BYYEARDAY", (1,), "not with FREQ=WEEKLY"),
    "FREQ=MONTHLY;BYYEARDAY=1": ("BYYEARDAY", (1,), "not with FREQ=MONTHLY"),
    "FREQ=YEARLY;BYWEEKNO=54": ("BYWEEKNO", 54, "must be 1 to 53 or -53 to -1"),
    "FREQ=MONTHLY;BYWEEKNO=1": ("BYWEEKNO", (1,), "only with FREQ=YEARLY"),
    "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0": ("BYSETPOS", 0, "must be 1 to 366 or -366 to -1"),
    "FREQ=MONTHLY;BYSETPOS=1": ("BYSETPOS", (1,), "only with another BY part"),
    # Rules that never occur.
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30": ("RRULE", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", NEVER),
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30": ("RRULE", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", NEVER),
    "FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=1MO": (
        "RRULE",
        "FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=1MO",
        NEVER,
    ),
    "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2": ("RRULE", "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2", NEVER),
    "FREQ=DAILY;BYDAY=MO;BYSETPOS=2": ("RRULE", "FREQ=DAILY;BYDAY=MO;BYSETPOS=2", NEVER),
    "FREQ=DAILY;INTERVAL=7;BYDAY=TU": ("RRULE", "FREQ=DAILY;INTERVAL=7;BYDAY=TU", NEVER),
    "FREQ=WEEKLY;BYDAY=FR;UNTIL=20260108": ("RRULE", "FREQ=WEEKLY;UNTIL=20260108;BYDAY=FR", NEVER),
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused_rules_name_part_value_and_reason(text: str) -> None:
    with pytest.raises(InvalidRecurrence) as caught:
        Recurrence.parse(text, start=MONDAY)
    assert attrs.astuple(caught.value) == REFUSED[text]


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"frequency": "HOURLY"}, ("FREQ", "HOURLY", "finer than a day")),
        ({"interval": True}, ("INTERVAL", True, POSITIVE)),
        ({"interval": 1.0}, ("INTERVAL", 1.0, POSITIVE)),
        ({"by_month": ["2"]}, ("BYMONTH", "2", "must be 1 to 12")),
        ({"by_day": ["1"]}, ("BYDAY", "1", BYDAY)),
        ({"by_day": [3]}, ("BYDAY", 3, "a Weekday is needed")),
        ({"week_start": 0}, ("WKST", 0, "a Weekday is needed")),
        (
            {"until": datetime(2026, 12, 31)},
            ("UNTIL", datetime(2026, 12, 31), "has a time part: a date is needed"),
        ),
        (
            {"count": 1, "exdates": [MONDAY]},
            ("EXDATE", "FREQ=DAILY;COUNT=1", "takes every date away"),
        ),
    ],
)
def test_refused_fields(fields: dict[str, Any], error: tuple[str, object, str]) -> None:
    with pytest.raises(InvalidRecurrence) as caught:
        Recurrence(**{"start": MONDAY, "frequency": "DAILY", **fields})
    assert attrs.astuple(caught.value) == error


EARLY, LATE, NOON = date(1972, 12, 31), date(9999, 1, 1), datetime(2026, 1, 5, 12)


@pytest.mark.parametrize(
    "fields, field, value",
    [
        ({"start": EARLY}, "start", EARLY),
        ({"start": NOON}, "start", NOON),
        ({"until": LATE}, "UNTIL", LATE),
        ({"rdates": [EARLY]}, "rdates", EARLY),
        ({"exdates": [LATE]}, "exdates", LATE),
        ({"exdates": [NOON]}, "exdates", NOON),
    ],
)
def test_dates_out_of_range(fields: dict[str, Any], field: str, value: date) -> None:
    with pytest.raises(OutOfRange) as caught:
        Recurrence.daily(**{"start": MONDAY, **fields})
    assert (caught.value.field, caught.value.value) == (field, value)


def test_queries_out_of_range() -> None:
    rule = Recurrence.daily(MONDAY)
    with pytest.raises(OutOfRange) as first:
        rule.between(EARLY, MONDAY)
    with pytest.raises(OutOfRange) as last:
        rule.between(MONDAY, LATE)
    with pytest.raises(OutOfRange) as day:
        rule.occurs_on(NOON)
    errors = (first.value, last.value, day.value)
    assert [error.field for error in errors] == ["first", "last", "day"]
    assert [error.value for error in errors] == [EARLY, LATE, NOON]


@pytest.mark.parametrize(
    "make, field",
    [
        (lambda: Recurrence.dates(), "days"),
        (lambda: Recurrence.monthly([], start=MONDAY), "BYMONTHDAY"),
        (lambda: Recurrence.monthly_on([], start=MONDAY), "BYDAY"),
    ],
)
def test_constructors_need_one(make: Any, field: str) -> None:
    with pytest.raises(InvalidRecurrence) as caught:
        make()
    assert attrs.astuple(caught.value) == (field, (), "at least one is needed")


def test_a_rule_is_text() -> None:
    with pytest.raises(InvalidRecurrence) as caught:
        Recurrence.parse(None, start=MONDAY)  # type: ignore[arg-type]
    assert attrs.astuple(caught.value) == ("RRULE", None, "a text is needed")


# ----------------------------------------------------------------------------- cost


def test_daily_and_weekly_rules_never_ask_dateutil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periods, "rrule", None)
    for rule in (
        Recurrence.weekdays(MONDAY),
        Recurrence.weekly("MO", start=MONDAY, every=2, count=500),
        Recurrence.parse("FREQ=WEEKLY;BYDAY=MO,TU;BYMONTH=3;BYSETPOS=-1", start=MONDAY),
        Recurrence.parse("FREQ=DAILY;BYMONTHDAY=-1;BYMONTH=3;COUNT=9", start=MONDAY),
    ):
        low = day_of(rule.first)
        assert rule.days(low, low + 84)[0] == low


def test_a_far_query_costs_no_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(*parts: Any, **named: Any) -> Any:
        asked.append(named["dtstart"])
        return dateutil.rrule(*parts, **named)

    monkeypatch.setattr(periods, "rrule", counted)
    periods._offsets.cache_clear()
    rule = Recurrence.parse("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=3;COUNT=90000", start=MONDAY)
    assert len(asked) <= 2  # the search for a first match
    assert rule.last is not None  # counts 90,000 months once, by at most 21 kinds of year
    assert len(asked) <= 21 * 12
    asked.clear()
    for month in range(1, 13):
        rule.between(date(9000, month, 1), date(9000, month, 1) + timedelta(days=27))
    assert asked == []
