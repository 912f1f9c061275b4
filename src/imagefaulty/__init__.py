"""ImageFaulty inspects scanned pages: empty, folded or torn, carrying a sticky note, handwritten or typewritten."""

from __future__ import annotations

from imagefaulty import _telemetry  # noqa: F401 - must come before ONNX Runtime is loaded
from imagefaulty._version import __version__
from imagefaulty.checks import CHECKS, Check, PageClass
from imagefaulty.errors import ImageFaultyError
from imagefaulty.finding import Answer, Finding
from imagefaulty.inspection import Inspector
from imagefaulty.pages import Limits, Page

__all__ = [
    "CHECKS",
    "Answer",
    "Check",
    "Finding",
    "ImageFaultyError",
    "Inspector",
    "Limits",
    "Page",
    "PageClass",
    "__version__",
]
