"""What a type checker knows of `call`: the arguments of what is called, and what it returns."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, assert_type

import pytest

from medsched import (
    AvailabilityRule,
    MemoryStore,
    Page,
    Patient,
    Practice,
    Provider,
    Recurrence,
    Scheduler,
    Slots,
    WeeklyHours,
)
from medsched.ports import Pauses, Store

pytest.importorskip("sqlalchemy", reason="the extra async is not installed")
pytest.importorskip("greenlet", reason="the extra async is not installed")

from medsched.adapters.aio import LoopPauses, async_store, call
from medsched.adapters.sqlalchemy import SqlAlchemyStore

pauses: list[type[Pauses]] = [LoopPauses]

START, END = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)


def test_a_call_returns_what_the_function_does() -> None:
    async def work() -> None:
        clinic = Scheduler(MemoryStore()).practice("riverside")
        smith = await call(clinic.providers.create, id="smith", timezone="UTC")
        assert_type(smith, Provider)
        assert_type(await call(clinic.providers.get, "smith"), Provider)
        assert_type(await call(clinic.providers.find, "nobody"), Provider | None)
        assert_type(await call(clinic.providers.list, active=None), Page[Provider])
        assert_type(await call(clinic.patients.create), Patient)
        await call(clinic.appointment_types.create, code="visit", duration=timedelta(minutes=30))
        rule = AvailabilityRule("smith", Recurrence.daily(date(2026, 1, 5)), hours="09:00-12:00")
        assert_type(await call(clinic.availability.add, rule), AvailabilityRule)
        rows = await call(clinic.availability.weekly.list, "smith")
        assert_type(rows, tuple[WeeklyHours, ...])
        assert_type(await call(clinic.availability.weekly.update, rows[0]), WeeklyHours)
        slots = await call(clinic.availability.slots, "smith", "visit", START, END, now=START)
        assert_type(slots, Slots)
        assert len(slots) == 6

    asyncio.run(work())


if TYPE_CHECKING:

    async def right(clinic: Practice, store: Store) -> None:
        assert_type(async_store("sqlite:///clinic.db", schema="apart"), SqlAlchemyStore)
        assert_type(await call(store.get, "riverside", Provider, "smith"), Provider | None)

    async def mistakes(clinic: Practice, smith: Provider) -> None:
        await call(clinic.availability.slots, "smith", "visit", START)  # type: ignore[call-arg]
        await call(clinic.availability.slots, "smith", "visit", 9, 17)  # type: ignore[arg-type]
        await call(clinic.providers.create, nmae="Dr. Smith")  # type: ignore[arg-type]
        await call(clinic.providers.create, name=5)  # type: ignore[arg-type]
        await call(clinic.providers.list, speciality="x")  # type: ignore[call-arg]
        await call(clinic.staff.update, smith)  # type: ignore[arg-type]
        await call(clinic.availability.add, smith)  # type: ignore[arg-type]
        await call(clinic.providers.get("smith"))  # type: ignore[arg-type]
        await call()  # type: ignore[call-arg]
        call(clinic.providers.get, "smith").name  # type: ignore[attr-defined]  # noqa: B018
        async_store(5)  # type: ignore[arg-type]
        async_store("sqlite://", "apart")  # type: ignore[call-arg]
        async_store("sqlite://").surroundings.pauses.pause("1")  # type: ignore[arg-type]
