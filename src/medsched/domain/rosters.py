"""The roster: who works in a practice, when, and for what, as one thing that has a version.

Whoever keeps what it has read of many schedules asks for one number to know that all of it is
still so. The number is a sum of parts, since a single count would make all who write hours in a
practice wait for one another.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

PARTS: Final = 16
"""How many parts a roster has."""


def roster_part(kind: str, id: str) -> int:
    """The part that counts the changes of a resource's schedule, or of an appointment type."""
    return crc32(f"{kind} {id}".encode()) % PARTS
