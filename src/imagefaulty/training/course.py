"""The samples of a training course, what each fit sees of them, and what its network says of those it has not seen."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import nn

from imagefaulty.checks import CHECK_NAMES, CHECKS
from imagefaulty.errors import SettingsError
from imagefaulty.training.backbone import EARLY
from imagefaulty.training.features import FeatureStore, Rendering
from imagefaulty.training.fit import Split, fit, mean_of, rounded
from imagefaulty.training.graphs import one_thread_session, write_graph
from imagefaulty.training.heads import PageNet, trunk_of
from imagefaulty.training.pools import keep_memory
from imagefaulty.training.recipe import FitSettings, Recipe
from imagefaulty.training.samples import AS_IS, COUNTS, LATE_COUNTS
from imagefaulty.training.splits import SPLIT_REPOSITORY, strict_group, validation_groups
from imagefaulty.training.thinning import thinned_trunk

_LOG: Final = logging.getLogger(__name__)
#: Name of the fit that has seen nothing of the repository whose folders are sources of their own.
STRICT: Final = "repository"
_THINNED_ON: Final = 200  # samples


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """All that the stages share.

    Attributes:
        rendering: The samples, and where their maps are kept.
        cache: Where stages are kept.
        recipe: How networks are fitted.
        store: The maps.
        sample_folds: Fold of every sample.
        real: Which samples are pages as they are.
    """

    rendering: Rendering
    cache: Path
    recipe: Recipe
    store: FeatureStore
    sample_folds: NDArray[np.int64] = field(init=False)
    real: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        samples = self.rendering.samples
        object.__setattr__(self, "sample_folds", np.array([sample.fold for sample in samples], np.int64))
        object.__setattr__(self, "real", np.array([sample.kind == AS_IS for sample in samples]))

    @property
    def stem(self) -> Path:
        """Graph of the stem that made the maps."""
        if self.rendering.stem is None:
            raise ValueError("these samples are kept as pictures")
        return self.rendering.stem

    def group_of(self, row: int) -> str:
        """The group of the page that a sample was made of."""
        return self.rendering.manifest.records[self.rendering.samples[row].record].group

    def split(self, name: str, settings: FitSettings) -> Split:
        """Rows to fit on and to watch: ``"0"`` to ``"4"`` leave that fold out, ``"repository"`` one repository.

        Args:
            name: What is left out.
            settings: How much is watched, and which kinds of samples are left out as well.

        Raises:
            SettingsError: A kind that is left out or favoured does not exist.
        """
        kinds = {AS_IS, *COUNTS, *LATE_COUNTS}
        if unknown := sorted({*settings.left_out, *settings.favoured} - kinds):
            raise SettingsError(f"there is no kind of samples {unknown[0]!r} to leave out or to favour")
        groups = np.array([self.group_of(row) for row in range(len(self.real))])
        seen = ~self._inside() if name == STRICT else self.sample_folds != int(name)
        seen_pages = self.rendering.manifest.only(groups=set(groups[seen].tolist()))
        watch = seen & np.isin(groups, sorted(validation_groups(seen_pages, share=settings.watched)))
        kind_of = np.array([sample.kind for sample in self.rendering.samples])
        fitting = np.flatnonzero(seen & ~watch & ~np.isin(kind_of, settings.left_out))
        chances = self._chances(fitting) * np.where(np.isin(kind_of[fitting], settings.favoured), settings.favour, 1.0)
        return Split(fitting, chances, np.flatnonzero(watch & self.real))

    def unseen(self, name: str) -> NDArray[np.int64]:
        """Rows that a fit leaves out: all of a fold, or the real pages of the repository."""
        if name == STRICT:
            return np.flatnonzero(self.real & self._inside())
        return np.flatnonzero(self.sample_folds == int(name))

    def _inside(self) -> NDArray[np.bool_]:
        """Samples made of pages of the repository whose folders are sources of their own."""
        records = [self.rendering.manifest.records[sample.record] for sample in self.rendering.samples]
        return np.array([strict_group(record) == SPLIT_REPOSITORY for record in records])

    def _chances(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """How often each row is drawn: of big sources less per page, as the inverse root of their size."""
        groups = [self.group_of(row) for row in rows]
        sizes: dict[str, int] = {}
        for group, row in zip(groups, rows, strict=True):
            sizes[group] = sizes.get(group, 0) + bool(self.real[row])
        real = np.array([max(1, sizes[group]) ** -0.5 for group in groups])
        drawn = np.array([self.rendering.samples[row].kind not in {AS_IS, "clean"} for row in rows])
        return np.where(drawn, np.median(real), real)


def network_file(course: Course, name: str, settings: FitSettings) -> Path:
    """Return where the network of a fit is kept, beside its figures and curves."""
    return course.cache / f"without-{name}" / settings.digest / f"network-{course.store.key[:12]}.pt"


def fit_missing(rendering: Rendering, cache: Path, recipe: Recipe, name: str) -> None:
    """Fit those of a recipe's networks that do not see what the name says and are not there yet, and keep them."""
    keep_memory()
    course = Course(rendering, cache, recipe, rendering.open())
    for settings in recipe.fits:
        target = network_file(course, name, settings)
        if not target.is_file():
            _LOG.info("fits without %s, %d epochs", name, sum(stage.epochs for stage in settings.stages))
            net = _fitted_in_stages(course, name, settings)
            _keep(target, net.cpu())


def keep_earlier(course: Course, name: str, net: PageNet) -> None:
    """Keep a network of an earlier model as the one that a further fit begins with."""
    _keep(_earlier_file(course, name), net)


