"""Numbers for Prometheus. Each process counts for itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

# A page takes some 10 ms; a huge TIFF over a slow line takes seconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "imagefaulty_requests", "Requests answered.", ("path", "status"), registry=self._registry
        )
        self.tasks = Counter(
            "imagefaulty_tasks", "Label Studio tasks by outcome.", ("outcome",), registry=self._registry
        )
        self.fetch_seconds = Histogram(
            "imagefaulty_fetch_seconds", "Time to get one image.", buckets=_SECONDS, registry=self._registry
        )
        self.inspect_seconds = Histogram(
            "imagefaulty_inspect_seconds",
            "Time to inspect one image, waiting for a thread included.",
            buckets=_SECONDS,
            registry=self._registry,
        )

    def exposition(self) -> bytes:
        """Return all numbers in Prometheus's text format."""
        return generate_latest(self._registry)
