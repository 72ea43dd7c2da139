"""Every exception that medsched raises: one tree, one base.

The facts are attributes; the sentence is made from them. A value that may be a
patient's is never put into an error: where a text is refused, its length is
carried instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import attrs


@attrs.define(eq=False, slots=False)
class MedschedError(Exception):
    """The base of all errors of this library: ``except MedschedError`` catches every one."""

    def __str__(self) -> str:
        return self.sentence()

    def sentence(self) -> str:
        """Say what is wrong in one sentence, made from the error's attributes."""
        return type(self).__name__


# ------------------------------------------------------------------ bad input


def _said(value: object) -> str:
    """A value as people write it: datetimes in ISO 8601, durations in minutes."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, timedelta):
        return f"{value / timedelta(minutes=1):g} minutes"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return f"({', '.join(map(_said, value))})"
    return repr(value)


@attrs.define(eq=False, slots=False)
class InvalidValue(MedschedError, ValueError):
    """A value that can never be right, whatever the state of the practice."""

    field: str
    value: object
    why: str

    def sentence(self) -> str:
        return f"{self.field}: {self.why} (got {_said(self.value)})"


class NaiveDatetime(InvalidValue):
    """A datetime without a zone where an instant is meant."""


class InvalidWallTime(InvalidValue):
    """A wall time with a zone of its own, or with seconds."""


class OutOfRange(InvalidValue):
    """An instant or date outside 1973 to 9998, the years that medsched computes with."""


class InvalidInterval(InvalidValue):
    """A stretch of time whose end is not after its start, or that is longer than allowed."""


class InvalidDuration(InvalidValue):
    """A duration that is zero, negative, not whole minutes, or outside its bounds."""


class InvalidHours(InvalidValue):
    """Hours or breaks of a day that do not fit a day, or one another."""


class InvalidRecurrence(InvalidValue):
    """A recurrence that RFC 5545 does not allow, that is finer than a day, or that never occurs."""


class TooManyOccurrences(InvalidRecurrence):
    """A recurrence of more dates than a series has; ``value`` is their number, None: endless."""


class InvalidId(InvalidValue):
    """An id that is empty, too long, or holds a control character."""


class InvalidSlotId(InvalidValue):
    """A slot id that this library did not make, or only a part of one."""


class InvalidText(InvalidValue):
    """A text that is too long or holds a NUL; ``value`` is its length, never the text."""


class InvalidNumber(InvalidValue):
    """A count, price, rating or priority outside its bounds."""


class InvalidChoice(InvalidValue):
    """A value that is none of those allowed, or an empty set where one must be chosen."""


class MissingZone(InvalidChoice):
    """Neither a resource nor its place nor the practice states a time zone, and one is needed."""


class InvalidCursor(InvalidValue):
    """A page cursor that this list did not give."""


@attrs.define(eq=False, slots=False)
class UnknownZone(MedschedError, LookupError):
    """A time zone name that the pinned IANA database does not hold."""

    name: object
    suggestions: tuple[str, ...] = ()

    def sentence(self) -> str:
        hint = f"; did you mean {' or '.join(self.suggestions)}?" if self.suggestions else ""
        return f"time zone {self.name!r} is not in the IANA database{hint}"


# ------------------------------------------------------------- wall-time edges


@attrs.define(eq=False, slots=False)
class NonexistentTime(MedschedError, ValueError):
    """A wall time that a zone skips: clocks go from before it to after it."""

    wall: datetime
    zone: str

    def sentence(self) -> str:
        return f"{self.wall:%Y-%m-%d %H:%M} does not exist in {self.zone}: the clock skips it"


@attrs.define(eq=False, slots=False)
class AmbiguousTime(MedschedError, ValueError):
    """A wall time that a zone shows twice."""

    wall: datetime
    zone: str

    def sentence(self) -> str:
        return f"{self.wall:%Y-%m-%d %H:%M} comes twice in {self.zone}: say which one is meant"


# ---------------------------------------------------------- schedule conflicts


@attrs.define(eq=False, slots=False)
class OverlappingRules(MedschedError, ValueError):
    """Two rules of one resource (or one rule with itself) that open the same minute."""

    resource: str
    first: str
    second: str
    at: datetime

    def sentence(self) -> str:
        both = f"rules {self.first!r} and {self.second!r} of {self.resource!r} overlap"
        if self.first == self.second:
            both = f"rule {self.first!r} of {self.resource!r} overlaps itself"
        return f"{both}, first at {self.at.isoformat()}"


@attrs.define(eq=False, slots=False)
class NotWeekly(MedschedError, ValueError):
    """One row of hours that are not the same each week: it cannot be written without the others."""

    rule: str

    def sentence(self) -> str:
        return (
            f"the hours of rule {self.rule!r} are not the same each week:"
            " one day of them cannot be written alone, only the rule"
        )


@attrs.define(eq=False, slots=False)
class ContradictoryOverrides(MedschedError, ValueError):
    """Two overrides of one kind and priority that say different things about one minute."""

    resource: str
    first: str
    second: str
    at: datetime

    def sentence(self) -> str:
        return (
            f"overrides {self.first!r} and {self.second!r} of {self.resource!r} contradict each"
            f" other at equal priority, first at {self.at.isoformat()}"
        )


@attrs.define(eq=False, slots=False)
class SlotsOverlap(MedschedError, ValueError):
    """A slot that would be put over another slot, or over an appointment.

    ``slot`` and ``other`` are (start, end), aware and in UTC; ``what`` says what is in the way:
    an appointment by its id.
    """

    provider: str
    slot: tuple[datetime, datetime]
    other: tuple[datetime, datetime]
    what: str

    def sentence(self) -> str:
        here, there = (
            f"from {low.isoformat(sep=' ')} to {high.isoformat(sep=' ')}"
            for low, high in (self.slot, self.other)
        )
        return f"a slot of {self.provider!r} {here} would overlap {self.what} {there}"


@attrs.define(eq=False, slots=False)
class OutsideHours(MedschedError, ValueError):
    """A slot that would be put where its provider is not open, at its place, for all of it."""

    provider: str
    start: datetime
    end: datetime

    def sentence(self) -> str:
        return (
            f"{self.provider!r} has no hours there from {self.start.isoformat(sep=' ')}"
            f" to {self.end.isoformat(sep=' ')}"
        )


# --------------------------------------------------------------- appointments


@attrs.define(eq=False, slots=False)
class InvalidTransition(MedschedError, ValueError):
    """A step that an appointment cannot take from where it is."""

    current: str
    wanted: str

    def sentence(self) -> str:
        return f"an appointment that is {self.current} cannot become {self.wanted}"


@attrs.define(eq=False, slots=False)
class HoldExpired(MedschedError, ValueError):
    """A hold that is confirmed after it has expired."""

    hold: str
    expired_at: datetime

    def sentence(self) -> str:
        return f"hold {self.hold!r} expired at {self.expired_at.isoformat(sep=' ')}"


@attrs.define(eq=False, slots=False)
class AlreadyWaiting(MedschedError, ValueError):
    """A patient who waits for the same already: the same type and providers, on some such dates."""

    entry: str

    def sentence(self) -> str:
        return f"the patient waits for this already: entry {self.entry!r}"


@attrs.define(eq=False, slots=False)
class NotWaiting(MedschedError, ValueError):
    """An entry of the waitlist that is over: booked, left, lapsed or removed."""

    entry: str
    status: str

    def sentence(self) -> str:
        return f"entry {self.entry!r} of the waitlist is {self.status}"


@attrs.define(eq=False, slots=False)
class AlreadyOffered(MedschedError, ValueError):
    """An entry of the waitlist that has a live offer, and so gets no other."""

    entry: str
    offer: str

    def sentence(self) -> str:
        return f"entry {self.entry!r} of the waitlist has a live offer: {self.offer!r}"


@attrs.define(eq=False, slots=False)
class OfferClosed(MedschedError, ValueError):
    """An offer that is answered after it was declined, withdrawn or accepted."""

    offer: str
    status: str

    def sentence(self) -> str:
        return f"offer {self.offer!r} is {self.status}"


@attrs.define(eq=False, slots=False)
class NotAllowed(MedschedError, PermissionError):
    """A command that the principal may not run."""

    principal: str
    operation: str
    why: str

    def sentence(self) -> str:
        return f"{self.principal!r} may not {self.operation}: {self.why}"


@attrs.define(eq=False, slots=False)
class ReasonRequired(MedschedError, ValueError):
    """A command that wants a written reason, and got none."""

    operation: str

    def sentence(self) -> str:
        return f"to {self.operation} a written reason is required"


@attrs.define(eq=False, slots=False)
class IdempotencyMismatch(MedschedError, ValueError):
    """An idempotency key that was used before, for another request."""

    operation: str

    def sentence(self) -> str:
        return f"this idempotency key was used for another request to {self.operation}"


# -------------------------------------------------------------- stored records


@attrs.define(eq=False, slots=False)
class NotFound(MedschedError, LookupError):
    """No such record in this practice."""

    kind: str
    id: str

    def sentence(self) -> str:
        return f"there is no {self.kind} {self.id!r} in this practice"


@attrs.define(eq=False, slots=False)
class AlreadyExists(MedschedError, ValueError):
    """A record with this id is stored already."""

    kind: str
    id: str

    def sentence(self) -> str:
        article = "an" if self.kind[:1] in "aeiou" else "a"
        return f"there is {article} {self.kind} {self.id!r} in this practice already"


@attrs.define(eq=False, slots=False)
class InUse(MedschedError, ValueError):
    """A record that others refer to and that therefore cannot be deleted."""

    kind: str
    id: str
    referrers: tuple[tuple[str, str], ...]

    def sentence(self) -> str:
        shown = ", ".join(f"{kind} {id!r}" for kind, id in self.referrers[:5])
        more = f" and {len(self.referrers) - 5} more" if len(self.referrers) > 5 else ""
        verb = "refers" if len(self.referrers) == 1 else "refer"
        return (
            f"{self.kind} {self.id!r} cannot be deleted while {shown}{more} {verb} to it;"
            " deactivate it instead"
        )


@attrs.define(eq=False, slots=False)
class VersionConflict(MedschedError, ValueError):
    """The record was changed by somebody else since it was read."""

    kind: str
    id: str
    expected: int
    found: int

    def sentence(self) -> str:
        return (
            f"{self.kind} {self.id!r} is at version {self.found}, not {self.expected}:"
            " it was changed meanwhile; read it again"
        )


@attrs.define(eq=False, slots=False)
class StorageBusy(MedschedError):
    """The store kept changing under a command until its tries were used up; nothing was written."""

    operation: str
    tries: int

    def sentence(self) -> str:
        return f"{self.operation} gave up after {self.tries} tries; nothing was written"


@attrs.define(eq=False, slots=False)
class StorageError(MedschedError):
    """The database failed or refused; ``__cause__`` is its own error.

    ``operation`` is what was asked of the store, ``code`` how the database names what went
    wrong: an SQLSTATE, a number, a short text. What was written, and so a patient's data, is
    in neither.
    """

    operation: str
    code: str

    def sentence(self) -> str:
        return f"the database failed at {self.operation} ({self.code})"


class OutcomeUnknown(StorageError):
    """The database was lost while it committed, and could not be asked what came of it.

    Repeat the command with the same idempotency key: it then tells the first result, or does
    what is still to be done.
    """

    def sentence(self) -> str:
        return (
            f"the database was lost at {self.operation} ({self.code}): whether it was done is not"
            " known; repeat it with the same idempotency key"
        )


class TransactionLost(StorageError):
    """The database ended the host's own transaction: everything done in it must be done again."""

    def sentence(self) -> str:
        return (
            f"the database ended the transaction at {self.operation} ({self.code}): roll it back"
            " and begin again"
        )


