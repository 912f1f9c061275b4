"""Label Studio's three kinds of token, and how to send each.

A *legacy* token (40 hex digits) goes out as ``Token``. A *personal access token* is a JWT that must be swapped for an
*access* token, which lives five minutes and goes out as ``Bearer``. The kind is read from the token itself; its
signature is Label Studio's business.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

TokenKind = Literal["legacy", "personal", "access"]
Swap = Callable[[str], Awaitable[str]]

_KIND_NAMES: Final[dict[TokenKind, str]] = {
    "legacy": "legacy token",
    "personal": "personal access token",
    "access": "access token",
}
# Label Studio's access tokens live 300 s; a tenth of that covers clocks that differ and a slow transfer.
_MARGIN_S: Final = 30.0
_LIFETIME_S: Final = 300.0
# A refused token is tried again after a minute: an administrator may have switched its kind on meanwhile.
_PAUSE_S: Final = 60.0


class Token:
    """One Label Studio token; safe to share between the coroutines of one event loop.

    Args:
        secret: The token.
        source: Where it came from, in words fit for a message, e.g. ``"LABEL_STUDIO_API_KEY"``.
    """

    def __init__(self, secret: str, source: str) -> None:
        self._secret = secret.strip()
        self._kind = _kind(self._secret)
        self._source = source
        self._access = ""
        self._expires = 0.0
        self._refused = -_PAUSE_S
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<Token: {self.description}>"

    @property
    def kind(self) -> TokenKind:
        """Which of the three kinds it is."""
        return self._kind

    @property
    def description(self) -> str:
        """Kind and source, without the secret."""
        return f"the {_KIND_NAMES[self._kind]} from {self._source}"

    @property
    def recently_refused(self) -> bool:
        """True for a minute after :meth:`refuse`."""
        return time.monotonic() - self._refused < _PAUSE_S

    def holds(self, secret: str) -> bool:
        """Return whether this is the token with that secret."""
        return self._secret == secret.strip()

    def refuse(self) -> None:
        """Remember that Label Studio refused the token just now."""
        self._refused = time.monotonic()

    async def header(self, swap: Swap, *, rejected: str = "") -> str:
        """Return the value of the ``Authorization`` header.

        Args:
            swap: Trades a personal access token for an access token; called at most once at a time.
            rejected: A header that was answered with 401: a new one is needed, unless somebody has already got it.

        Raises:
            SourceError: Whatever ``swap`` raises.
        """
        if self._kind != "personal":
            return f"{'Bearer' if self._kind == 'access' else 'Token'} {self._secret}"
        async with self._lock:
            if time.time() > self._expires - _MARGIN_S or f"Bearer {self._access}" == rejected:
                self._access = await swap(self._secret)
                expires = _claims(self._access).get("exp")
                self._expires = float(expires) if isinstance(expires, int | float) else time.time() + _LIFETIME_S
            return f"Bearer {self._access}"


def _kind(secret: str) -> TokenKind:
    claims = _claims(secret)
    if not claims:
        return "legacy"
    return "access" if claims.get("token_type") == "access" else "personal"


def _claims(secret: str) -> dict[str, Any]:
    """Return the claims of a JWT without checking its signature; {} if it is none."""
    parts = secret.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - a JWT is header.payload.signature
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
