"""Shell sessions in the pages, run as tests: each `$ medsched …` line must print what it shows."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

from medsched.cli import main

DOCS = Path(__file__).parent
_codes = [0]
"""The exit codes of the commands run so far."""
_SESSION = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def check(page: str, where: Path | None = None) -> None:
    """Print every line of a page's sessions that does not come out as written.

    They run in the page's own folder, or in another one.
    """
    path = DOCS / page
    for session in _SESSION.findall(path.read_text("utf-8")):
        for command, shown in commands(session):
            printed = run(command, where or path.parent)
            if printed != shown:
                print(f"$ {command}\n--- shown\n{shown}--- printed\n{printed}")


def printed_by(code: str) -> str:
    """What a piece of Python prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "example", "exec"), {})
    return printed.getvalue()


def commands(session: str) -> Iterator[tuple[str, str]]:
    """Each command of a session and what it is shown to print; `echo $?` is the exit code."""
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = f"{command[:-1]} {more.strip()}"
        yield command, shown


def run(command: str, where: Path) -> str:
    """What a command prints, errors included, as seen from a page's folder."""
    name, *arguments = shlex.split(command)
    if name == "echo":
        return f"{_codes[-1]}\n"
    assert name == "medsched", command
    printed = io.StringIO()
    with chdir(where), redirect_stdout(printed), redirect_stderr(printed):
        _codes.append(main(arguments))
    return "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())
