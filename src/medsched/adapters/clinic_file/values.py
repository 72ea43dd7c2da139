"""Readers of single values: texts, numbers, durations, dates, hours, weekdays."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TypeVar

from medsched.adapters.clinic_file.reading import (
    Field,
    Misread,
    Reader,
    Reference,
    T,
    all_of,
    suggestion,
)
from medsched.domain import fields
from medsched.domain.hours import Hours
from medsched.timeline.instants import minutes_in
from medsched.timeline.weekdays import Weekday

E = TypeVar("E", bound=Enum)
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_UNIT = r"w(?:eeks?)?|d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?"
_PART = re.compile(rf"(\d+(?:\.\d+)?)\s*({_UNIT})\s*", re.IGNORECASE | re.ASCII)
_PLAIN = re.compile(rf"([+-]?)((?:{_PART.pattern})+)", re.IGNORECASE | re.ASCII)
_ISO = re.compile(r"([+-]?)P(?=.)((?:\d+W)?(?:\d+D)?)(?:T((?:\d+H)?(?:\d+M)?(?:\d+S)?))?", re.ASCII)
_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_RANGE = re.compile(r"\s*(?:-|–|\bto\b)\s*")


def text(field: Field) -> str:
    """A text; how long it may be, the record says."""
    if not isinstance(field.raw, str):
        raise Misread('a text in "quotes" is needed')
    return field.raw


def identifier(field: Field) -> str:
    """The id of a record."""
    return fields.check_id(text(field), field.path)


def texts(field: Field) -> list[str]:
    """One text, or a list of them."""
    return [text(field)] if isinstance(field.raw, str) else all_of(field.items(), text)


def words(field: Field) -> frozenset[str]:
    """One short word, or a list of them: specialties, languages, requirements."""
    return fields.texts(texts(field))


def boolean(field: Field) -> bool:
    """True or false."""
    if not isinstance(field.raw, bool):
        raise Misread("true or false is needed")
    return field.raw


def whole(field: Field) -> int:
    """A whole number."""
    if not isinstance(field.raw, int) or isinstance(field.raw, bool):
        raise Misread("a whole number is needed")
    return field.raw


def wholes(field: Field) -> list[int]:
    """One whole number, or a list of them."""
    return [whole(field)] if isinstance(field.raw, int) else all_of(field.items(), whole)


def number(field: Field) -> float | Decimal:
    """A number."""
    if not isinstance(field.raw, int | float | Decimal) or isinstance(field.raw, bool):
        raise Misread("a number is needed")
    return field.raw


def money(field: Field) -> Decimal:
    """An amount: a number, or one in quotes that must not lose a digit."""
    written = field.raw if isinstance(field.raw, str) else str(number(field))
    try:
        amount = Decimal(written)
    except ArithmeticError:
        raise Misread("not an amount of money") from None
    if not amount.is_finite():
        raise Misread("not an amount of money")
    return amount


def choice(options: type[E]) -> Reader[E]:
    """A reader of one of the values of an enum."""

    def member(field: Field) -> E:
        known = {str(option.value): option for option in options}
        found = known.get(text(field))
        if found is None:
            near = suggestion(text(field), known)
            raise Misread(f"must be one of {', '.join(known)}{near}")
        return found

    return member


def duration(field: Field) -> timedelta:
    """``30m``, ``1h30m``, ``90 min``, ``2 days``; or ISO 8601: ``PT30M``, ``P1DT12H``."""
    written = field.raw.strip() if isinstance(field.raw, str) else ""
    try:
        if plain := _PLAIN.fullmatch(written):
            length = _sum_of(_PART.findall(plain[2]))
        elif plain := _ISO.fullmatch(written):
            parts = re.findall(r"(\d+)([A-Z])", plain[2] + (plain[3] or ""))
            length = _sum_of(parts)
        else:
            raise Misread('a duration is needed, such as "30m", "1h30m", "90 min" or "PT30M"')
    except OverflowError:
        raise Misread("the duration is far too long") from None
    return -length if plain[1] == "-" else length


def slot_length(field: Field) -> timedelta:
    """A duration that a slot can have."""
    found = duration(field)
    minutes_in(found, field.path, most=fields.LONGEST_DURATION // timedelta(minutes=1))
    return found


def _sum_of(parts: list[tuple[str, str]]) -> timedelta:
    lengths = (timedelta(**{_UNITS[unit[0].lower()]: float(count)}) for count, unit in parts)
    return sum(lengths, timedelta(0))


def day(field: Field) -> date:
    """A date, bare or in quotes: ``2026-01-05``."""
    if isinstance(field.raw, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", field.raw, re.ASCII):
        try:
            return date.fromisoformat(field.raw)
        except ValueError:
            raise Misread("there is no such date") from None
    if not isinstance(field.raw, date) or isinstance(field.raw, datetime):
        raise Misread("a date is needed, such as 2026-01-05")
    return field.raw


def days(field: Field) -> list[date]:
    """One date, or a list of them."""
    return all_of(field.items(), day) if isinstance(field.raw, list | tuple) else [day(field)]


def moment(field: Field) -> datetime:
    """A date and time, bare or in quotes; on the wall, or with an offset from UTC."""
    found = field.raw
    if isinstance(found, str):
        try:
            found = datetime.fromisoformat(found) if len(found) > len("2026-01-05") else None
        except ValueError:
            found = None
    if not isinstance(found, datetime):
        raise Misread("a date and time is needed, such as 2026-01-05 09:00")
    if found.second or found.microsecond:
        raise Misread("whole minutes are needed")
    return found


def hours(field: Field) -> tuple[Hours, ...]:
    """``09:00-17:00``, ``22:00-06:00 overnight``, or a list of such."""
    if isinstance(field.raw, str):
        return (Hours.parse(field.raw),)
    return tuple(all_of(field.items(), lambda item: Hours.parse(text(item))))


def weekdays(field: Field) -> frozenset[Weekday]:
    """``MO-FR``, ``MO,WE``, ``Mon-Fri``, ``Saturday``; or a list of such."""
    return Weekday.parse_set(",".join(map(_two_letters, texts(field))), "days")


def _two_letters(written: str) -> str:
    """Weekdays as RFC 5545 writes them; what is none is left as it is, to be refused."""
    return ",".join("-".join(map(_code, _DAY_RANGE.split(item))) for item in written.split(","))


def _code(name: str) -> str:
    word = name.strip().lower()
    known = len(word) >= 2 and any(full.startswith(word) for full in _DAY_NAMES)
    return word[:2].upper() if known else name


def table_of(read: Reader[T], kind: str | None = None) -> Reader[dict[str, T]]:
    """A reader of a table with free names; with a ``kind``, the names are those of records."""

    def pairs(field: Field) -> dict[str, T]:
        parts = dict(field.pairs())
        if kind is not None:
            field.reading.references += [Reference(parts[name], kind, name) for name in parts]
        return dict(zip(parts, all_of(parts.values(), read), strict=True))

    return pairs


def named(kind: str) -> Reader[str]:
    """A reader of the id of a record of some kind; whether there is one is looked at later."""

    def reference(field: Field) -> str:
        found = identifier(field)
        field.reading.references.append(Reference(field, kind, found))
        return found

    return reference


def all_named(kind: str) -> Reader[list[str]]:
    """A reader of one id or several."""
    one: Callable[[Field], str] = named(kind)

    def references(field: Field) -> list[str]:
        return [one(field)] if isinstance(field.raw, str) else all_of(field.items(), one)

    return references


def zone(field: Field) -> str:
    """A time zone by its IANA name, which the zone source must hold."""
    return field.reading.zones.zone(text(field)).key
