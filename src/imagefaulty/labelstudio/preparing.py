"""Files of any format → pages that Label Studio can show, inspected, several at a time and in order."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from imagefaulty.errors import ImageFaultyError
from imagefaulty.finding import Failure, Finding
from imagefaulty.labelstudio.rendering import Rendering, render
from imagefaulty.pages import Document, Limits, open_document
from imagefaulty.service.batch import Inspects

#: Digest of a file and number of a page in it, from 1: what makes a page the same page.
PageKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class PageProblem:
    """A page, or a whole file, of which no task was made, or a task without prediction.

    Attributes:
        source: The file, relative to the folder.
        page: Number of the page from 1; 0 for the whole file.
        failure: Why.
    """

    source: str
    page: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class ReadyPage:
    """A page that Label Studio can show.

    Attributes:
        source: The file it comes from, relative to the folder.
        number: Number of the page in it, from 1.
        count: Number of its pages.
        sha256: Hex digest of the file.
        jpeg: The page.
        finding: What was found on it; None if it was not inspected.
    """

    source: str
    number: int
    count: int
    sha256: str
    jpeg: bytes
    finding: Finding | None

    @property
    def file_name(self) -> str:
        """What to call the JPEG."""
        stem = Path(self.source).stem or "page"
        return f"{stem}.jpg" if self.count == 1 else f"{stem}-p{self.number:04d}.jpg"


@dataclass(frozen=True, slots=True)
class _Job:
    document: Document
    last: bool
    ready: asyncio.Future[ReadyPage | PageProblem]


class Preparation:
    """Opens files, renders those of their pages that are new, and inspects them.

    Args:
        root: Folder that sources are named relative to.
        known: Pages to skip; those that are met are added.
        rendering: Size and quality of the JPEGs.
        inspector: Inspects each page; None inspects none.
        evidence: Also say where each fault is.
        limits: What is refused as too large.
        threads: Pages worked on side by side.

    Attributes:
        skipped: Pages met that were known already.
        problems: Pages, or files, that could not be read or inspected.
    """

    def __init__(
        self,
        *,
        root: Path,
        known: set[PageKey],
        rendering: Rendering,
        inspector: Inspects | None,
        evidence: bool,
        limits: Limits,
        threads: int,
    ) -> None:
        self.skipped = 0
        self.problems: list[PageProblem] = []
        self._root = root
        self._known = known
        self._rendering = rendering
        self._inspector = inspector
        self._evidence = evidence
        self._limits = limits
        # One page is made while another waits, so that no thread is idle when pages differ in size.
        self._ahead = 2 * threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="page")

    def close(self) -> None:
        """Give the threads back; pages that wait for one are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def pages(self, files: Iterable[Path]) -> AsyncIterator[ReadyPage]:
        """Yield the new pages of files, in order."""
        pending: deque[_Job] = deque()
        for path in files:
            async for job in self._jobs(path):
                pending.append(job)
                if len(pending) > self._ahead and (page := await self._finished(pending.popleft())):
                    yield page
        while pending:
            if page := await self._finished(pending.popleft()):
                yield page

    async def _jobs(self, path: Path) -> AsyncIterator[_Job]:
        """Open a file and start on those of its pages that are new, one by one as they are asked for."""
        source = self._shown(path)
        loop = asyncio.get_running_loop()
        try:
            document = await loop.run_in_executor(self._pool, self._opened, path, source)
        except ImageFaultyError as error:
            self.problems.append(PageProblem(source, 0, Failure(error.code, error.message)))
            return
        keys = [(document.sha256, number) for number in range(1, document.count + 1)]
        fresh = [index for index, key in enumerate(keys) if key not in self._known]
        self._known.update(keys)
        self.skipped += document.count - len(fresh)
        if not fresh:
            document.close()
        for index in fresh:
            ready = loop.run_in_executor(self._pool, self._prepare, document, source, index)
            yield _Job(document, index == fresh[-1], ready)

    def _opened(self, path: Path, source: str) -> Document:
        return open_document(path, limits=self._limits, name=source)

    async def _finished(self, job: _Job) -> ReadyPage | None:
        page = await job.ready
        if job.last:
            job.document.close()
        if isinstance(page, PageProblem):
            self.problems.append(page)
            return None
        if page.finding is not None and page.finding.failure is not None:
            self.problems.append(PageProblem(page.source, page.number, page.finding.failure))
        return page

    def _prepare(self, document: Document, source: str, index: int) -> ReadyPage | PageProblem:
        number = index + 1
        try:
            jpeg = render(document, index, self._rendering)
        except ImageFaultyError as error:
            return PageProblem(source, number, Failure(error.code, error.message))
        # What annotators will see is inspected, so that predicting the task later says the same.
        name = f"{source}, page {number}"
        finding = None
        if self._inspector is not None:
            finding = self._inspector.inspect(jpeg, name=name, evidence=self._evidence)
        return ReadyPage(source, number, document.count, document.sha256, jpeg, finding)

    def _shown(self, path: Path) -> str:
        """File names may hold bytes that are no text, which JSON cannot."""
        return os.fsencode(path.relative_to(self._root).as_posix()).decode("utf-8", "backslashreplace")
