"""What is asked of a calendar, what it answers, and when: the values that a history is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from medsched.domain.fields import Choice, an_id, check_id, maybe_id, text, type_codes
from medsched.errors import InvalidChoice, InvalidInterval, InvalidNumber
from medsched.timeline.instants import LAST_MINUTE

NEVER: Final = 2**63 - 1
"""Later than every moment and every instant: when an operation returns that never does."""


class Span(NamedTuple):
    """The minutes [low, high) of one resource, counted from wherever the caller likes."""

    resource: str
    low: int
    high: int

    def overlaps(self, other: Span) -> bool:
        """Whether both take a minute of one resource; touching is not overlapping."""
        return self.resource == other.resource and self.low < other.high and other.low < self.high

    def __str__(self) -> str:
        return f"{self.resource} [{self.low}, {self.high})"


Spans: TypeAlias = frozenset[Span]


def _span(value: tuple[str, int, int]) -> Span:
    resource, low, high = value
    check_id(resource, "resource")
    for name, minute in (("low", low), ("high", high)):
        if not isinstance(minute, int) or isinstance(minute, bool):
            raise InvalidNumber(name, minute, "a whole number of minutes")
    if not 0 <= low < high <= LAST_MINUTE:
        why = f"minutes need 0 <= low < high <= {LAST_MINUTE}"
        raise InvalidInterval("span", (low, high), why)
    return Span(resource, low, high)


def _spans(value: Iterable[tuple[str, int, int]]) -> Spans:
    spans = frozenset(map(_span, value))
    if not spans:
        raise InvalidChoice("spans", (), "a claim takes at least one span")
    return spans


# -------------------------------------------------------------------- requests


@attrs.frozen
class Book:
    """Book ``spans`` under ``id``, which the caller chooses and uses for nothing else.

    ``spans`` are (resource, low, high) in minutes, half-open. A repeated ``key`` with the same
    spans and type answers the first booking again. ``type`` is an appointment type, of which a
    closure may name some.
    """

    id: str = attrs.field(validator=an_id)
    spans: Spans = attrs.field(converter=_spans)
    key: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)
    type: str = attrs.field(default="", validator=text(), kw_only=True)


@attrs.frozen
class Hold:
    """Keep ``spans`` under ``id`` until the instant ``expires``, on the clock of ``now``.

    From the expiry instant on it blocks nothing and is shown to nobody.
    """

    id: str = attrs.field(validator=an_id)
    spans: Spans = attrs.field(converter=_spans)
    expires: int = attrs.field(kw_only=True)
    key: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)
    type: str = attrs.field(default="", validator=text(), kw_only=True)


@attrs.frozen
class Confirm:
    """Make the booking ``id`` of a live hold, on the hold's spans; ``id`` may be the hold's own."""

    hold: str = attrs.field(validator=an_id)
    id: str = attrs.field(validator=an_id)
    key: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)


@attrs.frozen
class Release:
    """Give up a hold; once more is as good as once."""

    id: str = attrs.field(validator=an_id)
    key: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)


@attrs.frozen
class Cancel:
    """Cancel a booking; once more is as good as once."""

    id: str = attrs.field(validator=an_id)
    key: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)


@attrs.frozen
class Move:
    """Move a live booking to other spans, with which it does not conflict itself."""

    id: str = attrs.field(validator=an_id)
    spans: Spans = attrs.field(converter=_spans)
    key: str | None = attrs.field(default=None, validator=maybe_id, kw_only=True)


@attrs.frozen
class Close:
    """Close the minutes [low, high) of a resource for good, and list the bookings stranded there.

    ``types`` names the appointment types that it is closed for: None for all.
    """

    resource: str = attrs.field(validator=an_id)
    low: int
    high: int
    types: frozenset[str] | None = attrs.field(default=None, converter=type_codes, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _span((self.resource, self.low, self.high))

    @property
    def span(self) -> Span:
        """What it closes."""
        return Span(self.resource, self.low, self.high)


@attrs.frozen
class Read:
    """List the ids of what is live in the minutes [low, high) of a resource.

    Bookings, and the holds that have not expired unless ``holds`` is false.
    """

    resource: str = attrs.field(validator=an_id)
    low: int
    high: int
    holds: bool = attrs.field(default=True, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _span((self.resource, self.low, self.high))

    @property
    def span(self) -> Span:
        """Where it looks."""
        return Span(self.resource, self.low, self.high)


@attrs.frozen
class Follow:
    """Read the events that come next. `check` passes over it; see `check_events`."""


Change: TypeAlias = Book | Hold | Confirm | Release | Cancel | Move
Listing: TypeAlias = Close | Read | Follow
Request: TypeAlias = Change | Listing
REQUESTS: Final[dict[str, type[Request]]] = {
    kind.__name__.lower(): kind
    for kind in (Book, Hold, Confirm, Release, Cancel, Move, Close, Read, Follow)
}
"""The requests by the names they have in files."""


def key_of(request: Request) -> str | None:
    """The idempotency key that a request has, if any."""
    return request.key if isinstance(request, Change) else None


# -------------------------------------------------------------------- outcomes


class Refusal(Choice):
    """Why a change was refused, and nothing happened."""

    TAKEN = "taken"
    """Something else is live on a minute that it wants. For `Book`, `Hold` and `Move`."""
    CLOSED = "closed"
    """A minute that it wants is closed for its type. For these and `Confirm`."""
    MISSING = "missing"
    """There is no such booking or hold: never made, or (but not for `Cancel`) live no more."""
    EXISTS = "exists"
    """The new id was used before. For `Book`, `Hold` and `Confirm`."""
    MISMATCH = "mismatch"
    """The key belongs to another request."""
    OTHER = "other"
    """A reason that the model knows nothing of (too busy, off the grid): possible at any time."""


@attrs.frozen
class Ok:
    """A change that came to pass. ``id`` is what it answered, where that is another than asked."""

    id: str | None = None


def _ids(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


@attrs.frozen
class Listed:
    """The ids that were answered, in their order."""

    ids: tuple[str, ...] = attrs.field(converter=_ids)


@attrs.frozen
class Failed:
    """A change that was refused and had no effect."""

    reason: Refusal = attrs.field(converter=Refusal)


@attrs.frozen
class Unknown:
    """Nobody knows: it may take effect at any later moment, or never."""


Outcome: TypeAlias = Ok | Listed | Failed | Unknown

_ALLOWED: Final[dict[Refusal, tuple[type[Request], ...]]] = {
    Refusal.TAKEN: (Book, Hold, Move),
    Refusal.CLOSED: (Book, Hold, Move, Confirm),
    Refusal.MISSING: (Confirm, Release, Cancel, Move),
    Refusal.EXISTS: (Book, Hold, Confirm),
    Refusal.MISMATCH: (Book, Hold, Confirm, Release, Cancel, Move),
    Refusal.OTHER: tuple(REQUESTS.values()),
}


@attrs.frozen(kw_only=True)
class Operation:
    """One request, from its call to its answer.

    ``invoked`` and ``returned`` are moments of one counter that never goes back (nanoseconds
    of `time.monotonic_ns`, or any other); None for what never returned. One operation is
    before another when it returned at an earlier moment than the other was invoked.

    ``now`` and ``until`` are instants of the clock that holds expire by, in its units: the
    calendar judged expiry at one instant from ``now`` to ``until``, both inclusive. ``until``
    is ``now`` unless given. Without ``now`` the operation takes no hold for expired.

    `InvalidInterval` when an end is before its start, `InvalidChoice` for an outcome that the
    request cannot have.
    """

    request: Request
    process: str = attrs.field(default="", validator=text())
    invoked: int
    returned: int | None = None
    outcome: Outcome = Unknown()
    now: int | None = None
    until: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.until is None:
            object.__setattr__(self, "until", self.now)
        elif self.now is None or self.until < self.now:
            raise InvalidInterval("until", (self.now, self.until), "must not be before now")
        if (self.returned is None) != isinstance(self.outcome, Unknown):
            why = "an operation has a moment of return and an outcome, or neither"
            raise InvalidChoice("returned", self.returned, why)
        if self.returned is not None and self.returned < self.invoked:
            why = "it returned before it was invoked"
            raise InvalidInterval("returned", (self.invoked, self.returned), why)
        kind, outcome = type(self.request), self.outcome
        if isinstance(outcome, Failed) and kind not in _ALLOWED[outcome.reason]:
            why = f"{kind.__name__} cannot be refused for this"
            raise InvalidChoice("reason", outcome.reason.value, why)
        wanted = Listed if isinstance(self.request, Listing) else Ok
        if isinstance(outcome, (Ok, Listed)) and not isinstance(outcome, wanted):
            why = f"{kind.__name__} is answered with {wanted.__name__}"
            raise InvalidChoice("outcome", type(outcome).__name__, why)

    @property
    def end(self) -> int:
        """When it returned; `NEVER` for what never did."""
        return NEVER if self.returned is None else self.returned

    @property
    def ok(self) -> bool:
        """Whether it is known to have come to pass."""
        return isinstance(self.outcome, (Ok, Listed))

    @property
    def failed(self) -> bool:
        """Whether it is known to have had no effect."""
        return isinstance(self.outcome, Failed)

    def before(self, other: Operation) -> bool:
        """Whether it returned before the other was invoked."""
        return self.end < other.invoked

    def shows(self, expires: int | None) -> bool:
        """Whether it may take for live what expires then (None: never)."""
        return expires is None or self.now is None or self.now < expires

    def hides(self, expires: int | None) -> bool:
        """Whether it may take for expired what expires then (None: never)."""
        return expires is not None and self.until is not None and expires <= self.until

    def __str__(self) -> str:
        end = "…" if self.returned is None else str(self.returned)
        who = f"{self.process}: " if self.process else ""
        return f"{who}{said(self.request)} at {self.invoked} to {end}: {_answer(self.outcome)}"


def said(request: Request) -> str:
    """A request as people would write it down."""
    kind = type(request).__name__.lower()
    parts: list[str] = []
    for field in attrs.fields(type(request)):
        value: Any = getattr(request, field.name)
        if field.name == "spans":
            parts.append(" and ".join(map(str, sorted(value))))
        elif field.name in ("hold", "id"):
            parts.append(("as " if parts else "") + repr(value))
    if isinstance(request, (Close, Read)):
        parts.append(str(request.span))
    if isinstance(request, Hold):
        parts.append(f"until {request.expires}")
    if (key := key_of(request)) is not None:
        parts.append(f"key {key!r}")
    return " ".join([kind, *parts])


def _answer(outcome: Outcome) -> str:
    match outcome:
        case Ok(id):
            return "ok" if id is None else f"ok, {id!r}"
        case Listed(ids):
            return "{" + ", ".join(ids) + "}"
        case Failed(reason):
            return f"failed, {reason.value}"
    return "unknown"
