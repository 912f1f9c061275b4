"""Fetched images on disk. Each use asks the source whether the copy still holds, so it may be kept for any time."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from imagefaulty.errors import SettingsError

_log: Final = logging.getLogger(__name__)

_SUFFIX: Final = ".image"
# Looking through 10,000 files takes 50 ms: not after every file, but before the size matters.
_LOOK_SHARE: Final = 0.02
# After clearing, some room is left, so that it is not cleared again at once.
_CLEAR_SHARE: Final = 0.9
# A file that is being written is renamed within seconds; what is older was left behind by a crash.
_ABANDONED_S: Final = 3600.0
_HEADER_BYTES: Final = 8192


@dataclass(frozen=True, slots=True)
class Copy:
    """What is known of a stored file.

    Attributes:
        origin: Scheme, host and port that it came from in the end; only there its validators mean something.
        etag: Its entity tag, "" if it has none.
        modified: When it was last changed, as the host says it; "" if it does not.
        sha256: Hex digest of the bytes.
    """

    origin: str
    etag: str
    modified: str
    sha256: str

    @property
    def conditions(self) -> dict[str, str]:
        """Request headers that ask for the file only if it has changed."""
        known = {"If-None-Match": self.etag, "If-Modified-Since": "" if self.etag else self.modified}
        return {name: value for name, value in known.items() if value}


class DiskCache:
    """A directory of files by address; several processes may share it.

    The methods wait for the disk: call them in a thread.

    Args:
        directory: Where; it is made if it is missing. The files hold images, so only their owner may read them.
        limit_bytes: Size to keep to, all in all.

    Raises:
        SettingsError: The directory cannot be made or written.
    """

    def __init__(self, directory: Path, *, limit_bytes: int) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes
        self._written = 0
        self.hits = 0
        self.size_bytes = 0
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=directory):
                pass
        except OSError as error:
            raise SettingsError(
                f"CACHE_DIR {directory} cannot be written ({error.strerror or error}); name another"
            ) from None
        self._clear()

    def find(self, address: str) -> Copy | None:
        """Return what is known of the file of an address, None if there is none."""
        try:
            with self._path(address).open("rb") as file:
                return Copy(**json.loads(file.readline(_HEADER_BYTES)))
        except (OSError, ValueError, TypeError):
            return None

    def read(self, address: str, copy: Copy) -> bytes | None:
        """Return the bytes of a file that was found; None if they are gone, or not what they were."""
        path = self._path(address)
        try:
            with path.open("rb") as file:
                file.readline(_HEADER_BYTES)
                data = file.read()
            os.utime(path)
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != copy.sha256:
            return None
        self.hits += 1
        return data

    def store(self, address: str, data: bytes, *, origin: str, etag: str, modified: str) -> None:
        """Keep the bytes of an address, unless they would take more than a tenth of the room."""
        if len(data) > self._limit_bytes // 10:
            return
        header = asdict(Copy(origin, etag, modified, hashlib.sha256(data).hexdigest()))
        line = json.dumps(header).encode() + b"\n"
        if len(line) > _HEADER_BYTES:
            return
        try:
            self._write(self._path(address), line + data)
        except OSError as error:
            _log.warning("CACHE_DIR %s cannot be written: %s", self._directory, error.strerror or error)
            return
        self._written += len(data)
        self.size_bytes += len(data)
        if self._written > self._limit_bytes * _LOOK_SHARE:
            self._clear()

    def _write(self, path: Path, data: bytes) -> None:
        """Write a file as a whole: nobody ever sees half of it."""
        descriptor, temporary = tempfile.mkstemp(dir=self._directory, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(temporary).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise

    def _clear(self) -> None:
        """Delete what was not used for the longest time, until there is room again; another process may do the same."""
        self._written = 0
        files = []
        for entry in os.scandir(self._directory):
            with suppress(OSError):
                status = entry.stat()
                if entry.name.endswith(_SUFFIX):
                    files.append((status.st_mtime, status.st_size, entry.path))
                elif entry.name.endswith(".part") and status.st_mtime < time.time() - _ABANDONED_S:
                    Path(entry.path).unlink()
        size = sum(size for _, size, _ in files)
        if size > self._limit_bytes:
            for _, length, path in sorted(files):
                if size <= self._limit_bytes * _CLEAR_SHARE:
                    break
                with suppress(OSError):
                    Path(path).unlink()
                size -= length
        self.size_bytes = size

    def _path(self, address: str) -> Path:
        return self._directory / f"{hashlib.sha256(address.encode('utf-8', 'surrogatepass')).hexdigest()}{_SUFFIX}"
