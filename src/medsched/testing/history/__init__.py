"""Placeholder."""

from medsched.testing.history.checker import check
from medsched.testing.history.events import check_events, followed
from medsched.testing.history.lines import load, save
from medsched.testing.history.operations import (
    Book,
    Cancel,
    Close,
    Confirm,
    Failed,
    Follow,
    Hold,
    Listed,
    Move,
    Ok,
    Operation,
    Read,
    Refusal,
    Release,
    Span,
    Unknown,
)
from medsched.testing.history.recorder import History
from medsched.testing.history.verdict import Anomaly, AnomalyKind, Judgement, Verdict

__all__ = [
    "Anomaly",
    "AnomalyKind",
    "Book",
    "Cancel",
    "Close",
    "Confirm",
    "Failed",
    "Follow",
    "History",
    "Hold",
    "Judgement",
    "Listed",
    "Move",
    "Ok",
    "Operation",
    "Read",
    "Refusal",
    "Release",
    "Span",
    "Unknown",
    "Verdict",
    "check",
    "check_events",
    "followed",
    "load",
    "save",
]
