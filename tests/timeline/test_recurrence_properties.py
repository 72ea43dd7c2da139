"""Random rules against a plain replay by dateutil from DTSTART on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from dateutil import rrule as dateutil

from medsched.errors import InvalidRecurrence
from medsched.timeline.instants import FIRST_DAY, LAST_DATE, LAST_DAY, date_of, day_of
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.rrule_parts import Frequency
from medsched.timeline.weekdays import ByDay, Weekday

hypothesis = pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, assume, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

DAYS = {  # in a period, for intervals of like length at each frequency
    Frequency.DAILY: 1,
    Frequency.WEEKLY: 7,
    Frequency.MONTHLY: 30,
    Frequency.YEARLY: 365,
}


# ------------------------------------------------------------------- the oracle


def replay(fields: dict[str, Any], last: date = LAST_DATE) -> list[int]:
    """What dateutil yields from DTSTART to ``last``, then + RDATE - EXDATE."""
    until = fields.get("until")
    matches = dateutil.rrule(
        getattr(dateutil, fields["frequency"]),
        dtstart=datetime.combine(fields["start"], time()),
        interval=fields.get("interval", 1),
        wkst=int(fields.get("week_start", 0)),
        count=fields.get("count"),
        until=None if until is None else datetime.combine(until, time()),
        bymonth=fields.get("by_month") or None,
        byweekno=fields.get("by_week_no") or None,
        byyearday=fields.get("by_year_day") or None,
        bymonthday=fields.get("by_month_day") or None,
        byweekday=[dateutil.weekday(*_pair(day)) for day in fields.get("by_day", ())] or None,
        bysetpos=fields.get("by_set_pos") or None,
    )
    days: set[int] = set()
    for match in matches:
        if match.date() > last:
            break
        days.add(day_of(match.date()))
    days |= {day_of(day) for day in fields.get("rdates", ()) if day <= last}
    return sorted(days - {day_of(day) for day in fields.get("exdates", ())})


def _pair(day: ByDay) -> tuple[int, int | None]:
    return int(day.weekday), day.ordinal


# ----------------------------------------------------------------- random rules


def numbers(most: int, *, usual: Iterable[int] = ()) -> st.SearchStrategy[tuple[int, ...]]:
    signed = st.integers(1, most) | st.integers(-most, -1)
    one = signed | st.sampled_from(sorted(usual)) if usual else signed
    return st.lists(one, min_size=1, max_size=4, unique=True).map(tuple)


def weekdays(ordinals: st.SearchStrategy[int] | None) -> st.SearchStrategy[tuple[ByDay, ...]]:
    """Plain ones, or all with an ordinal: dateutil gets a mixture wrong."""
    plain = st.builds(ByDay, st.sampled_from(Weekday))
    either = [st.lists(plain, min_size=1, max_size=7, unique=True)]
    if ordinals is not None:
        numbered = st.builds(ByDay, st.sampled_from(Weekday), ordinals)
        either.append(st.lists(numbered, min_size=1, max_size=4, unique=True))
    return st.one_of(either).map(tuple)


def parts_of(frequency: Frequency, *, in_months: bool) -> dict[str, st.SearchStrategy[Any]]:
    ordinals = st.integers(1, 5) | st.integers(-5, -1)
    if frequency is Frequency.YEARLY and not in_months:
        ordinals |= st.integers(1, 53) | st.integers(-53, -1)
    parts: dict[str, st.SearchStrategy[Any]] = {
        "by_day": weekdays(ordinals if frequency in ("MONTHLY", "YEARLY") else None)
    }
    if frequency is not Frequency.WEEKLY:
        parts["by_month_day"] = numbers(31, usual=(1, 13, 28, 29, 30, 31, -1))
    if frequency is Frequency.YEARLY:
        parts["by_year_day"] = numbers(366, usual=(1, 60, 365, 366, -1, -366))
        parts["by_week_no"] = numbers(53, usual=(1, 20, 52, 53, -1, -52, -53))
    return parts


@st.composite
def patterns(draw: st.DrawFn) -> dict[str, Any]:
    """The BY parts, frequency and week start of a rule that RFC 5545 allows."""
    frequency = draw(st.sampled_from(Frequency))
    fields: dict[str, Any] = {"frequency": frequency}
    if draw(st.integers(0, 3)) == 0:
        months = st.lists(st.integers(1, 12), min_size=1, max_size=6, unique=True)
        fields["by_month"] = tuple(draw(months))
    parts = parts_of(frequency, in_months="by_month" in fields)
    least = min(draw(st.integers(0, 3)), 1)
    names = st.lists(st.sampled_from(sorted(parts)), min_size=least, max_size=2, unique=True)
    for name in draw(names):
        fields[name] = draw(parts[name])
    if fields.get("by_week_no") and any(day.ordinal for day in fields.get("by_day", ())):
        del fields["by_week_no"]
    if len(fields) > 1 and draw(st.integers(0, 2)) == 0:
        position = st.sampled_from([1, 2, 3, 5, -1, -2, -3]) | st.integers(-366, -1)
        fields["by_set_pos"] = tuple(draw(st.lists(position, min_size=1, max_size=3)))
    fields["week_start"] = draw(st.sampled_from(Weekday))
    return fields


def near(day: date, before: int, after: int) -> st.SearchStrategy[date]:
    return st.integers(-before, after).map(lambda days: day + timedelta(days=days))


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Rules of small intervals, with COUNT or UNTIL, RDATE and EXDATE."""
    start = draw(st.dates(date(1974, 6, 1), date(2060, 12, 31)))
    fields = draw(patterns()) | {"start": start}
    fields["interval"] = draw(st.just(1) | st.integers(1, 5) | st.integers(1, 40))
    match draw(st.sampled_from(["endless", "endless", "count", "until"])):
        case "count":
            fields["count"] = draw(st.integers(1, 12) | st.integers(1, 200))
        case "until":
            fields["until"] = draw(near(start, 0, 90) | near(start, 0, 4000))
    if draw(st.booleans()):
        fields["rdates"] = draw(st.frozensets(near(start, 365, 800), max_size=4))
        fields["exdates"] = draw(st.frozensets(near(start, 0, 20) | near(start, 365, 800)))
    return fields


