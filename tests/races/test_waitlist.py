"""The waitlist under fire: cancellations, workers, answers and staff, all at the same moment."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import pytest
from tests.races.kit import MINUTE, Arena, Signal
from tests.races.wholeness import check_whole, followed

from medsched import (
    AlreadyOffered,
    AlreadyWaiting,
    AppointmentType,
    AvailabilityRule,
    BookingRefused,
    Location,
    NotWaiting,
    OfferClosed,
    OfferExpired,
    OfferStatus,
    Patient,
    Practice,
    Provider,
    Recurrence,
    StorageBusy,
    WaitlistEntry,
    WaitlistOffer,
    WaitlistStatus,
    Worked,
)
from medsched.adapters.clock import SystemClock
from medsched.domain.events import Event
from medsched.domain.starts import Start
from medsched.ports.store import Store

PROVIDERS = ("jones", "smith")
TODAY = datetime.now(UTC).date()
DAY = datetime.combine(TODAY + timedelta(days=3), datetime.min.time(), UTC)
"""A day to come: here the clock is the machine's, for offers must really expire."""
MILLISECOND = timedelta(milliseconds=1)
MOST = 96
"""As many slots as there are in twelve hours of two providers."""
PATIENCE = 20.0
"""So many seconds the rivals go on at most; what is left then is done in peace."""


def start(number: int) -> Start:
    """One of the slots: each provider has every other one."""
    at = DAY + timedelta(hours=8) + number // 2 * 15 * MINUTE
    return Start(PROVIDERS[number % 2], "visit", at)


def opened(arena: Arena, slots: int) -> Practice:
    """Two providers with so many slots, all booked, and twice as many who wait."""
    clinic = arena.clinic(clock=SystemClock())
    clinic.settings.configure(timezone="UTC")
    clinic.add_all(
        [
            Location(id="main"),
            *(Provider(id=id, location="main") for id in PROVIDERS),
            AppointmentType(code="visit", duration=15 * MINUTE),
            *(
                AvailabilityRule(id, Recurrence.daily(start=date(2026, 1, 1)), hours="08:00-20:00")
                for id in PROVIDERS
            ),
            *(Patient(id=f"f{number}") for number in range(slots)),
            *(Patient(id=f"p{number}") for number in range(3 * slots)),
        ]
    )
    for number in range(slots):
        clinic.appointments.book(start(number), patient=f"f{number}", id=f"f{number}")
    for number in range(2 * slots):
        join(clinic, number, slots)
    return clinic


def join(clinic: Practice, number: int, slots: int) -> None:
    """Wait on that day, in the hours that were booked out: most for anybody."""
    until = DAY + timedelta(hours=8) + (slots + 1) // 2 * 15 * MINUTE
    clinic.waitlist.join(
        patient=f"p{number}",
        type="visit",
        providers=() if number % 10 < 7 else PROVIDERS[number % 2],
        earliest=DAY.date(),
        latest=DAY.date(),
        hours=f"08:00-{until:%H:%M}",
        urgency=urgency_of(number),
        id=f"e{number}",
    )


def urgency_of(number: int) -> int:
    """The urgency that somebody joins with."""
    return number * 7 % 5 % 4


class Seen(NamedTuple):
    """What a rival was told, counted, and the urgencies that it set, by entry and version."""

    told: Counter[str]
    urgencies: dict[tuple[str, int], int]


