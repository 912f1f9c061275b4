"""The rim around foreign decoders: whatever they throw becomes a :class:`~imagefaulty.errors.PageError`."""

from __future__ import annotations

import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from PIL import Image

from imagefaulty.errors import ImageFaultyError, PageDamaged, PageTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

# `warnings.catch_warnings` swaps the filters of the whole process; two of ours must not interleave.
_FILTERS: Final = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What a decoder returns for one page.

    Attributes:
        pixels: uint8 (h, w, 3) RGB, upright.
        original_size: ``(width, height)`` in px, upright, before shrinking.
        dpi: Resolution of the original in dots per inch, or None.
    """

    pixels: NDArray[np.uint8]
    original_size: tuple[int, int]
    dpi: float | None


@contextmanager
def codec_errors(label: str) -> Iterator[None]:
    """Turn every error of a codec into one of ours.

    Args:
        label: What the message calls the page, e.g. ``"scan.tif, page 3"``.
    """
    try:
        yield
    except ImageFaultyError:
        raise
    except MemoryError as error:
        raise PageTooLarge(f"{label} needs more memory than there is; save it with fewer pixels") from error
    except Image.DecompressionBombError as error:
        raise PageTooLarge(f"{label} has too many pixels for its format; save it as JPEG or TIFF") from error
    except Exception as error:
        # Decoders answer damage with whatever the damaged field led to, so no list of types is complete.
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise PageDamaged(f"{label} is damaged or of a rare kind ({reason}); copy or export it again") from error


def check_pixels(size: tuple[int, int], *, limit: int, label: str) -> None:
    """Refuse a page with more pixels than allowed, before it is decoded.

    Raises:
        PageTooLarge: It has more than ``limit`` pixels.
    """
    if size[0] * size[1] > limit:
        raise PageTooLarge(
            f"{label} has {size[0]} x {size[1]} pixels, more than the {limit} allowed; "
            "save it smaller or raise MAX_IMAGE_PIXELS"
        )


def despite_warnings(work: Callable[[], T]) -> T:
    """Return ``work()``, also where warnings are errors (``python -W error``).

    Codecs warn about untidy metadata of files that are readable. Silencing them would swap the warning filters of
    the whole process while other threads run, so that is done only where a warning was about to stop the work.

    Args:
        work: Called once, or twice if the first call ended with a warning.
    """
    try:
        return work()
    except Warning:
        with _FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return work()
