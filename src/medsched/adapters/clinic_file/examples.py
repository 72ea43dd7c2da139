"""The clinic file that comes with the package: two real vaccination clinics of 2021."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Final

from medsched.adapters.clinic_file.clinic import Clinic
from medsched.adapters.clinic_file.loading import read_clinic
from medsched.timeline.zones import ZoneSource

_NAME: Final = "washington-2021.toml"


def example_text() -> str:
    """The file as it is written, in TOML."""
    return files("medsched.adapters.clinic_file").joinpath(_NAME).read_text("utf-8")


def example_clinic(*, zones: ZoneSource | None = None) -> Clinic:
    """The practice that it states: two clinics of Washington State in September 2021."""
    return read_clinic(tomllib.loads(example_text()), _NAME, zones=zones)
