"""What encryption and an audit cost, beside a plain store, on PostgreSQL.

The whole command of a booking with a reason, notes and an idempotency key, of a patient whose key
is kept: in a store that seals what is a patient's and writes down who read and changed what, beside
one that does neither, in a database each. What either of the two costs alone, and what both cost
when 1,000 appointments of 1,000 patients are read, are told with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from itertools import count

from tests.benchmarks.booking import MINUTE, NOW, alternately, clinic_of, engine_on, settle
from tests.benchmarks.turns import Result, in_turns, rounds_of

from medsched import Patient, Practice, Start
from medsched.adapters.audit.keeping import AuditKeeping
from medsched.adapters.keys.local import LocalKeys
from medsched.adapters.sqlalchemy import SqlAlchemyStore
from medsched.adapters.sqlalchemy.sealing import Encryption

READ = 1000
REASON, NOTES = "a cough that does not go away", "brings a list of what she takes"


def booking(scale: float) -> Iterator[Result]:
    """`secure_booking`."""
    with ExitStack() as stack:
        keys = LocalKeys.generate()
        ways: dict[str, dict[str, object]] = {
            "plain": {},
            "sealed": {"encryption": Encryption(keys)},
            "audited": {"audit": AuditKeeping(keys)},
            "both": {"encryption": Encryption(keys), "audit": AuditKeeping(keys)},
        }
        engine = {way: stack.enter_context(engine_on("postgresql")) for way in ways}
        stores = {way: SqlAlchemyStore(engine[way], **how) for way, how in ways.items()}  # type: ignore[arg-type]
        book = {way: _booker(clinic_of(store, "a", 1)) for way, store in stores.items()}
        for one in engine.values():
            settle(one)
        rounds = rounds_of(250, scale)
        single = {
            way: alternately(book["plain"], book[way], rounds // 2 + 1).result(way)
            for way in ("sealed", "audited")
        }
        read = {way: _reader(stores[way]) for way in ("plain", "both")}
        reading = in_turns(read["plain"], read["both"], rounds=rounds_of(10, scale), warm=2)
        facts = {
            "sealed": single["sealed"].ratio,
            "audited": single["audited"].ratio,
            "reading": reading.result("reading").ratio,
        }
        note = ", ".join(f"{name} {ratio:.2f}" for name, ratio in facts.items())
        turns = alternately(book["plain"], book["both"], rounds)
        yield turns.result("secure_booking", note, alone=facts)


def _booker(clinic: Practice) -> Callable[[], object]:
    """What books the next minute each time."""
    numbers = count()

    def book() -> object:
        number = next(numbers)
        start = Start("p0", "visit-0", NOW + timedelta(days=1) + number * MINUTE)
        return clinic.appointments.book(
            start,
            patient="patient-0",
            idempotency_key=f"key-{number}",
            reason=REASON,
            notes=NOTES,
        )

    return book


def _reader(store: SqlAlchemyStore) -> Callable[[], object]:
    """What reads so many appointments, each of another patient."""
    clinic = clinic_of(store, "b", 1)
    clinic.add_all([Patient(id=f"n{number}", name=f"Name {number}") for number in range(READ)])
    for number in range(READ):
        start = Start("p0", "visit-0", NOW + timedelta(days=1) + number * MINUTE)
        clinic.appointments.book(start, patient=f"n{number}", reason=REASON, notes=NOTES)
    return partial(clinic.appointments.list, limit=READ)
