"""The contract and the history checker bite: each finds every store that is broken on purpose.

A checker that passes everything proves nothing about the stores that it passes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from threading import Barrier, Thread
from typing import Final

import pytest
from tests.testing.broken import BROKEN

from medsched import (
    AvailabilityRule,
    BookingRefused,
    MemoryStore,
    Practice,
    Principal,
    Recurrence,
    Scheduler,
    Start,
)
from medsched.domain.changes import Applied, Changeset, Repeated, ScheduleVersion
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.events import Change, Event
from medsched.domain.idempotency import keyed_request
from medsched.domain.people import Patient
from medsched.domain.records import Resource
from medsched.testing import history as histories
from medsched.testing.fixed import FixedClock
from medsched.testing.history import History, check, check_events

ROOT: Final = Path(__file__).parents[2]
SMITH: Final = Resource("provider", "smith")
DAY: Final = 29_460_960
"""2026-01-06, in minutes of the epoch."""
NOW: Final = datetime(2026, 1, 5, tzinfo=UTC)
THREADS: Final = 4
ROUNDS: Final = 40


# --------------------------------------------------------------------------- contract

# What each of these breaks, and the only tests that need to be run to see it.
_FOUND_BY: Final = {
    "check then insert": "rivals_for_one_minute",
    "FOR UPDATE on existing appointments only": "rivals_for_one_minute",
    "release without the ledger lock": "releas",
    "a hold that never expires": "claim or hold",
    "the key outside the transaction": "key or receipt or request",
    "no schedule version": "schedule or guard",
    "a look before the closure": "closure or end_of_its_type",
    "outbox read by identity column": "follow or event or number",
    "a page cut before it is filtered": "reach",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_the_contract_refuses_a_store_that_is_broken(broken: str, tmp_path: Path) -> None:
    file = tmp_path / "test_broken.py"
    file.write_text(
        "import pytest\n"
        "from medsched.testing.contracts import StoreContract\n"
        "from tests.testing.broken import BROKEN\n\n"
        "class TestBroken(StoreContract):\n"
        "    @pytest.fixture\n"
        "    def store(self):\n"
        f"        return BROKEN[{broken!r}]()\n"
    )
    command = [sys.executable, "-m", "pytest", str(file), "-q", "-x", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, f"--rootdir={tmp_path}", "-k", _FOUND_BY[broken]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, f"{broken} passes:\n{run.stdout[-2000:]}"
    assert "1 failed" in run.stdout


# ---------------------------------------------------------------------------- history


def together(*works: Callable[[], object]) -> None:
    """Do all of these at once, each in a thread of its own."""
    start = Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        start.wait()
        work()

    threads = [Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def claim(id: str, low: int) -> Claim:
    """Ten minutes of the provider."""
    return Claim(SMITH, low, low + 10, ClaimKind.APPOINTMENT, id)


class Rush:
    """Clients who ask a store for minutes, and write down what they were told."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.history = History()

    def book(self, id: str, low: int, key: str | None = None) -> bool:
        """Take ten minutes; the patient's record tells one booking from another."""
        made = claim(id, low)
        wanted = histories.Book(id, [("smith", made.low, made.high)], key=key)
        with self.history.op(wanted) as op:
            version = self.store.schedule_versions("p", [SMITH])[SMITH]
            if version and made.low < self.closed_until:
                op.failed("closed")
                return False
            request = None
            if key is not None:
                request = keyed_request(key, Principal.trusted("x"), "book", {"low": low}, NOW)
            outcome = self.store.apply(
                Changeset(
                    practice="p",
                    request=request,
                    writes=(Patient(id=id, version=1),),
                    guards=frozenset({ScheduleVersion(SMITH, version)}),
                    claims=(made,),
                    events=(Event.of(Change.CREATED, Patient(id=id, version=1)),),
                )
            )
            if outcome == Applied():
                op.ok()
            elif isinstance(outcome, Repeated):
                (first,) = self.store.claims("p", [SMITH], made.low, made.high)
                op.ok(first.id)
            else:
                op.failed("other" if version != self.version() else "taken")
            return outcome == Applied()

    closed_until = DAY + 10_000

    def version(self) -> int:
        return self.store.schedule_versions("p", [SMITH])[SMITH]

    def cancel(self, id: str, low: int) -> None:
        """Give them back."""
        with self.history.op(histories.Cancel(id)) as op:
            outcome = self.store.apply(Changeset(practice="p", releases=(claim(id, low),)))
            assert outcome == Applied()
            op.ok()

    def close(self, low: int, high: int) -> None:
        """Close a stretch, and list who is stranded."""
        with self.history.op(histories.Close("smith", low, high)) as op:
            version = self.version()
            change = Changeset(
                practice="p",
                guards=frozenset({ScheduleVersion(SMITH, version)}),
                bumps=frozenset({SMITH}),
            )
            assert self.store.apply(change) == Applied()
            op.ok(one.id for one in self.store.claims("p", [SMITH], low, high))

    def read(self, low: int, high: int) -> None:
        """Look who is there."""
        with self.history.op(histories.Read("smith", low, high)) as op:
            op.ok(one.id for one in self.store.claims("p", [SMITH], low, high))


