"""A practice of 10,000 providers with a million appointments, and how it is loaded.

The near days are full, the far ones nearly empty, as they are in a practice that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, Final
from zoneinfo import ZoneInfo

from medsched import AvailabilityRule, Practice, Recurrence, Scheduler
from medsched.adapters.sqlalchemy.booking_rows import BookingRow, ClaimRow, booking_row, claim_rows
from medsched.adapters.sqlalchemy.schema import HOURS
from medsched.domain.appointments import Appointment
from medsched.domain.bookings import WallTime
from medsched.domain.claims import Span
from medsched.domain.ledger import hours_of, rows_of
from medsched.domain.people import Provider
from medsched.domain.records import Resource, ResourceKind
from medsched.testing.fixed import FixedClock

PROVIDERS: Final = 10_000
ZONE: Final = ZoneInfo("America/New_York")
MONDAY: Final = date(2026, 1, 5)
NOW: Final = datetime(2026, 1, 5, 7, 30, tzinfo=ZONE).astimezone(UTC)
AHEAD: Final = timedelta(days=14)
LENGTH: Final = timedelta(minutes=20)
OPENS, CLOSES = time(9), time(17)
PER_DAY: Final = 24
DAYS: Final = [MONDAY + timedelta(days=day) for day in range(14) if day % 7 < 5]
BOOKED_ON: Final = (0.97, 0.93, 0.70, 0.50, 0.35, 0.25, 0.17, 0.13, 0.10, 0.07)
"""The share of the slots that are booked on each of the ten days: the near ones are full."""
RARE, COMMON = "rheumatology", "family medicine"


def specialty(number: int) -> str:
    """One in a hundred has the rare one, eight of them the common one."""
    return RARE if number % 100 == 3 else COMMON if number % 100 in range(10, 18) else "surgery"


def id_of(number: int) -> str:
    """The id of a provider."""
    return f"p{number:05d}"


def starts_of(day: date) -> list[datetime]:
    """A day from nine to five: 24 starts of twenty minutes, in UTC."""
    nine = datetime.combine(day, OPENS, ZONE).astimezone(UTC)
    return [nine + at * LENGTH for at in range(PER_DAY)]


def practice_of(store: Any, providers: int) -> Practice:
    """The practice with its providers and their hours, nothing booked."""
    clinic = Scheduler(store, clock=FixedClock(NOW)).practice("clinic")
    clinic.settings.configure(timezone=ZONE.key)
    clinic.appointment_types.create(code="visit", duration=LENGTH)
    weekdays = Recurrence.weekly("MO-FR", start=MONDAY)
    for first in range(0, providers, 1000):
        numbers = range(first, min(first + 1000, providers))
        people = [Provider(id=id_of(at), specialties={specialty(at)}) for at in numbers]
        rules = [
            AvailabilityRule(one.id, weekdays, hours="09:00-17:00", id=f"rule-{one.id}")
            for one in people
        ]
        clinic.add_all([*people, *rules])
    return clinic


def appointment(number: int, provider: str, start: datetime) -> Appointment:
    """One that is booked, each for another patient."""
    patient, low = f"patient-{number:07d}", int(start.timestamp()) // 60
    spans = [
        Span(Resource(kind, id), low, low + 20)
        for kind, id in ((ResourceKind.PROVIDER, provider), (ResourceKind.PATIENT, patient))
    ]
    return Appointment(
        id=f"a{number:07d}",
        reference=f"R{number:07d}",
        provider=provider,
        patient=patient,
        type="visit",
        start=start,
        end=start + LENGTH,
        wall=WallTime(start.astimezone(ZONE).replace(tzinfo=None), ZONE.key),
        spans=spans,
        opened_by=f"rule-{provider}",
        version=1,
        created_at=NOW,
        updated_at=NOW,
    )


# ------------------------------------------------------------------------------ loading


class Pattern:
    """The rows of an appointment at one start, as text, in which only the ids are missing.

    They are made by the library itself, once for each start: to make a million appointments of it
    takes minutes.
    """

    _NUMBER, _PROVIDER = 9_999_999, "p99999"

    def __init__(self, start: datetime) -> None:
        self.start = start
        one = appointment(self._NUMBER, self._PROVIDER, start)
        self._booking = line("clinic", *booking_row(one))
        self._claims = "".join(line("clinic", *row) for row in claim_rows(one.claims))
        self._token = claim_rows(one.claims)[0].token
        ledger = rows_of(one.claims)
        self.bits = {key.day: bits for key, bits in ledger.items()}
        self._ledger = "".join(
            _ledger_line(key.resource.kind.value, key.resource.id, key.day, bits)
            for key, bits in ledger.items()
            if key.resource.kind is ResourceKind.PATIENT
        )

    def rows(self, number: int, provider: str) -> tuple[str, str, str]:
        """Booking, claims and the patient's part of the ledger."""
        own, known = f"{number:07d}", str(self._NUMBER)
        claims = self._claims.replace(self._PROVIDER, provider).replace(known, own)
        return (
            self._booking.replace(self._PROVIDER, provider).replace(known, own),
            claims.replace(self._token, f"{number:016x}"),
            self._ledger.replace(known, own),
        )


def line(*values: object) -> str:
    """A row as COPY reads it: nothing here holds a tab, a backslash or a line's end."""
    return "\t".join(r"\N" if one is None else str(one) for one in values) + "\n"


def _ledger_line(kind: str, id: str, day: int, bits: int) -> str:
    hours = dict(hours_of(bits))
    return line("clinic", kind, id, day, *(hours.get(hour) for hour in range(len(HOURS))))


def load(cursor: Any, providers: int) -> int:
    """Copy bookings, claims and ledger into the library's tables; how many appointments."""
    random, number = Random(1), 0
    patterns = [[Pattern(start) for start in starts_of(day)] for day in DAYS]
    tables = {
        "booking": BookingRow._fields,
        "claim": ClaimRow._fields,
        "ledger": ("resource_kind", "resource_id", "day", *HOURS),
    }
    for first in range(0, providers, 500):
        copied: dict[str, list[str]] = {table: [] for table in tables}
        for at in range(first, min(first + 500, providers)):
            provider, taken = id_of(at), dict[int, int]()
            for pattern in _booked(patterns, random):
                number += 1
                for rows, row in zip(copied.values(), pattern.rows(number, provider), strict=True):
                    rows.append(row)
                for day, bits in pattern.bits.items():
                    taken[day] = taken.get(day, 0) | bits
            copied["ledger"] += [_ledger_line("provider", provider, *one) for one in taken.items()]
        for table, names in tables.items():
            copy_into(cursor, f"medsched_{table} (practice, {', '.join(names)})", copied[table])
    return number


def _booked(patterns: list[list[Pattern]], random: Random) -> Iterator[Pattern]:
    for share, day in zip(BOOKED_ON, patterns, strict=True):
        yield from (pattern for pattern in day if random.random() < share)


def copy_into(cursor: Any, table: str, lines: list[str]) -> None:
    """Copy rows, as text, into a table."""
    with cursor.copy(f"COPY {table} FROM STDIN") as copied:
        copied.write("".join(lines))
