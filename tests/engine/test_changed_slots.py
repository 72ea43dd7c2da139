"""Slots that were changed one by one: listed where they are, refused where they were."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    NY,
    SMITH,
    VISIT,
    ZONES,
    ask,
    at,
    busy,
    closed,
    every,
    listing,
    mins,
    minute,
    reasons,
    rule,
    schedule,
    starts,
    visit,
)

from medsched.domain.appointment_types import Grid
from medsched.domain.claims import Claim, Session
from medsched.domain.requests import Reason
from medsched.domain.schedule import Schedule
from medsched.domain.slot_overrides import SlotOverride
from medsched.domain.slots import SlotStatus
from medsched.engine import slots as listings
from medsched.engine.explain import explain
from medsched.engine.placing import place_of
from medsched.engine.slots import list_slots
from medsched.errors import OutsideHours, SlotsOverlap


def wall(text: str) -> Any:
    """An instant of the plain Wednesday, by New York's wall."""
    return at(f"{DAY} {text}", NY)


def change(start: str, **fields: Any) -> SlotOverride:
    """What was changed of the visit that starts then on the plain Wednesday."""
    for name in ("begins", "ends"):
        if name in fields:
            fields[name] = wall(fields[name])
    id = fields.pop("id", f"slot {start}")
    stated = {"resource": "smith", "type": "visit", **fields}
    return SlotOverride(id=id, start=wall(start), **stated)


def changed(*slots: SlotOverride, hours: str = "09:00-12:00", **fields: Any) -> Schedule:
    """A morning of Smith's in which some slots were changed."""
    made = schedule(rule(hours, **fields))
    own = attrs.evolve(made.calendar(SMITH.resource), slots=slots)
    return attrs.evolve(made, calendars={**made.calendars, SMITH.resource: own})


