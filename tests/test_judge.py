"""The judge must refuse what Label Studio refuses, or its silence about our predictions means nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.judge import Judge

pytestmark = pytest.mark.integration


def prediction(**changes: Any) -> dict[str, Any]:
    """A valid prediction, with some fields of its first result replaced."""
    result = {
        "id": "a",
        "from_name": "writing_type",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": ["H"]},
    }
    other = {"id": "b", "from_name": "corner", "to_name": "image", "type": "choices", "value": {"choices": ["NC"]}}
    return {"model_version": "v1", "score": 0.5, "result": [{**result, **changes}, other]}


def test_aliases_are_valid(label_studio_judge: Judge, labelling_config: str) -> None:
    assert label_studio_judge.errors(labelling_config, prediction()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"value": {"choices": ["Handwritten"]}},
        {"value": {"choices": []}},
        {"value": {"choices": ["H", "T"]}},
        {"from_name": "corner"},
        {"to_name": "nothing"},
        {"id": "b"},
        {"type": None},
    ],
)
def test_wrong_results_are_refused(label_studio_judge: Judge, labelling_config: str, changes: dict[str, Any]) -> None:
    assert label_studio_judge.errors(labelling_config, prediction(**changes))


@pytest.mark.parametrize("changes", [{"score": 1.5}, {"model_version": None}, {"result": None}])
def test_wrong_predictions_are_refused(
    label_studio_judge: Judge, labelling_config: str, changes: dict[str, Any]
) -> None:
    assert label_studio_judge.errors(labelling_config, {**prediction(), **changes})
