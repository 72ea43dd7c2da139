"""On which dates: ``repeat`` and what goes with it, plain dates, or an RRULE of RFC 5545."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from medsched.adapters.clinic_file import values
from medsched.adapters.clinic_file.reading import Entry, Schema, suggestion
from medsched.errors import InvalidValue
from medsched.timeline.instants import FIRST_DATE
from medsched.timeline.recurrence import Recurrence

RECURRENCE: Schema = {
    "repeat": values.text,
    "every": values.whole,
    "days": values.weekdays,
    "on_day": values.wholes,
    "on": values.texts,
    "date": values.day,
    "dates": values.days,
    "rrule": values.text,
    "from": values.day,
    "until": values.day,
    "count": values.whole,
    "also": values.days,
    "except": values.days,
}

_LIMITS = {"from", "until", "count", "also", "except"}
_GOES_WITH = {
    "daily": {"every", *_LIMITS},
    "weekdays": _LIMITS,
    "weekly": {"every", "days", *_LIMITS},
    "monthly": {"every", "on_day", "on", *_LIMITS},
    "yearly": {"every", *_LIMITS},
}
_FIELDS = {
    "COUNT": "count",
    "UNTIL": "until",
    "INTERVAL": "every",
    "BYDAY": "on",
    "BYMONTHDAY": "on_day",
    "EXDATE": "except",
    "start": "from",
    "rdates": "also",
    "exdates": "except",
    "days": "dates",
}


def recurrence(entry: Entry) -> Recurrence | None:
    """The dates that an entry with the fields of `RECURRENCE` states, or None, noted why."""
    forms = [name for name in ("repeat", "date", "dates", "rrule") if entry.stated(name)]
    if not forms and entry.stated("days"):
        form = "weekly"
    elif not forms:
        entry.note("", 'on which dates is missing: give repeat = "weekly" with days, or date')
        return None
    elif len(forms) > 1:
        entry.note(forms[1], f"not together with {forms[0]}")
        return None
    else:
        form = entry.values.get("repeat", "") if forms == ["repeat"] else forms[0]
    if entry.failed and any(entry.stated(name) and name not in entry.values for name in RECURRENCE):
        return None  # what is wrong with its parts is noted
    try:
        return _make(entry, form)
    except InvalidValue as error:
        field = _FIELDS.get(error.field, "")
        entry.failed = True
        if form == "rrule" and field not in ("except", "from", "also"):
            why = error.why if error.field == "RRULE" else f"{error.field}: {error.why}"
            entry.note("rrule", why)
        else:
            path = field if entry.stated(field) else (forms[0] if forms else "days")
            entry.field.refuse(error, entry.field.at(path, None).path)
    return None


def _make(entry: Entry, form: str) -> Recurrence | None:
    given = entry.values
    if form in ("date", "dates"):
        if not _fits(entry, form, {form, "except"}):
            return None
        once = Recurrence.dates(*([given["date"]] if form == "date" else given["dates"]))
        return Recurrence(
            once.start,
            once.frequency,
            count=once.count,
            rdates=once.rdates,
            exdates=given.get("except", ()),
        )
    if form == "rrule":
        if not _fits(entry, form, {"rrule", "from", "also", "except"}):
            return None
        if "from" not in given:
            entry.note("from", "is missing: the date that the rrule counts from")
            return None
        return Recurrence.parse(
            given["rrule"],
            start=given["from"],
            rdates=given.get("also", ()),
            exdates=given.get("except", ()),
        )
    if form not in _GOES_WITH:
        known = ", ".join(_GOES_WITH)
        entry.note("repeat", f"must be one of {known}{suggestion(form, _GOES_WITH)} (got {form!r})")
        return None
    if not _fits(entry, f'repeat = "{form}"', {"repeat", *_GOES_WITH[form]}):
        return None
    start = _start(entry, form)
    return _repeat(entry, form, start, given) if start is not None else None


def _fits(entry: Entry, form: str, allowed: set[str]) -> bool:
    others = [name for name in RECURRENCE if entry.stated(name) and name not in allowed]
    for name in others:
        entry.note(name, f"does not go with {form}")
    return not others


def _start(entry: Entry, form: str) -> date | None:
    """The first date; without one the dates must not depend on it."""
    stated = entry.values.get("from")
    if isinstance(stated, date):
        return stated
    counted = entry.values.get("every", 1) != 1 or "count" in entry.values
    bare = form == "weekly" and "days" not in entry.values
    if counted or bare or form == "yearly":
        entry.note("from", "is missing: the date to count from")
        return None
    return FIRST_DATE


def _repeat(entry: Entry, form: str, start: date, given: Mapping[str, Any]) -> Recurrence | None:
    every: int = given.get("every", 1)
    limits: Any = {
        "until": given.get("until"),
        "count": given.get("count"),
        "rdates": given.get("also", ()),
        "exdates": given.get("except", ()),
    }
    match form:
        case "daily":
            return Recurrence.daily(start, every=every, **limits)
        case "weekdays":
            return Recurrence.weekdays(start, **limits)
        case "weekly":
            return Recurrence.weekly(given.get("days"), start=start, every=every, **limits)
        case "yearly":
            return Recurrence.yearly(start=start, every=every, **limits)
    if ("on" in given) == ("on_day" in given):
        why = 'monthly needs either on_day = 15 or on = "2TU" (the second Tuesday)'
        entry.note("on_day", why)
        return None
    if "on" in given:
        which = ",".join(given["on"])
        return Recurrence.monthly_on(which, start=start, every=every, **limits)
    return Recurrence.monthly(given["on_day"], start=start, every=every, **limits)
