"""``python -m clinic_service``: the service with the demo clinics, in one command."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
from pathlib import Path

import uvicorn

from clinic_service import create_app, demo
from clinic_service.app import prepare
from clinic_service.logs import JsonLines
from clinic_service.settings import Settings

SECRET = "MEDSCHED_SERVICE_SECRET"
KEPT = Path("clinic.secret")


def main() -> None:
    """Make what is missing, then serve."""
    parser = argparse.ArgumentParser(prog="clinic_service", description=__doc__)
    parser.add_argument("--no-demo", action="store_true", help="load no clinics and no accounts")
    asked = parser.parse_args()
    if SECRET not in os.environ:  # for a look at it; a real service is given its secret
        if not KEPT.exists():
            KEPT.touch(0o600)
            KEPT.write_text(secrets.token_hex(32))
        os.environ[SECRET] = KEPT.read_text()
    settings = Settings()  # type: ignore[call-arg]  # from the environment
    prepare(settings)
    for email, password in ({} if asked.no_demo else demo.load(settings)).items():
        print(f"log in as {email} with {password}")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    app = create_app(settings)
    uvicorn.run(app, host=settings.host, port=settings.port, access_log=False, log_config=None)


if __name__ == "__main__":
    main()
