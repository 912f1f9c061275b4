"""Which hosts images may be fetched from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from imagefaulty.errors import SettingsError
from imagefaulty.labelstudio.references import origin

_ENTRY: Final = re.compile(r"(\*\.)?(\[[0-9a-f:.]+\]|[^\s:/@?#*\[\]]+)(?::(\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class _Host:
    name: str
    subdomains: bool
    port: int | None

    def admits(self, host: str, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        return host.endswith(f".{self.name}") if self.subdomains else host == self.name


@dataclass(frozen=True, slots=True)
class HostList:
    """Hosts that may be asked; all, if it is empty."""

    hosts: tuple[_Host, ...] = ()

    @classmethod
    def read(cls, text: str, *, setting: str = "IMAGE_HOSTS") -> HostList:
        """Read a list separated by commas or spaces: ``scans.example.org *.example.org 10.0.0.5:9000 [::1]``.

        Args:
            text: The list; empty means any host.
            setting: What to call it in a message.

        Raises:
            SettingsError: An entry is no host.
        """
        return cls(tuple(_host(entry, setting) for entry in text.replace(",", " ").split()))

    def admits(self, url: str) -> bool:
        """Return whether an http(s) address may be asked."""
        _, host, port = origin(url)
        return not self.hosts or any(each.admits(host.lower().rstrip("."), port) for each in self.hosts)


def _host(entry: str, setting: str) -> _Host:
    found = _ENTRY.fullmatch(entry.lower())
    if found is None:
        raise SettingsError(
            f"{setting}: {entry!r} is no host; write it like scans.example.org, *.example.org or host:9000"
        )
    subdomains, name, port = found.groups()
    return _Host(name.strip("[]"), bool(subdomains), int(port) if port else None)
