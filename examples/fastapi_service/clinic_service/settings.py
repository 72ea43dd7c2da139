"""What can be set from outside, by environment variables or on the command line."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one running service; ``secret`` is the only one that must be given."""

    model_config = SettingsConfigDict(
        env_prefix="MEDSCHED_SERVICE_", extra="forbid", cli_kebab_case=True, cli_implicit_flags=True
    )

    secret: SecretStr = Field(min_length=32)
    """What tokens, login names and second factors are keyed with: who has it can be anybody."""
    database: str = "sqlite:///clinic.db"
    """``postgresql+psycopg://…`` for PostgreSQL: nothing else changes."""
    keys: Path | None = None
    """A file of keys: all that is a patient's is sealed, and every access is written down."""
    practice: str = "riverside"
    """The practice that patients register with."""
    demo: bool = True
    """Whether the first start loads the demo: clinics, and somebody in each role."""
    host: str = "127.0.0.1"
    port: int = 8000
    proxy_headers: bool = False
    """Whether a proxy is in front, on this machine, that says whom a request comes from."""

    audience: str = "clinic-service"
    issuer: str = "clinic-service"
    access_lifetime: int = 10 * 60
    """All times are in seconds: an access token is good for so long."""
    session_lifetime: int = 12 * 60 * 60
    """How long one may stay logged in, whatever one does."""
    idle_timeout: int = 30 * 60
    """How long one stays logged in without a request."""

    attempts_per_account: int = 10
    attempts_per_address: int = 60
    attempts_within: int = 5 * 60
    """So many logins may fail within so long; then there is a wait."""

    largest_body: int = 65_536
    """Bytes of a request's body."""
    streams_per_account: int = 50
    """So many streams of changes may be followed at once."""
    holds_per_patient: int = 5
    """So many slots a patient keeps at once while they decide."""
    work_every: float = 5.0
    """Seconds between two passes over the waitlist, which offer what has come free."""
    poll_every: float = 1.0
    """Seconds between two looks for changes, for whoever follows them."""
