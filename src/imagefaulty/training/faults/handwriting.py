"""Taking ink off a page: handwriting or print as an alpha mask that can be laid on another page."""

from __future__ import annotations

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import chance, fraction, uniform
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.materials import Materials
from imagefaulty.training.faults.stand_ins import lettering, scribble, words

#: Ink colours, RGB, with the share in which each occurs in notes on office papers; pencil is grey and pale.
INKS: tuple[tuple[str, tuple[float, float, float], float], ...] = (
    ("blue", (36, 52, 130), 0.27),
    ("blue-black", (28, 32, 66), 0.18),
    ("black", (26, 24, 24), 0.22),
    ("red", (172, 36, 38), 0.1),
    ("pencil", (96, 94, 92), 0.15),
    ("violet", (86, 44, 118), 0.04),
    ("green", (34, 104, 70), 0.04),
)


_SOLID = 100  # of 255: what counts as a stroke
_LEAST_PX, _LEAST_INK = 9, 0.035  # smaller or thinner scraps are not recognisable as writing


def pen(rng: np.random.Generator) -> tuple[str, tuple[float, float, float], float]:
    """Choose an ink: its name, RGB colour and opacity."""
    index = int(rng.choice(len(INKS), p=[share for _, _, share in INKS]))
    name, colour, _ = INKS[index]
    varied = tuple(float(np.clip(level + rng.normal(0, 10), 5, 225)) for level in colour)
    opacity = uniform(rng, 0.5, 0.8) if name == "pencil" else uniform(rng, 0.75, 1.0)
    return name, (varied[0], varied[1], varied[2]), opacity


def _whole_strokes(alpha: Field) -> Field | None:
    """Drop what the patch's border cuts, rules and blots; return the rest cut to its extent, None if too little."""
    solid = (alpha > 0.4).astype(np.uint8)
    joined = cv2.dilate(solid, np.ones((3, 3), np.uint8))
    count, parts, stats, _ = cv2.connectedComponentsWithStats(joined)
    rows, columns = alpha.shape
    left, top, width, height, area = stats.T
    beside = (left <= 1) | (left + width >= columns - 1)
    # A descender of the line above touches the cut; a whole line that does is left only if little of it is lost.
    cut = (beside & (width < 0.25 * columns)) | (((top <= 1) | (top + height >= rows - 1)) & (height < 0.6 * rows))
    rule = ((width > 0.5 * columns) & (height < 9)) | ((height > 0.5 * rows) & (width < 9))
    block = (area > 0.75 * width * height) & (np.minimum(width, height) > 14)
    keep = ~(cut | rule | block | (area > 0.12 * rows * columns) | (area < 6))
    keep[0] = False
    if count < 2 or int(area[keep].sum()) < 0.012 * rows * columns:
        return None
    kept = alpha * keep[parts]
    (top, bottom), (left, right) = _extent(kept.sum(axis=1)), _extent(kept.sum(axis=0))
    kept = kept[top:bottom, left:right]
    if min(kept.shape) < _LEAST_PX or float((kept > 0.4).mean()) < _LEAST_INK:
        return None
    return np.asarray(kept, np.float32)


def _extent(profile: Field) -> tuple[int, int]:
    """Return where the middle 98.5 % of the ink lies, so that a lost dot does not stretch the patch."""
    share = np.cumsum(profile) / max(1e-6, float(profile.sum()))
    low, high = int(np.searchsorted(share, 0.0075)), int(np.searchsorted(share, 0.9925))
    return max(0, low - 2), min(len(profile), high + 3)


def _quiet(profile: Field, wanted: int, reach: int) -> int:
    """Return the position within ``reach`` of ``wanted`` where the ink profile is lowest: between lines or words."""
    low, high = max(0, wanted - reach), min(len(profile), wanted + reach + 1)
    return low + int(profile[low:high].argmin()) if high > low else wanted


