"""What is logged of a request: which, by whom, how it ended. Never its path, query or body."""

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinic_service.problems import PROBLEM_JSON, problem

LOG: Final = logging.getLogger("clinic_service")


class JsonLines(logging.Formatter):
    """A line of JSON for each record. What an error says is left out: it may quote a database."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        said: dict[str, Any] = {"at": datetime.fromtimestamp(record.created, UTC).isoformat()}
        said |= {"level": record.levelname.lower(), "logger": record.name}
        said |= getattr(record, "facts", None) or {"message": record.getMessage()}
        if record.exc_info and record.exc_info[0] is not None:
            said["error"] = record.exc_info[0].__name__
        return json.dumps(said)


class Requests:
    """Gives each request an id, logs how it ended, and answers for what nobody else caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, state = time.perf_counter(), scope.setdefault("state", {})
        state["id"], status = str(uuid4()), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = ((b"x-request-id", state["id"].encode()), (b"cache-control", b"no-store"))
                message["headers"] = [*message["headers"], *own]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            self._log_failure(state, error)
            if status == 0:
                told = problem(state["id"], 500, "internal", "It was noted under this instance.")
                response = JSONResponse(told, 500, media_type=PROBLEM_JSON)
                await response(scope, receive, sending)
        finally:
            took = round((time.perf_counter() - began) * 1000, 1)
            self._log(scope, state, status, took)

    def _log_failure(self, state: dict[str, Any], error: Exception) -> None:
        trace, where = error.__traceback__, ""
        while trace is not None:
            where, trace = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}", trace.tb_next
        facts = {"request": state["id"], "error": type(error).__name__, "where": where}
        LOG.error("failed", extra={"facts": facts})

    def _log(self, scope: Scope, state: dict[str, Any], status: int, took: float) -> None:
        facts = {"request": state["id"], "method": scope["method"], "status": status, "ms": took}
        facts["route"] = getattr(scope.get("route"), "path", "")
        facts |= {name: state[name] for name in ("account", "problem") if name in state}
        LOG.info("request", extra={"facts": facts})
