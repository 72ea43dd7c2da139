"""How values are written into documents, and read back exactly: JSON as plain as can be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Final, NamedTuple

import attrs

from medsched.domain.appointment_types import Grid, Need, Pricing
from medsched.domain.appointments import Move, Participant
from medsched.domain.booking_rules import BookingRules
from medsched.domain.bookings import WallTime
from medsched.domain.claims import Span
from medsched.domain.people import Travel
from medsched.domain.places import Address
from medsched.domain.records import Resource
from medsched.domain.requests import Reason, Violation
from medsched.domain.series import Occurrence
from medsched.domain.starts import ANYWHERE, Anywhere
from medsched.domain.waitlist import PassedSlot
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.weekdays import Weekday

_MINUTE: Final = timedelta(minutes=1)


class Shape(NamedTuple):
    """How a value is written, and made from what was written. None stays None."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


# --------------------------------------------------------------------- values


def _write_number(value: Any) -> Any:
    return value if isinstance(value, int | float) else str(value)


def _read_number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, str) else value


def write_resource(value: Resource) -> list[str]:
    """A resource as its kind and id."""
    return [value.kind.value, value.id]


def read_resource(value: list[str]) -> Resource:
    """The resource of a kind and id."""
    return Resource(*value)


def fields_of(cls: type[Any], **shapes: Shape) -> Shape:
    """The shape of a value object: an object of its fields, some in shapes of their own."""
    names = [field.name for field in attrs.fields(cls) if field.init]

    def write(value: Any) -> dict[str, Any]:
        return {name: plain(shapes.get(name), getattr(value, name)) for name in names}

    def read(found: dict[str, Any]) -> Any:
        return cls(**{name: value_of(shapes.get(name), value) for name, value in found.items()})

    return Shape(write, read)


def many(one: Shape, collect: Callable[[Iterator[Any]], Any] = tuple) -> Shape:
    """Some of one shape, in order."""
    return Shape(
        lambda values: [one.write(value) for value in values],
        lambda found: collect(one.read(value) for value in found),
    )


json_text: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""What was made plain, as the text that is kept."""


def plain(shape: Shape | None, value: Any) -> Any:
    """A value as it is written; an enum without a shape by its value."""
    if value is None:
        return None
    if shape is not None:
        return shape.write(value)
    return value.value if isinstance(value, Enum) else value


def value_of(shape: Shape | None, value: Any) -> Any:
    """The value of what was written."""
    return value if value is None or shape is None else shape.read(value)


DATE = Shape(date.isoformat, date.fromisoformat)
MINUTES = Shape(lambda value: value // _MINUTE, lambda value: value * _MINUTE)
WORDS = Shape(sorted, frozenset)
NUMBER = Shape(_write_number, _read_number)
RESOURCE = Shape(write_resource, read_resource)
RESOURCES = Shape(
    lambda values: [write_resource(value) for value in sorted(values)],
    lambda found: frozenset(map(read_resource, found)),
)
LENGTHS = Shape(
    lambda pairs: [[code, length // _MINUTE] for code, length in pairs],
    lambda found: [(code, length * _MINUTE) for code, length in found],
)
TYPE_DAYS = Shape(
    lambda pairs: [[code, [day.name for day in sorted(days)]] for code, days in pairs],
    lambda found: [(code, [Weekday[name] for name in days]) for code, days in found],
)
WEEKDAYS = Shape(
    lambda days: [day.name for day in sorted(days)],
    lambda found: frozenset(Weekday[name] for name in found),
)
HOURS = Shape(lambda values: [str(value) for value in values], tuple)
ONE_STRETCH = Shape(str, str)
DATES = Shape(
    lambda values: [value.isoformat() for value in sorted(values)],
    lambda found: [date.fromisoformat(value) for value in found],
)
RECURRENCE = Shape(
    lambda value: {
        "rule": value.rule,
        "start": value.start.isoformat(),
        "rdates": DATES.write(value.rdates),
        "exdates": DATES.write(value.exdates),
    },
    lambda found: Recurrence.parse(
        found["rule"],
        start=date.fromisoformat(found["start"]),
        rdates=DATES.read(found["rdates"]),
        exdates=DATES.read(found["exdates"]),
    ),
)
ADDRESS = fields_of(Address)
TRAVELS = many(fields_of(Travel, first=DATE, last=DATE))
GRID = fields_of(Grid, interval=MINUTES, offset=MINUTES)
NEEDS = many(fields_of(Need, one_of=RESOURCES, buffer_before=MINUTES, buffer_after=MINUTES))
RULES = fields_of(BookingRules, spacing=MINUTES, new_patients_on=WEEKDAYS, new_patients_in=HOURS)
SHARE = Shape(str, Fraction)
PRICING = fields_of(Pricing, base_fee=Shape(str, Decimal))


INSTANT: Final = Shape(datetime.isoformat, datetime.fromisoformat)
WALL: Final = fields_of(WallTime, start=INSTANT)
SPANS: Final = Shape(
    lambda spans: [[*write_resource(span.resource), span.low, span.high] for span in spans],
    lambda found: tuple(Span(Resource(kind, id), low, high) for kind, id, low, high in found),
)
PARTICIPANTS: Final = many(fields_of(Participant, resource=RESOURCE))
MOVES: Final = many(fields_of(Move, start=INSTANT, end=INSTANT, moved_at=INSTANT))
PLACE: Final = Shape(
    lambda value: "anywhere" if isinstance(value, Anywhere) else [value],
    lambda found: ANYWHERE if found == "anywhere" else found[0],
)
"""A place that is asked for; None is no place."""
PASSED: Final = many(fields_of(PassedSlot, start=INSTANT))
TIME: Final = Shape(time.isoformat, time.fromisoformat)
OCCURRENCES: Final = many(
    fields_of(
        Occurrence,
        date=DATE,
        violations=many(
            fields_of(
                Violation,
                reason=Shape(lambda value: value.value, Reason),
                resource=RESOURCE,
                start=INSTANT,
                end=INSTANT,
            )
        ),
    )
)
