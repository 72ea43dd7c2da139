"""Why a time is, or is not, offered: every reason, its facts, and a sentence for people."""

from __future__ import annotations

import re
from datetime import date, timedelta

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
    ask,
    at,
    blocking,
    busy,
    closed,
    device,
    extra,
    listing,
    location,
    mins,
    minute,
    on,
    patient,
    replaced,
    room,
    rule,
    schedule,
    visit,
)

from medsched.domain.appointment_types import Grid, Need
from medsched.domain.claims import Claim, ClaimKind, Session
from medsched.domain.explanations import Explanation, Layer
from medsched.domain.places import Location, Room
from medsched.domain.records import Resource
from medsched.domain.requests import Reason, Violation
from medsched.engine.explain import explain
from medsched.engine.inquiry import Inquiry

ROOMS = [Room(id="r1", location="main"), Room(id="r2", location="main")]
AT_MAIN = attrs.evolve(SMITH, location="main")
PLACES = [Location(id="main"), Location(id="annex")]


def why(inquiry: Inquiry, time: str, day: date = DAY) -> Explanation:
    return explain(inquiry, at(f"{day} {time}", NY))


def only(inquiry: Inquiry, time: str, day: date = DAY) -> Violation:
    explained = why(inquiry, time, day)
    assert not explained.offered
    assert explained.slot is None
    (violation,) = explained.violations
    assert violation.message in str(explained)
    assert str(violation) == violation.message
    return violation


def decider(explained: Explanation) -> str | None:
    """The id of what decides; there is at most one."""
    winners = [cover for cover in explained.layers if cover.wins]
    assert len(winners) <= 1
    return winners[0].by if winners else None


class TestOffered:
    def test_there_is_a_slot_and_no_violation(self) -> None:
        inquiry = ask(rule())
        explained = why(inquiry, "10:00")
        assert explained.offered
        assert explained.violations == ()
        assert explained.slot == listing(inquiry, at(f"{DAY} 10:00", NY), at(f"{DAY} 10:01", NY))[0]
        assert (explained.provider, explained.type) == ("smith", "visit")
        assert explained.at == at(f"{DAY} 10:00", NY)
        assert explained.local.isoformat() == "2026-02-04T10:00:00-05:00"
        assert decider(explained) == "rule"
        assert "is offered" in str(explained)
        assert "Wednesday 04 February 2026, 10:00" in str(explained)

    def test_the_wall_is_that_of_the_hours(self) -> None:
        inquiry = ask(on(date(2026, 2, 5), "00:00-01:00", timezone=TOKYO))
        explained = why(inquiry, "10:00")
        assert explained.local.isoformat() == "2026-02-05T00:00:00+09:00"

    def test_seats_of_an_open_session(self) -> None:
        shared = Session("group", None, minute(f"{DAY} 10:00", NY), 1)
        inquiry = ask(
            rule(),
            type=visit(code="group", capacity=3),
            claims=[busy("10:00", "10:30", session=shared)],
        )
        slot = why(inquiry, "10:00").slot
        assert slot is not None
        assert slot.seats_free == 2


