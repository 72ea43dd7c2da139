"""Reading tables field by field, and keeping note of every mistake instead of the first.

A *reader* makes a value of a `Field`: where it stands in the file, and what is written
there. It raises `Misread`, or whatever the domain raises; `Field.take` notes that as a
`Problem` and raises `Noted`, so that whoever reads several fields goes on with the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any, TypeVar

import attrs

from medsched.errors import InvalidValue, MedschedError, Problem
from medsched.timeline.zones import ZoneSource

T = TypeVar("T")
_LONGEST_SHOWN = 60


class Misread(Exception):
    """What is wrong with one field, as a sentence without the value."""


class Noted(Exception):
    """A field cannot be read, and the reason is noted already."""


@attrs.frozen
class Reference:
    """A field that names a record: of which kind, and by which id."""

    field: Field
    kind: str
    id: str


@attrs.define(eq=False)
class Reading:
    """One file being read: its zones, and what was found wrong or referred to so far."""

    zones: ZoneSource
    problems: list[Problem] = attrs.field(factory=list)
    references: list[Reference] = attrs.field(factory=list)


@attrs.frozen(eq=False)
class Field:
    """One place in the file: ``path`` within ``table``, and the ``raw`` value written there.

    What is ``secret`` may be a patient's and is never shown.
    """

    reading: Reading
    table: str
    path: str
    raw: object
    secret: bool = False

    def take(self, read: Reader[T]) -> T:
        """The value of the field; `Noted` after noting why there is none."""
        try:
            return read(self)
        except Misread as error:
            self.note(f"{error}{self._got(self.raw)}")
        except InvalidValue as error:
            self.note(f"{error.why}{self._got(self.raw)}")
        except MedschedError as error:
            self.note(type(error).__name__ if self.secret else str(error))
        raise Noted

    def note(self, message: str, path: str | None = None) -> None:
        """Note a problem here, or at another path of the same table."""
        where = self.path if path is None else path
        self.reading.problems.append(Problem(self.table, where, message))

    def refuse(self, error: InvalidValue, path: str) -> None:
        """Note what the domain refused about a value that is written at ``path``."""
        self.note(f"{error.why}{self._got(error.value)}", path)

    def at(self, name: str, raw: object) -> Field:
        """The field ``name`` of this table."""
        return attrs.evolve(self, path=f"{self.path}.{name}" if self.path else name, raw=raw)

    def items(self) -> Iterator[Field]:
        """The items of a list; `Misread` if it is none."""
        if not isinstance(self.raw, list | tuple):
            raise Misread("a list in [brackets] is needed")
        for index, raw in enumerate(self.raw):
            yield attrs.evolve(self, path=f"{self.path}[{index}]", raw=raw)

    def pairs(self) -> Iterator[tuple[str, Field]]:
        """The names and fields of a table; `Misread` if it is none."""
        if not isinstance(self.raw, Mapping):
            raise Misread("a table is needed")
        for name, raw in self.raw.items():
            yield str(name), self.at(str(name), raw)

    def _got(self, value: object) -> str:
        text = "" if self.secret else shown(value)
        return f" (got {text})" if text else ""


Reader = Callable[[Field], T]
Schema = Mapping[str, Reader[Any]]


def all_of(fields: Iterable[Field], read: Reader[T]) -> list[T]:
    """Every field read; each that cannot be is noted, then `Noted` is raised for all."""
    found: list[T] = []
    failed = False
    for field in fields:
        try:
            found.append(field.take(read))
        except Noted:
            failed = True
    if failed:
        raise Noted
    return found


@attrs.define(eq=False)
class Entry:
    """One table being made into a record."""

    field: Field
    schema: Schema
    values: dict[str, Any] = attrs.field(factory=dict)
    """What could be read, by field name."""
    failed: bool = False
    """Whether anything in this table is wrong."""

    @classmethod
    def read(cls, field: Field, schema: Schema) -> Entry:
        """Read every field that the schema names; unknown ones are noted, with a suggestion."""
        entry = cls(field, schema)
        for name, part in field.pairs():
            reader = schema.get(name)
            if reader is None:
                part.note(f"no such field{suggestion(name, schema)}")
                entry.failed = True
                continue
            try:
                entry.values[name] = part.take(reader)
            except Noted:
                entry.failed = True
        return entry

    def stated(self, name: str) -> bool:
        """Whether the field is written, readable or not."""
        return isinstance(self.field.raw, Mapping) and name in self.field.raw

    def note(self, name: str, message: str) -> None:
        """Note a problem with one field of this table; with none of them, if ``name`` is empty."""
        self.failed = True
        self.field.note(message, self.field.at(name, None).path if name else None)

    def take(self, *names: str) -> dict[str, Any]:
        """The readable ones among these fields."""
        return {name: self.values[name] for name in names if name in self.values}

    def build(
        self,
        make: Callable[..., T],
        values: Mapping[str, Any],
        *,
        needed: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
    ) -> T | None:
        """The record of these values, or None when one that is ``needed`` is missing or wrong.

        ``needed`` maps names to stand-ins, with which the other values are looked at all the
        same. A value that the record refuses is noted and left out. ``names`` says how a
        value is called in the file where that differs.
        """
        given, called = dict(values), names or {}
        lacking = [name for name in needed if name not in given]
        for name in lacking:
            if name in self.schema and not self.stated(name):
                self.note(name, "is missing")
            given[name] = needed[name]
        complete = not lacking
        while True:
            try:
                record = make(**given)
            except InvalidValue as error:
                name = _blamed(error.field, given)
                self.failed = True
                path = self.field.at(called.get(name, name), None).path if name else self.field.path
                self.field.refuse(error, path)
                if name not in given or (name in needed and given[name] == needed[name]):
                    return None
                del given[name]
                if name in needed:
                    complete, given[name] = False, needed[name]
            else:
                return record if complete else None


def _blamed(field: str, values: Mapping[str, Any]) -> str:
    """Which of the values an error's field means: ``durations`` for a type named in them."""
    if field in values:
        return field
    return next((name for name, value in values.items() if _holds(value, field)), "")


def _holds(value: object, name: str) -> bool:
    return isinstance(value, Mapping) and name in value


# ----------------------------------------------------------------------- wording


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean …?``, or nothing when no known name is near."""
    near = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def shown(value: object) -> str:
    """A value as it would stand in the file, shortened; empty for what has no short form."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return repr(value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…")
        case datetime():
            return value.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return spell(value)
        case Mapping() | None:
            return ""
        case list() | tuple() | set() | frozenset():
            texts = [shown(item) for item in value]
            return ", ".join(texts) if texts and len(texts) <= 3 and all(texts) else ""
        case _:
            return str(value)[:_LONGEST_SHOWN]


def spell(duration: timedelta) -> str:
    """A duration as people write it: ``1h30m``."""
    minutes, rest = divmod(abs(duration), timedelta(minutes=1))
    days, minutes = divmod(minutes, 1440)
    parts = [(days, "d"), (minutes // 60, "h"), (minutes % 60, "m"), (rest.seconds, "s")]
    text = "".join(f"{count}{unit}" for count, unit in parts if count) or "0m"
    return f"-{text}" if duration < timedelta(0) else text