@attrs.define(eq=False, slots=False)
class DecryptionError(MedschedError, ValueError):
    """A sealed value, or a wrapped key, that was changed, cut short, or stands elsewhere."""

    what: str

    def sentence(self) -> str:
        return f"{self.what} cannot be decrypted: it was changed, or belongs elsewhere"


@attrs.define(eq=False, slots=False)
class KeyUnavailable(MedschedError):
    """A key that cannot be had now: no provider, or one that is not reached or refuses.

    Nothing was written. ``why`` is a code of ours or of the provider's.
    """

    key: str
    why: str

    def sentence(self) -> str:
        return f"the key {self.key!r} is not available: {self.why}"


@attrs.define(eq=False, slots=False)
class KeyDestroyed(MedschedError, LookupError):
    """A key that was destroyed for good, and what it sealed with it."""

    key: str

    def sentence(self) -> str:
        return f"the key of {self.key} was destroyed; what it sealed is gone"


@attrs.define(eq=False, slots=False)
class AuditNotKept(MedschedError, NotImplementedError):
    """The store keeps no audit, because it was not told to or cannot: and one is asked for.

    Or the practice has one by another store, past which nobody writes.
    """

    store: str

    def sentence(self) -> str:
        return f"this {self.store} keeps no audit: make it with audit="


