"""What went wrong while fetching, in words: the host's answer or the client's error → one of our errors."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx2

from imagefaulty.errors import ImageFaultyError, SourceError, SourceForbidden, SourceNotFound, SourceUnreachable
from imagefaulty.labelstudio.references import Origin, origin
from imagefaulty.labelstudio.tokens import Token

# Statuses that say "not now" rather than "no"; a plain 500 repeats itself.
_PASSING_STATUSES: Final = (429, 502, 503, 504)


class PassingError(SourceUnreachable):
    """A failure that may be gone at the next attempt.

    Attributes:
        pause_s: How long the server asked us to wait, or None.
    """

    def __init__(self, message: str, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.pause_s = pause_s


class NoConnection(PassingError):
    """Nobody answers at an address at all.

    Attributes:
        origin: The address.
    """

    def __init__(self, message: str, where: Origin) -> None:
        super().__init__(message)
        self.origin = where


def client_error(name: str, url: str, error: Exception) -> ImageFaultyError:
    """Translate a client's error; its own text stays out, for it may quote the address.

    Args:
        name: What to call the file.
        url: Where it was asked for.
        error: The client's error.
    """
    host = urlsplit(url).hostname or "the host"
    if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        return SourceError(f"{name} is not a usable address; correct the task's data")
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return NoConnection(f"{name}: no connection to {host}; {connection_cure(host)}", origin(url))
    if isinstance(error, httpx2.TimeoutException):
        return SourceUnreachable(f"{name}: {host} did not answer in time; check the network or raise FETCH_TIMEOUT_S")
    return PassingError(f"{name}: the connection to {host} broke off ({type(error).__name__}); try again")


def connection_cure(host: str) -> str:
    """Return what to do about a host that does not answer."""
    if host in ("localhost", "127.0.0.1", "::1"):
        return "it names this machine itself; from a container, use the address of the other container or host"
    return "check the address and the network"


def status_error(answer: httpx2.Response, name: str) -> ImageFaultyError:
    """Translate the status of an answer that brings no file."""
    status = answer.status_code
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return SourceNotFound(f"{name} does not exist there ({status}), or its storage is not open to the token's user")
    if status == HTTPStatus.FORBIDDEN:
        return SourceForbidden(f"{name}: the host refuses to hand it out (403); check the permissions")
    if status in _PASSING_STATUSES:
        after = answer.headers.get("Retry-After", "")
        return PassingError(
            f"{name}: the host is busy ({status}); try again", float(after) if after.isdecimal() else None
        )
    return SourceUnreachable(f"{name}: the host answered {status}; look into its log")


def refusal(tokens: Sequence[Token]) -> str:
    """Say which tokens Label Studio refused, and what to do."""
    kinds = " and ".join(token.description for token in tokens)
    hint = "set LABEL_STUDIO_API_KEY to a personal access token from Label Studio's Account & Settings page"
    if any(token.kind == "legacy" for token in tokens):
        hint += " (legacy tokens are switched off by default)"
    return f"Label Studio refused {kinds}; {hint}"
