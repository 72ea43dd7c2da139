"""Whose the time of a resource is to change: its own provider's, or those's who run its place."""

from __future__ import annotations

from medsched.domain.access import Reach
from medsched.domain.people import Provider
from medsched.domain.places import Device, Room
from medsched.domain.records import Resource, ResourceKind
from medsched.ports.store import Store


def is_kept(store: Store, practice: str, reach: Reach, resource: Resource) -> bool:
    """Whether who reaches so much may change the time of a resource.

    Providers reach their own. Whoever reaches a location may change its time, that of the rooms and
    devices there, and of the providers whose main location it is. Nobody's is a patient's time, and
    the practice's own is for those who reach everything.
    """
    if reach.everything:
        return True
    match resource.kind:
        case ResourceKind.LOCATION:
            return resource.id in reach.locations
        case ResourceKind.PROVIDER:
            own = resource.id in reach.providers
            return own or _lies(store, practice, reach, Provider, resource.id)
        case ResourceKind.ROOM:
            return _lies(store, practice, reach, Room, resource.id)
        case ResourceKind.DEVICE:
            return _lies(store, practice, reach, Device, resource.id)
        case _:
            return False


def _lies(
    store: Store,
    practice: str,
    reach: Reach,
    cls: type[Provider] | type[Room] | type[Device],
    id: str,
) -> bool:
    """Whether the place of something is reached."""
    if not reach.locations:
        return False
    found = store.get(practice, cls, id)
    return found is not None and found.location in reach.locations
