"""``POST /v1/inspect``: files in, one finding per page out. The typed way in for programs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from imagefaulty.checks import CheckName
from imagefaulty.errors import BadRequest
from imagefaulty.service.uploads import MOST_FILES, Desk, Upload, body_of, files_in, form_of

PATH: Final = "/v1/inspect"
_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "application/pdf": {"schema": {"type": "string", "format": "binary"}},
    },
}


class _Exact(BaseModel):
    """What these models do not name, a finding does not have: the schema in OpenAPI is the whole truth."""

    model_config = ConfigDict(extra="forbid")


class RegionReply(_Exact):
    """A place on the page that speaks for a fault."""

    box: tuple[int, int, int, int] = Field(description="x, y, width, height in px of the original page")
    box_mm: tuple[float, float, float, float] | None = Field(description="The same in mm; null without a resolution")
    score: float = Field(ge=0, le=1)


class AnswerReply(_Exact):
    """The answer to one check."""

    label: str
    code: int = Field(description="Number of the label in the order of the check's classes")
    confidence: float = Field(ge=0, le=1, description="Calibrated probability of the label")
    probabilities: dict[str, float]
    verdict: Literal["yes", "no", "look"]
    regions: list[RegionReply]


class ErrorReply(_Exact):
    """Why a page has no answers."""

    code: str
    message: str


class ModelReply(_Exact):
    """What gave the answers."""

    bundle: str
    version: str
    digest: str
    operating_point: str
    thresholds: dict[str, tuple[float, float]] = Field(description="(no, yes) by check")
    code_version: str


class ProvenanceReply(_Exact):
    """Where a finding comes from."""

    model: ModelReply
    sha256: str
    format: str
    original_size: tuple[int, int] = Field(description="width, height in px, upright")
    dpi: float | None
    decode_scale: float


class FindingReply(_Exact):
    """What is said of one page."""

    schema_name: Literal["imagefaulty.finding/1"] = Field(alias="schema")
    source: str
    page: int = Field(ge=0, description="Number of the page, from 0")
    pages: int
    answers: dict[str, AnswerReply]
    certainty: float = Field(ge=0, le=1, description="Confidence of the least certain answer")
    error: ErrorReply | None
    provenance: ProvenanceReply


def routes(desk: Desk, *, limit_bytes: int) -> APIRouter:
    """Return the route.

    Args:
        desk: Where files are inspected.
        limit_bytes: Largest body of a request with several files.
    """
    router = APIRouter(tags=["v1"])
    router.add_api_route(
        PATH,
        _inspect(desk, limit_bytes),
        methods=["POST"],
        response_model=list[FindingReply],
        openapi_extra={"requestBody": _BODY},
    )
    return router


def _inspect(desk: Desk, limit_bytes: int) -> Callable[..., Awaitable[Any]]:
    async def inspect(
        request: Request,
        checks: Annotated[str | None, Query(description="Checks to answer, separated by commas; all if none")] = None,
        evidence: Annotated[bool, Query(description="Also say where on the page each fault was seen")] = False,
        name: Annotated[str, Query(description="What to call a raw body in the finding")] = "",
    ) -> Any:  # noqa: ANN401 - dictionaries that the response model checks
        """Inspect the files of a multipart form, or a raw body; one finding per page, in order.

        A file that cannot be read gives a finding with an error and leaves the others untouched.
        """
        wanted = _wanted(checks, desk)
        if not request.headers.get("Content-Type", "").lower().startswith("multipart/form-data"):
            async with body_of(request, name, limit_bytes=desk.limit_bytes) as upload:
                return await _findings(desk, upload, wanted, evidence=evidence)
        async with form_of(request, limit_bytes=limit_bytes, most_files=MOST_FILES) as form:
            uploads = files_in(form)
            if not uploads:
                raise BadRequest("the form has no file; send at least one (curl -F file=@scan.jpg)")
            replies: list[dict[str, Any]] = []
            for upload in uploads:
                replies += await _findings(desk, upload, wanted, evidence=evidence)
            return replies

    return inspect


async def _findings(
    desk: Desk, upload: Upload, checks: list[CheckName] | None, *, evidence: bool
) -> list[dict[str, Any]]:
    findings = await desk.inspect(upload, checks=checks, evidence=evidence)
    return [finding.to_dict() for finding in findings]


def _wanted(checks: str | None, desk: Desk) -> list[CheckName] | None:
    if checks is None:
        return None
    served = [check.name for check in desk.inspector.checks]
    names = [name.strip() for name in checks.split(",") if name.strip()]
    if unknown := [name for name in names if name not in served]:
        raise BadRequest(f"the model does not answer {unknown[0][:40]!r}; it answers {', '.join(served)}")
    if not names:
        raise BadRequest(f"checks is empty; leave it out for all, or name some of {', '.join(served)}")
    return names
