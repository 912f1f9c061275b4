"""The steps that are timed: the decode floor, ours, the reference's."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from benchmarks.reference import ReferencePipeline
from imagefaulty.network import Network, prepare
from imagefaulty.pages import open_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imagefaulty.inspection import Inspector
    from imagefaulty.pages import Page

FLOOR = "decode floor"


def floor(data: bytes) -> None:
    """Entropy decoding and hardly anything else: 1/8 of the size, brightness only. No decoder can skip that."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", (1, 1))
        image.load()


def steps(data: bytes, inspector: Inspector, models: Mapping[str, bytes]) -> dict[str, Callable[[], object]]:
    """All steps by name, those of a pipeline with the pipeline's name before a colon.

    Args:
        data: The page, JPEG.
        inspector: Ours.
        models: The reference's graphs by check.
    """
    return {FLOOR: lambda: floor(data), **_ours(data, inspector), **_reference(data, models)}


def _ours(data: bytes, inspector: Inspector) -> dict[str, Callable[[], object]]:
    network = Network(inspector.bundle, threads=1)
    inputs = [graph.input for graph in inspector.bundle.graphs]

    def decode() -> Page:
        with open_document(data, name="page.jpg") as document:
            return document.page(0, at_least=network.page_size)

    page = decode()
    return {
        "ours: decode": decode,
        "ours: resize": lambda: [prepare(page.pixels, spec) for spec in inputs],
        "ours: resize and network": lambda: network.run(page),
        "ours: all": lambda: inspector.inspect(data, name="page.jpg"),
    }


def _reference(data: bytes, models: Mapping[str, bytes]) -> dict[str, Callable[[], object]]:
    reference = ReferencePipeline(models)
    page = reference.decode(data)
    tensors = reference.resize(page)
    return {
        "reference: decode": lambda: reference.decode(data),
        "reference: resize": lambda: reference.resize(page),
        "reference: network": lambda: reference.run(tensors),
        "reference: all": lambda: reference.run(reference.resize(reference.decode(data))),
    }
