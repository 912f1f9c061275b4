"""A verdict rule: a page that is said to be empty and to carry a note is for a person to look at.

    imagefaulty serve --customise examples/verdict_rule/model.py

The labels stay as they are; the verdicts of the two checks become "look", and in Label Studio the prediction's score is
halved, so that such tasks come first when sorted by score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from imagefaulty import Finding
from imagefaulty.customising import Customisation

DOUBTFUL = ("empty", "post_it")


class EmptyWithNote(Customisation):
    """Send contradictions to a person."""

    version = "1"

    def judge(self, finding: Finding) -> Finding:
        """Doubt both answers where a page is empty and has a note."""
        if not _contradicts_itself(finding):
            return finding
        doubted = {check: replace(finding.answers[check], verdict="look") for check in DOUBTFUL}
        return replace(finding, answers={**finding.answers, **doubted})

    def finish(self, prediction: dict[str, Any], findings: Mapping[str, Finding]) -> dict[str, Any]:
        """Put such tasks in front."""
        if prediction["score"] is not None and any(_contradicts_itself(finding) for finding in findings.values()):
            prediction["score"] = round(prediction["score"] / 2, 4)
        return prediction


def _contradicts_itself(finding: Finding) -> bool:
    empty, note = (finding.answers.get(check) for check in DOUBTFUL)
    return empty is not None and note is not None and empty.label == "empty" and note.label == "post-it"
