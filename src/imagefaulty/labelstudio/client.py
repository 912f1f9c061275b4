"""A small client of Label Studio's API: one origin, one token, answers as JSON, errors that say the cure.

Knows how to talk, not what about: projects, connections and tasks have modules of their own beside this one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import urljoin, urlsplit

import httpx2
import stamina

from imagefaulty.errors import (
    LabelStudioError,
    LabelStudioNotFound,
    LabelStudioRejected,
    LabelStudioUnauthorized,
    LabelStudioUnreachable,
    SettingsError,
)
from imagefaulty.labelstudio.references import shown
from imagefaulty.labelstudio.tokens import Token

Method = Literal["GET", "POST", "PATCH", "DELETE"]
#: Name and content of a file to upload.
UploadFile = tuple[str, bytes]

_ATTEMPTS: Final = 4
_PASSING_STATUSES: Final = (429, 502, 503, 504)
# Label Studio counts a project's predictions anew after every import of some: minutes where there are 100,000.
_TIMEOUT_S: Final = 600.0
_CONNECT_S: Final = 5.0
_SHOWN_CHARACTERS: Final = 600
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


class _Passing(Exception):
    """A failure that may be gone at the next attempt; wraps the error to raise when it stays."""

    def __init__(self, error: LabelStudioError) -> None:
        super().__init__(error.message)
        self.error = error


class LabelStudioClient:
    """Calls Label Studio's API; use it as an async context manager, in one event loop.

    Args:
        url: Label Studio's address with its sub-path, as :func:`~imagefaulty.labelstudio.references.studio_url` has it.
        token: A token of any of the three kinds.
        timeout_s: How long one call may take.

    Attributes:
        url: That address.
        token: That token.
    """

    def __init__(self, url: str, token: Token, *, timeout_s: float = _TIMEOUT_S) -> None:
        if not url:
            raise SettingsError("Label Studio's address is not known; set LABEL_STUDIO_URL or give --url")
        self.url = url
        self.token = token
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(timeout_s, connect=_CONNECT_S), headers={"User-Agent": "imagefaulty"}
        )

    async def __aenter__(self) -> LabelStudioClient:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - JSON
        """Return what is at a path such as ``"/api/projects/1/"``.

        Raises:
            LabelStudioError: It cannot be had; the subclass says why, the message what to do.
        """
        return await self._call("GET", path, params=query)

    async def ask(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Return what is at a path that needs no token; errors as for :meth:`get`."""
        return await self._call("GET", path, authorized=False)

    async def post(self, path: str, body: object = None, **query: str | int) -> Any:  # noqa: ANN401 - JSON
        """Send JSON to a path and return the answer; errors as for :meth:`get`."""
        return await self._call("POST", path, params=query, json=body)

    async def patch(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        """Change what is at a path and return the answer; errors as for :meth:`get`."""
        return await self._call("PATCH", path, json=body)

    async def delete(self, path: str) -> None:
        """Remove what is at a path; errors as for :meth:`get`."""
        await self._call("DELETE", path)

    async def upload(self, path: str, files: Sequence[UploadFile], **query: str | int) -> Any:  # noqa: ANN401 - JSON
        """Send files as a form and return the answer; errors as for :meth:`get`."""
        parts = [(f"file{number}", file) for number, file in enumerate(files)]
        return await self._call("POST", path, params=query, files=parts)

    async def _call(self, method: Method, path: str, *, authorized: bool = True, **arguments: Any) -> Any:  # noqa: ANN401 - JSON
        try:
            async for attempt in stamina.retry_context(
                on=_Passing, attempts=_ATTEMPTS, wait_initial=0.3, wait_max=5.0, timeout=60.0
            ):
                with attempt:
                    if authorized:
                        return self._content(await self._authorized(method, path, arguments))
                    return self._content(await self._send(method, path, "", arguments))
        except _Passing as failure:
            raise failure.error from None
        raise AssertionError("retry_context ends with a result or an error")

    async def _authorized(self, method: Method, path: str, arguments: dict[str, Any]) -> httpx2.Response:
        """Send with the token; once more with a freshly swapped one where the first is refused."""
        header = await self.token.header(self._swap)
        answer = await self._send(method, path, header, arguments)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            fresh = await self.token.header(self._swap, rejected=header)
            if fresh != header:
                answer = await self._send(method, path, fresh, arguments)
        return answer

    async def _send(self, method: Method, path: str, header: str, arguments: dict[str, Any]) -> httpx2.Response:
        headers = {"Authorization": header} if header else {}
        try:
            return await self._http.request(method, f"{self.url}{path}", headers=headers, **arguments)
        except httpx2.ConnectError:
            error = LabelStudioUnreachable(f"no connection to Label Studio at {self.url}; {self._cure()}")
            raise _Passing(error) from None
        except httpx2.TimeoutException:
            raise LabelStudioUnreachable(
                f"Label Studio at {self.url} did not answer {method} {path} in time; look whether it is busy"
            ) from None
        except httpx2.HTTPError as failure:
            broken = LabelStudioUnreachable(
                f"the connection to Label Studio at {self.url} broke off ({type(failure).__name__}); try again"
            )
            # What was sent may have been done, so only reading is repeated.
            raise (_Passing(broken) if method == "GET" else broken) from None
        except httpx2.InvalidURL:
            raise SettingsError(f"LABEL_STUDIO_URL {shown(self.url)} is no usable address; correct it") from None

    async def _swap(self, secret: str) -> str:
        """Trade a personal access token for an access token."""
        answer = await self._send("POST", "/api/token/refresh/", "", {"json": {"refresh": secret}})
        if answer.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise LabelStudioUnauthorized(
                f"Label Studio at {self.url} refuses {self.token.description} ({_reason(answer)}): it is wrong, "
                "expired or revoked; make a new one on the page Account & Settings"
            )
        content = self._content(answer)
        if not isinstance(content, dict) or not isinstance(content.get("access"), str):
            raise self.stranger()
        return str(content["access"])

    def _content(self, answer: httpx2.Response) -> Any:  # noqa: ANN401 - JSON
        if answer.has_redirect_location:
            onward = shown(urljoin(str(answer.url), answer.headers["Location"]))
            raise LabelStudioUnreachable(
                f"{self.url} redirects to {onward}; set LABEL_STUDIO_URL to Label Studio's final address"
            )
        if answer.status_code in _PASSING_STATUSES:
            busy = f"Label Studio at {self.url} is busy ({answer.status_code}); try again later"
            # A gateway that gives up does not stop Label Studio: what was posted may yet be done, so only reading,
            # and what was refused unread (429), is repeated.
            repeatable = answer.request.method == "GET" or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
            error = LabelStudioUnreachable(busy)
            raise _Passing(error) if repeatable else error
        if answer.is_error:
            raise self._error(answer)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError:
            raise self.stranger() from None

    def _error(self, answer: httpx2.Response) -> LabelStudioError:
        status, reason = answer.status_code, _reason(answer)
        what = f"{answer.request.method} {answer.request.url.path}"
        if status == HTTPStatus.UNAUTHORIZED:
            return LabelStudioUnauthorized(self._refusal(reason))
        if status == HTTPStatus.FORBIDDEN:
            return LabelStudioUnauthorized(f"Label Studio refuses {what}: {reason}")
        if status == HTTPStatus.NOT_FOUND:
            return LabelStudioNotFound(f"Label Studio knows nothing at {what}: {reason}")
        if answer.is_server_error:
            return LabelStudioError(f"Label Studio failed at {what} ({status}): {reason}; look into its log")
        return LabelStudioRejected(f"Label Studio rejects {what}: {reason}")

    def _refusal(self, reason: str) -> str:
        said = f"Label Studio at {self.url} refuses {self.token.description} ({reason})"
        if self.token.kind == "legacy" and "legacy" in reason:
            return f"{said}; make a personal access token, or have an administrator allow legacy tokens"
        if self.token.kind == "access":
            return f"{said}; access tokens live five minutes; use a personal access token instead"
        return f"{said}; make a personal access token on the page Account & Settings"

    def stranger(self) -> LabelStudioUnreachable:
        """Return the error that says that somebody else answers at the address."""
        return LabelStudioUnreachable(
            f"what answers at {self.url} is no Label Studio; correct LABEL_STUDIO_URL (with its sub-path, if any)"
        )

    def _cure(self) -> str:
        if urlsplit(self.url).hostname in _LOOPBACK:
            return (
                "start it, or correct LABEL_STUDIO_URL. Inside a container this address means the container itself: "
                "name Label Studio's container or host.docker.internal there"
            )
        return "start it, or correct LABEL_STUDIO_URL"


def _reason(answer: httpx2.Response) -> str:
    """Return Label Studio's own words about an error, on one line, without markup and credentials."""
    try:
        body = answer.json()
    except ValueError:
        return answer.reason_phrase or "no reason given"
    words = [*_words(body.get("validation_errors"))] if isinstance(body, dict) else [*_words(body)]
    if not words and isinstance(body, dict):
        words = [str(body.get("detail") or answer.reason_phrase)]
    text = " ".join(unescape(re.sub(r"<[^>]*>", "", "; ".join(words))).split())
    text = re.sub(r"(?<=//)[^/\s@]*@", "", text).partition(" Learn more")[0].rstrip(".")
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _words(value: object) -> list[str]:
    """Flatten the errors by field that Django REST framework gives."""
    if isinstance(value, dict):
        return [
            word if key in ("non_field_errors", "0") else f"{key}: {word}"
            for key, inner in value.items()
            for word in _words(inner)
        ]
    if isinstance(value, list):
        return [word for inner in value for word in _words(inner)]
    return [str(value)] if value else []
