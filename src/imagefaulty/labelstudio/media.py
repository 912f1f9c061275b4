"""Task reference → bytes, from wherever Label Studio may keep an image.

Label Studio's token goes to Label Studio's origin only, and is dropped for good at the first redirect elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes, urljoin

import httpx2
import stamina

from imagefaulty.errors import SourceError, SourceForbidden, SourceUnreachable
from imagefaulty.labelstudio._fetch_errors import (
    NoConnection,
    PassingError,
    client_error,
    refusal,
    status_error,
)
from imagefaulty.labelstudio._fetching import Fetcher, too_large
from imagefaulty.labelstudio.cache import DiskCache
from imagefaulty.labelstudio.hosts import HostList
from imagefaulty.labelstudio.references import Studio, TaskIdentity, origin, resolve, shown
from imagefaulty.labelstudio.tokens import Token

_log: Final = logging.getLogger(__name__)

_ATTEMPTS: Final = 3
# A page is wanted within a request's time budget; who asks us to wait longer is not worth waiting for.
_LONGEST_PAUSE_S: Final = 5.0
_WHOAMI: Final = "/api/current-user/whoami"


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
        hosts: Hosts that may be asked beside Label Studio itself; None means any.
        cache: Where fetched files are kept; None keeps none.
    """

    def __init__(
        self,
        *,
        limit_bytes: int,
        timeout_s: float = 30.0,
        connections: int = 16,
        hosts: HostList | None = None,
        cache: DiskCache | None = None,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s
        self._fetcher = Fetcher(
            limit_bytes=limit_bytes,
            timeout_s=timeout_s,
            connections=connections,
            hosts=hosts or HostList(),
            cache=cache,
        )

    async def __aenter__(self) -> MediaReader:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._fetcher.client.aclose()

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
        except NoConnection as error:
            self._fetcher.rest(error.origin)
            raise
        except TimeoutError:
            raise SourceUnreachable(
                f"{shown(reference)} did not arrive within {self._timeout_s:g} s; check the network or raise "
                "FETCH_TIMEOUT_S"
            ) from None
        raise AssertionError("retry_context ends with a result or an error")

    async def check(self, access: Access) -> None:
        """Ask Label Studio whether it takes the tokens, once.

        Raises:
            SourceError: It does not, or does not answer; the message names the cure.
        """
        url = f"{access.studio.base_url}{_WHOAMI}"
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._fetch(url, access, shown(url))
        except TimeoutError:
            raise SourceUnreachable(f"{shown(url)} did not answer; check LABEL_STUDIO_URL and the network") from None

    def _inline(self, reference: str) -> bytes:
        """Decode a data: URI."""
        head, comma, body = reference.strip().partition(",")
        # Four characters of base64 are three bytes; percent-encoding only shrinks.
        if len(body) * 3 // 4 > self._limit_bytes + 2:
            raise too_large(shown(reference), self._limit_bytes)
        try:
            data = unquote_to_bytes(body)
            if head.lower().endswith(";base64"):
                data = base64.b64decode(data + b"=" * (-len(data) % 4))
        except ValueError:
            comma = ""
        if not comma:
            raise SourceError(f"the {shown(reference)} cannot be decoded; import the image again")
        if len(data) > self._limit_bytes:
            raise too_large(shown(reference), self._limit_bytes)
        return data

    async def _fetch(self, url: str, access: Access | None, name: str) -> bytes:
        """Fetch an address; with ``access``, try Label Studio's tokens in turn."""
        if access is None or not access.tokens:
            home = origin(access.studio.base_url) if access else None
            data = await self._fetcher.get(url, "", name, home=home)
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
        raise SourceForbidden(f"{name}: {refusal(access.tokens)}")

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
            data = await self._fetcher.get(url, header, name, home=origin(studio.base_url))
            if data is not None:
                return data
        return None

    async def _swap(self, secret: str, studio: Studio) -> str:
        """Trade a personal access token for an access token."""
        try:
            answer = await self._fetcher.client.post(f"{studio.base_url}/api/token/refresh/", json={"refresh": secret})
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise client_error("Label Studio", studio.base_url, error) from None
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
        raise status_error(answer, f"{studio.base_url}/api/token/refresh/")


def _is_passing(error: Exception) -> bool | float:
    """Tell stamina whether to try again, or after how many seconds."""
    if not isinstance(error, PassingError):
        return False
    if error.pause_s is None:
        return True
    return error.pause_s if error.pause_s <= _LONGEST_PAUSE_S else False
