"""Verifying: whatever is broken behind the library's back is told for what it is, and repaired."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event as Signal
from threading import Thread
from typing import Any, TypeAlias

import attrs
import pytest
from tests.databases import ENGINES, Databases

from medsched import AvailabilityRule, Recurrence, Scheduler
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.blockings import Blocking
from medsched.domain.bookings import WallTime
from medsched.domain.changes import Applied, Changeset, RowVersion
from medsched.domain.claims import Claim, ClaimKind, Span
from medsched.domain.differences import (
    DifferentClaim,
    DoubleBooking,
    MissingClaim,
    StrayClaim,
    Unreadable,
    Verification,
    WrongMinutes,
)
from medsched.domain.holds import Hold
from medsched.domain.records import Resource
from medsched.domain.stored import BookingRecord, Ref
from medsched.errors import InvalidId, SchemaMismatch, StorageError
from medsched.timeline.instants import DAY, instant_of, minute_of

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")

import sqlalchemy as sa

from medsched.adapters.sqlalchemy import SqlAlchemyStore, create, verify, verifying
from medsched.adapters.sqlalchemy.booking_rows import claim_rows
from medsched.adapters.sqlalchemy.schema import HOURS, tables

TABLES = tables()
BOOKING, CLAIM, LEDGER = TABLES.booking, TABLES.claim, TABLES.ledger
NINE = minute_of(datetime(2026, 1, 5, 9, tzinfo=UTC), rounding="down")
TODAY = NINE // DAY
MIDNIGHT = (TODAY + 1) * DAY
SMITH, JONES = Resource("provider", "smith"), Resource("provider", "jones")
ADA, BOB, ROOM = Resource("patient", "ada"), Resource("patient", "bob"), Resource("room", "r1")
LONG_AGO, NEVER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2990, 1, 1, tzinfo=UTC)
SECRET = "Lovelace's knee"

Break: TypeAlias = Callable[[sa.Connection], None]


def appointment(
    id: str, low: int, length: int = 30, *more: Resource, patient: str = "ada", status: str = ""
) -> Appointment:
    """An appointment of Smith's, so many minutes after nine."""
    low += NINE
    resources = (SMITH, Resource("patient", patient), *more)
    return Appointment(
        id=id,
        version=1,
        status=AppointmentStatus(status or "booked"),
        provider="smith",
        patient=patient,
        type="visit",
        start=instant_of(low),
        end=instant_of(low + length),
        wall=WallTime(instant_of(low).replace(tzinfo=None), "UTC"),
        spans=[Span(one, low, low + length) for one in resources],
        notes=SECRET,
    )


def hold(id: str, low: int, expires: datetime) -> Hold:
    """A hold of half an hour of Smith's."""
    low += NINE
    return Hold(
        id=id,
        version=1,
        provider="smith",
        type="visit",
        start=instant_of(low),
        end=instant_of(low + 30),
        wall=WallTime(instant_of(low).replace(tzinfo=None), "UTC"),
        spans=[Span(SMITH, low, low + 30)],
        expires=expires,
    )


BOOKINGS: tuple[BookingRecord, ...] = (
    appointment("a1", 0, 30, ROOM),
    appointment("a2", 30, 30, ROOM, patient="bob"),
    appointment("a3", 120, patient="bob", status="cancelled"),
    appointment("a4", 14 * 60, 120, JONES, patient="bob"),  # past midnight
    appointment("a5", 3 * DAY, 2 * DAY, patient="ada"),  # longer than a day
    hold("h1", 60, NEVER),
    hold("h2", 90, LONG_AGO),
)
"""What nothing is wrong with."""


def store_all(store: Any, practice: str, *bookings: BookingRecord) -> None:
    """Write bookings and make their claims."""
    for one in bookings:
        changeset = Changeset(practice=practice, writes=(one,), claims=one.claims)
        assert store.apply(changeset) == Applied()


@attrs.frozen
class Clinic:
    """A store with bookings in two practices; what its claims and its ledger are."""

    store: Any

    @property
    def engine(self) -> sa.Engine:
        engine: sa.Engine = self.store.engine
        return engine

    def broken(self, *breaks: Break) -> None:
        """Break something."""
        with self.engine.begin() as connection:
            for one in breaks:
                one(connection)

    def derived(self) -> object:
        """All claims, and all rows of the ledger in which something is taken."""
        with self.engine.connect() as connection:
            claims = connection.execute(sa.select(CLAIM).order_by(*CLAIM.primary_key)).all()
            rows = connection.execute(sa.select(LEDGER).order_by(*LEDGER.primary_key)).all()
        return [tuple(row) for row in claims], {
            tuple(row[:4]): tuple(hour or 0 for hour in row[4:]) for row in rows if any(row[4:])
        }

    def found(self, **options: Any) -> list[str]:
        """The sentences of what a verification finds."""
        return [str(one) for one in verify(self.engine, **options).differences]


@pytest.fixture(params=ENGINES)
def clinic(
    request: pytest.FixtureRequest, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Clinic]:
    """A clinic that is read in very small pages."""
    monkeypatch.setattr(verifying, "_PAGE", 2)
    monkeypatch.setattr(verifying, "_AT_ONCE", 3)
    store = databases.store(request.param)
    store_all(store, "p", *BOOKINGS)
    store_all(store, "other", BOOKINGS[0], BOOKINGS[5])
    yield Clinic(store)
    databases.check_returned(request.param)


