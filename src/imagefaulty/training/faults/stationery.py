"""The faces of notes and slips: sticky notes of all usual colours, ruled, typed and kraft slips, flags, clippings."""

from __future__ import annotations

import cv2
import numpy as np

from imagefaulty.training.faults.compositing import chance, clouds, grain, ink, luminance, uniform, wavy
from imagefaulty.training.faults.drawn import Field, Pixels
from imagefaulty.training.faults.handwriting import handwriting, pen, printing, resized
from imagefaulty.training.faults.materials import Materials

#: Median hue, saturation, value (OpenCV scale) of real notes, and how often each colour is met.
_COLOURS: dict[str, tuple[tuple[float, float, float], float]] = {
    "yellow": ((25, 175, 222), 0.34),
    "pale yellow": ((27, 95, 232), 0.2),
    "pink": ((168, 150, 218), 0.11),
    "magenta": ((163, 138, 190), 0.05),
    "orange": ((16, 180, 224), 0.1),
    "green": ((39, 140, 195), 0.1),
    "blue": ((97, 120, 195), 0.1),
}
#: Slips are plain paper: RGB and how often.
_SLIPS: dict[str, tuple[tuple[float, float, float], float]] = {
    "white": ((246, 246, 243), 0.36),
    "cream": ((240, 230, 205), 0.2),
    "grey": ((206, 206, 202), 0.12),
    "kraft": ((196, 158, 112), 0.1),
    "yellowed": ((224, 202, 160), 0.12),
    "blue": ((196, 214, 228), 0.05),
    "green": ((205, 222, 196), 0.05),
}


def _rgba(face: Field, alpha: Field) -> Field:
    return np.concatenate([face, (alpha * 255)[..., None]], axis=2).astype(np.float32)


def _outline(shape: tuple[int, int], rng: np.random.Generator, *, rough: float = 0.0, slack: float = 2.5) -> Field:
    """Return a nearly rectangular outline: corners off by ``slack`` px, edges uneven by ``rough`` px."""
    rows, columns = shape
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    tilt = rng.uniform(-slack, slack, 4).astype(np.float32)
    edges = [wavy(size + 1, rng, period=size / 2, octaves=5) * rough for size in (columns, columns, rows, rows)]
    u, v = x / columns, y / rows
    top = y - 2 - np.maximum(0, tilt[0]) * u - edges[0][None, :columns]
    bottom = rows - 3 - y - np.maximum(0, tilt[1]) * u - edges[1][None, :columns]
    left = x - 2 - np.maximum(0, tilt[2]) * v - edges[2][:rows, None]
    right = columns - 3 - x - np.maximum(0, tilt[3]) * v - edges[3][:rows, None]
    return np.asarray(np.clip(np.minimum(np.minimum(top, bottom), np.minimum(left, right)) + 0.5, 0, 1), np.float32)


def write_on(face: Field, alpha: Field, materials: Materials, rng: np.random.Generator, *, typed: bool) -> Field:
    """Write on a face: a few lines of handwriting, or typing, scaled to fit inside it."""
    rows, columns = face.shape[:2]
    share = uniform(rng, 0.1, 0.3)
    source = printing if typed else handwriting
    text = source(materials, rng, width=uniform(rng, 0.2, 0.45), height=share * 0.8)
    room = min(columns * uniform(rng, 0.6, 0.9) / text.shape[1], rows * uniform(rng, 0.45, 0.85) / text.shape[0])
    text = resized(text, scale=min(room, 2.2))
    top = int(uniform(rng, 0.06, 0.5) * (rows - text.shape[0]))
    left = int(uniform(rng, 0.15, 0.6) * (columns - text.shape[1]))
    name, colour, opacity = pen(rng)
    if typed or name == "pencil":
        colour = (44.0, 42.0, 44.0) if typed else colour
    window = (slice(top, top + text.shape[0]), slice(left, left + text.shape[1]))
    face = face.copy()
    face[window] = ink(face[window], text * opacity * (alpha[window] > 0.9), colour)
    return face


def sticky(materials: Materials, rng: np.random.Generator, *, width: int) -> tuple[Field, str]:
    """Draw a sticky note ``width`` px wide.

    The face is nearly flat; the glued strip at the top is a touch darker, the free bottom edge curls up into the
    light or away from it.

    Returns:
        float32 (h, w, 4) RGBA in 0..255, and the colour's name.
    """
    names = list(_COLOURS)
    name = names[int(rng.choice(len(names), p=[_COLOURS[n][1] for n in names]))]
    hue, saturation, value = _COLOURS[name][0]
    if chance(rng, 0.06):  # brands bring every other hue as well
        hue, saturation, value = uniform(rng, 0, 180), uniform(rng, 40, 220), uniform(rng, 140, 245)
    hsv = np.array([[[(hue + rng.normal(0, 2.5)) % 180, np.clip(saturation + rng.normal(0, 28), 25, 250),
                      np.clip(value + rng.normal(0, 14), 120, 252)]]], np.float32)  # fmt: skip
    colour = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)
    shape = (max(12, int(width / np.clip(rng.lognormal(0.06, 0.1), 0.85, 1.75))), width)
    alpha = _outline(shape, rng, rough=0.4)
    v = np.linspace(0, 1, shape[0], dtype=np.float32)[:, None]
    curl = np.exp((v - 1) / uniform(rng, 0.06, 0.3)) * uniform(rng, -0.16, 0.14)
    glue = np.clip(1 - v / uniform(rng, 0.15, 0.3), 0, 1) ** 0.5 * uniform(rng, 0.0, 0.06)
    slope = (np.linspace(-1, 1, shape[1], dtype=np.float32)[None] * uniform(rng, -0.05, 0.05)) + v * uniform(
        rng, -0.06, 0.06
    )
    light = 1 + curl - glue + slope + clouds(shape, rng, period=max(shape) / 2) * 0.012
    face = colour * light[..., None] + grain(shape, rng, 1.2)[..., None]
    if chance(rng, 0.88):
        face = write_on(np.asarray(face, np.float32), alpha, materials, rng, typed=chance(rng, 0.07))
    return _rgba(np.clip(face, 0, 255).astype(np.float32), alpha), name


