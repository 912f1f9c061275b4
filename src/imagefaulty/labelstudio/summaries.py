"""What the commands did, in words."""

from __future__ import annotations

from typing import Final

from imagefaulty.labelstudio.connecting import Setup
from imagefaulty.labelstudio.doctor import Examination
from imagefaulty.labelstudio.importing import ImportRun
from imagefaulty.labelstudio.predicting import ProjectRun

_MARKS: Final = {"ok": "ok", "warning": "warning", "fault": "FAULT"}


def prediction_summary(run: ProjectRun) -> str:
    """Say what became of a project's tasks."""
    if not run.total:
        return f"project {run.project}: no task lacks a prediction of {run.model_version}"
    failed = f", {_many(len(run.failures), 'task')} failed" if run.failures else ""
    return (
        f"project {run.project}: {run.predicted} of {_many(run.total, 'task')} predicted by {run.model_version}{failed}"
    )


def setup_summary(setup: Setup) -> str:
    """Say what was changed to connect a project."""
    steps = [*setup.steps, f"project {setup.project} is connected to {setup.model_version}"]
    if not setup.steps:
        steps = [f"project {setup.project} was connected to {setup.model_version} already: nothing changed"]
    return "\n".join([*steps, f"next: imagefaulty labelstudio predict --project {setup.project}"])


def examination_summary(found: Examination) -> str:
    """List what was looked at, each with its cure below it."""
    lines = []
    for sign in found.signs:
        lines.append(f"{_MARKS[sign.verdict]:8}{sign.topic:15}{sign.message}")
        if sign.cure:
            lines.append(f"{'':8}{'':15}cure: {sign.cure}")
    return "\n".join(lines)


def import_summary(run: ImportRun) -> str:
    """Say what became of a folder."""
    parts = [f"{_many(run.imported, 'page')} imported", f"{run.predicted} predicted", f"{run.skipped} there already"]
    if run.problems:
        parts.append(f"{len(run.problems)} failed")
    return f"project {run.project}: {', '.join(parts)}"


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
