"""How early and how late a start may be booked."""

from __future__ import annotations

from datetime import timedelta

import attrs

from medsched.domain.fields import length, whole

CENTURY = timedelta(days=36_525)


@attrs.frozen(kw_only=True, slots=False)
class BookingWindow:
    """Limits on the distance between now and a start; where several apply, all of them do.

    ``notice``: a start is at least so long after now (elapsed time). ``furthest_ahead``: at
    most so long after now (elapsed, inclusive). ``days_ahead``: on one of the next so many
    provider-local dates after today's, the last one whole; 0 means today only.
    """

    notice: timedelta = attrs.field(
        default=timedelta(0), validator=length(least=0, most=CENTURY, needed=True)
    )
    furthest_ahead: timedelta | None = attrs.field(default=None, validator=length(most=CENTURY))
    days_ahead: int | None = attrs.field(default=None, validator=whole(0, 36_525))
