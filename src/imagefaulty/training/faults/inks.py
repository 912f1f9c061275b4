"""Segmenting the ink of a page by local contrast."""

from __future__ import annotations

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import luminance
from imagefaulty.training.faults.drawn import Field, Pixels


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
