"""A clinic in a SQLite file: hours, a booking, a refusal, a move, and the waitlist.

Run it with ``python examples/script_on_sqlite.py``; it needs the extra ``sqlalchemy``. The clock
is fixed and the file is thrown away, so that it prints the same each time; a script of yours leaves
``clock`` and ``ids`` out and keeps the file.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from medsched import AvailabilityRule, BookingRefused, Override, Recurrence, Scheduler
from medsched.adapters.sqlalchemy import SqlAlchemyStore, create
from medsched.scheduler import Practice
from medsched.testing.fixed import FixedClock, NumberedIds

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
START, END = datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 3, 6, tzinfo=UTC)


def open_clinic(practice: Practice) -> None:
    """A doctor in New York, who sees patients on weekday mornings but not on 5 March."""
    practice.providers.create(id="smith", name="Dr. Smith", timezone="America/New_York")
    practice.appointment_types.create(code="visit", duration=timedelta(minutes=30))
    weekdays = Recurrence.weekdays(date(2026, 1, 5))
    practice.availability.add(AvailabilityRule("smith", weekdays, hours="09:00-10:30"))
    practice.availability.add(Override.closed("smith", date(2026, 3, 5), reason="training"))
    for patient in ("ada", "bob", "cleo"):
        practice.patients.create(id=patient)


def run(practice: Practice) -> None:
    """What happens on a Monday, for the Wednesday after."""
    open_clinic(practice)
    slots = practice.availability.slots("smith", "visit", START, END)
    print("free:", *(f"{slot.local_start:%a %H:%M}" for slot in slots))

    ada = practice.appointments.book(slots[0], patient="ada", idempotency_key="form-1")
    print("ada is", ada.status, f"{ada.wall.start:%a %H:%M}")

    try:
        practice.appointments.book(slots[0], patient="bob")
    except BookingRefused as refused:
        print("bob is refused:", refused)
        print("instead:", *(f"{slot.local_start:%a %H:%M}" for slot in refused.alternatives))
        bob = practice.appointments.book(refused.alternatives[0], patient="bob")
        print("bob is", bob.status, f"{bob.wall.start:%a %H:%M}")

    practice.waitlist.join(
        patient="cleo",
        type="visit",
        earliest=date(2026, 3, 4),
        latest=date(2026, 3, 4),
        hours="09:00-09:30",
    )
    print("cleo waits for 09:00; offers made:", practice.waitlist.work().offered)

    ada = practice.appointments.reschedule(ada, slots[2])
    print("ada is moved to", f"{ada.wall.start:%a %H:%M};", end=" ")
    print("offers made:", practice.waitlist.work().offered)
    (offer,) = practice.waitlist.offers.list()
    cleo = practice.waitlist.accept(offer, patient="cleo")
    print("cleo is", cleo.status, f"{cleo.wall.start:%a %H:%M}")

    print("the day:")
    for one in practice.appointments.list(provider="smith"):
        print(f"  {one.wall.start:%H:%M} {one.patient} {one.reference}")


def main() -> None:
    """Make the tables in a new file, and run the clinic in them."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqlAlchemyStore(f"sqlite:///{Path(folder) / 'clinic.db'}")
        create(store.engine)
        run(Scheduler(store, clock=FixedClock(NOW), ids=NumberedIds()).practice("riverside"))
        store.engine.dispose()


if __name__ == "__main__":
    main()
