"""Predictions for a whole project of any size, pushed through Label Studio's API: no request, so no time limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from imagefaulty.finding import Failure
from imagefaulty.labelstudio.client import LabelStudioClient
from imagefaulty.labelstudio.config import LabelConfig, parse_label_config
from imagefaulty.labelstudio.connecting import known_checks
from imagefaulty.labelstudio.media import Access, MediaReader
from imagefaulty.labelstudio.projects import change_project, get_project
from imagefaulty.labelstudio.references import Studio
from imagefaulty.labelstudio.tasks import Outbox, TaskPage, list_tasks
from imagefaulty.service.batch import Batch, BatchPredictor, Finish, Inspects
from imagefaulty.service.incidents import IncidentLog
from imagefaulty.service.metrics import Metrics

# No request waits for the answer, so the batch's time budget is switched off: a year.
_UNHURRIED_S: Final = 365 * 86_400.0
_PAGE_TASKS: Final = 200
# Progress is shown this often; threads stand idle for a moment after each.
_PORTION_TASKS: Final = 50


@dataclass(slots=True)
class ProjectRun:
    """What became of a project's tasks.

    Attributes:
        project: The project's number.
        model_version: The version of the predictions.
        predicted: Tasks that have a prediction now and had none of that version before.
        total: Tasks that lacked one at the start.
        failures: Why others got none, by task.
        done: Tasks worked on so far, failed ones and those whose prediction is still to be stored included.
    """

    project: int
    model_version: str
    predicted: int = 0
    total: int = 0
    failures: dict[int, Failure] = field(default_factory=dict)
    done: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON-ready values."""
        return {
            "project": self.project,
            "model_version": self.model_version,
            "total": self.total,
            "predicted": self.predicted,
            "failed": [
                {"task": task, "code": failure.code, "message": failure.message}
                for task, failure in sorted(self.failures.items())
            ],
        }


async def predict_project(
    client: LabelStudioClient,
    inspector: Inspects,
    project: int,
    *,
    reader: MediaReader,
    threads: int = 1,
    fetches: int = 8,
    only_unlabelled: bool = False,
    limit: int | None = None,
    finish: Finish | None = None,
    watch: Callable[[ProjectRun], None] = lambda _run: None,
) -> ProjectRun:
    """Predict the tasks of a project that have no prediction of the inspector's model version.

    Interrupted (cancelled) or failed half-way, it stores what it has; called again, it goes on there.

    Args:
        client: Label Studio.
        inspector: The engine.
        project: The project's number.
        reader: Fetches the images.
        threads: Pages inspected side by side.
        fetches: Images fetched ahead.
        only_unlabelled: Leave out tasks that have an annotation.
        limit: Tasks to work on at most; None for all.
        finish: Changes each prediction before it is stored, as a customisation does.
        watch: Is told about the progress.

    Raises:
        LabelStudioError: Label Studio does not play along; the message says why.
        LabelConfigError: The project's labelling configuration has no control that can be filled in.
    """
    found = await get_project(client, project)
    config = parse_label_config(found.label_config, known_checks(inspector.checks))
    run = ProjectRun(project, inspector.bundle.model_version)
    predictor = _predictor(inspector, reader, threads=threads, fetches=fetches, finish=finish)
    outbox = Outbox(client, project)
    worker = _Worker(run, predictor, config, Access(Studio(client.url), (client.token,)), outbox, watch)
    pages = list_tasks(
        client, project, without_version=run.model_version, only_unlabelled=only_unlabelled, page_tasks=_PAGE_TASKS
    )
    try:
        async for page in pages:
            await worker.work(page, limit)
            if limit is not None and run.done >= limit:
                break
    finally:
        predictor.close()
        await outbox.close()
        run.predicted = outbox.stored
        run.failures |= outbox.failures
    if not found.model_version and run.predicted:
        # Label Studio fills the score column for the chosen version only, and chooses none for pushed predictions.
        await change_project(client, project, {"model_version": run.model_version})
    return run


def _predictor(
    inspector: Inspects, reader: MediaReader, *, threads: int, fetches: int, finish: Finish | None
) -> BatchPredictor:
    return BatchPredictor(
        inspector,
        reader,
        incidents=IncidentLog(),
        metrics=Metrics(),
        threads=threads,
        fetches=fetches,
        budget_s=_UNHURRIED_S,
        finish=finish,
    )


@dataclass(slots=True)
class _Worker:
    run: ProjectRun
    predictor: BatchPredictor
    config: LabelConfig
    access: Access
    outbox: Outbox
    watch: Callable[[ProjectRun], None]

    async def work(self, page: TaskPage, limit: int | None) -> None:
        """Predict a page of tasks in portions small enough to show progress."""
        if not self.run.total:
            self.run.total = page.total if limit is None else min(limit, page.total)
        tasks = page.tasks if limit is None else page.tasks[: limit - self.run.done]
        for start in range(0, len(tasks), _PORTION_TASKS):
            await self._portion(tasks[start : start + _PORTION_TASKS])

    async def _portion(self, tasks: Sequence[Mapping[str, Any]]) -> None:
        result = await self.predictor.run(Batch(tasks, self.config, self.access, str(self.run.project)))
        numbered: list[Mapping[str, Any]] = []
        for position, (task, entry) in enumerate(zip(tasks, result.results, strict=True)):
            if entry:
                numbered.append({"task": task["id"], **entry})
            elif position in result.failures:
                self.run.failures[task["id"]] = result.failures[position]
        self.run.done += len(tasks)
        await self.outbox.put(numbered)
        self.watch(self.run)
