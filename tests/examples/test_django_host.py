"""A Django host: its own tests, in a process of its own, as its developers run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from tests.databases import Databases

pytest.importorskip("sqlalchemy", reason="the extra sqlalchemy is not installed")
pytest.importorskip("django", reason="the Django host is NOT tested: Django is not installed")

HOST: Final = Path(__file__).parents[2] / "examples" / "django_host"
ON_POSTGRESQL: Final = """\
from clinic_site.settings import *

DATABASES = {{
    "default": {{
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": {user!r},
        "HOST": {host!r},
    }}
}}
"""


def manage(*arguments: str, **environment: str) -> str:
    """What a command of Django's prints; it must go well."""
    run = subprocess.run(
        [sys.executable, "-W", "error", str(HOST / "manage.py"), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def passed(printed: str) -> int:
    """How many tests there were."""
    found = re.search(r"^Ran (\d+) tests in .*\n\nOK$", printed, re.MULTILINE)
    assert found, printed
    return int(found[1])


def test_it_books_and_rolls_back_together() -> None:
    assert passed(manage("test", "visits")) == 5


def test_it_does_so_on_postgresql(databases: Databases, tmp_path: Path) -> None:
    databases.store("postgresql")
    url = databases.another("postgresql").engine.url
    settings = ON_POSTGRESQL.format(user=url.username, host=url.query["host"])
    (tmp_path / "on_postgresql.py").write_text(settings)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    there = {"PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "on_postgresql"}
    assert passed(manage("test", "visits", "--no-input", **there)) == 5


def test_django_misses_no_migration() -> None:
    assert "No changes" in manage("makemigrations", "--check", "--dry-run")
