"""Kill runs: a command dies at one point after another, and is asked for again each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from itertools import pairwise
from typing import Any, Final
from zlib import crc32

import attrs
import sqlalchemy as sa
from tests.kills.children import PATIENCE, Ending, TooLong, bounded, in_child, kill_this
from tests.kills.clinics import Clinics, State, marks, unmarked
from tests.kills.commands import Command, furnish, seen
from tests.kills.points import Point, Points
from tests.kills.soundness import unsound

from medsched.adapters.sqlalchemy import SqlAlchemyStore, verify
from medsched.errors import MedschedError

_TEMPLATE: Final = "template"
_SHOWN: Final = 60
"""How many characters of a long text are shown."""
_WHOLE, _KILLED, _REPEATED, _AGAIN = range(4)
"""The tries of a command: one that nothing happens to, then the three in a practice where one
is killed."""


@attrs.frozen
class Report:
    """What came of killing one command: at how many of its points, and what was found wrong."""

    points: int
    kills: int
    findings: tuple[str, ...]


@attrs.frozen
class Whole:
    """A run that nothing happens to: its points, and what is committed at those to be killed at."""

    points: tuple[Point, ...]
    committed: Mapping[Point, State]
    answer: str
    after: State


@attrs.frozen
class Repeated:
    """A practice in which a command was killed, and what it answered when it was repeated."""

    where: str
    practice: str
    answer: str


class KillRuns:
    """The kill runs of one database, in copies of one practice."""

    def __init__(self, url: sa.URL) -> None:
        self._embedded = url.get_backend_name() == "sqlite"
        pool: Any = {"poolclass": sa.NullPool} if self._embedded else {}
        if url.get_backend_name() == "mariadb":
            # PyMySQL would read the machine's certificates for each connection anew.
            url = url.update_query_dict({"ssl_disabled": "true"})
        self._engine = sa.create_engine(url, **pool)
        self._clinics = Clinics(self._engine)
        self._sound: list[State] = []
        self.store = SqlAlchemyStore(url)
        if self._embedded:
            sa.event.listen(self.store.engine, "connect", _write_through)
            sa.event.listen(self._engine, "connect", _write_through)
        self.points = Points(self.store.engine)
        furnish(self.store, _TEMPLATE)

    def close(self) -> None:
        """Leave nothing behind."""
        self._clinics.remove([_TEMPLATE])
        self.store.engine.dispose()
        self._engine.dispose()

    def run(self, command: Command, *, every: int = 1) -> Report:
        """Kill a command at its points, which are found where nothing happens to it.

        ``every``: at whatever may commit, and at one of so many other points.
        """
        (first,) = self._clinics.copies(_TEMPLATE, 1)
        whole = self._whole(command, first, every)
        copies = self._clinics.copies(_TEMPLATE, len(whole.committed) + 1)
        findings = list(_visible(command, whole))
        repeated = []
        for point, practice in zip(whole.committed, copies, strict=False):
            where = f"{command} killed at {point}"
            answer, found = self._killed(command, whole, point, practice)
            findings += (f"{where}: {one}" for one in found)
            repeated.append(Repeated(where, practice, answer))
        findings += self._past_the_end(command, whole, copies[-1])
        findings += self._again(command, whole, repeated)
        findings += map(str, verify(self._engine).differences)
        self._clinics.remove([first, *copies])
        return Report(len(whole.points), len(whole.committed), tuple(findings))

    # ----------------------------------------------------------------------- the whole

    def _whole(self, command: Command, practice: str, every: int) -> Whole:
        """Run a command, and look from outside at what is committed at each point."""
        points, committed = list[Point](), dict[Point, State]()
        turn = crc32(command.name.encode()) % every

        def reached(point: Point) -> None:
            points.append(point)
            if point.may_commit or point.number % every == turn:
                committed[point] = self._clinics.state(practice)

        before = self._clinics.state(practice)
        with self.points.told_to(reached):
            answer = self._answer(command, practice, _WHOLE)
        after = self._clinics.state(practice)
        assert after != before, f"{command} changes nothing"
        return Whole(tuple(points), committed, answer, after)

    # ------------------------------------------------------------------------ the kills

    def _killed(
        self, command: Command, whole: Whole, point: Point, practice: str
    ) -> tuple[str, list[str]]:
        """Kill a command at a point, then ask for it again; the answer, and what is wrong."""
        ending = self._in_child(command, practice, point)
        if not ending.killed:
            return "", [ending.trouble or f"it was never there, and answered {ending.answer}"]
        left = self._clinics.state(practice)
        findings = []
        if unlike := left.unlike(whole.committed[point]):
            findings.append(f"not what was committed: {unlike}")
        findings += self._unsound(practice, left)
        answer = self._answer(command, practice, _REPEATED)
        expected = str(command.repeated(left, whole.answer))
        if unlike := apart(unmarked(answer), unmarked(expected)):
            findings.append(f"repeated: answered {unlike}")
        return answer, findings

    def _past_the_end(self, command: Command, whole: Whole, practice: str) -> Iterator[str]:
        """A kill at the point after the last one never comes: there are no points but these."""
        after_last = Point(len(whole.points) + 1, "after", "the last one")
        ending = self._in_child(command, practice, after_last)
        if ending.answer is None:
            yield f"{command} to be killed at {after_last}: {ending.trouble or 'there is one more'}"
        elif unlike := apart(unmarked(ending.answer), unmarked(whole.answer)):
            yield f"{command}: not killed, answered {unlike}"

    def _in_child(self, command: Command, practice: str, point: Point) -> Ending:
        """Run a command in a process of its own, which dies at a point."""

        def reached(here: Point) -> None:
            if here.number == point.number:
                assert here == point, f"it came to {here} instead"
                kill_this()

        def work() -> str:
            with self.points.told_to(reached):
                return self._answer(command, practice, _KILLED)

        return self._forked(work)

    def _forked(self, work: Callable[[], object], *, patience: float = PATIENCE) -> Ending:
        if self._embedded:
            self.store.engine.dispose()  # SQLite forbids to carry an open database across a fork

        def connected() -> object:
            self.store.engine.dispose(close=False)
            return work()

        return in_child(connected, patience=patience)

    def _answer(self, command: Command, practice: str, tries: int) -> str:
        """What a command answers, or which error it raises, as text to be compared."""
        try:
            with bounded(PATIENCE):
                return told(command.run(seen(self.store, practice, tries)))
        except (MedschedError, TooLong) as error:
            return type(error).__name__

    # ----------------------------------------------------------------------- afterwards

    def _again(self, command: Command, whole: Whole, repeated: Sequence[Repeated]) -> Iterator[str]:
        """Compare what has become of the practices, then ask once more, in another process."""
        practices = [one.practice for one in repeated]
        states = self._clinics.states(practices)
        ending = self._forked(
            lambda: [self._answer(command, one, _AGAIN) for one in practices],
            patience=PATIENCE + len(practices),
        )
        later = self._clinics.states(practices)
        if ending.answer is None:
            yield f"{command} repeated twice: {ending.trouble or 'killed'}"
        answers = ending.answer or [one.answer for one in repeated]
        for one, answer in zip(repeated, answers, strict=True):
            state = states[one.practice]
            if unlike := state.unlike(whole.after):
                yield f"{one.where}, repeated: not what a run without kills leaves: {unlike}"
            if len(state.tries | marks(one.answer)) > 1:
                yield f"{one.where}, repeated: there is something of both tries"
            if unlike := apart(answer, str(command.repeated(state, one.answer))):
                yield f"{one.where}, repeated twice: answered {unlike}"
            if unlike := later[one.practice].unlike(state):
                yield f"{one.where}, repeated twice: changed {unlike}"

    def _unsound(self, practice: str, state: State) -> list[str]:
        """What is wrong with a practice in this state, of which most runs leave only two."""
        if state in self._sound:
            return []
        found = unsound(self.store, practice, state)
        found += map(str, verify(self._engine, practice=practice).differences)
        if not found:
            self._sound.append(state)
        return found


def _write_through(connection: Any, _: object) -> None:
    """Let the machine write to the disk when it likes: what a killed process wrote is not lost."""
    connection.execute("PRAGMA synchronous = OFF").close()


def _visible(command: Command, whole: Whole) -> Iterator[str]:
    """Each changeset becomes visible as a whole: there are no more states than changesets."""
    states = [*whole.committed.values(), whole.after]
    changes = sum(one != other for one, other in pairwise(states))
    if changes > command.changes:
        yield f"{command}: its changes became visible in {changes} steps, not {command.changes}"


def apart(text: str, expected: str) -> str:
    """Where a text begins to be another one than was expected; empty if nowhere."""
    if text == expected:
        return ""
    both = zip(text, expected, strict=False)
    same = next((at for at, (one, two) in enumerate(both) if one != two), 0)
    shown = slice(max(0, same - _SHOWN // 3), same + _SHOWN)
    return f"…{text[shown]}…, instead of …{expected[shown]}…"


def told(value: Any) -> str:
    """A value with everything in it: a repr would leave out what is a patient's."""
    match value:
        case Enum() | datetime():
            return str(value)
        case frozenset() | set():
            return f"{{{', '.join(sorted(map(told, value)))}}}"
        case list() | tuple():
            return f"({', '.join(map(told, value))})"
        case _ if attrs.has(type(value)):
            fields = attrs.asdict(value, recurse=False).items()
            shown = ", ".join(f"{name}={told(one)}" for name, one in fields)
            return f"{type(value).__name__}({shown})"
        case _:
            return repr(value)
