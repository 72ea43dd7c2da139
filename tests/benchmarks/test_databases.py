"""The ways of the figures on databases agree on tiny workloads. Nothing is timed here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")

from tests.benchmarks import booking
from tests.benchmarks.figures import FIGURES
from tests.benchmarks.practice import COMMON, DAYS, RARE, appointment, starts_of
from tests.benchmarks.search import checked, served
from tests.benchmarks.turns import Unavailable

from medsched.domain.appointments import Appointment


def test_all_ways_of_a_search_find_the_same() -> None:
    try:
        with served(100) as found:
            for wanted in (RARE, COMMON):
                checked(found, wanted)
            stored = found.store.get("clinic", Appointment, "a0000777")
            assert stored is not None
            assert stored == appointment(777, stored.provider, stored.start)
            assert stored.start in [start for day in DAYS for start in starts_of(day)]
            ledger, slots = found.bytes
            assert 0 < ledger < slots
    except Unavailable as why:
        pytest.skip(str(why))


def test_a_booking_is_told_with_the_bare_row_and_its_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(booking, "WARM", 2)
    whole, written = booking.sqlite(0.001)
    assert [whole.name, written.name] == ["book_sqlite", "book_sqlite_write"]
    assert whole.median > written.median > 0
    assert whole.facts["empty_commit"]
    assert {whole.name, written.name} <= set(FIGURES)


def test_the_constraint_gives_a_start_once() -> None:
    try:
        with booking.engine_on("postgresql") as engine:
            constrained = booking.Constrained(engine)
            start = datetime(2026, 1, 5, tzinfo=UTC)
            assert constrained.book(start, 1)
            assert not constrained.book(start, 2)
            assert constrained.book(start + timedelta(minutes=1), 2)
    except Unavailable as why:
        pytest.skip(str(why))


def test_of_many_who_want_the_same_starts_one_has_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking, "CLIENTS", 3)
    monkeypatch.setattr(booking, "HOT_WARM", 1)
    try:
        with booking.engine_on("postgresql") as engine:
            whole, usual = booking.hot(engine, 2, 60.0)
    except Unavailable as why:
        pytest.skip(str(why))
    assert [whole.name, usual.name] == ["book_pg_hot", "book_pg_hot_usual"]
    assert {whole.name, usual.name} <= set(FIGURES)
    assert (whole.n, usual.n) == (2, 2)
    assert whole.ratio > 0
    assert usual.ratio > 0
