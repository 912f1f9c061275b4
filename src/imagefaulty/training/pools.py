"""Pools of processes that end when the process that began them does, however that ended."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


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
