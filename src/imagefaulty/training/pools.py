"""Pools of processes that end when the process that began them does, however that ended."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final

#: Numbers of glibc's ``mallopt``, from its malloc.h.
_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_MAX: Final = -4
_GROW_BY: Final = 64 << 20  # bytes


def pool(processes: int | None, begin: Callable[..., None], *arguments: Any) -> ProcessPoolExecutor:  # noqa: ANN401
    """Return a pool whose processes are fresh ones, for torch and OpenCV do not survive a fork.

    Args:
        processes: How many; one per processor if None.
        begin: Called once in every process.
        arguments: What it is called with.
    """
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=spawn, initializer=_begin, initargs=(begin, arguments))


def _begin(begin: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    begin(*arguments)


def _end_with_parent() -> None:
    """A killed run is begun again; what it left behind must not go on writing to the same files."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def keep_memory() -> None:
    """Have the C library keep what this process frees, instead of giving it back and asking for it again.

    A step of fitting takes and frees some dozens of megabytes for each layer. Mapped anew each time, their pages cost a
    sixth of the step in the kernel (105,000 page faults); kept, none. Without glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)
        mallopt(_TOP_PAD, _GROW_BY)
