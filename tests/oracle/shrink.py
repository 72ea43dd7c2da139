"""A case that shows a difference made small, and written so that a person can read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
from tests.oracle.generate import Case
from tests.oracle.walker import DAY, EPOCH, MINUTE

from medsched.domain.records import Resource
from medsched.domain.schedule import Calendar


def shrink(case: Case, differs: Callable[[Case], bool]) -> Case:
    """Leave things out, one by one, for as long as the case still differs."""
    while True:
        for smaller in reductions(case):
            try:
                still = differs(smaller)
            except Exception:
                continue  # a piece that others need
            if still:
                case = smaller
                break
        else:
            return case


def reductions(case: Case) -> Iterator[Case]:
    """The same case with one thing less."""
    for resource in case.claims:
        rest = {other: taken for other, taken in case.claims.items() if other != resource}
        yield attrs.evolve(case, claims=rest)
    for resource, taken in case.claims.items():
        if len(taken) > 1:
            for place in range(len(taken)):
                fewer = taken[:place] + taken[place + 1 :]
                yield attrs.evolve(case, claims={**case.claims, resource: fewer})
    for resource in case.schedule.calendars:
        yield with_calendar(case, resource, Calendar())
    for resource, calendar in case.schedule.calendars.items():
        for field in attrs.fields(Calendar):
            items = getattr(calendar, field.name)
            for place, item in enumerate(items):
                for smaller in [(), *((one,) for one in plainer(item))]:
                    changed = {field.name: (*items[:place], *smaller, *items[place + 1 :])}
                    yield with_calendar(case, resource, attrs.evolve(calendar, **changed))
    for provider in plainer(case.schedule.provider):
        yield with_schedule(case, provider=provider)
    for name, location in case.schedule.locations.items():
        others = {id: one for id, one in case.schedule.locations.items() if id != name}
        yield with_schedule(case, locations=others)
        for one in plainer(location):
            yield with_schedule(case, locations={**others, name: one})
    for name in case.schedule.rooms:
        rest_of_rooms = {id: one for id, one in case.schedule.rooms.items() if id != name}
        yield with_schedule(case, rooms=rest_of_rooms)
    if case.schedule.inactive:
        yield with_schedule(case, inactive=frozenset())
    for type_ in plainer(case.request.type):
        yield attrs.evolve(case, request=attrs.evolve(case.request, type=type_))
    for request in plainer(case.request):
        yield attrs.evolve(case, request=request)
    if case.high - case.low > DAY:
        yield attrs.evolve(case, low=case.low + DAY // 2)
        yield attrs.evolve(case, high=case.high - DAY // 2)


def with_schedule(case: Case, **changes: Any) -> Case:
    return attrs.evolve(case, schedule=attrs.evolve(case.schedule, **changes))


def with_calendar(case: Case, resource: Resource, calendar: Calendar) -> Case:
    calendars = {**case.schedule.calendars, resource: calendar}
    if calendar == Calendar():
        del calendars[resource]
    return with_schedule(case, calendars=calendars)


def plainer(thing: Any) -> Iterator[Any]:
    """The same thing with one field at its default, or one item fewer in it."""
    for field in attrs.fields(type(thing)):
        if not field.init or field.default is attrs.NOTHING or field.name in ("id", "code"):
            continue
        value, default = getattr(thing, field.name), default_of(field)
        options = [default]
        if isinstance(value, tuple) and len(value) > 1:
            options += [value[:place] + value[place + 1 :] for place in range(len(value))]
        for option in options:
            if option != value:
                try:
                    yield attrs.evolve(thing, **{field.name: option})
                except ValueError:
                    continue
    if hasattr(thing, "hours") and len(thing.hours) > 1:
        for place in range(len(thing.hours)):
            try:
                yield attrs.evolve(thing, hours=thing.hours[:place] + thing.hours[place + 1 :])
            except ValueError:
                continue


def default_of(field: Any) -> Any:
    default = field.default
    value = default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]
    return field.converter(value) if field.converter is not None else value


# ----------------------------------------------------------------------- writing


def describe(case: Case) -> str:
    """Everything that is said in a case, and nothing that is left at its default."""
    schedule = case.schedule
    lines = [
        f"seed {case.seed}, {case.zone}, clock change at {at(case.change)}",
        f"query {at(case.low)} to {at(case.high)}",
        f"now {case.request.now}, patient {case.request.patient}",
        brief(case.request.type),
        brief(schedule.practice),
        brief(schedule.provider),
        *(brief(one) for one in schedule.locations.values()),
        *(brief(one) for one in schedule.rooms.values()),
    ]
    if schedule.inactive:
        lines.append(f"inactive: {', '.join(map(str, schedule.inactive))}")
    for calendar in schedule.calendars.values():
        lines += map(brief, (*calendar.rules, *calendar.overrides, *calendar.blockings))
    for taken in case.claims.values():
        lines += [
            f"{claim.kind.value} of {claim.resource}: {at(claim.low)} to {at(claim.high)}"
            + (f", expires {claim.expires}" if claim.expires else "")
            for claim in taken
        ]
    return "\n".join(lines)


def at(minute: int) -> str:
    return f"{EPOCH + minute * MINUTE:%Y-%m-%d %H:%MZ}"


def brief(thing: Any) -> str:
    shown = []
    for field in attrs.fields(type(thing)):
        value = getattr(thing, field.name)
        if field.init and (field.default is attrs.NOTHING or value != default_of(field)):
            text = ", ".join(map(str, value)) if field.name in ("hours", "breaks") else str(value)
            shown.append(f"{field.name}={text}")
    name = type(thing).__name__
    return f"{name}({'; '.join(shown)})"
