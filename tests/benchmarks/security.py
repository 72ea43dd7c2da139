"""What encryption and an audit cost: rates beside those of a plain store, measured in turns.

Per database: the whole command of a booking with a reason, notes and an idempotency key, whose
patient's key is kept, by one client and by sixteen; what `apply` makes of it; and reading 1,000
appointments of 1,000 patients: sealed, with the keys kept and with none kept (unwrapped by a
file's keys: a key service adds its own time for each patient), and with each read written down.
Operations take turns one by one, of sixteen clients round by round; medians.

    python tests/benchmarks/security.py [sqlite] [postgresql] [mariadb] [--rounds 300]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.booking import CLIENTS, MINUTE, NOW, Timed, clinic_of, starts
from tests.databases import ENGINES, missing, started

from medsched import Patient, Practice, Scheduler, Start
from medsched.adapters.audit.keeping import AuditKeeping
from medsched.adapters.keys.local import LocalKeys
from medsched.adapters.sqlalchemy import SqlAlchemyStore, create
from medsched.adapters.sqlalchemy.sealing import Encryption
from medsched.testing.fixed import FixedClock

WARM = 50
READ = 1000
ROUND = 64
"""How many bookings sixteen clients make together before it is another store's turn."""
Stores = Mapping[str, SqlAlchemyStore]


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rates(taken: Mapping[str, float]) -> str:
    """Each time, and its rate beside the plain one."""
    plain = taken["plain"]
    return ", ".join(
        f"{name} {one * 1e3:.3f} ms ({plain / one:.2f})" for name, one in taken.items()
    )


def book(clinic: Practice, at: Start, key: str) -> None:
    clinic.appointments.book(
        at,
        patient=f"patient-{at.provider[1:]}",
        reason="a cough that does not go away",
        notes="brings a list of what she takes",
        idempotency_key=key,
    )


def bookings(stores: Stores, rounds: int) -> None:
    """Bookings of one client in turns, in a database each."""
    clinics = {name: clinic_of(store, "a", 1) for name, store in stores.items()}
    applied = {name: Timed(store) for name, store in stores.items()}
    walks = {name: starts(1) for name in stores}
    taken: dict[str, list[float]] = {name: [] for name in stores}
    for number in range(rounds + WARM):
        for name in sorted(stores, reverse=bool(number % 2)):
            start = Start("p0", "visit-0", next(walks[name]))
            clinic = clinics[name]
            taken[name].append(timed(lambda c=clinic, s=start, k=f"k{number}": book(c, s, k)))  # type: ignore[misc]
    whole = {name: statistics.median(some[WARM:]) for name, some in taken.items()}
    apply = {name: statistics.median(one.taken[-rounds:]) for name, one in applied.items()}
    print(f"  booking: {rates(whole)}\n  apply alone: {rates(apply)}", flush=True)


def many(stores: Stores, rounds: int) -> None:
    """Bookings of sixteen clients, each with a provider of its own."""
    for store in stores.values():
        clinic_of(store, "c", CLIENTS)
    walks = {name: [starts(1) for _ in range(CLIENTS)] for name in stores}
    taken: dict[str, list[float]] = {name: [] for name in stores}
    for number in range(rounds):
        for name in sorted(stores, reverse=bool(number % 2)):
            scheduler = Scheduler(stores[name], clock=FixedClock(NOW))
            clinic, gate = scheduler.practice("c"), Barrier(CLIENTS + 1)
            walk = walks[name]

            def work(who: int, clinic: Practice = clinic, gate: Barrier = gate) -> None:
                book(clinic, Start(f"p{who}", f"visit-{who}", next(walk[who])), f"w{number} {who}")  # noqa: B023
                gate.wait()
                for turn in range(ROUND // CLIENTS):
                    at = Start(f"p{who}", f"visit-{who}", next(walk[who]))  # noqa: B023
                    book(clinic, at, f"{number} {turn} {who}")  # noqa: B023

            threads = [Thread(target=work, args=(who,)) for who in range(CLIENTS)]
            for one in threads:
                one.start()
            gate.wait()
            taken[name].append(timed(lambda t=threads: [one.join() for one in t]) / ROUND)  # type: ignore[misc]
    found = {name: statistics.median(some[1:]) for name, some in taken.items()}
    print(f"  booking by {CLIENTS} clients: {rates(found)}", flush=True)


def filled(store: SqlAlchemyStore) -> Practice:
    """A practice with so many appointments, each of another patient."""
    clinic = clinic_of(store, "b", 1)
    clinic.add_all([Patient(id=f"n{number}", name=f"Name {number}") for number in range(READ)])
    for number in range(READ):
        at = NOW + timedelta(days=1) + number * MINUTE
        clinic.appointments.book(
            Start("p0", "visit-0", at),
            patient=f"n{number}",
            reason="a cough that does not go away",
            notes="brings a list of what she takes",
        )
    return clinic


def readings(stores: Stores, encryption: Encryption, rounds: int) -> None:
    """The same appointments read in turns."""
    clinics = {name: filled(store) for name, store in stores.items()}
    clinics["sealed, no key kept"] = clinics["sealed"]
    taken: dict[str, list[float]] = {name: [] for name in clinics}
    for _ in range(rounds):
        for name, clinic in clinics.items():
            if name == "sealed, no key kept":
                encryption.kept.forget()
            taken[name].append(timed(lambda c=clinic: c.appointments.list(limit=READ)))  # type: ignore[misc]
    found = {name: statistics.median(some[3:]) for name, some in taken.items()}
    print(f"  reading {READ}: {rates(found)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("engines", nargs="*", help="sqlite, postgresql, mariadb")
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    for engine in options.engines or ENGINES:
        if (why := missing(engine)) is not None:
            print(f"{engine}: not measured, {why}")
            continue
        print(engine)
        keys = LocalKeys.generate()
        sealed, both = Encryption(keys), Encryption(keys)
        ways = {
            "plain": {},
            "sealed": {"encryption": sealed},
            "audited": {"audit": AuditKeeping(keys)},
            "sealed and audited": {"encryption": both, "audit": AuditKeeping(keys)},
        }
        with ExitStack() as stack:
            stores = {}
            for name, way in ways.items():
                stores[name] = SqlAlchemyStore(stack.enter_context(started(engine)), **way)  # type: ignore[arg-type]
                stack.callback(stores[name].engine.dispose)
                create(stores[name].engine)
            bookings(stores, options.rounds)
            if engine != "sqlite":
                many(stores, max(10, options.rounds // 10))
            readings(stores, sealed, max(10, options.rounds // 15))


if __name__ == "__main__":
    main()
