"""An address → its bytes: one pool of connections, redirects followed by hand, limits, and a cache that asks first."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx2

from imagefaulty.errors import SourceError, SourceForbidden, SourceTooLarge, SourceUnreachable
from imagefaulty.labelstudio._fetch_errors import client_error, connection_cure, status_error
from imagefaulty.labelstudio.cache import Copy, DiskCache
from imagefaulty.labelstudio.hosts import HostList
from imagefaulty.labelstudio.references import Origin, origin, shown

_REDIRECTS: Final = 5
# A host that did not answer is not asked again for so long: thousands of tasks may wait for others.
_REST_S: Final = 15.0
# Where Label Studio sends a browser that is not logged in.
_LOGIN_PATH: Final = "/user/login"


class _StillHoldsError(Exception):
    """The source says that the copy in the cache is what it would send."""


class Fetcher:
    """Fetches addresses; it belongs to one event loop.

    Args:
        limit_bytes: Largest file that is taken in.
        timeout_s: Longest silence of a host.
        connections: Open connections at most.
        hosts: Hosts that may be asked.
        cache: Where fetched files are kept; None keeps none.
    """

    def __init__(
        self, *, limit_bytes: int, timeout_s: float, connections: int, hosts: HostList, cache: DiskCache | None
    ) -> None:
        self._limit_bytes = limit_bytes
        self._hosts = hosts
        self._cache = cache
        self._resting: dict[Origin, float] = {}
        self.client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(timeout_s, connect=min(5.0, timeout_s), pool=None),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            # Images are compressed already; identity keeps the byte limit honest.
            headers={"User-Agent": "imagefaulty", "Accept-Encoding": "identity", "Accept": "image/*,*/*;q=0.8"},
            follow_redirects=False,
            # A cookie knows no port, so Label Studio's session could reach a neighbour on its host.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    def rest(self, where: Origin) -> None:
        """Leave a host that did not answer alone for a while."""
        self._resting[where] = time.monotonic() + _REST_S

    async def get(self, url: str, authorization: str, name: str, *, home: Origin | None) -> bytes | None:
        """Return the body of an address, from the cache if it still holds; None where the answer is 401.

        Args:
            url: The address.
            authorization: Header to send there, but to no other host; "" for none.
            name: What to call the file in messages.
            home: Where Label Studio is, if the address is there: it may always be asked.

        Raises:
            SourceError: The bytes cannot be had.
        """
        if self._cache is None:
            return await self._follow(url, authorization, name, home, None)
        copy = await asyncio.to_thread(self._cache.find, url)
        try:
            return await self._follow(url, authorization, name, home, copy)
        except _StillHoldsError:
            data = await asyncio.to_thread(self._cache.read, url, copy) if copy else None
        return data if data is not None else await self._follow(url, authorization, name, home, None)

    async def _follow(
        self, url: str, authorization: str, name: str, home: Origin | None, copy: Copy | None
    ) -> bytes | None:
        """Follow redirects by hand."""
        first, dropped = url, False
        for _ in range(_REDIRECTS + 1):
            self._admit(url, name, home)
            headers = {"Authorization": authorization} if authorization else {}
            if copy is not None and copy.origin == _written(url):
                headers |= copy.conditions
            try:
                async with self.client.stream("GET", url, headers=headers) as answer:
                    if not answer.has_redirect_location:
                        data = await self._body(answer, name)
                        if data is None and dropped:
                            raise _lost_token(name, url)
                        await self._keep(first, answer, data)
                        return data
                    onward = urljoin(str(answer.url), answer.headers["Location"])
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise client_error(name, url, error) from None
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

    def _admit(self, url: str, name: str, home: Origin | None) -> None:
        """Refuse a host that may not be asked, or did not answer a moment ago."""
        try:
            where = origin(url)
        except ValueError:
            raise SourceError(f"{name} is not a usable address; correct the task's data") from None
        if where != home and not self._hosts.admits(url):
            raise SourceForbidden(
                f"{name}: images are not fetched from {where[1]}; add it to IMAGE_HOSTS if they should"
            )
        if time.monotonic() < self._resting.get(where, 0.0):
            raise SourceUnreachable(f"{name}: no connection to {where[1]} a moment ago; {connection_cure(where[1])}")

    async def _body(self, answer: httpx2.Response, name: str) -> bytes | None:
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            return None
        if answer.status_code == HTTPStatus.NOT_MODIFIED:
            raise _StillHoldsError
        if not answer.is_success:
            raise status_error(answer, name)
        declared = answer.headers.get("Content-Length", "")
        if declared.isdecimal() and int(declared) > self._limit_bytes:
            raise too_large(name, self._limit_bytes)
        chunks: list[bytes] = []
        size = 0
        async for chunk in answer.aiter_bytes():
            size += len(chunk)
            if size > self._limit_bytes:
                raise too_large(name, self._limit_bytes)
            chunks.append(chunk)
        data = b"".join(chunks)
        if answer.headers.get("Content-Type", "").startswith("text/html") and data.lstrip()[:1] == b"<":
            raise SourceError(f"{name} answers with a web page instead of an image; open it in a browser to see why")
        return data

    async def _keep(self, address: str, answer: httpx2.Response, data: bytes | None) -> None:
        """Put a file into the cache, if the source can be asked later whether it still holds."""
        etag, modified = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
        forbidden = "no-store" in answer.headers.get("Cache-Control", "").lower()
        if self._cache is None or data is None or forbidden or not (etag or modified):
            return
        where = _written(str(answer.url))
        await asyncio.to_thread(self._cache.store, address, data, origin=where, etag=etag, modified=modified)


def too_large(name: str, limit_bytes: int) -> SourceTooLarge:
    """Say that a file has too many bytes."""
    return SourceTooLarge(f"{name} has more than {limit_bytes:,} bytes; raise MAX_IMAGE_BYTES if it is a genuine page")


def _lost_token(name: str, url: str) -> SourceForbidden:
    where = shown(urljoin(url, "/"))
    return SourceForbidden(
        f"{name} redirects to {where}, where Label Studio's token is not sent; if that is Label Studio, set "
        "LABEL_STUDIO_URL to it"
    )


def _written(url: str) -> str:
    """Return the origin of an address as text."""
    return "{}://{}:{}".format(*origin(url))
