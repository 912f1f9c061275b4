"""A list of Label Studio tasks → one entry per task, in order, whatever happens to each of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from imagefaulty.bundle import Bundle
from imagefaulty.checks import Check
from imagefaulty.errors import ImageFaultyError
from imagefaulty.finding import Failure, Finding
from imagefaulty.labelstudio.config import LabelConfig
from imagefaulty.labelstudio.media import Access, MediaReader
from imagefaulty.labelstudio.predictions import NO_PREDICTION, Findings, prediction
from imagefaulty.labelstudio.references import shown
from imagefaulty.service.activity import Activity
from imagefaulty.service.answers import flaw
from imagefaulty.service.incidents import Incident, IncidentLog
from imagefaulty.service.logs import place_of
from imagefaulty.service.metrics import Metrics
from imagefaulty.service.results import PageKey, ResultCache
from imagefaulty.service.task import TaskFailure, Wanted, findings_by_key, identity, shown_id, wanted_pages

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

    def inspect(self, source: bytes, *, page: int = 0, name: str | None = None, evidence: bool = False) -> Finding:
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

    def key(self, task: Mapping[str, Any], reference: str) -> PageKey:
        """Return by which name the finding of a task's page is remembered."""
        number = identity(task).task_id
        evidence = bool(self.config.markers)
        return PageKey.of(self.access.studio.base_url, self.project, number, reference, evidence=evidence)


