"""What a changeset touches, as one short text beside its first event, and back.

JSON: a list that tells each thing by its length. ``[type]`` is an appointment type, ``[kind, id]``
the hours of a resource, ``[kind, id, low, high]`` minutes of one, and with a fifth part what
takes them expires then. ``[]``: nothing that anybody could book by.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from medsched.adapters.sqlalchemy.shapes import json_text
from medsched.domain.availability_changes import Touched, TouchedTime
from medsched.domain.changes import Changeset
from medsched.domain.records import Resource

NOTHING: Final = "[]"
"""The text of what touches nothing."""


def touched_column(changeset: Changeset) -> list[str | None]:
    """What stands in the column of each of the events: the text in the first, NULL in others."""
    others = len(changeset.events) - 1
    return [] if others < 0 else [_text(changeset.touched), *([None] * others)]


def _text(touched: Touched) -> str:
    parts: list[list[Any]] = [[code] for code in touched.types]
    parts += [[one.kind.value, one.id] for one in touched.hours]
    for resource, low, high, expires in touched.times:
        ends = [] if expires is None else [expires.isoformat()]
        parts.append([resource.kind.value, resource.id, low, high, *ends])
    return json_text(parts)


def touched_of(text: str | None) -> Touched | None:
    """What was written down; None where nothing was, or by a later release in its own way."""
    if text is None:
        return None
    times, hours, types = list[TouchedTime](), list[Resource](), list[str]()
    for part in json.loads(text):
        match part:
            case [code]:
                types.append(code)
            case [kind, id]:
                hours.append(Resource(kind, id))
            case [kind, id, low, high, *ends] if len(ends) < 2:
                expires = datetime.fromisoformat(ends[0]) if ends else None
                times.append(TouchedTime(Resource(kind, id), low, high, expires))
            case _:
                return None
    return Touched(tuple(times), tuple(hours), tuple(types))
