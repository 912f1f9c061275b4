"""Depthwise convolution whose gradients do not wait for the slow kernels of torch on a processor.

torch 2.13 computes the gradient of depthwise weights in bfloat16 25 times as slowly as the convolution itself (16 maps
of 672 channels, 40x28, 5x5: 6 ms forward, 172 ms for the weights; with a stride of two 159 ms for the input as well),
which is three quarters of a training step. Single precision takes 52 and 17 ms, and the gradient of the input without a
stride is a convolution with turned weights, 7 ms. So each gradient is computed where it is cheapest.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

#: Every which page of a batch teaches the depthwise weights: few and shared by all cells, they need no more.
_WEIGHT_PAGES_STEP = 2


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, stride: int, pad: int) -> torch.Tensor:  # noqa: ANN401
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.pad = stride, pad
        return functional.conv2d(x, weight.to(x.dtype), stride=stride, padding=pad, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: ANN401 - torch's own
        x, weight = ctx.saved_tensors
        stride, pad, channels = ctx.stride, ctx.pad, x.shape[1]
        grad = grad.contiguous(memory_format=torch.channels_last)
        by_input = None
        if ctx.needs_input_grad[0] and stride == 1:
            turned = weight.flip(2, 3).to(grad.dtype)
            by_input = functional.conv2d(grad, turned, padding=weight.shape[2] - 1 - pad, groups=channels)
        elif ctx.needs_input_grad[0]:
            by_input = _gradients(grad, x, weight, stride, pad, of_input=True).to(x.dtype)
        by_weight = None
        if ctx.needs_input_grad[1]:
            step = min(_WEIGHT_PAGES_STEP, len(x))
            by_weight = _gradients(grad[::step], x[::step], weight, stride, pad, of_input=False) * step
        return by_input, by_weight, None, None


def _gradients(
    grad: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int, pad: int, *, of_input: bool
) -> torch.Tensor:
    """One of the two gradients in single precision."""
    found: tuple[torch.Tensor, ...] = torch.ops.aten.convolution_backward(
        grad.float(), x.float(), weight.float(), None, (stride,) * 2, (pad,) * 2, (1, 1),
        False, (0, 0), x.shape[1], (of_input, not of_input, False),
    )  # fmt: skip
    return found[0 if of_input else 1]


def depthwise(x: torch.Tensor, conv: torch.nn.Conv2d, *, pad: int) -> torch.Tensor:
    """Run a depthwise convolution; the same numbers as ``conv(x)``, quicker to differentiate.

    Args:
        x: (n, channels, h, w), float32 or bfloat16.
        conv: The convolution, with one kernel per channel. The gradient of its weights is estimated from every second
            page of the batch.
        pad: Rows and columns of zeros on every side.
    """
    found: torch.Tensor = _Depthwise.apply(x, conv.weight, conv.stride[0], pad)
    return found if conv.bias is None else found + conv.bias.to(found.dtype)[:, None, None]
