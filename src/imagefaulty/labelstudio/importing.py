"""A folder of scans in any format → tasks that Label Studio can show: each page a JPEG, with where it came from."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

from imagefaulty.errors import SettingsError
from imagefaulty.finding import Failure, Finding
from imagefaulty.folders import files_of
from imagefaulty.labelstudio.client import LabelStudioClient
from imagefaulty.labelstudio.config import LabelConfig
from imagefaulty.labelstudio.connecting import ensure_label_config, known_checks
from imagefaulty.labelstudio.predictions import prediction
from imagefaulty.labelstudio.preparing import PageKey, PageProblem, Preparation, ReadyPage
from imagefaulty.labelstudio.projects import change_project, get_project, serve_local_folder
from imagefaulty.labelstudio.rendering import Rendering
from imagefaulty.labelstudio.tasks import import_tasks, list_tasks, upload_files
from imagefaulty.pages import Limits
from imagefaulty.service.answers import flaw
from imagefaulty.service.batch import Finish, Inspects

_log: Final = logging.getLogger(__name__)
# Label Studio takes at most 100 files and 250 MB in one upload.
_BULK_PAGES: Final = 50
_BULK_BYTES: Final = 64 * 2**20
# Tasks of a whole project are listed with their data only, which is cheap.
_LISTED_TASKS: Final = 1000
_SERVED_FOLDER: Final = "imagefaulty"


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """A folder from which Label Studio serves files (``LOCAL_FILES_DOCUMENT_ROOT``).

    Attributes:
        root: The folder as this program sees it.
        served_as: The same folder as Label Studio sees it, "" if that is the same path.
    """

    root: Path
    served_as: str = ""


@dataclass(slots=True)
class ImportRun:
    """What became of a folder.

    Attributes:
        project: The project's number.
        imported: Pages of which a task was made.
        predicted: Tasks among them with a prediction.
        skipped: Pages that the project had already.
        problems: Pages of which none was made, or without prediction.
    """

    project: int
    imported: int = 0
    predicted: int = 0
    skipped: int = 0
    problems: list[PageProblem] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON-ready values."""
        return {
            "project": self.project,
            "imported": self.imported,
            "predicted": self.predicted,
            "skipped": self.skipped,
            "failed": [
                {
                    "source": problem.source,
                    "page": problem.page,
                    "code": problem.failure.code,
                    "message": problem.failure.message,
                }
                for problem in self.problems
            ],
        }


async def import_folder(
    client: LabelStudioClient,
    project: int,
    folder: Path,
    *,
    inspector: Inspects | None = None,
    rendering: Rendering | None = None,
    local_files: LocalFiles | None = None,
    limits: Limits | None = None,
    threads: int = 1,
    finish: Finish | None = None,
    watch: Callable[[ImportRun], None] = lambda _run: None,
) -> ImportRun:
    """Make a task of every page below a folder that the project does not have yet.

    Each task's data holds the image, ``source`` (the file, relative to the folder), ``page`` (from 1), ``pages`` and
    ``sha256`` (of the file). Digest and page number tell a page that is there already, so an import that was
    interrupted goes on where it stopped. A project without labelling configuration gets the fixed one.

    Args:
        client: Label Studio.
        project: The project's number.
        folder: A folder, or one file.
        inspector: Makes a prediction for each task; None makes none.
        rendering: Size and quality of the JPEGs, if not the usual.
        local_files: Write the JPEGs there instead of uploading them.
        limits: What is refused as too large, if not the usual.
        threads: Pages worked on side by side.
        finish: Changes each prediction before it is stored, as a customisation does.
        watch: Is told after each bulk.

    Raises:
        SettingsError: The folder holds nothing to import.
        LabelStudioError: Label Studio does not play along; the message says why.
    """
    if not folder.exists():
        raise SettingsError(f"there is no folder {folder}; check the path")
    files = files_of([folder])
    found = await get_project(client, project)
    config = await ensure_label_config(client, found, known_checks(inspector.checks if inspector else ()))
    run = ImportRun(project)
    shelf = await _shelf(client, project, local_files)
    known = {key async for key in _known_pages(client, project)} if found.tasks else set()
    maker = _TaskMaker(config, inspector, finish)
    preparation = Preparation(
        root=folder if folder.is_dir() else folder.parent,
        known=known,
        rendering=rendering or Rendering(),
        inspector=inspector,
        evidence=bool(config.markers),
        limits=limits or Limits(),
        threads=threads,
    )
    try:
        async for pages in _bulks(preparation.pages(files)):
            predicted = await _import(client, project, pages, shelf, maker)
            run.imported, run.predicted = run.imported + len(pages), run.predicted + predicted
            run.skipped = preparation.skipped
            watch(run)
    finally:
        preparation.close()
        run.skipped, run.problems = preparation.skipped, preparation.problems + maker.problems
    if inspector is not None and run.predicted and not found.model_version:
        # The score column is filled for the chosen version only.
        await change_project(client, project, {"model_version": inspector.bundle.model_version})
    return run


