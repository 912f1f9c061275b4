"""What is said of one page: answers, provenance, or why there are none. The versioned schema lives here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from imagefaulty.calibration import Verdict
from imagefaulty.checks import CheckName
from imagefaulty.evidence import Region

#: Identifier of the JSON form of a finding; it changes when a field changes its meaning or goes away.
SCHEMA: Final = "imagefaulty.finding/1"
#: Probabilities are rounded to this many digits where they leave the program; the fifth is noise.
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one check.

    Attributes:
        check: The check.
        label: Name of the most probable class.
        code: Its wire code.
        probabilities: Calibrated probability of every class, in wire order; they sum to 1.
        verdict: ``"yes"``, ``"no"`` or ``"look"`` at the operating point in use.
        regions: Where the fault was seen, strongest first; empty unless asked for.
    """

    check: CheckName
    label: str
    code: int
    probabilities: Mapping[str, float]
    verdict: Verdict
    regions: tuple[Region, ...] = ()

    @property
    def confidence(self) -> float:
        """Calibrated probability of the label."""
        return self.probabilities[self.label]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON-ready values."""
        return {
            "label": self.label,
            "code": self.code,
            "confidence": round(self.confidence, _DIGITS),
            "probabilities": {name: round(value, _DIGITS) for name, value in self.probabilities.items()},
            "verdict": self.verdict,
            "regions": [region.to_dict() for region in self.regions],
        }


@dataclass(frozen=True, slots=True)
class Model:
    """What gave the answers.

    Attributes:
        bundle: Name of the model bundle.
        version: Version of the model bundle.
        digest: Hex digest of the model bundle.
        operating_point: Named set of thresholds in use.
        thresholds: Those thresholds by check, as (no, yes).
        code_version: Version of this program.
    """

    bundle: str
    version: str
    digest: str
    operating_point: str
    thresholds: Mapping[str, tuple[float, float]]
    code_version: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a finding comes from, enough to repeat it. What is not known of a failed page keeps its default.

    Attributes:
        source: Name of the file, task or address.
        model: What gave the answers.
        page: Page number inside the source, from 0.
        pages: Number of pages in the source.
        sha256: Hex digest of the source's bytes.
        format: Format of the source, e.g. ``"JPEG"``.
        original_size: (width, height) in px, upright, before shrinking.
        dpi: Resolution of the scan, or None where unknown.
        decode_scale: Width of the decoded page over its original width.
    """

    source: str
    model: Model
    page: int = 0
    pages: int = 0
    sha256: str = ""
    format: str = ""
    original_size: tuple[int, int] = (0, 0)
    dpi: float | None = None
    decode_scale: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a page has no answers.

    Attributes:
        code: Stable code of the error, see :mod:`imagefaulty.errors`.
        message: What went wrong and what to do about it.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of one page.

    Attributes:
        provenance: Where it comes from.
        answers: Answer by check, in wire order; empty where the page failed.
        failure: Why there are no answers, or None.
    """

    provenance: Provenance
    answers: Mapping[CheckName, Answer]
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether the page could be inspected."""
        return self.failure is None

    @property
    def certainty(self) -> float:
        """Confidence of the least certain answer: the number by which doubtful pages are found. 0 for a failure."""
        return min((answer.confidence for answer in self.answers.values()), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON-ready values, by the schema :data:`SCHEMA`."""
        provenance = asdict(self.provenance)
        return {
            "schema": SCHEMA,
            "source": provenance.pop("source"),
            "page": provenance.pop("page"),
            "pages": provenance.pop("pages"),
            "answers": {check: answer.to_dict() for check, answer in self.answers.items()},
            "certainty": round(self.certainty, _DIGITS),
            "error": None if self.failure is None else asdict(self.failure),
            "provenance": provenance,
        }
