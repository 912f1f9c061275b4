import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagefaulty.checks import CHECKS, Check
from imagefaulty.errors import ImageFaultyError
from imagefaulty.finding import Answer, Finding, Model, Provenance
from imagefaulty.labelstudio.config import parse_label_config
from imagefaulty.labelstudio.predictions import prediction
from tests.judge import Judge

MODEL = Model("tiny", "1", "0" * 64, "balanced", {}, "1.0")


def answer(check: Check, code: int, confidence: float) -> Answer:
    rest = (1 - confidence) / (len(check.classes) - 1)
    names = check.class_names
    probabilities = {name: confidence if position == code else rest for position, name in enumerate(names)}
    return Answer(check.name, names[code], code, probabilities, "look")


def finding(**codes: tuple[int, float]) -> Finding:
    answers = {check.name: answer(check, *codes[check.name]) for check in CHECKS if check.name in codes}
    return Finding(Provenance("page", MODEL), answers)


FOUND = finding(writing_type=(0, 0.93), post_it=(0, 0.88), corner=(1, 0.71234567), empty=(0, 1.0))


def test_four_results_with_aliases_and_the_least_certain_score(labelling_config: str) -> None:
    made = prediction(parse_label_config(labelling_config), {"image": FOUND}, model_version="v1")
    assert [(r["from_name"], r["value"]["choices"], r["score"]) for r in made["result"]] == [
        ("writing_type", ["H"], 0.93),
        ("post_it", ["NP"], 0.88),
        ("corner", ["C"], 0.7123),
        ("empty", ["NE"], 1.0),
    ]
    assert made["score"] == 0.7123
    assert made["model_version"] == "v1"
    assert {(r["type"], r["to_name"]) for r in made["result"]} == {("choices", "image")}
    assert len({r["id"] for r in made["result"]}) == 4


def test_label_studio_accepts_every_combination(labelling_config: str, label_studio_judge: Judge) -> None:
    config = parse_label_config(labelling_config)
    for number in range(24):
        codes = (number % 3, number // 3 % 2, number // 6 % 2, number // 12)
        found = finding(**{check.name: (code, 0.5 + number / 50) for check, code in zip(CHECKS, codes, strict=True)})
        assert (
            label_studio_judge.errors(labelling_config, prediction(config, {"image": found}, model_version="v1")) == []
        )


def test_a_check_that_was_not_answered_leaves_its_control_blank(labelling_config: str) -> None:
    made = prediction(parse_label_config(labelling_config), {"image": finding(empty=(1, 0.8))}, model_version="v1")
    assert [(r["from_name"], r["value"]["choices"]) for r in made["result"]] == [("empty", ["E"])]
    assert made["score"] == 0.8


def test_a_class_without_choice_leaves_its_control_blank() -> None:
    text = (
        '<View><Image name="i" value="$i"/><Choices name="corner" toName="i"><Choice value="folded_corner"/></Choices>'
        "</View>"
    )
    made = prediction(parse_label_config(text), {"i": finding(corner=(0, 0.9))}, model_version="v1")
    assert made == {"result": [], "score": None, "model_version": "v1"}


def test_a_choice_for_two_classes_scores_both() -> None:
    text = (
        '<View><Image name="i" value="$i"/><Choices name="writing_type" toName="i">'
        '<Choice value="hand" predicted_values="Handwritten,Combination"/><Choice value="Typewritten"/>'
        "</Choices></View>"
    )
    made = prediction(parse_label_config(text), {"i": finding(writing_type=(0, 0.5))}, model_version="v1")
    assert made["result"][0]["value"] == {"choices": ["hand"]}
    assert made["score"] == 0.75


def test_each_image_answers_for_its_own_controls() -> None:
    text = (
        '<View><Image name="a" value="$recto"/><Image name="b" value="$verso"/>'
        '<Choices name="front" check="empty" toName="a"><Choice value="ok"/><Choice value="empty"/></Choices>'
        '<Choices name="back" check="empty" toName="b"><Choice value="ok"/><Choice value="empty"/></Choices></View>'
    )
    found = {"recto": finding(empty=(0, 0.9)), "verso": finding(empty=(1, 0.8))}
    made = prediction(parse_label_config(text), found, model_version="v1")
    assert [(r["from_name"], r["to_name"], r["value"]["choices"]) for r in made["result"]] == [
        ("front", "a", ["ok"]),
        ("back", "b", ["empty"]),
    ]


@given(st.lists(st.floats(), min_size=2, max_size=2))
def test_a_score_is_a_number_from_0_to_1_or_an_error(values: list[float]) -> None:
    text = (
        '<View><Image name="i" value="$i"/>'
        '<Choices name="empty" toName="i"><Choice value="ok"/><Choice value="empty"/></Choices></View>'
    )
    good = finding(empty=(0, 0.9))
    broken = replace(good.answers["empty"], probabilities=dict(zip(("ok", "empty"), values, strict=True)))
    try:
        made: dict[str, Any] = prediction(
            parse_label_config(text), {"i": replace(good, answers={"empty": broken})}, model_version="v1"
        )
    except ImageFaultyError:
        assert not math.isfinite(values[0])
    else:
        assert 0 <= made["score"] <= 1


def test_a_probability_that_is_no_number_is_an_error(labelling_config: str) -> None:
    answers = {"empty": replace(FOUND.answers["empty"], probabilities={"ok": math.nan, "empty": 0.0})}
    with pytest.raises(ImageFaultyError, match="empty"):
        prediction(
            parse_label_config(labelling_config),
            {"image": Finding(FOUND.provenance, answers)},
            model_version="v1",
        )