class TestEachReason:
    def test_inactive(self) -> None:
        told = only(ask(rule(), provider=attrs.evolve(SMITH, active=False)), "10:00")
        assert (told.reason, told.resource) == (Reason.INACTIVE, SMITH.resource)
        told = only(ask(rule(), type=visit(active=False)), "10:00")
        assert told.reason is Reason.INACTIVE
        assert "visit" in told.message

    def test_too_soon(self) -> None:
        now = at(f"{DAY} 09:00", NY)
        told = only(ask(rule(), type=visit(notice=mins(90)), now=now), "10:00")
        assert told.reason is Reason.TOO_SOON
        assert told.start == at(f"{DAY} 10:30", NY)

    def test_too_far(self) -> None:
        now = at(f"{DAY} 09:00", NY)
        told = only(ask(rule(), type=visit(furthest_ahead=mins(90)), now=now), "11:00")
        assert told.reason is Reason.TOO_FAR
        assert told.end == at(f"{DAY} 10:31", NY), "the first minute that is too far"

    def test_too_far_by_dates(self) -> None:
        now = at(f"{DAY} 09:00", NY)
        told = only(ask(rule(), type=visit(days_ahead=1), now=now), "09:00", date(2026, 2, 6))
        assert told.reason is Reason.TOO_FAR
        assert told.end == at("2026-02-06 00:00", NY)

    def test_closed_because_no_hours_are_stated(self) -> None:
        told = only(ask(rule()), "13:00")
        assert (told.reason, told.resource, told.by) == (Reason.CLOSED, SMITH.resource, None)

    def test_closed_by_time_off(self) -> None:
        told = only(ask(rule(), closed(reason="conference")), "10:00")
        assert (told.reason, told.by) == (Reason.CLOSED, "closure")
        assert (told.start, told.end) == (at(f"{DAY} 00:00", NY), at("2026-02-05 00:00", NY))
        assert "conference" in told.message

    def test_closed_by_replaced_hours(self) -> None:
        told = only(ask(rule(), replaced("14:00-15:00")), "10:00")
        assert (told.reason, told.by) == (Reason.CLOSED, "replaced")

    def test_closed_by_a_recurring_blocking(self) -> None:
        told = only(ask(rule(), blocking("10:00-10:30", reason="staff meeting")), "10:00")
        assert (told.reason, told.by) == (Reason.CLOSED, "meeting")
        assert (told.start, told.end) == (at(f"{DAY} 10:00", NY), at(f"{DAY} 10:30", NY))
        assert "staff meeting" in told.message

    @pytest.mark.parametrize("of", [PRACTICE, location("main")])
    def test_closed_by_a_holiday_of_practice_or_place(self, of: Resource) -> None:
        holiday = closed(of=of, id="holiday", reason="Founders' Day")
        told = only(ask(rule(), holiday, provider=AT_MAIN, locations=PLACES), "10:00")
        assert (told.reason, told.by) == (Reason.CLOSED, "holiday")
        assert "Founders' Day" in told.message

    @pytest.mark.parametrize("of", [PRACTICE, location("main")])
    def test_closed_outside_the_hours_of_practice_or_place(self, of: Resource) -> None:
        opening = rule("10:30-12:00", id="opening", of=of)
        told = only(ask(rule(), opening, provider=AT_MAIN, locations=PLACES), "10:00")
        assert told.reason is Reason.CLOSED
        assert of.id in told.message

    def test_runs_out(self) -> None:
        told = only(ask(rule(), type=visit(60, grid=Grid.clock(mins(30)))), "11:30")
        assert told.reason is Reason.RUNS_OUT
        assert told.start == at(f"{DAY} 12:00", NY)
        assert told.end == at(f"{DAY} 12:30", NY)
        assert "60 minutes" in told.message
        assert "12:00" in told.message

    def test_runs_out_into_a_closure(self) -> None:
        told = only(ask(rule(), closed(hours="10:15-10:20")), "10:00")
        assert told.reason is Reason.RUNS_OUT
        assert told.start == at(f"{DAY} 10:15", NY)

    def test_runs_out_into_another_offer(self) -> None:
        told = only(ask(rule(), extra("10:15-11:00", location="annex")), "10:00")
        assert told.reason is Reason.RUNS_OUT

    def test_type(self) -> None:
        told = only(ask(rule(types={"procedure"})), "10:00")
        assert (told.reason, told.by) == (Reason.TYPE, "rule")
        assert "visit" in told.message

    def test_type_on_this_day(self) -> None:
        told = only(ask(rule(type_days={"visit": "MO"})), "10:00")
        assert (told.reason, told.by) == (Reason.TYPE, "rule")

    def test_off_grid(self) -> None:
        told = only(ask(rule()), "10:10")
        assert told.reason is Reason.OFF_GRID
        assert "10:00" in told.message
        assert "10:30" in told.message

    @pytest.mark.parametrize(
        "kind, words",
        [
            (ClaimKind.APPOINTMENT, "appointment"),
            (ClaimKind.HOLD, "held"),
            (ClaimKind.BLOCKING, "blocked"),
        ],
    )
    def test_taken(self, kind: ClaimKind, words: str) -> None:
        claim = busy("10:10", "10:20", kind=kind, id="A-1")
        explained = why(ask(rule(), claims=[claim]), "10:00")
        (told,) = explained.violations
        assert (told.reason, told.resource, told.by) == (Reason.TAKEN, SMITH.resource, "A-1")
        assert (told.start, told.end) == (claim.start, claim.end)
        assert words in told.message
        assert explained.claims == (claim,)

    def test_taken_in_a_buffer_only(self) -> None:
        claim = busy("09:50", "09:55", id="A-1")
        explained = why(ask(rule(), type=visit(buffer_before=mins(10)), claims=[claim]), "10:00")
        assert [told.by for told in explained.violations] == ["A-1"]
        assert explained.claims == (claim,)

    def test_every_claim_is_told(self) -> None:
        claims = [busy("10:20", "10:40", id="b"), busy("10:00", "10:10", id="a")]
        explained = why(ask(rule(), claims=claims), "10:00")
        assert {told.by for told in explained.violations} == {"a", "b"}

    def test_resource_closed(self) -> None:
        hours = rule("10:15-12:00", id="mri-hours", of=device("mri"))
        told = only(ask(rule(), hours, type=visit(needs=[Need.device("mri")])), "10:00")
        assert (told.reason, told.resource) == (Reason.RESOURCE_CLOSED, device("mri"))
        assert told.end == at(f"{DAY} 10:15", NY)
        assert "mri" in told.message

    def test_every_alternative_is_told(self) -> None:
        claims = [
            busy("10:00", "10:30", room("r1"), id="a"),
            busy("10:00", "10:30", room("r2"), id="b"),
        ]
        inquiry = ask(rule(), type=visit(needs=[Need.room("r1", "r2")]), rooms=ROOMS, claims=claims)
        assert {told.resource for told in why(inquiry, "10:00").violations} == {
            room("r1"),
            room("r2"),
        }

    def test_no_combination(self) -> None:
        pair = visit(needs=[Need.room("r1", "r2"), Need.room("r1", "r2")])
        claim = busy("10:00", "10:30", room("r1"))
        told = only(ask(rule(), type=pair, rooms=ROOMS, claims=[claim]), "10:00")
        assert told.reason is Reason.NO_COMBINATION
        assert (told.start, told.end) == (at(f"{DAY} 10:00", NY), at(f"{DAY} 10:30", NY))

    def test_buffer(self) -> None:
        inside = visit(buffer_before=mins(10), buffers_within_hours=True)
        told = only(ask(rule(), type=inside), "09:00")
        assert (told.reason, told.resource) == (Reason.BUFFER, SMITH.resource)
        assert told.end == at(f"{DAY} 09:00", NY)

    def test_full(self) -> None:
        shared = Session("group", None, minute(f"{DAY} 10:00", NY), 3)
        claim = busy("10:00", "10:30", session=shared)
        told = only(ask(rule(), type=visit(code="group", capacity=3), claims=[claim]), "10:00")
        assert told.reason is Reason.FULL
        assert "3" in told.message

    def test_all_at_once(self) -> None:
        inquiry = ask(
            rule(types={"procedure"}),
            type=visit(notice=timedelta(days=9)),
            provider=attrs.evolve(SMITH, active=False),
            now=at(f"{DAY} 00:00", NY),
            claims=[busy("11:40", "11:50")],
        )
        found = [told.reason for told in why(inquiry, "11:35").violations]
        assert set(found) == {
            Reason.INACTIVE,
            Reason.TOO_SOON,
            Reason.TYPE,
            Reason.RUNS_OUT,
            Reason.TAKEN,
            Reason.OFF_GRID,
        }


