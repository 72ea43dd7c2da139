"""The doors of the domain: converters and validators that every noun shares."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Never, TypeAlias, TypeVar

import attrs

from medsched.errors import (
    InvalidChoice,
    InvalidId,
    InvalidInterval,
    InvalidNumber,
    InvalidText,
    UnknownZone,
)
from medsched.timeline.instants import MINUTE, check_date, minutes_in

Instance = Any
AnyAttribute: TypeAlias = "attrs.Attribute[Any]"  # a generic for type checkers only
Some = TypeVar("Some")
Validator = Callable[[Instance, AnyAttribute, Any], None]
Lengths = tuple[tuple[str, timedelta], ...]

LONGEST_ID = 255
LONGEST_NAME = 255
LONGEST_NOTE = 500
LONGEST_DURATION = timedelta(days=7)


def phi(*, default: Any = attrs.NOTHING, **options: Any) -> Any:
    """A field that holds a patient's data: kept out of reprs, errors, logs and events."""
    metadata = {"phi": True, **options.pop("metadata", {})}
    return attrs.field(default=default, repr=False, metadata=metadata, **options)


def phi_fields(cls: type[Any]) -> frozenset[str]:
    """The names of the fields of an attrs class that hold a patient's data."""
    return frozenset(field.name for field in attrs.fields(cls) if field.metadata.get("phi"))


# ------------------------------------------------------------------------ text


def check_id(value: object, field: str = "id") -> str:
    """Return an id that may name a record: 1 to 255 characters, no control characters."""
    if not isinstance(value, str) or not value:
        raise InvalidId(field, value, "an id is a string of at least one character")
    if len(value) > LONGEST_ID:
        raise InvalidId(field, value[:40] + "…", f"longer than {LONGEST_ID} characters")
    if not value.isprintable() and any(
        unicodedata.category(character) in ("Cc", "Cs") for character in value
    ):
        raise InvalidId(field, value, "holds a control character")
    return value


def an_id(instance: Instance, attribute: AnyAttribute, value: object) -> None:
    """Validate a reference to a record."""
    check_id(value, attribute.name)


def maybe_id(instance: Instance, attribute: AnyAttribute, value: object) -> None:
    """Validate an optional reference."""
    if value is not None:
        check_id(value, attribute.name)


def ids(instance: Instance, attribute: AnyAttribute, value: frozenset[str]) -> None:
    """Validate a set of references."""
    for one in value:
        check_id(one, attribute.name)


def own_id(instance: Instance, attribute: AnyAttribute, value: object) -> None:
    """Validate a record's own id; empty until the store gives one."""
    if value != "":
        check_id(value, attribute.name)


def text(most: int = LONGEST_NAME, *, least: int = 0) -> Validator:
    """Validate a text of ``least`` to ``most`` characters, line breaks and tabs among them."""

    def check(instance: Instance, attribute: AnyAttribute, value: object) -> None:
        if not isinstance(value, str):
            raise InvalidText(attribute.name, type(value).__name__, "a text is needed")
        if not least <= len(value) <= most:
            why = f"longer than {most} characters" if value else "must not be empty"
            raise InvalidText(attribute.name, len(value), why)
        check_characters(value, attribute.name)

    return check


def check_characters(value: str, field: str) -> None:
    """Refuse what some database or encoding would not give back."""
    if value.isprintable():
        return
    for character in value:
        if character not in "\t\n\r":
            category = unicodedata.category(character)
            if category == "Cc":
                raise InvalidText(field, len(value), "holds a control character")
            if category == "Cs":
                raise InvalidText(field, len(value), "holds half of a character (a surrogate)")


def texts(value: Iterable[str] | str) -> frozenset[str]:
    """A set of short words: specialties, languages, insurers. A single string is one word."""
    try:
        return frozenset([value] if isinstance(value, str) else value)
    except TypeError:
        raise InvalidText("words", type(value).__name__, "short texts are needed") from None


def words(instance: Instance, attribute: AnyAttribute, value: frozenset[str]) -> None:
    """Validate a set of short words."""
    for word in value:
        if not isinstance(word, str) or not word.strip() or len(word) > LONGEST_NAME:
            size = len(word) if isinstance(word, str) else type(word).__name__
            raise InvalidText(attribute.name, size, "each must be a short text, not empty")
        check_characters(word, attribute.name)


def a_zone(instance: Instance, attribute: AnyAttribute, value: object) -> None:
    """Validate the form of a zone name; whether there is such a zone, the source says."""
    try:
        check_id(value, attribute.name)
    except InvalidId:
        raise UnknownZone(value) from None


def zone_name(instance: Instance, attribute: AnyAttribute, value: object) -> None:
    """Validate the form of an optional zone name."""
    if value is not None:
        a_zone(instance, attribute, value)


