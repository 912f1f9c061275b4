"""The last steps, the same for faulty and clean pages: frame, light, blur, noise, grey or bilevel, compression."""

from __future__ import annotations

import io
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from imagefaulty.training.faults.compositing import chance, clouds, grain, luminance, to_pixels, uniform
from imagefaulty.training.faults.drawn import Drawn, Field, Pixels, Region, region_of

#: Recipes whose subject a hard threshold would wipe out keep their greys.
_FAINT = ("pencil", "lid", "written number", "stamp", "crease")
_LIGHT_ENOUGH, _DARK_SHARE = 150, 25  # median of a light page; its darkest tenth is not bed


def finish(drawn: Drawn, *, rng: np.random.Generator) -> Drawn:
    """Give a page the look of a scan: cut or framed by a few px, lit, blurred, noisy, compressed.

    Every page goes through the same steps with the same chances, so that nothing but the fault tells faulty and
    clean pages apart. Labels stay; regions move with the frame.

    Args:
        drawn: A page from :func:`draw`, of any kind, ``"clean"`` too.
        rng: Source of chance.
    """
    drawn = _reframed(drawn, rng)
    tile = _lit(drawn.pixels.astype(np.float32), rng)
    if chance(rng, 0.5):
        tile = np.asarray(cv2.GaussianBlur(tile, (0, 0), uniform(rng, 0.3, 0.9)), np.float32)
    tile = tile + grain((tile.shape[0], tile.shape[1]), rng, float(rng.gamma(1.6, 1.3)))[..., None]
    faint = any(word in drawn.recipe for word in _FAINT)
    style = float(rng.random())
    if style < 0.15:
        tile = np.repeat(luminance(tile)[..., None], 3, axis=2)
    elif style < 0.2 and not faint and _light(tile):
        tile = _bilevel(tile, rng)
    return replace(drawn, pixels=_compressed(to_pixels(tile), rng))


def _reframed(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """Cut up to 0.6 % off each side, or add a thin black or white scan border, now and then."""
    height, width = drawn.pixels.shape[:2]
    most = max(2, int(0.006 * min(height, width)))
    style = float(rng.random())
    if style < 0.35:
        top, bottom, left, right = (int(value) for value in rng.integers(0, most, 4))
        cut = (slice(top, height - bottom), slice(left, width - right))
        pixels = np.ascontiguousarray(drawn.pixels[cut])
        masks = [None if region.mask is None else region.mask[cut] for region in drawn.regions]
    elif style < 0.45:
        sides = [int(value) for value in rng.integers(0, 2 * most, 4)]
        level = int(rng.choice((0, 8, 255), p=(0.4, 0.3, 0.3)))
        pixels = _bordered(drawn.pixels, sides, level)
        masks = [None if region.mask is None else _bordered(region.mask, sides, 0) for region in drawn.regions]
    else:
        return drawn
    regions = tuple(_moved(region, mask) for region, mask in zip(drawn.regions, masks, strict=True))
    return replace(drawn, pixels=pixels, regions=tuple(region for region in regions if region is not None))


def _bordered(image: Pixels, sides: list[int], level: int) -> Pixels:
    value = (level, level, level) if image.ndim == 3 else level
    return np.asarray(
        cv2.copyMakeBorder(image, sides[0], sides[1], sides[2], sides[3], cv2.BORDER_CONSTANT, value=value), np.uint8
    )


def _moved(region: Region, mask: Pixels | None) -> Region | None:
    return region if mask is None else region_of(mask, kind=region.kind, check=region.check)


def _lit(tile: Field, rng: np.random.Generator) -> Field:
    """Vary exposure, contrast, gamma and white balance, and light the page unevenly."""
    shape = (tile.shape[0], tile.shape[1])
    if chance(rng, 0.35):
        slope = np.linspace(-1, 1, shape[1], dtype=np.float32)[None] * uniform(rng, -0.05, 0.05)
        slope = slope + np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None] * uniform(rng, -0.05, 0.05)
        tile = tile * (1 + slope + 0.015 * clouds(shape, rng, period=max(shape) / 2, octaves=1))[..., None]
    curve = np.linspace(0, 1, 256) ** uniform(rng, 0.85, 1.18)
    low, high = uniform(rng, -10, 14), uniform(rng, 238, 266)
    balance = 1 + rng.normal(0, 0.012, 3) * (rng.random() < 0.6)
    tables = [np.clip((low + curve * (high - low)) * gain, 0, 255) for gain in balance]
    pixels = to_pixels(tile)
    mapped = cv2.LUT(pixels, np.stack(tables, axis=1).astype(np.uint8).reshape(1, 256, 3))
    return np.asarray(mapped, np.float32)


def _light(tile: Field) -> bool:
    """Tell whether a page is light enough for a hard threshold: negatives and dull microfilm would turn to dirt."""
    grey = luminance(tile[::8, ::8])
    return float(np.median(grey)) > _LIGHT_ENOUGH and float(np.percentile(grey, 10)) > _DARK_SHARE


def _bilevel(tile: Field, rng: np.random.Generator) -> Field:
    grey = luminance(tile)
    paper = (
        cv2.blur(grey, (61, 61)) if chance(rng, 0.5) else np.full_like(grey, float(np.percentile(grey[::4, ::4], 80)))
    )
    noisy = grey + grain(grey.shape, rng, uniform(rng, 2, 14))
    hard = np.where(noisy < paper * uniform(rng, 0.68, 0.86), np.float32(0), np.float32(255))
    hard = np.asarray(cv2.GaussianBlur(hard, (0, 0), 0.45), np.float32)
    return np.repeat(hard[..., None], 3, axis=2)


def _compressed(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Compress as JPEG (mostly) or WebP of everyday quality, or leave the pixels as they are."""
    way = float(rng.random())
    if way < 0.12:
        return pixels
    quality = int(np.clip(rng.normal(74, 14), 32, 96))
    buffer = io.BytesIO()
    name = "JPEG" if way < 0.8 else "WEBP"
    options = {"method": 0} if name == "WEBP" else {}
    Image.fromarray(pixels).save(buffer, name, quality=quality, **options)
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB"), np.uint8)
