"""Paths and addresses that a caller may name instead of sending a file: only those that the operator listed."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx2

from imagefaulty.errors import SettingsError, SourceForbidden, SourceNotFound, SourceTooLarge, SourceUnreachable
from imagefaulty.labelstudio.references import origin, shown

_CONNECT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class AllowedSources:
    """What may be named.

    Attributes:
        folders: Resolved folders; files below them may be read.
        addresses: Address prefixes; what lies below them may be fetched.
        limit_bytes: Largest file.
        timeout_s: Time that one fetch may take.
    """

    folders: tuple[Path, ...]
    addresses: tuple[str, ...]
    limit_bytes: int
    timeout_s: float

    @classmethod
    def read(cls, folders: str, addresses: str, *, limit_bytes: int, timeout_s: float) -> AllowedSources:
        """Read the two settings.

        Args:
            folders: Folders, separated as in ``PATH``.
            addresses: Address prefixes, separated by commas or spaces.
            limit_bytes: Largest file.
            timeout_s: Time that one fetch may take.

        Raises:
            SettingsError: A folder does not exist, or an address is none.
        """
        named = [Path(each) for each in folders.split(os.pathsep) if each.strip()]
        if missing := [str(each) for each in named if not each.is_dir()]:
            raise SettingsError(f"ALLOWED_PATHS: {missing[0]} is not a folder; name folders that exist")
        prefixes = tuple(addresses.replace(",", " ").split())
        for prefix in prefixes:
            try:
                origin(prefix)
            except ValueError:
                raise SettingsError(
                    f"ALLOWED_URLS: {shown(prefix)} is not an address; write http://host/ or https://host/folder/"
                ) from None
        return cls(tuple(each.resolve() for each in named), prefixes, limit_bytes, timeout_s)

    def file(self, path: str) -> bytes:
        """Read a file below an allowed folder.

        Raises:
            SourceForbidden: It lies elsewhere, wherever its links lead.
            SourceNotFound: There is no such file.
            SourceTooLarge: It is larger than allowed.
        """
        try:
            real = Path(path).resolve()
            allowed = any(real.is_relative_to(folder) for folder in self.folders)
        except (OSError, ValueError, RuntimeError):
            allowed = False
        if not allowed:
            raise SourceForbidden(f"{shown(path)} is not below a folder of ALLOWED_PATHS; send the file itself")
        try:
            if not real.is_file():
                raise SourceNotFound(f"{shown(path)} does not exist here; check the path")
            with real.open("rb") as file:
                data = file.read(self.limit_bytes + 1)
        except OSError as error:
            raise SourceForbidden(f"{shown(path)} cannot be read ({error.strerror}); check its permissions") from None
        if len(data) > self.limit_bytes:
            raise self._too_large(path)
        return data

    async def fetch(self, url: str) -> bytes:
        """Fetch what lies below an allowed address. Redirects are not followed: they could lead anywhere.

        Raises:
            SourceForbidden: It lies elsewhere, or the host redirects.
            SourceNotFound: There is nothing there.
            SourceUnreachable: The host does not answer, or not in time.
            SourceTooLarge: It is larger than allowed.
        """
        if not any(_below(url, prefix) for prefix in self.addresses):
            raise SourceForbidden(f"{shown(url)} is not below an address of ALLOWED_URLS; send the file itself")
        timeout = httpx2.Timeout(self.timeout_s, connect=min(_CONNECT_S, self.timeout_s))
        try:
            async with (
                asyncio.timeout(self.timeout_s),
                httpx2.AsyncClient(timeout=timeout, follow_redirects=False) as client,
                client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer,
            ):
                return await self._body(answer, url)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            kind = type(error).__name__
            raise SourceUnreachable(f"{shown(url)} could not be fetched ({kind}); check the host") from None

    async def _body(self, answer: httpx2.Response, url: str) -> bytes:
        if answer.is_redirect:
            raise SourceForbidden(f"{shown(url)} redirects; give its final address")
        if answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise SourceNotFound(f"{shown(url)} does not exist there ({answer.status_code}); check the address")
        if not answer.is_success:
            raise SourceUnreachable(f"{shown(url)}: the host answered {answer.status_code}; look into its log")
        data = bytearray()
        async for chunk in answer.aiter_bytes():
            data += chunk
            if len(data) > self.limit_bytes:
                raise self._too_large(url)
        return bytes(data)

    def _too_large(self, name: str) -> SourceTooLarge:
        return SourceTooLarge(f"{shown(name)} has more than {self.limit_bytes:,} bytes; raise MAX_IMAGE_BYTES")


def _below(url: str, prefix: str) -> bool:
    """Say whether an address lies below a prefix: same scheme, host and port, and a path that begins with its path."""
    try:
        if origin(url) != origin(prefix) or "@" in urlsplit(url).netloc:
            return False
    except ValueError:
        return False
    path = unquote(urlsplit(url).path)
    folder = unquote(urlsplit(prefix).path).rstrip("/") + "/"
    return path.startswith(folder) and ".." not in path.split("/") and "\\" not in path
