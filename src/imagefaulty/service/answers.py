"""The last look at a prediction before it is sent: one wrong entry costs Label Studio's whole batch."""

from __future__ import annotations

import math
from typing import Any

from imagefaulty.service.bodies import dump


def flaw(made: object, model_version: str) -> str:
    """Return what is wrong with a prediction, "" if nothing is; ``{}``, no prediction, is right.

    Args:
        made: What is to be sent for one task.
        model_version: The version that ``/setup`` tells.
    """
    if made == {}:
        return ""
    if not isinstance(made, dict):
        return f"is {type(made).__name__}, not a dict"
    results = made.get("result")
    if not isinstance(results, list):
        return "has no list 'result'"
    if made.get("model_version") != model_version:
        return "has another model_version; change Customisation.version instead"
    if not _is_score(made.get("score")):
        return "has a score that is no number from 0 to 1"
    flaws = (f"has a result that {reason}" for result in results if (reason := _flaw_of_result(result)))
    return next(flaws, "" if _is_json(made) else "holds what JSON cannot")


def _is_json(value: object) -> bool:
    try:
        dump(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _flaw_of_result(result: Any) -> str:  # noqa: ANN401 - whatever somebody's hook made
    if not isinstance(result, dict):
        return "is no dict"
    # The labelling page breaks on a result without type.
    missing = [key for key in ("id", "from_name", "to_name", "type") if not _is_text(result.get(key))]
    if missing:
        return f"has no {missing[0]}"
    if not isinstance(result.get("value"), dict):
        return "has no dict 'value'"
    return "" if _is_score(result.get("score")) else "has a score that is no number from 0 to 1"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_score(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1
