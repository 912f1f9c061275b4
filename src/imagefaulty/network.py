"""ONNX Runtime sessions of one bundle: a page in; logits, embedding and evidence out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imagefaulty._sessions import Provider, Session
from imagefaulty.bundle import Bundle, GraphSpec, InputSpec, OutputSpec
from imagefaulty.checks import CheckName, check_named
from imagefaulty.pages import Page

_FILTERS: Final[Mapping[str, Image.Resampling]] = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the page lies inside a graph's input, as fractions of the input's width and height."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceMap:
    """Per-cell logits of one evidence channel.

    Attributes:
        logits: float32, shape (rows, columns), row 0 at the top of the input.
        placement: Where the page lies inside the input, hence inside the map.
    """

    logits: NDArray[np.float32]
    placement: Placement


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What the graphs say of one page, before calibration.

    Attributes:
        logits: Per check float32 logits, shape (classes,), in the wire order of :mod:`imagefaulty.checks`.
        embedding: float32, shape (at most 512,), or None where the bundle has none.
        evidence: Evidence maps by channel name.
    """

    logits: Mapping[CheckName, NDArray[np.float32]]
    embedding: NDArray[np.float32] | None
    evidence: Mapping[str, EvidenceMap]


class Network:
    """The graphs of a bundle, ready to run. Safe to use from many threads at once."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        checks: Collection[CheckName] | None = None,
        threads: int = 1,
        provider: Provider = "auto",
    ) -> None:
        """Open the sessions.

        Args:
            bundle: A verified bundle.
            checks: Checks that are wanted; graphs that serve none of them are not opened. None means all.
            threads: Threads inside one run. Small networks gain more from running pages side by side.
            provider: Where to run: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"openvino"``.

        Raises:
            BundleDamaged: A graph does not load, or lacks an input or output that the manifest names.
            SettingsError: The provider is not there.
        """
        wanted = set(bundle.checks if checks is None else checks)
        self._graphs = tuple(
            _Graph(bundle, spec, wanted & set(spec.outputs), threads, provider)
            for spec in bundle.graphs
            if wanted & set(spec.outputs)
        )
        inputs = [graph.spec.input for graph in self._graphs]
        # Without any graph, where all checks are answered elsewhere, any size will do.
        self._page_size = max((i.width for i in inputs), default=1), max((i.height for i in inputs), default=1)
        self._full = any(each.decode == "full" for each in inputs)

    @property
    def files(self) -> tuple[str, ...]:
        """The files that are run: of a graph in eight bits, the one in single precision where this machine needs it."""
        return tuple(graph.file for graph in self._graphs)

    @property
    def page_size(self) -> tuple[int, int] | None:
        """The size (width, height) in px that a page must not fall below when it is shrunk while decoding.

        None where a graph asks for pages in full resolution.
        """
        return None if self._full else self._page_size

    def run(self, page: Page, *, evidence: bool = False, checks: Collection[CheckName] | None = None) -> Scores:
        """Run the graphs on one page.

        Args:
            page: The page; decoded no smaller than :attr:`page_size`, or at its own smaller size.
            evidence: Also fetch the evidence maps.
            checks: Leave out graphs that serve none of these; None runs all.
        """
        logits: dict[CheckName, NDArray[np.float32]] = {}
        maps: dict[str, EvidenceMap] = {}
        embedding = None
        for graph in self._graphs:
            if checks is not None and not graph.serves(checks):
                continue
            scores = graph.run(page.pixels, evidence=evidence)
            logits.update(scores.logits)
            maps.update(scores.evidence)
            embedding = scores.embedding if embedding is None else embedding
        return Scores(logits, embedding, maps)


class _Graph:
    """One ONNX Runtime session and what its outputs mean."""

    def __init__(
        self, bundle: Bundle, spec: GraphSpec, checks: Collection[CheckName], threads: int, provider: Provider
    ) -> None:
        self.spec = spec
        self._checks = {check: spec.outputs[check] for check in spec.outputs if check in checks}
        self._orders = {check: _wire_order(check, output) for check, output in self._checks.items()}
        self._session = Session(bundle, spec, threads=threads, provider=provider)
        self.file = self._session.file
        self._names = [output.name for output in self._checks.values()]
        if spec.embedding is not None:
            self._names.append(spec.embedding)

    def serves(self, checks: Collection[CheckName]) -> bool:
        return any(check in checks for check in self._checks)

    def run(self, pixels: NDArray[np.uint8], *, evidence: bool) -> Scores:
        tensor, placement = prepare(pixels, self.spec.input)
        where = self.spec.evidence if evidence else None
        names = self._names if where is None else [*self._names, where.name]
        values = dict(zip(names, self._session.run(names, {self.spec.input.name: tensor}), strict=True))
        logits = {
            check: np.asarray(values[output.name][0], np.float32)[self._orders[check]]
            for check, output in self._checks.items()
        }
        maps = {} if where is None else _maps(values[where.name][0], where.channels, placement)
        embedding = None if self.spec.embedding is None else np.asarray(values[self.spec.embedding][0], np.float32)
        return Scores(logits, embedding, maps)


def prepare(pixels: NDArray[np.uint8], spec: InputSpec) -> tuple[NDArray[Any], Placement]:
    """Turn page pixels into a graph's input tensor.

    Args:
        pixels: uint8, shape (h, w, 3), RGB.
        spec: Size, resize rule, layout and normalisation of the input.

    Returns:
        The tensor, shape (1, height, width, 3) uint8 or (1, 3, height, width) float32 as ``spec.layout`` says, and
        where the page lies inside it.
    """
    if (small := _resized(pixels, spec)) is not None:
        return small[np.newaxis], Placement()
    image, placement = _resize(Image.fromarray(pixels), spec)
    array = np.asarray(image)
    if spec.layout == "nhwc-uint8":
        return array[np.newaxis], placement
    mean: NDArray[np.float32] = np.asarray(spec.mean, np.float32)
    std: NDArray[np.float32] = np.asarray(spec.std, np.float32)
    scaled = (array.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))[np.newaxis], placement


def _resized(pixels: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8] | None:
    """Squash pixels to the input's size in a third of Pillow's time, with values that differ by 1 at most.

    None where the graph was measured with Pillow's values (published ones, which get full pages), where the filter is
    another (its others differ by up to 70 from Pillow's), or where cykooz-resizer is not installed: it has no wheels
    for Linux on Arm.
    """
    if (spec.resize, spec.filter, spec.decode, spec.layout) != ("squash", "bilinear", "shrunk", "nhwc-uint8"):
        return None
    fast = _fast_resizer()
    if fast is None:
        return None
    height, width = pixels.shape[:2]
    # Across and down one after the other, in Pillow's order (ImagingResampleInner in its Resample.c), for both round in
    # between: so 0.2 % of the values differ. Both at once take 0.2 ms less, but then 15 % of the values and 1 % of the
    # answers differ.
    down_first = height - spec.height > max(0, 2 * (width - spec.width))
    halfway = (width, spec.height) if down_first else (spec.width, height)
    kind, bilinear = fast.PixelType.U8x3, fast.ResizeAlg.convolution(fast.FilterType.bilinear)
    page = fast.ImageData(width, height, kind, pixels.tobytes())
    between, small = (fast.ImageData(*size, kind) for size in (halfway, spec.size))
    resizer, options = fast.Resizer(), fast.ResizeOptions(resize_alg=bilinear)  # threads must not share a resizer
    resizer.resize(page, between, options)
    resizer.resize(between, small, options)
    return np.frombuffer(small.get_buffer(), np.uint8).reshape(spec.height, spec.width, 3)


@cache
def _fast_resizer() -> ModuleType | None:
    try:
        import cykooz_resizer  # noqa: PLC0415 - 11 ms that only the first page should cost
    except ImportError:
        return None
    found: ModuleType = cykooz_resizer
    return found


def _resize(image: Image.Image, spec: InputSpec) -> tuple[Image.Image, Placement]:
    if spec.resize == "squash":
        return image.resize(spec.size, _FILTERS[spec.filter]), Placement()
    ratio = min(spec.width / image.width, spec.height / image.height)
    width = max(1, min(spec.width, round(image.width * ratio)))
    height = max(1, min(spec.height, round(image.height * ratio)))
    canvas = Image.new("RGB", spec.size, spec.fill)
    left, top = (spec.width - width) // 2, (spec.height - height) // 2
    canvas.paste(image.resize((width, height), _FILTERS[spec.filter]), (left, top))
    return canvas, Placement(left / spec.width, top / spec.height, width / spec.width, height / spec.height)


def _wire_order(check: CheckName, output: OutputSpec) -> list[int]:
    """Indices that put the logits of a graph into the wire order of the check's classes."""
    return [output.classes.index(name) for name in check_named(check).class_names]


def _maps(values: NDArray[np.float32], channels: tuple[str, ...], placement: Placement) -> dict[str, EvidenceMap]:
    return {name: EvidenceMap(values[index], placement) for index, name in enumerate(channels)}
