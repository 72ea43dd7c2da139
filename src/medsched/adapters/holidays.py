"""Public holidays as closures, from the optional package ``holidays`` (extra ``holidays``)."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from medsched.domain.availability import Override
from medsched.domain.records import Resource, resource
from medsched.errors import InvalidChoice, InvalidNumber, MissingExtra
from medsched.timeline.instants import FIRST_DATE, LAST_DATE


def holiday_overrides(
    resource_: Resource | str,
    country: str,
    years: int | Iterable[int],
    subdivision: str | None = None,
    *,
    observed: bool = True,
) -> list[Override]:
    """A closure of ``resource_`` on each public holiday of a country, in order of date.

    ``country`` is its ISO 3166-1 code (``US``), ``subdivision`` the part of ISO 3166-2 after it
    (``WA``). With ``observed`` a holiday that falls on a weekend closes the working day that
    it is moved to as well. Each closure names its holiday as ``reason``, and has an id
    made of resource, country and date, so that writing them twice makes no second set.
    A bare id is a provider's.

    Raises `MissingExtra` when the package is not installed, `InvalidChoice` for a country or
    subdivision that it does not know, `InvalidNumber` for a year outside 1973 to 9998.
    """
    package = _package()
    whose = resource(resource_)
    wanted = sorted({years} if isinstance(years, int) else set(years))
    for year in wanted:
        if not FIRST_DATE.year <= year <= LAST_DATE.year:
            raise InvalidNumber("years", year, "a year from 1973 to 9998")
    _check_place(package, country, subdivision)
    calendar = package.country_holidays(
        country, subdiv=subdivision, years=wanted, observed=observed
    )
    place = f"{country}-{subdivision}" if subdivision else country
    return [
        Override.closed(whose, day, reason=name[:500], id=f"{whose} holiday {place} {day}")
        for day, name in sorted(calendar.items())
        if day.year in wanted  # a moved holiday may land in the year before
    ]


def _package() -> ModuleType:
    try:
        import holidays
    except ImportError:
        raise MissingExtra("public holidays", "holidays") from None
    return holidays


def _check_place(package: ModuleType, country: str, subdivision: str | None) -> None:
    known: dict[str, list[str]] = package.list_supported_countries(include_aliases=True)
    if country not in known:
        why = "not a country of the package holidays: two capital letters (ISO 3166), such as US"
        raise InvalidChoice("country", country, why)
    if subdivision is not None and subdivision not in known[country]:
        listed = ", ".join(known[country]) or "none at all"
        why = f"not a subdivision that {country} has holidays of: {listed}"
        raise InvalidChoice("subdivision", subdivision, why)
