"""Answers from elsewhere: an ONNX file, a Python function or a remote model answers a question of your own.

An extra check is asked of every page after the bundle's own; its answer goes where theirs go: findings, tables, JSON
and the controls of a labelling configuration. It may also answer one of the four checks instead of the bundle.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort

from imagefaulty._manifest import digest_of
from imagefaulty._sessions import wide_sums
from imagefaulty.bundle import InputSpec, Thresholds
from imagefaulty.calibration import probabilities, verdict
from imagefaulty.checks import CHECK_NAMES, Check, check_named
from imagefaulty.errors import BundleDamaged, BundleNotFound, ImageFaultyError, SettingsError
from imagefaulty.finding import Answer
from imagefaulty.network import prepare
from imagefaulty.pages import Page

#: Enough to tell a stamp or a stain, and what the embedded bundle needs about as well.
_PAGE_SIZE: Final = (896, 1280)
_SUM_TOLERANCE: Final = 1e-3
#: Sure enough for most; a check that matters sets its own.
_THRESHOLDS: Final = Thresholds(no=0.3, yes=0.7)


class ExtraCheck(ABC):
    """One more question, and how to answer it. Subclass it, or use :class:`OnnxCheck` or :class:`FunctionCheck`.

    Many threads call :meth:`probabilities` at once.

    Attributes:
        check: The question and its classes. One of :data:`imagefaulty.CHECKS` replaces the bundle's answer to it.
        version: Part of the model version that Label Studio stores: change it when the answers change.
        thresholds: Where a probability becomes a verdict.
        page_size: Least size (width, height) in px of the pages you want; None for full resolution, which makes
            every page several times slower.
    """

    def __init__(
        self,
        check: Check,
        *,
        version: str = "1",
        thresholds: Thresholds = _THRESHOLDS,
        page_size: tuple[int, int] | None = _PAGE_SIZE,
    ) -> None:
        if check.name in CHECK_NAMES and check != check_named(check.name):
            raise SettingsError(f"{check.name!r} is one of the four checks, with other classes; name yours differently")
        self.check = check
        self.version = version
        self.thresholds = thresholds
        self.page_size = page_size

    @abstractmethod
    def probabilities(self, page: Page) -> Sequence[float]:
        """Return the probability of every class, in their order; they sum to 1.

        Args:
            page: The page; ``page.pixels`` is uint8 (h, w, 3), RGB, upright.

        Raises:
            ImageFaultyError: The page cannot be answered for; its finding becomes a failure with this message.
        """

    def answer(self, page: Page) -> Answer:
        """Ask the check of a page.

        Raises:
            ImageFaultyError: It gave something else than probabilities, or raised that itself.
        """
        names = self.check.class_names
        values = [float(value) for value in self.probabilities(page)]
        if len(values) != len(names) or min(values) < 0 or not abs(sum(values) - 1) < _SUM_TOLERANCE:
            raise ImageFaultyError(
                f"check {self.check.name!r} must give {len(names)} probabilities that sum to 1, not {values}"
            )
        by_class = dict(zip(names, values, strict=True))
        code = values.index(max(values))
        return Answer(
            check=self.check.name,
            label=names[code],
            code=code,
            probabilities=by_class,
            verdict=verdict(self.check, by_class, self.thresholds),
        )


class FunctionCheck(ExtraCheck):
    """A check that is a Python function from a page to probabilities.

    Args:
        check: The question.
        function: Called with a page, from many threads at once; gives the probability of every class.
        version: Change it when the function changes.
        thresholds: Where a probability becomes a verdict.
        page_size: Least size of the pages it wants; None for full resolution.
    """

    def __init__(
        self,
        check: Check,
        function: Callable[[Page], Sequence[float]],
        *,
        version: str = "1",
        thresholds: Thresholds = _THRESHOLDS,
        page_size: tuple[int, int] | None = _PAGE_SIZE,
    ) -> None:
        super().__init__(check, version=version, thresholds=thresholds, page_size=page_size)
        self._function = function

    def probabilities(self, page: Page) -> Sequence[float]:
        """Call the function."""
        return self._function(page)


class OnnxCheck(ExtraCheck):
    """A check that is answered by an ONNX file with one input and logits in its first output.

    Its version is the digest of the file.

    Args:
        check: The question; its classes in the order of the logits.
        path: The ONNX file.
        input: How a page becomes the graph's input; its name may be "" for the graph's only one.
        temperature: Divides the logits before the softmax.
        thresholds: Where a probability becomes a verdict.
        threads: Threads inside one run.

    Raises:
        BundleNotFound: There is no such file.
        BundleDamaged: It does not load, or has another number of classes.
    """

    def __init__(
        self,
        check: Check,
        path: str | Path,
        *,
        input: InputSpec,  # noqa: A002 - the word of GraphSpec
        temperature: float = 1.0,
        thresholds: Thresholds = _THRESHOLDS,
        threads: int = 1,
    ) -> None:
        path = Path(path)
        if not path.is_file():
            raise BundleNotFound(f"{path}: no such file; check {check.name!r} needs it")
        page_size = None if input.decode == "full" else input.size
        super().__init__(check, version=digest_of(path)[:8], thresholds=thresholds, page_size=page_size)
        self._session = _session(path, threads)
        self._input = input
        self._input_name = input.name or self._session.get_inputs()[0].name
        self._temperature = temperature
        # A graph may leave sizes open; a single number has none at all.
        classes = next(iter(self._session.get_outputs()[0].shape[-1:]), 1)
        if isinstance(classes, int) and classes != len(check.classes):
            raise BundleDamaged(f"{path}: gives {classes} classes, but check {check.name!r} has {len(check.classes)}")

    def probabilities(self, page: Page) -> Sequence[float]:
        """Run the graph."""
        tensor, _ = prepare(page.pixels, self._input)
        logits = np.asarray(self._session.run(None, {self._input_name: tensor})[0][0], np.float32)
        return [float(value) for value in probabilities(logits, self._temperature)]


def revised_digest(digest: str, extras: Sequence[ExtraCheck], revision: str) -> str:
    """Return a bundle's digest as it is, or mixed with what was added to it.

    Args:
        digest: Hex digest of the bundle.
        extras: Checks beside the bundle's.
        revision: Version of rules that change answers; "" for none.
    """
    if not extras and not revision:
        return digest
    parts = [digest, revision, *(f"{extra.check.name} {extra.version}" for extra in extras)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    wide_sums(options)
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises a dozen unrelated types for a bad file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleDamaged(f"{path}: does not load ({reason}); export it again") from None
