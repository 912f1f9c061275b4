from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagefaulty.customising import Customisation
from imagefaulty.service.answers import flaw
from tests.judge import Judge
from tests.service.conftest import OpenClient, data_uri, picture, task

RESULT = {"id": "a", "from_name": "empty", "to_name": "image", "type": "choices", "value": {"choices": ["E"]}}
GOOD = {"result": [RESULT | {"score": 0.9}], "score": 0.5, "model_version": "v1"}
WHITE = data_uri(picture())


def test_no_prediction_and_a_whole_one_are_right() -> None:
    assert flaw({}, "v1") == ""
    assert flaw(GOOD, "v1") == ""
    assert flaw(GOOD | {"score": None, "result": []}, "v1") == ""


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (None, "is NoneType, not a dict"),
        ([GOOD], "is list"),
        ("H", "is str"),
        (GOOD | {"result": None}, "no list 'result'"),
        (GOOD | {"result": {"choices": ["H"]}}, "no list 'result'"),
        (GOOD | {"score": "high"}, "score"),
        (GOOD | {"score": 1.5}, "score"),
        (GOOD | {"score": float("nan")}, "score"),
        (GOOD | {"score": True}, "score"),
        (GOOD | {"model_version": None}, "model_version"),
        (GOOD | {"model_version": "v2"}, "model_version"),
        (GOOD | {"result": [None]}, "is no dict"),
        (GOOD | {"result": [RESULT | {"type": None}]}, "no type"),
        (GOOD | {"result": [RESULT | {"id": ""}]}, "no id"),
        (GOOD | {"result": [RESULT | {"value": ["E"]}]}, "no dict 'value'"),
        (GOOD | {"result": [RESULT | {"score": -1}]}, "score"),
        (GOOD | {"meta": {1, 2}}, "JSON"),
        (GOOD | {"meta": float("inf")}, "JSON"),
    ],
)
def test_what_would_hurt_label_studio_is_named(made: Any, reason: str) -> None:
    assert reason in flaw(made, "v1")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, *RESULT]), inner, max_size=4),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from([*GOOD]), ANYTHING, max_size=3),
    st.dictionaries(st.sampled_from([*RESULT]), ANYTHING),
)
def test_what_passes_has_the_protocols_shape(outer: dict[str, Any], inner: dict[str, Any]) -> None:
    made: dict[str, Any] = GOOD | {"result": [RESULT | inner]} | outer
    if flaw(made, "v1"):
        return
    assert made["model_version"] == "v1"
    assert made["score"] is None or 0 <= made["score"] <= 1
    for result in made["result"]:
        assert all(result[key] and isinstance(result[key], str) for key in ("id", "from_name", "to_name", "type"))


@pytest.mark.parametrize("broken", [None, [], {"result": None}, GOOD, {"result": [], "score": float("nan")}, 3])
def test_a_hook_that_returns_nonsense_costs_one_task(
    open_client: OpenClient, labelling_config: str, label_studio_judge: Judge, broken: Any
) -> None:
    class Nonsense(Customisation):
        calls = 0

        def finish(self, prediction: dict[str, Any], findings: Any) -> Any:  # noqa: ARG002 - the hook's signature
            self.calls += 1
            return broken if self.calls == 1 else prediction

    with open_client(threads=1, fetches=1, customisation=Nonsense()) as client:
        request = {"tasks": [task(n, WHITE) for n in range(2)], "project": "2", "label_config": labelling_config}
        reply = client.post("/predict", json=request).json()
    assert sorted(bool(result) for result in reply["results"]) == [False, True]
    assert "finish()" in reply["errors"][0]["message"]
    for result in filter(None, reply["results"]):
        assert label_studio_judge.errors(labelling_config, result) == []
