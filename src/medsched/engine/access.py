"""Roles and what they may do: the library's own policy, as a table.

What no table names is denied to every role: whoever adds an operation says here who may run it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import reduce
from itertools import product
from operator import or_
from typing import Final

from medsched.domain.access import EVERYTHING, NOTHING, Decision, Grant, Reach
from medsched.domain.principals import Principal, Role

_ALL: Final = frozenset({Role.PATIENT, Role.PROVIDER, Role.STAFF, Role.ADMIN})
_CARE: Final = _ALL - {Role.PATIENT}
_BESIDE: Final = frozenset({Role.PROVIDER, Role.STAFF})
_OFFICE: Final = frozenset({Role.ADMIN})

_TABLE: Final[Mapping[frozenset[Role], Mapping[str, str]]] = {
    _ALL: {
        # What a practice offers.
        "practice": "read",
        "provider": "read list",
        "location": "read list",
        "room": "read list",
        "device": "read list",
        "appointment-type": "read list",
        "time-block": "read list",
        "availability": "slots opened explain published",
        "search": "slots",
        "changes": "follow",
        # Whom it sees, and when.
        "patient": "read list update",
        "appointment": (
            "read list book request follow-up book-first find-chain book-chain reschedule"
            " accept arrive check-in cancel state-notes"
        ),
        "series": "read list book reschedule cancel",
        "hold": "read list place confirm release",
        "waitlist": "join change leave accept decline position",
        "waitlist-entry": "read list",
        "waitlist-offer": "read list",
        "calendar": "read",
        "access": "own",
    },
    _CARE: {
        "staff": "read list",
        "search": "load",
        "patient": "create register",
        "appointment": (
            "propose confirm override details conflicts propose-moves move-offered"
            " change-resources annotate fulfil mark-noshow enter-in-error"
        ),
        "waitlist": "set-urgency backdate offer withdraw waiting eligible",
        # What hours are made of is told to all who work here; each changes those of the resources
        # that they keep: those of staff are at their locations.
        "availability": "timeline add check publish would-strand stranded",
        "rule": "read list update activate deactivate",
        "override": "read list update activate deactivate",
        "blocking": "read list update activate deactivate add block-slot move release",
        "one-off-blocking": "read list",
        "slot-override": "read list update activate deactivate",
        "release-rule": "read list update activate deactivate",
        "slot": "change delete delete-recurring restore",
        "time-block": "publish update activate deactivate",
    },
    _BESIDE: {"access": "break-glass"},
    _OFFICE: {
        "practice": "update",
        "provider": "create update activate deactivate delete",
        "staff": "create update activate deactivate delete",
        "location": "create update activate deactivate delete",
        "room": "create update activate deactivate delete",
        "device": "create update activate deactivate delete",
        "appointment-type": "create update activate deactivate delete",
        "patient": "activate deactivate delete shred",
        "rule": "delete",
        "override": "delete",
        "blocking": "delete",
        "slot-override": "delete",
        "release-rule": "delete",
        "time-block": "delete",
        "record": "add-all choose-id",
        "hold": "sweep",
        "waitlist": "work",
        "event": "list",
        "tally": "read",
        "access": "grant revoke list",
        "audit": "report seal verify retain prune",
    },
}


def _named() -> Iterator[tuple[str, frozenset[Role]]]:
    for roles, about in _TABLE.items():
        for noun, verbs in about.items():
            for verb in verbs.split():
                yield f"{noun}.{verb}", roles


OPERATIONS: Final[Mapping[str, frozenset[Role]]] = dict(_named())
"""Every operation that there is, and the roles that may run it at all."""
KEEPING: Final[frozenset[str]] = frozenset(
    f"{noun}.{verb}"
    for noun, verb in product(
        ("rule", "override", "blocking", "slot-override", "release-rule", "time-block"),
        ("update", "activate", "deactivate"),
    )
) | {
    *("availability.add", "availability.publish", "time-block.publish"),
    *("blocking.add", "blocking.block-slot", "blocking.move", "blocking.release"),
    *("one-off-blocking.read", "one-off-blocking.list"),
    *("slot.change", "slot.delete", "slot.delete-recurring", "slot.restore"),
}
"""The operations on resources' own time, which a grant for a clinic opens to no provider."""


class RolePolicy:
    """`Policy` by role.

    Patients reach their own records, providers those of their patients, staff those of their
    clinics, admins those of their practice; nobody reaches another practice's.
    ``grants`` add to what providers and staff reach, never to what they may do. Of several roles
    each adds what it reaches in the operations that it may run.
    """

    def permits(
        self, principal: Principal, operation: str, practice: str, now: datetime
    ) -> Decision:
        """Whether a role of theirs may; what no rule names nobody may, and none elsewhere."""
        if principal.is_trusted:
            return Decision(True, "the host has authorised it")
        if principal.practice != practice:
            return Decision(False, "they act in another practice")
        if operation not in OPERATIONS:
            return Decision(False, "no rule allows it")
        able = principal.roles & OPERATIONS[operation]
        if able:
            return Decision(True, f"allowed to {_told(able)}")
        if not principal.roles:
            return Decision(False, "they have no role")
        return Decision(False, f"not allowed to {_told(principal.roles)}")

    def reach(
        self, principal: Principal, grants: Collection[Grant], operation: str, now: datetime
    ) -> Reach:
        """What each role of theirs that may run it reaches, and what they are granted."""
        if principal.is_trusted:
            return EVERYTHING
        able = principal.roles & OPERATIONS.get(operation, frozenset())
        found = [_of_role(role, principal) for role in able]
        if able & _BESIDE:
            places = Role.STAFF in able or operation not in KEEPING
            found += [
                Reach(locations=one.locations if places else frozenset(), patients=one.patients)
                for one in grants
                if one.principal == principal.id and one.is_in_force(now)
            ]
        return reduce(or_, found, NOTHING)


def _told(roles: Collection[Role]) -> str:
    return ", ".join(sorted(roles))


def _of_role(role: Role, principal: Principal) -> Reach:
    match role:
        case Role.ADMIN:
            return EVERYTHING
        case Role.STAFF:
            return Reach(locations=principal.locations, unplaced=True)
        case Role.PROVIDER if principal.provider is not None:
            return Reach(providers=frozenset({principal.provider}))
        case Role.PATIENT if principal.patient is not None:
            return Reach(patients=frozenset({principal.patient}))
        case _:
            return NOTHING
