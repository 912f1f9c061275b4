"""A page to try the model on in a browser: an image in, the four answers and a heat map out.

Needs the ``demo`` extra. It has no password: it is for a machine of one's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imagefaulty._formats import SUFFIXES
from imagefaulty.bundle import Bundle, load_bundle
from imagefaulty.errors import ImageFaultyError, SettingsError
from imagefaulty.evidence import heat_map
from imagefaulty.inspection import Inspector
from imagefaulty.network import EvidenceMap, Network
from imagefaulty.pages import Page, open_document

if TYPE_CHECKING:
    import gradio

_RED: Final = np.array([220.0, 20.0, 40.0])
#: At full evidence the page still shines through.
_OPACITY: Final = 0.6
#: Nothing is decoded smaller than this (px), so that the picture can be looked at whatever size the network wants.
_SHOWN_PX: Final = 900


@dataclass(frozen=True, slots=True)
class Sight:
    """What the demo shows of one page.

    Attributes:
        answers: For each check, in wire order, the probability of each class by its name.
        picture: The page, uint8 (h, w, 3) RGB, with the heat laid over it.
    """

    answers: dict[str, dict[str, float]]
    picture: NDArray[np.uint8]


class Viewer:
    """Looks at one image at a time.

    Args:
        bundle: A verified bundle.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._inspector = Inspector(bundle)
        self._network = Network(bundle)
        #: Names of the evidence maps that the bundle can draw.
        self.channels = tuple(name for graph in bundle.graphs if graph.evidence for name in graph.evidence.channels)

    @property
    def checks(self) -> tuple[str, ...]:
        """Names of the checks that are answered, in wire order."""
        return tuple(check.name for check in self._inspector.checks)

    def look(self, path: Path, channel: str | None = None) -> Sight:
        """Inspect the first page of a file.

        Args:
            path: The file.
            channel: Name of the evidence map to lay over the page; None leaves the page as it is.

        Raises:
            PageError: The file cannot be read.
        """
        with open_document(path, name=path.name) as document:
            page = document.page(at_least=self._least())
        finding = self._inspector.inspect(path, name=path.name)
        answers = {check: dict(answer.probabilities) for check, answer in finding.answers.items()}
        if channel is None:
            return Sight(answers, page.pixels)
        return Sight(answers, overlaid(page, self._network.run(page, evidence=True).evidence[channel]))

    def _least(self) -> tuple[int, int] | None:
        size = self._network.page_size
        return None if size is None else (max(size[0], _SHOWN_PX), max(size[1], _SHOWN_PX))


def overlaid(page: Page, evidence: EvidenceMap) -> NDArray[np.uint8]:
    """Lay an evidence map over a page, the redder the stronger.

    Args:
        page: The page that the map was computed on.
        evidence: The map of one channel.

    Returns:
        uint8 (h, w, 3) RGB of the page's size.
    """
    heat = Image.fromarray(heat_map(evidence).astype(np.float32))
    alpha = np.asarray(heat.resize(page.pixels.shape[1::-1], Image.Resampling.BILINEAR))[..., np.newaxis] * _OPACITY
    return np.rint(page.pixels * (1 - alpha) + _RED * alpha).astype(np.uint8)


def serve(directory: Path | None = None, *, host: str = "127.0.0.1", port: int = 7860) -> None:
    """Serve the demo until interrupted.

    Args:
        directory: Directory of the model bundle; None means the embedded one.
        host: Address to listen on.
        port: Port to listen on.

    Raises:
        SettingsError: Gradio is not installed, or the port is taken.
        BundleError: The model bundle cannot be used.
    """
    try:
        import gradio  # noqa: PLC0415 - not among the dependencies
    except ImportError:
        raise SettingsError("the demo needs Gradio; install it with: pip install 'imagefaulty[demo]'") from None
    page = _page(gradio, Viewer(load_bundle(directory)))
    try:
        page.launch(server_name=host, server_port=port, share=False, quiet=True, footer_links=[])
    except OSError as error:
        raise SettingsError(f"cannot listen on {host} port {port} ({error}); choose another with --port") from None


def _page(gradio: Any, viewer: Viewer) -> gradio.Interface:  # noqa: ANN401 - a module that may be absent
    def look(path: str | None, channel: str) -> list[Any]:
        if path is None:
            raise gradio.Error("choose a page first", print_exception=False)
        try:
            sight = viewer.look(Path(path), channel if channel in viewer.channels else None)
        except ImageFaultyError as error:
            raise gradio.Error(error.message, print_exception=False) from None
        return [*sight.answers.values(), sight.picture]

    return gradio.Interface(
        look,
        inputs=[
            # Not gradio.Image, which decodes what it is given itself and so knows neither PDF nor our limits.
            gradio.File(type="filepath", label="page", file_types=sorted(SUFFIXES)),
            gradio.Dropdown(["none", *viewer.channels], value=_first(viewer.channels), label="heat map"),
        ],
        outputs=[*(gradio.Label(label=name) for name in viewer.checks), gradio.Image(label="where")],
        title="ImageFaulty",
        flagging_mode="never",
        analytics_enabled=False,
    )


def _first(channels: tuple[str, ...]) -> str:
    return next((name for name in ("corner", *channels) if name in channels), "none")
