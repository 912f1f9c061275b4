"""Ways of making a network are told apart, and changed as a whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imagefaulty.errors import SettingsError
from imagefaulty.training.recipe import RECIPE, FitSettings, Recipe


def test_recipes_are_told_apart_by_their_fits() -> None:
    one, other = FitSettings(), FitSettings(epochs=3)
    recipes = [Recipe((one,)), Recipe((other,)), Recipe((one, other)), Recipe((other, one))]
    assert len({recipe.digest for recipe in recipes}) == len(recipes)


def test_changes_reach_every_fit() -> None:
    changed = Recipe((FitSettings(), FitSettings(batch=4))).changed(seed=5, epochs=2, watched=0.1)
    assert [(each.seed, each.epochs, each.watched, each.batch) for each in changed.fits] == [
        (5, 2, 0.1, 16),
        (5, 2, 0.1, 4),
    ]


def test_changes_reach_further_fits_but_for_their_epochs() -> None:
    changed = Recipe((FitSettings(then=FitSettings(epochs=2)),)).changed(seed=5, epochs=4, watched=0.1)
    assert [(each.seed, each.epochs, each.watched) for each in changed.fits[0].stages] == [(5, 4, 0.1), (5, 2, 0.1)]


def test_recipe_stays_as_it_is_where_nothing_is_asked() -> None:
    assert RECIPE.changed(seed=0) == RECIPE


@pytest.mark.parametrize("fits", [(), (FitSettings(), FitSettings(seed=1))])
def test_fits_of_which_the_mean_is_kept_begin_alike(fits: tuple[FitSettings, ...]) -> None:
    with pytest.raises(SettingsError, match="the same seed for all"):
        Recipe(fits)


def test_further_fit_has_stages_that_are_kept_apart() -> None:
    first, second = FitSettings(left_out=("till-slip",)), FitSettings(epochs=2, rate=6e-4)
    both = replace(first, then=second)
    assert both.stages == (first, second)
    assert len({both.digest, first.digest, second.digest}) == 3
