"""Drawn pages are judged by kind, and by what is found at a share of false alarms."""

from __future__ import annotations

from imagefaulty.checks import CORNER
from imagefaulty.training.drawn_figures import DrawnFigures, DrawnPage, drawn_figures_of
from imagefaulty.training.figures import Share


def page(kind: str, score: float, *, label: str | None = None, hit: bool | None = None) -> DrawnPage:
    fault = kind in {"fold-over", "rip"}
    return DrawnPage(
        kind=kind,
        recipe=kind,
        base="pages/1.webp",
        labels={"corner": label or ("folded_corner" if fault else "ok")},
        probabilities={"corner": {"ok": 1 - score, "folded_corner": score}},
        places={} if hit is None else {"corner": ((hit, 0.5),)},
    )


def figures(pages: list[DrawnPage]) -> DrawnFigures:
    found = drawn_figures_of(CORNER, pages, fault_kinds=("fold-over", "rip"), sound_kinds=("clean", "stamp"))
    assert found
    return found


def test_found_share_is_given_by_kind_the_least_found_first() -> None:
    found = figures([page("fold-over", 0.9), page("fold-over", 0.8), page("rip", 0.1), page("rip", 0.7)])
    assert [(each.kind, each.called) for each in found.faults] == [("rip", Share(1, 2)), ("fold-over", Share(2, 2))]
    assert found.found == Share(3, 4)


def test_one_false_alarm_in_two_hundred_is_half_a_per_cent() -> None:
    sound = [page("clean", 0.95), page("stamp", 0.6), *(page("clean", number / 1000) for number in range(198))]
    found = figures([*sound, page("rip", 0.7), page("rip", 0.5)])
    at = {each.allowed: each for each in found.trade_offs}
    assert (at[0.005].false_alarms, at[0.005].found) == (Share(1, 200), Share(1, 2))
    assert (at[0.001].false_alarms, at[0.001].found) == (Share(0, 200), Share(0, 2))
    assert 0.6 < at[0.005].score < 0.6001
    assert found.faults[0].called_strict == Share(1, 2)


def test_false_alarms_are_given_by_what_was_harmless() -> None:
    found = figures([page("rip", 0.9), page("clean", 0.1), page("stamp", 0.8)])
    assert [(each.kind, each.called) for each in found.sound] == [("stamp", Share(1, 1)), ("clean", Share(0, 1))]
    assert found.false_alarms == Share(1, 2)


def test_boxes_are_judged_where_something_has_a_place() -> None:
    [kind] = figures([page("rip", 0.9, hit=True), page("rip", 0.1, hit=False)]).faults
    assert (kind.pointed, kind.overlap) == (Share(1, 2), 0.5)


def test_pages_whose_truth_is_not_known_are_left_out() -> None:
    found = figures([page("rip", 0.9), page("clean", 0.9, label="folded_corner")])
    assert found.false_alarms == Share(0, 0)


def test_there_are_no_figures_without_faults() -> None:
    assert drawn_figures_of(CORNER, [page("clean", 0.1)], fault_kinds=("rip",), sound_kinds=("clean",)) is None
