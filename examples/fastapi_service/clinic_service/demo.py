"""The demo: two clinics, and somebody in each role who can log in."""

import secrets
from pathlib import Path
from typing import Any, Final

from clinic_service.accounts import Accounts
from clinic_service.app import store_of
from clinic_service.settings import Settings
from medsched import Patient, Scheduler
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


def load(settings: Settings) -> dict[str, str]:
    """Load the demo into empty tables; the password of each who can log in, none if it is there."""
    store = store_of(settings)
    clinic = load_clinic(CLINIC)
    practice = Scheduler(store).practice(clinic.settings.id)
    accounts = Accounts(store.engine, settings.secret.get_secret_value())
    if accounts.is_taken("admin@example.org"):
        return {}
    practice.add_all([*clinic.records, *PATIENTS])
    told = {email: secrets.token_urlsafe(12) for email in PEOPLE}
    for email, person in PEOPLE.items():
        accounts.add(email, told[email], **person, practice=practice.id)
    store.engine.dispose()
    return told
