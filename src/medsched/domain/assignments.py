"""Assignment rules: who gets a patient where several providers would do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeAlias

import attrs

from medsched.domain.fields import AnyAttribute, check_id, text, whole
from medsched.domain.slots import Slot
from medsched.errors import InvalidChoice

HEAVIEST: Final = 1000
"""The most that a provider may weigh."""


@attrs.frozen(kw_only=True)
class Candidate:
    """A provider who has something suitable, as a rule of assignment sees them.

    ``first`` is their earliest suitable slot. ``seen_at`` is when the patient's latest fulfilled
    appointment with them began, aware and in UTC; None if there is none. ``claimed`` is how much of
    their time is taken on the dates of the search. ``turns`` is how many the rule gave them, under
    its name.
    """

    provider: str
    first: Slot
    seen_at: datetime | None = None
    claimed: timedelta = timedelta(0)
    turns: int = 0


class AssignmentRule(Protocol):
    """A rule of assignment of the host's own.

    It is asked again whenever the world has moved, so it must not remember what it said.
    """

    @property
    def name(self) -> str | None:
        """What its turns are counted under; None: they are not counted.

        Where they are, a booking is decided again if rivals got the provider a turn meanwhile.
        """
        ...

    def order(self, candidates: Sequence[Candidate]) -> Iterable[str]:
        """The ids of providers, the first choice first; who is left out is not booked.

        ``candidates`` are in order of id, and at least one.
        """
        ...


_LONGEST: Final = 60
_name: Final = text(_LONGEST)
_NO_NAME: Final = 0


@attrs.frozen
class ShortestWait:
    """The earliest start; chance decides between providers who have it."""


@attrs.frozen
class RoundRobin:
    """One after the other: whoever had the fewest turns; chance decides between several.

    Turns are stored under the ``name`` (up to 60 characters), so they go on after a restart.
    Between providers who were free alike they differ by one at most, however many book at once.
    Somebody new, or back from leave, takes part from then on and is not given what they missed.
    """

    name: str = attrs.field(default="", validator=_name)


def _weights(
    value: Mapping[str, int] | Iterable[tuple[str, int]],
) -> tuple[tuple[str, int], ...]:
    try:
        return tuple(sorted(dict(value).items()))
    except (TypeError, ValueError):
        raise InvalidChoice("weights", type(value).__name__, "weights by provider's id") from None


def _weigh(instance: object, attribute: AnyAttribute, value: tuple[tuple[str, int], ...]) -> None:
    for provider, weight in value:
        check_id(provider, attribute.name)
        if weight is None:
            raise InvalidChoice(attribute.name, None, "a weight is a whole number")
        whole(1, HEAVIEST)(instance, attribute, weight)


@attrs.frozen
class Weighted:
    """Turns in proportion to weights, 1 to 1000 by provider: 1 for whoever is not named.

    A provider of weight 3 gets three turns where one of weight 1 gets one, spread evenly. The rest
    is as for `RoundRobin`; the two count apart, even under one name.
    """

    weights: tuple[tuple[str, int], ...] = attrs.field(converter=_weights, validator=_weigh)
    name: str = attrs.field(default="", validator=_name)

    def of(self, provider: str) -> int:
        """The weight of a provider."""
        return dict(self.weights).get(provider, 1)


@attrs.frozen
class LeastLoaded:
    """Whoever has the least time taken on the dates of the search.

    Then the earliest start, then chance. Blockings and buffers are time too.
    """


def _a_rule(instance: object, attribute: AnyAttribute, value: object) -> None:
    check_assignment(value, attribute.name)


@attrs.frozen
class EstablishedFirst:
    """Whoever has seen the patient, the latest first; of all others, what ``then`` says.

    Seen means a fulfilled appointment. Who gets an established patient is not given a turn.
    """

    then: Assignment = attrs.field(factory=ShortestWait, validator=_a_rule)


BuiltIn: TypeAlias = ShortestWait | EstablishedFirst | RoundRobin | Weighted | LeastLoaded
"""The rules that are values."""
Assignment: TypeAlias = BuiltIn | AssignmentRule
"""A rule of assignment, built in or of the host's own."""


def check_assignment(value: Any, field: str) -> Assignment:
    """Return what is a rule of assignment; `InvalidChoice` for anything else."""
    known = isinstance(value, BuiltIn)
    if not known and callable(getattr(value, "order", None)):
        name = getattr(value, "name", _NO_NAME)
        known = name is None or (isinstance(name, str) and len(name) <= _LONGEST)
    if not known or isinstance(value, type):
        why = "an assignment rule is needed, with a name (or None) and an order"
        raise InvalidChoice(field, _called(value), why)
    rule: Assignment = value
    return rule


def told_of(rule: Assignment) -> Any:
    """What a request under a key says of a rule: its values, or the class of a host's own."""
    if isinstance(rule, EstablishedFirst):
        return [_called(rule), told_of(rule.then)]
    if isinstance(rule, BuiltIn):
        return [_called(rule), attrs.astuple(rule)]
    return [_called(rule), rule.name]


def _called(value: object) -> str:
    return value.__name__ if isinstance(value, type) else type(value).__name__
