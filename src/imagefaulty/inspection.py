"""The engine: decode a page, run the network, calibrate, say what was found. Many pages side by side."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from imagefaulty._version import __version__
from imagefaulty.bundle import DEFAULT_OPERATING_POINT, Bundle, Thresholds, load_bundle
from imagefaulty.calibration import probabilities, verdict
from imagefaulty.checks import CHECKS, Check, CheckName, check_named
from imagefaulty.errors import ImageFaultyError, SettingsError
from imagefaulty.evidence import regions
from imagefaulty.finding import Answer, Failure, Finding, Model, Provenance
from imagefaulty.network import Network, Scores
from imagefaulty.pages import Document, Limits, Page, Source, open_document

_log: Final = logging.getLogger(__name__)
#: Sources taken from the iterable ahead of the one whose findings are wanted next, per worker. Enough to keep every
#: worker busy behind one slow page, few enough that a million sources never pile up.
_AHEAD: Final = 4


class Inspector:
    """Answers the checks for pages. Safe to share between threads; make one per process.

    Attributes:
        bundle: The model bundle in use.
        checks: The checks that are answered, in wire order.
        operating_point: Name of the thresholds in use.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        checks: Sequence[str] | None = None,
        operating_point: str = DEFAULT_OPERATING_POINT,
        limits: Limits | None = None,
        threads: int = 1,
    ) -> None:
        """Open the bundle's graphs; see :meth:`load` for the arguments and errors."""
        self.bundle = bundle
        self.checks = _selected(bundle, checks)
        self.operating_point = operating_point
        self._limits = limits or Limits()
        self._thresholds = _thresholds(bundle, self.checks, operating_point)
        self._model = Model(
            bundle=bundle.name,
            version=bundle.version,
            digest=bundle.digest,
            operating_point=operating_point,
            thresholds={name: (pair.no, pair.yes) for name, pair in self._thresholds.items()},
            code_version=__version__,
        )
        self._network = Network(bundle, checks=[check.name for check in self.checks], threads=threads)

    @classmethod
    def load(
        cls,
        bundle: str | Path | None = None,
        *,
        checks: Sequence[str] | None = None,
        operating_point: str = DEFAULT_OPERATING_POINT,
        limits: Limits | None = None,
        threads: int = 1,
    ) -> Inspector:
        """Load a model bundle.

        Args:
            bundle: Directory of the bundle; None means the embedded one.
            checks: Names of the checks to answer; None means all that the bundle serves.
            operating_point: Named thresholds of the bundle by which verdicts are given.
            limits: Limits on what is decoded.
            threads: Threads inside the run of one page.

        Raises:
            BundleError: The bundle is missing, damaged or too new.
            SettingsError: A check or operating point is unknown to the bundle.
        """
        return cls(load_bundle(bundle), checks=checks, operating_point=operating_point, limits=limits, threads=threads)

    def inspect(self, source: Source, *, page: int = 0, name: str | None = None, evidence: bool = False) -> Finding:
        """Inspect one page of a source.

        Args:
            source: Path or bytes of an image or document.
            page: Page number, from 0.
            name: What to call the source in the finding and in messages; a path names itself.
            evidence: Also say where on the page each fault was seen.

        Returns:
            The finding. A source that cannot be read gives a finding with a failure; nothing is raised.
        """
        known = Provenance(_called(source, name), self._model, page)
        try:
            with open_document(source, limits=self._limits, name=name) as document:
                return self._inspect_page(document, known, evidence=evidence)
        except ImageFaultyError as error:
            return _failed(known, error)

    def inspect_pages(self, source: Source, *, name: str | None = None, evidence: bool = False) -> Iterator[Finding]:
        """Inspect every page of a source, in order; a page that fails leaves the others untouched.

        Args:
            source: Path or bytes of an image or document.
            name: What to call the source in the findings and in messages; a path names itself.
            evidence: Also say where on the page each fault was seen.
        """
        known = Provenance(_called(source, name), self._model)
        try:
            with open_document(source, limits=self._limits, name=name) as document:
                for index in range(document.count):
                    yield self._inspect_page(document, replace(known, page=index), evidence=evidence)
        except ImageFaultyError as error:
            yield _failed(known, error)

    def inspect_many(self, sources: Iterable[Source], *, workers: int = 1, evidence: bool = False) -> Iterator[Finding]:
        """Inspect every page of many sources side by side.

        Args:
            sources: Paths or bytes; taken as needed, so the iterable may be endless.
            workers: Sources that are worked on at the same time.
            evidence: Also say where on the page each fault was seen.

        Yields:
            Findings in the order of the sources and of their pages.
        """

        def every_page(source: Source) -> list[Finding]:
            return list(self.inspect_pages(source, evidence=evidence))

        pending: deque[Future[list[Finding]]] = deque()
        with ThreadPoolExecutor(workers, thread_name_prefix="inspect") as pool:
            try:
                for source in sources:
                    pending.append(pool.submit(every_page, source))
                    if len(pending) > workers * _AHEAD:
                        yield from pending.popleft().result()
                while pending:
                    yield from pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    def _inspect_page(self, document: Document, known: Provenance, *, evidence: bool) -> Finding:
        known = replace(known, pages=document.count, sha256=document.sha256, format=document.format)
        try:
            page = document.page(known.page, at_least=self._network.page_size)
            scores = self._network.run(page, evidence=evidence)
        except ImageFaultyError as error:
            return _failed(known, error)
        except Exception:  # noqa: BLE001 - a page must never take its batch down; the log has what nobody foresaw
            _log.exception("%s, page %d: unforeseen error", known.source, known.page)
            return _failed(known, ImageFaultyError(f"{known.source}: unforeseen error; the log has the details"))
        known = replace(known, original_size=page.original_size, dpi=page.dpi, decode_scale=page.scale)
        return Finding(known, {check.name: self._answer(check, scores, page) for check in self.checks})

    def _answer(self, check: Check, scores: Scores, page: Page) -> Answer:
        values = probabilities(scores.logits[check.name], self.bundle.checks[check.name].temperature)
        by_class = dict(zip(check.class_names, values.tolist(), strict=True))
        code = int(values.argmax())
        label = check.class_names[code]
        where = scores.evidence.get(check.name) if label == check.fault else None
        return Answer(
            check=check.name,
            label=label,
            code=code,
            probabilities=by_class,
            verdict=verdict(check, by_class, self._thresholds[check.name]),
            regions=() if where is None else regions(where, page),
        )


