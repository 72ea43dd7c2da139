"""What a type checker knows of a practice. mypy checks this file; a mistake that it no longer
finds is an unused `type: ignore`, which strict mode refuses."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, assert_type

from medsched import (
    AppointmentType,
    AvailabilityRule,
    Device,
    Location,
    MemoryStore,
    Override,
    Page,
    Patient,
    Practice,
    PracticeSettings,
    Provider,
    Recurrence,
    RecurringBlocking,
    ReleaseRule,
    Room,
    Scheduler,
    Staff,
)
from medsched.adapters.clock import SystemClock
from medsched.adapters.ids import RandomIds
from medsched.adapters.pauses import JitteredPauses
from medsched.adapters.tzdata import TzdataZones
from medsched.ports import Clock, Ids, Pauses, Store, ZoneSource
from medsched.testing.fixed import FixedClock, NumberedIds

stores: list[type[Store]] = [MemoryStore]
clocks: list[type[Clock]] = [SystemClock, FixedClock]
ids: list[type[Ids]] = [RandomIds, NumberedIds]
pauses: list[type[Pauses]] = [JitteredPauses]
zones: list[type[ZoneSource]] = [TzdataZones]


def test_records_keep_their_type() -> None:
    clinic = assert_type(Scheduler(MemoryStore()).practice("riverside"), Practice)
    assert_type(clinic.locations.create(id="main", timezone="UTC"), Location)
    smith = assert_type(clinic.providers.create(name="Dr. Smith", location="main"), Provider)
    assert_type(clinic.staff.create(department="desk"), Staff)
    assert_type(clinic.patients.create(id="ehr-1"), Patient)
    assert_type(clinic.rooms.create(location="main"), Room)
    assert_type(clinic.devices.create(), Device)
    visit = clinic.appointment_types.create(code="visit", duration=timedelta(minutes=30))
    assert_type(visit, AppointmentType)

    assert_type(clinic.providers.get(smith.id), Provider)
    assert_type(clinic.providers.find("nobody"), Provider | None)
    assert_type(clinic.providers.list(), Page[Provider])
    assert_type(clinic.providers.list(specialty="cardiology", active=None), Page[Provider])
    assert_type(clinic.providers.list().items, tuple[Provider, ...])
    assert_type(clinic.providers.list().next, str | None)
    assert_type(clinic.providers.update(smith), Provider)
    assert_type(clinic.providers.deactivate(smith.id), Provider)
    assert_type([one for one in clinic.rooms.list(location="main")], list[Room])  # noqa: C416
    assert_type(clinic.settings.get(), PracticeSettings)
    assert_type(clinic.settings.configure(name="Riverside"), PracticeSettings)

    daily = Recurrence.daily(start=date(2026, 1, 1))
    rule = AvailabilityRule(smith.id, daily, hours="09:00-12:00")
    assert_type(clinic.availability.add(rule), AvailabilityRule)
    assert_type(clinic.availability.add(Override.closed(smith.id, date(2026, 5, 1))), Override)
    blocking = RecurringBlocking(smith.id, daily, hours="12:00-13:00")
    assert_type(clinic.availability.add(blocking), RecurringBlocking)
    kept = ReleaseRule(smith.id, daily, share="1/5", before=timedelta(days=1))
    assert_type(clinic.availability.add(kept), ReleaseRule)
    assert_type(clinic.availability.releases.list(), Page[ReleaseRule])
    assert_type(clinic.availability.rules.list(resource=smith.id), Page[AvailabilityRule])
    assert_type(clinic.availability.overrides.list(kind="closed"), Page[Override])
    assert_type(clinic.availability.blockings.find("x"), RecurringBlocking | None)


if TYPE_CHECKING:

    def mistakes(clinic: Practice, smith: Provider) -> None:
        clinic.providers.create(nmae="Dr. Smith")  # type: ignore[call-overload]
        clinic.providers.create(name=5)  # type: ignore[call-overload]
        clinic.rooms.create()  # type: ignore[call-overload]
        clinic.appointment_types.create(code="visit")  # type: ignore[call-overload]
        clinic.providers.list(speciality="cardiology")  # type: ignore[call-arg]
        clinic.providers.list(limit="10")  # type: ignore[arg-type]
        clinic.patients.list(location="main")  # type: ignore[call-arg]
        clinic.staff.update(smith)  # type: ignore[arg-type]
        clinic.settings.configure(zone="UTC")  # type: ignore[call-arg]
        clinic.availability.add(smith)  # type: ignore[type-var]
        clinic.nurses  # type: ignore[attr-defined]  # noqa: B018
        Scheduler(store=object())  # type: ignore[arg-type]
