"""Searching one practice: what is asked for, in which order, page by page, and with wrong input."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest

from medsched import (
    Address,
    AppointmentType,
    AvailabilityRule,
    BookingRules,
    Hours,
    InvalidChoice,
    InvalidCursor,
    InvalidInterval,
    InvalidNumber,
    MedschedError,
    MemoryStore,
    MissingZone,
    NaiveDatetime,
    NotFound,
    Override,
    Practice,
    Pricing,
    Recurrence,
    Scheduler,
    Search,
    Slot,
    SlotStatus,
    UnknownZone,
    Violation,
    Visit,
    every,
)
from medsched.testing.fixed import FixedClock, NumberedIds

MONDAY = date(2026, 1, 12)
WEEKDAYS = Recurrence.weekly("MO-FR", start=date(2026, 1, 5))


@pytest.fixture
def clinic(scheduler: Scheduler) -> Practice:
    clinic = scheduler.practice("riverside")
    clinic.settings.configure(timezone="America/New_York")
    clinic.locations.create(
        id="north", address=Address(line="1 Main St", city="New York", state="NY")
    )
    clinic.appointment_types.create(
        code="visit", duration=timedelta(minutes=60), pricing=Pricing(base_fee=80)
    )
    clinic.patients.create(id="ada")
    for id, hours in (("ann", "09:00-11:00"), ("bob", "10:00-12:00")):
        clinic.providers.create(id=id, location="north", specialties={"cardiology"}, rating=4.5)
        clinic.availability.add(AvailabilityRule(id, WEEKDAYS, hours=hours))
    return clinic


def found(clinic: Practice, **asked: Any) -> list[tuple[str, str]]:
    search = Search(**{"first": MONDAY, **asked})
    return [(one.provider, f"{one.local_start:%d %H:%M}") for one in clinic.search.found(search)]


def test_slots_come_in_one_calendar(clinic: Practice) -> None:
    assert found(clinic) == [
        ("ann", "12 09:00"),
        ("ann", "12 10:00"),
        ("bob", "12 10:00"),
        ("bob", "12 11:00"),
    ]


def test_a_viewer_elsewhere_sees_and_asks_in_the_own_zone(clinic: Practice) -> None:
    tokyo = {"timezone": "Asia/Tokyo", "hours": "00:00-02:00"}
    assert found(clinic, **tokyo) == []
    later = found(clinic, first=date(2026, 1, 13), **tokyo)
    assert later == [("ann", "13 00:00"), ("bob", "13 00:00"), ("bob", "13 01:00")]


def test_providers_are_told_with_what_they_have(clinic: Practice) -> None:
    clinic.availability.add(Override.closed("bob", MONDAY))
    page = clinic.search.by_provider(Search(first=MONDAY), each=1)
    ann, bob = page
    assert (ann.provider.id, ann.total, ann.free, len(ann.slots)) == ("ann", 2, 2, 1)
    assert str(ann.address) == "1 Main St, New York, NY"
    assert (ann.provider.rating, ann.next_free) == (4.5, MONDAY)
    assert (bob.total, list(bob), bob.next_free) == (0, [], MONDAY + timedelta(days=1))
    assert page.next is None


def test_providers_come_page_by_page(clinic: Practice) -> None:
    search, cursor, seen = Search(first=MONDAY), None, []
    for _ in range(3):
        page = clinic.search.by_provider(search, limit=1, cursor=cursor)
        seen += [one.provider.id for one in page]
        cursor = page.next
        if cursor is None:
            break
    assert seen == ["ann", "bob"]


def test_pages_neither_repeat_nor_skip_while_others_book(clinic: Practice) -> None:
    search = Search(first=MONDAY, last=MONDAY + timedelta(days=4), types="visit")
    whole = list(clinic.search.found(search))
    shown: list[Slot] = []
    cursor = None
    while True:
        page = clinic.search.slots(search, limit=3, cursor=cursor)
        shown += page
        cursor = page.next
        if cursor is None:
            break
        # One that was shown and one that was not yet: the first on this page, the last of all.
        left = [one for one in clinic.search.found(search) if one not in shown]
        clinic.appointments.cancel(clinic.appointments.book(left[0], patient="ada"))
        clinic.appointments.book(page.items[-1], patient="ada")
    assert shown == whole


def test_withdrawn_slots_are_shown_where_that_is_asked_for(clinic: Practice) -> None:
    first, second, third, _ = clinic.search.found(Search(first=MONDAY))
    clinic.availability.delete_slot(first, reason="secret-reason")
    clinic.appointments.book(third, patient="ada")
    search = Search(first=MONDAY, withdrawn=True, timezone="Europe/Paris")
    told = list(clinic.search.found(search))
    assert [(one.id, one.status) for one in told[:2]] == [
        (first.id, SlotStatus.WITHDRAWN),
        (second.id, SlotStatus.FREE),
    ]
    assert (len(told), told[0].timezone, told[0].seats_free) == (3, "Europe/Paris", 0)
    assert told == [*every(clinic.search.slots, search, limit=1)]
    everything = attrs.evolve(search, available_only=False)
    assert [one.status for one in clinic.search.found(everything)].count(SlotStatus.BUSY) == 1
    ann, _ = clinic.search.by_provider(search)
    assert (ann.total, ann.free, ann.next_free) == (2, 1, MONDAY)
    assert "secret" not in repr([tuple(one) for one in told])
    assert first not in clinic.search.found(Search(first=MONDAY, available_only=False))


def test_what_is_withdrawn_is_never_booked_first(clinic: Practice) -> None:
    first, second, *_ = clinic.search.found(Search(first=MONDAY))
    clinic.availability.delete_slot(first)
    search = Search(first=MONDAY, providers="ann", withdrawn=True)
    made = clinic.appointments.book_first(search, patient="ada")
    assert made.start == second.start
    gone = Search(first=MONDAY, providers="bob", withdrawn=True)
    for slot in list(clinic.search.found(gone)):
        clinic.availability.delete_slot(slot)
    (bob,) = clinic.search.by_provider(gone)
    assert (bob.total, bob.free, bob.next_free) == (2, 0, MONDAY + timedelta(days=1))


def test_taken_slots_are_shown_without_telling_whose(clinic: Practice) -> None:
    first, second, *_ = clinic.search.found(Search(first=MONDAY))
    booked = clinic.appointments.book(
        first, patient="ada", id="secret-id", reason="secret-reason", notes="secret-notes"
    )
    clinic.blockings.block_slot(second, reason="secret-meeting")
    search = Search(first=MONDAY, available_only=False)
    slots = list(clinic.search.found(search))
    assert [one.status for one in slots] == [
        SlotStatus.BUSY,
        SlotStatus.BUSY_UNAVAILABLE,
        SlotStatus.FREE,
        SlotStatus.FREE,
    ]
    ann, _ = clinic.search.by_provider(search)
    assert (ann.total, ann.free) == (2, 0)
    told = repr([(tuple(one), one) for one in slots]) + repr(ann)
    assert not any(word in told for word in ("secret", "ada", booked.reference, "system"))


def test_an_expired_hold_hides_nothing(clinic: Practice, clock: FixedClock) -> None:
    first, *_ = clinic.search.found(Search(first=MONDAY))
    clinic.holds.place(first, lasting=timedelta(minutes=5))
    assert found(clinic)[0] == ("ann", "12 10:00")
    clock.advance(timedelta(minutes=5) - timedelta(microseconds=1))
    assert found(clinic)[0] == ("ann", "12 10:00")
    clock.advance(timedelta(microseconds=1))
    assert found(clinic)[0] == ("ann", "12 09:00")


def test_an_expired_hold_over_an_appointment_frees_nothing(
    clinic: Practice, clock: FixedClock
) -> None:
    first, *_ = clinic.search.found(Search(first=MONDAY))
    clinic.holds.place(first, lasting=timedelta(minutes=5))
    clinic.appointments.book(first, patient="ada", override="it must be")
    clock.advance(timedelta(minutes=6))
    assert found(clinic)[0] == ("ann", "12 10:00")


def test_an_expired_seat_in_a_group_session_hides_nothing(
    clinic: Practice, clock: FixedClock
) -> None:
    clinic.appointment_types.create(code="class", duration=timedelta(minutes=60), capacity=2)
    slot = next(clinic.search.found(Search(first=MONDAY, types="class")))
    clinic.holds.place(slot, lasting=timedelta(minutes=5))
    assert ("ann", "12 09:00") not in found(clinic, types="visit")
    clock.advance(timedelta(minutes=5))
    assert ("ann", "12 09:00") in found(clinic, types="visit")


def test_what_others_change_is_heeded_at_once(clinic: Practice, store: MemoryStore) -> None:
    clock = FixedClock(datetime(2026, 1, 5, 12, tzinfo=UTC))
    other = Scheduler(store, clock=clock, ids=NumberedIds()).practice("riverside")
    assert len(found(clinic)) == 4
    other.availability.add(Override.closed("ann", MONDAY))
    assert len(found(clinic)) == 2
    other.providers.create(id="cid", location="north")
    other.availability.add(AvailabilityRule("cid", WEEKDAYS, hours="09:00-10:00", id="of-cid"))
    assert found(clinic)[0] == ("cid", "12 09:00")
    assert len(found(clinic, specialty="cardiology")) == 2
    other.providers.update(attrs.evolve(other.providers.get("cid"), specialties={"cardiology"}))
    assert len(found(clinic, specialty="cardiology")) == 3
    visit = other.appointment_types.get("visit")
    other.appointment_types.update(attrs.evolve(visit, duration=timedelta(minutes=30)))
    assert len(found(clinic)) == 6
    other.locations.update(
        attrs.evolve(other.locations.get("north"), address=Address(city="Boston"))
    )
    assert found(clinic, area="new york") == []
    assert len(found(clinic, area="BOSTON")) == 6
    other.availability.rules.delete("of-cid")
    other.providers.delete("cid")
    assert len(found(clinic)) == 4


def test_a_search_begun_before_a_closure_goes_on_without_what_it_closes(clinic: Practice) -> None:
    search = Search(first=MONDAY, last=MONDAY + timedelta(days=4))
    slots = clinic.search.found(search)
    first = [next(slots) for _ in range(4)]
    clinic.availability.add(Override.closed("ann", MONDAY + timedelta(days=3)))
    later = [one for one in slots if one.date == MONDAY + timedelta(days=3)]
    assert {one.date for one in first} == {MONDAY}
    assert {one.provider for one in later} == {"bob"}


class NeverAtTen:
    """A house rule."""

    def against(self, visit: Visit) -> list[Violation]:
        from medsched import Reason

        if visit.start.hour != 15:
            return []
        return [Violation(reason=Reason.HOUSE_RULE, message="never at ten")]

    def tallies(self, visit: Visit) -> list[Any]:
        return []


def test_rules_of_the_house_are_asked(store: MemoryStore, clock: FixedClock) -> None:
    scheduler = Scheduler(store, clock=clock, ids=NumberedIds(), house_rules=[NeverAtTen()])
    clinic = scheduler.practice("riverside")
    clinic.settings.configure(timezone="America/New_York")
    clinic.appointment_types.create(code="visit", duration=timedelta(minutes=60))
    clinic.providers.create(id="ann")
    clinic.availability.add(AvailabilityRule("ann", WEEKDAYS, hours="09:00-12:00"))
    assert found(clinic) == [("ann", "12 09:00"), ("ann", "12 11:00")]


def test_rules_of_booking_are_asked_of_a_patient(clinic: Practice) -> None:
    ann = clinic.providers.get("ann")
    clinic.providers.update(attrs.evolve(ann, rules=BookingRules(needs_referral=True)))
    assert len(found(clinic, patient="ada")) == 2
    assert len(found(clinic, patient="ada", referred=True)) == 4


def test_an_inactive_patient_finds_nothing(clinic: Practice) -> None:
    clinic.patients.deactivate("ada")
    assert found(clinic, patient="ada") == []


def test_a_patient_that_nobody_knows_may_be_registered(
    store: MemoryStore, clinic: Practice, clock: FixedClock
) -> None:
    with pytest.raises(NotFound):
        found(clinic, patient="new")
    hosted = Scheduler(store, clock=clock, registers_patients=True).practice("riverside")
    assert len(found(hosted, patient="new")) == 4


def test_prices_are_compared_in_their_currency(clinic: Practice) -> None:
    assert len(found(clinic, price_at_most=80)) == 4
    assert found(clinic, price_at_most="79.99") == []
    assert found(clinic, price_at_most=Decimal(1000), currency="EUR") == []


def test_notice_and_the_present_are_heeded(clinic: Practice) -> None:
    now = datetime(2026, 1, 12, 14, 0, 1, tzinfo=UTC)
    search = Search(first=MONDAY)
    assert [f"{one.local_start:%H:%M}" for one in clinic.search.found(search, now=now)] == [
        "10:00",
        "10:00",
        "11:00",
    ]
    visit: AppointmentType = clinic.appointment_types.get("visit")
    clinic.appointment_types.update(attrs.evolve(visit, notice=timedelta(hours=1)))
    assert [f"{one.local_start:%H:%M}" for one in clinic.search.found(search, now=now)] == ["11:00"]


def test_one_whose_hours_cannot_be_told_hides_nobody(clinic: Practice) -> None:
    clinic.settings.configure(timezone=None)
    for id in ("ann", "bob"):
        one = clinic.providers.get(id)
        clinic.providers.update(attrs.evolve(one, timezone="America/New_York"))
    assert len(found(clinic)) == 4
    clinic.providers.update(attrs.evolve(clinic.providers.get("ann"), timezone=None))
    assert {provider for provider, _ in found(clinic)} == {"bob"}
    assert [one.provider.id for one in clinic.search.by_provider(Search(first=MONDAY))][-1] == "bob"
    assert clinic.appointments.book_first(Search(first=MONDAY), patient="ada").provider == "bob"
    assert found(clinic, available_only=False)[0][0] == "bob"
    with pytest.raises(MissingZone):
        found(clinic, providers="ann")


# ------------------------------------------------------------------------ wrong input


@pytest.mark.parametrize(
    "asked",
    [
        *({name: 3} for name in ("types", "providers", "hours", "weekdays", "last")),
        *({name: "yes"} for name in ("insurance_accepted", "available_only", "referred")),
        {"last": None},
        {"price_at_most": "much"},
    ],
)
def test_what_is_no_answer_to_a_field_is_told(asked: dict[str, Any]) -> None:
    with pytest.raises(MedschedError):
        Search(first=MONDAY, **asked)


@pytest.mark.parametrize("way", ["slots", "found", "by_provider", "first_of_each"])
def test_what_is_no_search_is_told(clinic: Practice, way: str) -> None:
    with pytest.raises(InvalidChoice, match="a Search is needed"):
        getattr(clinic.search, way)("x")


@pytest.mark.parametrize(
    "asked",
    [
        {"last": MONDAY - timedelta(days=1)},
        {"last": MONDAY + timedelta(days=3653)},
        {"last": MONDAY + timedelta(days=732)},
    ],
)
def test_dates_have_bounds(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidInterval):
        Search(first=MONDAY, **asked)
    Search(first=MONDAY, last=MONDAY + timedelta(days=731))


def test_a_price_is_not_negative() -> None:
    with pytest.raises(InvalidNumber, match="price_at_most"):
        Search(first=MONDAY, price_at_most=Decimal("-0.01"))


@pytest.mark.parametrize("limit", [0, -1, 10**6, 1.5, True, "10"])
def test_pages_have_bounds(clinic: Practice, limit: Any) -> None:
    with pytest.raises(InvalidNumber):
        clinic.search.slots(Search(first=MONDAY), limit=limit)
    with pytest.raises(InvalidNumber):
        clinic.search.by_provider(Search(first=MONDAY), limit=limit)


def test_what_is_named_has_to_be_there(clinic: Practice) -> None:
    for named in ({"types": "nose"}, {"providers": "nobody"}, {"location": "nowhere"}):
        with pytest.raises(NotFound):
            found(clinic, **named)
    with pytest.raises(UnknownZone):
        found(clinic, timezone="Mars/Olympus")
    with pytest.raises(NaiveDatetime):
        list(clinic.search.found(Search(first=MONDAY), now=datetime(2026, 1, 1)))


def test_cursors_of_other_searches_are_refused(scheduler: Scheduler, clinic: Practice) -> None:
    search = Search(first=MONDAY)
    cursor = clinic.search.slots(search, limit=1).next
    assert cursor is not None
    assert clinic.search.slots(Search(first=MONDAY), limit=3, cursor=cursor).items
    providers = clinic.search.by_provider(search, limit=1).next
    other = scheduler.practice("elsewhere")
    for forged in (cursor[:-1], cursor + "A", "", "💥", cursor.swapcase(), providers):
        with pytest.raises(InvalidCursor):
            clinic.search.slots(search, cursor=forged)
    with pytest.raises(InvalidCursor):
        clinic.search.slots(attrs.evolve(search, specialty="cardiology"), cursor=cursor)
    with pytest.raises(InvalidCursor):
        other.search.slots(search, cursor=cursor)
    with pytest.raises(InvalidCursor):
        clinic.search.by_provider(search, cursor=cursor)


def test_a_well_sealed_cursor_of_nonsense_is_refused(clinic: Practice) -> None:
    from medsched.domain.pages import cursor
    from medsched.services.searches import _scope

    search = Search(first=MONDAY)
    scope = _scope(clinic.id, "slots", search)
    for text in ("", "[]", "null", '["a","b","c","d"]', '[true,"","",""]', "[" * 100_000):
        with pytest.raises(InvalidCursor):
            clinic.search.slots(search, cursor=cursor(scope, text))


def test_hours_past_midnight_go_on_in_the_morning_of_the_same_date(clinic: Practice) -> None:
    night = Hours("22:00", "10:00", overnight=True)
    assert found(clinic, hours=night) == [("ann", "12 09:00")]
