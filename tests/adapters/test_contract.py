"""Every store keeps the contract: in memory, and on each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.databases import ENGINES, Databases, sealed

from medsched.adapters.memory import MemoryStore
from medsched.ports.slot_table import SlotTable
from medsched.ports.store import Store
from medsched.testing.contracts import AuditContract, SlotTableContract, StoreContract
from medsched.testing.contracts.changes import Changes
from medsched.testing.contracts.claiming import Claiming
from medsched.testing.contracts.contention import Contention
from medsched.testing.contracts.following import Following
from medsched.testing.contracts.receipts import Receipts
from medsched.testing.contracts.rivals import Rivals


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


class TestSealedStore(StoreContract):
    """What is sealed at rest is kept as any other store keeps it."""

    @pytest.fixture(params=["sqlite"])
    def store(self, request: pytest.FixtureRequest, databases: Databases) -> Store:
        return sealed(databases, request.param)


class TestMemorySlotTable(SlotTableContract):
    @pytest.fixture
    def table(self) -> SlotTable:
        return MemoryStore()


class TestSqlAlchemySlotTable(SlotTableContract):
    @pytest.fixture(params=ENGINES)
    def table(self, request: pytest.FixtureRequest, databases: Databases) -> Iterator[SlotTable]:
        yield databases.store(request.param)
        databases.check_returned(request.param)


class TestMemoryAudit(AuditContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore(audit=True)


class TestSqlAlchemyAudit(AuditContract):
    @pytest.fixture(params=ENGINES)
    def store(self, request: pytest.FixtureRequest, databases: Databases) -> Iterator[Store]:
        yield databases.audited(request.param)
        databases.check_returned(request.param)


class TestAuditedByWrites(AuditContract):
    @pytest.fixture
    def store(self, databases: Databases) -> Store:
        return databases.audited("mariadb", galera=True)


class TestGuardsByWrites(Changes, Claiming, Receipts, Rivals, Contention, Following):
    """As on a Galera cluster, where a row lock is unknown to the other servers.

    How a store reads is the same then, so this is what it writes.
    """

    @pytest.fixture
    def store(self, databases: Databases) -> Store:
        databases.store("mariadb")
        return databases.another("mariadb", galera=True)
