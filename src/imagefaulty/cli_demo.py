"""The command ``imagefaulty demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def demo(
    *,
    host: Annotated[str, Parameter(env_var="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(env_var="PORT", help="Port to listen on.")] = 7860,
    bundle: Annotated[
        Path | None,
        Parameter(name=["--bundle", "--model-dir"], env_var="MODEL_PATH", help="Model bundle; embedded if none."),
    ] = None,
) -> None:
    """Try the model on a page in the browser; needs the ``demo`` extra."""
    from imagefaulty.demo import serve  # noqa: PLC0415 - opens ONNX Runtime, and Gradio costs seconds

    serve(bundle, host=host, port=port)
