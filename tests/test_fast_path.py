"""Pages that are shrunk while they are decoded get the answers of pages decoded in full.

All held-out pages take a quarter of an hour: ``make fast-path``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from benchmarks.fast_path import LIMIT_POINTS, compare, scans, summed
from imagefaulty.bundle import load_bundle
from imagefaulty.network import prepare
from imagefaulty.pages import open_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = (1240, 1752)
KINDS = ["JPEG", "progressive JPEG", "grey JPEG", "PDF", "TIFF", "G4 TIFF", "JPEG2000"]


@pytest.mark.parametrize("kind", KINDS)
def test_network_is_given_nearly_the_same_picture(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    strokes = np.repeat(np.repeat(rng.integers(0, 2, (88, 62)) * 200 + 40, 8, 0), 8, 1).astype(np.uint8)
    Image.fromarray(strokes).save(tmp_path / "page.png")
    made = dict(scans(tmp_path / "page.png", SIZE))
    assert list(made) == KINDS
    data = made[kind]
    spec = load_bundle().graphs[0].input
    with open_document(data) as document:
        fast, slow = document.page(at_least=spec.size), document.page()
    assert fast.pixels.shape[0] < slow.pixels.shape[0]
    mine, theirs = (np.asarray(prepare(page.pixels, spec)[0], np.float32) for page in (fast, slow))
    assert np.abs(mine - theirs).mean() < 6  # of 255; JPEG 2000 shrinks with wavelets, which keep edges sharper


@pytest.mark.shared
def test_sample_of_labelled_pages_gets_the_same_answers(
    shared_pages: Callable[[int], list[Path]],
) -> None:
    labels = {"writing_type": "Handwritten", "post_it": "ok", "corner": "ok", "empty": "ok"}
    tally = summed(compare(load_bundle(), ((page, labels) for page in shared_pages(6)), SIZE).values())
    assert tally.answers == 6 * len(KINDS) * 4
    assert tally.different <= 4
    assert abs(tally.points) <= max(LIMIT_POINTS, 100 * 4 / tally.answers)
