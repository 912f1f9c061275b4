import json
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from imagefaulty.evidence import Region
from imagefaulty.labelstudio._brush import brush
from tests import studio_environment

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))
SHAPES = st.integers(1, 4).flatmap(
    lambda columns: st.lists(st.tuples(*[st.booleans()] * columns), min_size=1, max_size=4).map(tuple)
)
REGIONS = st.builds(
    Region,
    st.tuples(st.integers(-5, 45), st.integers(-5, 45), st.integers(0, 30), st.integers(0, 30)),
    st.none(),
    st.just(0.5),
    SHAPES,
)
DECODE = """
import json, sys
from label_studio_sdk.converter.brush import decode_rle
for line in sys.stdin:
    question = json.loads(line)
    width, height = question["size"]
    mask = decode_rle(question["rle"]).reshape(height, width, 4)
    assert (mask == mask[:, :, :1]).all()
    print(json.dumps(mask[:, :, 3].tolist()))
"""


def painted(regions: list[Region], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The mask, drawn the plain way."""
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    for region in regions:
        x, y, across, down = region.box
        for i, row in enumerate(region.shape):
            rows = [min(max(y + round(down * n / len(region.shape)), 0), height) for n in (i, i + 1)]
            for j, inside in enumerate(row):
                columns = [min(max(x + round(across * n / len(row)), 0), width) for n in (j, j + 1)]
                if inside:
                    mask[rows[0] : rows[1], columns[0] : columns[1]] = 255
    return mask


def decoded(code: list[int], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Read the format by its description."""
    bits = "".join(f"{byte:08b}" for byte in code)
    at = 0

    def read(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    total, word = read(32), read(5) + 1
    lengths = [read(4) + 1 for _ in range(4)]
    out: list[int] = []
    while len(out) < total:
        repeated, count = read(1), read(lengths[read(2)]) + 1
        out += [read(word)] * count if repeated else [read(word) for _ in range(count)]
    assert len(bits) - at < 8
    return np.asarray(out, np.uint8).reshape(size[1], size[0], 4)


@given(st.lists(REGIONS, max_size=4), SIZES)
def test_the_code_says_which_pixels_are_covered(regions: list[Region], size: tuple[int, int]) -> None:
    code = brush(regions, size)
    mask = decoded(code, size)
    assert all(0 <= byte <= 255 for byte in code)
    assert (mask == painted(regions, size)[:, :, np.newaxis]).all()


def test_label_studio_reads_the_same() -> None:
    python = studio_environment.python()
    if python is None:
        pytest.skip("label_studio_sdk is not here; `make studio-env` installs it in an environment of its own")
    size = (333, 471)
    regions = [
        Region((20, 30, 100, 90), None, 0.9, ((True, False, True), (True, True, False))),
        Region((300, 400, 100, 100), None, 0.5),
    ]
    question = json.dumps({"rle": brush(regions, size), "size": size})
    answer = subprocess.run(
        [str(python), "-W", "ignore", "-c", DECODE], input=question, text=True, capture_output=True, check=True
    )
    assert (np.asarray(json.loads(answer.stdout)) == painted(regions, size)).all()


def test_a_large_scan_has_a_short_code() -> None:
    regions = [Region((2000, 3000, 480, 508), None, 0.9)]
    assert len(brush(regions, (2480, 3508))) < 8000
    assert len(brush([], (2480, 3508))) < 2000
