"""Task reference → bytes, from wherever Label Studio may keep an image.

Label Studio's token goes to Label Studio's origin only, and is dropped for good at the first redirect elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import httpx2
import stamina

from imagefaulty.errors import (
    ImageFaultyError,
    SourceError,
    SourceForbidden,
    SourceNotFound,
    SourceTooLarge,
    SourceUnreachable,
)
from imagefaulty.labelstudio.references import Studio, TaskIdentity, origin, resolve, shown
from imagefaulty.labelstudio.tokens import Token

_log: Final = logging.getLogger(__name__)

_REDIRECTS: Final = 5
_ATTEMPTS: Final = 3
# Statuses that say "not now" rather than "no"; a plain 500 repeats itself.
_PASSING_STATUSES: Final = (429, 502, 503, 504)
# A page is wanted within a request's time budget; who asks us to wait longer is not worth waiting for.
_LONGEST_PAUSE_S: Final = 5.0
# Where Label Studio sends a browser that is not logged in.
_LOGIN_PATH: Final = "/user/login"


class _PassingError(SourceUnreachable):
    """A failure that may be gone at the next attempt.

    Attributes:
        pause_s: How long the server asked us to wait, or None.
    """

    def __init__(self, message: str, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.pause_s = pause_s


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the Label Studio that a task comes from.

    Attributes:
        studio: Its addresses.
        tokens: Tokens to try, in this order; they are sent to ``studio.base_url`` and nowhere else.
    """

    studio: Studio
    tokens: tuple[Token, ...] = ()


class MediaReader:
    """Fetches task media over one pool of connections; use it as an async context manager, in one event loop.

    Args:
        limit_bytes: Largest file that is taken in.
        timeout_s: Time that one file may take in all, retries included.
        connections: Open connections at most.
    """

    def __init__(self, *, limit_bytes: int, timeout_s: float = 30.0, connections: int = 16) -> None:
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(timeout_s, connect=min(5.0, timeout_s), pool=None),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            # Images are compressed already; identity keeps the byte limit honest.
            headers={"User-Agent": "imagefaulty", "Accept-Encoding": "identity", "Accept": "image/*,*/*;q=0.8"},
            follow_redirects=False,
            # A cookie knows no port, so Label Studio's session could reach a neighbour on its host.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    async def __aenter__(self) -> MediaReader:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._client.aclose()

    async def read(self, reference: str, access: Access, task: TaskIdentity | None = None) -> bytes:
        """Return the bytes behind a reference.

        Args:
            reference: What the task data holds: an address, a path inside Label Studio, a ``data:`` URI.
            access: The Label Studio that the task comes from.
            task: The task, needed for files in cloud storage.

        Raises:
            SourceError: The bytes cannot be had; the message names the reference and the cure.
        """
        if reference.lstrip()[:5].lower() == "data:":
            return self._inline(reference)
        target = resolve(reference, access.studio, task or TaskIdentity())
        try:
            async with asyncio.timeout(self._timeout_s):
                async for attempt in stamina.retry_context(
                    _is_passing,
                    attempts=_ATTEMPTS,
                    timeout=self._timeout_s,
                    wait_initial=0.2,
                    wait_max=2.0,
                    wait_jitter=0.3,
                ):
                    with attempt:
                        return await self._fetch(target.url, access if target.trusted else None, shown(reference))
        except TimeoutError:
            raise SourceUnreachable(
                f"{shown(reference)} did not arrive within {self._timeout_s:g} s; check the network or raise "
                "FETCH_TIMEOUT_S"
            ) from None
        raise AssertionError("retry_context ends with a result or an error")

    def _inline(self, reference: str) -> bytes:
        """Decode a data: URI."""
        head, comma, body = reference.strip().partition(",")
        # Four characters of base64 are three bytes; percent-encoding only shrinks.
        if len(body) * 3 // 4 > self._limit_bytes + 2:
            raise self._too_large(shown(reference))
        try:
            data = unquote_to_bytes(body)
            if head.lower().endswith(";base64"):
                data = base64.b64decode(data + b"=" * (-len(data) % 4))
        except ValueError:
            comma = ""
        if not comma:
            raise SourceError(f"the {shown(reference)} cannot be decoded; import the image again")
        if len(data) > self._limit_bytes:
            raise self._too_large(shown(reference))
        return data

    async def _fetch(self, url: str, access: Access | None, name: str) -> bytes:
        """Fetch an address; with ``access``, try Label Studio's tokens in turn."""
        if access is None or not access.tokens:
            data = await self._get(url, "", name)
            if data is not None:
                return data
            if access is None:
                raise SourceForbidden(f"{name}: the host wants a login (401); make the file readable without one")
            raise SourceForbidden(f"{name}: Label Studio wants a token; set LABEL_STUDIO_API_KEY")
        for token in sorted(access.tokens, key=lambda token: token.recently_refused):
            data = await self._get_with(token, url, access.studio, name)
            if data is not None:
                return data
            if not token.recently_refused:
                _log.warning("Label Studio refused %s", token.description)
            token.refuse()
        raise SourceForbidden(f"{name}: {_refusal(access.tokens)}")

    async def _get_with(self, token: Token, url: str, studio: Studio, name: str) -> bytes | None:
        """Fetch with one token, once more with a fresh swap; None if Label Studio refuses it."""

        async def swap(secret: str) -> str:
            return await self._swap(secret, studio)

        header = ""
        for _ in range(2):
            try:
                fresh = await token.header(swap, rejected=header)
            except SourceForbidden:
                return None
            if fresh == header:
                return None
            header = fresh
            data = await self._get(url, header, name)
            if data is not None:
                return data
        return None

    async def _swap(self, secret: str, studio: Studio) -> str:
        """Trade a personal access token for an access token."""
        try:
            answer = await self._client.post(f"{studio.base_url}/api/token/refresh/", json={"refresh": secret})
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _unreachable("Label Studio", studio.base_url, error) from None
        if answer.is_success:
            try:
                return str(answer.json()["access"])
            except (ValueError, KeyError, TypeError):
                raise SourceError(f"{studio.base_url} is no Label Studio; correct LABEL_STUDIO_URL") from None
        if answer.status_code in (400, 401, 403):
            raise SourceForbidden("Label Studio refused the personal access token; make a new one")
        if answer.is_redirect:
            where = shown(urljoin(str(answer.url), answer.headers.get("Location", "")))
            raise SourceError(f"Label Studio redirects to {where}; set LABEL_STUDIO_URL to its final address")
        raise _status_error(answer, f"{studio.base_url}/api/token/refresh/")

    async def _get(self, url: str, authorization: str, name: str) -> bytes | None:
        """Follow redirects by hand; return the body, or None where the answer is 401."""
        dropped = False
        for _ in range(_REDIRECTS + 1):
            headers = {"Authorization": authorization} if authorization else {}
            try:
                async with self._client.stream("GET", url, headers=headers) as answer:
                    if not answer.has_redirect_location:
                        data = await self._body(answer, name)
                        if data is None and dropped:
                            where = shown(urljoin(url, "/"))
                            raise SourceForbidden(
                                f"{name} redirects to {where}, where Label Studio's token is not sent; if that is "
                                "Label Studio, set LABEL_STUDIO_URL to it"
                            )
                        return data
                    onward = urljoin(str(answer.url), answer.headers["Location"])
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise _unreachable(name, url, error) from None
            try:
                same_origin = origin(onward) == origin(url)
            except ValueError:
                raise SourceForbidden(f"{name} redirects to {shown(onward)}, which is no http(s) address") from None
            if same_origin and urlsplit(onward).path.rstrip("/").endswith(_LOGIN_PATH):
                return None
            # Once dropped, the token stays dropped: a foreign host must not be able to send us back with it.
            if authorization and not same_origin:
                authorization, dropped = "", True
            url = onward
        raise SourceError(f"{name} redirects more than {_REDIRECTS} times; correct the address")

    async def _body(self, answer: httpx2.Response, name: str) -> bytes | None:
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            return None
        if not answer.is_success:
            raise _status_error(answer, name)
        declared = answer.headers.get("Content-Length", "")
        if declared.isdecimal() and int(declared) > self._limit_bytes:
            raise self._too_large(name)
        chunks: list[bytes] = []
        size = 0
        async for chunk in answer.aiter_bytes():
            size += len(chunk)
            if size > self._limit_bytes:
                raise self._too_large(name)
            chunks.append(chunk)
        data = b"".join(chunks)
        if answer.headers.get("Content-Type", "").startswith("text/html") and data.lstrip()[:1] == b"<":
            raise SourceError(f"{name} answers with a web page instead of an image; open it in a browser to see why")
        return data

    def _too_large(self, name: str) -> SourceTooLarge:
        return SourceTooLarge(
            f"{name} has more than {self._limit_bytes:,} bytes; raise MAX_IMAGE_BYTES if it is a genuine page"
        )


