"""Logging of the service: one line per event on stderr."""

from __future__ import annotations

import logging
import sys
from pathlib import PurePath
from typing import Final

# These name full addresses (with signatures) at INFO and full headers (with tokens) at DEBUG.
_TALKATIVE: Final = ("httpx2", "httpcore2", "stamina", "asyncio", "PIL")


def configure_logging(level: str) -> None:
    """Send all logging to stderr at a level; libraries that might log secrets stay at WARNING.

    Args:
        level: ``"DEBUG"`` to ``"CRITICAL"``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


class _OneLine(logging.Formatter):
    """Keeps a message on its line: what a task's data holds must not be able to forge log lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in super().formatMessage(record))


def place_of(error: Exception) -> str:
    """Return type and place of an error that nobody foresaw; its text stays out, for it may quote a secret."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{PurePath(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else "?"
    return f"unforeseen {type(error).__name__} at {place}"
