"""A fifth check from an ONNX file of your own: does the page carry a stamp?

    STAMP_MODEL=stamp.onnx imagefaulty inspect scan.jpg --customise examples/stamp_detector/model.py
    STAMP_MODEL=stamp.onnx imagefaulty serve --customise examples/stamp_detector/model.py

In Label Studio the answer goes to a control named after the check::

    <Choices name="stamp" toName="image"><Choice value="none"/><Choice value="stamp"/></Choices>
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from imagefaulty import Check, PageClass
from imagefaulty.bundle import InputSpec, Thresholds
from imagefaulty.customising import Customisation
from imagefaulty.extras import ExtraCheck, OnnxCheck

STAMP = Check(
    name="stamp",
    question="Does it carry a stamp?",
    classes=(
        PageClass("none", "NS", ("no stamp", "no")),
        PageClass("stamp", "S", ("stamped", "yes")),
    ),
    fault="stamp",
)


class WithStamps(Customisation):
    """The four checks, and stamps."""

    def extra_checks(self) -> Sequence[ExtraCheck]:
        """Ask a graph that takes RGB pages of 224x224 px, scaled to 0-1, and gives two logits: none, stamp."""
        graph = OnnxCheck(
            STAMP,
            os.environ.get("STAMP_MODEL", "stamp.onnx"),
            input=InputSpec(name="", width=224, height=224, layout="nchw-float32", filter="bilinear"),
            thresholds=Thresholds(no=0.2, yes=0.8),
        )
        return [graph]
