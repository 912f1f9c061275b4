"""What every test may use: the labelled pages beside the repository, the fixed configuration, the judge."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests import studio_environment
from tests.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parent.parent
INTEGRATION = "tests/integration/"


def pytest_configure() -> None:
    """Let processes that tests start be interrupted, also where the tests themselves run in a shell's background.

    There a shell has them ignore interrupts, and whoever is started inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    """Say which Label Studio is talked to (the newest, so it is not in any pin) and where the pages are."""
    return [
        f"label-studio: {studio_environment.version() or 'absent (make studio-env)'}",
        f"labelled pages: {_shared() or 'absent (IMAGEFAULTY_SHARED)'}",
    ]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep tests in one process that share what takes long to start: those of a file, and all with a Label Studio.

    pytest-xdist's marks for groups would say the same, but version 3.8 does not see them with pytest 9.2.
    """
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - a worker does without

    class ByWhatIsShared(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return INTEGRATION if nodeid.startswith(INTEGRATION) else str(super()._split_scope(nodeid))

    return ByWhatIsShared(config, log)


def absent(what: str) -> NoReturn:
    """Skip a test because a part is not there, or fail it where everything must be (IMAGEFAULTY_NO_SKIP)."""
    if os.environ.get("IMAGEFAULTY_NO_SKIP"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder whose ``data/manifest.csv`` lists the labelled pages; skips without it, wherever it runs."""
    folder = _shared()
    if folder is None:
        pytest.skip("the labelled pages are not here; name their folder with IMAGEFAULTY_SHARED")
    return folder


@pytest.fixture(scope="session")
def shared_pages(shared_folder: Path) -> Callable[[int], list[Path]]:
    """Call with a number to get that many page files, spread evenly over the collection."""

    def pick(number: int) -> list[Path]:
        pages = sorted(path for path in (shared_folder / "data" / "pages").rglob("*") if path.is_file())
        return pages[:: max(1, len(pages) // number)][:number]

    return pick


@pytest.fixture(scope="session")
def labelling_config() -> str:
    """The fixed labelling configuration."""
    return (REPOSITORY / "examples" / "labelling_config.xml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def label_studio_judge() -> Iterator[Judge]:
    """Label Studio's own opinion about predictions."""
    python = studio_environment.python()
    if python is None:
        absent("label_studio_sdk is not here; `make studio-env` installs it in an environment of its own")
    with Judge(python) as judge:
        yield judge


def _shared() -> Path | None:
    folder = Path(os.environ.get("IMAGEFAULTY_SHARED") or REPOSITORY.parent / "shared")
    return folder if (folder / "data" / "manifest.csv").is_file() else None
