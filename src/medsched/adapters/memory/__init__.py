"""Everything in memory: for tests, demos, and hosts that keep their data elsewhere."""

from medsched.adapters.memory.store import MemoryStore

__all__ = ["MemoryStore"]