@dataclass(slots=True)
class BatchResult:
    """What became of a batch.

    Attributes:
        results: One entry per task, in order; ``{}`` where there is no prediction.
        failures: Failure by position, of the tasks that failed or were not reached.
        reached: Positions of the tasks that were worked on.
    """

    results: list[Mapping[str, Any]]
    failures: dict[int, Failure] = field(default_factory=dict)
    reached: set[int] = field(default_factory=set)


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
        results: Remembers findings for the next request; None remembers nothing.

    Attributes:
        activity: What has been done, and what waits.
        results: Findings that are remembered.
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
        results: ResultCache | None = None,
    ) -> None:
        self.activity = Activity()
        self.results = ResultCache(0) if results is None else results
        self._inspector = inspector
        self._reader = reader
        self._incidents = incidents
        self._metrics = metrics
        self._budget_s = budget_s
        self._finish = finish
        self._places = asyncio.Semaphore(threads + fetches)
        self._threads = threads
        self._width = threads + fetches
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="inspect")

    def close(self) -> None:
        """Give the threads back; pages that wait for one are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def run(self, batch: Batch, *, spent_s: float = 0.0) -> BatchResult:
        """Predict a batch within the time budget.

        Args:
            batch: The tasks.
            spent_s: How much of the budget is spent already.
        """
        started = time.monotonic()
        result = BatchResult([NO_PREDICTION] * len(batch.tasks))
        positions = iter(self._in_order(batch))
        self.activity.requests += 1
        self.activity.waiting += len(batch.tasks)
        try:
            async with asyncio.timeout(self._budget_s - spent_s), asyncio.TaskGroup() as group:
                for _ in range(min(self._width, len(batch.tasks))):
                    group.create_task(self._work(batch, positions, result))
        except TimeoutError:
            self._leave_rest(batch, result)
        finally:
            self.activity.requests -= 1
            self.activity.waiting -= len(batch.tasks) - len(result.reached)
        predicted = len(result.reached) - len(result.failures.keys() & result.reached)
        _log.info(
            "project %s: %d of %d tasks predicted in %.2f s",
            batch.project or "?",
            predicted,
            len(batch.tasks),
            time.monotonic() - started,
        )
        return result

    def _in_order(self, batch: Batch) -> Sequence[int]:
        """Return the positions of the tasks, those last that failed lately: they may be slow to fail again."""
        positions = range(len(batch.tasks))
        if not self.results.failures:
            return positions
        return sorted(positions, key=lambda position: self._lately_failed(batch.tasks[position], batch))

    def _lately_failed(self, task: object, batch: Batch) -> bool:
        try:
            pages = wanted_pages(task, batch.config)
        except TaskFailure:
            return False
        return isinstance(task, dict) and any(
            self.results.lately_failed(batch.key(task, page.reference)) for page in pages
        )

    async def _work(self, batch: Batch, positions: Iterator[int], result: BatchResult) -> None:
        """Take one task after the other until none is left."""
        for position in positions:
            task = batch.tasks[position]
            try:
                result.results[position] = await self._predict(task, batch)
                self._metrics.tasks.labels("predicted").inc()
            except TaskFailure as problem:
                result.failures[position] = problem.failure
                self._report(batch, task, problem)
            result.reached.add(position)
            self.activity.waiting -= 1
            self.activity.count(predicted=position not in result.failures)

    async def _predict(self, task: object, batch: Batch) -> Mapping[str, Any]:
        """Return the prediction of one task, or raise :class:`TaskFailure`."""
        pages = wanted_pages(task, batch.config)
        assert isinstance(task, dict)  # noqa: S101 - wanted_pages has seen to it
        findings = findings_by_key(pages, await self._findings(pages, task, batch))
        try:
            made = await self._made(batch.config, findings)
        except ImageFaultyError as error:
            raise TaskFailure(Failure(error.code, error.message)) from None
        except Exception as error:  # noqa: BLE001 - one task must never take the others down; the log has it
            raise _unforeseen(error, task) from None
        return self._finished(made, findings, task)

    async def _made(self, config: LabelConfig, findings: Findings) -> dict[str, Any]:
        def make() -> dict[str, Any]:
            return prediction(config, findings, model_version=self._inspector.bundle.model_version)

        # Brushes are drawn row by row, which takes long on a large scan.
        if any(marker.kind == "brushlabels" for marker in config.markers):
            return await asyncio.get_running_loop().run_in_executor(self._pool, make)
        return make()

    def _finished(self, made: dict[str, Any], findings: Findings, task: dict[str, Any]) -> Mapping[str, Any]:
        """Return a prediction as somebody's hook wants it, if it can be sent."""
        if self._finish is None:
            return made
        first = {key: found for key, each in findings.items() if (found := _first(each)) is not None}
        try:
            made = self._finish(made, first)
        except Exception as error:  # noqa: BLE001 - somebody's own hook; it takes its task down and no other
            _log.exception("task %s: finish() of the customisation failed", shown_id(task))
            raise TaskFailure(Failure("internal", f"finish() failed ({type(error).__name__}); see the log")) from None
        if reason := flaw(made, self._inspector.bundle.model_version):
            raise TaskFailure(Failure("internal", f"what finish() of the customisation returns {reason}"))
        return made

    async def _findings(self, pages: Sequence[Wanted], task: dict[str, Any], batch: Batch) -> list[Finding]:
        """Inspect the pages of a task, some side by side where there are several."""
        found: dict[int, Finding] = {}
        numbers = iter(range(len(pages)))

        async def work() -> None:
            for number in numbers:
                found[number] = await self._finding(pages[number].reference, task, batch)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._threads, len(pages))):
                    group.create_task(work())
        except* TaskFailure as problems:
            problem = problems.exceptions[0]
        else:
            return [found[number] for number in range(len(pages))]
        raise problem

    async def _finding(self, reference: str, task: dict[str, Any], batch: Batch) -> Finding:
        """Return the finding of a page, from memory if it is known, or raise :class:`TaskFailure`."""
        key = batch.key(task, reference)
        if known := self.results.get(key):
            return known
        # Until it succeeds; one that is cut off by the end of the budget must not come first the next time.
        self.results.failed(key)
        try:
            async with self._places:
                finding = await self._inspect(reference, task, batch, key)
        except ImageFaultyError as error:
            raise TaskFailure(Failure(error.code, error.message), reference) from None
        except Exception as error:  # noqa: BLE001 - one task must never take the others down; the log has it
            raise _unforeseen(error, task, reference) from None
        if finding.failure is not None:
            raise TaskFailure(finding.failure, reference)
        return finding

    async def _inspect(self, reference: str, task: dict[str, Any], batch: Batch, key: PageKey) -> Finding:
        with self._metrics.fetch_seconds.time():
            data = await self._reader.read(reference, batch.access, identity(task))
        name = f"task {shown_id(task)} ({shown(reference)})"
        loop = asyncio.get_running_loop()

        def remember(finding: Finding) -> None:
            if finding.ok:
                self.results.put(key, finding)

        def inspect() -> Finding:
            finding = self._inspector.inspect(data, name=name, evidence=key.evidence)
            # Even if nobody waits any more, because the budget is used up: the next request then has it.
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(remember, finding)
            return finding

        with self._metrics.inspect_seconds.time():
            return await loop.run_in_executor(self._pool, inspect)

    def _leave_rest(self, batch: Batch, result: BatchResult) -> None:
        message = f"not reached within PREDICT_BUDGET_S ({self._budget_s:g} s); retrieve predictions again to go on"
        left = [position for position in range(len(batch.tasks)) if position not in result.reached]
        for position in left:
            result.results[position] = NO_PREDICTION
            result.failures[position] = Failure("time_budget", message)
        self._metrics.tasks.labels("time_budget").inc(len(left))
        _log.warning("project %s: %d of %d tasks %s", batch.project or "?", len(left), len(batch.tasks), message)

    def _report(self, batch: Batch, task: object, problem: TaskFailure) -> None:
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


def _unforeseen(error: Exception, task: object, reference: str = "") -> TaskFailure:
    """Log an error that nobody foresaw, and return what to tell of it."""
    _log.error("task %s: %s", shown_id(task), place_of(error), exc_info=_log.isEnabledFor(logging.DEBUG))
    return TaskFailure(Failure("internal", f"unforeseen {type(error).__name__}; the log has the details"), reference)


def _first(found: Finding | Sequence[Finding | None]) -> Finding | None:
    """Return the finding of an image, of a list of pages that of the first."""
    return found if isinstance(found, Finding) else next((each for each in found if each is not None), None)