def slip(
    materials: Materials,
    rng: np.random.Generator,
    *,
    width: int,
    height: int,
    like: tuple[float, float, float] | None = None,
) -> tuple[Field, str]:
    """Draw a paper slip: white, cream, grey or kraft; plain, ruled or squared; cut or torn; written, typed or bare.

    With ``like`` it has nearly that colour, the sheet's own, and only its edge and shadow tell.
    """
    names = list(_SLIPS)
    name = names[int(rng.choice(len(names), p=[_SLIPS[n][1] for n in names]))]
    colour = _SLIPS[name][0]
    if like is not None:
        name, step = "like the sheet", uniform(rng, -16, 10)
        colour = (min(252.0, like[0] + step), min(252.0, like[1] + step), min(252.0, like[2] + step))
    shape = (height, width)
    torn = chance(rng, 0.35)
    alpha = _outline(shape, rng, rough=uniform(rng, 1.0, 3.5) if torn else 0.25, slack=uniform(rng, 1, 7))
    tint = np.array(colour, np.float32) * np.float32(uniform(rng, 0.9, 1.02)) + rng.normal(0, 4, 3)
    rough = clouds(shape, rng, period=max(shape) / 2) * uniform(rng, 0.5, 4) + grain(shape, rng, uniform(rng, 0.5, 2.5))
    face = np.asarray(tint + rough[..., None], np.float32)
    ruling = str(rng.choice(("plain", "ruled", "squared"), p=(0.68, 0.24, 0.08)))
    if ruling != "plain":
        face = _ruled(face, rng, squared=ruling == "squared")
    words = str(rng.choice(("hand", "typed", "bare"), p=(0.55, 0.32, 0.13)))
    if words != "bare":
        face = write_on(face, alpha, materials, rng, typed=words == "typed")
    return _rgba(np.clip(face, 0, 255).astype(np.float32), alpha), f"{name} {ruling} {words}"


def _ruled(face: Field, rng: np.random.Generator, *, squared: bool) -> Field:
    pitch = uniform(rng, 9, 22)
    colour = (120.0, 150.0, 200.0) if chance(rng, 0.7) else (150.0, 150.0, 150.0)
    y = np.arange(face.shape[0], dtype=np.float32)[:, None]
    x = np.arange(face.shape[1], dtype=np.float32)[None]
    lines = np.exp(-((((y + pitch / 3) % pitch) - pitch / 2) ** 2) / 0.4) * np.ones_like(x)
    if squared:
        lines = np.maximum(lines, np.exp(-((((x + pitch / 4) % pitch) - pitch / 2) ** 2) / 0.4))
    return ink(face, np.asarray(lines * uniform(rng, 0.3, 0.7), np.float32), colour)


def clipping(materials: Materials, rng: np.random.Generator, *, width: int, height: int) -> tuple[Field, str]:
    """Cut a clipping out of a printed page: yellowed newsprint, cut not quite straight."""
    page = materials.print(rng)
    size = uniform(rng, 0.75, 1.25)  # of its print beside the page's
    rows = int(np.clip(height / size, 8, page.shape[0] * 0.9))
    columns = int(np.clip(width / size, 8, page.shape[1] * 0.9))
    rows, columns = min(rows, int(columns * height / width) + 1), min(columns, int(rows * width / height) + 1)
    top, left = int(rng.integers(page.shape[0] - rows)), int(rng.integers(page.shape[1] - columns))
    cut: Pixels = np.ascontiguousarray(page[top : top + rows, left : left + columns])
    face = np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    paper = np.percentile(luminance(face), 85)
    tone = np.array([[232, 208, 164], [222, 190, 140], [235, 226, 205]][int(rng.integers(3))], np.float32)
    face = (luminance(face) / max(60.0, float(paper)))[..., None].clip(0, 1.05) * tone * uniform(rng, 0.85, 1.03)
    alpha = _outline((height, width), rng, rough=uniform(rng, 0.3, 1.4), slack=uniform(rng, 2, 10))
    return _rgba(np.asarray(face, np.float32), alpha), "clipping"


def flag(rng: np.random.Generator, *, width: int, height: int) -> tuple[Field, str]:
    """Draw a translucent index flag: a clear part that sticks to the page and a coloured part that stands out."""
    colours = {"red": (222, 50, 56), "yellow": (246, 220, 40), "green": (76, 176, 82), "blue": (56, 120, 200),
               "orange": (244, 140, 36), "violet": (140, 84, 170), "pink": (238, 92, 158)}  # fmt: skip
    name = str(rng.choice(list(colours)))
    shape = (height, width)
    alpha = _outline(shape, rng, slack=1.0)
    v = np.linspace(0, 1, height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32)
    share = uniform(rng, 0.35, 0.65)
    solid = np.clip((share - v) * height / 2 + 0.5, 0, 1)
    opacity = solid * uniform(rng, 0.72, 0.95) + (1 - solid) * uniform(rng, 0.08, 0.26)
    clear = np.array([236, 236, 230], np.float32)
    face = np.array(colours[name], np.float32) * solid[..., None] + clear * (1 - solid[..., None])
    face = face * (1 + clouds(shape, rng, period=max(8.0, height / 2)) * 0.04)[..., None]
    return _rgba(np.clip(face, 0, 255).astype(np.float32), np.asarray(alpha * opacity, np.float32)), f"{name} flag"
