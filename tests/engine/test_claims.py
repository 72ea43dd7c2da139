"""What is taken: buffers, holds, patients, rooms, devices, exclusive places."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    NY,
    SMITH,
    ask,
    at,
    blocking,
    busy,
    closed,
    device,
    every,
    location,
    mins,
    minute,
    patient,
    reasons,
    room,
    rule,
    starts,
    visit,
)

from medsched.domain.appointment_types import Grid, Need
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.places import Location, Room
from medsched.domain.records import Resource
from medsched.domain.requests import Reason
from medsched.domain.slots import SlotStatus
from medsched.engine.slots import list_slots
from medsched.engine.verdict import refusals

ALL = every("09:00", "11:30", 30)
ROOMS = [Room(id="r1", location="main"), Room(id="r2", location="main")]


def without(*gone: str) -> list[str]:
    return [start for start in ALL if start not in gone]


class TestProvider:
    def test_touching_is_not_overlapping(self) -> None:
        assert starts(ask(rule(), claims=[busy("10:00", "10:30")])) == without("10:00")

    def test_a_minute_is_enough(self) -> None:
        for low, high, gone in [
            ("09:59", "10:00", ["09:30"]),
            ("10:00", "10:01", ["10:00"]),
            ("09:59", "10:01", ["09:30", "10:00"]),
            ("10:29", "10:30", ["10:00"]),
        ]:
            assert starts(ask(rule(), claims=[busy(low, high)])) == without(*gone)

    def test_busy_time_rounds_outward(self) -> None:
        inquiry = ask(rule(), claims=[busy("10:29:59", "10:30:01")])
        assert starts(inquiry) == without("10:00", "10:30")

    def test_claims_of_somebody_else_do_not_matter(self) -> None:
        inquiry = ask(rule(), claims=[busy("09:00", "12:00", "jones")])
        assert starts(inquiry) == ALL
        inquiry = ask(rule(), claims=[busy("09:00", "12:00", room("smith"))])
        assert starts(inquiry) == ALL

    def test_claims_that_overlap_one_another(self) -> None:
        twice = [busy("09:30", "10:30"), busy("10:00", "11:00"), busy("09:45", "09:50")]
        assert starts(ask(rule(), claims=twice)) == ["09:00", "11:00", "11:30"]

    def test_a_claim_that_began_days_ago(self) -> None:
        since = Claim.of("smith", at("2026-01-01 00:00"), at(f"{DAY} 10:00", NY))
        assert starts(ask(rule(), claims=[since])) == every("10:00", "11:30", 30)

    def test_the_order_of_claims_does_not_matter(self) -> None:
        some = [busy("11:00", "11:30"), busy("09:00", "09:30"), busy("10:00", "10:05")]
        expected = without("11:00", "09:00", "10:00")
        assert starts(ask(rule(), claims=some)) == expected
        assert starts(ask(rule(), claims=reversed(some))) == expected


class TestBuffers:
    BOTH = visit(buffer_before=mins(10), buffer_after=mins(5))

    def test_they_widen_the_slot(self) -> None:
        # 10:00 takes 09:50-10:35
        for low, high, free in [
            ("09:40", "09:50", True),
            ("09:40", "09:51", False),
            ("10:35", "10:40", True),
            ("10:34", "10:40", False),
        ]:
            found = starts(ask(rule(), type=self.BOTH, claims=[busy(low, high)]))
            assert ("10:00" in found) is free, (low, high)

    def test_those_of_neighbours_add_up(self) -> None:
        # An appointment at 10:00 claims 09:50-10:35 already. 09:30 would claim 09:20-10:05 and
        # 10:30 would claim 10:20-11:05: neither goes. 09:00 claims up to 09:35, 11:00 from 10:50.
        taken = busy("09:50", "10:35")
        assert starts(ask(rule(), type=self.BOTH, claims=[taken])) == ["09:00", "11:00", "11:30"]

    def test_they_may_lie_in_closed_time(self) -> None:
        found = starts(ask(rule("09:00-10:00"), type=self.BOTH))
        assert found == ["09:00", "09:30"]
        found = starts(ask(rule(), closed(hours="10:00-10:30"), type=self.BOTH))
        assert found == without("10:00")
        found = starts(ask(rule(), blocking("10:00-10:30"), type=self.BOTH))
        assert found == without("10:00")

    def test_they_never_lie_in_claimed_time_though_it_be_closed(self) -> None:
        inquiry = ask(rule(), type=self.BOTH, claims=[busy("08:00", "08:51")])
        assert starts(inquiry) == without("09:00")
        inquiry = ask(rule(), type=self.BOTH, claims=[busy("12:04", "12:05")])
        assert starts(inquiry) == without("11:30")
        inquiry = ask(rule(), type=self.BOTH, claims=[busy("12:05", "12:06")])
        assert starts(inquiry) == ALL

    def test_a_one_off_blocking_is_claimed_time(self) -> None:
        meeting = busy("10:00", "10:30", kind=ClaimKind.BLOCKING)
        assert starts(ask(rule(), type=self.BOTH, claims=[meeting])) == without(
            "09:30", "10:00", "10:30"
        )

    def test_a_type_may_ask_for_them_within_hours(self) -> None:
        inside = attrs.evolve(self.BOTH, buffers_within_hours=True)
        inquiry = ask(rule(), closed(hours="10:00-10:30"), type=inside)
        # 09:00 would begin at 08:50, 09:30 end at 10:05, 10:30 begin at 10:20, 11:30 end at 12:05
        assert starts(inquiry) == ["11:00"]
        assert reasons(inquiry, f"{DAY} 09:00") == {Reason.BUFFER}
        assert reasons(inquiry, f"{DAY} 11:30") == {Reason.BUFFER}

    def test_within_hours_to_the_minute(self) -> None:
        inside = attrs.evolve(self.BOTH, buffers_within_hours=True)
        assert starts(ask(rule("09:50-10:35", step=mins(10)), type=inside)) == ["10:00"]
        assert starts(ask(rule("09:51-10:35", step=mins(9)), type=inside)) == []
        assert starts(ask(rule("09:50-10:34", step=mins(10)), type=inside)) == []

    def test_the_patient_needs_none(self) -> None:
        inquiry = ask(
            rule(), type=self.BOTH, patient="ada", claims=[busy("09:30", "10:00", patient("ada"))]
        )
        assert starts(inquiry) == without("09:30")

    def test_long_ones_reach_far_out_of_the_query(self) -> None:
        far = visit(buffer_after=timedelta(days=7))
        next_week = Claim.of("smith", at("2026-02-11 10:29", NY), at("2026-02-11 11:00", NY))
        inquiry = ask(rule(), type=far, claims=[next_week])
        # 09:30-10:00 and seven days end at 10:00 on the 11th, 10:00-10:30 at 10:30
        assert starts(inquiry) == ["09:00", "09:30"]
        far = visit(buffer_before=timedelta(days=7))
        last_week = Claim.of("smith", at("2026-01-28 09:00", NY), at("2026-01-28 09:31", NY))
        assert starts(ask(rule(), type=far, claims=[last_week])) == every("10:00", "11:30", 30)


class TestHolds:
    NOW = at(f"{DAY} 08:00", NY)

    def hold(self, expires: timedelta) -> Claim:
        return busy("10:00", "10:30", kind=ClaimKind.HOLD, expires=self.NOW + expires)

    @pytest.mark.parametrize(
        "left, blocks",
        [
            (timedelta(minutes=1), True),
            (timedelta(microseconds=1), True),
            (timedelta(0), False),
            (timedelta(microseconds=-1), False),
            (timedelta(days=-1), False),
        ],
    )
    def test_they_expire_to_the_instant(self, left: timedelta, blocks: bool) -> None:
        inquiry = ask(rule(), now=self.NOW, claims=[self.hold(left)])
        assert ("10:00" not in starts(inquiry)) is blocks
        assert (Reason.TAKEN in reasons(inquiry, f"{DAY} 10:00")) is blocks

    def test_an_expired_one_is_no_more_listed_as_taken(self) -> None:
        low, high = at(f"{DAY} 00:00", NY), at(f"{DAY} 23:00", NY)
        for left, status in ((1, SlotStatus.BUSY_TENTATIVE), (0, SlotStatus.FREE)):
            inquiry = ask(rule(), now=self.NOW, claims=[self.hold(mins(left))])
            statuses = {
                f"{s.local_start:%H:%M}": s.status
                for s in list_slots(inquiry, low, high, taken=True)
            }
            assert statuses["10:00"] is status

    def test_an_expired_one_does_not_move_the_packed_grid(self) -> None:
        gone = busy("09:10", "09:20", kind=ClaimKind.HOLD, expires=self.NOW)
        inquiry = ask(rule(), type=visit(grid=Grid.packed()), now=self.NOW, claims=[gone])
        assert starts(inquiry) == ALL


class TestPatients:
    def test_a_patient_is_at_one_place_at_a_time(self) -> None:
        own = busy("10:15", "10:45", patient("ada"))
        assert starts(ask(rule(), claims=[own])) == ALL
        assert starts(ask(rule(), patient="bob", claims=[own])) == ALL
        assert starts(ask(rule(), patient="ada", claims=[own])) == without("10:00", "10:30")

    def test_the_refusal_names_the_patient_as_a_resource_and_the_stretch(self) -> None:
        own = busy("10:15", "10:45", patient("ada"))
        (refused,) = refusals(ask(rule(), patient="ada", claims=[own]), minute(f"{DAY} 10:00", NY))
        assert refused.reason is Reason.TAKEN
        assert refused.resource == patient("ada")
        assert (refused.start, refused.end) == (own.start, own.end)


class TestPlaces:
    MAIN = attrs.evolve(SMITH, location="main")

    @pytest.mark.parametrize("exclusive", [True, False])
    def test_a_place_is_taken_only_when_exclusive(self, exclusive: bool) -> None:
        inquiry = ask(
            rule(),
            provider=self.MAIN,
            locations=[Location(id="main", exclusive=exclusive)],
            claims=[busy("10:00", "10:30", location("main"))],
        )
        assert starts(inquiry) == (without("10:00") if exclusive else ALL)

    def test_an_exclusive_place_takes_the_buffers_of_the_type(self) -> None:
        inquiry = ask(
            rule(),
            type=TestBuffers.BOTH,
            provider=self.MAIN,
            locations=[Location(id="main", exclusive=True)],
            claims=[busy("10:00", "10:30", location("main"))],
        )
        assert starts(inquiry) == without("09:30", "10:00", "10:30")

    def test_only_the_place_of_the_hours(self) -> None:
        places = [Location(id="main", exclusive=True), Location(id="annex", exclusive=True)]
        inquiry = ask(
            rule(location="annex"),
            provider=self.MAIN,
            locations=places,
            claims=[
                busy("09:00", "09:30", location("main")),
                busy("10:00", "10:30", location("annex")),
            ],
        )
        assert starts(inquiry) == without("10:00")


class TestNeeds:
    def test_a_room_that_is_needed_must_be_free(self) -> None:
        taken = busy("10:00", "10:30", room("r1"))
        assert starts(ask(rule(), rooms=ROOMS, claims=[taken])) == ALL
        scan = visit(needs=[Need.room("r1")])
        inquiry = ask(rule(), type=scan, rooms=ROOMS, claims=[taken])
        assert starts(inquiry) == without("10:00")
        (refused,) = refusals(inquiry, minute(f"{DAY} 10:00", NY))
        assert (refused.reason, refused.resource) == (Reason.TAKEN, room("r1"))

    def test_it_has_buffers_of_its_own(self) -> None:
        scan = visit(
            buffer_before=mins(25), needs=[Need.room("r1", before=mins(5), after=mins(10))]
        )
        # the room is needed 09:55-10:40 for 10:00, the provider 09:35-10:30
        cases: list[tuple[str, str, Resource | str, bool]] = [
            ("09:50", "09:55", room("r1"), True),
            ("09:50", "09:56", room("r1"), False),
            ("10:40", "10:45", room("r1"), True),
            ("10:39", "10:45", room("r1"), False),
            ("09:30", "09:35", "smith", True),
            ("09:30", "09:36", "smith", False),
            ("10:30", "10:35", "smith", True),
        ]
        for low, high, of, free in cases:
            found = starts(ask(rule(), type=scan, rooms=ROOMS, claims=[busy(low, high, of)]))
            assert ("10:00" in found) is free, (low, high, of)

    def test_any_alternative_will_do(self) -> None:
        scan = visit(needs=[Need.room("r1", "r2")])
        one = busy("10:00", "11:00", room("r1"))
        other = busy("10:30", "11:30", room("r2"))
        assert starts(ask(rule(), type=scan, rooms=ROOMS, claims=[one])) == ALL
        inquiry = ask(rule(), type=scan, rooms=ROOMS, claims=[one, other])
        assert starts(inquiry) == without("10:30")
        assert reasons(inquiry, f"{DAY} 10:30") == {Reason.TAKEN}

    def test_one_alternative_must_do_for_the_whole_slot(self) -> None:
        scan = visit(60, needs=[Need.room("r1", "r2")])
        halves = [busy("10:00", "10:30", room("r1")), busy("10:30", "11:00", room("r2"))]
        inquiry = ask(rule(), type=scan, rooms=ROOMS, claims=halves)
        assert starts(inquiry) == ["09:00", "11:00"]

    def test_two_needs_take_two_rooms(self) -> None:
        pair = visit(needs=[Need.room("r1", "r2"), Need.room("r1", "r2")])
        assert starts(ask(rule(), type=pair, rooms=ROOMS)) == ALL
        inquiry = ask(rule(), type=pair, rooms=ROOMS, claims=[busy("10:00", "10:30", room("r1"))])
        assert starts(inquiry) == without("10:00")
        assert reasons(inquiry, f"{DAY} 10:00") == {Reason.NO_COMBINATION}

    def test_two_needs_for_one_room_never_go(self) -> None:
        pair = visit(needs=[Need.room("r1"), Need.room("r1")])
        assert starts(ask(rule(), type=pair, rooms=ROOMS)) == []

    def test_a_choice_must_not_be_made_greedily(self) -> None:
        pair = visit(needs=[Need.room("r1", "r2"), Need.room("r1")])
        assert starts(ask(rule(), type=pair, rooms=ROOMS)) == ALL
        chain = visit(
            needs=[Need.device("a", "b"), Need.device("b", "c"), Need.device("a")],
        )
        assert starts(ask(rule(), type=chain)) == ALL
        inquiry = ask(rule(), type=chain, claims=[busy("10:00", "10:30", device("c"))])
        assert starts(inquiry) == without("10:00")

    def test_a_device_with_hours_must_be_open_for_the_whole_slot(self) -> None:
        scan = visit(needs=[Need.device("mri")])
        hours = rule("09:45-11:00", id="mri", of=device("mri"))
        inquiry = ask(rule(), hours, type=scan)
        assert starts(inquiry) == ["10:00", "10:30"]
        assert reasons(inquiry, f"{DAY} 09:30") == {Reason.RESOURCE_CLOSED}
        assert reasons(inquiry, f"{DAY} 11:00") == {Reason.RESOURCE_CLOSED}

    def test_a_slot_may_not_run_on_after_a_device_closes(self) -> None:
        scan = visit(needs=[Need.device("mri")])
        inquiry = ask(rule(), rule("09:45-10:45", id="mri", of=device("mri")), type=scan)
        assert starts(inquiry) == ["10:00"]
        assert reasons(inquiry, f"{DAY} 10:30") == {Reason.RESOURCE_CLOSED}

    def test_buffers_of_a_need_may_lie_where_it_is_closed(self) -> None:
        scan = visit(needs=[Need.device("mri", before=mins(30), after=mins(30))])
        hours = rule("10:00-11:00", id="mri", of=device("mri"))
        assert starts(ask(rule(), hours, type=scan)) == ["10:00", "10:30"]

    def test_a_room_open_where_another_is_taken(self) -> None:
        scan = visit(needs=[Need.room("r1", "r2")])
        hours = rule("09:00-10:00", id="r1", of=room("r1"))
        inquiry = ask(
            rule(), hours, type=scan, rooms=ROOMS, claims=[busy("09:00", "11:00", room("r2"))]
        )
        assert starts(inquiry) == ["09:00", "09:30", "11:00", "11:30"]
        assert reasons(inquiry, f"{DAY} 10:00") <= {Reason.TAKEN, Reason.RESOURCE_CLOSED}

    def test_slots_may_run_over_touching_hours_of_a_room(self) -> None:
        scan = visit(needs=[Need.room("r1")])
        hours = [
            rule("09:00-10:10", id="a", of=room("r1")),
            rule("10:10-11:00", id="b", of=room("r1"), capacity=3),
        ]
        assert starts(ask(rule(), *hours, type=scan, rooms=ROOMS)) == every("09:00", "10:30", 30)

    def test_an_inactive_room_is_no_alternative(self) -> None:
        scan = visit(needs=[Need.room("r1", "r2")])
        inquiry = ask(
            rule(),
            type=scan,
            rooms=ROOMS,
            inactive=[room("r1")],
            claims=[busy("10:00", "10:30", room("r2"))],
        )
        assert starts(inquiry) == without("10:00")
        inquiry = ask(rule(), type=scan, rooms=ROOMS, inactive=[room("r1"), room("r2")])
        assert starts(inquiry) == []

    def test_claims_on_a_room_expire_too(self) -> None:
        scan = visit(needs=[Need.room("r1")])
        now = at(f"{DAY} 08:00", NY)
        held = busy("10:00", "10:30", room("r1"), kind=ClaimKind.HOLD, expires=now)
        assert starts(ask(rule(), type=scan, rooms=ROOMS, now=now, claims=[held])) == ALL


class TestTheRulesRoom:
    def test_a_need_of_rooms_is_met_in_the_room_of_the_hours(self) -> None:
        scan = visit(needs=[Need.room("r1", "r2")])
        inquiry = ask(
            rule(room="r2"),
            type=scan,
            rooms=ROOMS,
            claims=[busy("09:00", "09:30", room("r1")), busy("10:00", "10:30", room("r2"))],
        )
        assert starts(inquiry) == without("10:00")

    def test_slots_tell_the_room(self) -> None:
        (slot,) = list_slots(
            ask(rule("09:00-09:30", room="r2"), rooms=ROOMS), at(f"{DAY} 00:00"), at(f"{DAY} 23:00")
        )
        assert slot.room == "r2"

    def test_it_is_taken_only_when_the_type_needs_a_room(self) -> None:
        inquiry = ask(rule(room="r1"), rooms=ROOMS, claims=[busy("10:00", "10:30", room("r1"))])
        assert starts(inquiry) == ALL

    def test_its_hours_bind_who_needs_it(self) -> None:
        scan = visit(needs=[Need.room("r1", "r2")])
        hours = rule("10:00-11:00", id="r1", of=room("r1"))
        inquiry = ask(rule(room="r1"), hours, type=scan, rooms=ROOMS)
        assert starts(inquiry) == ["10:00", "10:30"]
        assert reasons(inquiry, f"{DAY} 09:00") == {Reason.RESOURCE_CLOSED}


class TestStatuses:
    def test_taken_slots_are_listed_with_their_status(self) -> None:
        claims = [
            busy("09:00", "09:30"),
            busy("09:30", "10:00", kind=ClaimKind.HOLD),
            busy("10:00", "10:30", kind=ClaimKind.BLOCKING),
        ]
        low, high = at(f"{DAY} 00:00", NY), at(f"{DAY} 23:00", NY)
        inquiry = ask(rule(), claims=claims)
        slots = list_slots(inquiry, low, high, taken=True)
        assert [slot.status.value for slot in slots] == [
            "busy",
            "busy-tentative",
            "busy-unavailable",
            "free",
            "free",
            "free",
        ]
        free = list_slots(inquiry, low, high)
        assert [slot.start for slot in free] == [slot.start for slot in slots][3:]
        assert {slot.status for slot in free} == {SlotStatus.FREE}

    def test_of_needs_that_cannot_combine_what_is_taken_is_listed_all_the_same(self) -> None:
        pair = visit(needs=[Need.room("r1", "r2"), Need.room("r1", "r2")])
        claims = [busy("10:00", "10:30"), busy("10:00", "11:00", room("r1"))]
        inquiry = ask(rule(), type=pair, rooms=ROOMS, claims=claims)
        slots = list_slots(inquiry, at(f"{DAY} 10:00", NY), at(f"{DAY} 11:00", NY), taken=True)
        assert [slot.status for slot in slots] == [SlotStatus.BUSY]

    def test_an_appointment_outweighs_a_hold_and_a_blocking(self) -> None:
        kinds = (ClaimKind.HOLD, ClaimKind.APPOINTMENT, ClaimKind.BLOCKING)
        claims = [busy("09:00", "09:30", kind=kind) for kind in kinds]
        for order in (claims, claims[::-1]):
            slots = list_slots(
                ask(rule(), claims=order),
                at(f"{DAY} 00:00", NY),
                at(f"{DAY} 09:30", NY),
                taken=True,
            )
            assert [slot.status for slot in slots] == [SlotStatus.BUSY]

    def test_what_the_patients_own_time_refuses_is_in_neither_list(self) -> None:
        inquiry = ask(rule(), patient="ada", claims=[busy("09:00", "09:30", patient("ada"))])
        slots = list_slots(inquiry, at(f"{DAY} 00:00", NY), at(f"{DAY} 23:00", NY), taken=True)
        assert len(slots) == 5

    def test_what_is_closed_is_in_neither_list(self) -> None:
        inquiry = ask(rule(), closed(hours="09:00-10:00"), claims=[busy("09:00", "09:30")])
        slots = list_slots(inquiry, at(f"{DAY} 00:00", NY), at(f"{DAY} 23:00", NY), taken=True)
        assert [f"{slot.local_start:%H:%M}" for slot in slots] == every("10:00", "11:30", 30)
