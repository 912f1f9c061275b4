"""A progress bar on a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(verb: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show progress on standard error if that is a terminal.

    Args:
        verb: What is being done, such as ``"predicting"``.

    Yields:
        A function to be told how much is done and how much there is, None if that is not known.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - costs others a start
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(verb, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)
