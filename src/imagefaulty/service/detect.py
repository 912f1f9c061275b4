"""The HTTP API of the FaultyImageAPI and its single services, as their callers know it.

``POST /detect`` answers codes for the checks that the query asks for; ``/corner``, ``/postit``, ``/empty`` and
``/writingtype`` answer one label with its confidence. Where the originals break down, these answer 4xx with a reason.
New callers do better with ``POST /v1/inspect``.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from imagefaulty.checks import CheckName
from imagefaulty.errors import (
    BadRequest,
    ImageFaultyError,
    PageDamaged,
    PageEmptyFile,
    PageEncrypted,
    PageError,
    PageMissing,
    PageTooLarge,
    PageUnsupported,
    SourceTooLarge,
)
from imagefaulty.finding import Failure, Finding
from imagefaulty.service.allowed import AllowedSources
from imagefaulty.service.uploads import Desk, Upload, file_in, form_of

#: Path of a single service → its check.
SERVICES: Final[dict[str, CheckName]] = {
    "corner": "corner",
    "postit": "post_it",
    "empty": "empty",
    "writingtype": "writing_type",
}
#: Paths that web pages of other hosts may call.
PATHS: Final = ("/detect", *(f"/{service}" for service in SERVICES))
_FORM: Final[dict[str, Any]] = {"content": {"multipart/form-data": {"schema": {"type": "object"}}}, "required": True}
#: What may be wrong with a file, and the status for it.
_STATUS: Final = {
    error.code: error.http_status
    for error in (
        SourceTooLarge,
        PageError,
        PageEmptyFile,
        PageUnsupported,
        PageDamaged,
        PageTooLarge,
        PageEncrypted,
        PageMissing,
    )
}
#: The single services of the original answer 400 to every file that does not open, and 422 where none was sent.
_FAULTS_OF_FILES: Final = (404, 415, 422)
_UNREADABLE: Final = 400
_UNSENT: Final = 422


class Detected(BaseModel):
    """What ``/detect`` says of one page; a check that was not asked for is null."""

    file: str = Field(description="Name of the file; of a page of a longer PDF `name_page_N.pdf`, N from 1.")
    post_it: int | None = Field(description="0 ok, 1 post-it")
    corner: int | None = Field(description="0 ok, 1 folded_corner")
    empty: int | None = Field(description="0 ok, 1 empty")
    writing_type: int | None = Field(description="0 Handwritten, 1 Typewritten, 2 Combination")
    id: str | None = Field(description="The id of the query, handed back.")


class Prediction(BaseModel):
    """What a single service says of a page."""

    prediction: str
    confidence: float = Field(ge=0, le=1)


def routes(desk: Desk, allowed: AllowedSources) -> APIRouter:
    """Return the routes.

    Args:
        desk: Where files are inspected.
        allowed: Paths and addresses that may be named; where there are none, the routes that take them do not exist.
    """
    router = APIRouter(tags=["FaultyImageAPI"])
    router.add_api_route(
        "/detect", _detect(desk), methods=["POST"], response_model=list[Detected], openapi_extra={"requestBody": _FORM}
    )
    for service, check in SERVICES.items():
        router.add_api_route(
            f"/{service}",
            _single(desk, check),
            methods=["POST"],
            response_model=Prediction,
            name=service,
            openapi_extra={"requestBody": _FORM},
        )
        for path in (f"/{service}path", f"/{service}_path") if allowed.folders else ():
            router.add_api_route(path, _by_path(desk, check, allowed), response_model=Prediction, name=path[1:])
        for path in (f"/{service}url", f"/{service}_url") if allowed.addresses else ():
            router.add_api_route(path, _by_url(desk, check, allowed), response_model=Prediction, name=path[1:])
    return router


_Flag = Annotated[str | None, Query(description="1 to ask for this check")]


def _detect(desk: Desk) -> Callable[..., Awaitable[Any]]:
    async def detect(
        request: Request,
        *,
        postit: _Flag = None,
        corner: _Flag = None,
        empty: _Flag = None,
        writing_type: _Flag = None,
        id: Annotated[str | None, Query(description="Handed back with each page")] = None,  # noqa: A002 - on the wire
    ) -> Any:  # noqa: ANN401 - the models, or an error's answer
        """Answer the checks that the query asks for, for each page of the multipart file `image`."""
        asked = {"post_it": postit, "corner": corner, "empty": empty, "writing_type": writing_type}
        checks = [check for check, flag in asked.items() if flag == "1"]
        for check in checks:
            _demand(desk, check)
        async with form_of(request, limit_bytes=desk.limit_bytes) as form:
            upload = file_in(form, "image")
            findings = await desk.inspect(upload, checks=checks, first_only=True, except_formats=("PDF",))
        failure = next((finding.failure for finding in findings if finding.failure is not None), None)
        if failure is not None:
            return _refused(failure, _STATUS.get(failure.code, ImageFaultyError.http_status))
        return [_detected(finding, upload.name, len(findings), id) for finding in findings]

    return detect


def _detected(finding: Finding, name: str, pages: int, caller_id: str | None) -> Detected:
    path = PurePosixPath(name)
    page = f"_page_{finding.provenance.page + 1}" if pages > 1 else ""
    codes = {check: answer.code for check, answer in finding.answers.items()}
    return Detected(
        file=name.removesuffix(path.suffix) + page + path.suffix,
        post_it=codes.get("post_it"),
        corner=codes.get("corner"),
        empty=codes.get("empty"),
        writing_type=codes.get("writing_type"),
        id=caller_id,
    )


def _single(desk: Desk, check: CheckName) -> Callable[..., Awaitable[Any]]:
    async def single(request: Request) -> Any:  # noqa: ANN401 - the model, or an error's answer
        try:
            _demand(desk, check)
            async with form_of(request, limit_bytes=desk.limit_bytes) as form:
                return await _predicted(desk, check, file_in(form, "file"))
        except BadRequest as error:
            return _refused(error, error.http_status if error.http_status != BadRequest.http_status else _UNSENT)
        except ImageFaultyError as error:
            return _refused(error, error.http_status)

    single.__doc__ = f"Answer the check {check} for the multipart file `file` (its first page)."
    return single


def _by_path(desk: Desk, check: CheckName, allowed: AllowedSources) -> Callable[..., Awaitable[Any]]:
    async def by_path(path: str) -> Any:  # noqa: ANN401 - the model, or an error's answer
        try:
            _demand(desk, check)
            data = await asyncio.to_thread(allowed.file, path)
            return await _predicted(desk, check, Upload(path, io.BytesIO(data)))
        except ImageFaultyError as error:
            return _refused(error, error.http_status)

    by_path.__doc__ = f"Answer the check {check} for a file of this machine, below a folder of ALLOWED_PATHS."
    return by_path


def _by_url(desk: Desk, check: CheckName, allowed: AllowedSources) -> Callable[..., Awaitable[Any]]:
    async def by_url(url: str) -> Any:  # noqa: ANN401 - the model, or an error's answer
        try:
            _demand(desk, check)
            return await _predicted(desk, check, Upload(url, io.BytesIO(await allowed.fetch(url))))
        except ImageFaultyError as error:
            return _refused(error, error.http_status)

    by_url.__doc__ = f"Answer the check {check} for an address below one of ALLOWED_URLS."
    return by_url


async def _predicted(desk: Desk, check: CheckName, upload: Upload) -> Prediction | JSONResponse:
    finding = (await desk.inspect(upload, checks=[check], first_only=True))[0]
    if (failure := finding.failure) is not None:
        status = _STATUS.get(failure.code, ImageFaultyError.http_status)
        return _refused(failure, _UNREADABLE if status in _FAULTS_OF_FILES else status)
    answer = finding.answers[check]
    return Prediction(prediction=answer.label, confidence=answer.confidence)


def _demand(desk: Desk, check: CheckName) -> None:
    served = [each.name for each in desk.inspector.checks]
    if check not in served:
        raise BadRequest(f"the model does not answer {check}; it answers {', '.join(served)}")


def _refused(error: ImageFaultyError | Failure, status: int) -> JSONResponse:
    """Answer with the reason, under the originals' key too."""
    body = {"detail": error.message, "error": {"code": error.code, "message": error.message}}
    return JSONResponse(body, status_code=status)
