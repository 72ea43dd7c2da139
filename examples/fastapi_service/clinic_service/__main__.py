"""``python -m clinic_service``: the service with the demo clinics, in one command."""

import logging
import os
from pathlib import Path
from secrets import token_hex

import uvicorn

from clinic_service import Settings, create_app, demo
from clinic_service.logs import JsonLines
from clinic_service.service import prepare
from medsched.adapters.keys.local import LocalKeys


def made_up() -> dict[str, str]:
    """What a real service is given: for a look at it, made here and kept beside the database."""
    secret, keys = Path("clinic.secret"), Path("clinic.keys")
    if not secret.exists():
        secret.touch(0o600)
        secret.write_text(token_hex(32))
        LocalKeys.create(keys)
    return {"MEDSCHED_SERVICE_SECRET": secret.read_text(), "MEDSCHED_SERVICE_KEYS": str(keys)}


def main() -> None:
    """Make what is missing, then serve."""
    if "MEDSCHED_SERVICE_SECRET" not in os.environ:
        os.environ |= made_up()
    settings = Settings(_cli_parse_args=True)  # type: ignore[call-arg]  # and the environment
    prepare(settings)
    app = create_app(settings)
    if settings.demo:
        demo.load(app.state.service)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    said = settings.model_dump(include={"host", "port", "proxy_headers"})
    uvicorn.run(app, access_log=False, log_config=None, **said)


if __name__ == "__main__":
    main()