class TestLayers:
    def test_all_that_cover_the_instant_are_told_from_low_to_high(self) -> None:
        items = [
            rule(),
            blocking("09:00-12:00"),
            extra("09:30-11:30"),
            replaced("10:00-11:00"),
            closed(hours="10:00-10:30"),
        ]
        explained = why(ask(*items), "10:00")
        told = [(cover.layer, cover.by, cover.opens) for cover in explained.layers]
        assert told == [
            (Layer.RULES, "rule", True),
            (Layer.PRACTICE, "meeting", False),
            (Layer.EXTRA, "extra", True),
            (Layer.REPLACED, "replaced", False),
            (Layer.REPLACED, "replaced", True),
            (Layer.CLOSED, "closure", False),
        ]
        assert decider(explained) == "closure"
        assert decider(why(ask(*items), "10:30")) == "replaced"
        assert decider(why(ask(*items[:3]), "10:00")) == "extra"
        assert decider(why(ask(*items[:2]), "10:00")) == "meeting"
        assert decider(why(ask(*items[:1]), "10:00")) == "rule"

    def test_what_does_not_cover_it_is_not_told(self) -> None:
        items = [rule(), blocking("10:30-11:00"), closed(date(2026, 2, 5)), extra("18:00-19:00")]
        assert [cover.by for cover in why(ask(*items), "10:00").layers] == ["rule"]
        assert why(ask(*items), "08:00").layers == ()

    def test_what_names_other_types_is_not_told(self) -> None:
        items = [rule(), closed(types={"procedure"}), blocking("10:00-11:00", types={"procedure"})]
        explained = why(ask(*items), "10:00")
        assert [cover.by for cover in explained.layers] == ["rule"]
        assert explained.offered

    def test_what_closes_another_place_is_not_told(self) -> None:
        items = [rule(), closed(location="annex"), closed(of=location("annex"), id="other")]
        inquiry = ask(*items, provider=AT_MAIN, locations=PLACES)
        assert [cover.by for cover in why(inquiry, "10:00").layers] == ["rule"]

    def test_nor_by_whole_shifts(self) -> None:
        items = [rule(), closed(location="annex", whole_shifts=True)]
        inquiry = ask(*items, provider=AT_MAIN, locations=PLACES)
        assert [cover.by for cover in why(inquiry, "10:00").layers] == ["rule"]

    def test_whole_shifts_after_midnight(self) -> None:
        night = [on(DAY, "22:00-02:00 overnight"), closed(whole_shifts=True)]
        told = only(ask(*night), "01:00", date(2026, 2, 5))
        assert (told.reason, told.by) == (Reason.CLOSED, "closure")

    def test_extents(self) -> None:
        cover = why(ask(rule()), "10:00").layers[0]
        assert (cover.start, cover.end) == (at(f"{DAY} 09:00", NY), at(f"{DAY} 12:00", NY))
        assert "09:00-12:00" in cover.what
        assert str(cover)

    def test_the_higher_priority_decides(self) -> None:
        items = [
            extra("10:00-11:00", id="a", capacity=2, priority=1),
            extra("10:00-11:00", id="b", capacity=3, priority=2),
        ]
        assert decider(why(ask(*items), "10:00")) == "b"

    def test_priority_never_crosses_layers(self) -> None:
        items = [
            rule(),
            closed(of=PRACTICE, id="holiday", priority=1000),
            extra("09:00-12:00", capacity=2, priority=900),
            replaced("09:00-12:00", priority=-900),
            closed(id="off", hours="10:00-11:00", priority=-1000),
        ]
        explained = why(ask(*items), "10:00")
        assert [cover.layer for cover in explained.layers] == sorted(
            Layer(n) for n in (1, 2, 3, 4, 4, 5)
        )
        assert decider(explained) == "off"
        assert decider(why(ask(*items), "09:00")) == "replaced"

    def test_extra_hours_of_the_same_offer_do_not_decide_open_time(self) -> None:
        explained = why(ask(rule(), extra("10:00-11:00")), "10:00")
        assert decider(explained) == "rule"
        assert {cover.by for cover in explained.layers} == {"rule", "extra"}


