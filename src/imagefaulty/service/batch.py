"""A list of Label Studio tasks → one entry per task, in order, whatever happens to each of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from imagefaulty.bundle import Bundle
from imagefaulty.checks import Check
from imagefaulty.errors import ImageFaultyError, SourceError
from imagefaulty.finding import Failure, Finding
from imagefaulty.labelstudio.config import LabelConfig
from imagefaulty.labelstudio.media import Access, MediaReader
from imagefaulty.labelstudio.predictions import NO_PREDICTION, prediction
from imagefaulty.labelstudio.references import TaskIdentity, shown
from imagefaulty.service.incidents import Incident, IncidentLog
from imagefaulty.service.logs import place_of
from imagefaulty.service.metrics import Metrics

_log: Final = logging.getLogger(__name__)


#: Changes a prediction before it is sent: :meth:`imagefaulty.customising.Customisation.finish`.
Finish: TypeAlias = Callable[[dict[str, Any], Mapping[str, Finding]], dict[str, Any]]


class Inspects(Protocol):
    """What the service needs of an :class:`imagefaulty.Inspector`."""

    @property
    def bundle(self) -> Bundle:
        """The model bundle in use."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks that are answered."""

    def inspect(self, source: bytes, *, page: int = 0, name: str | None = None) -> Finding:
        """Inspect one page; a page that cannot be read gives a finding with a failure."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The tasks of one request and what is needed to work on them.

    Attributes:
        tasks: As they were sent; anything may be in here.
        config: The project's labelling configuration.
        access: How to reach the project's Label Studio.
        project: The project as Label Studio names it, for messages.
    """

    tasks: Sequence[object]
    config: LabelConfig
    access: Access
    project: str = ""


@dataclass(slots=True)
class BatchResult:
    """What became of a batch.

    Attributes:
        results: One entry per task, in order; ``{}`` where there is no prediction.
        failures: Failure by position, of the tasks that failed or were not reached.
    """

    results: list[Mapping[str, Any]]
    failures: dict[int, Failure] = field(default_factory=dict)


class _TaskFailure(Exception):
    """A task gets no prediction.

    Attributes:
        failure: What to tell.
        reference: The image reference, as it was sent.
    """

    def __init__(self, failure: Failure, reference: str = "") -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.reference = reference


