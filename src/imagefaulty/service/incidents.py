"""The last tasks that went wrong, for people who ask why nothing shows in Label Studio."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """One task that got no prediction.

    Attributes:
        project: Label Studio's project id, "" if unknown.
        task: The task's id as it was sent, or None.
        reference: The image reference, fit to be shown.
        code: Stable code of the error, see :mod:`imagefaulty.errors`.
        message: What went wrong and what to do about it.
        at: When, in UTC.
    """

    project: str
    task: int | str | None
    reference: str
    code: str
    message: str
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class IncidentLog:
    """A bounded memory of incidents, newest last."""

    def __init__(self, limit: int = 200) -> None:
        self._incidents: deque[Incident] = deque(maxlen=limit)

    def add(self, incident: Incident) -> None:
        """Remember an incident; the oldest is forgotten when there are too many."""
        self._incidents.append(incident)

    @property
    def latest(self) -> tuple[Incident, ...]:
        """The incidents that are remembered, newest last."""
        return tuple(self._incidents)
