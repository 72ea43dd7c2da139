"""Which starts the rules of booking refuse, and what a booking counts so that rivals cannot pass.

Each rule refuses whole stretches of starts: a day that is full, the time around another visit, or
all of it. Listing stamps the stretches, judging one start tells those that it lies in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

import attrs

from medsched.domain.booking_rules import BookingRules, Facts, Visited
from medsched.domain.changes import Tally
from medsched.domain.fields import minutes, spoken
from medsched.domain.house_rules import Visit
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.requests import Reason, Violation
from medsched.domain.tallies import tally_name
from medsched.engine.inquiry import Inquiry
from medsched.timeline.instants import DAY, FIRST_MINUTE, LAST_DAY, LAST_MINUTE, instant_of
from medsched.timeline.intervals import Interval, complement, union
from medsched.timeline.resolve import Disambiguation, resolve

WEEK: Final = 7
_LONG: Final = 400 * DAY
"""A stretch that is as long as this has no bounds that anybody wants to be told."""
_MONDAY: Final = 4
"""Day 4 of the epoch, 1970-01-05, was a Monday."""


class Ruled(NamedTuple):
    """The starts [low, high) that a rule refuses, and what it says.

    ``by`` is the id of the rule, if it has one, ``about`` the time in question, if that is not the
    starts.
    """

    low: int
    high: int
    reason: Reason
    message: str
    resource: Resource | None
    by: str | None = None
    about: Interval | None = None

    def violation(self) -> Violation:
        """As a refused booking is told it; a stretch without end has no bounds to tell."""
        low, high = self.about or (self.low, self.high)
        bounded = low >= FIRST_MINUTE and high <= LAST_MINUTE and high - low < _LONG
        return Violation(
            reason=self.reason,
            message=self.message,
            resource=self.resource,
            start=instant_of(low) if bounded else None,
            end=instant_of(high) if bounded else None,
            by=self.by,
        )


class Scope(NamedTuple):
    """Some rules and what they are about: a type, a provider, or (neither) the practice."""

    rules: BookingRules
    called: str
    provider: str | None
    type: str | None

    def about(self, visit: Visited) -> bool:
        """Whether a visit is one of those that the rules are about."""
        return self.provider in (None, visit.provider) and self.type in (None, visit.type)


@attrs.frozen
class Counter:
    """A tally that a booking raises, for a rule, and how many more may raise it; None: any number.

    ``alone``: nobody else may have raised it since it was read.
    """

    name: str
    reason: Reason
    left: int | None
    alone: bool = False

    def tally(self, read: int, overridden: Collection[Reason]) -> Tally:
        """What a booking counts, decided when the tally was ``read``; no cap that is overridden."""
        if self.reason in overridden:
            return Tally(self.name, 1)
        most = None if self.left is None else read + self.left
        return Tally(self.name, 1, most, before=read if self.alone else None)


def scopes(inquiry: Inquiry) -> list[Scope]:
    """The rules that a request falls under, those that ask for nothing left out."""
    found: list[Scope] = []
    type_, provider = inquiry.type, inquiry.provider
    most = inquiry.schedule.practice.open_per_patient
    if type_.rules != NO_RULES:
        found.append(Scope(type_.rules, f"appointment type {type_.code}", None, type_.code))
    if provider.rules != NO_RULES:
        called = inquiry.schedule.called(provider.resource)
        found.append(Scope(provider.rules, called, provider.id, None))
    if most is not None:
        rules = BookingRules(open_per_patient=most)
        found.append(Scope(rules, "this practice", None, None))
    return found


NO_RULES: Final = BookingRules()


def ruled_out(inquiry: Inquiry, low: int, high: int) -> list[Ruled]:
    """What the rules refuse of the starts [low, high)."""
    return [
        ruled
        for scope in scopes(inquiry)
        for ruled in (*_full(inquiry, scope, low, high), *_of_patient(inquiry, scope, low, high))
        if ruled.low < high and low < ruled.high
    ]


def told_of(ruled: Iterable[Ruled], start: int) -> Iterator[Violation]:
    """What rules say against one start."""
    for one in ruled:
        if one.low <= start < one.high:
            yield one.violation()


def visit_at(inquiry: Inquiry, start: int, length: int, location: str | None) -> Visit:
    """A start of the request, as the host's own rules see it."""
    return Visit(
        practice=inquiry.schedule.practice.id,
        provider=inquiry.provider.id,
        type=inquiry.type.code,
        patient=inquiry.request.patient,
        location=location,
        start=instant_of(start),
        end=instant_of(start + length),
        now=inquiry.request.now,
    )


def against_house(inquiry: Inquiry, visit: Visit) -> Iterator[Violation]:
    """What the host's own rules say against a visit."""
    for rule in inquiry.house_rules:
        yield from rule.against(visit)


# ------------------------------------------------------------- how many with the provider


def periods(inquiry: Inquiry, low: int, high: int, days: int) -> Iterator[tuple[int, Interval]]:
    """The provider's days, or weeks of them, around [low, high): the first day, and instants."""
    first, last = (inquiry.local_day(minute) for minute in (low, max(low, high - 1)))
    if days == WEEK:
        first -= (first - _MONDAY) % WEEK
    for day in range(max(first - days, 0), min(last + days, LAST_DAY) + 1, days):
        end = min(day + days - 1, LAST_DAY)
        yield day, (inquiry.day_span(day)[0], inquiry.day_span(end)[1])


