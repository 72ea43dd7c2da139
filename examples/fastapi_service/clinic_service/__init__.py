"""A scheduling service for a clinic, thin over medsched: `create_app` makes it."""

from clinic_service.app import create_app
from clinic_service.settings import Settings

__all__ = ["Settings", "create_app"]
