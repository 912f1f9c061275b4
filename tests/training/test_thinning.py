"""Thinner blocks give the maps of whole ones where channels repeat one another, and nearly so where they do not."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="fitting needs the extra `train`")
pytest.importorskip("cv2", reason="fitting needs the extra `train`")

import torch

from imagefaulty.training.backbone import EARLY, LAST, PUBLISHED_WIDTHS, Block, Trunk, pretrained_stem, pretrained_trunk
from imagefaulty.training.heads import PageNet, trunk_of
from imagefaulty.training.recipe import STEM_WIDTHS, TRUNK_WIDTHS
from imagefaulty.training.thinning import fewest, thinned_stem, thinned_trunk

WHOLE_STEM, WHOLE_TRUNK = PUBLISHED_WIDTHS[: EARLY.block + 1], PUBLISHED_WIDTHS[EARLY.block + 1 : LAST.block + 1]


def _pages(count: int = 6) -> list[torch.Tensor]:
    rng = np.random.default_rng(4)
    coarse = torch.from_numpy(rng.normal(size=(count, 3, 16, 12))).float()
    return list(torch.nn.functional.interpolate(coarse, size=(64, 48), mode="bilinear").split(1))


def test_channels_that_follow_from_others_go_first() -> None:
    rng = np.random.default_rng(1)
    own = rng.normal(size=(500, 3))
    hidden = np.stack([own[:, 0], own[:, 0] + own[:, 1], np.full(500, 7.0), own[:, 1], own[:, 2] * 1e-3], axis=1)
    outputs = np.stack([own[:, 0] - own[:, 1] + 2, own[:, 1] * 3], axis=1)
    found = fewest(hidden, outputs, 2)
    assert found.residual < 1e-4
    assert not {2, 4} & set(found.channels.tolist())
    assert np.allclose(hidden[:, found.channels] @ found.weights.T + found.bias, outputs, atol=0.02)
    assert fewest(hidden, outputs, 9).channels.tolist() == [0, 1, 2, 3, 4]


def test_what_is_lost_is_said() -> None:
    own = np.random.default_rng(2).normal(size=(4000, 2))
    assert fewest(own, own, 1).residual == pytest.approx(0.5, abs=0.05)
    assert fewest(own, np.ones((4000, 1)), 1).residual == 0.0


def test_stem_of_the_same_widths_is_the_same() -> None:
    stem, pages = pretrained_stem(), _pages(24)
    again = thinned_stem(stem, pages, WHOLE_STEM)
    for page in pages:
        assert torch.allclose(again(page), stem(page), atol=0.05)


def test_thin_stem_keeps_most_of_the_maps() -> None:
    stem, pages = pretrained_stem(), _pages(24)
    thin = thinned_stem(stem, pages, STEM_WIDTHS)
    assert [each.project.conv.in_channels for each in thin.blocks if isinstance(each, Block)] == list(STEM_WIDTHS)
    whole, own = (torch.cat([each(page) for page in pages]) for each in (stem, thin))
    assert float((whole - own).square().mean() / whole.var()) < 0.15


def test_channels_that_are_there_twice_cost_a_trunk_nothing() -> None:
    torch.manual_seed(0)
    small = Trunk([8] * len(WHOLE_TRUNK)).eval()
    state = {}
    for name, value in small.state_dict().items():
        twice = torch.cat([value, value]) if ".expand." in name or ".depthwise." in name else value
        state[name] = torch.cat([value, value], dim=1) / 2 if name.endswith("project.conv.weight") else twice
    doubled = Trunk([16] * len(WHOLE_TRUNK)).eval()
    doubled.load_state_dict(state)
    maps = [torch.randn(1, EARLY.channels, 8, 6) for _ in range(40)]
    thin = thinned_trunk(doubled, maps, [8] * len(WHOLE_TRUNK))
    for mine, whole in zip(thin(maps[0]), doubled(maps[0]), strict=True):
        assert torch.allclose(mine, whole, atol=1e-3)


def test_network_is_read_in_the_widths_that_it_has() -> None:
    thin = thinned_trunk(pretrained_trunk(), [torch.randn(1, EARLY.channels, 6, 4) for _ in range(3)], TRUNK_WIDTHS)
    state = PageNet(6, 4, trunk=thin).state_dict()
    again = PageNet(6, 4, trunk=trunk_of(state))
    again.load_state_dict(state)
    widths = [
        each.project.conv.in_channels
        for each in (*again.trunk.tuned, *again.trunk.published)
        if isinstance(each, Block)
    ]
    assert widths == list(TRUNK_WIDTHS)
