"""RFC 5545 RRULE values, read and written.

Reading looks at the text alone: that there is such a part, once, and that it holds numbers, a
weekday or a date. Whether the rule is one that the standard allows, `Recurrence` says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from medsched.errors import InvalidRecurrence
from medsched.timeline.rrule_parts import FIELDS, FINER, LISTS
from medsched.timeline.weekdays import Weekday, read_weekday


def write_rule(fields: Mapping[str, Any]) -> str:
    """The canonical RRULE value of a `Recurrence` with these fields; without ``RRULE:``.

    Parts that are not stated, or that are stated as the standard takes them anyway
    (INTERVAL=1, WKST=MO), are left out. Fields that are no part of a rule are not looked at.
    """
    interval, count, until = fields["interval"], fields["count"], fields["until"]
    week_start = fields["week_start"]
    parts = {
        "FREQ": fields["frequency"].value,
        "INTERVAL": "" if interval == 1 else str(interval),
        "COUNT": "" if count is None else str(count),
        "UNTIL": "" if until is None else until.isoformat().replace("-", ""),
        "WKST": "" if week_start is Weekday.MO else week_start.name,
    }
    for part, name in LISTS.items():
        parts[part] = ",".join(map(str, fields[name]))
    return ";".join(f"{part}={text}" for part, text in parts.items() if text)


def read_rule(text: str) -> dict[str, Any]:
    """The fields of a `Recurrence` that a RRULE value states, with or without ``RRULE:``.

    Case does not matter. Raises `InvalidRecurrence` with the part's name, its text and
    why it is refused.
    """
    if not isinstance(text, str):
        raise InvalidRecurrence("RRULE", text, "a text is needed")
    fields: dict[str, Any] = {}
    for item in text.strip().upper().removeprefix("RRULE:").split(";"):
        part, _, value = item.partition("=")
        name = FIELDS.get(part)
        if name is None:
            why = "finer than a day" if part in FINER else "no such part"
            raise InvalidRecurrence(part or "RRULE", value, why)
        if name in fields:
            raise InvalidRecurrence(part, value, "stated twice")
        fields[name] = _read_part(part, value)
    if "frequency" not in fields:
        raise InvalidRecurrence("FREQ", text, "missing")
    return fields


def _read_part(part: str, text: str) -> object:
    match part:
        case _ if not text:
            raise InvalidRecurrence(part, text, "empty")
        case "FREQ":
            return text
        case "WKST":
            return read_weekday(text, part)
        case "UNTIL":
            return _read_until(text)
        case "INTERVAL" | "COUNT":
            return _read_number(part, text)
        case "BYDAY":
            return text.split(",")
        case _:
            return [_read_number(part, number) for number in text.split(",")]


def _read_number(part: str, text: str) -> int:
    if re.fullmatch("[+-]?[0-9]{1,18}", text) is None:
        raise InvalidRecurrence(part, text, "a whole number is needed")
    return int(text)


def _read_until(text: str) -> date:
    if re.fullmatch("[0-9]{8}T[0-9]{6}Z?", text):
        raise InvalidRecurrence("UNTIL", text, "has a time part: a date is needed")
    try:
        if re.fullmatch("[0-9]{8}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidRecurrence("UNTIL", text, "a date is needed, such as 20261231")
