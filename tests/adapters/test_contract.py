"""Every store keeps the contract: in memory, and on each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.databases import ENGINES, Databases

from medsched.adapters.memory import MemoryStore
from medsched.domain.changes import Changeset
from medsched.domain.events import Change, Event
from medsched.domain.people import Patient
from medsched.ports.store import Store
from medsched.testing.contracts import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class TestSqlAlchemyStore(StoreContract):
    @pytest.fixture(params=ENGINES)
    def store(self, request: pytest.FixtureRequest, databases: Databases) -> Store:
        return databases.store(request.param)

    @pytest.fixture(autouse=True)
    def returned(self, request: pytest.FixtureRequest, databases: Databases) -> Iterator[None]:
        yield
        for kind in ENGINES:
            databases.check_returned(kind)


class TestGuardsByWrites(StoreContract):
    """As on a Galera cluster, where a row lock is unknown to the other servers."""

    @pytest.fixture
    def store(self, databases: Databases) -> Store:
        databases.store("mariadb")
        return databases.another("mariadb", galera=True)


@pytest.mark.parametrize("kind", ["memory", *ENGINES])
def test_events_are_kept_in_order(kind: str, databases: Databases) -> None:
    store = databases.store(kind)
    before = len(store.events("events"))
    assert before == 0
    for version in range(1, 30):
        ada = Patient(id="ada", version=version)
        events = tuple(Event.of(change, ada) for change in (Change.UPDATED, Change.DEACTIVATED))
        store.apply(Changeset(practice="events", writes=(ada,), events=events))
    told = [(one.name, one.version) for one in store.events("events")]
    names = ("patient.updated", "patient.deactivated")
    assert told == [(name, version) for version in range(1, 30) for name in names]
    assert store.events("elsewhere") == []
