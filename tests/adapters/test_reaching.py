"""What a reach costs in SQL: how many statements, and which indexes they use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.databases import ENGINES, Databases

from medsched.domain.access import EVERYTHING, NOTHING, Reach
from medsched.domain.agendas import Agenda
from medsched.domain.appointments import Appointment
from medsched.domain.holds import Hold
from medsched.domain.people import Patient
from medsched.domain.places import Room
from medsched.domain.series import Series
from medsched.domain.stored import Stored
from medsched.domain.waitlist import WaitlistEntry, WaitlistOffer
from medsched.testing.contracts.kit import appointment, put

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")

import sqlalchemy as sa

from medsched.adapters.sqlalchemy import SqlAlchemyStore

SMITH, MAIN = Reach(providers=frozenset({"smith"})), Reach(locations=frozenset({"main"}))
ADA = Reach(patients=frozenset({"ada"}))
KINDS: tuple[type[Stored], ...] = (
    *(Patient, Appointment, Hold, Series, WaitlistEntry, WaitlistOffer),
)


class Statements:
    """A store, and the queries that it sends."""

    def __init__(self, store: SqlAlchemyStore) -> None:
        self.store = store
        self.sent: list[tuple[str, Any]] = []
        sa.event.listen(store.engine, "before_cursor_execute", self._send)

    def close(self) -> None:
        sa.event.remove(self.store.engine, "before_cursor_execute", self._send)

    def _send(self, connection: Any, cursor: Any, text: str, values: Any, *more: Any) -> None:
        if text.startswith("SELECT"):
            self.sent.append((text, values))

    def page(self, cls: type[Stored], **more: Any) -> list[tuple[str, Any]]:
        self.sent.clear()
        self.store.page("p", cls, active=None, where={}, after=None, limit=9, **more)
        return [*self.sent]

    def agenda(self, agenda: Agenda, **more: Any) -> list[tuple[str, Any]]:
        self.sent.clear()
        self.store.appointments("p", agenda, after=None, limit=9, **more)
        return [*self.sent]

    def count(self, agenda: Agenda, **more: Any) -> list[tuple[str, Any]]:
        self.sent.clear()
        self.store.count_appointments("p", agenda, **more)
        return [*self.sent]

    def reached(self, records: list[Stored], reach: Reach) -> int:
        self.sent.clear()
        self.store.reached("p", records, reach)
        return len(self.sent)


@pytest.fixture(params=ENGINES)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def statements(kind: str, databases: Databases) -> Iterator[Statements]:
    databases.store(kind)
    found = Statements(databases.another(kind))
    put(found.store, "p", Patient(id="ada", version=1), appointment("a"))
    yield found
    found.close()
    databases.check_returned(kind)


def test_who_reaches_everything_asks_as_before(statements: Statements) -> None:
    for cls in (*KINDS, Room):
        assert statements.page(cls, within=EVERYTHING) == statements.page(cls) != []
    agenda = Agenda(provider="smith")
    assert statements.agenda(agenda, within=EVERYTHING) == statements.agenda(agenda) != []
    assert statements.reached([Patient(id="ada")], EVERYTHING) == 0


def test_what_is_no_patients_record_is_asked_for_as_before(statements: Statements) -> None:
    assert statements.page(Room, within=NOTHING) == statements.page(Room) != []


def test_who_reaches_nothing_asks_nothing(statements: Statements) -> None:
    for cls in KINDS:
        assert statements.page(cls, within=NOTHING) == []
    assert statements.agenda(Agenda(), within=NOTHING) == []


def test_a_page_is_one_query(statements: Statements) -> None:
    for reach in (ADA, SMITH, MAIN, ADA | SMITH | MAIN | Reach(unplaced=True)):
        for cls in KINDS:
            assert len(statements.page(cls, within=reach)) == 1
        assert len(statements.agenda(Agenda(), within=reach)) == 1


def test_a_count_is_one_query_that_reads_no_row(statements: Statements) -> None:
    for reach in (EVERYTHING, ADA, SMITH, MAIN, ADA | SMITH | MAIN | Reach(unplaced=True)):
        ((text, _),) = statements.count(Agenda(provider="smith", patient="ada"), within=reach)
        assert text.startswith("SELECT count(*)")
        assert "document" not in text
    assert statements.count(Agenda(), within=NOTHING) == []


def test_what_records_tell_by_themselves_is_not_asked(statements: Statements) -> None:
    visit, other = appointment("a", location="main"), appointment("b", provider="jones")
    registered = Patient(id="eve", providers={"smith"})
    assert statements.reached([visit, other], SMITH | MAIN) == 0
    assert statements.reached([Patient(id="ada")], ADA) == 0
    assert statements.reached([registered], SMITH) == 0
    # whoever reaches patients by their ids alone is told by these
    assert statements.reached([Patient(id="bob"), visit, registered], ADA) == 0
    many: list[Stored] = [Patient(id=f"p{at}") for at in range(1000)]
    assert statements.reached([*many, visit], SMITH) == 1


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_patients_of_a_provider_are_found_by_indexes(statements: Statements) -> None:
    """Each by its id, not by reading all patients. What servers do depends on what they hold."""
    for reach in (SMITH, SMITH | ADA):
        ((text, values),) = statements.page(Patient, within=reach)
        with statements.store.engine.connect() as connection:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
            plan = "\n".join(row.detail for row in rows)
        assert "medsched_record USING INDEX sqlite_autoindex_medsched_record_1" in plan
        assert "(practice=? AND kind=? AND id=?)" in plan
        assert "ix_medsched_booking_provider (practice=? AND provider=?)" in plan
        assert "SCAN medsched" not in plan
