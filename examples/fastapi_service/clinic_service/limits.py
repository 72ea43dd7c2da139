"""How large the body of a request may be."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinic_service.problems import PROBLEM_JSON, problem


class LargestBody:
    """Reads each body up to a limit, whatever its headers say of it, and refuses the rest."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app, self._largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
            if len(body) > self._largest:
                why = f"A body has at most {self._largest} bytes."
                told = problem(scope["state"]["id"], 413, "too-large", why)
                response = JSONResponse(told, 413, media_type=PROBLEM_JSON)
                await response(scope, receive, send)
                return
        given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return given.pop() if given else await receive()

        await self._app(scope, again, send)