def _is_passing(error: Exception) -> bool | float:
    """Tell stamina whether to try again, or after how many seconds."""
    if not isinstance(error, _PassingError):
        return False
    if error.pause_s is None:
        return True
    return error.pause_s if error.pause_s <= _LONGEST_PAUSE_S else False


def _unreachable(name: str, url: str, error: Exception) -> ImageFaultyError:
    """Translate a client's error; its own text stays out, for it may quote the address."""
    host = urlsplit(url).hostname or "the host"
    if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        return SourceError(f"{name} is not a usable address; correct the task's data")
    if isinstance(error, httpx2.TimeoutException):
        return SourceUnreachable(f"{name}: {host} did not answer in time; check the network or raise FETCH_TIMEOUT_S")
    cure = "check the address and the network"
    if host in ("localhost", "127.0.0.1", "::1"):
        cure = "it names this machine itself; from a container, use the address of the other container or host"
    if isinstance(error, httpx2.ConnectError):
        return _PassingError(f"{name}: no connection to {host}; {cure}")
    return _PassingError(f"{name}: the connection to {host} broke off ({type(error).__name__}); try again")


def _status_error(answer: httpx2.Response, name: str) -> ImageFaultyError:
    status = answer.status_code
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return SourceNotFound(f"{name} does not exist there ({status}), or its storage is not open to the token's user")
    if status == HTTPStatus.FORBIDDEN:
        return SourceForbidden(f"{name}: the host refuses to hand it out (403); check the permissions")
    if status in _PASSING_STATUSES:
        after = answer.headers.get("Retry-After", "")
        return _PassingError(
            f"{name}: the host is busy ({status}); try again", float(after) if after.isdecimal() else None
        )
    return SourceUnreachable(f"{name}: the host answered {status}; look into its log")


def _refusal(tokens: Sequence[Token]) -> str:
    kinds = " and ".join(token.description for token in tokens)
    hint = "set LABEL_STUDIO_API_KEY to a personal access token from Label Studio's Account & Settings page"
    if any(token.kind == "legacy" for token in tokens):
        hint += " (legacy tokens are switched off by default)"
    return f"Label Studio refused {kinds}; {hint}"
