"""HTTP Basic authentication in front of every path but the liveness check."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

#: Open without credentials, so that a container engine can see that the process lives; it tells nothing else.
LIVENESS_PATH: Final = "/livez"


class BasicAuth:
    """ASGI middleware that answers 401 unless the request carries the one user and password.

    Args:
        app: The application behind it.
        user: User name, without a colon.
        password: Password.
    """

    def __init__(self, app: ASGIApp, *, user: str, password: str) -> None:
        self._app = app
        self._expected = _digest(f"{user}:{password}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through or answer 401."""
        if scope["type"] != "http" or scope["path"] == LIVENESS_PATH or self._admits(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        message = "give the user and password of BASIC_AUTH_USER and BASIC_AUTH_PASS by HTTP Basic authentication"
        answer = JSONResponse(
            {"error": {"code": "unauthorized", "message": message}},
            status_code=401,
            headers={"WWW-Authenticate": 'Basic realm="ImageFaulty", charset="UTF-8"'},
        )
        await answer(scope, receive, send)

    def _admits(self, headers: Headers) -> bool:
        scheme, _, encoded = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            credentials = base64.b64decode(encoded.strip(), validate=True)
        except ValueError:
            return False
        return hmac.compare_digest(_digest(credentials), self._expected)


def _digest(credentials: bytes) -> bytes:
    """Hash to one length, so that the time of a comparison tells nothing about the length of the password."""
    return hashlib.sha256(credentials).digest()