def test_freed_slots_go_to_who_waits(arena: Arena, request: pytest.FixtureRequest) -> None:
    """As many acceptances as cancellations, with expiries a millisecond apart and staff between."""
    slots = min(arena.rounds(50, least=12), MOST)
    clinic = opened(arena, slots)
    done = arena.signal()
    works = [
        *(partial(_cancels, arena, slots, part) for part in range(2)),
        *(partial(_works, arena, done, part) for part in range(3)),
        *(partial(_answers, arena, done, slots, part) for part in range(3)),
        partial(_offers_by_hand, arena, done, slots),
        partial(_joins, arena, slots),
    ]
    seen: Sequence[Seen] = arena.race(works)
    told = sum((one.told for one in seen), Counter[str]())
    urgencies = {key: value for one in seen for key, value in one.urgencies.items()}
    assert told["cancelled"] == slots
    told.update(_in_peace(clinic))
    report = ", ".join(f"{count} {what}" for what, count in sorted(told.items()))
    request.node.add_report_section("call", "waitlist", f"seed {arena.seed}: {report}")
    _check_nothing_is_stranded(arena, clinic, slots)
    offers = _all_offers(clinic)
    events = [one.event for one in followed(clinic)]
    _check_one_at_a_time(events, offers)
    _check_order(clinic, events, offers, urgencies)
    accepted = [one for one in offers.values() if one.status is OfferStatus.ACCEPTED]
    assert told["accepted"] == len(accepted)
    visits = {one.id: one for one in check_whole(arena.store, clinic.id)}
    for one in accepted:
        visit = visits[one.appointment or ""]
        assert (visit.patient, visit.start, visit.provider) == (
            one.patient,
            one.start,
            one.provider,
        )
        entry = clinic.waitlist.entries.get(one.entry)
        assert (entry.status, entry.appointment) == (WaitlistStatus.BOOKED, visit.id)
    if hasattr(arena.store, "engine"):
        from medsched.adapters.sqlalchemy import verify

        assert not verify(arena.store.engine).differences


# ------------------------------------------------------------------------------ rivals


def _cancels(arena: Arena, slots: int, part: int, store: Store) -> Seen:
    clinic, chances = arena.clinic(store, clock=SystemClock()), arena.random(("cancels", part))
    mine = list(range(part, slots, 2))
    chances.shuffle(mine)
    told = Counter[str]()
    for number in mine:
        while True:
            try:
                clinic.appointments.cancel(f"f{number}")
            except StorageBusy:
                told["busy"] += 1
                continue
            break
        told["cancelled"] += 1
        time.sleep(chances.uniform(0, 0.03))
    return Seen(told, {})


def _works(arena: Arena, done: Signal, part: int, store: Store) -> Seen:
    clinic, chances = arena.clinic(store, clock=SystemClock()), arena.random(("works", part))
    told = Counter[str]()
    began = time.monotonic()
    while not done.is_set() and time.monotonic() - began < PATIENCE:
        found = clinic.waitlist.work(lasting=chances.randrange(40, 400) * MILLISECOND)
        told["offered"] += found.offered
        told["expired"] += found.expired
        assert not found.lapsed
        time.sleep(chances.uniform(0, 0.01))
    return Seen(told, {})


def _answers(arena: Arena, done: Signal, slots: int, part: int, store: Store) -> Seen:
    clinic, chances = arena.clinic(store, clock=SystemClock()), arena.random(("answers", part))
    told, late, clock = Counter[str](), list[tuple[datetime, datetime]](), SystemClock()
    began = time.monotonic()
    while not done.is_set() and time.monotonic() - began < PATIENCE:
        live = clinic.waitlist.offers.list(limit=1000).items
        if not live:
            booked = clinic.waitlist.offers.list(active=None, status="accepted", limit=1000)
            if len(booked.items) >= slots:
                done.set()
            time.sleep(0.002)
            continue
        offer = chances.choice(live)
        if chances.random() < 0.3:  # at the very moment that it expires
            until = (offer.expires - clock.now()).total_seconds() + chances.uniform(-0.004, 0.002)
            time.sleep(max(0.0, until))
        try:
            if chances.random() < 0.15:
                clinic.waitlist.decline(offer, patient=offer.patient)
                told["declined"] += 1
                continue
            before = clinic.waitlist.offers.get(offer.id).status
            made = clinic.waitlist.accept(offer, patient=offer.patient)
            again = clinic.waitlist.accept(offer, patient=offer.patient)
            assert again.id == made.id
            assert (made.patient, made.start) == (offer.patient, offer.start)
            # Two who accept at once are both told yes, so it is counted by what is stored.
            told["yes again" if before is OfferStatus.ACCEPTED else "yes"] += 1
        except OfferExpired as error:
            late.append((error.expired_at, clock.now()))
            told["expired answers"] += 1
        except OfferClosed as error:
            told[f"answers to what was {error.status}"] += 1
        except StorageBusy:
            told["busy"] += 1
    assert all(expires <= now for expires, now in late), "refused as expired before it was"
    return Seen(told, {})