def fit_further(settings: FitSettings, rendering: Rendering, cache: Path, recipe: Recipe, name: str) -> None:
    """Fit a network of an earlier model further, and keep the mean of what it was and became as what is made."""
    keep_memory()
    course = Course(rendering, cache, recipe, rendering.open())
    _LOG.info("fits further without %s, %d epochs", name, settings.epochs)
    start = _read(course, _earlier_file(course, name))
    keep_made(course, name, mean_of([start, _fitted_stage(course, name, settings, start).cpu()], [1, 1]))


def _earlier_file(course: Course, name: str) -> Path:
    return course.cache / f"without-{name}" / f"earlier-{course.recipe.before}.pt"


def _fitted_in_stages(course: Course, name: str, settings: FitSettings) -> PageNet:
    """Fit one stage after the other; stages that another fit went through as well are taken up where it left them."""
    first, *further = settings.stages
    net = _fitted_stage(course, name, first, None)
    for stage in further:
        net = _fitted_stage(course, name, stage, net)
    return net


def _fitted_stage(course: Course, name: str, stage: FitSettings, start: PageNet | None) -> PageNet:
    # The same fit of other earlier networks is another one, and must not go on where this one ended.
    made = course.recipe.digest if course.recipe.before else stage.digest
    directory = course.cache / f"without-{name}" / made
    return fit(course.store, course.split(name, stage), settings=stage, directory=directory, start=start)


def fitted(course: Course, name: str) -> PageNet:
    """The network that the recipe makes of fits that are done, thinned and rounded; kept once it is made."""
    path = made_file(course, name)
    if not path.is_file():
        _LOG.info("thins the network without %s", name)
        fits = course.recipe.fits
        nets = [_read(course, network_file(course, name, settings)) for settings in fits]
        net = mean_of(nets, [settings.epochs for settings in fits])
        rows = course.split(name, fits[0]).fitting
        some = rows[:: max(1, len(rows) // _THINNED_ON)]
        maps = (torch.from_numpy(course.store.of(np.array([row]))[EARLY.name]) for row in some)
        net.trunk = thinned_trunk(net.trunk, maps, course.recipe.widths)
        keep_made(course, name, net)
    return _read(course, path)


def made_file(course: Course, name: str) -> Path:
    """Return where the network that the recipe makes is kept."""
    return course.cache / f"without-{name}" / f"made-{course.store.key[:12]}-{course.recipe.digest}.pt"


def keep_made(course: Course, name: str, net: PageNet) -> None:
    """Keep the network that the recipe makes, rounded."""
    _keep(made_file(course, name), rounded(net))


def _keep(path: Path, net: PageNet) -> None:
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    torch.save(net.state_dict(), part)
    part.replace(path)


def _read(course: Course, path: Path) -> PageNet:
    state = torch.load(path, weights_only=True)
    net = PageNet(*course.rendering.cells, trunk=trunk_of(state))
    net.load_state_dict(state)
    return net.eval()


def keep_answers(rendering: Rendering, cache: Path, recipe: Recipe, name: str) -> None:
    """Have a network answer what it has not seen, and keep the answers."""
    answers_of(Course(rendering, cache, recipe, rendering.open()), name)


def answers_of(course: Course, name: str) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float32]]]:
    """Rows of the samples that a network has not seen, and its logits for them, computed once."""
    rows = course.unseen(name)
    path = course.cache / f"without-{name}" / f"answers-{course.store.key[:12]}-{course.recipe.digest}.npz"
    if not path.is_file():
        part = path.with_suffix(".part.npz")
        np.savez(part, **answered(fitted(course, name), course.store, rows))  # type: ignore[arg-type]
        part.replace(path)
    with np.load(path) as saved:
        return rows, dict(saved)


class _Answering(nn.Module):
    """The network's answers alone, in wire order."""

    def __init__(self, net: Callable[[torch.Tensor], Mapping[str, torch.Tensor]]) -> None:
        super().__init__()
        self.net = net

    def forward(self, early: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = self.net(early)
        return tuple(found[check.name] for check in CHECKS)


def answered(net: PageNet, store: FeatureStore, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    """Return the logits of some rows, float32 (rows, classes) per check."""
    session = answering_session(net, store.maps[EARLY.name].shape[1:])
    pages = [session.run(list(CHECK_NAMES), {EARLY.name: store.of(np.array([row]))[EARLY.name]}) for row in rows]
    return {name: np.concatenate([page[at] for page in pages]) for at, name in enumerate(CHECK_NAMES)}


def answering_session(net: PageNet, shape: tuple[int, ...]) -> ort.InferenceSession:
    """Open a session of a network that gives the logits of each check for the stem's map.

    ONNX Runtime takes a quarter of the time that torch does for one page after another.

    Args:
        net: The network, in evaluation mode.
        shape: Shape (channels, rows, columns) of the map.
    """
    with TemporaryDirectory() as directory:
        graph = Path(directory) / "net.onnx"
        write_graph(graph, _Answering(net), {EARLY.name: torch.zeros(1, *shape)}, outputs=CHECK_NAMES)
        return one_thread_session(graph)


def unseen_answers(course: Course, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Logits of every sample by the network that has not seen its fold; NaN where there is none.

    Returns:
        Float32 (samples, classes) per check. Where two fits have not seen a sample, the later one answers.
    """
    answers = {check.name: np.full((len(course.real), len(check.classes)), np.nan, np.float32) for check in CHECKS}
    for name in names:
        rows, logits = answers_of(course, name)
        for check, values in logits.items():
            answers[check][rows] = values
    return answers
