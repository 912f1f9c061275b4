"""What the service has been doing: throughput of the last minutes, and what waits."""

from __future__ import annotations

import time
from collections import deque
from typing import Final

_BUCKET_S: Final = 10
_BUCKETS: Final = 90


class Activity:
    """Counts of tasks.

    Attributes:
        predicted: Tasks predicted since the start.
        failed: Tasks that failed since the start.
        requests: Requests that are being worked on.
        waiting: Their tasks that are not done yet.
    """

    def __init__(self) -> None:
        self.predicted = 0
        self.failed = 0
        self.requests = 0
        self.waiting = 0
        self._buckets: deque[tuple[int, int]] = deque(maxlen=_BUCKETS)

    def count(self, *, predicted: bool) -> None:
        """Count a task that is done."""
        self.predicted += predicted
        self.failed += not predicted
        now = int(time.monotonic()) // _BUCKET_S
        if self._buckets and self._buckets[-1][0] == now:
            self._buckets[-1] = (now, self._buckets[-1][1] + 1)
        else:
            self._buckets.append((now, 1))

    def per_minute(self, minutes: int) -> float:
        """Return how many tasks a minute were done, on average over the last minutes (15 at most)."""
        since = (time.monotonic() - 60 * minutes) / _BUCKET_S
        return sum(count for bucket, count in self._buckets if bucket >= since) / minutes
