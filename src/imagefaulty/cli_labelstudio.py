"""``imagefaulty labelstudio``: set a project up, look what is wrong, import scans, predict projects of any size."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from cyclopts import App, Parameter

from imagefaulty.errors import LabelStudioError, PageError, SettingsError
from imagefaulty.progress_bar import progress_bar

if TYPE_CHECKING:
    from pydantic import SecretStr

    from imagefaulty.labelstudio.client import LabelStudioClient
    from imagefaulty.labelstudio.connecting import Setup
    from imagefaulty.labelstudio.doctor import Examination
    from imagefaulty.labelstudio.importing import ImportRun
    from imagefaulty.labelstudio.media import MediaReader
    from imagefaulty.labelstudio.predicting import ProjectRun
    from imagefaulty.service.settings import Settings

Format = Literal["text", "json"]
_Result = TypeVar("_Result")
_Project = Annotated[int, Parameter(name=["--project", "-p"], help="Number of the project, as in its page's address.")]
_Output = Annotated[Format, Parameter(name="--format", help="Form of the output.")]
_MODEL: Final = Parameter(name=["--model-dir", "--bundle"], help="Model bundle; embedded if none (MODEL_DIR).")
_Bundle = Annotated[Path | None, _MODEL]
_Threads = Annotated[int | None, Parameter(help="Pages worked on at once (THREADS).")]
#: Problems that are told one by one; more are counted.
_TOLD: Final = 20

app = App(name="labelstudio", help="Set up, fill and predict projects of a Label Studio.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Studio:
    """Where Label Studio is."""

    url: Annotated[str | None, Parameter(help="Label Studio's address (LABEL_STUDIO_URL).")] = None
    api_key: Annotated[
        str | None,
        Parameter(help="Token (LABEL_STUDIO_API_KEY). Other users of the machine can see flags: prefer the variable."),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Backend:
    """Where the backend is."""

    backend_url: Annotated[str | None, Parameter(help="The backend's address, as Label Studio must call it.")] = None
    basic_auth_user: Annotated[str | None, Parameter(help="The backend's user (BASIC_AUTH_USER).")] = None
    basic_auth_pass: Annotated[
        str | None,
        Parameter(help="Their password (BASIC_AUTH_PASS). Other users can see flags: prefer the variable."),
    ] = None


@app.command
def predict(
    *,
    project: _Project,
    only_unlabelled: Annotated[bool, Parameter(help="Leave out tasks with an annotation.", negative=())] = False,
    limit: Annotated[int | None, Parameter(help="Tasks to work on at most.")] = None,
    threads: _Threads = None,
    model_dir: _Bundle = None,
    format: _Output = "text",  # noqa: A002 - the flag's name
    studio: Studio | None = None,
) -> int:
    """Predict all tasks of a project that lack a prediction of this model version. Interrupted, it goes on there."""
    from imagefaulty.customising import load_customisation  # noqa: PLC0415 - heavy imports wait until needed
    from imagefaulty.labelstudio.predicting import predict_project  # noqa: PLC0415
    from imagefaulty.labelstudio.summaries import prediction_summary  # noqa: PLC0415
    from imagefaulty.service.app import load_inspector  # noqa: PLC0415

    if limit is not None and limit < 1:
        raise SettingsError(f"--limit must be at least 1, not {limit}")
    settings = _settings(studio, threads=threads, model_dir=model_dir)
    hooks = load_customisation(settings.customise)
    inspector = load_inspector(settings, hooks)

    async def work() -> ProjectRun:
        async with _client(settings) as client, _reader(settings) as reader:
            with progress_bar("predicting") as show:
                return await predict_project(
                    client,
                    inspector,
                    project,
                    reader=reader,
                    threads=settings.threads,
                    fetches=settings.fetches,
                    only_unlabelled=only_unlabelled,
                    limit=limit,
                    finish=hooks.finish,
                    watch=lambda run: show(run.done, run.total),
                )

    run = _run(work())
    _put(run.to_dict(), format, prediction_summary(run))
    _complain([f"task {task}: {failure.message}" for task, failure in sorted(run.failures.items())])
    return PageError.exit_status if run.failures else 0


@app.command
def connect(
    *,
    project: _Project,
    replace: Annotated[bool, Parameter(help="Remove the project's other connections.", negative=())] = False,
    tab: Annotated[bool, Parameter(help="Add a Data Manager tab that shows the least certain pages first.")] = True,
    format: _Output = "text",  # noqa: A002 - the flag's name
    studio: Studio | None = None,
    backend: Backend | None = None,
) -> None:
    """Connect a project to the backend: labelling configuration, connection, score column, webhook, final check."""
    from imagefaulty.labelstudio.connecting import backend_address, connect_backend  # noqa: PLC0415
    from imagefaulty.labelstudio.summaries import setup_summary  # noqa: PLC0415

    settings = _settings(studio, backend)
    url = (backend.backend_url if backend else None) or "http://localhost:9090"
    address = backend_address(url, settings.basic_auth_user or "", _secret(settings.basic_auth_pass))

    async def work() -> Setup:
        async with _client(settings) as client:
            return await connect_backend(client, project, address, replace=replace, tab=tab)

    setup = _run(work())
    _put(setup.to_dict(), format, setup_summary(setup))
    for warning in setup.warnings:
        _say(f"warning: {warning}")


@app.command
def doctor(
    *,
    project: Annotated[
        int | None, Parameter(name=["--project", "-p"], help="Number of the project to look at.")
    ] = None,
    format: _Output = "text",  # noqa: A002 - the flag's name
    studio: Studio | None = None,
    backend: Backend | None = None,
) -> int:
    """Look for every fault that is known to keep Label Studio and the backend apart; change nothing."""
    from imagefaulty.labelstudio.connecting import backend_address  # noqa: PLC0415
    from imagefaulty.labelstudio.doctor import examine  # noqa: PLC0415
    from imagefaulty.labelstudio.summaries import examination_summary  # noqa: PLC0415

    settings = _settings(studio, backend)
    url = backend_address(backend.backend_url).url if backend and backend.backend_url else ""
    credentials = (settings.basic_auth_user or "", _secret(settings.basic_auth_pass))

    async def work() -> Examination:
        async with _client(settings) as client, _reader(settings) as reader:
            return await examine(client, project=project, backend_url=url, credentials=credentials, reader=reader)

    found = _run(work())
    body = {"healthy": found.healthy, "signs": [sign.to_dict() for sign in found.signs]}
    _put(body, format, examination_summary(found))
    return 0 if found.healthy else LabelStudioError.exit_status


@app.command(name="import")
def import_(
    folder: Annotated[Path, Parameter(help="Folder of scans and documents, or one file.")],
    /,
    *,
    project: _Project,
    local_files: Annotated[
        Path | None,
        Parameter(help="Write the pages below this folder, which Label Studio serves, instead of uploading them."),
    ] = None,
    served_as: Annotated[
        str, Parameter(help="That folder as Label Studio sees it, where the path differs (containers).")
    ] = "",
    predictions: Annotated[bool, Parameter(help="Attach a prediction to each task.")] = True,
    longest_side: Annotated[int, Parameter(help="Longest side of a page in px.")] = 2500,
    quality: Annotated[int, Parameter(help="JPEG quality, 1 to 95.")] = 85,
    threads: _Threads = None,
    model_dir: _Bundle = None,
    format: _Output = "text",  # noqa: A002 - the flag's name
    studio: Studio | None = None,
) -> int:
    """Make a task of each page below a folder (TIFF, JPEG 2000, PDF, ...), skipping pages that are there already."""
    from imagefaulty.customising import load_customisation  # noqa: PLC0415
    from imagefaulty.labelstudio.importing import LocalFiles, import_folder  # noqa: PLC0415
    from imagefaulty.labelstudio.rendering import Rendering  # noqa: PLC0415
    from imagefaulty.labelstudio.summaries import import_summary  # noqa: PLC0415
    from imagefaulty.service.app import load_inspector  # noqa: PLC0415

    if longest_side < 1 or not 1 <= quality <= 95:  # noqa: PLR2004 - libjpeg's useful range
        raise SettingsError("--longest-side must be at least 1, and --quality from 1 to 95")
    settings = _settings(studio, threads=threads, model_dir=model_dir)
    hooks = load_customisation(settings.customise)
    inspector = load_inspector(settings, hooks) if predictions else None

    async def work() -> ImportRun:
        async with _client(settings) as client:
            with progress_bar("importing") as show:
                return await import_folder(
                    client,
                    project,
                    folder,
                    inspector=inspector,
                    rendering=Rendering(longest_side, quality),
                    local_files=LocalFiles(local_files, served_as) if local_files else None,
                    limits=settings.limits,
                    threads=settings.threads,
                    finish=hooks.finish,
                    watch=lambda run: show(run.imported + run.skipped, None),
                )

    run = _run(work())
    _put(run.to_dict(), format, import_summary(run))
    _complain([problem.failure.message for problem in run.problems])
    return PageError.exit_status if run.problems else 0


def _settings(studio: Studio | None, backend: Backend | None = None, **flags: object) -> Settings:
    from imagefaulty.service.settings import read_settings  # noqa: PLC0415

    given: dict[str, Any] = dict(flags)
    if studio is not None:
        given |= {"label_studio_url": studio.url, "label_studio_api_key": studio.api_key}
    if backend is not None:
        given |= {"basic_auth_user": backend.basic_auth_user, "basic_auth_pass": backend.basic_auth_pass}
    return read_settings(**given)


def _client(settings: Settings) -> LabelStudioClient:
    from imagefaulty.labelstudio.client import LabelStudioClient  # noqa: PLC0415
    from imagefaulty.labelstudio.tokens import Token  # noqa: PLC0415

    secret = _secret(settings.label_studio_api_key)
    if not secret:
        raise SettingsError(
            "no token for Label Studio; set LABEL_STUDIO_API_KEY to a personal access token from its page "
            "Account & Settings"
        )
    return LabelStudioClient(settings.label_studio_url, Token(secret, "LABEL_STUDIO_API_KEY"))


def _reader(settings: Settings) -> MediaReader:
    from imagefaulty.labelstudio.media import MediaReader  # noqa: PLC0415

    return MediaReader(
        limit_bytes=int(settings.max_image_bytes),
        timeout_s=settings.fetch_timeout_s,
        connections=settings.threads + settings.fetches,
    )


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""


def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
    import asyncio  # noqa: PLC0415 - no other command waits for it

    # Failures are in the result and told at the end; in between they would tear the progress bar.
    logging.getLogger("imagefaulty").addHandler(logging.NullHandler())
    logging.getLogger("stamina").addHandler(logging.NullHandler())
    return asyncio.run(work)


def _put(body: Mapping[str, object], form: Format, text: str) -> None:
    sys.stdout.write(f"{json.dumps(body, ensure_ascii=False, indent=2) if form == 'json' else text}\n")
    sys.stdout.flush()


def _complain(problems: Sequence[str]) -> None:
    for problem in problems[:_TOLD]:
        _say(f"error: {problem}")
    if len(problems) > _TOLD:
        _say(f"error: and {len(problems) - _TOLD} more; --format json lists them all")


def _say(text: str) -> None:
    sys.stderr.write(f"imagefaulty: {text}\n")
