"""Work that is done in a process of its own, which may be killed at any moment of it."""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import attrs

PATIENCE: Final = 30.0
"""How many seconds a process is waited for, after which it counts as hanging."""


@attrs.frozen
class Ending:
    """How a process ended: by itself with an answer, killed by itself, or in some other way."""

    killed: bool = False
    answer: Any = None
    trouble: str = ""


def in_child(work: Callable[[], object], *, patience: float = PATIENCE) -> Ending:
    """Do some work in a copy of this process; its answer comes back pickled.

    Forked, so that nothing needs to be imported or read a second time. The copy ends without
    touching what it has inherited: open connections are this process's.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads: none of ours, none needed
        child = os.fork()
    if child == 0:
        _do(work, writing)
    os.close(writing)
    try:
        told, hangs = _told(reading, patience)
    finally:
        os.close(reading)
    if hangs:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if hangs:
        return Ending(trouble=f"still at it after {patience:g} s")
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return Ending(killed=True)
    if status != 0 or not told:
        return Ending(trouble=f"ended with status {status}: {told.decode(errors='replace')}")
    return Ending(answer=pickle.loads(told))


class TooLong(BaseException):
    """It would never end. No `TimeoutError`: drivers take that for a lost connection."""


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raise `TooLong` in what takes longer than it may."""

    def late(*_: object) -> NoReturn:
        raise TooLong

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def kill_this() -> NoReturn:
    """Die at once, as at a power cut: nothing is closed, rolled back or said."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def _do(work: Callable[[], object], writing: int) -> NoReturn:
    gc.disable()  # it would copy every page that it looks through
    status = 1
    try:
        try:
            told = pickle.dumps(work())
            status = 0
        except BaseException:
            told = traceback.format_exc().encode()
        while told:
            told = told[os.write(writing, told) :]
    finally:
        os._exit(status)


def _told(reading: int, patience: float) -> tuple[bytes, bool]:
    """All that is said until the other end is closed, and whether that took too long."""
    told, deadline = b"", time.monotonic() + patience
    while True:
        ready, _, _ = select.select([reading], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return told, True
        some = os.read(reading, 1 << 16)
        if not some:
            return told, False
        told += some
