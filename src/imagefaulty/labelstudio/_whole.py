"""The pages of a task answered as one, for controls that ask about all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from imagefaulty.checks import CHECKS, EMPTY, WRITING_TYPE, CheckName
from imagefaulty.finding import Answer, Finding

_HAND, _MACHINE, _BOTH = WRITING_TYPE.class_names
_FAULTS: Final[Mapping[CheckName, str]] = {check.name: check.fault for check in CHECKS if check.fault}


def whole_answer(check: CheckName, pages: Sequence[Finding]) -> Answer | None:
    """Return the answer to a check for pages that belong together; None if no page has one.

    They have a fault if one of them has, so the page that speaks most for it decides; they are empty if all are. They
    are written by hand, or by machine, if all that are not empty are, and both otherwise. For checks of somebody's
    own, the least certain page decides.
    """
    answers = [finding.answers[check] for finding in pages if check in finding.answers]
    if len(answers) < 2:  # noqa: PLR2004 - one page speaks for itself
        return answers[0] if answers else None
    if check == WRITING_TYPE.name:
        return _writing([finding for finding in pages if check in finding.answers])
    if check == EMPTY.name:
        return min(answers, key=_fault_probability)
    if check in _FAULTS:
        return max(answers, key=_fault_probability)
    return min(answers, key=lambda answer: answer.confidence)


def _fault_probability(answer: Answer) -> float:
    return answer.probabilities[_FAULTS[answer.check]]


def _writing(pages: Sequence[Finding]) -> Answer:
    written = [page for page in pages if not _is_empty(page)] or pages
    answers = [page.answers[WRITING_TYPE.name] for page in written]
    hand, machine = (min(answer.probabilities[name] for answer in answers) for name in (_HAND, _MACHINE))
    # Two minima of one distribution add up to at most 1.
    chances = {_HAND: hand, _MACHINE: machine, _BOTH: max(0.0, 1.0 - hand - machine)}
    label = max(chances, key=lambda name: chances[name])
    return replace(answers[0], label=label, code=WRITING_TYPE.code(label), probabilities=chances, regions=())


def _is_empty(page: Finding) -> bool:
    answer = page.answers.get(EMPTY.name)
    return answer is not None and answer.label == EMPTY.fault
