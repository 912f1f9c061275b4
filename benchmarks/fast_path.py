"""Do pages that are shrunk while they are decoded get the same answers as pages decoded in full?

Every held-out labelled page is made into a scan of A4 at 300 dpi (with grain, which shrinking must not turn into
something else) in each format that is shrunk while or after it is decoded, and judged twice: as in use, and from the
full page, resized once by Pillow. Prints the share of right answers of both, which must not differ by more than 0.1
points.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks.page import A4_300_DPI
from benchmarks.pdfs import scanned_pdf
from imagefaulty.bundle import load_bundle
from imagefaulty.checks import check_named
from imagefaulty.network import Network
from imagefaulty.pages import open_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from imagefaulty.bundle import Bundle, InputSpec
    from imagefaulty.pages import Page

#: Standard deviation of the grain, in grey levels: what flatbed scanners leave on paper.
_GRAIN = 3.0
LIMIT_POINTS = 0.1
#: What scanners for black and white make of a grey value.
_BLACK_OR_WHITE = [255 * (value > 150) for value in range(256)]


@dataclass(frozen=True, slots=True)
class Tally:
    """Answers of one check in one format.

    Attributes:
        answers: How many.
        fast: How many of them are right on the fast path.
        slow: How many are right on the slow path.
        different: How many differ between both.
    """

    answers: int
    fast: int
    slow: int
    different: int

    @property
    def points(self) -> float:
        """By how many percentage points the fast path is better."""
        return 100 * (self.fast - self.slow) / self.answers


def scans(page: Path, size: tuple[int, int] = A4_300_DPI) -> Iterator[tuple[str, bytes]]:
    """Make scans of a page in each format that is shrunk while it is decoded; yields format and file."""
    with Image.open(page) as opened:
        pixels = np.asarray(opened.convert("RGB").resize(size, Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(0).normal(0, _GRAIN, (*pixels.shape[:2], 1)).astype(np.float32)
    scan = Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))
    jpeg = _saved(scan, "JPEG", quality=75, dpi=(300, 300))
    yield "JPEG", jpeg
    yield "progressive JPEG", _saved(scan, "JPEG", quality=75, progressive=True)
    yield "grey JPEG", _saved(scan.convert("L"), "JPEG", quality=75)
    yield "PDF", scanned_pdf(jpeg, scan.size)
    yield "TIFF", _saved(scan, "TIFF")
    yield "G4 TIFF", _saved(scan.convert("L").point(_BLACK_OR_WHITE).convert("1"), "TIFF", compression="group4")
    yield "JPEG2000", _saved(scan, "JPEG2000", quality_mode="rates", quality_layers=[16], irreversible=True)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def compare(
    bundle: Bundle, pages: Iterable[tuple[Path, Mapping[str, str]]], size: tuple[int, int] = A4_300_DPI
) -> dict[tuple[str, str], Tally]:
    """Judge pages on both paths.

    Args:
        bundle: The bundle; its graph squashes pages to its input.
        pages: Files and their labels by check.
        size: Size of the scans in px.

    Returns:
        By format and check, what was right.
    """
    network, spec = Network(bundle), bundle.graphs[0].input
    counts: Counter[tuple[str, str, str]] = Counter()
    for path, labels in pages:
        for kind, data in scans(path, size):
            with open_document(data, name=f"{path.name} as {kind}") as document:
                fast = _labels(network, document.page(at_least=network.page_size))
                slow = _labels(network, _resized(document.page(), spec))
            for check in labels.keys() & fast.keys():
                counts[kind, check, "answers"] += 1
                counts[kind, check, "fast"] += fast[check] == labels[check]
                counts[kind, check, "slow"] += slow[check] == labels[check]
                counts[kind, check, "different"] += fast[check] != slow[check]
    keys = sorted({(kind, check) for kind, check, _ in counts})
    return {
        key: Tally(**{name: counts[(*key, name)] for name in ("answers", "fast", "slow", "different")}) for key in keys
    }


def summed(tallies: Iterable[Tally]) -> Tally:
    """All of them as one."""
    parts = list(tallies)
    return Tally(*(sum(getattr(each, name) for each in parts) for name in ("answers", "fast", "slow", "different")))


def _resized(page: Page, spec: InputSpec) -> Page:
    """The full page, resized by Pillow alone: what the network's input then is, bit for bit."""
    small = Image.fromarray(page.pixels).resize(spec.size, Image.Resampling[spec.filter.upper()])
    return replace(page, pixels=np.asarray(small))


def _labels(network: Network, page: Page) -> dict[str, str]:
    scores = network.run(page)
    return {name: check_named(name).class_names[int(logits.argmax())] for name, logits in scores.logits.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare; 1 if the paths differ by more than the limit."""
    from imagefaulty.training.evaluation import FOLDS  # noqa: PLC0415 - the tests need only the comparison
    from imagefaulty.training.manifest import read_manifest  # noqa: PLC0415
    from imagefaulty.training.splits import held_out, read_folds  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m benchmarks.fast_path", description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the labelled pages, with manifest.csv")
    parser.add_argument("--bundle", type=Path, help="directory of the bundle (the embedded one)")
    parser.add_argument("--every", type=int, default=1, help="take every n-th page only")
    chosen = parser.parse_args(arguments)
    bundle = load_bundle(chosen.bundle)
    manifest = held_out(read_manifest(chosen.data), read_folds(bundle.directory / FOLDS))
    pages = [(manifest.file(record), record.labels) for record in manifest.records[:: chosen.every]]
    tallies = compare(bundle, pages)
    print(f"{bundle.model_version}, {len(pages)} held-out pages as A4 at 300 dpi\n")
    print(f"{'':<34}{'answers':>8}{'fast':>9}{'slow':>9}{'points':>9}{'different':>11}")
    kinds = {kind: summed(tally for (each, _), tally in tallies.items() if each == kind) for kind, _ in tallies}
    totals = {**{(kind, "all"): tally for kind, tally in kinds.items()}, ("all", "all"): summed(tallies.values())}
    for (kind, check), tally in (tallies | totals).items():
        shares = f"{tally.fast / tally.answers:>9.2%}{tally.slow / tally.answers:>9.2%}{tally.points:>+9.2f}"
        print(f"{kind:<18}{check:<16}{tally.answers:>8}{shares}{tally.different:>11}")
    return int(abs(summed(tallies.values()).points) > LIMIT_POINTS)


if __name__ == "__main__":
    sys.exit(main())