def _caps(rules: BookingRules) -> Iterator[tuple[int, int, Reason, str]]:
    """The caps that rules state: how many days they count, how many, and how they are told."""
    if rules.per_day is not None:
        yield 1, rules.per_day, Reason.DAY_FULL, "day"
    if rules.per_week is not None:
        yield WEEK, rules.per_week, Reason.WEEK_FULL, "week"


def _full(inquiry: Inquiry, scope: Scope, low: int, high: int) -> Iterator[Ruled]:
    if not scope.rules.counts_visits:
        return
    starts = _starts(inquiry.facts, scope)
    for days, most, reason, what in _caps(scope.rules):
        message = f"{scope.called}: {most} a {what} at most, and so many are booked"
        for _, span in periods(inquiry, low, high, days):
            if _within(starts, span) >= most:
                yield Ruled(*span, reason, message, inquiry.provider.resource)


def _starts(facts: Facts, scope: Scope) -> list[int]:
    return sorted(visit.start for visit in facts.visits if scope.about(visit))


def _within(starts: list[int], span: Interval) -> int:
    return bisect_left(starts, span[1]) - bisect_left(starts, span[0])


# ------------------------------------------------------------------------- for whom


def _of_patient(inquiry: Inquiry, scope: Scope, low: int, high: int) -> Iterator[Ruled]:
    """What the rules say of the patient, if it is said who that is."""
    request, rules = inquiry.request, scope.rules
    if request.patient is None:
        return
    patient = Resource(ResourceKind.PATIENT, request.patient)
    always = (low - _LONG, high + _LONG)
    if rules.open_per_patient is not None:
        count = sum(visit.upcoming and scope.about(visit) for visit in inquiry.facts.own)
        if count >= rules.open_per_patient:
            most = rules.open_per_patient
            message = f"{scope.called}: the patient has {count} to come, and {most} are the most"
            yield Ruled(*always, Reason.TOO_MANY_OPEN, message, patient)
    if rules.spacing is not None:
        apart = minutes(rules.spacing)
        message = f"{scope.called}: visits of a patient are at least {spoken(rules.spacing)} apart"
        for visit in inquiry.facts.own:
            if scope.about(visit):
                around = (visit.start - apart + 1, visit.start + apart)
                yield Ruled(*around, Reason.TOO_CLOSE, message, patient)
    if rules.asks_established:
        seen = inquiry.facts.seen_here if scope.provider is not None else inquiry.facts.seen
        if not seen:
            yield from _new(inquiry, scope, low, high, always, patient)
    if rules.needs_referral and not request.referred:
        message = f"{scope.called}: a referral is needed"
        yield Ruled(*always, Reason.REFERRAL, message, patient)
    if rules.needs_prepayment and not request.prepaid:
        message = f"{scope.called}: a payment in advance is needed"
        yield Ruled(*always, Reason.PREPAYMENT, message, patient)


def _new(
    inquiry: Inquiry, scope: Scope, low: int, high: int, always: Interval, patient: Resource
) -> Iterator[Ruled]:
    rules = scope.rules
    if rules.established_only:
        message = f"{scope.called}: only for patients who have been seen before"
        yield Ruled(*always, Reason.ESTABLISHED_ONLY, message, patient)
        return
    message = f"{scope.called}: new patients are not seen then"
    for shut in complement(union(_new_windows(inquiry, rules, low, high)), *always):
        yield Ruled(*shut, Reason.NEW_PATIENTS, message, patient)


def _new_windows(inquiry: Inquiry, rules: BookingRules, low: int, high: int) -> Iterator[Interval]:
    """When new patients are seen, around [low, high)."""
    days = rules.new_patients_on
    for day, span in periods(inquiry, low, high, 1):
        if days is not None and (day + 3) % 7 not in days:  # 1970-01-01 was a Thursday
            continue
        if not rules.new_patients_in:
            yield span
            continue
        zone = inquiry.zone_on(day)
        for hours in rules.new_patients_in:
            edges = (day * DAY + edge for edge in hours.open_minutes())
            start, end = (resolve(zone, edge, Disambiguation.COMPATIBLE) for edge in edges)
            if start < end:
                yield start, end


# ------------------------------------------------------------------ what a booking counts


def counters(inquiry: Inquiry, start: int) -> list[Counter]:
    """The tallies that a booking at a start raises, with what the facts leave of each.

    A tally only goes up: it counts how many were booked since, whatever became of them. Who read
    it before the facts may raise it by as many as the facts left over then, so that rivals who
    read the same facts cannot pass a cap together.
    """
    found, facts, request = list[Counter](), inquiry.facts, inquiry.request
    provider = inquiry.provider.id
    for scope in scopes(inquiry):
        for days, most, reason, what in _caps(scope.rules):
            starts = _starts(facts, scope)
            for day, span in periods(inquiry, start, start + 1, days):
                if span[0] <= start < span[1]:
                    name = tally_name(what, provider, scope.type, day)
                    found.append(Counter(name, reason, most - _within(starts, span)))
        if request.patient is None:
            continue
        whose = (request.patient, scope.provider, scope.type)
        if scope.rules.open_per_patient is not None:
            count = sum(visit.upcoming and scope.about(visit) for visit in facts.own)
            left = scope.rules.open_per_patient - count
            found.append(Counter(tally_name("open", *whose), Reason.TOO_MANY_OPEN, left))
        if scope.rules.spacing is not None:
            name = tally_name("spaced", *whose)
            found.append(Counter(name, Reason.TOO_CLOSE, None, alone=True))
    return found
