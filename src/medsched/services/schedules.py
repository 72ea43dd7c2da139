"""The snapshot that decisions about availability are made on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from medsched.domain.people import Provider
from medsched.domain.places import Device, Location, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.schedule import Calendar, Schedule
from medsched.domain.stored import Kind, Ref, Stored, references
from medsched.errors import NotFound
from medsched.services.context import Context
from medsched.services.view import View

_PLACES: Final = frozenset({Kind.LOCATION, Kind.ROOM, Kind.DEVICE})


def schedule_of(context: Context, provider: str) -> Schedule:
    """The schedule of a provider, whatever may be booked; `NotFound` for an unknown one."""
    return schedule_in(View(context), Resource(ResourceKind.PROVIDER, provider))


def bare_schedule_of(context: Context, provider: str, location: str | None = None) -> Schedule:
    """A provider and where they are, without any hours: what zones follow from.

    Two round trips. `NotFound` for an unknown provider, or an unknown ``location`` if one is named.
    """
    view, whose = View(context), Resource(ResourceKind.PROVIDER, provider)
    named = [] if location is None else [Ref(Kind.LOCATION, location)]
    view.read([Ref.of(whose), Ref.of(view.practice), *named])
    found = _provider(whose, view.row(Ref.of(whose)))
    main = [] if found.location is None else [Ref(Kind.LOCATION, found.location)]
    view.read(main)
    rows = {ref: view.row(ref) for ref in (*named, *main)}
    for ref in named:
        if rows[ref] is None:
            raise NotFound(ref.kind.value, ref.id)
    return Schedule(
        practice=view.settings(),
        provider=found,
        calendars={},
        locations={ref.id: row for ref, row in rows.items() if isinstance(row, Location)},
    )


def schedule_in(view: View, subject: Resource, naming: Iterable[Stored] = ()) -> Schedule:
    """What a view shows of a resource, the practice, and every place that either can involve.

    ``naming`` are appointment types and appointments whose places, rooms and devices belong to it.
    Two round trips for the subject and the practice, two more for the places they name, and
    two for the locations of rooms and devices among those. `NotFound` for an unknown
    provider. For a resource that is no provider the schedule has a nameless stand-in for
    one, which has no hours, zone or place.
    """
    rows: dict[Ref, Stored] = {}
    calendars: dict[Resource, Calendar] = {}
    unseen = {Ref.of(subject), Ref.of(view.practice), *_places(naming)}
    while unseen:
        # Versions come with the calendars: what is read after them may be newer than they
        # say, which the next look at the versions finds out, and never older.
        opened = view.calendars([one for ref in unseen if (one := ref.resource) is not None])
        view.read(unseen)
        found = {ref: row for ref in unseen if (row := view.row(ref)) is not None}
        rows |= found
        calendars |= opened
        named = _places(found.values())
        for read in opened.values():
            named |= _places(read.rules) | _places(read.overrides) | _places(read.blockings)
            named |= _places(read.blocks)
        unseen = named - {Ref.of(one) for one in calendars}
    return Schedule(
        practice=view.settings(),
        provider=_provider(subject, rows.get(Ref.of(subject))),
        calendars=calendars,
        locations={ref.id: row for ref, row in rows.items() if isinstance(row, Location)},
        rooms={ref.id: row for ref, row in rows.items() if isinstance(row, Room)},
        devices={ref.id: row for ref, row in rows.items() if isinstance(row, Device)},
        inactive=frozenset(
            one
            for ref, row in rows.items()
            if ref.kind in _PLACES and not row.active and (one := ref.resource) is not None
        ),
    )


def _places(records: Iterable[Stored]) -> set[Ref]:
    """The locations, rooms and devices that some records name."""
    return {ref for record in records for ref in references(record) if ref.kind in _PLACES}


def _provider(subject: Resource, row: Stored | None) -> Provider:
    if subject.kind is not ResourceKind.PROVIDER:
        return Provider(id=subject.id)  # no rule is ever its own: the kinds differ
    if not isinstance(row, Provider):
        raise NotFound(subject.kind.value, subject.id)
    return row
