"""One model of all settings of the service, read once at the edge: flags over environment over ``.env`` file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AliasChoices, BeforeValidator, ByteSize, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from imagefaulty._sessions import Provider
from imagefaulty.bundle import MANIFEST
from imagefaulty.checks import CheckName
from imagefaulty.errors import SettingsError
from imagefaulty.labelstudio.references import studio_url
from imagefaulty.pages import Limits
from imagefaulty.published import PUBLISHED, names_from

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

_ENV_FILE: Final = ".env"


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class Settings(BaseSettings):
    """What ``imagefaulty serve`` can be told; every field is described in ``docs/settings.md``.

    Make one with :func:`read_settings`, which turns a wrong value into a :class:`SettingsError`.
    """

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    # Label Studio often runs in a container or on another machine, so loopback alone would not do as a default.
    host: str = "0.0.0.0"  # noqa: S104 - see above; the start warns where no password is set
    port: int = Field(default=9090, ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=256)
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256)
    log_level: Annotated[LogLevel, BeforeValidator(_upper)] = "INFO"
    basic_auth_user: str | None = None
    basic_auth_pass: SecretStr | None = None
    model_path: Path | None = None
    model_dir: Path | None = None
    writing_type_model: str = PUBLISHED["writing_type"].file
    post_it_model: str = PUBLISHED["post_it"].file
    corner_model: str = PUBLISHED["corner"].file
    empty_model: str = PUBLISHED["empty"].file
    label_studio_url: str = Field(default="", validation_alias=AliasChoices("LABEL_STUDIO_URL", "LABEL_STUDIO_HOST"))
    label_studio_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("LABEL_STUDIO_API_KEY", "LABEL_STUDIO_ACCESS_TOKEN")
    )
    customise: str | None = None
    provider: Provider = "auto"
    allowed_paths: str = ""
    allowed_urls: str = ""
    cors_origins: str = "*"
    max_image_bytes: ByteSize = Field(default=ByteSize(Limits().bytes), gt=0)
    max_image_pixels: int = Field(default=Limits().pixels, gt=0)
    max_request_bytes: ByteSize = Field(default=ByteSize(256 * 1024 * 1024), gt=0)
    # Label Studio gives a prediction request 100 s and hides what comes later; nginx in front of it about 90 s.
    predict_budget_s: float = Field(default=80.0, gt=0, allow_inf_nan=False)
    fetches: int = Field(default=8, ge=1, le=256)
    fetch_timeout_s: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    image_hosts: str = ""
    cache_dir: Path | None = None
    cache_bytes: ByteSize = Field(default=ByteSize(2 * 1024**3), gt=0)
    # Long enough to click again after Label Studio gave up, short enough that a replaced picture is seen.
    result_cache_s: float = Field(default=900.0, ge=0, allow_inf_nan=False)

    @property
    def limits(self) -> Limits:
        """Limits on what is decoded."""
        return Limits(bytes=int(self.max_image_bytes), pixels=self.max_image_pixels)

    @property
    def published(self) -> dict[CheckName, str]:
        """Names of the published model files in a directory without a manifest, by check."""
        return names_from({known.variable: getattr(self, known.variable.lower()) for known in PUBLISHED.values()})

    @property
    def bundle(self) -> Path | None:
        """Directory of the model bundle to serve; None means the embedded one.

        ``MODEL_PATH`` names a bundle. ``MODEL_DIR`` is where models are kept: an existing directory without a model
        in it, such as a fresh volume, leaves the embedded one in service.
        """
        if self.model_path is not None or self.model_dir is None:
            return self.model_path
        vacant = self.model_dir.is_dir() and not any(
            path.name == MANIFEST or path.suffix == ".onnx" for path in self.model_dir.iterdir()
        )
        return None if vacant else self.model_dir

    def to_environment(self) -> dict[str, str]:
        """Return the settings as environment variables, secrets included, for worker processes."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else _plain(value)
            for name, value in values.items()
            if value is not None
        }


def read_settings(*, env_file: str | Path | None = _ENV_FILE, **flags: object) -> Settings:
    """Read the settings.

    Args:
        env_file: File of ``NAME=value`` lines that gives what neither flags nor environment give; it may be missing.
        flags: Values by field name, e.g. ``port=9090``; None means not given.

    Raises:
        SettingsError: A value cannot be used; the message names the setting and the cure.
    """
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    if unknown := given.keys() - Settings.model_fields.keys():
        raise SettingsError(f"unknown setting {', '.join(sorted(unknown))}; docs/settings.md lists them all")
    try:
        settings = Settings(**{"_env_file": env_file, **given})
    except ValidationError as error:
        raise SettingsError("; ".join(_complaint(detail) for detail in error.errors())) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{env_file} cannot be read ({type(error).__name__}); correct or remove it") from None
    if bool(settings.basic_auth_user) != bool(settings.basic_auth_pass):
        missing = "BASIC_AUTH_PASS" if settings.basic_auth_user else "BASIC_AUTH_USER"
        raise SettingsError(f"{missing} is missing: set BASIC_AUTH_USER and BASIC_AUTH_PASS together, or neither")
    if ":" in (settings.basic_auth_user or ""):
        raise SettingsError("BASIC_AUTH_USER must not hold a colon, which ends the user name in Basic auth")
    return settings.model_copy(update={"label_studio_url": studio_url(settings.label_studio_url)})


def _complaint(detail: Any) -> str:  # noqa: ANN401 - pydantic's own dictionary
    """Say which setting is wrong and what it should be, without quoting its value."""
    name = str(detail["loc"][0]).upper() if detail["loc"] else "settings"
    message = str(detail["msg"])
    return f"{name}: {message[:1].lower()}{message[1:]}; docs/settings.md says what it may be"


def _plain(value: object) -> str:
    return str(int(value)) if isinstance(value, ByteSize) else str(value)