@st.composite
def sparse_rules(draw: st.DrawFn) -> dict[str, Any]:
    """Rules of intervals so great that dateutil can replay them to the end of the range."""
    fields = draw(patterns()) | {"start": draw(st.dates(date(1973, 1, 1), date(9990, 12, 31)))}
    least = 20_000 // DAYS[fields["frequency"]]
    fields["interval"] = draw(st.integers(least, 10 * least) | st.integers(least, 10**9))
    if draw(st.integers(0, 3)) == 0:
        fields["count"] = draw(st.integers(1, 30) | st.just(10**9))
    return fields


def made(fields: dict[str, Any]) -> Recurrence:
    """The rule; an example whose rule has no date is dropped."""
    try:
        return Recurrence(**fields)
    except InvalidRecurrence as error:
        assume(error.field not in ("RRULE", "EXDATE"))
        raise


def examples(number: int) -> settings:
    # Nearly all the time goes into the oracle's replays; some rules take it long.
    return settings(max_examples=number, suppress_health_check=[HealthCheck.too_slow])


# ------------------------------------------------------------------- properties


@examples(1200)
@given(rules(), st.data())
def test_days_are_those_of_a_replay(fields: dict[str, Any], data: st.DataObject) -> None:
    rule = made(fields)
    start = day_of(rule.start)
    low = start + data.draw(st.integers(-60, 1200) | st.integers(500, 6000), "low")
    high = low + data.draw(st.integers(1, 60) | st.integers(300, 900), "length")
    whole = replay(fields, date_of(high - 1))
    assert rule.days(FIRST_DAY, high) == whole
    expected = [day for day in whole if day >= low]
    assert rule.days(low, high) == expected
    middle = data.draw(st.integers(low, high), "middle")
    assert rule.days(low, middle) + rule.days(middle, high) == expected
    assert rule.occurs_on(date_of(low)) == (low in expected)


@examples(300)
@given(sparse_rules())
def test_sparse_rules_are_those_of_a_replay_to_the_end(fields: dict[str, Any]) -> None:
    expected = replay(fields)
    if not expected:
        with pytest.raises(InvalidRecurrence) as caught:
            Recurrence(**fields)
        assert (caught.value.field, caught.value.why[:12]) == ("RRULE", "never occurs")
        return
    rule = Recurrence(**fields)
    assert rule.days(FIRST_DAY, LAST_DAY + 1) == expected
    assert day_of(rule.first) == expected[0]
    last = rule.last
    assert last == (None if rule.count is None else date_of(expected[-1]))


@examples(300)
@given(rules())
def test_first_and_last_bound_a_finite_rule(fields: dict[str, Any]) -> None:
    assume("count" in fields or "until" in fields)
    rule = made(fields)
    expected = tuple(map(date_of, replay(fields)))
    assert (rule.first, rule.last) == (expected[0], expected[-1])
    assert rule.between(expected[0], expected[-1]) == expected


@examples(500)
@given(rules())
def test_text_reads_back(fields: dict[str, Any]) -> None:
    rule = made(fields)
    again = Recurrence.parse(str(rule), start=rule.start, rdates=rule.rdates, exdates=rule.exdates)
    assert again == rule
    assert again.rule == rule.rule


@examples(200)
@given(rules(), st.sampled_from(["MONTHLY", "YEARLY"]), st.data())
def test_a_plain_weekday_beside_an_ordinal_means_either(
    fields: dict[str, Any], frequency: str, data: st.DataObject
) -> None:
    fields = {"frequency": Frequency(frequency), "start": fields["start"]}
    plain = data.draw(st.builds(ByDay, st.sampled_from(Weekday)))
    numbered = data.draw(st.builds(ByDay, st.sampled_from(Weekday), st.integers(-5, -1)))
    both = Recurrence(**fields, by_day=(plain, numbered))
    low = day_of(both.start)
    last = date_of(low + 1000)
    separate = (replay(fields | {"by_day": (day,)}, last) for day in (plain, numbered))
    assert both.days(low, low + 1001) == sorted(set().union(*separate))
