"""What decides each stretch of a time, in order and without gaps."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    FOLD,
    NY,
    PRACTICE,
    SMITH,
    TOKYO,
    ZONES,
    ask,
    at,
    blocking,
    busy,
    closed,
    extra,
    mins,
    on,
    replaced,
    room,
    rule,
    visit,
)

from medsched.domain.appointment_types import Need
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.explanations import Stretch
from medsched.domain.requests import Reason
from medsched.engine.explain import explain
from medsched.engine.inquiry import Inquiry
from medsched.engine.timeline import timeline
from medsched.errors import InvalidInterval, NaiveDatetime, OutOfRange

ITEMS = (
    rule("06:00-18:00"),
    blocking("08:00-10:00"),
    closed(of=PRACTICE, id="holiday", hours="10:00-14:00"),
    extra("11:00-13:00"),
    closed(id="off", hours="12:30-13:30"),
)


def told(inquiry: Inquiry, low: str, high: str) -> list[tuple[str, str, bool, str | None]]:
    """(from, to, open, by) on New York's wall."""
    found: list[tuple[str, str, bool, str | None]] = []
    for one in timeline(inquiry, at(low, NY), at(high, NY)):
        start, by = wall(one.start), one.decided_by.by if one.decided_by else None
        if found and found[-1][2:] == (one.open, by):  # only what does not decide has changed
            start = found.pop()[0]
        found.append((start, wall(one.end), one.open, by))
    return found


def wall(instant: datetime) -> str:
    return f"{instant.astimezone(ZONES.zone(NY).tzinfo):%H:%M}"


def holds(stretches: tuple[Stretch, ...], low: datetime, high: datetime) -> None:
    """In order, without gaps, from the first to the last."""
    assert stretches[0].start == low
    assert stretches[-1].end == high
    for one, other in pairwise(stretches):
        assert one.end == other.start
    assert all(one.start < one.end for one in stretches)


def test_each_layer_where_it_decides() -> None:
    assert told(ask(*ITEMS), f"{DAY} 00:00", "2026-02-05 00:00") == [
        ("00:00", "06:00", False, None),
        ("06:00", "08:00", True, "rule"),
        ("08:00", "10:00", False, "meeting"),
        ("10:00", "11:00", False, "holiday"),
        ("11:00", "12:30", True, "extra"),
        ("12:30", "13:30", False, "off"),
        ("13:30", "14:00", False, "holiday"),
        ("14:00", "18:00", True, "rule"),
        ("18:00", "00:00", False, None),
    ]


def test_it_begins_and_ends_where_it_was_asked_to() -> None:
    assert told(ask(rule()), f"{DAY} 10:07", f"{DAY} 10:08") == [("10:07", "10:08", True, "rule")]
    assert timeline(ask(rule()), at(f"{DAY} 10:00"), at(f"{DAY} 10:00")) == ()


def test_it_tells_of_hours_and_not_of_what_is_taken() -> None:
    taken = Claim.of("smith", at(f"{DAY} 10:00", NY), at(f"{DAY} 11:00", NY))
    span = (f"{DAY} 09:00", f"{DAY} 12:00")
    assert told(ask(rule(), claims=[taken]), *span) == told(ask(rule()), *span)


def test_it_tells_the_layers_of_each_stretch() -> None:
    stretches = timeline(ask(*ITEMS), at(f"{DAY} 12:30", NY), at(f"{DAY} 13:00", NY))
    (one,) = [stretch for stretch in stretches if stretch.start == at(f"{DAY} 12:30", NY)]
    assert {cover.by for cover in one.layers} >= {"rule", "holiday", "extra", "off"}
    assert [cover.by for cover in one.layers if cover.wins] == ["off"]
    assert "closed" in str(one)


def test_without_any_hours_it_is_one_closed_stretch() -> None:
    (one,) = timeline(ask(), at("2026-01-01 00:00"), at("2026-02-01 00:00"))
    assert (one.open, one.decided_by, one.layers) == (False, None, ())
    assert "no hours" in str(one)


