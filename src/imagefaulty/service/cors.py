"""Cross-origin requests: web pages of other hosts may call the paths that answer for a picture, and no others."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

#: A browser may remember the permission for this long.
_MAX_AGE_S: Final = 600


class Cors:
    """ASGI middleware that answers preflight requests and marks answers, on some paths.

    Browsers send preflight requests without credentials, so this stands in front of the authentication.

    Args:
        app: The application behind it.
        origins: Origins that may call, e.g. ``["https://archive.example"]``; ``["*"]`` means any.
        paths: The paths that may be called.
    """

    def __init__(self, app: ASGIApp, *, origins: Collection[str], paths: Collection[str]) -> None:
        self._app = app
        self._paths = frozenset(paths)
        self._cors = CORSMiddleware(
            app, allow_origins=list(origins), allow_methods=["GET", "POST"], allow_headers=["*"], max_age=_MAX_AGE_S
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, through the cross-origin rules where they apply."""
        app = self._cors if scope["type"] == "http" and scope["path"] in self._paths else self._app
        await app(scope, receive, send)
