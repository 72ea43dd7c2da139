"""What is logged of a request: which, by whom, how it ended. Never its path, query or body."""

import json
import logging
import time
from datetime import UTC, datetime
from traceback import extract_tb
from typing import Any, Final
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinic_service.problems import answer

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
    """Gives each request an id and a limit, logs how it ended, and answers for what went wrong."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app, self._largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, read, status, state = time.perf_counter(), 0, 0, scope.setdefault("state", {})
        state["id"] = str(uuid4())

        async def receiving() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._largest:
                raise HTTPException(413, f"A body has at most {self._largest} bytes.")
            return message

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status, headers = message["status"], MutableHeaders(scope=message)
                headers.update({"x-request-id": state["id"], "cache-control": "no-store"})
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        except Exception as error:
            last, facts = extract_tb(error.__traceback__)[-1], {"request": state["id"]}
            facts |= {"error": type(error).__name__, "where": f"{last.filename}:{last.lineno}"}
            LOG.error("failed", extra={"facts": facts})
            if status == 0:
                await answer(Request(scope), error)(scope, receive, sending)
        finally:
            told = {"request": state["id"], "method": scope["method"], "status": status}
            told["ms"] = round((time.perf_counter() - began) * 1000, 1)
            told["route"] = getattr(scope.get("route"), "path", "")
            told |= {name: state[name] for name in ("account", "problem") if name in state}
            LOG.info("request", extra={"facts": told})