@pytest.mark.parametrize(
    "items",
    [
        ITEMS,
        (rule("22:00-06:00 overnight"), closed(whole_shifts=True)),
        (rule("22:00-06:00 overnight"), replaced("08:00-09:00")),
        (rule("09:00-12:00", types={"procedure"}), extra("10:00-11:00", types={"visit"})),
        (on(FOLD, "00:00-03:00"), rule("09:00-10:00", id="b", timezone=TOKYO)),
    ],
)
@pytest.mark.parametrize("day", [DAY, FOLD])
def test_every_minute_agrees_with_explain(items: tuple[object, ...], day: date) -> None:
    inquiry = ask(*items, type=visit(5), provider=attrs.evolve(SMITH))  # type: ignore[arg-type]
    low, high = at(f"{day} 00:00", NY), at(f"{day} 00:00", NY) + timedelta(days=2)
    stretches = timeline(inquiry, low, high)
    holds(stretches, low, high)
    for stretch in stretches:
        for instant in (stretch.start, stretch.end - mins(1)):
            here = explain(inquiry, instant)
            winners = [cover for cover in here.layers if cover.wins]
            assert (stretch.decided_by is None) == (not winners)
            if stretch.decided_by is not None:
                assert winners[0].by == stretch.decided_by.by
                assert winners[0].opens == stretch.open


def test_bad_questions() -> None:
    inquiry = ask(rule())
    with pytest.raises(NaiveDatetime):
        timeline(inquiry, datetime(2026, 1, 1), at("2026-01-02 00:00"))
    with pytest.raises(InvalidInterval):
        timeline(inquiry, at("2026-01-02 00:00"), at("2026-01-01 00:00"))
    with pytest.raises(InvalidInterval):
        timeline(inquiry, at("2026-01-02 00:00"), at("2036-01-01 00:00"))
    with pytest.raises(OutOfRange):
        timeline(inquiry, at("1972-12-31 00:00"), at("1973-01-02 00:00"))


def standing(inquiry: Inquiry, low: str, high: str) -> list[tuple[str, list[str], list[Reason]]]:
    """Each stretch: its local times, the ids of its claims, and the reasons that stand in it."""
    return [
        (
            f"{wall(one.start)}-{wall(one.end)}",
            [claim.id for claim in one.claims],
            [violation.reason for violation in one.violations],
        )
        for one in timeline(inquiry, at(f"{DAY} {low}", NY), at(f"{DAY} {high}", NY))
    ]


def test_claims_are_told_where_they_lie() -> None:
    claims = [busy("09:30", "10:00", id="a"), busy("09:45", "10:15", id="b", of=room("r1"))]
    assert standing(ask(rule(), claims=claims), "09:00", "11:00") == [
        ("09:00-09:30", [], []),
        ("09:30-09:45", ["a"], []),
        ("09:45-10:00", ["a", "b"], []),
        ("10:00-10:15", ["b"], []),
        ("10:15-11:00", [], []),
    ]


def test_an_expired_hold_is_not_standing() -> None:
    hold = attrs.evolve(busy("09:30", "10:00"), kind=ClaimKind.HOLD, expires=at(f"{DAY} 05:00"))
    inquiry = ask(rule(), claims=[hold], now=at(f"{DAY} 05:00"))
    assert standing(inquiry, "09:00", "11:00") == [("09:00-11:00", [], [])]


def test_the_rules_of_time_stand_until_they_end() -> None:
    inquiry = ask(rule(), type=visit(notice=mins(60)), now=at(f"{DAY} 09:00", NY))
    assert standing(inquiry, "09:00", "11:00") == [
        ("09:00-10:00", [], [Reason.TOO_SOON]),
        ("10:00-11:00", [], []),
    ]


def test_a_room_that_is_closed_stands_against_the_type() -> None:
    items = [rule(), rule("09:30-10:30", id="room", of=room("r1"))]
    needed = standing(ask(*items, type=visit(needs=[Need.room("r1")])), "09:00", "11:00")
    assert needed == [
        ("09:00-09:30", [], [Reason.RESOURCE_CLOSED]),
        ("09:30-10:30", [], []),
        ("10:30-11:00", [], [Reason.RESOURCE_CLOSED]),
    ]
    chosen = standing(ask(*items, type=visit(needs=[Need.room("r1", "r2")])), "09:00", "11:00")
    assert chosen == [("09:00-11:00", [], [])]


def test_a_type_of_certain_days_stands_from_midnight_to_midnight() -> None:
    night = rule("22:00-02:00 overnight", type_days={"visit": "TH"})
    found = timeline(ask(night), at(f"{DAY} 22:00", NY), at("2026-02-05 02:00", NY))
    assert [[one.reason for one in stretch.violations] for stretch in found] == [[Reason.TYPE], []]
    assert found[1].start == at("2026-02-05 00:00", NY)
