"""The demo: two clinics, and somebody in each role who can log in."""

import secrets
import tomllib
from pathlib import Path

from clinic_service.service import Service
from medsched import Patient
from medsched.adapters.clinic_file import load_clinic


def load(service: Service) -> None:
    """Load the demo into empty tables, and print who can log in; nothing where it is loaded."""
    if service.accounts.by_email("admin@example.org"):
        return
    clinic = load_clinic(Path(__file__).with_name("demo.toml"))
    people = tomllib.loads(Path(__file__).with_name("people.toml").read_text("utf-8"))
    practice = service.scheduler.practice(clinic.settings.id)
    practice.add_all([*clinic.records, *(Patient(**one) for one in people["patients"])])
    for email, person in people["accounts"].items():
        password = secrets.token_urlsafe(12)
        service.accounts.add(email, password, **person, practice=practice.id)
        print(f"log in as {email} with {password}")
