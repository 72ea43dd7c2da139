"""What may be said of time that is kept back, and what may not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs
import pytest

from medsched.domain.records import Resource
from medsched.domain.release_rules import ReleaseRule
from medsched.errors import (
    InvalidChoice,
    InvalidDuration,
    InvalidHours,
    InvalidId,
    InvalidInterval,
    InvalidNumber,
    InvalidRecurrence,
    InvalidText,
    InvalidWallTime,
    MedschedError,
    UnknownZone,
)
from medsched.timeline.recurrence import Recurrence

DAILY = Recurrence.daily(date(2026, 1, 5))
HOUR = timedelta(hours=1)


def release(**fields: Any) -> ReleaseRule:
    if not {"hours", "share"} & fields.keys():
        fields["hours"] = "15:00-17:00"
    if not {"before", "opens_at"} & fields.keys():
        fields["before"] = 24 * HOUR
    return ReleaseRule(fields.pop("resource", "smith"), fields.pop("recurrence", DAILY), **fields)


def test_hours_are_kept_on_the_wall_rounded_outward() -> None:
    rule = release(hours=["16:00:01-16:59:59", "22:00-02:00 overnight"])
    assert rule.windows == ((960, 1020), (1320, 1560))
    assert (rule.kept_for, rule.share, rule.days_before) == (frozenset(), None, 0)
    assert rule.resource == Resource("provider", "smith")


@pytest.mark.parametrize(
    "given, share",
    [
        ("1/5", Fraction(1, 5)),
        ("0.2", Fraction(1, 5)),
        (Decimal("0.2"), Fraction(1, 5)),
        (Fraction(2, 10), Fraction(1, 5)),
        (1, Fraction(1)),
    ],
)
def test_a_share_is_what_it_says(given: Any, share: Fraction) -> None:
    rule = release(share=given)
    assert (rule.share, rule.hours, rule.windows) == (share, (), ())


def test_kept_for_nobody_or_for_some() -> None:
    assert release(kept_for=None).kept_for == frozenset()
    assert release(kept_for=[]) == release()
    assert release(kept_for="urgent").kept_for == {"urgent"}
    assert release(kept_for=["urgent", "same-day"]).kept_for == {"urgent", "same-day"}


def test_it_may_open_at_a_time_of_day() -> None:
    rule = release(opens_at=time(8), days_before=1)
    assert (rule.opens_at, rule.days_before, rule.before) == (time(8), 1, None)
    assert release(opens_at=time(0)).days_before == 0  # midnight is a time like any other


def test_it_is_a_providers_or_the_practices() -> None:
    practice = Resource("practice", "riverside")
    assert release(resource=practice).resource == practice


@pytest.mark.parametrize(
    "fields, error, field",
    [
        ({"share": 0}, InvalidNumber, "share"),
        ({"share": "-1/5"}, InvalidNumber, "share"),
        ({"share": "1.01"}, InvalidNumber, "share"),
        ({"share": 0.2}, InvalidNumber, "share"),
        ({"share": True}, InvalidNumber, "share"),
        ({"share": "a fifth"}, InvalidNumber, "share"),
        ({"share": "1/0"}, InvalidNumber, "share"),
        ({"share": Decimal("NaN")}, InvalidNumber, "share"),
        ({"share": Decimal("Infinity")}, InvalidNumber, "share"),
        ({"share": "1/5", "hours": "09:00-10:00"}, InvalidChoice, "share"),
        ({"hours": ()}, InvalidChoice, "share"),
        ({"hours": "17:00-09:00"}, InvalidHours, "end"),
        ({"before": timedelta(0)}, InvalidDuration, "before"),
        ({"before": timedelta(seconds=90)}, InvalidDuration, "before"),
        ({"before": -HOUR}, InvalidDuration, "before"),
        ({"before": timedelta(days=36_526)}, InvalidDuration, "before"),
        ({"before": HOUR, "opens_at": time(8)}, InvalidChoice, "before"),
        ({"before": None}, InvalidChoice, "before"),
        ({"days_before": 1}, InvalidChoice, "days_before"),
        ({"opens_at": time(8), "days_before": None}, InvalidChoice, "days_before"),
        ({"opens_at": time(8), "days_before": -1}, InvalidNumber, "days_before"),
        ({"opens_at": time(8), "days_before": 36_526}, InvalidNumber, "days_before"),
        ({"opens_at": time(8, 0, 1)}, InvalidWallTime, "opens_at"),
        ({"opens_at": time(8, tzinfo=UTC)}, InvalidWallTime, "opens_at"),
        ({"opens_at": "08:00"}, InvalidWallTime, "opens_at"),
        ({"resource": Resource("room", "r")}, InvalidChoice, "resource"),
        ({"resource": Resource("patient", "p")}, InvalidChoice, "resource"),
        ({"resource": Resource("location", "l")}, InvalidChoice, "resource"),
        ({"kept_for": [""]}, InvalidId, "kept_for"),
        ({"recurrence": "FREQ=DAILY"}, InvalidRecurrence, "recurrence"),
        ({"timezone": ""}, UnknownZone, None),
        ({"disambiguation": "guess"}, InvalidChoice, "disambiguation"),
        (
            {"valid_from": date(2026, 1, 2), "valid_to": date(2026, 1, 1)},
            InvalidInterval,
            "valid_to",
        ),
        ({"valid_from": datetime(2026, 1, 1, tzinfo=UTC)}, MedschedError, "valid_from"),
        ({"notes": "x" * 501}, InvalidText, "notes"),
    ],
)
def test_what_may_not_be_said(
    fields: dict[str, Any], error: type[MedschedError], field: str | None
) -> None:
    with pytest.raises(error) as caught:
        release(**fields)
    found: Any = caught.value
    assert field is None or found.field == field
    assert str(found)


def test_evolving_checks_again() -> None:
    rule = release(share="1/5")
    with pytest.raises(InvalidChoice):
        attrs.evolve(rule, hours="09:00-10:00")
    assert attrs.evolve(rule, share="1/4").share == Fraction(1, 4)
