"""How networks are fitted: settings of one fit, and which fits make the embedded model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Final

from imagefaulty.errors import SettingsError

#: Channels that blocks 0 to 5 (the stem) and 6 to 14 (the trunk) keep inside, by the sixteen that kernels take at a
#: time. The first block keeps all, for 24 take longer (docs/decisions/024); each of the trunk loses a hundredth or two
#: of what it gives (021).
STEM_WIDTHS: Final = (32, 48, 96, 96, 160, 144)
TRUNK_WIDTHS: Final = (400, 400, 400, 528, 464, 496, 800, 608, 528)


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How one network is fitted.

    Attributes:
        epochs: How many epochs. An epoch ends with a look at the validation pages.
        epoch_samples: Samples drawn in one epoch.
        batch: Samples per step.
        rate: Highest learning rate of the one-cycle schedule, for the heads.
        trunk_rate: That of the trunk as a share of it: the heads begin with random weights, the trunk does not.
        decay: Weight decay.
        average: Decay per step of the moving average of the weights, which is what is kept.
        restyled: In which share of the steps pages exchange their looks.
        style_mix: How evenly two looks are mixed, see :func:`imagefaulty.training.batches.restyled`.
        patched: In which share of the steps pages get a part of another page.
        noise: How much noise maps get, see :func:`imagefaulty.training.batches.noisy`.
        cell_weight: How much the marks per cell count beside the answers per page.
        patience: Stop after so many epochs without a better loss on the validation pages.
        watched: The most that validation pages take of the pages of any class, see
            :func:`imagefaulty.training.splits.validation_groups`; with 0 there are none, and no fit stops early.
        left_out: Kinds of samples that the fit does not see.
        favoured: Kinds of samples that it sees more often than others.
        favour: How many times as often.
        seed: Seed of initial weights, and with ``order`` of what is drawn in which step.
        order: Fits with the same seed and other numbers here begin with the same weights and see other samples.
        then: A further fit that goes on with the network of this one, if any.
    """

    epochs: int = 7
    epoch_samples: int = 2_400
    batch: int = 16
    rate: float = 2e-3
    trunk_rate: float = 0.15
    decay: float = 0.02
    average: float = 0.996
    restyled: float = 0.5
    style_mix: float = 0.3
    patched: float = 0.0
    noise: float = 0.1
    cell_weight: float = 0.5
    patience: int = 4
    watched: float = 0.08
    left_out: tuple[str, ...] = ()
    favoured: tuple[str, ...] = ()
    favour: float = 1.0
    seed: int = 0
    order: int = 0
    then: FitSettings | None = None

    @property
    def stages(self) -> tuple[FitSettings, ...]:
        """This fit alone, and those that follow it."""
        return replace(self, then=None), *(self.then.stages if self.then else ())

    @property
    def digest(self) -> str:
        """Tells fits with other settings apart."""
        return digest_of(self)


def digest_of(settings: object) -> str:
    """Return a few letters that tell settings from others."""
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Teaching:
    """How a thin stem is taught the maps of the whole one, see :mod:`imagefaulty.training.teaching`.

    Attributes:
        steps: How many steps.
        batch: Pages per step.
        rate: Highest step of the one-cycle schedule, as a share of the size of a layer's weights.
        seed: Seed of what is drawn in which step.
    """

    steps: int = 1_500
    batch: int = 4
    rate: float = 0.002
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is made.

    Attributes:
        widths: How many channels each block of the trunk keeps inside, see :mod:`imagefaulty.training.thinning`.
        fits: One fit, or several of which the mean is taken (Wortsman et al., "Model soups", ICML 2022). All begin with
            the same weights. The mean may err less than each or more: measure it (docs/decisions/010 and 015).
        teaching: How the thin stem is taught; None if it is not.
        before: Digest of the networks of an earlier model that are taken over; empty where networks are fitted.
        further: A fit that such networks go through: the mean of what each was and became is taken. None leaves them as
            they are.

    Raises:
        SettingsError: There is no fit, or not all have the same seed.
    """

    fits: tuple[FitSettings, ...]
    widths: tuple[int, ...] = TRUNK_WIDTHS
    teaching: Teaching | None = None
    before: str = ""
    further: FitSettings | None = None

    def __post_init__(self) -> None:
        if len({settings.seed for settings in self.fits}) != 1:
            raise SettingsError(
                "a recipe needs at least one fit, and the same seed for all, or their mean is no network"
            )

    @property
    def digest(self) -> str:
        """Tells networks made in other ways apart."""
        if self.before:
            return "-".join([self.before, *([self.further.digest] if self.further else [])])
        return "-".join([*(settings.digest for settings in self.fits), digest_of(self.widths)])

    def changed(self, *, seed: int, epochs: int | None = None, watched: float | None = None) -> Recipe:
        """Return the recipe with another seed; where given, epochs of its first fits and another share to watch."""
        return replace(self, fits=tuple(_changed(settings, seed, epochs, watched) for settings in self.fits))


def further_fitted(recipe: Recipe) -> Recipe:
    """Return the recipe of networks that are taken over and fitted further, as the embedded model's last fit is."""
    first = recipe.fits[0]
    return replace(recipe, further=replace(TAKEN_FURTHER, seed=first.seed, watched=first.watched))


def _changed(settings: FitSettings, seed: int, epochs: int | None, watched: float | None) -> FitSettings:
    """Return the settings with what was given; a further fit keeps its epochs."""
    changes = {"seed": seed, "epochs": epochs, "watched": watched}
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    then = _changed(settings.then, seed, None, watched) if settings.then else None
    return replace(settings, **given, then=then)


_FIRST: Final = FitSettings(batch=8, patched=0.5, watched=0.0, left_out=("till-slip",))
#: Goes on, in smaller steps, where writing was told wrong most: slips, corrected typescripts, early prints.
_FURTHER: Final = FitSettings(
    epochs=2,
    batch=8,
    rate=6e-4,
    patched=0.5,
    watched=0.0,
    favoured=("till-slip", "corrected", "early-print"),
    favour=3.0,
    order=1,
)
#: A fit that networks go through which are taken over: other samples, and of more kinds that have both hands (026).
TAKEN_FURTHER: Final = replace(_FURTHER, order=3, favoured=(*_FURTHER.favoured, "annotated-slip", "register", "copied"))
#: How the embedded model is made: the mean of a fit and of what becomes of it in a further one. The further one tells
#: writing better and notes worse; their mean keeps most of both (docs/decisions/018). No source is watched: early
#: stopping had not stopped a fit, and the sources that it took were those of which there is no second one (014).
RECIPE: Final = Recipe((_FIRST, replace(_FIRST, then=_FURTHER)))
