"""Keeps ONNX Runtime from reporting to its maker; imported before anything that imports ONNX Runtime.

Since 1.29 its Linux packages write an identifier of the device below the home directory and send events over the
network. The decision is taken once, when its library is loaded, so this is the one piece of work done at import.
``ORT_DISABLE_TELEMETRY=0`` in the environment leaves the matter to ONNX Runtime.
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
