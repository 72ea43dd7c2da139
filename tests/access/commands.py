"""Every command of a practice: what can be called on it, found by walking over its objects."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from medsched import Practice

ASKED_OF_NOBODY = {"acting_as", "practice.access.may"}
"""What runs no command: another hand for the same practice, and what a UI asks ahead."""


def services(thing: Any, name: str) -> Iterator[tuple[str, Any]]:
    """An object of the library's services or scheduler, and all that it shows."""
    yield name, thing
    for attribute, value in vars(thing).items():
        ours = type(value).__module__.startswith("medsched.services")
        if ours and not attribute.startswith("_"):
            yield from services(value, f"{name}.{attribute}")


def methods(thing: Any) -> Iterator[str]:
    for name in dir(type(thing)):
        public = not name.startswith("_") or name == "__call__"
        if public and inspect.isfunction(inspect.getattr_static(type(thing), name)):
            yield name


def called(method: Callable[..., Any]) -> Any:
    """What a method returns for something in each place that must be filled."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for parameter in inspect.signature(method).parameters.values():
        if parameter.default is not parameter.empty:
            continue
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            args.append("x")
        elif parameter.kind is parameter.KEYWORD_ONLY:
            kwargs[parameter.name] = "x"
    return method(*args, **kwargs)


def commands(practice: Practice) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Each command by its name, ready to be called."""
    for where, thing in services(practice, "practice"):
        for name in methods(thing):
            full = name if thing is practice else f"{where}.{name}"
            if full not in ASKED_OF_NOBODY:
                yield full, partial(called, getattr(thing, name))
