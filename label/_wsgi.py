"""What ``label-studio-ml start --root-dir . label`` runs, with the flags that the launcher's projects have.

It serves what ``imagefaulty serve`` serves, with the hooks of ``model.py`` beside this file. For gunicorn there is an
application to name::

    gunicorn --worker-class uvicorn.workers.UvicornWorker --bind :9090 label._wsgi:app
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

    from imagefaulty.service.settings import Settings

MODEL = Path(__file__).resolve().parent / "model.py"


def parser() -> argparse.ArgumentParser:
    """Return the flags of the launcher's projects."""
    flags = argparse.ArgumentParser(description="ImageFaulty, a backend for Label Studio")
    flags.add_argument("-p", "--port", type=int, help="port to listen on (PORT, 9090)")
    flags.add_argument("--host", help="address to listen on (HOST, 0.0.0.0)")
    flags.add_argument(
        "--kwargs", "--with", nargs="+", default=[], metavar="KEY=VAL", help="any setting of docs/settings.md"
    )
    flags.add_argument("-d", "--debug", action="store_true", help="log everything; the same as --log-level DEBUG")
    flags.add_argument("--log-level", choices=["DEBUG", "INFO", "WARNING", "ERROR"], help="how much to log (LOG_LEVEL)")
    flags.add_argument("--model-dir", help="where models are kept; may be empty (MODEL_DIR)")
    flags.add_argument("--check", action="store_true", help="load the models and run them once before serving")
    flags.add_argument("--basic-auth-user", help="user that callers must name (BASIC_AUTH_USER)")
    flags.add_argument("--basic-auth-pass", help="their password (BASIC_AUTH_PASS)")
    return flags


def settings_from(arguments: argparse.Namespace) -> Settings:
    """Turn flags into settings.

    Raises:
        SettingsError: A value cannot be used.
    """
    from imagefaulty.errors import SettingsError  # noqa: PLC0415 - --help answers at once
    from imagefaulty.service.settings import read_settings  # noqa: PLC0415

    given: dict[str, Any] = {}
    for pair in arguments.kwargs:
        key, mark, value = pair.partition("=")
        if not mark:
            raise SettingsError(f"--with {pair}: write it as KEY=VAL, e.g. --with threads=2")
        given[key.strip().lower()] = value
    given |= {
        "host": arguments.host,
        "port": arguments.port,
        "log_level": "DEBUG" if arguments.debug else arguments.log_level,
        "model_dir": arguments.model_dir,
        # The launcher's own names for these two, too.
        "basic_auth_user": arguments.basic_auth_user or os.environ.get("ML_SERVER_BASIC_AUTH_USER"),
        "basic_auth_pass": arguments.basic_auth_pass or os.environ.get("ML_SERVER_BASIC_AUTH_PASS"),
    }
    settings = read_settings(**{name: value for name, value in given.items() if value is not None})
    return settings if settings.customise else settings.model_copy(update={"customise": str(MODEL)})


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted.

    Args:
        arguments: Flags; None takes those of the process.

    Returns:
        Exit status, as of ``imagefaulty serve``.
    """
    parsed = parser().parse_args(arguments)
    from imagefaulty.errors import ImageFaultyError  # noqa: PLC0415 - --help answers at once
    from imagefaulty.service.run import serve  # noqa: PLC0415

    try:
        settings = settings_from(parsed)
        if parsed.check:
            check(settings)
        serve(settings)
    except ImageFaultyError as error:
        sys.stderr.write(f"error: {error.message}\n")
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    return 0


def check(settings: Settings) -> None:
    """Load everything and inspect one drawn page.

    Raises:
        ImageFaultyError: A model cannot be used.
    """
    from PIL import Image  # noqa: PLC0415

    from imagefaulty.errors import BundleError  # noqa: PLC0415
    from imagefaulty.service.app import load_inspector  # noqa: PLC0415

    page = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(page, "PNG")
    inspector = load_inspector(settings)
    finding = inspector.inspect(page.getvalue(), name="a grey page")
    if finding.failure is not None:
        raise BundleError(f"the models fail on a grey page: {finding.failure.message}")
    sys.stderr.write(f"{inspector.bundle.model_version} answers {', '.join(finding.answers)}\n")


def __getattr__(name: str) -> FastAPI:
    """Make the application when a server asks for ``app``, and not when something else imports this file."""
    if name != "app":
        raise AttributeError(name)
    from imagefaulty.service.app import create_app  # noqa: PLC0415
    from imagefaulty.service.logs import configure_logging  # noqa: PLC0415

    settings = settings_from(parser().parse_args([]))
    configure_logging(settings.log_level)
    return create_app(settings)


if __name__ == "__main__":
    sys.exit(main())
