"""The rig: one Label Studio for the session, scans, a web server that hands some of them out, a browser."""

from __future__ import annotations

import io
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw, ImageFont

from tests import studio_environment
from tests.conftest import absent
from tests.integration.browser import Browser, programs
from tests.integration.label_studio import LabelStudioClient, label_studio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioClient]:
    """A real Label Studio, and its first user."""
    executable = studio_environment.executable()
    if executable is None:
        absent("Label Studio is not here; `make studio-env` installs it")
    folder = tmp_path_factory.mktemp("label-studio")
    with label_studio(executable, folder) as server:
        client = LabelStudioClient(server.url, folder=folder)
        yield client
        client.close()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Headless Chromium."""
    found = programs()
    if found is None:
        absent("chromium and chromedriver are not here; `make browser` installs them on Debian")
    with Browser(*found, tmp_path_factory.mktemp("chromium")) as window:
        yield window


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> list[Path]:
    """Scans that Label Studio takes as uploads: drawn ones, and real ones where the labelled pages are."""
    folder = tmp_path_factory.mktemp("scans")
    drawn = {"typed é.jpg": 40, "short.png": 6, "blank.jpg": 0, "note.webp": 15}
    paths = [folder / name for name in drawn]
    for path, lines in zip(paths, drawn.values(), strict=True):
        path.write_bytes(_scan(lines, Image.registered_extensions()[path.suffix]))
    try:
        shared_pages: Callable[[int], list[Path]] = request.getfixturevalue("shared_pages")
    except pytest.skip.Exception:
        return paths
    return paths + shared_pages(4)


@pytest.fixture(scope="session")
def scan_server(scans: list[Path]) -> Iterator[str]:
    """The address of a web server that hands the drawn scans out."""
    handler = partial(_Quiet, directory=str(scans[0].parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        """Say nothing."""


def _scan(lines: int, kind: str) -> bytes:
    """A drawn A4 page at 150 dpi."""
    page = Image.new("RGB", (1240, 1754), (244, 240, 228))
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(26)
    for line in range(lines):
        pen.text((140, 150 + 36 * line), f"{line + 1}. Received of the clerk, the sum of {97 * line}.", "black", font)
    buffer = io.BytesIO()
    page.save(buffer, kind, dpi=(150, 150))
    return buffer.getvalue()
