"""The command line: one command per verb. Data goes to stdout, talk to stderr.

Exit statuses: 0 all is well; 2 a wrong argument or setting; 3 the model bundle cannot be used; 4 a page could not
be inspected (all others were); 5 Label Studio did not do what it was asked; 70 an error that is ours; 74 a file or
the output cannot be written; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, NoReturn

from cyclopts import App, Parameter, Token

from imagefaulty import listing
from imagefaulty._sessions import Provider
from imagefaulty._version import __version__
from imagefaulty.bundle import DEFAULT_OPERATING_POINT
from imagefaulty.cli_bundle import bundle_app
from imagefaulty.cli_demo import demo
from imagefaulty.cli_labelstudio import app as labelstudio_app
from imagefaulty.cli_training import evaluate, train, training_app
from imagefaulty.customising import load_customisation
from imagefaulty.errors import ImageFaultyError, PageError, SettingsError
from imagefaulty.finding import Finding
from imagefaulty.folders import files_of
from imagefaulty.pages import Limits
from imagefaulty.published import names_from
from imagefaulty.service.logs import place_of

app = App(
    name="imagefaulty",
    help="Say of scanned pages whether they are empty, folded or torn, carry a note, and how they were written.",
    version=__version__,
    version_flags=["--version"],
)
app.command(bundle_app)
app.command(demo)
app.command(labelstudio_app)
app.command(evaluate)
app.command(train)
app.command(training_app)

_BundleOption = Annotated[
    Path | None,
    Parameter(
        name=["--bundle", "--models", "--model-dir"],
        env_var=["MODEL_PATH", "MODEL_DIR"],
        help="Model bundle, or folder of published graphs; embedded if none.",
    ),
]
_DEFAULTS: Final = Limits()


def _size_bytes(_type: object, tokens: Sequence[Token]) -> int:
    """Read ``268435456`` or ``256MiB``, as the settings of the service do: one environment serves both."""
    if (text := tokens[0].value).isdecimal():
        return int(text)
    from pydantic import ByteSize, TypeAdapter, ValidationError  # noqa: PLC0415 - a tenth of a second that is rarely needed

    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        raise SettingsError(f"MAX_IMAGE_BYTES must be a number of bytes, such as 256MiB, not {text!r}") from None


#: 128 + SIGINT, as shells have it.
_INTERRUPTED: Final = 130
#: EX_IOERR of sysexits.h.
_IO_ERROR: Final = 74
_INTERNAL: Final = ImageFaultyError.exit_status


def main() -> None:
    """Run the command line and exit."""
    try:
        app(result_action="sys_exit")
    except ImageFaultyError as error:
        _end(error.message, error.exit_status)
    except BrokenPipeError:
        # The reader has gone (``| head``): end quietly, as other tools do.
        _drop_output()
        sys.exit(0)
    except OSError as error:
        _drop_output()
        _end(
            f"{error.filename or 'the output'}: {error.strerror or error}; check the disk and its permissions",
            _IO_ERROR,
        )
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except Exception as error:
        # Users get one line; `python -X dev` shows the rest.
        if sys.flags.dev_mode:
            raise
        _end(f"{place_of(error)}; please report it, with what `python -X dev -m imagefaulty ...` prints", _INTERNAL)


def _drop_output() -> None:
    """Send what is still buffered nowhere; the interpreter would fail on it again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@app.command
