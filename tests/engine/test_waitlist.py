"""Whose turn it is, what suits them, and who gets which: held against the plainest reading."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any

import attrs
import pytest
from tests.engine.kit import FOLD, NY, ask, at, rule

pytest.importorskip("hypothesis", reason="the extra testing is not installed")

from hypothesis import given
from hypothesis import strategies as st

from medsched.domain.records import Resource
from medsched.domain.requests import Reason, Violation
from medsched.domain.starts import ANYWHERE
from medsched.domain.waitlist import PassedSlot, WaitlistEntry
from medsched.domain.wishes import within
from medsched.engine.slots import list_slots
from medsched.engine.waitlist import (
    FURTHEST,
    against_all,
    competes,
    estimated,
    in_order,
    is_past,
    same_list,
    search_for,
)
from medsched.engine.waitlist_turns import (
    ASKS,
    Answer,
    HandedOut,
    Opening,
    hand_out,
    suits,
    wishes_for,
)

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
DAYS = [date(2026, 1, 5) + timedelta(days=number) for number in range(4)]


def entry(**fields: Any) -> WaitlistEntry:
    usual: dict[str, Any] = {
        "id": "e",
        "patient": "ada",
        "type": "visit",
        "earliest": DAYS[0],
        "latest": DAYS[-1],
        "entered_at": NOW,
    }
    return WaitlistEntry(**usual | fields)


def opening(day: date = DAYS[0], minute: int = 540, **fields: Any) -> Opening:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minute)
    usual: dict[str, Any] = {"provider": "smith", "type": "visit", "location": None}
    return Opening(start=start, day=day, minute=minute, **usual | fields)


# --------------------------------------------------------------------------- properties

_PROVIDERS = ("jones", "kim", "smith")
_TYPES = ("check", "visit")
_SPANS = st.lists(st.sampled_from(DAYS), min_size=2, max_size=2).map(sorted)


@st.composite
def openings(draw: st.DrawFn) -> list[Opening]:
    """Free slots in order of time, none of which takes anything from another."""
    made = st.builds(
        opening,
        st.sampled_from(DAYS),
        st.integers(8, 11).map(lambda hour: hour * 60),
        provider=st.sampled_from(_PROVIDERS),
        type=st.sampled_from(_TYPES),
        location=st.sampled_from([None, "main"]),
        seats=st.sampled_from([1, 1, 1, 2, 3]),
    )
    found = draw(st.lists(made, max_size=12, unique_by=lambda one: one[:4]))
    return sorted(found, key=lambda one: (one.start, one.provider, one.type, one.location or ""))


@st.composite
def waiting(draw: st.DrawFn, free: list[Opening]) -> list[WaitlistEntry]:
    """Entries that may want some of it, and passed some of it."""
    found = []
    for number in draw(st.permutations(range(draw(st.integers(0, 10))))):
        first, last = draw(_SPANS)
        passed = draw(st.lists(st.sampled_from(free), max_size=3)) if free else []
        found.append(
            entry(
                id=f"e{number}",
                patient=f"p{number}",
                type=draw(st.sampled_from(_TYPES)),
                providers=draw(st.frozensets(st.sampled_from(_PROVIDERS), max_size=2)),
                earliest=first,
                latest=last,
                hours=draw(st.sampled_from([(), ("09:00-10:01",), ("11:00-09:30 overnight",)])),
                weekdays=draw(st.sampled_from([None, "MO,WE", "TU"])),
                urgency=draw(st.integers(0, 2)),
                entered_at=NOW + timedelta(minutes=draw(st.integers(0, 2))),
                passed=[PassedSlot(one.provider, one.location, one.start) for one in passed],
            )
        )
    return found


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[WaitlistEntry], list[Opening], set[Any], set[Opening]]:
    """Entries, openings, which of them a patient cannot have, and which nobody can."""
    free = draw(openings())
    entries = draw(waiting(free))
    pairs = [(one.id, two) for one in entries for two in free]
    not_theirs = set(draw(st.lists(st.sampled_from(pairs), max_size=8))) if pairs else set()
    gone = set(draw(st.lists(st.sampled_from(free), max_size=3))) if free else set()
    return entries, free, not_theirs, gone


def days_of(free: list[Opening]) -> Iterator[Iterator[Opening]]:
    """Openings as they are read: a day at a time."""
    return (some for _, some in groupby(free, key=lambda one: one.start.date()))


def nothing(who: WaitlistEntry, since: Opening) -> list[Opening]:
    """What a patient can have who can have nothing."""
    return []


def plainly_ordered(entries: list[WaitlistEntry]) -> list[WaitlistEntry]:
    """Sorted three times, the least important first: a sort is stable."""
    found = sorted(entries, key=lambda one: one.id)
    found.sort(key=lambda one: one.entered_at)
    found.sort(key=lambda one: one.urgency, reverse=True)
    return found


@given(lines())
def test_each_slot_goes_to_the_first_in_order_whom_it_suits(
    drawn: tuple[list[WaitlistEntry], list[Opening], set[Any], set[Opening]],
) -> None:
    entries, free, not_theirs, gone = drawn
    expected: dict[str, Opening] = {}
    for one in free:
        for _ in range(0 if one in gone else one.seats):
            for who in plainly_ordered(entries):
                can = suits(who, one) and (who.id, one) not in not_theirs
                if can and who.id not in expected:
                    expected[who.id] = one
                    break
    got: dict[str, Opening] = {}
    found: set[Opening] = set()

    def offer(who: WaitlistEntry, one: Opening) -> Answer:
        same = one._replace(seats=next(it.seats for it in free if it[:6] == one[:6]))
        if same in gone:
            found.add(same)
            return Answer.GONE
        if (who.id, same) in not_theirs:
            return Answer.NOT_THEIRS
        assert who.id not in got
        got[who.id] = same
        return Answer.OFFERED

    def theirs(who: WaitlistEntry, since: Opening) -> list[Opening]:
        own = [one for one in free if one.type == who.type and (who.id, one) not in not_theirs]
        return [one for one in own if one.start >= since.start]

    offered, moved = 0, True
    while moved:  # what was found gone is not there when it is looked at anew
        left = [
            one._replace(seats=one.seats - list(got.values()).count(one))
            for one in free
            if one not in found
        ]
        waits = [one for one in entries if one.id not in got]
        more = days_of([one for one in left if one.seats])
        done = hand_out(waits, more, offer, theirs, most=99)
        assert not done.full
        offered, moved = offered + done.offered, done.moved
    assert got == expected
    assert offered == len(expected)


@given(lines(), st.integers(0, 5))
def test_it_stops_when_enough_are_offered_and_when_the_order_moves(
    drawn: tuple[list[WaitlistEntry], list[Opening], set[Any], set[Opening]], most: int
) -> None:
    entries, free, *_ = drawn
    got: list[str] = []

    def offer(who: WaitlistEntry, one: Opening) -> Answer:
        got.append(who.id)
        return Answer.OFFERED

    all_of = hand_out(entries, days_of(free), offer, nothing, most=99)
    every, got[:] = list(got), []
    some = hand_out(entries, days_of(free), offer, nothing, most=most)
    assert got == every[:most]
    assert some.full == (all_of.offered > most)
    moved = hand_out(entries, days_of(free), lambda *_: Answer.MOVED, nothing, most=99)
    assert moved == HandedOut(moved=bool(every))


@given(openings().flatmap(waiting))
def test_the_order_is_urgency_then_entry_then_id(entries: list[WaitlistEntry]) -> None:
    assert in_order(reversed(entries)) == plainly_ordered(entries)


@given(openings().flatmap(lambda free: st.tuples(waiting(free), st.just(free))))
def test_one_search_finds_all_that_they_wish_for(
    drawn: tuple[list[WaitlistEntry], list[Opening]],
) -> None:
    entries, free = drawn
    for some in (entries, *([one for one in entries if one.type == type] for type in _TYPES)):
        search = search_for(some, NOW)
        for one in free:
            if any(wishes_for(who, one) for who in some):
                assert search is not None
                assert search.types is not None
                assert one.type in search.types
                assert search.first <= one.day <= search.last
                assert search.providers is None or one.provider in search.providers
                assert search.weekdays is None or one.day.weekday() in search.weekdays
                assert within(search.hours, one.minute)


# ------------------------------------------------------------------------------ examples


def test_openings_are_read_as_far_as_they_are_needed() -> None:
    read: list[Opening] = []

    def coming() -> Iterator[list[Opening]]:
        for day in (*DAYS, *(DAYS[-1] + timedelta(days=number) for number in range(1, 30))):
            read.append(opening(day))
            yield read[-1:]

    some = [entry(id="a"), entry(id="b", weekdays="TU")]
    assert hand_out(some, coming(), lambda *_: Answer.OFFERED, nothing, most=9).offered == 2
    assert len(read) == 2
    read.clear()
    late = [entry(id="c", hours="20:00-21:00")]
    assert hand_out(late, coming(), lambda *_: Answer.OFFERED, nothing, most=9) == HandedOut()
    assert len(read) == len(DAYS) + 3, "not far beyond the last date"


def test_whoever_was_refused_a_slot_is_asked_for_what_they_can_have_alone() -> None:
    free = [opening(day, minute) for day in DAYS for minute in range(480, 600, 5)]
    asked: list[Opening] = []

    def refuse(who: WaitlistEntry, one: Opening) -> Answer:
        asked.append(one)
        return Answer.OFFERED if one == free[-1] else Answer.NOT_THEIRS

    assert hand_out([entry()], days_of(free), refuse, nothing, most=9) == HandedOut()
    assert asked == free[:1]
    asked.clear()
    gone = opening(DAYS[-1], 1000)  # found by this search only: it came free since
    theirs = [free[7], gone, free[-1]]
    theirs.sort(key=lambda one: one.start)
    assert hand_out([entry()], days_of(free), refuse, lambda *_: theirs, most=9).offered == 1
    assert asked == [free[0], free[7], free[-1]]
    asked.clear()
    assert hand_out([entry()], days_of(free), refuse, lambda *_: free, most=9) == HandedOut()
    assert asked == free[:ASKS]


def test_where_a_grid_is_packed_nothing_more_is_handed_out_around_an_offer() -> None:
    free = [opening(), opening(minute=600), opening(provider="jones", minute=605), opening(DAYS[3])]
    some = [entry(id="a"), entry(id="b")]
    other = [*some, entry(id="c", providers="jones")]

    def done(entries: list[WaitlistEntry], answer: Answer, *, packed: bool = True) -> HandedOut:
        return hand_out(entries, days_of(free), lambda *_: answer, nothing, most=9, packed=packed)

    assert done(some, Answer.OFFERED, packed=False) == HandedOut(2)
    assert done(some, Answer.OFFERED) == HandedOut(1, moved=True)
    assert done(other[::2], Answer.OFFERED) == HandedOut(2, moved=True), "another provider"
    assert done(other[::2], Answer.SHARED) == HandedOut(1, moved=True), "and a room of both"
    far = [some[0], entry(id="b", earliest=DAYS[3])]
    assert done(far, Answer.SHARED) == HandedOut(2, moved=True), "days later"
    assert done(some, Answer.GONE) == HandedOut(moved=True)
    assert done(some, Answer.GONE, packed=False) == HandedOut()


def test_what_was_taken_for_one_type_is_nobody_elses_in_the_same_look() -> None:
    free = [opening(type="check"), opening()]
    some = [entry(id="a", type="check"), entry(id="b")]

    def offer(who: WaitlistEntry, one: Opening) -> Answer:
        return Answer.GONE if who.id == "a" else Answer.OFFERED

    assert hand_out(some, days_of(free), offer, nothing, most=9) == HandedOut(moved=True)


def test_whoever_is_passed_over_is_asked_once() -> None:
    free, asked = [opening(), opening(minute=600)], list[str]()

    def offer(who: WaitlistEntry, one: Opening) -> Answer:
        asked.append(who.id)
        return Answer.PASSED_OVER if who.id == "a" else Answer.OFFERED

    some = [entry(id="a"), entry(id="b")]
    assert hand_out(some, days_of(free), offer, nothing, most=9) == HandedOut(1)
    assert asked == ["a", "b"]


def test_dates_and_times_are_those_of_the_wall() -> None:
    shown = list_slots(ask(rule("00:00-24:00")), at("2026-11-01", NY), at("2026-11-02", NY))
    found = [Opening.of(one) for one in shown]
    assert {one.day for one in found} == {FOLD}
    early = entry(earliest=FOLD, latest=FOLD, hours="01:00-02:00")
    assert sum(suits(early, one) for one in found) == 4, "an hour that is shown twice"
    assert len(found) == 50


@pytest.mark.parametrize(
    "one, other, compete, same",
    [
        ({}, {}, True, True),
        ({}, {"type": "check"}, False, False),
        ({}, {"patient": "bob"}, True, False),
        ({}, {"providers": "smith"}, True, False),
        ({"providers": "jones"}, {"providers": "smith"}, False, False),
        ({"providers": ["smith", "jones"]}, {"providers": "smith"}, True, False),
        ({"providers": "smith"}, {"providers": "smith"}, True, True),
        ({"latest": DAYS[0]}, {"earliest": DAYS[0]}, True, True),
        ({"latest": DAYS[0]}, {"earliest": DAYS[1]}, False, False),
    ],
)
def test_who_competes_and_who_is_on_one_list(
    one: dict[str, Any], other: dict[str, Any], compete: bool, same: bool
) -> None:
    both = entry(**one), entry(**other)
    for first, second in (both, both[::-1]):
        assert competes(first, second) is compete
        assert same_list(first, second) is same


@pytest.mark.parametrize(
    "position, accepted, days",
    [(1, 0, None), (1, 28, 1), (2, 28, 2), (1, 1, 28), (3, 56, 2), (1, 1000, 1), (5, 14, 10)],
)
def test_an_estimate(position: int, accepted: int, days: int | None) -> None:
    expected = None if days is None else timedelta(days=days)
    assert estimated(position, accepted) == expected


def test_a_date_is_past_when_it_is_over_everywhere() -> None:
    own = entry(latest=DAYS[0])
    over = datetime(2026, 1, 6, 12, tzinfo=UTC)
    assert is_past(own, over)
    assert not is_past(own, over - timedelta(microseconds=1))
    assert not is_past(entry(latest=date(9998, 12, 31)), over)


def test_a_search_is_bounded() -> None:
    forever = entry(earliest=date(1973, 1, 1), latest=date(9998, 12, 31), referral="R")
    search = search_for([forever, entry(latest=date(2026, 1, 5))], NOW)
    assert search is not None
    assert (search.first, search.last) == (date(2026, 1, 4), date(2026, 1, 3) + FURTHEST)
    assert search.location is ANYWHERE
    assert (search.providers, search.referred, search.prepaid) == (None, True, False)
    assert search_for([], NOW) is None
    past = attrs.evolve(forever, latest=date(2026, 1, 3))
    assert search_for([past], NOW) is None
    late = entry(earliest=date(9998, 12, 30), latest=date(9998, 12, 31))
    assert search_for([late], NOW) is None
    assert search_for([late, entry()], NOW) == search_for([entry()], NOW)
    edge = date(2026, 1, 3) + FURTHEST
    assert search_for([entry(earliest=edge, latest=edge)], NOW) is not None
    beyond = edge + timedelta(days=1)
    assert search_for([entry(earliest=beyond, latest=beyond)], NOW) is None


@pytest.mark.parametrize(
    "reason, resource, everybody",
    [
        (Reason.TAKEN, Resource("provider", "smith"), True),
        (Reason.TAKEN, Resource("patient", "ada"), False),
        (Reason.REFERRAL, Resource("patient", "ada"), False),
        (Reason.DAY_FULL, None, True),
        (Reason.HOUSE_RULE, None, False),
    ],
)
def test_what_is_refused_to_everybody(
    reason: Reason, resource: Resource | None, everybody: bool
) -> None:
    found = Violation(reason=reason, message="no", resource=resource)
    theirs = Violation(reason=Reason.TOO_CLOSE, message="no", resource=Resource("patient", "ada"))
    assert against_all([theirs, found]) is everybody
