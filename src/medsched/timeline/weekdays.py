"""The days of the week, alone and as the n-th of a month or year."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from itertools import chain
from typing import Any

import attrs

from medsched.errors import InvalidRecurrence


class Weekday(IntEnum):
    """A day of the week, numbered as `datetime.date.weekday` does, named as RFC 5545 does."""

    MO = 0
    TU = 1
    WE = 2
    TH = 3
    FR = 4
    SA = 5
    SU = 6

    @classmethod
    def parse_set(
        cls, days: str | Iterable[Weekday | str], field: str = "BYDAY"
    ) -> frozenset[Weekday]:
        """The weekdays of ``"MO-FR,SU"``, or of an iterable of weekdays and such texts.

        Ranges include both ends and may go round the weekend: ``"FR-MO"``. Case does
        not matter. Raises `InvalidRecurrence`, naming ``field``, for anything else
        and for no weekday at all.
        """
        if not isinstance(days, Iterable):
            raise InvalidRecurrence(field, days, "weekdays are needed")
        found = frozenset(
            chain.from_iterable(
                _weekday_range(item, field)
                for item in (days.split(",") if isinstance(days, str) else days)
            )
        )
        if not found:
            raise InvalidRecurrence(field, days, "at least one weekday is needed")
        return found


def _weekday_range(item: Weekday | str, field: str) -> list[Weekday]:
    if not isinstance(item, str):
        return [read_weekday(item, field)]
    first, dash, last = item.partition("-")
    low = read_weekday(first, field)
    high = read_weekday(last, field) if dash else low
    return [Weekday((low + step) % 7) for step in range((high - low) % 7 + 1)]


def read_weekday(value: object, field: str) -> Weekday:
    """A weekday, or the one of a text such as ``"MO"``; else `InvalidRecurrence` for ``field``."""
    name = value.strip().upper() if isinstance(value, str) else ""
    found = value if isinstance(value, Weekday) else Weekday.__members__.get(name)
    if found is None:
        raise InvalidRecurrence(field, value, "a weekday is needed: MO, TU, WE, TH, FR, SA or SU")
    return found


def _check_weekday(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Weekday):
        raise InvalidRecurrence("BYDAY", value, "a Weekday is needed")


def _check_ordinal(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    # An ordinal is neither a bool nor an enum.
    if value is not None and (type(value) is not int or not 1 <= abs(value) <= 53):
        raise InvalidRecurrence("BYDAY", value, "the ordinal must be 1 to 53 or -53 to -1")


@attrs.frozen
class ByDay:
    """A weekday, or with ``ordinal`` the n-th one of a month or year; negative from its end.

    An ordinal is 1 to 53 or -53 to -1; `InvalidRecurrence` otherwise. Source: RFC 5545
    3.3.10, weekdaynum.
    """

    weekday: Weekday = attrs.field(validator=_check_weekday)
    ordinal: int | None = attrs.field(default=None, validator=_check_ordinal)

    @classmethod
    def parse(cls, text: str) -> ByDay:
        """Read ``"MO"``, ``"2TU"`` or ``"-1FR"``; `InvalidRecurrence` for anything else."""
        match = re.fullmatch(r"\s*([+-]?[0-9]{1,2})?([A-Z]{2})\s*", text, re.ASCII | re.IGNORECASE)
        if match is None:
            raise InvalidRecurrence("BYDAY", text, "a weekday is needed, such as MO, 2TU or -1FR")
        ordinal, name = match.groups()
        return cls(read_weekday(name, "BYDAY"), None if ordinal is None else int(ordinal))

    def __str__(self) -> str:
        return f"{'' if self.ordinal is None else self.ordinal}{self.weekday.name}"
