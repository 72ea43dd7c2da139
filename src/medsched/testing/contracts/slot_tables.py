"""What a table of published slots promises, for stores that have one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from threading import Thread
from typing import Any, Final
from uuid import uuid4

import attrs
import pytest

from medsched.domain.published import PublishedDay, PublishedSlot
from medsched.domain.slots import SlotStatus
from medsched.ports.slot_table import SlotTable
from medsched.testing.contracts.samples import IDS, UNNAMEABLE
from medsched.testing.contracts.taken import LATER, ODD, WHEN

_DAY: Final = timedelta(days=1)
FIRST: Final = date(2026, 5, 13)


def a_slot(at: datetime, **more: Any) -> PublishedSlot:
    """A slot of half an hour."""
    fields: dict[str, Any] = {
        "slot_id": f"slot {at}",
        "provider": "smith",
        "type": "visit",
        "start": at,
        "end": at + timedelta(minutes=30),
        "status": SlotStatus.FREE,
        "seats_free": 1,
        "created_at": WHEN,
        "updated_at": LATER,
    }
    return PublishedSlot(**{**fields, **more})


def a_day(on: date, hours: Iterable[int] = (9, 10), **more: Any) -> PublishedDay:
    """A date in UTC with slots at some full hours."""
    start = datetime(on.year, on.month, on.day, tzinfo=UTC)
    of = {name: more[name] for name in ("provider", "type") if name in more}
    fields: dict[str, Any] = {
        "provider": "smith",
        "type": "visit",
        "date": on,
        "start": start,
        "end": start + _DAY,
        "stamp": "one",
        "slots": [a_slot(start + timedelta(hours=hour), **of) for hour in hours],
    }
    return PublishedDay(**{**fields, **more})


class SlotTableContract:
    """All that `medsched.ports.SlotTable` promises: derive a test class, and give ``table``."""

    @pytest.fixture
    def table(self) -> SlotTable:
        """The store whose table it is."""
        raise NotImplementedError("give the fixture `table` a store to test")

    @pytest.fixture
    def practice(self) -> str:
        """An id that nothing is kept under."""
        return f"practice-{uuid4().hex}"

    def test_of_an_unknown_practice_there_is_nothing(self, table: SlotTable, practice: str) -> None:
        assert list(table.published_pairs(practice)) == []
        assert self.days(table, practice) == {}
        assert table.withdraw_days(practice, "smith", "visit") == 0

    def test_a_day_comes_back_as_it_was_given(self, table: SlotTable, practice: str) -> None:
        at = datetime(2026, 5, 13, 9, tzinfo=UTC)
        rich = a_slot(
            at,
            slot_id="x" * 16_000 + ODD,
            location=" Main ",
            status="busy-tentative",
            seats_free=0,
            patient="😀" * 255,
        )
        for slots in ([], [a_slot(at)], [rich, a_slot(at + _DAY / 4), a_slot(at + _DAY / 3)]):
            day = a_day(FIRST, slots=slots, stamp="s" * 64)
            table.publish_day(practice, day)
            assert self.days(table, practice) == {FIRST: day}
        assert list(table.published_pairs(practice)) == [("smith", "visit")]

    def test_days_are_found_by_date_and_in_order(self, table: SlotTable, practice: str) -> None:
        days = {FIRST + n * _DAY: a_day(FIRST + n * _DAY, hours=range(n)) for n in range(6)}
        for on in sorted(days, key=lambda one: (one.day % 2, -one.day)):
            table.publish_day(practice, days[on])
        found = table.published_days(practice, "smith", "visit", FIRST + _DAY, FIRST + 3 * _DAY)
        assert list(found.items()) == list(days.items())[1:4]
        assert table.published_days(practice, "smith", "visit", FIRST - _DAY, FIRST - _DAY) == {}

    def test_a_day_takes_the_place_of_what_was_kept_of_its_date(
        self, table: SlotTable, practice: str
    ) -> None:
        other = a_day(FIRST + _DAY)
        table.publish_day(practice, other)
        for hours in ((9, 10, 11), (10,), (), (8, 9)):
            day = a_day(FIRST, hours, stamp=str(hours))
            table.publish_day(practice, day)
            assert self.days(table, practice) == {FIRST: day, other.date: other}

    def test_no_slot_is_of_two_days(self, table: SlotTable, practice: str) -> None:
        """A provider who moves has other dates: those that the new ones reach into must go."""
        for n in range(3):
            table.publish_day(practice, a_day(FIRST + n * _DAY))
        other = a_day(FIRST, type="other")
        table.publish_day(practice, other)
        moved = a_day(FIRST, start=datetime(2026, 5, 13, 9, 30, tzinfo=UTC), slots=[])
        moved = attrs.evolve(moved, end=moved.start + _DAY)
        table.publish_day(practice, moved)
        assert self.days(table, practice) == {
            FIRST: moved,
            FIRST + 2 * _DAY: a_day(FIRST + 2 * _DAY),
        }
        assert self.days(table, practice, type="other") == {FIRST: other}

    def test_what_is_withdrawn_is_gone(self, table: SlotTable, practice: str) -> None:
        days = {FIRST + n * _DAY: a_day(FIRST + n * _DAY) for n in range(5)}
        for day in days.values():
            table.publish_day(practice, day)
        other = a_day(FIRST, provider="jones")
        table.publish_day(practice, other)
        kept = (FIRST + _DAY, FIRST + 2 * _DAY)
        assert table.withdraw_days(practice, "smith", "visit", kept=kept) == 3
        assert table.withdraw_days(practice, "smith", "visit", kept=kept) == 0
        assert list(self.days(table, practice)) == list(kept)
        assert table.withdraw_days(practice, "smith", "visit") == 2
        assert list(table.published_pairs(practice)) == [("jones", "visit")]
        assert self.days(table, practice, provider="jones") == {FIRST: other}

    def test_ids_are_compared_byte_by_byte(self, table: SlotTable, practice: str) -> None:
        for id in IDS:
            table.publish_day(practice, a_day(FIRST, provider=id))
            table.publish_day(practice, a_day(FIRST, provider="smith", type=id))
        pairs = {(id, "visit") for id in IDS} | {("smith", id) for id in IDS}
        assert set(table.published_pairs(practice)) == pairs
        for provider, type in pairs:
            found = self.days(table, practice, provider=provider, type=type)
            assert found == {FIRST: a_day(FIRST, provider=provider, type=type)}
        for id in UNNAMEABLE:
            assert self.days(table, practice, provider=id) == {}
            assert self.days(table, id) == {}
            assert table.withdraw_days(practice, "smith", id) == 0
            assert list(table.published_pairs(id)) == []

    def test_practices_are_kept_apart(self, table: SlotTable, practice: str) -> None:
        other = practice.upper()
        table.publish_day(practice, a_day(FIRST))
        table.publish_day(other, a_day(FIRST, (12,)))
        assert table.withdraw_days(other, "smith", "visit") == 1
        assert self.days(table, practice) == {FIRST: a_day(FIRST)}

    def test_of_rivals_each_writes_whole_days(self, table: SlotTable, practice: str) -> None:
        days = [a_day(FIRST, range(n, n + 9), stamp=str(n)) for n in range(4)]
        seen: list[object] = []

        def write(day: PublishedDay) -> None:
            try:
                for _ in range(6):
                    table.publish_day(practice, day)
                    seen.extend(self.days(table, practice).values())
            except Exception as error:
                seen.append(error)

        threads = [Thread(target=write, args=(day,)) for day in days]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 24
        assert [one for one in seen if one not in days] == []

    def days(
        self, table: SlotTable, practice: str, provider: str = "smith", type: str = "visit"
    ) -> dict[date, PublishedDay]:
        """All days of a pair, all of May and June."""
        first, last = date(2026, 5, 1), date(2026, 6, 30)
        return dict(table.published_days(practice, provider, type, first, last))
