"""Group sessions: one start that several share, (provider, type, place, start)."""

from __future__ import annotations

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    NY,
    SMITH,
    ask,
    at,
    closed,
    every,
    listing,
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
from medsched.domain.claims import Claim, ClaimKind, Session
from medsched.domain.places import Location, Room
from medsched.domain.requests import Reason
from medsched.domain.slots import SlotStatus
from medsched.engine.slots import list_slots

GROUP = visit(code="group", capacity=4)
LOW, HIGH = at(f"{DAY} 00:00", NY), at(f"{DAY} 23:59", NY)


def session(
    start: str,
    taken: int,
    *,
    of: object = "smith",
    type: str = "group",
    location: str | None = None,
    length: int = 30,
    before: int = 0,
    after: int = 0,
) -> Claim:
    begins = at(f"{DAY} {start}", NY)
    shared = Session(type, location, minute(f"{DAY} {start}", NY), taken)
    return Claim.of(
        of,  # type: ignore[arg-type]
        begins - mins(before),
        begins + mins(length + after),
        id=f"session {start}",
        session=shared,
    )


class TestSeats:
    @pytest.mark.parametrize(
        "of_type, of_rule, of_room, seats",
        [
            (None, None, None, 1),
            (4, None, None, 4),
            (None, 6, None, 6),
            (4, 6, None, 4),
            (6, 4, None, 4),
            (6, 4, 3, 3),
            (3, 4, 6, 3),
            (None, None, 8, 1),
            (1, 9, 9, 1),
        ],
    )
    def test_the_least_of_type_rule_and_room(
        self, of_type: int | None, of_rule: int | None, of_room: int | None, seats: int
    ) -> None:
        rooms = [Room(id="hall", location="main", capacity=of_room)]
        inquiry = ask(
            rule("09:00-09:30", room="hall", capacity=of_rule),
            type=visit(capacity=of_type),
            rooms=rooms,
        )
        (slot,) = listing(inquiry, LOW, HIGH)
        assert (slot.capacity, slot.seats_free) == (seats, seats)

    def test_seats_taken_are_not_free(self) -> None:
        for taken, left in ((1, 3), (3, 1)):
            (slot,) = listing(
                ask(rule("09:00-09:30"), type=GROUP, claims=[session("09:00", taken)]), LOW, HIGH
            )
            assert (slot.capacity, slot.seats_free, slot.status) == (4, left, SlotStatus.FREE)

    @pytest.mark.parametrize("taken", [4, 5])
    def test_a_full_session_is_refused(self, taken: int) -> None:
        inquiry = ask(rule(), type=GROUP, claims=[session("09:00", taken)])
        assert starts(inquiry) == every("09:30", "11:30", 30)
        assert reasons(inquiry, f"{DAY} 09:00") == {Reason.FULL}

    def test_a_full_session_is_listed_as_busy_among_the_taken(self) -> None:
        inquiry = ask(rule("09:00-10:00"), type=GROUP, claims=[session("09:00", 4)])
        slots = list_slots(inquiry, LOW, HIGH, taken=True)
        assert [(slot.status, slot.seats_free) for slot in slots] == [
            (SlotStatus.BUSY, 0),
            (SlotStatus.FREE, 4),
        ]

    def test_an_open_session_is_free_among_the_taken_too(self) -> None:
        inquiry = ask(rule("09:00-10:00"), type=GROUP, claims=[session("09:00", 1)])
        slots = list_slots(inquiry, LOW, HIGH, taken=True)
        assert [(slot.status, slot.seats_free) for slot in slots] == [
            (SlotStatus.FREE, 3),
            (SlotStatus.FREE, 4),
        ]

    def test_the_summary_counts_seats(self) -> None:
        claims = [session("09:00", 3), session("09:30", 4)]
        summary = list_slots(
            ask(rule("09:00-10:30"), type=GROUP, claims=claims), LOW, HIGH, taken=True
        ).summary()
        assert (summary.total, summary.free, summary.busy, summary.seats) == (3, 2, 1, 5)


