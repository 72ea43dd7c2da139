"""Waiting a moment before trying again."""

from __future__ import annotations

from typing import Protocol


class Pauses(Protocol):
    """Lets rivals pass before a command reads and decides again."""

    def pause(self, tries: int) -> None:
        """Wait a moment, of random length, after so many tries (from 1) that came too late."""
        ...
