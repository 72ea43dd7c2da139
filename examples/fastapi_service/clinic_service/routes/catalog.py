"""What one can choose from: places, providers and appointment types."""

from __future__ import annotations

from fastapi import APIRouter

from clinic_service.models.offers import ResourceOut
from clinic_service.pages import every
from clinic_service.who import Clinic

router = APIRouter(prefix="/api/v1", tags=["catalog"])


@router.get("/locations")
def locations(clinic: Clinic) -> list[ResourceOut]:
    """The clinics of the practice."""
    return [ResourceOut.model_validate(one) for one in every(clinic.locations.list)]


@router.get("/providers")
def providers(clinic: Clinic) -> list[ResourceOut]:
    """Who sees patients."""
    return [ResourceOut.model_validate(one) for one in every(clinic.providers.list)]


@router.get("/appointment-types")
def appointment_types(clinic: Clinic) -> list[ResourceOut]:
    """What can be booked."""
    return [ResourceOut.model_validate(one) for one in every(clinic.appointment_types.list)]
