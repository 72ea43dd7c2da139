from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.databases import ENGINES, Databases, sealed

if TYPE_CHECKING:
    from medsched.adapters.sqlalchemy import SqlAlchemyStore


@pytest.fixture
def store(databases: Databases) -> SqlAlchemyStore:
    """An empty store on SQLite that seals, with an index."""
    return sealed(databases, "sqlite")


@pytest.fixture(params=ENGINES)
def each(request: pytest.FixtureRequest, databases: Databases) -> SqlAlchemyStore:
    """The same on each database."""
    return sealed(databases, request.param)