class TestListing:
    @pytest.mark.parametrize(
        "slots, expected",
        [
            ([], every("09:00", "11:30", 30)),
            ([change("09:30", withdrawn=True)], ["09:00", *every("10:00", "11:30", 30)]),
            ([change("09:30", begins="09:40")], ["09:00", "09:40", *every("10:00", "11:30", 30)]),
            ([change("11:30", begins="09:10")], sorted([*every("09:00", "11:00", 30), "09:10"])),
            ([change("09:30", begins="10:00")], ["09:00", *every("10:00", "11:30", 30)]),
            ([change("09:30", begins="11:31")], ["09:00", *every("10:00", "11:30", 30)]),
            ([change("09:30", begins="08:59")], ["09:00", *every("10:00", "11:30", 30)]),
            ([change("09:30", begins="12:00")], ["09:00", *every("10:00", "11:30", 30)]),
            ([change("09:30", location="ward", withdrawn=True)], every("09:00", "11:30", 30)),
            ([change("09:30", type="other", withdrawn=True)], every("09:00", "11:30", 30)),
            ([change("09:30", becomes="other")], ["09:00", *every("10:00", "11:30", 30)]),
            (
                [change("09:15", type="other", becomes="visit")],
                sorted([*every("09:00", "11:30", 30), "09:15"]),
            ),
            ([change("09:31", withdrawn=True)], every("09:00", "11:30", 30)),
            (
                [change("09:00", begins="09:30"), change("09:30", begins="09:00")],
                every("09:00", "11:30", 30),
            ),
            (
                [change(time, withdrawn=True) for time in every("09:00", "11:30", 30)],
                [],
            ),
        ],
    )
    def test_what_is_listed(self, slots: list[SlotOverride], expected: list[str]) -> None:
        assert starts(ask(changed(*slots))) == expected

    def test_longer_and_shorter(self) -> None:
        made = changed(change("09:00", ends="09:50"), change("11:30", ends="11:35"))
        found = listing(ask(made), wall("00:00"), wall("23:00"))
        lengths = {f"{one.local_start:%H:%M}": one.duration // mins(1) for one in found}
        assert lengths == {
            **dict.fromkeys(every("09:30", "11:00", 30), 30),
            "09:00": 50,
            "11:30": 5,
        }

    def test_claims_refuse_it_for_its_own_length(self) -> None:
        made = changed(change("09:00", ends="09:50"), change("10:00", ends="10:10"))
        asked = ask(made, claims=[busy("09:49", "09:51"), busy("10:10", "10:20")])
        assert starts(asked) == ["10:00", *every("10:30", "11:30", 30)]
        assert reasons(asked, f"{DAY} 09:00") == {Reason.TAKEN}

    def test_hours_that_do_not_offer_the_type(self) -> None:
        made = changed(change("09:30", type="other", becomes="visit"), types="other")
        assert starts(ask(made)) == ["09:30"]
        assert reasons(ask(made), f"{DAY} 10:00") == {Reason.TYPE}

    def test_a_closure_takes_it_too(self) -> None:
        made = changed(change("09:30", begins="09:40"))
        own = made.calendar(SMITH.resource)
        for hours, left in (("09:39-09:41", False), ("10:09-10:10", False), ("10:10-10:11", True)):
            shut = attrs.evolve(own, overrides=(closed(hours=hours),))
            asked = ask(attrs.evolve(made, calendars={SMITH.resource: shut}))
            assert ("09:40" in starts(asked)) is left

    def test_the_packed_grid_flows_around_what_is_taken(self) -> None:
        packed = visit(grid=Grid.packed())
        made = changed(change("09:30", withdrawn=True), change("11:00", begins="10:45"))
        assert starts(ask(made, type=packed)) == ["09:00", "10:00", "10:30", "10:45", "11:30"]
        asked = ask(made, type=packed, claims=[busy("09:00", "09:10")])
        assert starts(asked) == ["09:10", "09:40", "10:10", "10:40", "10:45", "11:10"]

    def test_a_group_that_was_withdrawn_takes_nobody_more(self) -> None:
        group = visit(code="group", capacity=3)
        shared = Session("group", None, minute(f"{DAY} 09:30", NY), 1)
        claim = Claim.of("smith", wall("09:30"), wall("10:00"), session=shared)
        asked = ask(changed(), type=group, claims=[claim])
        assert "09:30" in starts(asked)
        gone = changed(change("09:30", type="group", withdrawn=True))
        asked = ask(gone, type=group, claims=[claim])
        assert "09:30" not in starts(asked)
        assert reasons(asked, f"{DAY} 09:30") == {Reason.WITHDRAWN}

    def test_those_that_are_taken_are_listed_with_the_others(self) -> None:
        made = changed(change("09:30", begins="09:40", ends="09:55"))
        asked = ask(made, claims=[busy("09:40", "09:55")])
        found = list_slots(asked, wall("09:00"), wall("10:30"), taken=True)
        told = {f"{one.local_start:%H:%M}": one.status for one in found}
        assert told == {
            "09:00": SlotStatus.FREE,
            "09:40": SlotStatus.BUSY,
            "10:00": SlotStatus.FREE,
        }

    def test_a_query_ends_before_it_or_begins_at_it(self) -> None:
        asked = ask(changed(change("09:30", begins="09:40")))
        whole = list(list_slots(asked, wall("00:00"), wall("23:00")))
        for cut in ("09:39", "09:40", "09:41"):
            parts = [*list_slots(asked, wall("00:00"), wall(cut))]
            assert [*parts, *list_slots(asked, wall(cut), wall("23:00"))] == whole


class TestCounting:
    LOW, HIGH = wall("00:00"), wall("23:00")

    def counted(self, *slots: SlotOverride, **asked: Any) -> int:
        return list_slots(ask(changed(*slots), **asked), self.LOW, self.HIGH).summary().withdrawn

    @pytest.mark.parametrize(
        "slots, withdrawn",
        [
            ([], 0),
            ([change("09:30", withdrawn=True)], 1),
            ([change("09:30", withdrawn=True), change("10:00", withdrawn=True)], 2),
            ([change("09:30", begins="09:40")], 0),
            ([change("09:30", withdrawn=True), change("10:00", notes="n")], 1),
            ([change("09:31", withdrawn=True)], 0),
            ([change("12:00", withdrawn=True)], 0),
            ([change("09:30", withdrawn=True, type="other")], 0),
            ([change("09:30", withdrawn=True, location="ward")], 0),
            ([change("09:30", withdrawn=True), change("11:00", begins="09:30")], 0),
            ([change("09:30", withdrawn=True), change("11:00", begins="09:45")], 1),
        ],
    )
    def test_what_was_taken_out(self, slots: list[SlotOverride], withdrawn: int) -> None:
        assert self.counted(*slots) == withdrawn

    def test_each_that_would_be_listed_taken_or_not(self) -> None:
        gone = change("09:30", withdrawn=True)
        assert self.counted(gone, claims=[busy("09:30", "10:00")]) == 1
        assert self.counted(gone, now=wall("09:30")) == 1
        assert self.counted(gone, now=wall("09:31")) == 0
        made = changed(gone)
        shut = attrs.evolve(made.calendar(SMITH.resource), overrides=(closed(hours="09:45-10:00"),))
        asked = ask(attrs.evolve(made, calendars={SMITH.resource: shut}))
        assert list_slots(asked, self.LOW, self.HIGH).summary().withdrawn == 0

    def test_in_the_stretch_that_was_asked_for(self) -> None:
        days = [change("09:30", withdrawn=True, id="x"), change("11:30", withdrawn=True, id="y")]
        asked = ask(changed(*days))
        for low, high, found in (
            ("09:30", "11:30", 1),
            ("09:31", "11:31", 1),
            ("09:30", "11:31", 2),
            ("09:31", "11:30", 0),
            ("09:30", "09:30", 0),
        ):
            for taken in (True, False):
                listed = list_slots(asked, wall(low), wall(high), taken=taken)
                assert listed.summary().withdrawn == found

    def test_of_the_rule_and_zone_that_are_looked_at(self) -> None:
        made = schedule(rule("09:00-10:00", id="a"), rule("10:00-12:00", id="b"))
        slots = [change(one, withdrawn=True) for one in ("09:30", "10:30", "11:00")]
        own = attrs.evolve(made.calendar(SMITH.resource), slots=tuple(slots))
        listed = list_slots(
            ask(attrs.evolve(made, calendars={SMITH.resource: own})), self.LOW, self.HIGH
        )
        for some in (listed, listed.seen_from("Asia/Tokyo")):
            assert some.summary().withdrawn == 3
            assert some.opened_by("a").summary().withdrawn == 1
            assert some.opened_by("b").seen_from("UTC").summary().withdrawn == 2
            assert some.opened_by("c").summary().withdrawn == 0
        assert listed[:2].summary().withdrawn == 0

    def test_who_asks_for_no_summary_lists_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made, find = list[int](), listings._find

        def watched(*args: Any) -> Any:
            made.append(1)
            return find(*args)

        monkeypatch.setattr(listings, "_find", watched)
        asked = ask(changed(change("09:30", withdrawn=True)))
        listed = list_slots(asked, self.LOW, self.HIGH)
        assert (len(listed), len(made)) == (5, 1)
        assert listed.summary().withdrawn == len(made) - 1 == 1
        made.clear()
        assert list_slots(ask(changed()), self.LOW, self.HIGH).summary().withdrawn == 0
        assert len(made) == 1


class TestTelling:
    def test_why_it_is_not_offered(self) -> None:
        asked = ask(changed(change("09:30", withdrawn=True, reason="ill", id="x")))
        (told,) = explain(asked, wall("09:30")).violations
        assert (told.reason, told.by, str(told)) == (
            Reason.WITHDRAWN,
            "x",
            "this slot is not offered any more: ill",
        )
        assert (told.start, told.end) == (wall("09:30"), wall("10:00"))
        near = explain(asked, wall("09:40")).violations[0]
        assert str(near).endswith("the nearest are 2026-02-04 09:00 and 2026-02-04 10:00")

    def test_the_slot_that_it_is(self) -> None:
        asked = ask(changed(change("09:30", begins="09:40", notes="late", id="x")))
        found = explain(asked, wall("09:40"))
        assert found.offered
        assert found.slot is not None
        assert (found.slot.notes, found.slot.changed_by) == ("late", "x")


class TestPlacing:
    def test_where_there_is_room(self) -> None:
        one = change("09:45", begins="09:50", ends="10:25")
        made = changed(one, break_duration=mins(15))
        low, high = place_of(one, made, VISIT, ZONES)
        assert (low, high) == (minute(f"{DAY} 09:50", NY), minute(f"{DAY} 10:25", NY))

    @pytest.mark.parametrize(
        "one",
        [
            change("09:45", begins="08:59"),
            change("09:45", begins="11:31"),
            change("09:45", begins="12:00"),
            change("09:45", begins="10:00", location="ward"),
            change("11:15", ends="12:01"),
        ],
    )
    def test_out_of_hours(self, one: SlotOverride) -> None:
        with pytest.raises(OutsideHours):
            place_of(one, changed(one, break_duration=mins(15)), VISIT, ZONES)

    @pytest.mark.parametrize("to", ["09:16", "09:29", "10:01", "10:30", "10:59"])
    def test_over_another(self, to: str) -> None:
        one = change("09:45", begins=to)
        with pytest.raises(SlotsOverlap) as caught:
            place_of(one, changed(one, break_duration=mins(15)), VISIT, ZONES)
        assert caught.value.slot[0] == wall(to)

    def test_what_met_it_before_may_still(self) -> None:
        """Starts of a dense grid are there to choose from, and overlap."""
        dense = visit(grid=Grid.clock(mins(15)))
        shorter = change("10:00", ends="10:20")
        assert place_of(shorter, changed(shorter), dense, ZONES)
        for one in (change("10:00", ends="10:40"), change("10:00", begins="10:15")):
            with pytest.raises(SlotsOverlap):
                place_of(one, changed(one), dense, ZONES)

    def test_a_slot_of_another_type_is_in_the_way_of_its_new_type_only(self) -> None:
        one = change("10:00", type="other", becomes="visit")
        with pytest.raises(SlotsOverlap):
            place_of(one, changed(one), VISIT, ZONES)
        room = changed(one, change("10:00", withdrawn=True, id="gone"))
        assert place_of(one, room, VISIT, ZONES)

    def test_long_ones_are_seen_from_afar(self) -> None:
        long = change("09:00", ends="11:20", id="long")
        late = change("11:30", begins="11:10", ends="11:15", id="late")
        made = changed(
            long, *(change(t, withdrawn=True) for t in every("09:30", "11:00", 30)), late
        )
        with pytest.raises(SlotsOverlap) as caught:
            place_of(late, made, VISIT, ZONES)
        assert caught.value.other == (wall("09:00"), wall("09:00") + timedelta(minutes=140))
