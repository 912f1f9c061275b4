"""Several pages of a task, controls that show where a fault is, and thresholds of controls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagefaulty.checks import CHECKS
from imagefaulty.errors import LabelConfigError
from imagefaulty.evidence import Region
from imagefaulty.finding import Finding, Provenance
from imagefaulty.labelstudio.config import parse_label_config
from imagefaulty.labelstudio.predictions import Findings, prediction
from tests.judge import Judge
from tests.labelstudio.test_predictions import MODEL, answer, finding

IMAGE = '<Image name="image" value="$image"/>'
PAGES = '<Image name="image" valueList="$pages"/>'
LABELS = '<Label value="Post-It"/><Label value="folded corner" alias="fold"/><Label value="stain"/>'
PLACES = (Region((100, 50, 200, 100), None, 0.91234567), Region((900, 1900, 200, 200), None, 0.4))


def view(*controls: str, image: str = IMAGE) -> str:
    return f"<View>{image}{''.join(controls)}</View>"


def choices(name: str, *values: str, more: str = "") -> str:
    inner = "".join(f'<Choice value="{value}"/>' for value in values)
    return f'<Choices name="{name}" toName="image" {more}>{inner}</Choices>'


def corner(more: str = "") -> str:
    return choices("corner", "ok", "folded_corner", more=more)


CORNER = corner()
EMPTY = choices("empty", "ok", "empty")
WRITING = choices("writing_type", "Handwritten", "Typewritten", "Combination")


def marker(kind: str = "RectangleLabels", labels: str = LABELS, more: str = "") -> str:
    return f'<{kind} name="where" toName="image" {more}>{labels}</{kind}>'


def folded(*places: Region) -> Finding:
    """A page of 1000 x 2000 px with a folded corner at these places."""
    plain = finding(writing_type=(0, 0.9), post_it=(0, 0.8), corner=(1, 0.95), empty=(0, 0.99))
    answers = {**plain.answers, "corner": replace(plain.answers["corner"], regions=places)}
    return Finding(Provenance("page", MODEL, original_size=(1000, 2000)), answers)


def predicted(text: str, findings: Findings) -> dict[str, Any]:
    return prediction(parse_label_config(text), findings, model_version="v1")


def chosen(made: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(r["from_name"], *r["value"]["choices"], r.get("item_index")) for r in made["result"]]


def test_rectangles_say_where_in_percent_with_scores(label_studio_judge: Judge) -> None:
    text = view(CORNER, marker())
    made = predicted(text, {"image": folded(*PLACES)})
    assert label_studio_judge.errors(text, made) == []
    first, second = made["result"][1:]
    assert first["value"] == {"x": 10, "y": 2.5, "width": 20, "height": 5, "rotation": 0, "rectanglelabels": ["fold"]}
    assert first["type"] == "rectanglelabels"
    assert (first["score"], first["original_width"], first["original_height"]) == (0.9123, 1000, 2000)
    assert second["value"]["width"] == 10, "what reaches beyond the page is cut off"
    # Places are not calibrated; the score by which tasks are sorted is that of the choices.
    assert made["score"] == 0.95


def test_points_and_brushes_say_where(label_studio_judge: Judge) -> None:
    points = view(CORNER, marker("KeyPointLabels"))
    made = predicted(points, {"image": folded(*PLACES)})
    assert label_studio_judge.errors(points, made) == []
    assert made["result"][1]["value"] == {"x": 20, "y": 5, "width": 1, "keypointlabels": ["fold"]}
    brushes = view(CORNER, marker("BrushLabels"))
    made = predicted(brushes, {"image": folded(*PLACES)})
    assert label_studio_judge.errors(brushes, made) == []
    assert [(r["type"], r["value"].get("format")) for r in made["result"]] == [
        ("choices", None),
        ("brushlabels", "rle"),
    ]


def test_places_are_shown_only_where_there_is_a_control_for_them() -> None:
    assert [r["type"] for r in predicted(view(CORNER), {"image": folded(*PLACES)})["result"]] == ["choices"]
    notes_only = view(CORNER, marker(labels='<Label value="post-it"/>'))
    assert [r["type"] for r in predicted(notes_only, {"image": folded(*PLACES)})["result"]] == ["choices"]


@pytest.mark.parametrize(
    "labels",
    [
        '<Label value="C"/>',
        '<Label value="corner"/>',
        '<Label value="geknickt" alias="FOLDED CORNER"/>',
        '<Label value="Eselsohr" check="corner"/>',
        '<Label value="Eselsohr" predicted_values="dog-ear"/>',
    ],
)
def test_labels_are_matched_by_meaning(labels: str) -> None:
    made = predicted(view(marker(labels=labels)), {"image": folded(*PLACES)})
    assert len(made["result"]) == 2
    assert made["score"] == 0.95, "without choices, the checks that could be shown count"


@pytest.mark.parametrize(
    ("control", "reason"),
    [
        (marker(labels='<Label value="stain"/>'), "no label that names a fault"),
        (marker(labels='<Label value="fold"/><Label value="torn"/>'), "several labels for corner"),
        (marker(more='check="writing_type"'), "no check with a fault"),
        (marker(more='check="korner"', labels='<Label value="x"/>'), "no check with a fault"),
        (marker().replace('toName="image"', 'toName="text"'), "names no Image tag"),
        (marker(more='model_score_threshold="high"'), "a number from 0 to 1"),
    ],
)
def test_a_control_for_places_that_cannot_be_used_is_skipped_with_a_reason(control: str, reason: str) -> None:
    config = parse_label_config(view(CORNER, control))
    assert config.markers == ()
    assert reason in str(config.notes[0])
    with pytest.raises(LabelConfigError, match=reason):
        parse_label_config(view(control))


def test_a_threshold_leaves_doubtful_answers_blank_and_the_page_doubtful(label_studio_judge: Judge) -> None:
    text = view(corner('model_score_threshold="0.8"'))
    sure, doubtful = (predicted(text, {"image": finding(corner=(1, p))}) for p in (0.8, 0.79))
    assert len(sure["result"]) == 1
    assert doubtful["result"] == []
    assert doubtful["score"] == 0.79
    assert label_studio_judge.errors(text, doubtful) == []
    faint = predicted(view(marker(more='model_score_threshold="0.5"')), {"image": folded(*PLACES)})
    assert len(faint["result"]) == 1


@pytest.mark.parametrize("value", ["", "1.1", "-1", "nan", "half"])
def test_a_threshold_that_is_none_is_told(value: str) -> None:
    text = view(
        corner(f'model_score_threshold="{value}"'),
        EMPTY,
    )
    config = parse_label_config(text)
    assert [binding.check for binding in config.bindings] == (["corner", "empty"] if not value else ["empty"])


@pytest.mark.parametrize("choice", ["single", "single-radio", "multiple"])
def test_every_kind_of_choice_gets_one_choice(choice: str, label_studio_judge: Judge) -> None:
    text = view(corner(f'choice="{choice}"'))
    made = predicted(text, {"image": finding(corner=(1, 0.9))})
    assert made["result"][0]["value"] == {"choices": ["folded_corner"]}
    assert label_studio_judge.errors(text, made) == []


def test_each_page_of_a_list_is_answered_for_itself(label_studio_judge: Judge) -> None:
    text = view(corner('perItem="true"'), marker(), image=PAGES)
    made = predicted(text, {"pages": [finding(corner=(0, 0.7)), None, folded(*PLACES)]})
    assert label_studio_judge.errors(text, made) == []
    assert chosen({"result": made["result"][:2]}) == [("corner", "ok", 0), ("corner", "folded_corner", 2)]
    assert [r["item_index"] for r in made["result"][2:]] == [2, 2]
    assert made["score"] == 0.7


def test_a_control_about_all_pages_is_answered_once() -> None:
    text = view(CORNER, EMPTY, image=PAGES)
    pages = [finding(corner=(0, 0.9), empty=(1, 0.9)), finding(corner=(1, 0.6), empty=(0, 0.8))]
    assert chosen(predicted(text, {"pages": pages})) == [("corner", "folded_corner", None), ("empty", "ok", None)]
    clean = [finding(corner=(0, p), empty=(1, p)) for p in (0.9, 0.7)]
    made = predicted(text, {"pages": clean})
    assert chosen(made) == [("corner", "ok", None), ("empty", "empty", None)]
    assert made["score"] == 0.7


@pytest.mark.parametrize(
    ("pages", "label", "score"),
    [
        ([(0, 0.9), (0, 0.8)], "Handwritten", 0.8),
        ([(1, 0.9), (1, 0.95)], "Typewritten", 0.9),
        ([(0, 0.9), (1, 0.9)], "Combination", 0.9),
        ([(0, 0.9), (2, 0.8)], "Combination", 0.85),
    ],
)
def test_pages_by_several_hands_are_a_combination(pages: list[tuple[int, float]], label: str, score: float) -> None:
    text = view(WRITING, image=PAGES)
    made = predicted(text, {"pages": [finding(writing_type=each) for each in pages]})
    assert chosen(made) == [("writing_type", label, None)]
    assert made["score"] == pytest.approx(score, abs=1e-4)


def test_an_empty_page_says_nothing_about_the_writing() -> None:
    text = view(WRITING, image=PAGES)
    pages = [finding(writing_type=(0, 0.9), empty=(0, 0.9)), finding(writing_type=(1, 0.9), empty=(1, 0.9))]
    assert chosen(predicted(text, {"pages": pages})) == [("writing_type", "Handwritten", None)]
    assert chosen(predicted(text, {"pages": pages[1:]})) == [("writing_type", "Typewritten", None)]


def test_no_pages_leave_the_control_blank() -> None:
    assert predicted(view(CORNER, marker(), image=PAGES), {"pages": []})["result"] == []


CONTROLS = st.lists(
    st.sampled_from(
        [
            corner('perItem="true" choice="multiple"'),
            corner('model_score_threshold="0.6" choice="single-radio"'),
            choices("q", "blank", "ok", more='check="empty"'),
            choices("writing_type", "T", "H", more='perItem="true"'),
            choices("sex", "a"),
            *(marker(kind).replace("where", kind) for kind in ("RectangleLabels", "KeyPointLabels", "BrushLabels")),
        ]
    ),
    unique=True,
    min_size=1,
)
BOXES = st.tuples(*[st.integers(-50, 120)] * 2, *[st.integers(0, 200)] * 2)
SIZES = st.tuples(st.integers(0, 100), st.integers(0, 100))


@st.composite
def any_finding(draw: st.DrawFn) -> Finding:
    answers = {}
    for check in draw(st.lists(st.sampled_from(CHECKS), unique=True)):
        code = draw(st.integers(0, len(check.classes) - 1))
        given_answer = answer(check, code, draw(st.floats(1 / len(check.classes), 1)))
        places = [Region(box, None, draw(st.floats(0, 1))) for box in draw(st.lists(BOXES, max_size=3))]
        answers[check.name] = replace(given_answer, regions=tuple(places))
    return Finding(Provenance("page", MODEL, original_size=draw(SIZES)), answers)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(CONTROLS, st.lists(st.none() | any_finding(), max_size=4), st.booleans())
def test_label_studio_accepts_whatever_is_found(
    label_studio_judge: Judge, controls: list[str], pages: list[Finding | None], listed: bool
) -> None:
    text = view(*controls, image=PAGES if listed else IMAGE)
    try:
        config = parse_label_config(text)
    except LabelConfigError:
        return
    made = prediction(config, {"pages": pages} if listed else {"image": pages[:1]}, model_version="v1")
    assert label_studio_judge.errors(text, made) == []
    assert made["score"] is None or 0 <= made["score"] <= 1
    for result in made["result"]:
        assert 0 <= result["score"] <= 1
        assert listed or "item_index" not in result
        for side in ("x", "y", "width", "height"):
            assert 0 <= result["value"].get(side, 0) <= 100
