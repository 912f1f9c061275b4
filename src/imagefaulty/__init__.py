"""ImageFaulty inspects scanned pages: empty, folded or torn, carrying a sticky note, handwritten or typewritten."""

from __future__ import annotations

from imagefaulty.checks import CHECKS, Check, PageClass
from imagefaulty.errors import ImageFaultyError
from imagefaulty.inspection import Answer, Finding, Inspector
from imagefaulty.pages import Limits, Page

__version__ = "0.1.0"

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
