"""Hypothesis strategies for code that computes with clinics' hours around clock changes.

Each strategy gives things that are valid by construction, drawn towards what breaks such
code: skipped and repeated times, days that do not exist, windows that touch or pass
midnight. Failing examples shrink towards UTC, one rule, round hours and no override.
Zones are those of the pinned ``tzdata`` package, never the machine's. Dates run from
``start`` until before ``end``.

Needs the extra ``testing``; without it, importing this package raises `MissingExtra`.
"""

from __future__ import annotations

from medsched.errors import MissingExtra

try:
    import hypothesis  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingExtra("medsched.testing.strategies", "testing") from error

from medsched.testing.strategies.availability import overrides, release_rules, rules
from medsched.testing.strategies.clocks import (
    END,
    START,
    LocalTime,
    Transition,
    instants,
    periods,
    repeated_times,
    skipped_times,
    transitions,
    wall_times,
    zones,
)
from medsched.testing.strategies.hours import hours, recurrences
from medsched.testing.strategies.nouns import (
    PROVIDER,
    TYPE_CODES,
    appointment_types,
    booking_rules,
    claims,
    ids,
    requests,
    texts,
)
from medsched.testing.strategies.schedules import schedules

__all__ = [
    "END",
    "PROVIDER",
    "START",
    "TYPE_CODES",
    "LocalTime",
    "Transition",
    "appointment_types",
    "booking_rules",
    "claims",
    "hours",
    "ids",
    "instants",
    "overrides",
    "periods",
    "recurrences",
    "release_rules",
    "repeated_times",
    "requests",
    "rules",
    "schedules",
    "skipped_times",
    "texts",
    "transitions",
    "wall_times",
    "zones",
]
