"""What encryption at rest costs: rates beside those of a store in plain text, measured in turns.

Per database: the whole command of a booking with a reason, notes and an idempotency key, whose
patient's key is kept; what `apply` makes of it; and reading 1,000 appointments of 1,000 patients
with the keys kept, and with none kept (unwrapped by a file's keys: a key service adds its own time
for each patient). Operations take turns one by one; medians.

    python tests/benchmarks/sealing.py [sqlite] [postgresql] [mariadb] [--rounds 300]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.booking import MINUTE, NOW, Timed, clinic_of, starts
from tests.databases import ENGINES, missing, started

from medsched import Patient, Practice, Start
from medsched.adapters.keys.local import LocalKeys
from medsched.adapters.sqlalchemy import SqlAlchemyStore, create
from medsched.adapters.sqlalchemy.sealing import Encryption

WARM = 50
READ = 1000


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def bookings(plain: SqlAlchemyStore, sealed: SqlAlchemyStore, rounds: int) -> None:
    """Bookings in turns, in a database each."""
    stores = {"plain": plain, "sealed": sealed}
    clinics = {name: clinic_of(store, "a", 1) for name, store in stores.items()}
    applied = {name: Timed(store) for name, store in stores.items()}
    walks = {name: starts(1) for name in stores}
    taken: dict[str, list[float]] = {name: [] for name in stores}
    for number in range(rounds + WARM):
        for name in sorted(stores, reverse=bool(number % 2)):

            def book(name: str = name, number: int = number) -> None:
                clinics[name].appointments.book(
                    Start("p0", "visit-0", next(walks[name])),
                    patient="patient-0",
                    reason="a cough that does not go away",
                    notes="brings a list of what she takes",
                    idempotency_key=f"key-{number}",
                )

            taken[name].append(timed(book))
    whole = {name: statistics.median(some[WARM:]) for name, some in taken.items()}
    apply = {name: statistics.median(one.taken[-rounds:]) for name, one in applied.items()}
    print(
        f"  booking: plain {whole['plain'] * 1e3:.3f} ms, sealed {whole['sealed'] * 1e3:.3f} ms,"
        f" rate {whole['plain'] / whole['sealed']:.2f}; apply alone"
        f" {apply['plain'] * 1e3:.3f} and {apply['sealed'] * 1e3:.3f} ms,"
        f" rate {apply['plain'] / apply['sealed']:.2f}",
        flush=True,
    )


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


def readings(
    plain: SqlAlchemyStore, sealed: SqlAlchemyStore, encryption: Encryption, rounds: int
) -> None:
    """The same appointments read in turns."""
    clinics = {"plain": filled(plain), "warm": filled(sealed)}
    taken: dict[str, list[float]] = {"plain": [], "warm": [], "cold": []}
    for _ in range(rounds):
        for name in ("plain", "warm", "cold"):
            if name == "cold":
                encryption.kept.forget()
            clinic = clinics["plain" if name == "plain" else "warm"]
            taken[name].append(timed(lambda clinic=clinic: clinic.appointments.list(limit=READ)))  # type: ignore[misc]
    found = {name: statistics.median(some[3:]) for name, some in taken.items()}
    base = found["plain"]
    print(
        f"  reading {READ}: plain {base * 1e3:.1f} ms,"
        f" sealed {found['warm'] * 1e3:.1f} ms, rate {base / found['warm']:.2f};"
        f" no key kept {found['cold'] * 1e3:.1f} ms, rate {base / found['cold']:.2f}",
        flush=True,
    )


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
        with started(engine) as first, started(engine) as second:
            plain = SqlAlchemyStore(first)
            encryption = Encryption(LocalKeys.generate())
            sealed = SqlAlchemyStore(second, encryption=encryption)
            for store in (plain, sealed):
                create(store.engine)
            bookings(plain, sealed, options.rounds)
            readings(plain, sealed, encryption, max(10, options.rounds // 15))
            for store in (plain, sealed):
                store.engine.dispose()


if __name__ == "__main__":
    main()