async def _import(
    client: LabelStudioClient, project: int, pages: list[ReadyPage], shelf: _Shelf, maker: _TaskMaker
) -> int:
    """Import some pages; return how many have a prediction."""
    references = await shelf.keep(pages)
    tasks = [maker.task(page, reference) for page, reference in zip(pages, references, strict=True)]
    await import_tasks(client, project, tasks)
    return sum("predictions" in task for task in tasks)


class _Shelf(Protocol):
    async def keep(self, pages: list[ReadyPage]) -> list[str]:
        """Put JPEGs where Label Studio has them; return the reference to each."""


@dataclass(frozen=True, slots=True)
class _Uploads:
    client: LabelStudioClient
    project: int

    async def keep(self, pages: list[ReadyPage]) -> list[str]:
        references = await upload_files(self.client, self.project, [(page.file_name, page.jpeg) for page in pages])
        return [urlsplit(self.client.url).path + reference for reference in references]


@dataclass(frozen=True, slots=True)
class _ServedFiles:
    root: Path
    folder: str
    prefix: str

    async def keep(self, pages: list[ReadyPage]) -> list[str]:
        return [await asyncio.to_thread(self._write, page) for page in pages]

    def _write(self, page: ReadyPage) -> str:
        # Names by digest are plain ASCII and never clash; two levels keep folders small.
        path = f"{self.folder}/{page.sha256[:2]}/{page.sha256[:16]}-p{page.number:04d}.jpg"
        target = self.root / path
        partial = target.with_suffix(".partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(page.jpeg)
            partial.replace(target)
        except OSError as error:
            raise SettingsError(
                f"{target} cannot be written ({error.strerror}); make room or correct --local-files, then import again"
            ) from None
        return f"{self.prefix}/data/local-files/?d={quote(path)}"


async def _shelf(client: LabelStudioClient, project: int, local_files: LocalFiles | None) -> _Shelf:
    if local_files is None:
        return _Uploads(client, project)
    folder = f"{_SERVED_FOLDER}/project-{project}"
    try:
        (local_files.root / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{local_files.root} cannot be written to ({error.strerror}); correct --local-files"
        ) from None
    served = local_files.served_as.rstrip("/") or str(local_files.root.resolve())
    await serve_local_folder(client, project, f"{served}/{folder}")
    return _ServedFiles(local_files.root, folder, urlsplit(client.url).path)


async def _bulks(pages: AsyncIterator[ReadyPage]) -> AsyncIterator[list[ReadyPage]]:
    bulk: list[ReadyPage] = []
    async for page in pages:
        bulk.append(page)
        if len(bulk) >= _BULK_PAGES or sum(len(each.jpeg) for each in bulk) >= _BULK_BYTES:
            yield bulk
            bulk = []
    if bulk:
        yield bulk


class _TaskMaker:
    """Makes tasks of pages."""

    def __init__(self, config: LabelConfig, inspector: Inspects | None, finish: Finish | None) -> None:
        self._config = config
        self._version = inspector.bundle.model_version if inspector else ""
        self._finish = finish
        self.problems: list[PageProblem] = []

    def task(self, page: ReadyPage, reference: str) -> Mapping[str, Any]:
        data: dict[str, Any] = {"source": page.source, "page": page.number, "pages": page.count, "sha256": page.sha256}
        for picture in self._config.pictures:
            data[picture.data_key] = [reference] if picture.listed else reference
        if page.finding is None or not page.finding.ok:
            return {"data": data}
        made = self._predicted(page, dict.fromkeys(self._config.data_keys, page.finding))
        return {"data": data, "predictions": [made]} if made else {"data": data}

    def _predicted(self, page: ReadyPage, findings: Mapping[str, Finding]) -> Mapping[str, Any]:
        """Return the prediction, ``{}`` where somebody's hook makes none that can be sent."""
        made = prediction(self._config, findings, model_version=self._version)
        if self._finish is None:
            return made
        try:
            made = self._finish(made, findings)
            reason = flaw(made, self._version)
        except Exception as error:  # noqa: BLE001 - a hook takes its page down and no other; the log has the rest
            _log.exception("%s, page %d: finish() of the customisation failed", page.source, page.number)
            reason = f"failed ({type(error).__name__}); see the log"
        if reason:
            failure = Failure("internal", f"what finish() of the customisation makes {reason}")
            self.problems.append(PageProblem(page.source, page.number, failure))
            return {}
        return made


async def _known_pages(client: LabelStudioClient, project: int) -> AsyncIterator[PageKey]:
    async for listed in list_tasks(client, project, page_tasks=_LISTED_TASKS):
        for task in listed.tasks:
            digest, number = task["data"].get("sha256"), task["data"].get("page")
            if isinstance(digest, str) and isinstance(number, int):
                yield digest, number
