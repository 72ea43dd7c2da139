"""Rosters: who works in a practice, when, and for what, read once and used by every search.

One number of the store tells whether any of it has changed, so that a search need not ask for a
thousand schedules whether they are as they were. When it has, only what changed is read anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from threading import Lock
from typing import Final

from medsched.domain.appointment_types import AppointmentType
from medsched.domain.people import Provider
from medsched.domain.places import Device, Location, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.searches import Search
from medsched.domain.stored import Kind, Ref, Stored
from medsched.engine.crowds import Post
from medsched.engine.free_starts import Template, is_plain
from medsched.engine.searching import suits_provider, suits_type
from medsched.engine.sweeps import Suiting
from medsched.ports.store import VersionedCalendar
from medsched.services.context import Context
from medsched.services.schedules import schedule_in
from medsched.services.view import View

KEPT: Final = 16
"""The rosters of how many practices are kept; the one not asked for longest goes first."""
_SEARCHES: Final = 64
"""How many answers to the question who suits a search are kept."""
_DAYS: Final = 1_000_000
"""How many days of templates are kept: about 100 MB. Beyond that all are worked out anew."""
_PLACES: Final = (Location, Room, Device)


class Roster:
    """What was read of one practice, as of one version of its roster.

    Threads and tasks share it without a lock, which could not be held while something is read: what
    two of them read at once is the same, and is kept once.
    """

    def __init__(self, version: int, versions: Mapping[Resource, int]) -> None:
        self.version = version
        self._versions = versions
        self._types: dict[str, AppointmentType] = {}
        self._rows: dict[Ref, Stored | None] = {}
        self._calendars: dict[Resource, VersionedCalendar] = {}
        self._posts: dict[tuple[str, str], Post] = {}
        self._suiting: OrderedDict[object, Suiting] = OrderedDict()
        self._timings: dict[object, int] = {}
        self._whole = False
        """Whether all providers were read, and not only some."""
        self.places: dict[str, Location] = {}
        """The locations of the practice, by id."""

    # ------------------------------------------------------------------------ reading

    @classmethod
    def read(cls, context: Context) -> Roster:
        """All but providers and their hours, which are read when they are looked for."""
        store, practice = context.store, context.practice
        version = store.roster_version(practice)
        made = cls(version, store.all_schedule_versions(practice))
        made._types = {one.code: one for one in context.records(AppointmentType, active=None)}
        own = Resource(ResourceKind.PRACTICE, practice)
        for one in (one for place in _PLACES for one in context.records(place, active=None)):
            made._rows[Ref.to(one)] = one
            if isinstance(one, Location):
                made.places[one.id] = one
        places = [ref.resource for ref in made._rows]
        made._calendars.update(
            store.calendars(practice, [own, *(one for one in places if one is not None)])
        )
        View.over(context, made._rows, made._calendars).settings()
        return made

    def since(self, context: Context) -> Roster:
        """The roster as it is now: this one, or another that has what did not change of it."""
        store, practice = context.store, context.practice
        if store.roster_version(practice) == self.version:
            return self
        new = Roster.read(context)
        before, after = self._versions, new._versions
        changed = {one for one in {*before, *after} if before.get(one, 0) != after.get(one, 0)}
        whose = {Kind(one.kind.value) for one in changed}
        for ref, row in list(self._rows.items()):
            if ref.kind is Kind.PROVIDER and ref.resource not in changed:
                new._rows[ref] = row
        for owner, calendar in list(self._calendars.items()):
            # Read later than the versions, it may be newer than they say, but not older.
            if owner.kind is ResourceKind.PROVIDER and calendar.version == after.get(owner, 0):
                new._calendars[owner] = calendar
        new._whole = self._whole
        if self._whole:
            refs = [Ref.of(one) for one in changed if one.kind is ResourceKind.PROVIDER]
            found = store.get_many(practice, refs) if refs else {}
            new._rows.update((ref, found.get(ref)) for ref in refs)
        if whose <= {Kind.PROVIDER} and new._types == self._types:
            new._timings = self._timings
            new._posts = {
                key: post
                for key, post in list(self._posts.items())
                if post.provider.resource not in changed
                and Ref.to(post.provider) in new._rows
                and post.provider.resource in new._calendars
            }
        return new

    # ---------------------------------------------------------------------- answering

    def missing(self, context: Context, search: Search) -> Ref | None:
        """A type, provider or location that a search names and that is not there, if there is."""
        for code in search.types or ():
            if code not in self._types:
                return Ref(Kind.APPOINTMENT_TYPE, code)
        refs = {Ref(Kind.PROVIDER, id) for id in search.providers or ()}
        view = View.over(context, self._rows, self._calendars)
        if not self._whole:
            view.read(refs)
        if isinstance(search.location, str):
            refs.add(Ref(Kind.LOCATION, search.location))
        return min((ref for ref in refs if self._rows.get(ref) is None), default=None)

    def suiting(self, context: Context, search: Search) -> Suiting:
        """Who suits a search, whenever it is, with which types: in order of id and code."""
        key = (
            *(search.types, search.modality, search.providers, search.specialty),
            *(search.language, search.insurer, search.role, search.rating),
            search.years_of_experience,
        )
        found = self._suiting.get(key)
        if found is None:
            found = Suiting.of(self._find(context, search))
            self._suiting[key] = found
            if len(self._suiting) > _SEARCHES:
                self._suiting.popitem(last=False)
        return found

    def _find(self, context: Context, search: Search) -> tuple[Post, ...]:
        types = sorted(
            (one for one in self._types.values() if suits_type(search, one)),
            key=lambda one: one.code,
        )
        providers = [
            one for one in self._providers(context, search.providers) if suits_provider(search, one)
        ]
        self._read_calendars(context, [one.resource for one in providers])
        if sum(post.template.size for post in list(self._posts.values())) > _DAYS:
            self._posts = {}
        posts = (self._post(context, one, type_) for one in providers for type_ in types)
        return tuple(post for post in posts if not post.template.closed)

    def _providers(self, context: Context, ids: Collection[str] | None) -> list[Provider]:
        if ids is None and not self._whole:
            for one in context.records(Provider, active=None):
                self._rows[Ref.to(one)] = one
            self._whole = True
        if ids is None:
            found = [row for row in list(self._rows.values()) if isinstance(row, Provider)]
        else:
            refs = [Ref(Kind.PROVIDER, id) for id in ids]
            view = View.over(context, self._rows, self._calendars)
            view.read(refs)
            rows = (view.row(ref) for ref in refs)
            found = [row for row in rows if isinstance(row, Provider)]
        return sorted((one for one in found if one.active), key=lambda one: one.id)

    def _read_calendars(self, context: Context, resources: Iterable[Resource]) -> None:
        unread = [one for one in resources if one not in self._calendars]
        if unread:
            self._calendars.update(context.store.calendars(context.practice, unread))

    def _post(self, context: Context, provider: Provider, type_: AppointmentType) -> Post:
        key = (provider.id, type_.code)
        found = self._posts.get(key)
        if found is None:
            view = View.over(context, self._rows, self._calendars)
            schedule = schedule_in(view, provider.resource, [type_])
            found = self._posts[key] = Post(
                provider,
                type_,
                Template(schedule, type_, context.zones),
                is_plain(schedule, type_, context.zones),
                self._timing(provider, type_),
            )
        return found

    def _timing(self, provider: Provider, type_: AppointmentType) -> int:
        """A number that posts share whose rules of time are alike."""
        key = (
            *(type_.notice, type_.furthest_ahead, type_.days_ahead),
            *(provider.notice, provider.furthest_ahead, provider.days_ahead),
            None if type_.days_ahead is provider.days_ahead is None else provider.id,
        )
        return self._timings.setdefault(key, len(self._timings))


class Rosters:
    """The rosters of some practices. Threads may share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, Roster] = OrderedDict()

    def of(self, context: Context, *, fresh: bool = True) -> Roster:
        """The roster of a practice; not ``fresh``: as it was when it was last looked at."""
        with self._lock:
            kept = self._kept.get(context.practice)
            if kept is not None:
                self._kept.move_to_end(context.practice)
        if kept is not None and not fresh:
            return kept
        found = Roster.read(context) if kept is None else kept.since(context)
        if found is not kept:
            with self._lock:
                self._kept[context.practice] = found
                self._kept.move_to_end(context.practice)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return found
