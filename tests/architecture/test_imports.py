"""The floors of the house, held by reading the syntax tree of every module.

Imports run one way; nothing below `services` talks to the world; nobody but the adapters and the
command reads a clock; one file knows `fold`. What the rules say is in the tables below, and each of
them is shown to bite on a made-up module.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"

# A room of the house, and the rooms it may import from besides itself.
DOWN_TO_TIMELINE = {"errors", "timeline"}
DOWN_TO_DOMAIN = DOWN_TO_TIMELINE | {"domain"}
DOWN_TO_ENGINE = DOWN_TO_DOMAIN | {"engine"}
DOWN_TO_PORTS = DOWN_TO_ENGINE | {"ports"}
DOWN_TO_SERVICES = DOWN_TO_PORTS | {"services"}
DOWN_TO_SCHEDULER = DOWN_TO_SERVICES | {"scheduler"}
EVERYTHING = DOWN_TO_SCHEDULER | {"adapters", "testing", "cli", ""}
FLOORS = {
    "errors": set[str](),
    "timeline": {"errors"},
    "domain": DOWN_TO_TIMELINE,
    "engine": DOWN_TO_DOMAIN,
    "ports": DOWN_TO_ENGINE,
    "services": DOWN_TO_PORTS,
    "scheduler": DOWN_TO_SERVICES,
    "adapters": DOWN_TO_DOMAIN | {"ports"},
    "testing": DOWN_TO_SCHEDULER,
    "cli": EVERYTHING,
    "__main__": {"cli"},
    "": DOWN_TO_SCHEDULER,  # medsched/__init__.py, which may name CORE_ADAPTERS too
}

# The clinic file decides nothing of its own: it asks the engine what may not be written, so that
# it can tell all mistakes of a file at once.
ALSO = {"medsched.adapters.clinic_file": {"engine"}}

# What `import medsched` loads needs the core dependencies and nothing else.
CORE_ADAPTERS = {"medsched.adapters.memory", "medsched.adapters.tzdata"}
CORE_DEPENDENCIES = {"attr", "attrs", "dateutil", "tzdata"}

PURE = DOWN_TO_PORTS
IMPURE_MODULES = {
    *("asyncio", "getpass", "glob", "locale", "os", "pathlib", "platform", "random", "secrets"),
    *("shutil", "signal", "socket", "sqlite3", "subprocess", "tempfile", "threading", "time"),
}
IMPURE_BUILTINS = {"input", "open", "print"}

MAY_READ_THE_CLOCK = {"adapters", "cli"}
CLOCKS = {
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    *("datetime.date.today", "asyncio.sleep"),
    *("time.sleep", "time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime"),
}

KNOWS_FOLD = "medsched.timeline.resolve"


def room_of(module: str) -> str:
    """`domain` for medsched.domain.people; empty for medsched itself."""
    return module.partition(".")[2].partition(".")[0]


class Reader(ast.NodeVisitor):
    """Collects what one module imports, calls and names."""

    def __init__(self, module: str, *, is_package: bool) -> None:
        self.package = module if is_package else module.rpartition(".")[0]
        self.imports: list[tuple[int, str, bool]] = []
        """(line, dotted name of the module or of the thing in it, at import time or later)"""
        self.dotted: list[tuple[int, str]] = []
        """Names as they are written, led back to where they were imported from."""
        self.identifiers: list[tuple[int, str]] = []
        self.called: list[tuple[int, str]] = []
        self.zoneless: list[int] = []
        self.known: dict[str, str] = {}
        self.depth = 0

    def visit(self, node: ast.AST) -> None:
        line = getattr(node, "lineno", 0)
        if not isinstance(node, ast.Constant):
            for _, value in ast.iter_fields(node):
                names = value if isinstance(value, list) else [value]
                self.identifiers += [(line, name) for name in names if isinstance(name, str)]
        super().visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.imports.append((node.lineno, alias.name, self.depth == 0))
            self.known[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parts = self.package.split(".")
            kept = parts[: len(parts) - node.level + 1]
            base = ".".join([*kept, *([base] if base else [])])
        for alias in node.names:
            self.imports.append((node.lineno, f"{base}.{alias.name}", self.depth == 0))
            self.known[alias.asname or alias.name] = f"{base}.{alias.name}"
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else None
        if called == "astimezone" and not node.args and not node.keywords:
            self.zoneless.append(node.lineno)
        if isinstance(node.func, ast.Name):
            self.called.append((node.lineno, node.func.id))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if (name := self.written(node)) is not None:
            self.dotted.append((node.lineno, name))
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self.dotted.append((node.lineno, self.known.get(node.id, node.id)))

    def written(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self.known.get(node.id, node.id)
        if isinstance(node, ast.Attribute) and (base := self.written(node.value)) is not None:
            return f"{base}.{node.attr}"
        return None


def problems(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """Everything in one module of src/medsched that breaks a rule of the house."""
    room = room_of(module)
    if room not in FLOORS:
        return [f"{module}: {room} is on no floor"]
    reader = Reader(module, is_package=is_package)
    reader.visit(ast.parse(source, module))
    found = [
        *_imports(module, room, reader),
        *_impurities(room, reader),
        *((line, "astimezone() reads the machine's zone") for line in reader.zoneless),
    ]
    if module != KNOWS_FOLD:
        found += [(line, "names fold") for line, name in reader.identifiers if name == "fold"]
    return [f"{module}:{line}: {what}" for line, what in sorted(set(found))]


def _imports(module: str, room: str, reader: Reader) -> Iterator[tuple[int, str]]:
    core = room in DOWN_TO_SCHEDULER or module in CORE_ADAPTERS or module == "medsched"
    for line, name, at_import in reader.imports:
        top = name.partition(".")[0]
        if top == "medsched":
            imported = room_of(name)
            if imported not in FLOORS:
                imported = ""  # a name of medsched/__init__.py
            allowed = FLOORS[room] | {room} | ALSO.get(module.rpartition(".")[0], set())
            by_name = {name, name.rpartition(".")[0]}
            if imported not in allowed and not (module == "medsched" and by_name & CORE_ADAPTERS):
                yield line, f"{room or 'medsched'} may not import {name}"
        elif core and at_import and top not in sys.stdlib_module_names | CORE_DEPENDENCIES:
            yield line, f"{top} is no core dependency"
        if room in PURE and top in IMPURE_MODULES:
            yield line, f"{room} is pure and may not import {top}"


def _impurities(room: str, reader: Reader) -> Iterator[tuple[int, str]]:
    imported = [(line, name) for line, name, _ in reader.imports]
    for line, name in [*imported, *reader.dotted]:
        if name in CLOCKS and room not in MAY_READ_THE_CLOCK:
            yield line, f"only adapters and cli may use {name}"
    for line, name in reader.called:  # a field may well be named `open`
        if name in IMPURE_BUILTINS and room in PURE:
            yield line, f"{room} is pure and may not {name}"


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((SRC / "medsched").rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def test_every_module_keeps_to_its_floor() -> None:
    read = [
        problems(module, path.read_text("utf-8"), is_package=path.name == "__init__.py")
        for module, path in modules()
    ]
    assert len(read) > len(FLOORS) // 2, "the sources were not found"
    assert [problem for found in read for problem in found] == []


def test_the_tables_name_what_exists() -> None:
    assert set(dir(builtins)) >= IMPURE_BUILTINS
    assert sys.stdlib_module_names >= IMPURE_MODULES
    assert KNOWS_FOLD in dict(modules())


@pytest.mark.parametrize(
    "module, source, reported",
    [
        ("medsched.errors", "from medsched.timeline import zones", "errors may not import"),
        ("medsched.timeline.x", "import medsched.domain.people", "timeline may not import"),
        ("medsched.domain.x", "from medsched import engine", "domain may not import"),
        ("medsched.domain.x", "from ..engine.layers import layer", "domain may not import"),
        ("medsched.domain.x", "from medsched import Scheduler", "domain may not import"),
        (
            "medsched.domain.x",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import medsched.ports",
            ":3: domain may not import medsched.ports",
        ),
        ("medsched.engine.x", "from medsched.ports import Clock", "engine may not import"),
        ("medsched.engine.x", "def f():\n    import medsched.services", ":2: engine may not"),
        ("medsched.ports", "from medsched.services import book", "ports may not import"),
        ("medsched.services.x", "from medsched.adapters import memory", "services may not"),
        ("medsched.scheduler", "from medsched.adapters.memory import M", "scheduler may not"),
        ("medsched.adapters.x", "from medsched.engine import slots", "adapters may not import"),
        ("medsched.testing.x", "from medsched.adapters import memory", "testing may not import"),
        ("medsched.adapters.x", "from medsched.testing import strategies", "adapters may not"),
        ("medsched.testing.x", "from medsched.cli import main", "testing may not import"),
        ("medsched", "from medsched.adapters.sqlalchemy import S", "medsched may not import"),
        ("medsched", "from medsched.testing import strategies", "medsched may not import"),
        ("medsched.utils", "", "utils is on no floor"),
        ("medsched", "import rich", "rich is no core dependency"),
        ("medsched.services.x", "try:\n    import holidays\nexcept E:\n    pass", "no core dep"),
        ("medsched.adapters.memory", "import sqlalchemy", "sqlalchemy is no core dependency"),
        ("medsched.engine.x", "import random", "pure and may not import random"),
        ("medsched.timeline.x", "from os import environ", "pure and may not import os"),
        ("medsched.ports.x", "from time import sleep", "pure and may not import time"),
        ("medsched.domain.x", "open('x')", "pure and may not open"),
        ("medsched.services.x", "import datetime\ndatetime.datetime.now(z)", ":2: only adapters"),
        ("medsched.services.x", "import datetime as d\nd.date.today()", "datetime.date.today"),
        ("medsched.services.x", "from datetime import datetime as t\nx = t.now", ":2: only"),
        ("medsched.testing.x", "from time import sleep", "may use time.sleep"),
        ("medsched.scheduler", "import time\ntime.sleep(1)", ":2: only adapters"),
        ("medsched.adapters.x", "moment.astimezone()", "reads the machine's zone"),
        ("medsched.domain.x", "x.replace(fold=1)", "names fold"),
        ("medsched.domain.x", "x.fold", "names fold"),
        ("medsched.domain.x", "fold = 1", "names fold"),
        ("medsched.domain.x", "def f(fold): ...", "names fold"),
        ("medsched.domain.x", "class C:\n    fold: int", ":2: names fold"),
        ("medsched.domain.x", "match x:\n    case C(fold=1): ...", "names fold"),
    ],
)
def test_a_breach_is_reported(module: str, source: str, reported: str) -> None:
    assert [problem for problem in problems(module, source) if reported in problem]


@pytest.mark.parametrize(
    "module, source",
    [
        ("medsched.timeline.x", "from medsched.errors import UnknownZone"),
        ("medsched.timeline.x", "from . import zones\nfrom .zones import Zone"),
        ("medsched.timeline.x", "from datetime import time\nfrom importlib import resources"),
        ("medsched.ports", "from medsched.timeline.zones import ZoneSource"),
        ("medsched.services.x", "import random\nimport time\ntime.monotonic()"),
        ("medsched.services.x", "now = self.clock.now()\nnow.astimezone(zone)"),
        ("medsched.services.x", "def f():\n    import holidays"),
        ("medsched.domain.x", "class Stretch:\n    open: bool"),
        ("medsched.adapters.x", "import time, sqlalchemy\ntime.sleep(1)"),
        ("medsched.adapters.x", "from medsched.adapters.memory import MemoryStore"),
        ("medsched.testing.x", "import hypothesis\nfrom medsched.scheduler import Scheduler"),
        ("medsched.cli.main", "import rich\nfrom medsched import Scheduler, adapters, testing"),
        ("medsched", "from medsched.adapters.memory import MemoryStore\nimport attrs"),
        ("medsched.timeline.resolve", "x.replace(fold=1)"),
        ("medsched.domain.x", '"""What to do in a fold."""\nnames = ["fold"]  # fold'),
    ],
)
def test_what_is_allowed_is_not_reported(module: str, source: str) -> None:
    assert problems(module, source) == []


def test_a_package_counts_its_relative_imports_from_itself() -> None:
    assert problems("medsched.domain", "from .people import Provider", is_package=True) == []
    assert problems("medsched.domain", "from ..engine import x", is_package=True) != []
