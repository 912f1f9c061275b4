"""Findings + bindings → a prediction in Label Studio's form."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from imagefaulty.errors import ImageFaultyError
from imagefaulty.evidence import Region
from imagefaulty.finding import Answer, Finding
from imagefaulty.labelstudio._brush import brush
from imagefaulty.labelstudio._whole import whole_answer
from imagefaulty.labelstudio.config import Binding, LabelConfig, Marker

# Label Studio shows percent with two decimals.
_DIGITS: Final = 4
# A dot of one percent of the page's width is seen and hides little.
_DOT_PERCENT: Final = 1

#: The entry of a task for which there is no prediction: Label Studio stores nothing and asks again next time.
NO_PREDICTION: Final[Mapping[str, Any]] = {}

#: Finding, or findings of a list of pages (None where a page is missing), by key of the task's data.
Findings: TypeAlias = Mapping[str, Finding | Sequence[Finding | None]]


def prediction(config: LabelConfig, findings: Findings, *, model_version: str) -> dict[str, Any]:
    """Build the prediction of one task.

    Args:
        config: The project's labelling configuration.
        findings: Findings by key of the task data; keys without one leave their controls blank.
        model_version: The string that ``/setup`` returns; Label Studio compares the two.

    Returns:
        ``{"result": [...], "score": ..., "model_version": ...}`` with one result per control that can be filled in,
        and one per place where there is a control for places. The score is that of the least certain answer, those
        that a control's threshold keeps blank included, so that sorting by it finds the doubtful pages; it is None
        where no control could be filled in.

    Raises:
        ImageFaultyError: An answer has a probability that is no number.
    """
    pages = {key: (found,) if isinstance(found, Finding) else tuple(found) for key, found in findings.items()}
    results: list[dict[str, Any]] = []
    scores: list[float] = []
    for binding in config.bindings:
        for index, answer in _answers(binding, pages.get(binding.data_key, ())):
            if answer.label not in binding.emits:
                continue
            score = _score(binding, answer)
            scores.append(score)
            if score >= binding.threshold:
                results.append(_result(binding, answer, score, index))
    for marker in config.markers:
        for index, finding in enumerate(pages.get(marker.picture.data_key, ())):
            if finding is not None:
                results += _places(marker, finding, index if marker.picture.listed else None)
                scores += () if config.bindings else _certainties(marker, finding)
    return {"result": results, "score": min(scores, default=None), "model_version": model_version}


def _answers(binding: Binding, pages: Sequence[Finding | None]) -> Iterator[tuple[int | None, Answer]]:
    """Yield what a control shows, with the page's place in the list where each page is answered for itself."""
    if binding.per_page:
        for index, finding in enumerate(pages):
            if finding is not None and (answer := finding.answers.get(binding.check)):
                yield index, answer
    elif answer := whole_answer(binding.check, [finding for finding in pages if finding is not None]):
        yield None, answer


def _result(binding: Binding, answer: Answer, score: float, index: int | None) -> dict[str, Any]:
    value = {"choices": [binding.emits[answer.label]]}
    return _region(binding, "choices", value, score, index)


def _region(
    control: Binding | Marker, kind: str, value: Mapping[str, Any], score: float, index: int | None
) -> dict[str, Any]:
    return {
        "id": uuid.uuid4().hex[:10],
        "from_name": control.control,
        "to_name": control.picture.name,
        "type": kind,
        "value": value,
        "score": score,
        **({} if index is None else {"item_index": index}),
    }


def _score(binding: Binding, answer: Answer) -> float:
    """Probability that the choice is right: a choice may stand for several classes."""
    choice = binding.emits[answer.label]
    return _unit(
        sum(answer.probabilities[name] for name, emitted in binding.emits.items() if emitted == choice), answer
    )


def _certainties(marker: Marker, finding: Finding) -> Iterator[float]:
    for check in marker.emits:
        if answer := finding.answers.get(check):
            yield _unit(answer.confidence, answer)


def _unit(value: float, answer: Answer) -> float:
    """Return a probability as a plain number from 0 to 1, rounded."""
    if not math.isfinite(value):
        raise ImageFaultyError(f"the model gave no usable probability for {answer.check}; check its bundle")
    return round(min(max(float(value), 0.0), 1.0), _DIGITS)


def _places(marker: Marker, finding: Finding, index: int | None) -> Iterator[dict[str, Any]]:
    """Yield a result for each place that speaks for a fault; for a brush, one that covers them all."""
    width, height = size = finding.provenance.original_size
    if width <= 0 or height <= 0:
        return
    for check, label in marker.emits.items():
        answer = finding.answers.get(check)
        if answer is None:
            continue
        shown = [region for region in answer.regions if region.score >= marker.threshold]
        for group in [shown] if marker.kind == "brushlabels" and shown else [[region] for region in shown]:
            value = {**_shape(marker, group, size), marker.kind: [label]}
            score = _unit(max(region.score for region in group), answer)
            place = _region(marker, marker.kind, value, score, index)
            yield place | {"original_width": width, "original_height": height, "image_rotation": 0}


def _shape(marker: Marker, regions: Sequence[Region], size: tuple[int, int]) -> dict[str, Any]:
    if marker.kind == "brushlabels":
        return {"format": "rle", "rle": brush(regions, size)}
    x, y, width, height = _percent(regions[0], size)
    if marker.kind == "keypointlabels":
        return {"x": round(x + width / 2, _DIGITS), "y": round(y + height / 2, _DIGITS), "width": _DOT_PERCENT}
    return {"x": x, "y": y, "width": width, "height": height, "rotation": 0}


def _percent(region: Region, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return a region's box in percent of the page, cut off at its edge."""
    x, y, across, down = region.box
    left, right = (min(max(100 * side / size[0], 0.0), 100.0) for side in (x, x + across))
    top, bottom = (min(max(100 * side / size[1], 0.0), 100.0) for side in (y, y + down))
    return round(left, _DIGITS), round(top, _DIGITS), round(right - left, _DIGITS), round(bottom - top, _DIGITS)