def _offers_by_hand(arena: Arena, done: Signal, slots: int, store: Store) -> Seen:
    clinic, chances = arena.clinic(store, clock=SystemClock()), arena.random("by hand")
    told, urgencies = Counter[str](), dict[tuple[str, int], int]()
    began = time.monotonic()
    while not done.is_set() and time.monotonic() - began < PATIENCE:
        entry = f"e{chances.randrange(2 * slots)}"
        try:
            if chances.random() < 0.3:
                changed = clinic.waitlist.set_urgency(entry, chances.randrange(5))
                urgencies[entry, changed.version] = changed.urgency
                told["urgencies"] += 1
            else:
                lasting = chances.randrange(40, 400) * MILLISECOND
                slot = start(chances.randrange(slots))
                clinic.waitlist.offer(entry, slot, reason="urgent", lasting=lasting)
                told["by hand"] += 1
        except (AlreadyOffered, NotWaiting, BookingRefused) as error:
            told[type(error).__name__] += 1
        except StorageBusy:
            told["busy"] += 1
        time.sleep(chances.uniform(0, 0.02))
    return Seen(told, urgencies)


def _joins(arena: Arena, slots: int, store: Store) -> Seen:
    clinic, chances = arena.clinic(store, clock=SystemClock()), arena.random("joins")
    told = Counter[str]()
    for number in range(2 * slots, 3 * slots):
        try:
            join(clinic, number, slots)
            told["joined"] += 1
        except AlreadyWaiting:
            raise AssertionError("nobody joins twice here") from None
        except StorageBusy:
            told["busy"] += 1
        time.sleep(chances.uniform(0, 0.05))
    return Seen(told, {})


# ------------------------------------------------------------------------------ checks


def _in_peace(clinic: Practice) -> Counter[str]:
    """Do what is left, by a worker and patients who all say yes; how many were accepted in all."""
    while True:
        live = list(clinic.waitlist.offers.list(limit=1000))
        for offer in live:
            try:
                clinic.waitlist.accept(offer, patient=offer.patient)
            except OfferExpired:
                continue
        if clinic.waitlist.work() == Worked() and not live:
            break
    accepted = clinic.waitlist.offers.list(active=None, status="accepted", limit=1000)
    return Counter(accepted=len(accepted.items))


def _check_nothing_is_stranded(arena: Arena, clinic: Practice, slots: int) -> None:
    """No hold and no offer is left, and whoever still waits passed all that is still free."""
    assert not clinic.waitlist.offers.list().items
    clinic.holds.sweep()  # of offers that staff came before, with another one
    assert not clinic.holds.list(limit=1000).items
    waiting = clinic.waitlist.waiting("visit")
    assert {one.status for one in waiting} <= {WaitlistStatus.WAITING}
    for number in range(slots):
        one = start(number)
        assert isinstance(one.at, datetime)
        if clinic.availability.slots(one.provider, "visit", one.at, one.at + MINUTE):
            assert not clinic.waitlist.eligible(one), f"slot {number} is stranded"


def _all_offers(clinic: Practice) -> dict[str, WaitlistOffer]:
    found: dict[str, WaitlistOffer] = {}
    cursor: str | None = None
    while True:
        page = clinic.waitlist.offers.list(active=None, limit=1000, cursor=cursor)
        found |= {one.id: one for one in page}
        cursor = page.next
        if cursor is None:
            return found


def _check_one_at_a_time(events: Sequence[Event], offers: dict[str, WaitlistOffer]) -> None:
    """No slot is held for two offers at once, as followers are told it."""
    held: dict[tuple[str, datetime], str] = {}
    for event in events:
        if event.kind.value == "hold" and event.id in offers:
            slot = offers[event.id].provider, offers[event.id].start
            if event.name == "hold.held":
                assert slot not in held, f"{slot} is held for {held[slot]} and {event.id}"
                held[slot] = event.id
            else:
                assert held.pop(slot) == event.id
    assert not held


