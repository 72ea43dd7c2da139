"""Rivals: many who act at once, each in a process of its own where the store is a database."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from random import Random
from threading import Barrier, Event, Thread
from typing import Any, Final, ParamSpec, Protocol, TypeVar, cast

import attrs

from medsched import Practice, Reason, Scheduler, StorageBusy, Violation
from medsched.domain.appointments import Appointment
from medsched.domain.changes import Changeset, Outcome
from medsched.domain.holds import Hold
from medsched.domain.refusals import BookingRefused
from medsched.ports.clock import Clock
from medsched.ports.store import Store
from medsched.testing.fixed import FixedClock

P = ParamSpec("P")
T = TypeVar("T")

MINUTE: Final = timedelta(minutes=1)
NOW: Final = datetime(2026, 1, 5, tzinfo=UTC)
SCALE: Final = float(os.environ.get("MEDSCHED_RACES", "0.2"))
"""How much of each race is run on a database; in memory it is never less than all of it."""
_SECONDS: Final = 600 * max(SCALE, 1)
"""How long a race may last at most, which no race comes near."""


# ---------------------------------------------------------------------- what was told


@attrs.frozen(kw_only=True)
class Told:
    """What somebody was told: what they got, or every reason against it, or to come again."""

    asked: Any
    made: Appointment | Hold | None = None
    against: tuple[Violation, ...] = ()
    busy: bool = False

    @property
    def reasons(self) -> set[Reason]:
        """Why not."""
        return {one.reason for one in self.against}


def told(command: Callable[P, Appointment | Hold], *asked: P.args, **details: P.kwargs) -> Told:
    """What comes of a command; anything but a result, a refusal or a busy store is an error."""
    try:
        return Told(asked=asked[-1], made=command(*asked, **details))
    except BookingRefused as error:
        refused = error
    except StorageBusy:
        return Told(asked=asked[-1], busy=True)
    assert refused.violations, "refused, and not told why"
    assert str(refused)
    return Told(asked=asked[-1], against=refused.violations)


# ---------------------------------------------------------------------------- the arena


class Signal(Protocol):
    """Something that is set once and seen by all."""

    def set(self) -> None: ...
    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool: ...


class Late:
    """A store whose first changeset waits until every rival has decided on one of its own."""

    def __init__(self, store: Store, all_decided: Barrier) -> None:
        self._store, self._all_decided = store, all_decided
        self._waits = True

    def apply(self, changeset: Changeset) -> Outcome:
        if self._waits:
            self._waits = False
            self._all_decided.wait()
        return self._store.apply(changeset)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@attrs.define(eq=False)
class Arena:
    """A store, and many who act on it at once.

    ``score`` counts what was told, by kind of store: it is shown at the end of the session.
    """

    kind: str
    store: Store
    seed: str
    score: Counter[tuple[str, str]]
    apart: bool = attrs.field(init=False)
    """Whether rivals are processes."""
    _barriers: list[Barrier] = attrs.field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        self.apart = self.kind != "memory" and "fork" in get_all_start_methods()

    def rounds(self, count: int, *, least: int = 1) -> int:
        """How many rounds are run of so many."""
        return max(least, round(count * (max(SCALE, 1) if self.kind == "memory" else SCALE)))

    def random(self, name: object) -> Random:
        """Chances that the seed and a name decide."""
        return Random(f"{self.seed} {name}")

    def clinic(
        self, store: Store | Late | None = None, *, clock: Clock | None = None, **options: Any
    ) -> Practice:
        """The practice, over this store or another; the clock stands still unless given."""
        own = FixedClock(NOW) if clock is None else clock
        there = cast("Store", store or self.store)
        return Scheduler(there, clock=own, **options).practice("riverside")

    def barrier(self, parties: int) -> Barrier:
        """Where so many wait for one another, again and again; make it before the race."""
        if self.apart:
            made: Barrier = get_context("fork").Barrier(parties, timeout=_SECONDS)
        else:
            made = Barrier(parties, timeout=_SECONDS)
        self._barriers.append(made)
        return made

    def signal(self) -> Signal:
        """What one sets and all see; make it before the race."""
        return get_context("fork").Event() if self.apart else Event()

    def count(self, some: Sequence[Told]) -> Sequence[Told]:
        """Count what was told."""
        self.score[self.kind, "attempts"] += len(some)
        self.score[self.kind, "booked"] += sum(one.made is not None for one in some)
        self.score[self.kind, "refused"] += sum(bool(one.against) for one in some)
        self.score[self.kind, "busy"] += sum(one.busy for one in some)
        return some

    def check_patience(self, some: Sequence[Told]) -> None:
        """Hardly anybody was told to come again; to be asked last, for it is the least."""
        busy = sum(one.busy for one in some)
        assert busy <= len(some) // 10 + 1, f"busy {busy} times of {len(some)}"

    def race(self, works: Sequence[Callable[[Store], T]]) -> list[T]:
        """Do all of these at once; what they return, in their order.

        Each is given a store: the one there is for threads, one of its own for a process. What
        one raises ends the race, and the test.
        """
        start, before = self.barrier(len(works)), self._deadlocks()
        try:
            answers = self._forked(works, start) if self.apart else self._threaded(works, start)
        finally:
            self._barriers.clear()
        self.score[self.kind, "deadlocks"] += self._deadlocks() - before
        failed = [why for well, why in answers if not well]
        # The others were only waiting for it.
        failed.sort(key=lambda why: "BrokenBarrierError" in why)
        assert not failed, f"{len(failed)} of {len(works)} rivals failed; the first:\n{failed[0]}"
        return [cast("T", answer) for _, answer in answers]

    def _deadlocks(self) -> int:
        """How many the server has found so far; whoever was in one has tried again since."""
        asked = {
            "postgresql": "SELECT 0, sum(deadlocks) FROM pg_stat_database",
            "mariadb": "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'",
        }.get(self.kind)
        if asked is None:
            return 0
        engine: Any = getattr(self.store, "engine")  # noqa: B009
        with engine.connect() as connection:
            return int(connection.exec_driver_sql(asked).one()[1])

    def _run(self, work: Callable[[Store], T], store: Store, start: Barrier) -> tuple[bool, Any]:
        try:
            start.wait()
            return True, work(store)
        except BaseException:
            for barrier in self._barriers:
                barrier.abort()
            return False, traceback.format_exc()

    def _threaded(
        self, works: Sequence[Callable[[Store], T]], start: Barrier
    ) -> list[tuple[bool, Any]]:
        answers: dict[int, tuple[bool, Any]] = {}

        def run(at: int, work: Callable[[Store], T]) -> None:
            answers[at] = self._run(work, self.store, start)

        threads = [
            Thread(target=run, args=(at, work), daemon=True) for at, work in enumerate(works)
        ]
        with _nimble():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(_SECONDS)
        return [answers.get(at, (False, "it never came back")) for at in range(len(works))]

    def _forked(
        self, works: Sequence[Callable[[Store], T]], start: Barrier
    ) -> list[tuple[bool, Any]]:
        import sqlalchemy as sa

        from medsched.adapters.sqlalchemy import SqlAlchemyStore

        assert isinstance(self.store, SqlAlchemyStore)
        engine = self.store.engine
        engine.dispose()  # or the processes would share connections

        def run(work: Callable[[Store], T], answer: Connection) -> None:
            engine.dispose(close=False)
            if self.kind == "mariadb":
                # PyMySQL reads all certificates of the machine whenever it connects.
                sa.event.listen(engine, "do_connect", _without_certificates)
            own = SqlAlchemyStore(engine)  # the engine knows its statements already
            answer.send(self._run(work, own, start))
            own.engine.dispose()

        fork = get_context("fork")
        pipes = [fork.Pipe(duplex=False) for _ in works]
        processes = [
            fork.Process(target=run, args=(work, there), daemon=True)
            for work, (_, there) in zip(works, pipes, strict=True)
        ]
        with warnings.catch_warnings():
            # Python 3.12 and later warn of threads; those of other tests have nothing to do here.
            warnings.simplefilter("ignore", DeprecationWarning)
            for process in processes:
                process.start()
        answers: list[tuple[bool, Any]] = []
        for here, there in pipes:
            there.close()
            try:
                well = here.poll(_SECONDS)
                answers.append(here.recv() if well else (False, "it never came back"))
            except EOFError:
                answers.append((False, "it died"))
            here.close()
        for process in processes:
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        return answers


def _without_certificates(*asked: Any) -> None:
    asked[-1]["ssl_disabled"] = True


@contextmanager
def _nimble() -> Iterator[None]:
    """Let threads take turns far more often than they would."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