class TestSentences:
    """Whole sentences, on the wall, without code words or minutes since the epoch."""

    CODE = re.compile(r"[<>{}\[\]]|Reason|None|\b\d{7,}\b|datetime|timedelta|Resource\(")

    @pytest.mark.parametrize(
        "time", ["08:00", "09:00", "09:10", "10:00", "11:00", "11:50", "13:00"]
    )
    def test_nothing_but_words_and_times(self, time: str) -> None:
        inquiry = ask(
            rule(),
            blocking("11:00-11:15", reason="meeting"),
            type=visit(buffer_before=mins(5), buffers_within_hours=True, needs=[Need.room("r1")]),
            rooms=ROOMS,
            claims=[busy("10:00", "10:30"), busy("09:00", "09:20", room("r1"))],
            now=at(f"{DAY} 08:30", NY),
        )
        explained = why(inquiry, time)
        text = str(explained)
        assert not self.CODE.search(text), text
        assert "Wednesday 04 February 2026" in text
        assert len(text.splitlines()) == 1 + len(explained.violations)

    def test_times_are_told_on_the_wall_of_the_hours(self) -> None:
        told = only(ask(rule(), claims=[busy("10:00", "10:30")]), "10:00")
        assert "10:00" in told.message
        assert "15:00" not in told.message

    def test_rules_of_time_are_told_on_the_wall_too(self) -> None:
        now = at(f"{DAY} 09:00", NY)
        told = only(ask(rule(), type=visit(notice=mins(90)), now=now), "10:00")
        assert "10:30" in told.message

    def test_it_does_not_name_a_patient(self) -> None:
        claim = busy("10:00", "10:30", patient("ada-4711"), id="A-1")
        explained = why(ask(rule(), patient="ada-4711", claims=[claim]), "10:00")
        assert explained.violations[0].reason is Reason.TAKEN