class BatchPredictor:
    """Fetches and inspects tasks side by side, never in the event loop's thread.

    At most ``threads + fetches`` images are in memory at a time, over all requests together: a page that waits for
    a thread holds its place. A request takes its places one by one, so a single task is not stuck behind a batch.

    Args:
        inspector: The engine.
        reader: Where bytes come from.
        incidents: Where failures are remembered.
        metrics: Where they are counted.
        threads: Pages inspected at once.
        fetches: Images fetched at once beyond those that are being inspected.
        budget_s: Time after which the rest of a batch is left for the next request.
        finish: Sees each prediction before it is sent.
    """

    def __init__(
        self,
        inspector: Inspects,
        reader: MediaReader,
        *,
        incidents: IncidentLog,
        metrics: Metrics,
        threads: int,
        fetches: int,
        budget_s: float,
        finish: Finish | None = None,
    ) -> None:
        self._inspector = inspector
        self._reader = reader
        self._incidents = incidents
        self._metrics = metrics
        self._budget_s = budget_s
        self._finish = finish
        self._places = asyncio.Semaphore(threads + fetches)
        self._width = threads + fetches
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="inspect")

    def close(self) -> None:
        """Give the threads back; pages that wait for one are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def run(self, batch: Batch) -> BatchResult:
        """Predict a batch within the time budget."""
        started = time.monotonic()
        result = BatchResult([NO_PREDICTION] * len(batch.tasks))
        reached: set[int] = set()
        positions = iter(range(len(batch.tasks)))
        try:
            async with asyncio.timeout(self._budget_s), asyncio.TaskGroup() as group:
                for _ in range(min(self._width, len(batch.tasks))):
                    group.create_task(self._work(batch, positions, result, reached))
        except TimeoutError:
            self._leave_rest(batch, result, reached)
        predicted = len(reached) - len(result.failures.keys() & reached)
        _log.info(
            "project %s: %d of %d tasks predicted in %.2f s",
            batch.project or "?",
            predicted,
            len(batch.tasks),
            time.monotonic() - started,
        )
        return result

    async def _work(self, batch: Batch, positions: Iterator[int], result: BatchResult, reached: set[int]) -> None:
        """Take one task after the other until none is left."""
        for position in positions:
            task = batch.tasks[position]
            try:
                async with self._places:
                    result.results[position] = await self._predict(task, batch)
                self._metrics.tasks.labels("predicted").inc()
            except _TaskFailure as problem:
                result.failures[position] = problem.failure
                self._report(batch, task, problem)
            reached.add(position)

    async def _predict(self, task: object, batch: Batch) -> dict[str, Any]:
        """Return the prediction of one task, or raise :class:`_TaskFailure`."""
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise _TaskFailure(
                Failure("task", "the entry is no task: it has no data; send Label Studio's task objects")
            )
        findings = {}
        for key in batch.config.data_keys:
            reference = _reference(task, key)
            try:
                findings[key] = await self._inspect(reference, task, batch)
            except ImageFaultyError as error:
                raise _TaskFailure(Failure(error.code, error.message), reference) from None
            except _TaskFailure:
                raise
            except Exception as error:  # noqa: BLE001 - one task must never take the others down; the log has it
                verbose = _log.isEnabledFor(logging.DEBUG)
                _log.error("task %s: %s", shown_id(task), place_of(error), exc_info=verbose)
                failure = Failure("internal", f"unforeseen {type(error).__name__}; the log has the details")
                raise _TaskFailure(failure, reference) from None
        try:
            made = prediction(batch.config, findings, model_version=self._inspector.bundle.model_version)
            return made if self._finish is None else self._finish(made, findings)
        except ImageFaultyError as error:
            raise _TaskFailure(Failure(error.code, error.message)) from None
        except Exception as error:  # noqa: BLE001 - somebody's own hook; it takes its task down and no other
            _log.exception("task %s: finish() of the customisation failed", shown_id(task))
            raise _TaskFailure(Failure("internal", f"finish() failed ({type(error).__name__}); see the log")) from None

    async def _inspect(self, reference: str, task: dict[str, Any], batch: Batch) -> Finding:
        with self._metrics.fetch_seconds.time():
            data = await self._reader.read(reference, batch.access, _identity(task))
        name = f"task {shown_id(task)} ({shown(reference)})"
        loop = asyncio.get_running_loop()
        with self._metrics.inspect_seconds.time():
            finding = await loop.run_in_executor(self._pool, lambda: self._inspector.inspect(data, name=name))
        if finding.failure is not None:
            raise _TaskFailure(finding.failure, reference)
        return finding

    def _leave_rest(self, batch: Batch, result: BatchResult, reached: set[int]) -> None:
        message = f"not reached within PREDICT_BUDGET_S ({self._budget_s:g} s); retrieve predictions again to go on"
        left = [position for position in range(len(batch.tasks)) if position not in reached]
        for position in left:
            result.results[position] = NO_PREDICTION
            result.failures[position] = Failure("time_budget", message)
        self._metrics.tasks.labels("time_budget").inc(len(left))
        _log.warning("project %s: %d of %d tasks %s", batch.project or "?", len(left), len(batch.tasks), message)

    def _report(self, batch: Batch, task: object, problem: _TaskFailure) -> None:
        failure, reference = problem.failure, shown(problem.reference)
        self._metrics.tasks.labels(failure.code).inc()
        self._incidents.add(Incident(batch.project, shown_id(task), reference, failure.code, failure.message))
        _log.warning(
            "project=%s task=%s image=%s error=%s: %s",
            batch.project or "?",
            shown_id(task),
            reference or "?",
            failure.code,
            failure.message,
        )


def _reference(task: dict[str, Any], key: str) -> str:
    """Return the image reference of a task; the first of a list of pages."""
    value = task["data"].get(key)
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str) and value.strip():
        return value
    keys = ", ".join(str(name) for name in task["data"]) or "none"
    cure = f"import tasks with that key, or name another in the Image tag (keys here: {shown(keys)})"
    raise _TaskFailure(Failure(SourceError.code, f"the task's data holds no image under {key!r}; {cure}"))


def _identity(task: dict[str, Any]) -> TaskIdentity:
    return TaskIdentity(_whole_number(task.get("id")), _whole_number(task.get("project")))


def _whole_number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def shown_id(task: object) -> int | str | None:
    """Return a task's id as it may be shown; it may be anything."""
    value = task.get("id") if isinstance(task, dict) else None
    if value is None or isinstance(value, int):
        return value
    return shown(str(value))