# ---------------------------------------------------------------------- breaking things


def run(statement: Any) -> Break:
    """A break that is one statement, which meets exactly one row."""

    def broken(connection: sa.Connection) -> None:
        counted = connection.execution_options(preserve_rowcount=True)
        assert counted.execute(statement).rowcount == 1

    return broken


def of_claim(resource: Resource, low: int, practice: str = "p") -> sa.ColumnElement[bool]:
    """The claim on a resource that begins so many minutes after nine."""
    return sa.and_(
        CLAIM.c.practice == practice,
        CLAIM.c.resource_kind == resource.kind.value,
        CLAIM.c.resource_id == resource.id,
        CLAIM.c.low == NINE + low,
    )


def of_row(resource: Resource, day: int = TODAY, practice: str = "p") -> sa.ColumnElement[bool]:
    """A row of the ledger."""
    return sa.and_(
        LEDGER.c.practice == practice,
        LEDGER.c.resource_kind == resource.kind.value,
        LEDGER.c.resource_id == resource.id,
        LEDGER.c.day == day,
    )


def flip(resource: Resource, minute: int, day: int = TODAY) -> Break:
    """Flip the bit of a minute of a day."""

    def broken(connection: sa.Connection) -> None:
        column = LEDGER.c[HOURS[minute // 60]]
        query = sa.select(column).where(of_row(resource, day))
        bits = (connection.scalar(query) or 0) ^ 1 << minute % 60
        run(sa.update(LEDGER).where(of_row(resource, day)).values({column: bits}))(connection)

    return broken


def of_booking(id: str) -> sa.ColumnElement[bool]:
    """A booking in the practice."""
    return sa.and_(BOOKING.c.practice == "p", BOOKING.c.id == id)


def claim(resource: Resource, low: int, high: int, id: str, **more: Any) -> Claim:
    """A claim, in minutes after nine."""
    kind = ClaimKind(more.pop("kind", "appointment"))
    return Claim(resource, NINE + low, NINE + high, kind, id, more.pop("expires", None))


def insert(one: Claim, **changed: Any) -> Break:
    """Insert a claim, some of its columns changed."""
    (row,) = claim_rows([one])
    return run(sa.insert(CLAIM).values({"practice": "p", **row._asdict(), **changed}))


def status(id: str, to: str) -> Break:
    """Change the status of an appointment."""
    return run(sa.update(BOOKING).where(of_booking(id)).values(status=to))


def delete_claim(resource: Resource, low: int) -> Break:
    """Delete a claim."""
    return run(sa.delete(CLAIM).where(of_claim(resource, low)))


def change_claim(resource: Resource, low: int, **to: Any) -> Break:
    """Change columns of a claim."""
    return run(sa.update(CLAIM).where(of_claim(resource, low)).values(**to))


def set_hours(resource: Resource, **to: Any) -> Break:
    """Change columns of today's row of the ledger."""
    return run(sa.update(LEDGER).where(of_row(resource)).values(**to))


A1 = "p: appointment a1 "
CASES: dict[str, tuple[list[Break], list[str]]] = {
    "a bit that is taken": (
        [flip(SMITH, 9 * 60 + 7)],
        ["p: the ledger of provider smith on 2026-01-05 UTC lacks 09:07-09:08"],
    ),
    "a bit that is free": (
        [flip(SMITH, 23 * 60 - 1)],
        ["p: the ledger of provider smith on 2026-01-05 UTC holds for nothing 22:59-23:00"],
    ),
    "bits in two rows": (
        [flip(ADA, 0), flip(SMITH, 30, TODAY + 1)],
        [
            "p: the ledger of patient ada on 2026-01-05 UTC holds for nothing 00:00-00:01",
            "p: the ledger of provider smith on 2026-01-06 UTC lacks 00:30-00:31",
        ],
    ),
    "a number that is too large": (
        [set_hours(SMITH, h23=1 << 60 | (1 << 60) - 1)],
        [
            (
                "p: the ledger of provider smith on 2026-01-05 UTC"
                " holds numbers that stand for no minutes"
            )
        ],
    ),
    "a negative number": (
        [set_hours(ADA, h03=-1)],
        [
            (
                "p: the ledger of patient ada on 2026-01-05 UTC holds for nothing 03:00-04:00,"
                " and holds numbers that stand for no minutes"
            )
        ],
    ),
    "a row of the ledger is gone": (
        [run(sa.delete(LEDGER).where(of_row(SMITH)))],
        ["p: the ledger of provider smith on 2026-01-05 UTC lacks 09:00-11:00, 23:00-24:00"],
    ),
    "a row of the ledger that is nobody's": (
        [
            run(
                sa.insert(LEDGER).values(
                    practice="p", resource_kind="device", resource_id="d", day=0, h00=1
                )
            )
        ],
        ["p: the ledger of device d on 1970-01-01 UTC holds for nothing 00:00-00:01"],
    ),
    "a claim is gone": (
        [delete_claim(SMITH, 0)],
        [A1 + "has no claim on provider smith from 2026-01-05 09:00 to 09:30 UTC"],
    ),
    "a long claim is gone, and its rows": (
        [
            delete_claim(SMITH, 3 * DAY),
            *(run(sa.delete(LEDGER).where(of_row(SMITH, TODAY + n))) for n in (3, 4, 5)),
        ],
        [
            (
                "p: appointment a5 has no claim on provider smith"
                " from 2026-01-08 09:00 to 2026-01-10 09:00 UTC"
            ),
            "p: the ledger of provider smith on 2026-01-08 UTC lacks 09:00-24:00",
            "p: the ledger of provider smith on 2026-01-09 UTC lacks 00:00-24:00",
            "p: the ledger of provider smith on 2026-01-10 UTC lacks 00:00-09:00",
        ],
    ),
    "the claim of a hold is gone": (
        [delete_claim(SMITH, 60)],
        [
            (
                "p: hold h1 has no claim on provider smith"
                " from 2026-01-05 10:00 to 10:30 UTC, until 2990-01-01 00:00:00"
            )
        ],
    ),
    "a claim of a booking that is not there": (
        [insert(claim(SMITH, 400, 430, "zz"))],
        [
            (
                "p: appointment zz claims provider smith from 2026-01-05 15:40 to 16:10 UTC,"
                " but there is no such booking"
            )
        ],
    ),
    "one before all others, of a resource of its own": (
        [insert(claim(Resource("device", "d"), 0, 1, "!", kind="hold", expires=NEVER))],
        [
            (
                "p: hold ! claims device d from 2026-01-05 09:00 to 09:01 UTC,"
                " until 2990-01-01 00:00:00, but there is no such booking"
            )
        ],
    ),
    "a claim where the booking is not": (
        [insert(claim(JONES, 0, 30, "a1"))],
        [
            A1 + "claims provider jones from 2026-01-05 09:00 to 09:30 UTC,"
            " but it does not take that time"
        ],
    ),
    "a claim twice, under another hash": (
        [insert(claim(SMITH, 0, 30, "a1"), token="0" * 16)],
        [
            A1 + "claims provider smith from 2026-01-05 09:00 to 09:30 UTC,"
            " but it is filed where nobody looks for it"
        ],
    ),
    "a claim twice, as a long one": (
        [insert(claim(SMITH, 0, 30, "a1"), days=22)],
        [
            A1 + "claims provider smith from 2026-01-05 09:00 to 09:30 UTC,"
            " but it is filed where nobody looks for it"
        ],
    ),
    "a claim that was filed elsewhere": (
        [change_claim(SMITH, 0, token="0" * 16)],
        [
            A1 + "has no claim on provider smith from 2026-01-05 09:00 to 09:30 UTC",
            A1 + "claims provider smith from 2026-01-05 09:00 to 09:30 UTC,"
            " but it is filed where nobody looks for it",
        ],
    ),
    "a claim too short": (
        [change_claim(SMITH, 0, high=NINE + 10)],
        [
            A1 + "claims provider smith from 2026-01-05 09:00 to 09:10 UTC"
            " instead of provider smith from 2026-01-05 09:00 to 09:30 UTC"
        ],
    ),
    "a claim too long, in the ledger too": (
        [change_claim(ADA, 0, high=NINE + 31), flip(ADA, 9 * 60 + 30)],
        [
            A1 + "claims patient ada from 2026-01-05 09:00 to 09:31 UTC"
            " instead of patient ada from 2026-01-05 09:00 to 09:30 UTC",
            "p: the ledger of patient ada on 2026-01-05 UTC holds for nothing 09:30-09:31",
        ],
    ),
    "a claim under another's name": (
        [change_claim(SMITH, 0, id="a2")],
        [
            A1 + "has no claim on provider smith from 2026-01-05 09:00 to 09:30 UTC",
            (
                "p: appointment a2 claims provider smith from 2026-01-05 09:00 to 09:30 UTC,"
                " but it is filed where nobody looks for it"
            ),
        ],
    ),
    "a hold's claim expires at another time": (
        [change_claim(SMITH, 60, expires_at=LONG_AGO)],
        [
            (
                "p: hold h1 claims provider smith from 2026-01-05 10:00 to 10:30 UTC,"
                " until 2020-01-01 00:00:00 instead of provider smith"
                " from 2026-01-05 10:00 to 10:30 UTC, until 2990-01-01 00:00:00"
            )
        ],
    ),
    "an appointment's claim expires": (
        [change_claim(SMITH, 0, expires_at=NEVER)],
        [
            A1 + "claims provider smith from 2026-01-05 09:00 to 09:30 UTC,"
            " until 2990-01-01 00:00:00"
            " instead of provider smith from 2026-01-05 09:00 to 09:30 UTC"
        ],
    ),
}
"""What is broken, and what is told. To repair it is to have things as they were."""


@pytest.mark.parametrize("case", CASES)
def test_what_is_broken_is_told_and_repaired(clinic: Clinic, case: str) -> None:
    breaks, told = CASES[case]
    before = clinic.derived()
    assert clinic.found() == []
    clinic.broken(*breaks)
    broken = clinic.derived()
    assert clinic.found() == told
    assert clinic.derived() == broken  # to look is not to touch
    repaired = verify(clinic.engine, repair=True)
    assert list(map(str, repaired.differences)) == told
    assert repaired.is_clean
    assert verify(clinic.engine) == Verification(bookings=9, differences=(), left=())
    assert clinic.derived() == before


def test_everything_at_once(clinic: Clinic) -> None:
    before = clinic.derived()
    breaks = ("a bit that is taken", "a claim is gone", "a claim of a booking that is not there")
    more = ("a claim too long, in the ledger too", "a number that is too large")
    cases = [CASES[name] for name in (*breaks, *more, "the claim of a hold is gone")]
    clinic.broken(*(one for some, _ in cases for one in some))
    assert len(clinic.found()) >= 6
    assert verify(clinic.engine, repair=True).is_clean
    assert clinic.found() == []
    assert clinic.derived() == before


class TestStatus:
    def test_called_off_behind_the_librarys_back(self, clinic: Clinic) -> None:
        clinic.broken(status("a2", "cancelled"))
        off = "from 2026-01-05 09:30 to 10:00 UTC, but it is cancelled"
        assert clinic.found() == [
            f"p: appointment a2 claims patient bob {off}",
            f"p: appointment a2 claims provider smith {off}",
            f"p: appointment a2 claims room r1 {off}",
            "p: the ledger of patient bob on 2026-01-05 UTC holds for nothing 09:30-10:00",
            "p: the ledger of provider smith on 2026-01-05 UTC holds for nothing 09:30-10:00",
            "p: the ledger of room r1 on 2026-01-05 UTC holds for nothing 09:30-10:00",
        ]
        assert verify(clinic.engine, repair=True).is_clean
        assert clinic.found() == []
        store_all(clinic.store, "p", appointment("a6", 30, 30, ROOM, patient="bob"))
        assert clinic.found() == []

    def test_booked_behind_the_librarys_back(self, clinic: Clinic) -> None:
        clinic.broken(status("a3", "noshow"))
        assert clinic.found() == [
            f"p: appointment a3 has no claim on {one} from 2026-01-05 11:00 to 11:30 UTC"
            for one in (BOB, SMITH)
        ] + [
            "p: the ledger of patient bob on 2026-01-05 UTC lacks 11:00-11:30",
            "p: the ledger of provider smith on 2026-01-05 UTC lacks 11:00-11:30",
        ]
        assert verify(clinic.engine, repair=True).is_clean
        assert clinic.found() == []
        changeset = Changeset(practice="p", claims=(claim(SMITH, 129, 140, "x"),))
        assert clinic.store.apply(changeset) != Applied()

    def test_deleted_behind_the_librarys_back(self, clinic: Clinic) -> None:
        clinic.broken(run(sa.delete(BOOKING).where(of_booking("a4"))))
        found = verify(clinic.engine, repair=True)
        assert [type(one) for one in found.differences] == [StrayClaim] * 3 + [WrongMinutes] * 6
        assert found.is_clean
        assert clinic.found() == []
        store_all(clinic.store, "p", BOOKINGS[3])
        assert clinic.found() == []

    def test_a_row_that_is_only_a_lock_is_no_booking(self, clinic: Clinic) -> None:
        clinic.broken(run(sa.update(BOOKING).where(of_booking("h1")).values(version=0)))
        assert "but there is no such booking" in clinic.found()[0]


class TestDoubleBookings:
    def break_in(self, clinic: Clinic, *bookings: BookingRecord) -> None:
        """Store bookings with claims, past the ledger."""
        for one in bookings:
            changeset = Changeset(practice="p", writes=(one,))
            assert clinic.store.apply(changeset) == Applied()
            for made in one.claims:
                clinic.broken(insert(made))

    def test_it_is_told_and_never_repaired(self, clinic: Clinic) -> None:
        self.break_in(clinic, appointment("b1", 15, patient="eve"))
        double = [
            f"p: appointment {one} and appointment {other} both take provider smith"
            f" from 2026-01-05 {stretch} UTC"
            for one, other, stretch in (
                ("a1", "b1", "09:15 to 09:30"),
                ("b1", "a2", "09:30 to 09:45"),
            )
        ]
        lacks = "p: the ledger of patient eve on 2026-01-05 UTC lacks 09:15-09:45"
        assert clinic.found() == [lacks, *double]
        repaired = verify(clinic.engine, repair=True)
        assert list(map(str, repaired.left)) == double
        assert not repaired.is_clean
        assert clinic.found() == double
        # One of the two is called off, and gives back no more than what was its own.
        b1 = clinic.store.get("p", Appointment, "b1")
        off = attrs.evolve(b1, version=2, status=AppointmentStatus.CANCELLED)
        changeset = Changeset(practice="p", writes=(off,), releases=b1.claims)
        assert clinic.store.apply(changeset) == Applied()
        assert clinic.found() == []

    def test_it_is_seen_before_the_missing_claim_is_made(self, clinic: Clinic) -> None:
        clinic.broken(delete_claim(SMITH, 0), *(flip(SMITH, 540 + n) for n in range(30)))
        store_all(clinic.store, "p", appointment("b1", 0, patient="eve"))
        found = verify(clinic.engine, repair=True)
        assert [type(one) for one in found.differences] == [MissingClaim, DoubleBooking]
        assert found.left == found.differences[1:]
        assert tuple(verify(clinic.engine).differences) == found.left

    def test_an_expired_hold_takes_nothing_from_anybody(self, clinic: Clinic) -> None:
        self.break_in(clinic, appointment("b1", 90, patient="eve"))
        clinic.broken()
        found = verify(clinic.engine, repair=True)
        assert [type(one) for one in found.differences] == [WrongMinutes]
        assert clinic.found() == []
        # It is swept, and leaves the appointment its time.
        old = clinic.store.get("p", Hold, "h2")
        removal = RowVersion(Ref.to(old), 1)
        swept = Changeset(practice="p", removals=(removal,), releases=old.claims)
        assert clinic.store.apply(swept) == Applied()
        assert clinic.found() == []


REPLACED = change_claim(SMITH, 0, high=NINE)
"""What has the key of a claim that is missing makes way for it."""


class TestSenselessRows:
    SENSELESS: tuple[tuple[Break, str], ...] = (
        (
            run(sa.update(BOOKING).where(of_booking("a1")).values(document="{")),
            "p: appointment 'a1' cannot be read",
        ),
        (
            run(sa.update(BOOKING).where(of_booking("h1")).values(document='{"spans":[[1]]}')),
            "p: hold 'h1' cannot be read",
        ),
        (
            status("a1", "lost"),
            "p: appointment 'a1' cannot be read",
        ),
        (
            run(
                sa.update(BOOKING)
                .where(of_booking("h1"))
                .values(
                    document='{"wall":{"start":"2026-01-05","timezone":"UTC"},'
                    '"spans":[["room","r1",5,1000000]]}'
                )
            ),
            "p: hold 'h1' cannot be read",
        ),
        (
            REPLACED,
            f"p: the claim on 'provider' 'smith' from minute {NINE} cannot be read",
        ),
        (
            insert(claim(SMITH, 0, 30, "zz"), resource_kind="ship", resource_id="a\nb"),
            f"p: the claim on 'ship' 'a\\nb' from minute {NINE} cannot be read",
        ),
        (
            insert(claim(JONES, 0, 30, "zz"), kind="whim"),
            f"p: the claim on 'provider' 'jones' from minute {NINE} cannot be read",
        ),
        (
            insert(claim(JONES, 0, 30, "zz"), high=NINE + 22 * DAY),
            f"p: the claim on 'provider' 'jones' from minute {NINE} cannot be read",
        ),
        (
            run(sa.update(LEDGER).where(of_row(ROOM)).values(day=5_000_000)),
            "p: the ledger of 'room' 'r1' on day 5000000 cannot be read",
        ),
        (
            run(sa.update(LEDGER).where(of_row(ROOM)).values(resource_id="")),
            "p: the ledger of 'room' '' on day 20458 cannot be read",
        ),
    )

    @pytest.mark.parametrize("which", range(len(SENSELESS)))
    def test_they_are_told_and_left_and_nothing_is_given_free(
        self, clinic: Clinic, which: int
    ) -> None:
        broken, told = self.SENSELESS[which]
        clinic.broken(broken, flip(SMITH, 1), flip(BOB, 9 * 60 + 40), set_hours(BOB, h01=1 << 61))
        found = verify(clinic.engine, repair=True)
        assert told in map(str, found.differences)
        stray = "p: the ledger of provider smith on 2026-01-05 UTC holds for nothing 00:01-00:02"
        left = [str(one) for one in found.left]
        assert left == clinic.found()
        assert left[0].startswith(stray)
        if broken is not REPLACED:
            assert told in left
        assert not any("patient bob" in one for one in left)
        # The other practice is none the worse for it.
        assert clinic.found(practice="other") == []

    def test_what_an_unreadable_booking_claims_is_left_to_it(self, clinic: Clinic) -> None:
        before = clinic.derived()
        clinic.broken(run(sa.update(BOOKING).where(of_booking("a1")).values(document="{")))
        found = verify(clinic.engine, repair=True)
        assert found.left == (Unreadable(practice="p", what="appointment 'a1'"),)
        assert clinic.derived() == before

    def test_a_document_of_a_later_release_is_an_error(self, clinic: Clinic) -> None:
        clinic.broken(run(sa.update(BOOKING).where(of_booking("a1")).values(format=99)))
        with pytest.raises(StorageError, match="99"):
            verify(clinic.engine)


class TestPractices:
    def test_one_practice_is_looked_at_alone(self, clinic: Clinic) -> None:
        here = of_claim(SMITH, 0, "other")
        clinic.broken(flip(SMITH, 0), run(sa.delete(CLAIM).where(here)))
        told = verify(clinic.engine, practice="other")
        assert [str(one).partition(":")[0] for one in told.differences] == ["other"]
        assert told.bookings == 2
        assert verify(clinic.engine, practice="p", repair=True).is_clean
        assert [one.practice for one in verify(clinic.engine).differences] == ["other"]

    def test_one_that_is_not_there_is_clean(self, clinic: Clinic) -> None:
        nothing = Verification(bookings=0, differences=(), left=())
        assert verify(clinic.engine, practice="nowhere", repair=True) == nothing

    def test_one_that_cannot_be_is_refused(self, clinic: Clinic) -> None:
        for name in ("", "\0", "a\nb"):
            with pytest.raises(InvalidId):
                verify(clinic.engine, practice=name)

    def test_one_that_has_only_a_ledger(self, clinic: Clinic) -> None:
        clinic.broken(run(sa.update(LEDGER).where(of_row(ROOM)).values(practice="ghost")))
        assert clinic.found() == [
            "ghost: the ledger of room r1 on 2026-01-05 UTC holds for nothing 09:00-10:00",
            "p: the ledger of room r1 on 2026-01-05 UTC lacks 09:00-10:00",
        ]
        assert verify(clinic.engine, repair=True).is_clean
        assert clinic.found() == []


def test_no_patients_data_is_told(clinic: Clinic) -> None:
    clinic.broken(*(one for some, _ in list(CASES.values())[:8] for one in some[:1]))
    found = verify(clinic.engine, repair=True)
    assert len(found.differences) > 3
    assert "Lovelace" not in repr(found) + "".join(map(str, found.differences))


def test_whatever_is_broken_is_repaired(clinic: Clinic) -> None:
    """Rows are broken at random, many at a time; afterwards all is as it was."""
    draw = Random(11)
    before = clinic.derived()
    for _ in range(40 if clinic.engine.dialect.name == "sqlite" else 12):
        with clinic.engine.begin() as connection:
            for _ in range(draw.randrange(1, 6)):
                claims = connection.execute(sa.select(CLAIM).order_by(*CLAIM.primary_key)).all()
                rows = connection.execute(sa.select(LEDGER).order_by(*LEDGER.primary_key)).all()
                _break_one(connection, draw, claims, rows)
        repaired = verify(clinic.engine, repair=True)
        assert repaired.is_clean, list(map(str, repaired.left))
        assert clinic.found() == []
        assert clinic.derived() == before


def _break_one(connection: sa.Connection, draw: Random, claims: Any, rows: Any) -> None:
    def at(table: sa.Table, row: Any) -> sa.ColumnElement[bool]:
        return sa.and_(*(column == row._mapping[column] for column in table.primary_key))

    match draw.randrange(6):
        case 0 if claims:
            connection.execute(sa.delete(CLAIM).where(at(CLAIM, draw.choice(claims))))
        case 1 if claims:
            row = draw.choice(claims)
            high = row.low + draw.randrange(1, DAY)
            connection.execute(sa.update(CLAIM).where(at(CLAIM, row)).values(high=high))
        case 2 if claims:
            row = draw.choice(claims)
            values = {**row._mapping, "token": f"{draw.getrandbits(64):016x}"}
            connection.execute(sa.insert(CLAIM).values(values))
        case 3:
            low = draw.randrange(-DAY, DAY)
            resource = draw.choice((SMITH, JONES, ADA, Resource("device", "d")))
            one = claim(resource, low, low + draw.randrange(1, 500), f"s{draw.getrandbits(60)}")
            insert(one, practice=draw.choice("po"))(connection)
        case 4 if rows:
            connection.execute(sa.delete(LEDGER).where(at(LEDGER, draw.choice(rows))))
        case 5 if rows:
            row, hour = draw.choice(rows), draw.choice(HOURS)
            bits = draw.choice((None, 0, 1 << 62, draw.getrandbits(60)))
            connection.execute(sa.update(LEDGER).where(at(LEDGER, row)).values({hour: bits}))


# ------------------------------------------------------------------- while others book


@contextmanager
def between(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, work: Callable[[], None]
) -> Iterator[None]:
    """Do something just before something is called for the first time."""
    original, left = getattr(owner, name), [work]

    def wrapped(*arguments: Any, **named: Any) -> Any:
        if left:
            left.pop()()
        return original(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, wrapped)
        yield
    assert not left


class TestWhileOthersBook:
    @pytest.mark.parametrize("when", ["_read_claims", "_compare_resources", "_claims", "_ledger"])
    def test_one_state_is_read(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch, when: str
    ) -> None:
        def book() -> None:
            store_all(clinic.store, "p", appointment("b1", 300, patient="eve"))
            a1 = clinic.store.get("p", Appointment, "a1")
            off = attrs.evolve(a1, version=2, status=AppointmentStatus.CANCELLED)
            changeset = Changeset(practice="p", writes=(off,), releases=a1.claims)
            assert clinic.store.apply(changeset) == Applied()

        with between(monkeypatch, verifying._Reading, when, book):
            assert clinic.found() == []
        assert clinic.found() == []

    def test_what_changed_meanwhile_is_not_repaired(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clinic.broken(delete_claim(SMITH, 0), insert(claim(JONES, 300, 330, "b1")))

        def change() -> None:
            """The one is called off by hand, the other booked where its claim was a stray."""
            clinic.broken(
                status("a1", "cancelled"),
                *(run(sa.delete(CLAIM).where(of_claim(one, 0))) for one in (ADA, ROOM)),
                run(sa.delete(CLAIM).where(of_claim(JONES, 300))),
                *(flip(one, 540 + n) for one in (ADA, ROOM, SMITH) for n in range(30)),
            )
            b1 = appointment("b1", 300, patient="eve")
            spans = [Span(one, NINE + 300, NINE + 330) for one in (JONES, SMITH)]
            store_all(clinic.store, "p", attrs.evolve(b1, spans=spans))

        with between(monkeypatch, verifying, "repaired", change):
            found = verify(clinic.engine, repair=True)
        assert [type(one) for one in found.differences] == [MissingClaim, StrayClaim]
        assert found.is_clean
        assert clinic.found() == []

    def test_a_booking_that_moved_meanwhile_is_left_to_who_moved_it(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its claim now begins where it did, and ends on a day that nobody locked."""
        clinic.broken(change_claim(SMITH, 0, high=NINE + 10))

        def change() -> None:
            longer = attrs.evolve(
                appointment("a1", 0, 2 * DAY), version=2, end=instant_of(NINE + 2 * DAY)
            )
            others = [one for one in BOOKINGS[0].claims if one.resource != SMITH]
            clinic.broken(run(sa.delete(CLAIM).where(of_claim(SMITH, 0))))
            changeset = Changeset(practice="p", writes=(longer,), releases=tuple(others))
            assert clinic.store.apply(changeset) == Applied()

        with between(monkeypatch, verifying, "repaired", change):
            found = verify(clinic.engine, repair=True)
        assert [type(one) for one in found.differences] == [DifferentClaim]
        (missing,) = (
            one
            for one in found.left
            if isinstance(one, MissingClaim) and one.claim.resource == SMITH
        )
        assert missing.claim.high == NINE + 2 * DAY
        assert verify(clinic.engine, repair=True).is_clean is False  # it takes others' time now
        assert {type(one) for one in verify(clinic.engine).differences} == {DoubleBooking}

    def test_what_was_kept_for_a_claim_too_long_is_given_free(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It lay over the next appointment's time when that one was called off."""
        clinic.broken(change_claim(SMITH, 0, high=NINE + 40))

        def cancel() -> None:
            a2 = clinic.store.get("p", Appointment, "a2")
            off = attrs.evolve(a2, version=2, status=AppointmentStatus.CANCELLED)
            changeset = Changeset(practice="p", writes=(off,), releases=a2.claims)
            assert clinic.store.apply(changeset) == Applied()

        with between(monkeypatch, verifying, "repaired", cancel):
            found = verify(clinic.engine, repair=True)
        assert [type(one) for one in found.differences] == [DifferentClaim]
        assert found.is_clean
        assert clinic.found() == []

    def test_it_waits_for_who_was_first_and_reads_again(self, clinic: Clinic) -> None:
        """A transaction has the row of the ledger, and goes on to call the booking off."""
        clinic.broken(delete_claim(SMITH, 30))
        came: list[Verification] = []
        thread = Thread(target=lambda: came.append(verify(clinic.engine, repair=True)))
        with clinic.engine.begin() as connection:
            flip(SMITH, 1)(connection)
            thread.start()
            thread.join(1.0)
            assert thread.is_alive()
            for one in (
                flip(SMITH, 1),
                *(flip(one, 570 + n) for one in (SMITH, BOB, ROOM) for n in range(30)),
                *(delete_claim(one, 30) for one in (BOB, ROOM)),
                status("a2", "cancelled"),
            ):
                one(connection)
            assert not came
        thread.join()
        (found,) = came
        assert [type(one) for one in found.differences] == [MissingClaim]
        assert found.is_clean
        assert clinic.found() == []

    def test_no_minute_of_a_booking_is_free_while_it_is_repaired(self, clinic: Clinic) -> None:
        """Its claim is missing, others in its row are strays; the ledger guards it all along."""
        clinic.broken(
            delete_claim(SMITH, 0),
            insert(claim(SMITH, 20, 50, "!")),
            insert(claim(SMITH, 400, 430, "zz")),
            flip(SMITH, 1000),
            change_claim(SMITH, 30, high=NINE + 70),
        )
        seen: list[int] = []

        @sa.event.listens_for(clinic.engine, "commit")
        def committed(connection: sa.Connection) -> None:
            seen.append(connection.scalar(sa.select(LEDGER.c.h09).where(of_row(SMITH))) or 0)

        try:
            assert verify(clinic.engine, repair=True).is_clean
        finally:
            sa.event.remove(clinic.engine, "commit", committed)
        assert len(seen) >= 5
        assert set(seen) == {(1 << 60) - 1}

    def test_a_repair_that_others_keep_out_is_left(
        self, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from medsched.adapters.sqlalchemy import repairing
        from medsched.adapters.sqlalchemy.connections import Undone
        from medsched.domain.changes import Stale

        clinic.broken(flip(SMITH, 1), delete_claim(SMITH, 0), flip(ADA, 9 * 60))

        def stale(*_: Any) -> None:
            raise Undone(Stale())

        with monkeypatch.context() as patch:
            patch.setattr(repairing._Ledger, "settle", stale)
            found = verify(clinic.engine, repair=True)
        # The claim could not be made, so no minute was given free; what was lacking is there.
        assert [str(one) for one in found.left] == [
            A1 + "has no claim on provider smith from 2026-01-05 09:00 to 09:30 UTC",
            "p: the ledger of provider smith on 2026-01-05 UTC holds for nothing 00:01-00:02",
        ]
        assert verify(clinic.engine, repair=True).is_clean
        assert clinic.found() == []

    @pytest.mark.parametrize("repair", [False, True])
    def test_a_clinic_goes_on_booking(
        self, clinic: Clinic, repair: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.undo()  # pages of their usual size: it is to be fast
        practice = Scheduler(clinic.store).practice("busy")
        practice.appointment_types.create(code="visit", duration=timedelta(minutes=30))
        for name in ("smith", "jones"):
            practice.providers.create(id=name, timezone="UTC")
            weekly = Recurrence.daily(start=date(2030, 1, 1))
            practice.availability.add(AvailabilityRule(name, weekly, hours="00:00-12:00"))
        start = datetime(2030, 1, 1, tzinfo=UTC)
        stop, errors = Signal(), list[BaseException]()
        booked = [0]

        def work(name: str, seed: int) -> None:
            from medsched import MedschedError

            draw = Random(seed)
            patient = practice.patients.create(id=f"patient-{seed}").id
            mine: list[Appointment] = []
            try:
                while not stop.is_set():
                    try:
                        if mine and draw.random() < 0.4:
                            practice.appointments.cancel(mine.pop().id)
                            continue
                        at = start + timedelta(minutes=30) * draw.randrange(24)
                        slots = practice.availability.slots(
                            name, "visit", at, at + timedelta(minutes=30)
                        )
                        for slot in slots:
                            mine.append(practice.appointments.book(slot, patient=patient))
                            booked[0] += 1
                    except MedschedError:
                        continue  # taken by a rival, or his claim is gone for a moment
            except BaseException as error:
                errors.append(error)

        threads = [
            Thread(target=work, args=(name, seed))
            for seed, name in enumerate(["smith", "jones", "smith"])
        ]
        for thread in threads:
            thread.start()
        found = 0
        try:
            draw = Random(3)
            for _ in range(12):
                if repair:
                    _break_busy(clinic.engine, draw, minute_of(start, rounding="down"))
                found += len(verify(clinic.engine, practice="busy", repair=repair).differences)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if errors:
            raise errors[0]
        assert booked[0]
        assert (found > 0) is repair
        verify(clinic.engine, practice="busy", repair=True)
        assert verify(clinic.engine, practice="busy").differences == ()


def _break_busy(engine: sa.Engine, draw: Random, start: int) -> None:
    """Break what gives no time free: claims go, strays come, and bits stand for nothing."""
    here = (CLAIM.c.practice == "busy", CLAIM.c.resource_kind == "provider")
    with engine.begin() as connection:
        claims = connection.execute(sa.select(CLAIM).where(*here)).all()
        for row in draw.sample(claims, min(2, len(claims))):
            key = (column == row._mapping[column] for column in CLAIM.primary_key)
            connection.execute(sa.delete(CLAIM).where(*key))
        low = start + draw.randrange(720)
        stray = Claim(SMITH, low, low + 30, ClaimKind.APPOINTMENT, f"s{draw.getrandbits(60)}")
        insert(stray, practice="busy")(connection)


# ----------------------------------------------------------------------------- the rest


def test_tables_of_no_release(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/clinic.db"
    with pytest.raises(SchemaMismatch):
        verify(url)
    create(url)
    assert verify(url) == Verification(bookings=0, differences=(), left=())


def test_tables_in_a_schema(databases: Databases) -> None:
    databases.store("postgresql")
    engine = databases.another("postgresql").engine
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema("apart"))
    try:
        create(engine, schema="apart")
        store = SqlAlchemyStore(engine, schema="apart")
        store_all(store, "p", BOOKINGS[0])
        with engine.begin() as connection:
            connection.execute(sa.delete(tables("apart").claim))
        assert verify(engine) == Verification(bookings=0, differences=(), left=())
        found = verify(engine, schema="apart", repair=True)
        assert [type(one) for one in found.differences] == [MissingClaim] * 3
        assert verify(engine, schema="apart").differences == ()
    finally:
        with engine.begin() as connection:
            tables("apart").metadata.drop_all(connection)
            connection.execute(
                sa.schema.DropSchema("apart", cascade=engine.dialect.name == "postgresql")
            )


def test_a_blocking_is_compared_with_its_claims(clinic: Clinic) -> None:
    made = Blocking(
        id="lunch",
        version=1,
        resources="jones",
        start=instant_of(NINE),
        end=instant_of(NINE + 60),
        doubled=True,
    )
    changeset = Changeset(practice="p", writes=(made,), doubled=made.claims)
    assert clinic.store.apply(changeset) == Applied()
    assert verify(clinic.engine).differences == ()
    stray = Changeset(practice="p", claims=(claim(JONES, 300, 360, "gone", kind="blocking"),))
    assert clinic.store.apply(stray) == Applied()
    assert any("no such booking" in str(one) for one in verify(clinic.engine).differences)
    assert verify(clinic.engine, repair=True).is_clean
    assert "gone" not in {one.id for one in clinic.store.claims("p", [JONES], NINE, NINE + 400)}
