"""Entries and offers of the waitlist: what they may say, and what they never show."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from medsched.domain.bookings import WallTime
from medsched.domain.fields import phi_fields
from medsched.domain.waitlist import (
    OfferStatus,
    PassedSlot,
    WaitlistEntry,
    WaitlistOffer,
    WaitlistStatus,
)
from medsched.errors import InvalidChoice, InvalidInterval, InvalidNumber, NaiveDatetime

NINE = datetime(2026, 1, 7, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def entry(**fields: Any) -> WaitlistEntry:
    usual: dict[str, Any] = {
        "patient": "ada",
        "type": "visit",
        "earliest": date(2026, 1, 7),
        "latest": date(2026, 1, 9),
        "entered_at": NINE,
    }
    return WaitlistEntry(**usual | fields)


def offer(**fields: Any) -> WaitlistOffer:
    usual: dict[str, Any] = {
        "entry": "e",
        "patient": "ada",
        "provider": "smith",
        "type": "visit",
        "start": NINE,
        "end": NINE + HOUR,
        "wall": WallTime(datetime(2026, 1, 7, 9), "UTC"),
        "offered_at": NINE - 2 * HOUR,
        "expires": NINE - HOUR,
    }
    return WaitlistOffer(**usual | fields)


def test_what_is_a_patients_is_marked_and_not_shown() -> None:
    assert phi_fields(WaitlistEntry) == {"notes", "referral", "prepayment"}
    assert phi_fields(WaitlistOffer) == {"reason", "answer"}
    for cls in (WaitlistEntry, WaitlistOffer):
        made = entry if cls is WaitlistEntry else offer
        secret: Any = dict.fromkeys(phi_fields(cls), "a secret")
        assert "secret" not in repr(made(**secret))


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"latest": date(2026, 1, 6)}, InvalidInterval),
        ({"urgency": True}, InvalidNumber),
        ({"urgency": 1001}, InvalidNumber),
        ({"entered_at": datetime(2026, 1, 7)}, NaiveDatetime),
        ({"status": "gone"}, InvalidChoice),
        ({"status": "booked"}, InvalidChoice),
        ({"active": False}, InvalidChoice),
    ],
)
def test_bad_fields_of_an_entry(fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        entry(**fields)


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"end": NINE}, InvalidInterval),
        ({"expires": datetime(2026, 1, 7)}, NaiveDatetime),
        ({"status": "accepted"}, InvalidChoice),
        ({"active": False}, InvalidChoice),
    ],
)
def test_bad_fields_of_an_offer(fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        offer(**fields)


@pytest.mark.parametrize("status", WaitlistStatus)
def test_an_entry_is_active_as_long_as_it_waits(status: WaitlistStatus) -> None:
    waits = status in (WaitlistStatus.WAITING, WaitlistStatus.OFFERED)
    assert entry(status=status, active=waits).active is waits
    with pytest.raises(InvalidChoice):
        entry(status=status, active=not waits)


def test_providers_are_a_set_and_passed_slots_are_kept_once_in_order() -> None:
    first, second = PassedSlot("smith", None, NINE), PassedSlot("smith", "main", NINE + HOUR)
    made = entry(providers="smith", passed=[second, first, second])
    assert made.providers == {"smith"}
    assert made.passed == (first, second)


def test_an_offer_is_live_until_the_instant_it_expires() -> None:
    made = offer()
    assert made.is_live(made.expires - timedelta(microseconds=1))
    assert not made.is_live(made.expires)
    ended = attrs.evolve(made, status=OfferStatus.WITHDRAWN, active=False)
    assert not ended.is_live(made.offered_at)


def test_it_ended_in_a_month_of_utc() -> None:
    west = timezone(timedelta(hours=-5))
    made = offer(status="declined", active=False, ended_at=datetime(2026, 1, 31, 22, tzinfo=west))
    assert made.ended_in == "2026-02"
    assert offer().ended_in is None
