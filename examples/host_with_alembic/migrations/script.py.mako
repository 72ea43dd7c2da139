"""${message}."""

import medsched.adapters.sqlalchemy.columns
import sqlalchemy as sa
from alembic import op
from medsched.adapters.sqlalchemy import audit_triggers, stamp
${imports}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades or "pass"}
% if "medsched_" in (upgrades or ""):
    for statement in audit_triggers(op.get_bind().dialect.name):  # which Alembic does not see
        op.execute(statement)
    stamp(op.get_bind())  # writes down which version medsched's tables are
% endif


def downgrade() -> None:
    ${downgrades or "pass"}
