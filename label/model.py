"""The place for models and logic of your own: edit this class, then start the backend again.

Every hook is here with what it does by default, so a change is a change of one line. ``docs/customising.md`` explains
them, and ``examples/`` holds three that work: a stamp detector from an ONNX file, a verdict rule, a remote model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imagefaulty import Finding
from imagefaulty.bundle import Bundle
from imagefaulty.customising import Customisation
from imagefaulty.extras import ExtraCheck


class ImageFaulty(Customisation):
    """What Label Studio talks to."""

    #: Set it ("1", "2", ...) and change it with your rules: Label Studio asks again where the model version differs.
    version = ""

    def choose_bundle(self, bundle: Bundle) -> Bundle:
        """Which models answer the four checks.

        ``bundle`` is what ``MODEL_PATH`` or ``MODEL_DIR`` names, else the embedded one. Return
        ``imagefaulty.bundle.load_bundle("my/bundle")`` for another, whatever the settings say.
        """
        return bundle

    def extra_checks(self) -> Sequence[ExtraCheck]:
        """Which questions are asked beside the four; by the classes of ``imagefaulty.extras``."""
        return ()

    def judge(self, finding: Finding) -> Finding:
        """Rules over the answers to one page, e.g. "empty and post-it: a person should look"."""
        return finding

    def finish(
        self,
        prediction: dict[str, Any],
        findings: Mapping[str, Finding],  # noqa: ARG002 - for your changes
    ) -> dict[str, Any]:
        """Last changes to what Label Studio gets for a task; ``findings`` by key of the task's data."""
        return prediction
