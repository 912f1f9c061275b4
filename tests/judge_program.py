"""Runs in the Label Studio environment: reads questions from stdin, one JSON object a line, and answers each.

``validate_prediction`` forgets four things, which are checked here as well: one result per control, exactly one
choice in each, unique ids, a model version that is text.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from functools import lru_cache
from typing import Any

from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import PredictionValue


@lru_cache(maxsize=64)
def interface(config: str) -> Any:
    """The SDK's reading of a labelling configuration."""
    return LabelInterface(config)


def forgotten(prediction: dict[str, Any]) -> list[str]:
    """Faults that the SDK lets pass."""
    results = prediction.get("result", [])
    errors = []
    ids = Counter(result.get("id") for result in results)
    errors += [f"id {value!r} occurs {n} times" for value, n in ids.items() if n > 1 or value is None]
    # A control for places may have several results, one for choices has one, or one for each page of a list.
    choices = [result for result in results if result.get("type") == "choices"]
    controls = Counter((result.get("from_name"), result.get("item_index")) for result in choices)
    errors += [f"from_name {name!r} occurs {n} times" for (name, _), n in controls.items() if n > 1 or name is None]
    for result in results:
        choices = result.get("value", {}).get("choices", [])
        if result.get("type") == "choices" and len(choices) != 1:
            errors.append(f"{result.get('from_name')} has {len(choices)} choices")
    version = prediction.get("model_version")
    if not isinstance(version, str) or not version:
        errors.append(f"model_version is {version!r}")
    return errors


def errors(config: str, prediction: dict[str, Any]) -> list[str]:
    """All faults of a prediction."""
    fields = {key: prediction[key] for key in ("model_version", "score", "result") if key in prediction}
    checked = PredictionValue(**fields).model_dump()
    return [*interface(config).validate_prediction(checked, return_errors=True), *forgotten(prediction)]


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        question = json.loads(line)
        try:
            found = errors(question["config"], question["prediction"])
        except Exception as error:  # noqa: BLE001  whatever the SDK raises about a prediction is its verdict
            found = [f"{type(error).__name__}: {error}"]
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
