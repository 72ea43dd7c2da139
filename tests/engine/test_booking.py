"""Deciding a booking: it takes what the slot needs, buffers included, or says why it cannot."""

from __future__ import annotations

import random
from datetime import datetime

from tests.engine.kit import (
    DAY,
    EPOCH,
    MINUTE,
    NY,
    SMITH,
    ask,
    at,
    location,
    mins,
    minute,
    patient,
    room,
    rule,
    starts,
    visit,
)

from medsched.domain.appointment_types import Need
from medsched.domain.claims import Claim
from medsched.domain.ledger import clash, rows_of
from medsched.domain.places import Location
from medsched.domain.records import Resource
from medsched.domain.requests import Reason
from medsched.engine.booking import Plan, plan
from medsched.engine.inquiry import Inquiry

TEN = minute(f"{DAY} 10:00", NY)


def planned(inquiry: Inquiry, start: int = TEN, prefer: tuple[Resource, ...] = ()) -> Plan:
    found = plan(inquiry, start, prefer=prefer)
    assert isinstance(found, Plan), found
    return found


def local(low: int, high: int) -> str:
    zone = at(f"{DAY} 00:00", NY) - EPOCH
    first = zone // MINUTE
    return "-".join(f"{(m - first) // 60:02d}:{(m - first) % 60:02d}" for m in (low, high))


def taken(found: Plan) -> dict[str, str]:
    return {str(resource): local(low, high) for resource, low, high in found.spans}


def test_everybody_is_claimed_with_buffers_of_their_own() -> None:
    typed = visit(
        buffer_before=mins(5),
        buffer_after=mins(10),
        needs=[Need.room("r1", before=mins(15), after=mins(20)), Need.device("d1")],
    )
    found = planned(ask(rule(), type=typed, patient="ada"))
    assert (found.start, found.end) == (TEN, TEN + 30)
    assert taken(found) == {
        "provider smith": "09:55-10:40",
        "patient ada": "10:00-10:30",
        "room r1": "09:45-10:50",
        "device d1": "10:00-10:30",
    }


def test_an_exclusive_place_is_claimed_too() -> None:
    places = [Location(id="main", exclusive=True)]
    found = planned(ask(rule(location="main"), locations=places))
    assert set(taken(found)) == {"provider smith", "location main"}
    assert location("main") not in found.chosen


def test_the_first_free_alternative_is_taken_unless_another_is_preferred() -> None:
    typed = visit(needs=[Need.room("r1", "r2", "r3")])
    inquiry = ask(rule(), type=typed, claims=[Claim(room("r1"), TEN, TEN + 10)])
    assert planned(inquiry).chosen == (room("r2"),)
    assert planned(inquiry, prefer=(room("r3"), room("r1"))).chosen == (room("r3"),)


def test_needs_that_share_alternatives_get_one_each() -> None:
    typed = visit(needs=[Need.room("r1", "r2"), Need.room("r1")])
    assert planned(ask(rule(), type=typed)).chosen == (room("r2"), room("r1"))


def test_what_is_refused_says_why() -> None:
    claims = [Claim(SMITH.resource, TEN, TEN + 10), Claim(patient("ada"), TEN + 29, TEN + 40)]
    found = plan(ask(rule(), claims=claims, patient="ada"), TEN)
    assert not isinstance(found, Plan)
    assert [violation.reason for violation in found] == [Reason.TAKEN, Reason.TAKEN]


def test_what_is_listed_is_planned_and_never_clashes() -> None:
    base = random.randrange(2**32)
    typed = visit(
        20,
        buffer_after=mins(5),
        needs=[Need.room("r1", "r2", after=mins(5)), Need.device("d1", "d2")],
    )
    things = [
        SMITH.resource,
        *(Resource("room", f"r{n}") for n in (1, 2)),
        Resource("device", "d1"),
    ]
    midnight = minute(f"{DAY} 00:00", NY)
    for seed in range(base, base + 30):
        draw = random.Random(seed)
        claims = [
            Claim(draw.choice(things), low, low + draw.randint(5, 40), id=f"c{low}")
            for low in draw.sample(range(midnight + 520, midnight + 720), 8)
        ]
        inquiry = ask(rule(), type=typed, claims=claims)
        held = dict.fromkeys(rows_of(claims), 0)
        for claim in claims:
            for key, bits in rows_of([claim]).items():
                held[key] |= bits
        listed = set(starts(inquiry))
        for start in range(midnight + 540, midnight + 720, 5):
            found = plan(inquiry, start)
            shown = local(start, start).split("-")[0]
            assert isinstance(found, Plan) == (shown in listed), f"seed {seed}, {shown}"
            if isinstance(found, Plan):
                rows = rows_of(Claim(*span) for span in found.spans)
                assert clash(rows, held) == [], f"seed {seed}, {shown}"


def test_a_plan_knows_its_instants() -> None:
    found = planned(ask(rule()))
    assert EPOCH + found.start * MINUTE == at(f"{DAY} 10:00", NY)
    assert isinstance(EPOCH + found.end * MINUTE, datetime)
