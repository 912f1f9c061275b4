"""ONNX Runtime reports nothing to its maker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.bundles import tiny_bundle

_LOAD = "import sys; from imagefaulty import Inspector; Inspector.load(sys.argv[1])"


def test_loading_a_model_leaves_no_identifier_of_the_device(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    # ONNX Runtime holds its tongue by itself where it sees that a test or a CI system runs it.
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    bundle = tiny_bundle(tmp_path / "bundle")
    subprocess.run([sys.executable, "-c", _LOAD, str(bundle)], env=kept | {"HOME": str(home)}, check=True)
    assert list(home.rglob("*")) == []
