"""The quick gradients of a depthwise convolution are those of torch."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="fitting needs the extra `train`")

import torch

from imagefaulty.training import depthwise as module
from imagefaulty.training.depthwise import depthwise


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 1), (3, 2), (5, 2)])
def test_gradients_are_those_of_torch(kernel: int, stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WEIGHT_PAGES_STEP", 1)
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(6, 6, kernel, stride=stride, padding=kernel // 2, groups=6)
    x = torch.randn(4, 6, 10, 8, requires_grad=True)
    quick, slow = depthwise(x, conv, pad=kernel // 2), conv(x)
    assert torch.allclose(quick, slow, atol=1e-5)
    seed = torch.randn_like(slow)
    wanted = torch.autograd.grad(slow, (x, conv.weight), seed)
    found = torch.autograd.grad(quick, (x, conv.weight), seed)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(found, wanted, strict=True))


def test_gradient_from_every_second_page_is_of_the_right_size() -> None:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
    x = torch.randn(1, 4, 8, 8).repeat(6, 1, 1, 1)
    found = torch.autograd.grad(depthwise(x, conv, pad=1).sum(), conv.weight)[0]
    wanted = torch.autograd.grad(conv(x).sum(), conv.weight)[0]
    assert torch.allclose(found, wanted, rtol=1e-3)
