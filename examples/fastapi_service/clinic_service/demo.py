"""The demo: two clinics, and somebody in each role who can log in."""

import secrets
from pathlib import Path
from typing import Any, Final

from clinic_service.who import Service
from medsched import Patient
from medsched.adapters.clinic_file import load_clinic

CLINIC: Final = Path(__file__).with_name("demo.toml")
PATIENTS: Final = (
    Patient(id="ada", name="Ada Byron", locations={"main-street"}),
    Patient(id="ben", name="Ben Ode", locations={"harbour"}),
)
PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "patient@example.org": {"role": "patient", "patient": "ada"},
    "other@example.org": {"role": "patient", "patient": "ben"},
    "provider@example.org": {"role": "provider", "provider": "smith"},
    "staff@example.org": {"role": "staff", "locations": ["main-street"]},
    "admin@example.org": {"role": "admin"},
}


def load(service: Service) -> None:
    """Load the demo into empty tables, and print who can log in; nothing where it is loaded."""
    if service.accounts.by_email("admin@example.org"):
        return
    clinic = load_clinic(CLINIC)
    practice = service.scheduler.practice(clinic.settings.id)
    practice.add_all([*clinic.records, *PATIENTS])
    for email, person in PEOPLE.items():
        password = secrets.token_urlsafe(12)
        service.accounts.add(email, password, **person, practice=practice.id)
        print(f"log in as {email} with {password}")
