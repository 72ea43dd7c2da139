"""The public names: loaded when they are asked for, and the same as type checkers see."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import medsched


def _seen_by_type_checkers() -> dict[str, str]:
    tree = ast.parse(Path(medsched.__file__).read_text("utf-8"))
    block, _ = (node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names
    }


def test_every_public_name_is_where_type_checkers_see_it() -> None:
    seen = _seen_by_type_checkers()
    assert sorted(seen) == sorted(medsched.__all__)
    for name, module in seen.items():
        assert getattr(medsched, name) is getattr(import_module(module), name)
    assert set(dir(medsched)) >= set(medsched.__all__)


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    told = _run(
        "import sys, medsched; print([one for one in sys.modules if one.startswith('medsched.')]);"
        "medsched.Weekday; print('medsched.services' in sys.modules)"
    )
    assert told == ["[]", "False"]


def test_parts_of_the_package_are_reached_through_it() -> None:
    told = _run("import medsched; print(medsched.errors.NotFound is medsched.NotFound)")
    assert told == ["True"]


def test_other_names_are_none_of_its_own() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sloth'"):
        getattr(medsched, "Sloth")  # noqa: B009


def _run(code: str) -> list[str]:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()
