"""Slots as a sequence: lazy, ordered, sliced, grouped, seen from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import attrs
import pytest
from tests.engine.kit import (
    DAY,
    FOLD,
    NY,
    SMITH,
    TOKYO,
    ask,
    at,
    every,
    extra,
    mins,
    minute,
    on,
    rule,
    visit,
)

from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.slots import SlotKey, Slots, SlotStatus, read_slot_id, slot_id
from medsched.engine.slots import list_slots
from medsched.errors import InvalidSlotId, UnknownZone

LOW, HIGH = at("2026-02-02 00:00", NY), at("2026-02-07 00:00", NY)


def week() -> Slots:
    """Monday to Friday, six slots a day."""
    return list_slots(ask(rule(days="MO-FR")), LOW, HIGH)


class TestSequence:
    def test_length_and_truth(self) -> None:
        assert len(week()) == 30
        assert week()
        none = list_slots(ask(), LOW, HIGH)
        assert len(none) == 0
        assert not none
        assert list(none) == []
        assert isinstance(week(), Sequence)

    def test_index_from_both_ends(self) -> None:
        slots = week()
        assert slots[0].start == at("2026-02-02 09:00", NY)
        assert slots[29] == slots[-1]
        assert slots[-30] == slots[0]
        for index in (30, -31):
            with pytest.raises(IndexError):
                slots[index]

    def test_slices_are_slots_again(self) -> None:
        slots, plain = week(), list(week())
        for cut in (
            slice(2, 5),
            slice(None, None, 7),
            slice(-3, None),
            slice(None, None, -1),
            slice(50, 60),
            slice(5, 2),
        ):
            assert isinstance(slots[cut], Slots)
            assert list(slots[cut]) == plain[cut]
        assert list(slots[2:20][3:5]) == plain[5:7]

    def test_iterating_twice_gives_equal_slots(self) -> None:
        slots = week()
        assert list(slots) == list(slots) == [slots[index] for index in range(len(slots))]
        assert slots[3] in slots
        assert slots.index(slots[3]) == 3
        assert list(reversed(slots)) == list(slots)[::-1]
        assert len(set(slots)) == 30

    def test_the_first(self) -> None:
        slots = week()
        assert slots.first() == [slots[0]]
        assert slots.first(3) == list(slots)[:3]
        assert len(slots.first(1000)) == 30
        assert slots.first(0) == []

    def test_in_order_over_all_windows(self) -> None:
        hours = [
            rule("13:00-15:00", id="a"),
            rule("09:00-10:00", id="b", timezone="UTC"),
            extra("03:00-04:00"),
        ]
        starts = [slot.start for slot in list_slots(ask(*hours), LOW, HIGH)]
        assert starts == sorted(set(starts))

    def test_lazy_yet_of_the_moment_it_was_asked_for(self) -> None:
        claims = [Claim.of("smith", at(f"{DAY} 09:00", NY), at(f"{DAY} 09:30", NY))]
        slots = list_slots(ask(rule(days="MO-FR"), claims=claims), LOW, HIGH)
        claims.clear()
        assert len(slots) == 29


class TestByDate:
    def test_grouped_by_local_date(self) -> None:
        grouped = week().by_date()
        assert list(grouped) == [date(2026, 2, day) for day in range(2, 7)]
        assert [len(some) for some in grouped.values()] == [6] * 5
        assert [slot for some in grouped.values() for slot in some] == list(week())

    def test_dates_are_those_of_the_viewer(self) -> None:
        # 09:00-12:00 in New York is 23:00-02:00 in Tokyo.
        grouped = week().seen_from(TOKYO).by_date()
        assert [len(some) for some in grouped.values()] == [2, 6, 6, 6, 6, 4]
        assert next(iter(grouped)) == date(2026, 2, 2)


class TestSeenFrom:
    def test_another_zone_never_moves_an_instant(self) -> None:
        slots = week()
        for zone in ("UTC", TOKYO, "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns"):
            seen = slots.seen_from(zone)
            assert [(one.start, one.end, one.id) for one in seen] == [
                (one.start, one.end, one.id) for one in slots
            ]
            assert {one.timezone for one in seen} == {zone}
            for one in seen:
                assert one.local_start == one.start
                assert one.local_end == one.end
                assert one.date == one.local_start.date()

    def test_what_was_seen_stays_as_it_was(self) -> None:
        slots = week()
        slots.seen_from(TOKYO).first(5)
        assert slots[0].timezone == NY

    def test_repeated_times_are_told_apart(self) -> None:
        twice = list_slots(
            ask(on(FOLD, "00:00-03:00"), type=visit(60)), at(f"{FOLD} 00:00"), at(f"{FOLD} 23:00")
        )
        ones = [slot.local_start.isoformat() for slot in twice]
        assert ones == [
            "2026-11-01T00:00:00-04:00",
            "2026-11-01T01:00:00-04:00",
            "2026-11-01T01:00:00-05:00",
            "2026-11-01T02:00:00-05:00",
        ]
        assert twice[1].local_end.isoformat() == "2026-11-01T01:00:00-05:00"
        assert len({slot.id for slot in twice}) == 4

    def test_a_zone_that_is_none(self) -> None:
        for name in ("Mars/Olympus", "", "../etc/passwd", "EST5EDT "):
            with pytest.raises(UnknownZone):
                week().seen_from(name)


class TestIds:
    def test_they_are_the_same_whenever_and_however_listed(self) -> None:
        whole = {slot.start: slot.id for slot in week()}
        for low, high in ((LOW, HIGH), (at(f"{DAY} 10:00", NY), HIGH)):
            claims = [Claim.of("smith", at(f"{DAY} 09:10", NY), at(f"{DAY} 09:20", NY))]
            inquiry = ask(rule(days="MO-FR", id="renamed"), type=visit(30), claims=claims)
            for slot in list_slots(inquiry, low, high, taken=True):
                assert whole[slot.start] == slot.id

    def test_they_differ_by_practice_provider_type_place_and_start(self) -> None:
        key = SlotKey("p", "smith", "visit", "main", 5)
        others = [
            key._replace(practice="q"),
            key._replace(provider="jones"),
            key._replace(type="other"),
            key._replace(location="annex"),
            key._replace(location=None),
            key._replace(location=""),
            key._replace(start=6),
            SlotKey("ps", "mith", "visit", "main", 5),
            SlotKey("p", "smith", "visit\u0301", "main", 5),
        ]
        assert len({slot_id(one) for one in [key, *others]}) == len(others) + 1

    def test_what_they_name_can_be_read_back(self) -> None:
        for slot in week().first(3):
            assert read_slot_id(slot.id) == (
                "riverside",
                "smith",
                "visit",
                None,
                (slot.start - at("1970-01-01 00:00")) // mins(1),
            )

    def test_they_do_not_hang_on_length_status_or_rule(self) -> None:
        key = SlotKey("riverside", "smith", "visit", None, minute(f"{DAY} 09:00", NY))
        longer = list_slots(
            ask(rule(id="other"), type=visit(90), provider=attrs.evolve(SMITH)), LOW, HIGH
        )
        assert slot_id(key) in {slot.id for slot in longer}

    @pytest.mark.parametrize("text", ["", "x", "no such slot", "ü", "\0", "=" * 8, "A" * 5000])
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidSlotId):
            read_slot_id(text)

    def test_a_part_or_a_changed_letter_is_refused(self) -> None:
        good = week()[0].id
        for bad in (good[:-1], good[1:], good + "A", good + "=", good.swapcase(), f" {good}"):
            with pytest.raises(InvalidSlotId):
                read_slot_id(bad)


class TestTaken:
    CLAIMS = (
        Claim.of("smith", at(f"{DAY} 09:00", NY), at(f"{DAY} 09:30", NY), id="appointment"),
        Claim.of("smith", at(f"{DAY} 09:30", NY), at(f"{DAY} 10:00", NY), kind=ClaimKind.HOLD),
        Claim.of("smith", at(f"{DAY} 10:00", NY), at(f"{DAY} 10:30", NY), kind="blocking"),
    )

    def test_the_summary_adds_up(self) -> None:
        inquiry = ask(rule(days="MO-FR"), type=visit(capacity=3), claims=self.CLAIMS)
        summary = list_slots(inquiry, LOW, HIGH, taken=True).summary()
        assert (summary.total, summary.free, summary.busy) == (30, 27, 1)
        assert (summary.unavailable, summary.tentative, summary.seats) == (1, 1, 27 * 3)

    def test_without_them_only_free_ones(self) -> None:
        inquiry = ask(rule(days="MO-FR"), claims=self.CLAIMS)
        free = list_slots(inquiry, LOW, HIGH)
        everything = list_slots(inquiry, LOW, HIGH, taken=True)
        assert list(free) == [slot for slot in everything if slot.status is SlotStatus.FREE]
        assert all(
            slot.seats_free == 0 for slot in everything if slot.status is not SlotStatus.FREE
        )

    def test_packed_slots_that_are_taken_have_no_start_of_their_own(self) -> None:
        from medsched.domain.appointment_types import Grid

        inquiry = ask(rule(), type=visit(grid=Grid.packed()), claims=self.CLAIMS)
        slots = list_slots(inquiry, LOW, HIGH, taken=True)
        assert {slot.status for slot in slots} == {SlotStatus.FREE}

    def test_by_rule(self) -> None:
        hours = [rule("09:00-10:00", id="a"), rule("10:00-11:30", id="b")]
        slots = list_slots(ask(*hours), LOW, HIGH)
        assert len(slots.opened_by("a")) == 10
        assert len(slots.opened_by("b")) == 15
        assert len(slots.opened_by("c")) == 0
        assert {slot.opened_by for slot in slots.opened_by("b")} == {"b"}


def test_a_repr_tells_what_and_when() -> None:
    text = repr(week()[0])
    assert "smith" in text
    assert "2026-02-02 09:00" in text
    assert "30" in repr(week())


def test_adjoining_queries_add_up() -> None:
    whole = list(week())
    cut, parts = LOW, []
    while cut < HIGH:
        parts += list(list_slots(ask(rule(days="MO-FR")), cut, cut + timedelta(minutes=47)))
        cut += timedelta(minutes=47)
    assert [slot for slot in parts if slot.start < HIGH] == whole


def test_an_empty_query_is_no_error() -> None:
    assert len(list_slots(ask(rule()), LOW, LOW)) == 0


def test_starts_of_a_day_read_like_a_list() -> None:
    day = list_slots(ask(rule()), at(f"{DAY} 00:00", NY), at(f"{DAY} 23:59", NY))
    assert [f"{slot.local_start:%H:%M}" for slot in day] == every("09:00", "11:30", 30)
    assert [f"{slot.local_end:%H:%M}" for slot in day] == every("09:30", "12:00", 30)
