"""Every kind of image reference that Label Studio puts into task data → the address to ask, and whom to trust there.

Pure functions; nothing is fetched here. The table of reference kinds is in ``docs/label-studio.md``.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from imagefaulty.errors import SettingsError, SourceError, SourceForbidden

_CLOUD_SCHEMES: Final = ("s3", "gs", "azure-blob")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# Query fields that say which file is meant; all others (signatures, tokens) stay out of logs and answers.
_TELLING_FIELDS: Final = ("d", "filepath")
_SHOWN_CHARACTERS: Final = 200

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Studio:
    """Where a Label Studio is.

    Attributes:
        base_url: Address at which this process reaches it, with its sub-path, without a final slash; "" if unknown.
        aliases: Other addresses under which it calls itself, such as the ``hostname`` of ``/setup``.
    """

    base_url: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskIdentity:
    """Which task asks; Label Studio signs cloud files by task or, without one, by project."""

    task_id: int | None = None
    project_id: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """An address to fetch.

    Attributes:
        url: Absolute http(s) address.
        trusted: True if it lies on Label Studio's origin, so that its token may be sent there.
    """

    url: str
    trusted: bool


def studio_url(text: str, *, setting: str = "LABEL_STUDIO_URL") -> str:
    """Return a Label Studio address in one form: with scheme, without final slash.

    Args:
        text: ``host:8080``, ``http://host/label/`` and the like; "" stays "".
        setting: What to call the value in a message.

    Raises:
        SettingsError: The text is no http(s) address, or holds credentials, a query or a fragment.
    """
    text = text.strip()
    if not text:
        return ""
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        origin(url)
    except ValueError:
        raise SettingsError(f"{setting} is no address; give it like http://label-studio:8080") from None
    if "@" in parts.netloc:
        raise SettingsError(f"{setting} must not hold a user or password; put a token in LABEL_STUDIO_API_KEY")
    if parts.query or parts.fragment:
        raise SettingsError(f"{setting} must not have a query or fragment; give it like http://label-studio:8080")
    return url.rstrip("/")


def origin(url: str) -> Origin:
    """Return scheme, host and port of an http(s) address.

    Raises:
        ValueError: It has no such parts.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("not an http(s) address")
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme]


def resolve(reference: str, studio: Studio, task: TaskIdentity) -> Target:
    """Return the address behind a reference.

    Args:
        reference: What the task data holds, anything but a ``data:`` URI.
        studio: The Label Studio that the task comes from.
        task: The task, needed for files in cloud storage.

    Raises:
        SourceError: The reference cannot be turned into an address; the message says what is missing.
    """
    try:
        return _resolve(reference.strip(), studio, task)
    except ValueError:
        raise SourceError(f"{shown(reference)} is not a usable address; correct the task's data") from None


def _resolve(reference: str, studio: Studio, task: TaskIdentity) -> Target:
    reference = _without_alias(reference, studio)
    scheme = urlsplit(reference).scheme
    if scheme in ("http", "https"):
        own = bool(studio.base_url) and origin(reference) == origin(studio.base_url)
        return Target(reference, trusted=own)
    if scheme and scheme not in _CLOUD_SCHEMES:
        raise SourceForbidden(f"{shown(reference)}: {scheme}: addresses are not fetched; use http(s) or an upload")
    if not studio.base_url:
        raise SourceError(
            f"{shown(reference)} is a file inside Label Studio, whose address is not known; set LABEL_STUDIO_URL"
        )
    if scheme:
        return Target(_presign_url(reference, studio, task), trusted=True)
    if reference.startswith("//"):
        url = f"{urlsplit(studio.base_url).scheme}:{reference}"
        return Target(url, trusted=origin(url) == origin(studio.base_url))
    return Target(_inside(reference, studio), trusted=True)


def _without_alias(reference: str, studio: Studio) -> str:
    """Cut Label Studio's own address off, so that only the path counts: we may reach it under another name."""
    if not studio.base_url or urlsplit(reference).scheme not in _DEFAULT_PORTS:
        return reference
    parts = urlsplit(reference)
    for alias in studio.aliases:
        prefix = urlsplit(alias).path
        if origin(alias) == origin(reference) and (parts.path + "/").startswith(prefix + "/"):
            path = parts.path[len(prefix) :] or "/"
            return f"{path}?{parts.query}" if parts.query else path
    return reference


def _inside(reference: str, studio: Studio) -> str:
    """Return the address of a path inside Label Studio; the sub-path is added where it is missing."""
    if reference.startswith("/"):
        path = reference
    else:
        path = f"/{reference}" if reference.startswith("data/") else f"/data/{reference}"
    own = urlsplit(studio.base_url)
    if own.path and not path.startswith(own.path + "/"):
        path = own.path + path
    return f"{own.scheme}://{own.netloc}{path}"


def _presign_url(reference: str, studio: Studio, task: TaskIdentity) -> str:
    if task.task_id is not None:
        place = f"tasks/{task.task_id}"
    elif task.project_id is not None:
        place = f"projects/{task.project_id}"
    else:
        raise SourceError(
            f"{shown(reference)} is in cloud storage, and Label Studio signs it by task; send the task id"
        )
    uri = base64.urlsafe_b64encode(reference.encode()).decode()
    return f"{studio.base_url}/{place}/presign/?fileuri={quote(uri)}"


def shown(reference: str) -> str:
    """Return a reference as it may be shown: no user, password, signature or token, no control characters, short."""
    if reference.lstrip()[:5].lower() == "data:":
        return f"data: URI of {len(reference):,} characters"
    clean = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in reference)
    head, mark, query = clean.partition("?")
    head = re.sub(r"(?<=//)[^/]*@", "", head).partition("#")[0]
    if mark:
        telling = [(key, value) for key, value in parse_qsl(query) if key in _TELLING_FIELDS]
        head += f"?{urlencode(telling, safe='/')}" if telling else ""
    return head if len(head) <= _SHOWN_CHARACTERS else f"{head[: _SHOWN_CHARACTERS - 1]}…"
