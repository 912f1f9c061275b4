"""Taking ink off a page: handwriting or print as an alpha mask that can be laid on another page."""

from __future__ import annotations

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import chance, luminance, uniform
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


def pen(rng: np.random.Generator) -> tuple[str, tuple[float, float, float], float]:
    """Choose an ink: its name, RGB colour and opacity."""
    index = int(rng.choice(len(INKS), p=[share for _, _, share in INKS]))
    name, colour, _ = INKS[index]
    varied = tuple(float(np.clip(level + rng.normal(0, 10), 5, 225)) for level in colour)
    opacity = uniform(rng, 0.5, 0.8) if name == "pencil" else uniform(rng, 0.75, 1.0)
    return name, (varied[0], varied[1], varied[2]), opacity


def ink_of(page: Pixels) -> Field:
    """Segment the ink of a page by local contrast: float32 (h, w), 0 paper to 1 full ink."""
    grey = luminance(page)
    size = max(15, int(min(grey.shape) * 0.06)) | 1
    # Closing (brightest of the neighbourhood, then darkest) removes strokes and leaves the paper's own shading.
    paper = cv2.morphologyEx(cv2.medianBlur(grey.astype(np.uint8), 3), cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    paper = cv2.blur(paper, (size, size)).astype(np.float32)
    contrast = np.clip(1 - grey / np.maximum(paper, 20), 0, 1)
    full = float(np.clip(np.percentile(contrast, 98.5), 0.25, 0.85))
    return np.asarray(np.clip((contrast - 0.28 * full) / (0.62 * full), 0, 1), np.float32)


def _whole_strokes(alpha: Field) -> Field | None:
    """Drop what the patch's border cuts, rules and blots; return the rest cut to its extent, None if too little."""
    solid = (alpha > 0.4).astype(np.uint8)
    joined = cv2.dilate(solid, np.ones((3, 3), np.uint8))
    count, parts, stats, _ = cv2.connectedComponentsWithStats(joined)
    rows, columns = alpha.shape
    left, top, width, height, area = stats.T
    cut = (left <= 1) | (top <= 1) | (left + width >= columns - 1) | (top + height >= rows - 1)
    rule = ((width > 0.5 * columns) & (height < 9)) | ((height > 0.5 * rows) & (width < 9))
    blot = (area > 0.12 * rows * columns) | (area < 6)
    keep = ~(cut | rule | blot)
    keep[0] = False
    if count < 2 or int(area[keep].sum()) < 0.012 * rows * columns:
        return None
    kept = alpha * keep[parts]
    ys, xs = np.flatnonzero(kept.max(axis=1) > 0.4), np.flatnonzero(kept.max(axis=0) > 0.4)
    if len(ys) < 8 or len(xs) < 12:
        return None
    return np.asarray(kept[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1], np.float32)


def lifted(page: Pixels, rng: np.random.Generator, *, width: float, height: float, tries: int = 5) -> Field | None:
    """Lift a patch of writing of about ``width`` x ``height`` (fractions of the page) off ``page``.

    Returns:
        float32 (h, w) alpha of whole strokes only, or None where no patch with enough ink was found.
    """
    rows, columns = max(24, int(page.shape[0] * height)), max(40, int(page.shape[1] * width))
    rows, columns = min(rows, page.shape[0] - 8), min(columns, page.shape[1] - 8)
    for _ in range(tries):
        top = int(rng.integers(4, max(5, page.shape[0] - rows - 3)))
        left = int(rng.integers(4, max(5, page.shape[1] - columns - 3)))
        alpha = ink_of(np.ascontiguousarray(page[top : top + rows, left : left + columns]))
        if not 0.015 < float((alpha > 0.4).mean()) < 0.32:
            continue
        whole = _whole_strokes(alpha)
        if whole is not None and whole.shape[1] > 0.3 * columns:
            return whole
    return None


def handwriting(materials: Materials, rng: np.random.Generator, *, width: float, height: float) -> Field:
    """Return handwriting as alpha: lifted off a real page, or scribbled where that fails or now and then."""
    if materials.hands and chance(rng, 0.88):
        found = lifted(materials.hand(rng), rng, width=width, height=height)
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
        found = lifted(materials.print(rng), rng, width=width, height=height)
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
