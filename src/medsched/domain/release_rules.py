"""Release rules: time that is kept for some, and opened to everybody when it nears."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

import attrs

from medsched.domain.availability import a_recurrence
from medsched.domain.booking_window import CENTURY
from medsched.domain.fields import (
    LONGEST_NOTE,
    AnyAttribute,
    check_id,
    length,
    maybe_date,
    not_before,
    several,
    text,
    whole,
    zone_name,
)
from medsched.domain.hours import Hours, stretches
from medsched.domain.records import Identified, Resource, ResourceKind, resource
from medsched.domain.series import check_time
from medsched.errors import InvalidChoice, InvalidNumber
from medsched.timeline.recurrence import Recurrence
from medsched.timeline.resolve import Disambiguation

_FINEST: Final = -12
"""The last place of a share that counts: finer than any minute of any day."""


def _share(value: Fraction | Decimal | str | int | None) -> Fraction | None:
    """A share as it was meant: a float is refused, since 0.2 is no fifth in binary."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Fraction | Decimal | str | int):
        why = "a Fraction, a Decimal, or a text such as '1/5' is needed"
        raise InvalidNumber("share", value, why)
    try:
        if isinstance(value, str) and "e" in value.casefold():
            value = Decimal(value)
        if isinstance(value, Decimal) and not _FINEST <= value.adjusted() <= 0:
            raise ValueError
        found = Fraction(value)
        if found.denominator > 10**-_FINEST:
            raise ValueError
    except (ValueError, ArithmeticError):  # no number, or one divided by zero
        why = "a number, with twelve places at most"
        raise InvalidNumber("share", str(value)[:40], why) from None
    if not 0 < found <= 1:
        raise InvalidNumber("share", value, "more than 0, and at most 1")
    return found


def _kept_for(value: Iterable[str] | str | None) -> frozenset[str]:
    codes = frozenset(several(() if value is None else value, "kept_for"))
    for code in codes:
        check_id(code, "kept_for")
    return codes


@attrs.frozen
class ReleaseRule(Identified):
    """Time kept back: some types may book it all along, everybody from a set time before.

    ``resource`` is a provider's id, or the `Resource` of the practice, for all its providers.
    ``recurrence`` gives local dates. On each the ``hours`` are kept, on the wall, or a ``share``
    of the date's open minutes: the last of them, rounded up to whole minutes, whatever is booked.
    A share is exact (a `Fraction`, a `Decimal`, or a text such as ``"1/5"``), over 0 and up to 1.
    ``kept_for`` are the appointment types that may book it all along, none unless given.

    A start is opened to everybody ``before`` it (elapsed time), or when the wall shows
    ``opens_at`` on the date ``days_before`` that of the start, 0 for the same day; a time that the
    clock skips or shows twice is resolved ``compatible``. What starts earlier on the day than it
    is opened is opened to nobody else.

    Dates and times are on the wall of ``timezone``, else of the provider, wherever the provider
    travels; those of a practice's rule are each provider's own. ``valid_from`` and ``valid_to``
    filter dates, both inclusive. ``disambiguation`` resolves the edges of the hours. ``notes``
    hold up to 500 characters.

    `InvalidChoice` where not exactly one of ``hours`` and ``share`` is stated, or not exactly one
    of ``before`` and ``opens_at``, or for another resource; `InvalidNumber` for a share that is
    none; `InvalidDuration`; `InvalidWallTime` for an ``opens_at`` with seconds or a zone.
    """

    resource: Resource = attrs.field(converter=resource)
    recurrence: Recurrence = attrs.field(validator=a_recurrence)
    hours: tuple[Hours, ...] = attrs.field(default=(), converter=stretches, kw_only=True)
    share: Fraction | None = attrs.field(default=None, converter=_share, kw_only=True)
    kept_for: frozenset[str] = attrs.field(default=(), converter=_kept_for, kw_only=True)
    before: timedelta | None = attrs.field(
        default=None, validator=length(most=CENTURY), kw_only=True
    )
    opens_at: time | None = attrs.field(default=None, kw_only=True)
    days_before: int = attrs.field(default=0, validator=whole(0, 36_525), kw_only=True)
    timezone: str | None = attrs.field(default=None, validator=zone_name, kw_only=True)
    disambiguation: Disambiguation = attrs.field(
        default=Disambiguation.COMPATIBLE, converter=Disambiguation, kw_only=True
    )
    valid_from: date | None = attrs.field(default=None, validator=maybe_date, kw_only=True)
    valid_to: date | None = attrs.field(
        default=None, validator=[maybe_date, not_before("valid_from")], kw_only=True
    )
    notes: str = attrs.field(default="", validator=text(LONGEST_NOTE), kw_only=True)

    @resource.validator
    def _of_providers(self, attribute: AnyAttribute, value: Resource) -> None:
        if value.kind not in (ResourceKind.PROVIDER, ResourceKind.PRACTICE):
            why = "time is kept back by a provider, or by the practice for all its providers"
            raise InvalidChoice("resource", str(value), why)

    @opens_at.validator
    def _a_time(self, attribute: AnyAttribute, value: time | None) -> None:
        if value is not None:
            check_time(value, "opens_at")

    def __attrs_post_init__(self) -> None:
        if bool(self.hours) == (self.share is not None):
            raise InvalidChoice("share", self.share, "state either hours or a share of the day")
        if (self.before is None) == (self.opens_at is None):
            raise InvalidChoice("before", self.before, "state either before or opens_at")
        if self.days_before is None or (self.days_before and self.opens_at is None):
            why = "a number, and only where it is said what time it opens_at"
            raise InvalidChoice("days_before", self.days_before, why)

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """The stretches of one date on the wall that it keeps; none for a share of the date."""
        return tuple(one.busy_minutes() for one in self.hours)
