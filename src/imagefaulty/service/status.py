"""What the service does and why something does not show in Label Studio, as data; :mod:`status_page` shows it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from imagefaulty._version import __version__
from imagefaulty.errors import LabelConfigError
from imagefaulty.labelstudio.cache import DiskCache
from imagefaulty.labelstudio.references import shown
from imagefaulty.service.incidents import Incident, IncidentLog
from imagefaulty.service.ml_backend import Backend
from imagefaulty.service.projects import Project
from imagefaulty.service.settings import Settings
from imagefaulty.service.token_check import TokenCheck

#: Identifier of the form; it changes when a field changes its meaning or goes away.
SCHEMA: Final = "imagefaulty.status/1"
_INCIDENTS: Final = 50
_WINDOWS_MINUTES: Final = (1, 15)


@dataclass(frozen=True, slots=True)
class Status:
    """Where the numbers come from.

    Attributes:
        settings: All settings.
        backend: The engine, the predictor, the projects.
        incidents: Tasks that went wrong.
        token: What is known about the token.
        cache: Images on disk, or None.
        started: When the process started to serve, by :func:`time.monotonic`.
    """

    settings: Settings
    backend: Backend
    incidents: IncidentLog
    token: TokenCheck
    cache: DiskCache | None
    started: float = field(default_factory=time.monotonic)

    def to_dict(self) -> dict[str, Any]:
        """Return the state of this process as JSON-ready values. No secret is among them."""
        return {
            "schema": SCHEMA,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "process": os.getpid(),
            "uptime_s": round(time.monotonic() - self.started),
            "code_version": __version__,
            "model": self._model(),
            "label_studio": {
                "url": shown(self.settings.label_studio_url),
                "token_ok": self.token.state.ok,
                "message": self.token.state.message,
            },
            "work": self._work(),
            "caches": self._caches(),
            "projects": [self._project(key, project) for key, project in self.backend.projects.latest],
            "incidents": [_incident(incident) for incident in self.incidents.latest[::-1][:_INCIDENTS]],
        }

    def _model(self) -> dict[str, Any]:
        bundle = self.backend.inspector.bundle
        checks = []
        for check in self.backend.inspector.checks:
            points = bundle.checks[check.name].thresholds if check.name in bundle.checks else {}
            thresholds = {name: {"no": pair.no, "yes": pair.yes} for name, pair in points.items()}
            checks.append({"name": check.name, "classes": list(check.class_names), "thresholds": thresholds})
        return {
            "name": bundle.name,
            "version": bundle.version,
            "digest": bundle.digest,
            "model_version": bundle.model_version,
            "description": bundle.description,
            "checks": checks,
        }

    def _work(self) -> dict[str, Any]:
        activity = self.backend.predictor.activity
        return {
            "requests_running": activity.requests,
            "tasks_waiting": activity.waiting,
            "tasks_predicted": activity.predicted,
            "tasks_failed": activity.failed,
            "tasks_per_minute": {str(n): round(activity.per_minute(n), 1) for n in _WINDOWS_MINUTES},
            "threads": self.settings.threads,
            "fetches": self.settings.fetches,
            "budget_s": self.settings.predict_budget_s,
        }

    def _caches(self) -> dict[str, Any]:
        results = self.backend.predictor.results
        cache = self.cache
        return {
            "results": {"kept_s": self.settings.result_cache_s, "pages": len(results), "hits": results.hits},
            "images": None
            if cache is None
            else {"bytes": cache.size_bytes, "limit_bytes": int(self.settings.cache_bytes), "hits": cache.hits},
        }

    def _project(self, key: str, project: Project) -> Mapping[str, Any]:
        known = {"project": shown(key), "label_studio": shown(project.hostname)}
        if not project.schema:
            return {**known, "controls": [], "notes": ["its labelling configuration is not known yet"]}
        try:
            config = self.backend.config(project.schema)
        except LabelConfigError as error:
            return {**known, "controls": [], "notes": [str(error)]}
        controls: list[dict[str, Any]] = [
            {
                "control": binding.control,
                "shows": [binding.check],
                "image": binding.data_key,
                "emits": dict(binding.emits),
                "threshold": binding.threshold,
            }
            for binding in config.bindings
        ]
        controls += [
            {
                "control": marker.control,
                "shows": [f"where: {check}" for check in marker.emits],
                "image": marker.picture.data_key,
                "emits": dict(marker.emits),
                "threshold": marker.threshold,
            }
            for marker in config.markers
        ]
        return {**known, "controls": controls, "notes": [str(note) for note in config.notes]}


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "at": incident.at.isoformat(timespec="seconds"),
        "project": shown(incident.project),
        "task": incident.task,
        "image": incident.reference,
        "code": incident.code,
        "message": incident.message,
    }
