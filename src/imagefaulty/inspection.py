"""The engine: decode a page, run the network, calibrate, say what was found. Many pages side by side."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from imagefaulty._sessions import Provider
from imagefaulty._version import __version__
from imagefaulty.bundle import DEFAULT_OPERATING_POINT, Bundle, Thresholds, load_bundle
from imagefaulty.calibration import probabilities, verdict
from imagefaulty.checks import CHECKS, Check, CheckName, check_named
from imagefaulty.errors import ImageFaultyError, SettingsError
from imagefaulty.evidence import regions
from imagefaulty.extras import ExtraCheck, revised_digest
from imagefaulty.finding import Answer, Failure, Finding, Model, Provenance
from imagefaulty.network import Network, Scores
from imagefaulty.pages import Document, Limits, Page, Source, open_document

_log: Final = logging.getLogger(__name__)
#: Sources taken from the iterable ahead of the one whose findings are wanted next, per worker. Enough to keep every
#: worker busy behind one slow page, few enough that a million sources never pile up.
_AHEAD: Final = 4

#: Sees every finding that is not a failure before anybody else does, and gives it back, changed or not.
Rule: TypeAlias = Callable[[Finding], Finding]


class Inspector:
    """Answers the checks for pages. Safe to share between threads; make one per process.

    Attributes:
        bundle: The model bundle in use; with extra checks or rules its digest covers them too.
        checks: The checks that are answered: the bundle's in wire order, then the extra ones.
        operating_point: Name of the thresholds in use.
        files: The files of the bundle that are run; of a graph in eight bits, which this machine may not compute
            rightly, the one in single precision where that is so.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        checks: Sequence[str] | None = None,
        operating_point: str = DEFAULT_OPERATING_POINT,
        limits: Limits | None = None,
        threads: int = 1,
        provider: Provider = "auto",
        extras: Sequence[ExtraCheck] = (),
        rules: Sequence[Rule] = (),
        revision: str = "",
    ) -> None:
        """Open the bundle's graphs; see :meth:`load` for the other arguments and the errors.

        Args:
            bundle: A verified bundle.
            checks: As for :meth:`load`; names of extra checks are allowed.
            operating_point: As for :meth:`load`; extra checks have thresholds of their own.
            limits: As for :meth:`load`.
            threads: As for :meth:`load`.
            provider: As for :meth:`load`.
            extras: Checks beside the bundle's.
            rules: Applied to every finding that is not a failure, in this order.
            revision: Version of the rules: it becomes part of the model version, so that Label Studio asks again.
        """
        own, self._extras = _selected(bundle, extras, checks)
        self._own = frozenset(check.name for check in own)
        self.bundle = replace(bundle, digest=revised_digest(bundle.digest, extras, revision))
        self.checks = _in_order([*own, *(extra.check for extra in self._extras)])
        self.operating_point = operating_point
        self._limits = limits or Limits()
        self._rules = tuple(rules)
        self._thresholds = _thresholds(bundle, own, operating_point)
        self._thresholds |= {extra.check.name: extra.thresholds for extra in self._extras}
        self._model = Model(
            bundle=bundle.name,
            version=bundle.version,
            digest=self.bundle.digest,
            operating_point=operating_point,
            thresholds={name: (pair.no, pair.yes) for name, pair in self._thresholds.items()},
            code_version=__version__,
        )
        self._network = Network(bundle, checks=self._own, threads=threads, provider=provider)
        self.files = self._network.files
        self._page_size = _largest([self._network.page_size, *(extra.page_size for extra in self._extras)])

    @classmethod
    def load(
        cls,
        bundle: str | Path | None = None,
        *,
        checks: Sequence[str] | None = None,
        operating_point: str = DEFAULT_OPERATING_POINT,
        limits: Limits | None = None,
        threads: int = 1,
        provider: Provider = "auto",
    ) -> Inspector:
        """Load a model bundle.

        Args:
            bundle: Directory of the bundle; None means the embedded one.
            checks: Names of the checks to answer; None means all that the bundle serves.
            operating_point: Named thresholds of the bundle by which verdicts are given.
            limits: Limits on what is decoded.
            threads: Threads inside the run of one page.
            provider: Where the graphs run: ``"cpu"``, ``"cuda"``, ``"openvino"``, or ``"auto"`` for ``"cuda"`` where
                ONNX Runtime's build for it is installed and ``"cpu"`` elsewhere.

        Raises:
            BundleError: The bundle is missing, damaged or too new.
            SettingsError: A check or operating point is unknown to the bundle, or the provider is not there.
        """
        return cls(
            load_bundle(bundle),
            checks=checks,
            operating_point=operating_point,
            limits=limits,
            threads=threads,
            provider=provider,
        )

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
        except Exception as error:  # noqa: BLE001 - see _failed
            return _failed(known, error)

    def inspect_pages(
        self,
        source: Source,
        *,
        name: str | None = None,
        evidence: bool = False,
        checks: Collection[CheckName] | None = None,
    ) -> Iterator[Finding]:
        """Inspect every page of a source, in order; a page that fails leaves the others untouched.

        Args:
            source: Path or bytes of an image or document.
            name: What to call the source in the findings and in messages; a path names itself.
            evidence: Also say where on the page each fault was seen.
            checks: Answer only these of :attr:`checks`; None means all.
        """
        known = Provenance(_called(source, name), self._model)
        try:
            with open_document(source, limits=self._limits, name=name) as document:
                for index in range(document.count):
                    yield self._inspect_page(document, replace(known, page=index), evidence=evidence, checks=checks)
        except Exception as error:  # noqa: BLE001 - see _failed
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

    def _inspect_page(
        self, document: Document, known: Provenance, *, evidence: bool, checks: Collection[CheckName] | None = None
    ) -> Finding:
        known = replace(known, pages=document.count, sha256=document.sha256, format=document.format)
        try:
            page = document.page(known.page, at_least=self._page_size)
            known = replace(known, original_size=page.original_size, dpi=page.dpi, decode_scale=page.scale)
            finding = Finding(known, self._answers(page, evidence=evidence, checks=checks))
            for rule in self._rules:
                finding = _judged(rule, finding)
        except Exception as error:  # noqa: BLE001 - see _failed
            return _failed(known, error)
        return finding

    def _answers(self, page: Page, *, evidence: bool, checks: Collection[CheckName] | None) -> dict[CheckName, Answer]:
        wanted = [check for check in self.checks if checks is None or check.name in checks]
        own = [check for check in wanted if check.name in self._own]
        scores = self._network.run(page, evidence=evidence, checks=[check.name for check in own])
        answers = {check.name: self._answer(check, scores, page) for check in own}
        answers |= {extra.check.name: extra.answer(page) for extra in self._extras if extra.check in wanted}
        return {check.name: answers[check.name] for check in wanted}

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