# --------------------------------------------------------------------- numbers


def whole(least: int, most: int) -> Validator:
    """Validate an optional whole number between two bounds, both inclusive."""

    def check(instance: Instance, attribute: AnyAttribute, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidNumber(attribute.name, value, f"a whole number from {least} to {most}")

    return check


def number(least: float, most: float) -> Validator:
    """Validate an optional finite number between two bounds, both inclusive."""

    def check(instance: Instance, attribute: AnyAttribute, value: Any) -> None:
        if value is None:
            return
        try:
            good = not isinstance(value, bool) and least <= value <= most
        except (TypeError, ArithmeticError):  # no number at all, or a Decimal that is none
            good = False
        if not good:
            raise InvalidNumber(attribute.name, value, f"a number from {least} to {most}")

    return check


def length(
    *, least: int = 1, most: timedelta = LONGEST_DURATION, needed: bool = False
) -> Validator:
    """Validate a duration in whole minutes, None too unless ``needed``; ``least`` 0 allows zero."""
    bound = most // MINUTE

    def check(instance: Instance, attribute: AnyAttribute, value: Any) -> None:
        if value is not None or needed:
            minutes_in(value, attribute.name, least=least, most=bound)

    return check


def lengths(value: Mapping[str, timedelta] | Iterable[tuple[str, timedelta]]) -> Lengths:
    """Durations by appointment type, as sorted pairs (hashable, in no order but their own)."""
    pairs = dict(value.items() if isinstance(value, Mapping) else value)
    bound = LONGEST_DURATION // MINUTE
    for code, duration in pairs.items():
        check_id(code, "type")
        minutes_in(duration, f"durations[{code}]", most=bound)
    return tuple(sorted(pairs.items()))


def minutes(duration: timedelta) -> int:
    """Whole minutes of a duration that was validated at the door."""
    return duration // MINUTE


def spoken(duration: timedelta) -> str:
    """A duration in whole minutes as people say it: "1 day 2 hours"."""
    hours, rest = divmod(minutes(duration) % (24 * 60), 60)
    parts = [(duration.days, "day"), (hours, "hour"), (rest, "minute")]
    told = [f"{count} {unit}{'s' if count > 1 else ''}" for count, unit in parts if count]
    return " ".join(told) or "0 minutes"


# --------------------------------------------------------------------- choices


class Choice(StrEnum):
    """An enum whose members are asked for by value; another value is `InvalidChoice`."""

    __hash__ = str.__hash__  # that of its value, as it is equal to it; an enum's own is slower

    @classmethod
    def _missing_(cls, value: object) -> Never:
        allowed = ", ".join(member.value for member in cls)
        raise InvalidChoice(cls.__name__, value, f"must be one of {allowed}")


def several(value: Iterable[Some] | str, field: str) -> Iterable[Some]:
    """What is given, in its order, a text being one thing; `InvalidChoice` for no collection."""
    given: Any = [value] if isinstance(value, str) else value
    if not isinstance(given, Iterable):
        raise InvalidChoice(field, type(value).__name__, "one is needed, or several")
    return given


def yes_or_no(instance: Instance, attribute: AnyAttribute, value: object) -> None:
    """Validate a bool, and nothing that merely counts as one."""
    if not isinstance(value, bool):
        raise InvalidChoice(attribute.name, value, "True or False")


def of_type(cls: type[object]) -> Validator:
    """A validator: an object of a class; what is told of another is its type alone."""

    def check(instance: Instance, attribute: AnyAttribute, value: object) -> None:
        if not isinstance(value, cls):
            why = f"{cls.__name__} is needed"
            raise InvalidChoice(attribute.name, type(value).__name__, why)

    return check


def type_codes(value: Iterable[str] | str | None) -> frozenset[str] | None:
    """Appointment types named by code: None means all; an empty set is an error."""
    if value is None:
        return None
    codes = frozenset(several(value, "types"))
    if not codes:
        raise InvalidChoice("types", set(), "an empty set allows nothing; leave it out for all")
    for code in codes:
        check_id(code, "types")
    return codes


# ----------------------------------------------------------------------- dates


def a_date(instance: Instance, attribute: AnyAttribute, value: date) -> None:
    """Validate a date from 1973 to 9998."""
    check_date(value, attribute.name)


def maybe_date(instance: Instance, attribute: AnyAttribute, value: date | None) -> None:
    """Validate an optional date from 1973 to 9998."""
    if value is not None:
        check_date(value, attribute.name)


def not_before(other: str) -> Validator:
    """Validate that an optional date does not come before the date in field ``other``."""

    def check(instance: Instance, attribute: AnyAttribute, value: date | None) -> None:
        first = getattr(instance, other)
        if value is not None and first is not None and value < first:
            raise InvalidInterval(attribute.name, (first, value), f"must not be before {other}")

    return check
