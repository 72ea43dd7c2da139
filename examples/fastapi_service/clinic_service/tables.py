"""The service's own tables, beside those of the library in the same database."""

from typing import Final

import sqlalchemy as sa

METADATA: Final = sa.MetaData()

ACCOUNT: Final = sa.Table(
    "service_account",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("login", sa.String(64), nullable=False, unique=True),  # keyed: no address is kept
    sa.Column("password", sa.String(255), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("practice", sa.String(255), nullable=False),
    sa.Column("locations", sa.JSON, nullable=False),
    sa.Column("patient", sa.String(255)),
    sa.Column("provider", sa.String(255)),
    sa.Column("totp", sa.String(64)),  # the secret
    sa.Column("totp_on", sa.Boolean, nullable=False, default=False),
    sa.Column("totp_step", sa.BigInteger, nullable=False, default=0),  # of the last code taken
)
RECOVERY: Final = sa.Table(
    "service_recovery_code",
    METADATA,
    sa.Column("account", sa.ForeignKey(ACCOUNT.c.id), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
)
SESSION: Final = sa.Table(
    "service_session",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("account", sa.ForeignKey(ACCOUNT.c.id), nullable=False),
    sa.Column("began", sa.BigInteger, nullable=False),  # all times in seconds of the epoch
    sa.Column("mfa", sa.Boolean, nullable=False),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),  # which of its refresh tokens is the good one
    sa.Column("revoked", sa.Boolean, nullable=False, default=False),
)
ATTEMPT: Final = sa.Table(
    "service_attempt",
    METADATA,
    sa.Column("key", sa.String(128), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
)