def of_rivals(make: Callable[[], MemoryStore]) -> Iterator[Rush]:
    """All want the same minutes, and each time others."""
    rush = Rush(make())
    for at in range(ROUNDS):
        low = DAY + at * 1440
        together(*(partial(rush.book, f"{at}-{n}", low + n) for n in range(THREADS)))
        rush.read(low, low + 100)
    yield rush


def of_cancelling(make: Callable[[], MemoryStore]) -> Iterator[Rush]:
    """One gives minutes back while another takes some of that day; then the latter are wanted."""
    rush, random = Rush(make()), Random(17)

    def soon(id: str, low: int) -> None:
        time.sleep(random.uniform(0, 0.001))
        rush.book(id, low)

    for at in range(ROUNDS):
        low = DAY + at * 1440
        rush.book(f"{at}-a", low)
        together(partial(rush.cancel, f"{at}-a", low), partial(soon, f"{at}-b", low + 20))
        rush.book(f"{at}-c", low + 25)
        rush.read(low, low + 100)
    yield rush


def of_closing(make: Callable[[], MemoryStore]) -> Iterator[Rush]:
    """A closure races a booking."""
    for at in range(ROUNDS):
        rush = Rush(make())
        low = DAY + at * 1440
        rush.closed_until = low + 100
        together(
            partial(rush.close, low, low + 100),
            *(partial(rush.book, f"{at}-{n}", low + 20 * n) for n in range(3)),
        )
        yield rush


def of_repeating(make: Callable[[], MemoryStore]) -> Iterator[Rush]:
    """One request comes several times at once, under one key."""
    for _ in range(ROUNDS):
        rush = Rush(make())
        together(*(partial(rush.book, f"{n}", DAY, "k") for n in range(THREADS)))
        yield rush


_RUSHES: Final = {
    "check then insert": of_rivals,
    "FOR UPDATE on existing appointments only": of_rivals,
    "release without the ledger lock": of_cancelling,
    "the key outside the transaction": of_repeating,
    "no schedule version": of_closing,
}


@pytest.mark.parametrize("broken", _RUSHES)
def test_a_history_shows_what_is_broken(broken: str) -> None:
    verdicts = [check(rush.history) for rush in _RUSHES[broken](BROKEN[broken])]
    assert not all(verdict.ok for verdict in verdicts), f"{broken} could be correct"


@pytest.mark.parametrize("rush", set(_RUSHES.values()), ids=lambda rush: rush.__name__)
def test_a_history_of_a_correct_store_is_one(
    rush: Callable[[Callable[[], MemoryStore]], Iterator[Rush]],
) -> None:
    for one in rush(MemoryStore):
        verdict = check(one.history)
        assert verdict.ok, verdict.explain()


def clinic_of(store: MemoryStore, clock: FixedClock) -> Practice:
    """A provider who is always there."""
    clinic = Scheduler(store, clock=clock, registers_patients=True).practice("p")
    clinic.settings.configure(timezone="UTC")
    clinic.providers.create(id="smith")
    clinic.appointment_types.create(code="visit", duration=timedelta(minutes=10))
    daily = Recurrence.daily(start=date(2026, 1, 1))
    clinic.availability.add(AvailabilityRule("smith", daily, hours="00:00-24:00"))
    return clinic


@pytest.mark.parametrize("make", [MemoryStore, BROKEN["a hold that never expires"]])
def test_a_history_shows_a_hold_that_never_expires(make: Callable[[], MemoryStore]) -> None:
    clock = FixedClock(NOW)
    clinic, seen = clinic_of(make(), clock), History()
    start = NOW + timedelta(days=1)
    span = ("smith", 0, 10)
    with seen.op(histories.Hold("h", [span], expires=600), now=0) as op:
        clinic.holds.place(Start("smith", "visit", start), lasting=timedelta(seconds=600))
        op.ok()
    clock.advance(timedelta(seconds=600))
    with seen.op(histories.Book("b", [span]), now=600) as op:
        try:
            clinic.appointments.book(Start("smith", "visit", start), patient="ada")
        except BookingRefused:
            op.failed("taken")
        else:
            op.ok()
    assert check(seen).ok == (make is MemoryStore)


@pytest.mark.parametrize("make", [MemoryStore, BROKEN["outbox read by identity column"]])
def test_a_history_shows_an_outbox_that_loses_events(make: Callable[[], MemoryStore]) -> None:
    store, seen, random = make(), list[str](), Random(4711)
    done = [False]

    def write(number: int) -> None:
        for at in range(ROUNDS):
            patient = Patient(id=f"{number}-{at}", version=1)
            event = Event.of(Change.CREATED, patient)
            change = Changeset(practice="p", writes=(patient,), events=(event,))
            assert store.apply(change) == Applied()

    def follow() -> None:
        last = 0
        while True:
            ended = done[0]
            store.number_events("p")
            found = store.events("p", after=last, limit=random.randint(1, 5))
            seen.extend(one.event.id for one in found)
            last = found[-1].number if found else last
            if ended and not found:
                return

    reader = Thread(target=follow)
    reader.start()
    together(*(partial(write, number) for number in range(THREADS)))
    done[0] = True
    reader.join()
    store.number_events("p")
    written = [one.event.id for one in store.events("p", after=0, limit=10_000)]
    assert len(written) == THREADS * ROUNDS
    assert check_events(seen, written).ok == (make is MemoryStore)
