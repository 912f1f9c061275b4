"""An image reference of a Label Studio export → the file below the folder that the user named."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from imagefaulty._formats import SUFFIXES
from imagefaulty.errors import SettingsError
from imagefaulty.folders import pages_below
from imagefaulty.labelstudio.references import shown

#: ``/data/upload/<project>/<8 hex>-<name>``, as Label Studio stores uploads.
_UPLOAD: Final = re.compile(r"(?:^|/)upload/(\d+)/(?:[0-9a-f]{8}-)?([^/]+)$")
_Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """An image reference, taken apart.

    Attributes:
        text: The reference as written.
        paths: Ways to read it as a path, the likeliest first.
        project: Project that the image was uploaded to, "" if it was not.
        upload_name: Name of the uploaded file before Label Studio put its prefix in front, else "".
        is_web: Whether it is an address of another server, whose folders say nothing of the page's origin.
    """

    text: str
    paths: tuple[_Parts, ...]
    project: str = ""
    upload_name: str = ""
    is_web: bool = False

    @property
    def shown(self) -> str:
        """The reference as a message may show it, without tokens."""
        return shown(self.text)

    @property
    def folder(self) -> str:
        """The folder that the reference names; "" for uploads and addresses of other servers."""
        return "" if self.project or self.is_web or not self.paths else "/".join(self.paths[0][:-1])


def parse_reference(text: str) -> Reference:
    """Take a reference apart: an upload, a local file (``?d=``), cloud storage, an address or a plain path."""
    if text.lstrip()[:5].lower() == "data:":
        return Reference(text, ())
    path = _path(text.strip().replace("\\", "/"))
    upload = _UPLOAD.search(unquote(path))
    parsed = (_parts(unquote(path)), _parts(path), _parts(text.strip()))
    return Reference(
        text=text,
        paths=tuple(dict.fromkeys(parts for parts in parsed if parts)),
        project=upload.group(1) if upload else "",
        upload_name=upload.group(2) if upload else "",
        is_web=text.lstrip().lower().startswith(("http:", "https:")) and "?d=" not in text,
    )


def looks_like_image(value: object) -> bool:
    """Whether a value of a task's data is a reference to an image, or a list of them."""
    if isinstance(value, list):
        return bool(value) and all(looks_like_image(each) for each in value)
    if not isinstance(value, str):
        return False
    if value.lstrip()[:11].lower() == "data:image/":
        return True
    paths = parse_reference(value).paths
    return bool(paths) and Path(paths[0][-1]).suffix.lower() in SUFFIXES


def _path(text: str) -> str:
    """Return the path inside a reference, still quoted where it may be."""
    try:
        url = urlsplit(text)
    except ValueError:
        return text
    fields = parse_qs(url.query)
    for name in ("d", "filepath"):
        if name in fields:
            return fields[name][0]
    if "fileuri" in fields:
        return _path(_decoded(fields["fileuri"][0]))
    return url.path if url.scheme or url.query else text


def _decoded(uri: str) -> str:
    try:
        return base64.urlsafe_b64decode(uri + "=" * (-len(uri) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


def _parts(path: str) -> _Parts:
    # Nothing outside the folder is read, whatever the export says.
    return tuple(part for part in path.split("/") if part not in ("", ".", "..") and not part.endswith(":"))


class ImageFolder:
    """The folder that an export's images lie in.

    Args:
        folder: The folder. Files are looked for by as much of their path as there is directly below it; those whose
            reference names no folder of the user's also by their name, anywhere below.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, reference: Reference) -> list[Path]:
        """Return the file of a reference; none if it is not there, several if its name alone does not tell."""
        for parts in reference.paths:
            for start in range(len(parts)):
                if _is_file(path := self.folder.joinpath(*parts[start:])):
                    return [path]
        if reference.folder:  # the same name in another folder is another page
            return []
        for name in _names(reference):
            if found := self._named().get(_stored_name(name)):
                return found
        return []

    def _named(self) -> dict[str, list[Path]]:
        if self._by_name is None:
            self._by_name = {}
            for path in self._pages():
                self._by_name.setdefault(_stored_name(path.name), []).append(path)
        return self._by_name

    def _pages(self) -> list[Path]:
        try:
            return pages_below(self.folder)
        except SettingsError:
            return []


def _names(reference: Reference) -> Iterator[str]:
    yield from (parts[-1] for parts in reference.paths)
    if reference.upload_name:
        yield reference.upload_name


def _stored_name(name: str) -> str:
    """Return a file name as Label Studio stores an upload of it: ``letter 1.jpg`` becomes ``letter_1.jpg``."""
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False