def _failed(known: Provenance, error: ImageFaultyError) -> Finding:
    return Finding(known, {}, Failure(error.code, error.message))


def _called(source: Source, name: str | None) -> str:
    if name is not None:
        return name
    return os.fspath(source) if isinstance(source, str | os.PathLike) else "image"


def _selected(bundle: Bundle, names: Sequence[str] | None) -> tuple[Check, ...]:
    if names is None:
        return tuple(check for check in CHECKS if check.name in bundle.checks)
    try:
        wanted = {check_named(name) for name in names}
    except ValueError as error:
        raise SettingsError(str(error)) from None
    if missing := sorted(check.name for check in wanted if check.name not in bundle.checks):
        raise SettingsError(
            f"bundle {bundle.name} does not answer {', '.join(missing)}; it answers {', '.join(bundle.checks)}"
        )
    if not wanted:
        raise SettingsError(f"no checks were asked for; the bundle answers {', '.join(bundle.checks)}")
    return tuple(check for check in CHECKS if check in wanted)


def _thresholds(bundle: Bundle, checks: tuple[Check, ...], point: str) -> dict[CheckName, Thresholds]:
    """Thresholds by check; a check for which the bundle does not know the operating point keeps the default one."""
    if point not in bundle.operating_points:
        raise SettingsError(
            f"bundle {bundle.name} has no operating point {point!r}; it has {', '.join(bundle.operating_points)}"
        )
    by_check = {check.name: bundle.checks[check.name].thresholds for check in checks}
    return {name: known.get(point, known[DEFAULT_OPERATING_POINT]) for name, known in by_check.items()}
