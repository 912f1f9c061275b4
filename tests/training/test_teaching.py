"""A thin stem that is taught comes nearer to the whole one, and a kill in between changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="teaching needs the extra `train`")
pytest.importorskip("cv2", reason="teaching needs the extra `train`")

import torch

from imagefaulty.training import teaching
from imagefaulty.training.backbone import Stem, pretrained_stem
from imagefaulty.training.recipe import Teaching
from imagefaulty.training.stem import normalised
from imagefaulty.training.teaching import maps_behind, taught_stem
from imagefaulty.training.thinning import thinned_stem

WIDTHS = (16, 24, 32, 32, 48, 48)
SHORT = Teaching(steps=40, batch=4)


def _pictures(count: int = 24) -> NDArray[np.uint8]:
    rng = np.random.default_rng(4)
    coarse = torch.from_numpy(rng.uniform(0, 255, (count, 3, 16, 12))).float()
    fine = torch.nn.functional.interpolate(coarse, size=(64, 48), mode="bilinear")
    return np.asarray(fine.permute(0, 2, 3, 1).numpy(), np.uint8)


def _stems(pictures: NDArray[np.uint8]) -> tuple[Stem, Stem]:
    whole = pretrained_stem()
    pages = list(normalised(torch.from_numpy(pictures)).split(1))
    return thinned_stem(whole, pages, WIDTHS), whole


def _lost(stem: Stem, whole: Stem, pictures: NDArray[np.uint8]) -> list[float]:
    """Share of the variance behind every block that is lost."""
    pixels = normalised(torch.from_numpy(pictures))
    with torch.no_grad():
        pairs = zip(maps_behind(stem, pixels), maps_behind(whole, pixels), strict=True)
        return [float((own - aim).square().mean() / aim.var()) for own, aim in pairs]


def test_taught_stem_comes_back_to_the_whole_one(tmp_path: Path) -> None:
    pictures, whole = _pictures(), pretrained_stem()
    astray = pretrained_stem()
    torch.manual_seed(0)
    with torch.no_grad():
        for each in astray.parameters():
            each.mul_(1 + 0.03 * torch.randn_like(each))
    before = {name: values.clone() for name, values in astray.state_dict().items()}
    taught = taught_stem(astray, whole, pictures, SHORT, tmp_path / "teaching.pt")
    assert _lost(taught, whole, pictures)[-1] < 0.2 * _lost(astray, whole, pictures)[-1]
    assert all(torch.equal(values, before[name]) for name, values in astray.state_dict().items())
    assert not taught.training
    assert not any(each.requires_grad for each in taught.parameters())


def test_kill_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = _pictures()
    thin, whole = _stems(pictures)
    brief = Teaching(steps=6, batch=2)
    monkeypatch.setattr(teaching, "_CHECKPOINT_EVERY", 2)
    straight = taught_stem(thin, whole, pictures, brief, tmp_path / "straight.pt")

    with monkeypatch.context() as until:
        save = teaching._Run.save

        def saved(run: teaching._Run) -> None:
            save(run)
            if run.step == 4:
                raise KeyboardInterrupt

        until.setattr(teaching._Run, "save", saved)
        with pytest.raises(KeyboardInterrupt):
            taught_stem(thin, whole, pictures, brief, tmp_path / "killed.pt")
    again = taught_stem(thin, whole, pictures, brief, tmp_path / "killed.pt")
    for name, values in straight.state_dict().items():
        assert torch.equal(values, again.state_dict()[name]), name


def test_checkpoint_of_other_settings_is_left_alone(tmp_path: Path) -> None:
    pictures = _pictures(8)
    thin, whole = _stems(pictures)
    taught_stem(thin, whole, pictures, Teaching(steps=2, batch=2), tmp_path / "teaching.pt")
    other = Teaching(steps=3, batch=2)
    fresh = taught_stem(thin, whole, pictures, other, tmp_path / "fresh.pt")
    again = taught_stem(thin, whole, pictures, other, tmp_path / "teaching.pt")
    assert all(torch.equal(values, again.state_dict()[name]) for name, values in fresh.state_dict().items())