class TestOpenSessions:
    def test_another_start_that_overlaps_is_refused(self) -> None:
        often = rule("09:00-11:00", step=mins(10))
        inquiry = ask(often, type=GROUP, claims=[session("10:00", 1)])
        assert starts(inquiry) == [*every("09:00", "09:30", 10), "10:00", "10:30"]
        assert reasons(inquiry, f"{DAY} 09:40") == {Reason.TAKEN}
        assert reasons(inquiry, f"{DAY} 10:20") == {Reason.TAKEN}

    @pytest.mark.parametrize("grid", [Grid.window(), Grid.clock(mins(30)), Grid.packed()])
    def test_one_with_seats_is_a_candidate_off_the_grid_too(self, grid: Grid) -> None:
        inquiry = ask(rule(), type=attrs.evolve(GROUP, grid=grid), claims=[session("09:40", 1)])
        found = starts(inquiry)
        assert "09:40" in found
        assert not {"09:30", "10:00"} & set(found)
        assert found == sorted(found)

    def test_not_in_closed_time(self) -> None:
        inquiry = ask(rule(), closed(hours="10:15-10:20"), type=GROUP, claims=[session("10:00", 1)])
        assert "10:00" not in starts(inquiry)

    def test_not_outside_the_rules_of_time(self) -> None:
        inquiry = ask(rule(), type=GROUP, claims=[session("09:40", 1)], now=at(f"{DAY} 09:50", NY))
        assert starts(inquiry) == ["10:30", "11:00", "11:30"]

    def test_buffers_of_its_own_do_not_refuse_it(self) -> None:
        padded = attrs.evolve(GROUP, buffer_before=mins(10), buffer_after=mins(10))
        taken = session("10:00", 2, before=10, after=10)
        found = starts(ask(rule(), type=padded, claims=[taken]))
        assert found == ["09:00", "10:00", "11:00", "11:30"]

    def test_another_claim_on_the_provider_still_does(self) -> None:
        claims = [
            session("10:00", 1),
            Claim.of("smith", at(f"{DAY} 10:29", NY), at(f"{DAY} 10:31", NY)),
        ]
        inquiry = ask(rule(), type=GROUP, claims=claims)
        assert starts(inquiry) == ["09:00", "09:30", "11:00", "11:30"]

    def test_another_session_that_overlaps_it_still_does(self) -> None:
        claims = [session("10:00", 1), session("10:15", 1, type="yoga")]
        inquiry = ask(rule(), type=GROUP, claims=claims)
        assert reasons(inquiry, f"{DAY} 10:00") == {Reason.TAKEN}
        assert "10:00" not in starts(inquiry)

    def test_one_that_was_held_and_expired_is_no_candidate(self) -> None:
        now = at(f"{DAY} 08:00", NY)
        held = attrs.evolve(session("09:40", 1), kind=ClaimKind.HOLD, expires=now)
        inquiry = ask(rule(), type=GROUP, now=now, claims=[held])
        assert starts(inquiry) == every("09:00", "11:30", 30)
        inquiry = ask(rule(), type=GROUP, now=now - mins(1), claims=[held])
        assert "09:40" in starts(inquiry)

    def test_a_session_of_another_type_is_only_taken_time(self) -> None:
        inquiry = ask(rule(), type=GROUP, claims=[session("10:00", 1, type="yoga")])
        assert starts(inquiry) == ["09:00", "09:30", *every("10:30", "11:30", 30)]
        assert reasons(inquiry, f"{DAY} 10:00") == {Reason.TAKEN}

    def test_a_session_at_another_place_is_only_taken_time(self) -> None:
        main = attrs.evolve(SMITH, location="main")
        places = [Location(id="main"), Location(id="annex")]
        for where, joined in (("main", True), ("annex", False)):
            inquiry = ask(
                rule(),
                type=GROUP,
                provider=main,
                locations=places,
                claims=[session("10:00", 1, location=where)],
            )
            assert ("10:00" in starts(inquiry)) is joined

    def test_its_room_is_shared_with_it(self) -> None:
        class_ = attrs.evolve(GROUP, needs=(Need.room("hall"),))
        rooms = [Room(id="hall", location="main")]
        claims = [session("10:00", 1), session("10:00", 1, of=room("hall"))]
        inquiry = ask(rule(), type=class_, rooms=rooms, claims=claims)
        assert starts(inquiry) == every("09:00", "11:30", 30)
        # Somebody else's in the hall is not.
        stranger = Claim.of(room("hall"), at(f"{DAY} 10:00", NY), at(f"{DAY} 10:30", NY))
        inquiry = ask(rule(), type=class_, rooms=rooms, claims=[session("10:00", 1), stranger])
        assert "10:00" not in starts(inquiry)

    def test_who_is_in_it_already_does_not_join_twice(self) -> None:
        claims = [session("10:00", 1), session("10:00", 1, of=patient("ada"))]
        inquiry = ask(rule(), type=GROUP, patient="bob", claims=claims)
        assert "10:00" in starts(inquiry)
        inquiry = ask(rule(), type=GROUP, patient="ada", claims=claims)
        assert "10:00" not in starts(inquiry)
        assert reasons(inquiry, f"{DAY} 10:00") == {Reason.TAKEN}

    def test_a_patient_who_is_elsewhere_does_not_join(self) -> None:
        own = Claim.of(patient("ada"), at(f"{DAY} 10:00", NY), at(f"{DAY} 10:15", NY))
        inquiry = ask(rule(), type=GROUP, patient="ada", claims=[session("10:00", 1), own])
        assert "10:00" not in starts(inquiry)
        assert reasons(inquiry, f"{DAY} 10:00") == {Reason.TAKEN}

    def test_in_order_among_the_others_and_none_twice(self) -> None:
        claims = [session("11:00", 1), session("09:00", 2)]
        slots = listing(ask(rule(), type=GROUP, claims=claims), LOW, HIGH)
        assert [slot.seats_free for slot in slots] == [2, 4, 4, 4, 3, 4]

    def test_a_query_holds_it_by_its_start(self) -> None:
        inquiry = ask(rule(), type=GROUP, claims=[session("09:40", 1)])
        assert len(listing(inquiry, at(f"{DAY} 09:41", NY), at(f"{DAY} 10:30", NY))) == 0
        assert len(listing(inquiry, at(f"{DAY} 09:40", NY), at(f"{DAY} 09:41", NY))) == 1
