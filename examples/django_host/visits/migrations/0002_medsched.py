"""medsched's tables, made by medsched itself."""

from __future__ import annotations

from typing import Any

from django.db import migrations
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from medsched.adapters.sqlalchemy import create


def create_tables(apps: Any, schema_editor: Any) -> None:
    """Make the tables, on a connection like Django's own; nothing where they are there already.

    After a release of medsched whose changelog has the heading "Schema", add a migration like this
    one that calls ``upgrade`` instead.
    """
    django = schema_editor.connection

    def connect() -> Any:
        return django.get_new_connection(django.get_connection_params())

    # Django's drivers are those that SQLAlchemy takes by itself, but for 2.0 on PostgreSQL.
    dialect = {"postgresql": "postgresql+psycopg"}.get(django.vendor, django.vendor)
    engine = create_engine(f"{dialect}://", creator=connect, poolclass=NullPool)
    create(engine)


class Migration(migrations.Migration):
    """After the host's own tables."""

    atomic = False  # create() commits by itself
    dependencies = [("visits", "0001_initial")]
    # There is no way back: what patients have booked is not thrown away with a migration.
    operations = [migrations.RunPython(create_tables, migrations.RunPython.noop)]
