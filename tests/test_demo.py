"""What the demo shows of a page. The page in the browser needs Gradio: tests/packaging/test_container.py has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagefaulty.bundle import load_bundle
from imagefaulty.checks import CHECKS
from imagefaulty.demo import Viewer
from imagefaulty.errors import PageError
from tests.bundles import CHANNELS, tiny_bundle


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Viewer:
    return Viewer(load_bundle(tiny_bundle(tmp_path_factory.mktemp("bundle"))))


@pytest.fixture
def folded(tmp_path: Path) -> Path:
    """White with a black corner, which the tiny bundle takes for a fold."""
    page = Image.new("RGB", (480, 640), "white")
    page.paste("black", (240, 320, 480, 640))
    page.save(tmp_path / "page.png")
    return tmp_path / "page.png"


def test_every_check_is_answered_with_all_its_classes(viewer: Viewer, folded: Path) -> None:
    answers = viewer.look(folded).answers
    assert viewer.checks == tuple(check.name for check in CHECKS)
    assert {name: tuple(each) for name, each in answers.items()} == {check.name: check.class_names for check in CHECKS}


def test_the_heat_lies_on_what_speaks_for_the_fault(viewer: Viewer, folded: Path) -> None:
    plain, hot = viewer.look(folded).picture.astype(int), viewer.look(folded, "corner").picture.astype(int)
    height, width = plain.shape[:2]
    redder = (hot - plain)[..., 0] - (hot - plain)[..., 1]
    assert hot.shape == plain.shape
    assert redder[height * 3 // 4, width * 3 // 4] > 50
    assert abs(redder[height // 4, width // 4]) <= 2
    assert np.array_equal(viewer.look(folded).picture, plain)


def test_heat_maps_are_those_of_the_bundle(viewer: Viewer) -> None:
    assert viewer.channels == CHANNELS


def test_what_cannot_be_read_is_an_error_without_a_path(viewer: Viewer, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing else")
    with pytest.raises(PageError, match=r"broken\.jpg") as caught:
        viewer.look(broken)
    assert str(tmp_path) not in caught.value.message
