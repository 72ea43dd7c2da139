"""The whole contract of a store."""

from __future__ import annotations

from medsched.testing.contracts.changes import Changes
from medsched.testing.contracts.reading import Reading
from medsched.testing.contracts.rivals import Rivals


class StoreContract(Reading, Changes, Rivals):
    """All that `medsched.ports.store.Store` promises: derive a test class, and give ``store``."""