def lifted(alpha: Pixels, rng: np.random.Generator, *, width: float, height: float, tries: int = 6) -> Field | None:
    """Lift a patch of writing of about ``width`` x ``height`` (fractions of the page), cut between lines and words.

    Args:
        alpha: uint8 (h, w), the ink of a whole page, as :meth:`Materials.hand_ink` returns it.
        rng: Source of chance.
        width: Wanted width.
        height: Wanted height.
        tries: Places to try before giving up.

    Returns:
        float32 (h, w) alpha of whole strokes only, or None where no patch with enough ink was found.
    """
    rows, columns = alpha.shape
    tall, wide = max(22, int(rows * height)), max(40, int(columns * width))
    lines = cv2.blur((alpha > _SOLID).mean(axis=1, dtype=np.float32)[:, None], (1, 5))[:, 0]
    for _ in range(tries):
        top = _quiet(lines, int(rng.integers(2, max(3, rows - tall - 2))), 14)
        bottom = _quiet(lines, min(rows - 1, top + tall), 14)
        band = alpha[top:bottom]
        if bottom - top < 12:
            continue
        gaps = cv2.blur((band > _SOLID).mean(axis=0, dtype=np.float32)[:, None], (1, 5))[:, 0]
        left = _quiet(gaps, int(rng.integers(2, max(3, columns - wide - 2))), 24)
        right = _quiet(gaps, min(columns - 1, left + wide), 24)
        patch = fraction(band[:, left:right])
        if patch.shape[1] < 20 or not 0.02 < float((patch > 0.4).mean()) < 0.34:
            continue
        whole = _whole_strokes(patch)
        if whole is not None and whole.shape[1] > 0.45 * wide and whole.shape[0] > 0.35 * tall:
            return whole
    return None


def handwriting(materials: Materials, rng: np.random.Generator, *, width: float, height: float) -> Field:
    """Return handwriting as alpha: lifted off a real page, or scribbled where that fails or now and then."""
    if materials.hands and chance(rng, 0.88):
        found = lifted(materials.hand_ink(rng), rng, width=width, height=height)
        if found is not None:
            return found
    size = uniform(rng, 9, 15)
    lines = max(1, int(height * 1024 / (size * 3.4)))
    parts = [scribble(rng, width=max(40, int(width * 740 * uniform(rng, 0.6, 1))), height=size) for _ in range(lines)]
    columns = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 0), (0, columns - part.shape[1]))) for part in parts])


def printing(materials: Materials, rng: np.random.Generator, *, width: float, height: float) -> Field:
    """Return print or typing as alpha: lifted off a real page, or set in a plain face."""
    if materials.prints and chance(rng, 0.85):
        found = lifted(materials.print_ink(rng), rng, width=width, height=height)
        if found is not None:
            return found
    size = uniform(rng, 9, 14)
    lines = max(1, int(height * 1024 / (size * 2)))
    count = max(1, int(width * 740 / (size * 4)))
    parts = [lettering(words(rng, count), size, width_limit=int(width * 740)) for _ in range(lines)]
    columns = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 2), (0, columns - part.shape[1]))) for part in parts])


def resized(alpha: Field, *, scale: float) -> Field:
    """Return an alpha mask scaled, strokes kept as dark as they were."""
    size = (max(2, round(alpha.shape[1] * scale)), max(2, round(alpha.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.clip(np.asarray(cv2.resize(alpha, size, interpolation=way), np.float32), 0, 1)


def turned(alpha: Field, degrees: float) -> Field:
    """Return an alpha mask turned by ``degrees`` counter-clockwise, grown so that nothing is cut."""
    rows, columns = alpha.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    width, height = int(rows * sin + columns * cos) + 2, int(rows * cos + columns * sin) + 2
    matrix[:, 2] += (width / 2 - columns / 2, height / 2 - rows / 2)
    return np.asarray(cv2.warpAffine(alpha, matrix, (width, height), flags=cv2.INTER_LINEAR), np.float32)
