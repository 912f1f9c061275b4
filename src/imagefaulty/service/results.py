"""Findings of the last minutes, so that a request that was cut off goes on where it ended when it is repeated."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from imagefaulty.finding import Finding

# A finding takes some 3 kB.
_LIMIT: Final = 20_000
# What is longer, such as a data: URI, is known by its digest.
_LONG: Final = 300

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PageKey:
    """Which page a finding is of. The task is part of it: what one may see, another need not.

    Attributes:
        studio: Address of the Label Studio.
        project: Project there.
        task: Task there.
        reference: Image reference, or its digest.
        evidence: Whether places were asked for.
    """

    studio: str
    project: str
    task: int | None
    reference: str
    evidence: bool

    @classmethod
    def of(cls, studio: str, project: str, task: int | None, reference: str, *, evidence: bool) -> PageKey:
        """Make a key; a long reference is replaced by its digest."""
        if len(reference) > _LONG:
            reference = hashlib.sha256(reference.encode("utf-8", "surrogatepass")).hexdigest()
        return cls(studio, project, task, reference, evidence)


class ResultCache:
    """Remembers findings, and which pages failed, for some time; the oldest are forgotten when there are too many.

    Not safe to share between threads: it belongs to the event loop.

    Args:
        keep_s: Seconds to remember; 0 remembers nothing. A picture that is replaced under the same address goes
            unnoticed for so long.
    """

    def __init__(self, keep_s: float) -> None:
        self._findings: _Recent[Finding] = _Recent(keep_s)
        self._failures: _Recent[bool] = _Recent(keep_s)
        self.hits = 0

    def __len__(self) -> int:
        return len(self._findings)

    @property
    def failures(self) -> int:
        """How many pages failed lately, or were left half-done."""
        return len(self._failures)

    def get(self, key: PageKey) -> Finding | None:
        """Return the finding of a page, None if there is none."""
        finding = self._findings.get(key)
        self.hits += finding is not None
        return finding

    def put(self, key: PageKey, finding: Finding) -> None:
        """Remember a finding."""
        self._failures.drop(key)
        self._findings.put(key, finding)

    def failed(self, key: PageKey) -> None:
        """Remember that a page could not be had or inspected."""
        self._failures.put(key, True)

    def lately_failed(self, key: PageKey) -> bool:
        """Return whether a page failed lately: others go first, so that those that fail slowly hold up nobody."""
        return self._failures.get(key) is not None


class _Recent(Generic[_T]):
    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._entries: OrderedDict[PageKey, tuple[float, _T]] = OrderedDict()

    def __len__(self) -> int:
        self._forget()
        return len(self._entries)

    def get(self, key: PageKey) -> _T | None:
        self._forget()
        entry = self._entries.get(key)
        return entry[1] if entry else None

    def put(self, key: PageKey, value: _T) -> None:
        if self._keep_s <= 0:
            return
        self._entries.pop(key, None)
        self._entries[key] = (time.monotonic(), value)
        self._forget()

    def drop(self, key: PageKey) -> None:
        self._entries.pop(key, None)

    def _forget(self) -> None:
        """Forget what is too old; entries stand in the order of their age."""
        oldest = time.monotonic() - self._keep_s
        while self._entries and (len(self._entries) > _LIMIT or next(iter(self._entries.values()))[0] < oldest):
            self._entries.popitem(last=False)