def _judged(rule: Rule, finding: Finding) -> Finding:
    judged: object = rule(finding)
    if not isinstance(judged, Finding):
        raise ImageFaultyError(
            f"a rule returned {type(judged).__name__}, not a Finding; return the finding it was given"
        )
    return judged


def _failed(known: Provenance, error: Exception) -> Finding:
    """Return the finding of a page that failed: one page must never take its batch down, whatever happens to it."""
    if not isinstance(error, ImageFaultyError):
        _log.error("%s, page %d: unforeseen error", known.source, known.page, exc_info=error)
        error = ImageFaultyError(f"{known.source}: unforeseen error; the log has the details")
    return Finding(known, {}, Failure(error.code, error.message))


def _called(source: Source, name: str | None) -> str:
    if name is not None:
        return name
    return os.fspath(source) if isinstance(source, str | os.PathLike) else "image"


def _selected(
    bundle: Bundle, extras: Sequence[ExtraCheck], names: Sequence[str] | None
) -> tuple[tuple[Check, ...], tuple[ExtraCheck, ...]]:
    """Return the checks of the bundle and the extra ones that are to be answered."""
    elsewhere = [extra.check.name for extra in extras]
    if len(set(elsewhere)) < len(elsewhere):
        raise SettingsError(f"two extra checks have one name; the names are {', '.join(elsewhere)}")
    own = tuple(check for check in CHECKS if check.name in bundle.checks and check.name not in elsewhere)
    known = [*(check.name for check in own), *elsewhere]
    if names is None:
        return own, tuple(extras)
    for name in names:
        _demand_answered(name, known, bundle)
    if not names:
        raise SettingsError(f"no checks were asked for; the bundle answers {', '.join(known)}")
    return tuple(c for c in own if c.name in names), tuple(e for e in extras if e.check.name in names)


def _demand_answered(name: str, known: Sequence[str], bundle: Bundle) -> None:
    if name in known:
        return
    try:
        check_named(name)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    raise SettingsError(f"bundle {bundle.name} does not answer {name}; it answers {', '.join(known)}")


def _in_order(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return the four in wire order, then the others."""
    return (*(check for check in CHECKS if check in checks), *(check for check in checks if check not in CHECKS))


def _largest(sizes: Sequence[tuple[int, int] | None]) -> tuple[int, int] | None:
    """Return the size that suits everybody; None, full resolution, where one of them wants that."""
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return None
    return max(width for width, _ in known), max(height for _, height in known)


def _thresholds(bundle: Bundle, checks: tuple[Check, ...], point: str) -> dict[CheckName, Thresholds]:
    """Thresholds by check; a check for which the bundle does not know the operating point keeps the default one."""
    if point not in bundle.operating_points:
        raise SettingsError(
            f"bundle {bundle.name} has no operating point {point!r}; it has {', '.join(bundle.operating_points)}"
        )
    by_check = {check.name: bundle.checks[check.name].thresholds for check in checks}
    return {name: known.get(point, known[DEFAULT_OPERATING_POINT]) for name, known in by_check.items()}
