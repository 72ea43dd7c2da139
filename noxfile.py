"""What is run before a change is called done: `nox -l` lists the sessions."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "typing", "tests", "docs"]
# A machine seldom has every Python. The session `tests` runs on the one that runs nox.
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
BESIDE = (
    *("tests/adapters", "tests/kills", "tests/acceptance", "tests/stateful"),
    *("tests/access", "tests/auditing", "tests/sealing"),
)
"""What takes about as long as all other tests together."""
SERVICE = "tests/examples/service"
ZONES = ("UTC", "America/New_York", "Asia/Tokyo", "Pacific/Apia")


def _group(name: str) -> list[str]:
    return nox.project.dependency_groups(PROJECT, name)


def _install(session: nox.Session, extras: str, *groups: str) -> None:
    """Install medsched as a user gets it, never editable, and the groups beside it.

    pip builds a wheel of a local directory each time, and installs that.
    """
    session.install(f".{extras}", *(dependency for group in groups for dependency in _group(group)))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*_group("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check", *session.posargs)


@nox.session
def typing(session: nox.Session) -> None:
    """Check types in src, tests and examples; tests/typing holds tests of the public types."""
    _install(session, "[all]", "typing")
    session.run("mypy", "--strict", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests against the built wheel: half of them in a process beside, for two cores."""
    _install(session, "[all]", "tests", "service")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    others = [f"--ignore={part}" for part in BESIDE]
    with tempfile.TemporaryFile() as told:
        pytest = str(Path(session.bin) / "pytest")
        beside = subprocess.Popen([pytest, *BESIDE], stdout=told, stderr=subprocess.STDOUT)
        try:
            session.run("pytest", *others)
        finally:
            failed = beside.wait()
            told.seek(0)
            shutil.copyfileobj(told, sys.stdout.buffer)
            sys.stdout.flush()
    if failed:
        session.error("the tests beside failed")


# `nox -s tests-3.12` for one of them, `nox -t pythons` for all that are here.
for _python in PYTHONS:
    nox.session(tests.func, name=f"tests-{_python}", python=_python, tags=["pythons"])


@nox.session
def tests_bare(session: nox.Session) -> None:
    """Run the tests without any extra: those that need one skip themselves.

    This is also where the newest dateutil is tried; the extra `holidays` holds it below 3.
    """
    pytest = next(needed for needed in _group("tests") if needed.startswith("pytest"))
    session.install(".", pytest)
    session.run("pytest", *session.posargs)


@nox.session
def tests_zones(session: nox.Session) -> None:
    """Show that the machine's own zone and zone database are never read."""
    _install(session, "[all]", "tests")
    tests = ["tests/timeline", "tests/engine", *session.posargs]
    for zone in ZONES:
        session.run("pytest", *tests, env={"TZ": zone})
    session.run("pytest", *tests, env={"PYTHONTZPATH": ""})


@nox.session
def databases(session: nox.Session) -> None:
    """Run what runs on databases, alone: SQLite, PostgreSQL, and MariaDB where it is installed."""
    _install(session, "[all]", "tests")
    tests = ["tests/adapters", "tests/services", "tests/cli", "tests/races", "tests/stateful"]
    whole = {"MEDSCHED_ASYNC": "all", "MEDSCHED_DATABASES": "all"}
    session.run("pytest", *tests, *session.posargs, env=whole)


@nox.session
def oldest(session: nox.Session) -> None:
    """Run what runs on databases with the oldest SQLAlchemy that the extras allow."""
    _install(session, "[all]", "tests")
    session.install("sqlalchemy[asyncio]==2.0.57")
    session.run("pytest", "tests/adapters", *session.posargs)


@nox.session
def oracle(session: nox.Session) -> None:
    """Compare the engine with the independent oracle on 10,000 schedules or more: a long run."""
    _install(session, "[all]", "tests")
    schedules = session.env.get("MEDSCHED_ORACLE_SCHEDULES") or "10000"
    session.run(
        "pytest", "tests/oracle", *session.posargs, env={"MEDSCHED_ORACLE_SCHEDULES": schedules}
    )


@nox.session
def kills(session: nox.Session) -> None:
    """Kill every command before and after each statement and COMMIT, on each database: long."""
    _install(session, "[all]", "tests")
    tests = ["tests/kills", "tests/adapters/test_migrations.py", "tests/sealing/test_resealing.py"]
    session.run("pytest", *tests, *session.posargs, env={"MEDSCHED_KILLS": "all"})


@nox.session
def races(session: nox.Session) -> None:
    """Race, walk and replay all that the session `tests` does a part of: a long run."""
    _install(session, "[all]", "tests")
    scales = {
        "MEDSCHED_RACES": "1",
        "MEDSCHED_STATEFUL": "10",
        "MEDSCHED_WALK": "5000",
        "MEDSCHED_REPLAY": "all",
        "MEDSCHED_SEARCHES": "3000",
    }
    tests = ["tests/races", "tests/stateful", "tests/acceptance", "tests/searching"]
    session.run("pytest", *tests, *session.posargs, env=scales)


@nox.session
def service(session: nox.Session) -> None:
    """Try the reference service with all that it says it takes, and on PostgreSQL: a long run."""
    _install(session, "[all]", "tests", "service")
    tests = [SERVICE, *session.posargs]
    session.run("pytest", *tests, env={"MEDSCHED_SERVICE_EXAMPLES": "100"})
    session.run("pytest", *tests, env={"MEDSCHED_SERVICE_TESTS": "postgresql"})


@nox.session
def load(session: nox.Session) -> None:
    """Let 64 clients search and book on the service for a minute, on PostgreSQL."""
    _install(session, "[all]", "tests", "service")
    session.run("python", "tests/benchmarks/service.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the hot paths side by side with what one would write instead, as ratios.

    ``nox -s bench -- slots first_free_ledger`` measures the families and figures named, else
    all; writes bench.json.
    """
    _install(session, "[all]", "tests", "service")
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run all tests and show the branches that none of them takes."""
    _install(session, "[all]", "tests", "service")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation and run the examples in it; every warning is an error."""
    _install(session, "[all]", "docs")
    strict = ["-W", "-n", "--keep-going", *session.posargs]
    for builder in ("html", "doctest"):
        session.run("sphinx-build", *strict, "-b", builder, "docs", f"docs/_build/{builder}")


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel into dist/, look into the wheel, install it and start it."""
    session.install("build")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", *session.posargs)  # the wheel is made from the sdist
    (wheel,) = Path("dist").glob("*.whl")
    package = Path("src/medsched")
    wanted = {
        str(file.relative_to("src").as_posix())
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    missing = wanted - set(zipfile.ZipFile(wheel).namelist())
    if missing:
        session.error(f"{wheel} lacks {', '.join(sorted(missing))}")
    session.install(str(wheel))
    session.run("python", "-c", "import medsched")
    session.run("medsched", "--help", silent=True)