def inspect(
    files: Annotated[list[Path], Parameter(help="Images, documents, or folders of them.", negative=())],
    /,
    *,
    format: Annotated[listing.Format, Parameter(help="Form of the output.")] = "table",  # noqa: A002 - the flag's name
    checks: Annotated[str | None, Parameter(help="Checks to answer, separated by commas; all if none.")] = None,
    evidence: Annotated[bool, Parameter(help="Also say where each fault is (JSON forms).", negative=())] = False,
    bundle: _BundleOption = None,
    operating_point: Annotated[
        str, Parameter(help="Thresholds by which verdicts are given.")
    ] = DEFAULT_OPERATING_POINT,
    customise: Annotated[
        str | None, Parameter(env_var="CUSTOMISE", help="Python file with models and logic of yours.")
    ] = None,
    workers: Annotated[int | None, Parameter(help="Files worked on at once; one per processor if none.")] = None,
    provider: Annotated[Provider, Parameter(env_var="PROVIDER", help="Where the model runs.")] = "auto",
    max_image_bytes: Annotated[
        int,
        Parameter(
            env_var="MAX_IMAGE_BYTES", converter=_size_bytes, help="Largest file that is read, in bytes or as 256MiB."
        ),
    ] = _DEFAULTS.bytes,
    max_image_pixels: Annotated[
        int, Parameter(env_var="MAX_IMAGE_PIXELS", help="Largest page that is decoded, in px.")
    ] = _DEFAULTS.pixels,
) -> int:
    """Inspect pages and print what was found."""
    if workers is not None and workers < 1:
        raise SettingsError(f"--workers must be at least 1, not {workers}")
    inspector = load_customisation(customise).inspector(
        bundle,
        published=names_from(os.environ),
        checks=None if checks is None else [name.strip() for name in checks.split(",") if name.strip()],
        operating_point=operating_point,
        limits=_limits(max_image_bytes, max_image_pixels),
        provider=provider,
    )
    failed: list[str] = []
    findings = inspector.inspect_many(files_of(files), workers=workers or _processors(), evidence=evidence)
    _choose_encoding(format)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for text in listing.write(_watched(findings, failed), format, checks=inspector.checks, width=width):
        sys.stdout.write(text)
    sys.stdout.flush()
    for message in failed:
        _say(f"error: {message}")
    return PageError.exit_status if failed else 0


@app.command
def serve(
    *,
    host: Annotated[str | None, Parameter(help="Address to listen on (HOST).")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on (PORT).")] = None,
    workers: Annotated[int | None, Parameter(help="Server processes (WORKERS).")] = None,
    threads: Annotated[int | None, Parameter(help="Pages worked on at once in each process (THREADS).")] = None,
    log_level: Annotated[str | None, Parameter(help="debug, info, warning or error (LOG_LEVEL).")] = None,
    models: Annotated[
        Path | None, Parameter(help="Model bundle, or folder of published graphs; embedded if none (MODEL_PATH).")
    ] = None,
    customise: Annotated[str | None, Parameter(help="Python file with models and logic of yours (CUSTOMISE).")] = None,
    provider: Annotated[Provider | None, Parameter(help="Where the model runs (PROVIDER).")] = None,
    model_dir: Annotated[Path | None, Parameter(help="Where models are kept; may be empty (MODEL_DIR).")] = None,
    basic_auth_user: Annotated[str | None, Parameter(help="User that callers must name (BASIC_AUTH_USER).")] = None,
    basic_auth_pass: Annotated[str | None, Parameter(help="Their password (BASIC_AUTH_PASS).")] = None,
) -> None:
    """Serve Label Studio and the HTTP API. Each flag has an environment variable; docs/settings.md lists all."""
    from imagefaulty.service.run import serve as run  # noqa: PLC0415 - the service costs a second of start-up
    from imagefaulty.service.settings import read_settings  # noqa: PLC0415

    run(
        read_settings(
            host=host,
            port=port,
            workers=workers,
            threads=threads,
            log_level=log_level,
            model_path=models,
            customise=customise,
            provider=provider,
            model_dir=model_dir,
            basic_auth_user=basic_auth_user,
            basic_auth_pass=basic_auth_pass,
        )
    )


def _limits(largest_bytes: int, largest_pixels: int) -> Limits:
    for name, value in (("--max-image-bytes", largest_bytes), ("--max-image-pixels", largest_pixels)):
        if value < 1:
            raise SettingsError(f"{name} must be at least 1, not {value}")
    return Limits(bytes=largest_bytes, pixels=largest_pixels)


def _choose_encoding(form: listing.Format) -> None:
    """Write data as UTF-8 whatever the locale, and tables in the terminal's encoding, with escapes where it ends."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding=None if form == "table" else "utf-8", errors="backslashreplace")


def _watched(findings: Iterable[Finding], failed: list[str]) -> Iterator[Finding]:
    for finding in findings:
        if finding.failure is not None:
            failed.append(finding.failure.message)
        yield finding


def _processors() -> int:
    with contextlib.suppress(AttributeError):  # sched_getaffinity heeds container limits, but is not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _say(text: str) -> None:
    sys.stderr.write(f"imagefaulty: {text}\n")


def _end(message: str, status: int) -> NoReturn:
    _say(f"error: {message}")
    sys.exit(status)