@attrs.define(eq=False, slots=False)
class AuditDamaged(MedschedError, ValueError):
    """An audit entry that is not as it was written, or was written by somebody else."""

    entry: str

    def sentence(self) -> str:
        return f"the audit entry {self.entry!r} was changed or forged: verify the audit"


@attrs.define(eq=False, slots=False)
class SlotsNotKept(MedschedError, NotImplementedError):
    """Slots are to be published in a store that has no table of them: it is no `SlotTable`."""

    store: str

    def sentence(self) -> str:
        return f"a {self.store} keeps no slots: publish them in a store that does"


@attrs.define(eq=False, slots=False)
class KeysNotKept(MedschedError, NotImplementedError):
    """A key is to be destroyed in a store that seals nothing, and so has none."""

    store: str

    def sentence(self) -> str:
        return f"a {self.store} keeps no keys: what it keeps is not encrypted by it"


@attrs.define(eq=False, slots=False)
class SchemaMismatch(MedschedError):
    """The tables in the database are not those that this release works with.

    ``expected`` is the version it needs, ``found`` the version that is there: None for none.
    """

    expected: int
    found: int | None

    def sentence(self) -> str:
        if self.found is None:
            return "the database has no tables of medsched: create them first"
        if self.found < self.expected:
            return (
                f"the tables of medsched are at version {self.found}, and this release needs"
                f" {self.expected}: upgrade them"
            )
        return (
            f"the tables of medsched are at version {self.found}, made by a later release;"
            f" this one knows {self.expected}"
        )


# ------------------------------------------------------------------- the edges


@attrs.frozen
class Problem:
    """One mistake in a clinic file: which table (``providers[2]``), which field, what is wrong."""

    table: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.table}{'.' if self.table and self.field else ''}{self.field}: {self.message}"


@attrs.define(eq=False, slots=False)
class ClinicFileError(MedschedError, ValueError):
    """A clinic file with mistakes: all of them, not only the first. ``source`` names the file."""

    source: str
    problems: Sequence[Problem]

    def sentence(self) -> str:
        lines = [f"{self.source}: {len(self.problems)} problem(s)"]
        return "\n".join([*lines, *(f"  {problem}" for problem in self.problems)])


@attrs.define(eq=False, slots=False)
class MissingExtra(MedschedError, ImportError):
    """A feature whose optional package is not installed."""

    feature: str
    extra: str

    def sentence(self) -> str:
        return f"{self.feature} needs an optional package: pip install 'medsched[{self.extra}]'"
