"""Files that come in a request's body: taken in up to a limit, spooled to disk, inspected beside the event loop."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Final, Protocol

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from imagefaulty.checks import CheckName
from imagefaulty.errors import BadRequest, RequestTooLarge, SourceTooLarge
from imagefaulty.finding import Finding
from imagefaulty.labelstudio.references import shown
from imagefaulty.service.batch import Inspects
from imagefaulty.service.metrics import Metrics

#: Below this an upload stays in memory: most scans as JPEG do.
_SPOOL_BYTES: Final = 4 * 2**20
#: Boundaries and headers around the one file of a form.
_FORM_BYTES: Final = 64 * 2**10
#: Files of one request to ``/v1/inspect``.
MOST_FILES: Final = 1000


class InspectsPages(Inspects, Protocol):
    """What inspecting uploads needs of an :class:`imagefaulty.Inspector`."""

    def inspect_pages(
        self,
        source: bytes,
        *,
        name: str | None = None,
        evidence: bool = False,
        checks: Collection[CheckName] | None = None,
    ) -> Iterator[Finding]:
        """Inspect every page; what cannot be read gives a finding with a failure."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a request.

    Attributes:
        name: Its name as the caller gave it; may be empty and may hold anything.
        file: Its content, at the start.
    """

    name: str
    file: IO[bytes]


class _TooMuch(MultiPartException):
    """The body is larger than allowed; of this type, so that the parser closes its files."""


class Desk:
    """Takes uploads in and has them inspected, at most so many at once.

    Args:
        inspector: The engine.
        metrics: Where the time is counted.
        threads: Files that are inspected at once; content is read into memory only then.
        limit_bytes: Largest file.
    """

    def __init__(self, inspector: InspectsPages, *, metrics: Metrics, threads: int, limit_bytes: int) -> None:
        self.inspector = inspector
        self.limit_bytes = limit_bytes
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="upload")

    def close(self) -> None:
        """Give the threads back."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def inspect(
        self,
        upload: Upload,
        *,
        checks: Collection[CheckName] | None = None,
        evidence: bool = False,
        first_only: bool = False,
        except_formats: Collection[str] = (),
    ) -> list[Finding]:
        """Inspect the pages of an upload.

        Args:
            upload: The file.
            checks: Answer only these; None means all.
            evidence: Also say where on the page each fault was seen.
            first_only: Stop after the first page.
            except_formats: Formats of which every page is inspected all the same, e.g. ``("PDF",)``.
        """

        def work() -> list[Finding]:
            # One byte too many is enough for the engine to say that it is too large.
            data = upload.file.read(self.limit_bytes + 1)
            name = shown(upload.name) or "the image"
            pages = self.inspector.inspect_pages(data, name=name, evidence=evidence, checks=checks)
            findings = []
            for finding in pages:
                findings.append(finding)
                if first_only and finding.provenance.format not in except_formats:
                    break
            return findings

        with self._metrics.inspect_seconds.time():
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)


@asynccontextmanager
async def form_of(request: Request, *, limit_bytes: int, most_files: int = 1) -> AsyncIterator[FormData]:
    """Read a multipart form, no larger than allowed, and close its files in the end.

    Args:
        request: The request.
        limit_bytes: Largest body; what is more is not taken in.
        most_files: Most files in it.

    Raises:
        RequestTooLarge: The body is larger.
        BadRequest: The body is no multipart form.
    """
    if not request.headers.get("Content-Type", "").lower().startswith("multipart/form-data"):
        raise BadRequest("send the file as a form: Content-Type multipart/form-data (curl -F)")
    body = _bounded(request, limit_bytes + _FORM_BYTES)
    parser = MultiPartParser(request.headers, body, max_files=most_files, max_fields=most_files)
    parser.spool_max_size = _SPOOL_BYTES
    try:
        form = await parser.parse()
    except _TooMuch:
        raise RequestTooLarge(_too_large("the request", limit_bytes).message) from None
    except (MultiPartException, KeyError) as error:
        reason = error.message if isinstance(error, MultiPartException) else "it has no boundary"
        raise BadRequest(f"the form cannot be read ({shown(reason)}); send multipart/form-data") from None
    try:
        yield form
    finally:
        await form.close()


@asynccontextmanager
async def body_of(request: Request, name: str, *, limit_bytes: int) -> AsyncIterator[Upload]:
    """Take the whole body as one file.

    Raises:
        RequestTooLarge: It is larger than allowed.
    """
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as file:
        try:
            async for chunk in _bounded(request, limit_bytes):
                file.write(chunk)
        except _TooMuch:
            raise RequestTooLarge(_too_large("the request", limit_bytes).message) from None
        file.seek(0)
        yield Upload(name, file)


def file_in(form: FormData, key: str) -> Upload:
    """Return the file under a key.

    Raises:
        BadRequest: There is none.
    """
    value = form.get(key)
    if not isinstance(value, UploadFile):
        keys = ", ".join(shown(each) for each in form) or "nothing"
        raise BadRequest(
            f"the form has no file {key!r} (it has {keys}); send the scan as {key!r} (curl -F {key}=@scan.jpg)"
        )
    return Upload(value.filename or "", value.file)


def files_in(form: FormData) -> Sequence[Upload]:
    """Return all files of a form, whatever their keys."""
    values = (value for _, value in form.multi_items())
    return [Upload(value.filename or "", value.file) for value in values if isinstance(value, UploadFile)]


def _too_large(name: str, limit_bytes: int) -> SourceTooLarge:
    return SourceTooLarge(
        f"{shown(name)} has more than {limit_bytes:,} bytes; send a smaller one or raise MAX_IMAGE_BYTES"
    )


async def _bounded(request: Request, limit_bytes: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit_bytes:
            raise _TooMuch("too large")
        yield chunk
