"""What is printed beside type: pictures cut in wood, and rules of brass."""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import chance, clouds, uniform
from imagefaulty.training.faults.drawn import Field


def woodcut(rows: int, columns: int, rng: np.random.Generator, *, mirrored: bool = False) -> Field:
    """Cut a picture in wood, float32 (``rows``, ``columns``), 0..1: shapes, each hatched its own way, with outlines.

    Args:
        rows: Height in px.
        columns: Width in px.
        rng: Source of chance.
        mirrored: Whether both halves are alike, as in ornaments.
    """
    shape = (max(4, rows), max(4, columns))
    shapes = clouds(shape, rng, period=max(6.0, min(shape) / uniform(rng, 2, 5)), octaves=3)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    steps = np.round(shapes * 6)
    turn = steps * uniform(rng, 0.6, 1.6)
    hatching = np.sin((x * np.cos(turn) + y * np.sin(turn)) * uniform(rng, 1.3, 2.2) + shapes * 2)
    tone = clouds(shape, rng, period=max(6.0, min(shape) / 3), octaves=3) * 1.8 + uniform(rng, -0.3, 0.5)
    edges = np.abs(np.gradient(steps, axis=0)) + np.abs(np.gradient(steps, axis=1))
    cut = np.clip(0.5 + (tone - hatching) * 0.8, 0, 1) * 0.9 + np.clip(edges, 0, 1) * 0.5
    if mirrored:
        cut = np.maximum(cut, cut[:, ::-1]) * (np.abs(shapes) + np.abs(shapes[:, ::-1]) > 0.25)
    return np.clip(cut, 0, 1).astype(np.float32)


def brass_rule(layer: Field, start: tuple[float, float], end: tuple[float, float], rng: np.random.Generator) -> None:
    """Print a brass rule: nearly straight, thin, broken where its pieces meet."""
    points = np.linspace(start, end, int(rng.integers(2, 6)))
    points[1:-1] += rng.normal(0, 0.4, points[1:-1].shape)
    strength, thick = uniform(rng, 0.5, 1), 1 + int(chance(rng, 0.15))
    for one, two in itertools.pairwise(np.rint(points * 16).astype(int).tolist()):
        cv2.line(layer, one, two, strength, thick, cv2.LINE_AA, 4)