def _check_order(
    clinic: Practice,
    events: Sequence[Event],
    offers: dict[str, WaitlistOffer],
    urgencies: dict[tuple[str, int], int],
) -> None:
    """Every offer of a worker went to the first of a plain sort of those whom its slot suited."""
    entries = {one.id: one for one in _all_entries(clinic)}
    urgency = {id: urgency_of(int(id[1:])) for id in entries}
    waiting, passed = set[str](), defaultdict[str, set[tuple[str, datetime]]](set)
    by_worker = 0
    for event in events:
        if event.kind.value == "waitlist-offer":
            offer = offers[event.id]
            slot = offer.provider, offer.start
            if event.name == "waitlist-offer.offered" and not offer.by_hand:
                able = [
                    id
                    for id in waiting
                    if offer.provider in (entries[id].providers or PROVIDERS)
                    and slot not in passed[id]
                ]
                able.sort(key=lambda id: (-urgency[id], entries[id].entered_at, id))
                assert able, f"{offer.id} went to nobody who waited"
                assert able[0] == offer.entry, f"{offer.id} went out of turn"
                by_worker += 1
            elif event.name != "waitlist-offer.offered":
                passed[offer.entry].add(slot)
        elif event.kind.value == "waitlist-entry":
            urgency[event.id] = urgencies.get((event.id, event.version), urgency[event.id])
            what = event.name.removeprefix("waitlist-entry.")
            if what in ("joined", "returned"):
                waiting.add(event.id)
            elif what != "updated":
                waiting.discard(event.id)
    assert by_worker > 0


def _all_entries(clinic: Practice) -> list[WaitlistEntry]:
    found: list[WaitlistEntry] = []
    cursor: str | None = None
    while True:
        page = clinic.waitlist.entries.list(active=None, limit=1000, cursor=cursor)
        found += page
        cursor = page.next
        if cursor is None:
            return found


def test_nobody_is_on_one_list_twice(arena: Arena) -> None:
    """Of all who join for one patient at once one does, and the others are told which entry."""
    clinic = opened(arena, 4)

    def rival(number: int, store: Store) -> list[str]:
        mine, answers = arena.clinic(store, clock=SystemClock()), list[str]()
        for tries in range(arena.rounds(12)):
            patient = f"p{8 + tries % 4}"
            day = DAY.date() + timedelta(days=tries)
            try:
                made = mine.waitlist.join(patient=patient, type="visit", earliest=day, latest=day)
                answers.append(made.id)
            except AlreadyWaiting as error:
                answers.append(error.entry)
        return answers

    told = arena.race([partial(rival, number) for number in range(4)])
    assert all(answers == told[0] for answers in told)
    joined = [one.id for one in _all_entries(clinic) if one.patient in {"p8", "p9", "p10", "p11"}]
    assert sorted(joined) == sorted(told[0])


def test_whoever_joins_while_accepting_is_on_no_list_that_is_done(arena: Arena) -> None:
    """Who joined before the answer is removed with it; who joined after it waits on purpose."""
    rounds = min(arena.rounds(16, least=8), MOST)
    clinic = opened(arena, rounds)
    for number in range(rounds):
        clinic.appointments.cancel(f"f{number}")
        clinic.waitlist.offer(f"e{number}", start(number), reason="race")
    meet = arena.barrier(2)

    def accepts(store: Store) -> None:
        mine = arena.clinic(store, clock=SystemClock())
        for number in range(rounds):
            meet.wait()
            entry = mine.waitlist.entries.get(f"e{number}")
            mine.waitlist.accept(entry.offer or "", patient=entry.patient)

    def joins(store: Store) -> None:
        mine, day = arena.clinic(store, clock=SystemClock()), DAY.date()
        chances = arena.random("joins")
        for number in range(rounds):
            meet.wait()
            time.sleep(chances.uniform(0, 0.01))
            another: Any = {"providers": PROVIDERS, "id": f"other{number}"}
            mine.waitlist.join(
                patient=f"p{number}", type="visit", earliest=day, latest=day, **another
            )

    arena.race([accepts, joins])
    order = [(one.event.name, one.event.id) for one in followed(clinic)]
    for number in range(rounds):
        before = order.index(("waitlist-entry.joined", f"other{number}")) < order.index(
            ("waitlist-entry.booked", f"e{number}")
        )
        status = clinic.waitlist.entries.get(f"other{number}").status
        assert status is (WaitlistStatus.REMOVED if before else WaitlistStatus.WAITING)
    check_whole(arena.store, clinic.id)