class TestAnyMinute:
    @pytest.mark.parametrize("day", [DAY, GAP, FOLD])
    @pytest.mark.parametrize("grid", [Grid.window(), Grid.clock(mins(20)), Grid.packed()])
    def test_offered_exactly_when_listed(self, day: date, grid: Grid) -> None:
        inquiry = ask(
            rule("00:30-05:00", breaks="01:15-01:40"),
            extra("06:00-07:00", day),
            closed(day, hours="04:10-04:15"),
            type=visit(25, grid=grid, buffer_after=mins(5)),
            claims=[Claim.of("smith", at(f"{day} 07:30"), at(f"{day} 07:45"))],
        )
        low, high = at(f"{day} 00:00", NY), at(f"{day} 08:00", NY)
        starts = {slot.start for slot in listing(inquiry, low, high)}
        instant = low
        while instant < high:
            explained = explain(inquiry, instant)
            assert explained.offered == (instant in starts) == (not explained.violations)
            assert (explained.slot is not None) == explained.offered
            if not explained.offered:
                assert all(told.message for told in explained.violations)
            instant += mins(1)

    def test_far_from_any_hours(self) -> None:
        for instant in ("1973-01-01 00:00", "9998-12-31 23:59"):
            explained = explain(ask(rule()), at(instant))
            assert [told.reason for told in explained.violations] == [Reason.CLOSED]


class TestManyOfOneDay:
    """What opens a day is worked out once for all that is asked of it."""

    def test_a_patient_is_told_no_more_after_staff_asked_of_the_same_day(self) -> None:
        meeting = blocking("10:00-10:30", reason="performance review")
        plan = schedule(rule(), meeting)
        for staff_first in (True, False):
            fresh = attrs.evolve(plan)
            askers = [ask(fresh), ask(fresh, patient="ada")]
            staff, ada = askers if staff_first else reversed(askers)
            told = {who: str(why(one, "10:00")) for who, one in ((0, staff), (1, ada))}
            shown = [words for words in told.values() if "performance review" in words]
            assert len(shown) == 1

    def test_the_same_as_if_each_were_the_first_to_be_asked(self) -> None:
        plan = schedule(rule(), closed(hours=["11:00-12:00"]), extra("18:00-19:00"))
        shared = ask(plan)
        for hour in ("03:00", "09:00", "09:10", "11:00", "18:30", "23:59"):
            assert why(shared, hour) == why(ask(attrs.evolve(plan)), hour)
