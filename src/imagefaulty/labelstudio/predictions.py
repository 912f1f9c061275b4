"""Findings + bindings → a prediction in Label Studio's form."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from typing import Any, Final

from imagefaulty.errors import ImageFaultyError
from imagefaulty.finding import Answer, Finding
from imagefaulty.labelstudio.config import Binding, LabelConfig

# Label Studio shows percent with two decimals.
_DIGITS: Final = 4

#: The entry of a task for which there is no prediction: Label Studio stores nothing and asks again next time.
NO_PREDICTION: Final[Mapping[str, Any]] = {}


def prediction(config: LabelConfig, findings: Mapping[str, Finding], *, model_version: str) -> dict[str, Any]:
    """Build the prediction of one task.

    Args:
        config: The project's labelling configuration.
        findings: Finding by key of the task data; keys without one leave their controls blank.
        model_version: The string that ``/setup`` returns; Label Studio compares the two.

    Returns:
        ``{"result": [...], "score": ..., "model_version": ...}`` with one result per control that can be filled in.
        The score is that of the least certain result, so that sorting by it finds the doubtful pages; it is None
        where no control could be filled in.

    Raises:
        ImageFaultyError: An answer has a probability that is no number.
    """
    results = [
        _result(binding, answer)
        for binding in config.bindings
        if (answer := _answer(binding, findings)) is not None and answer.label in binding.emits
    ]
    score = min((result["score"] for result in results), default=None)
    return {"result": results, "score": score, "model_version": model_version}


def _answer(binding: Binding, findings: Mapping[str, Finding]) -> Answer | None:
    finding = findings.get(binding.data_key)
    return finding.answers.get(binding.check) if finding else None


def _result(binding: Binding, answer: Answer) -> dict[str, Any]:
    choice = binding.emits[answer.label]
    return {
        "id": uuid.uuid4().hex[:10],
        "from_name": binding.control,
        "to_name": binding.to_name,
        "type": "choices",
        "value": {"choices": [choice]},
        "score": _score(choice, binding, answer),
    }


def _score(choice: str, binding: Binding, answer: Answer) -> float:
    """Probability that the choice is right: a choice may stand for several classes."""
    probability = sum(answer.probabilities[name] for name, emitted in binding.emits.items() if emitted == choice)
    if not math.isfinite(probability):
        raise ImageFaultyError(f"the model gave no usable probability for {answer.check}; check its bundle")
    return round(min(max(probability, 0.0), 1.0), _DIGITS)
