"""One thread for torch: on a busy machine two that wait for each other take ten times as long."""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):
    import torch

    torch.set_num_threads(1)
