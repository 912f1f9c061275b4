from pathlib import Path

import pytest

from imagefaulty.errors import SettingsError
from imagefaulty.pages import Limits
from imagefaulty.service.settings import Settings, read_settings

REPOSITORY = Path(__file__).resolve().parents[2]
LISTED = [str(name).upper() for name in Settings.model_fields] + ["LABEL_STUDIO_HOST", "LABEL_STUDIO_ACCESS_TOKEN"]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LISTED:
        monkeypatch.delenv(name, raising=False)


def test_nothing_needs_to_be_set() -> None:
    settings = read_settings(env_file=None)
    assert (settings.port, settings.workers, settings.log_level, settings.predict_budget_s) == (9090, 1, "INFO", 80.0)
    assert settings.limits == Limits()
    assert settings.bundle is None


def test_flags_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=1\nTHREADS=3\nWORKERS=4\nUNKNOWN=x\n")
    monkeypatch.setenv("PORT", "2")
    monkeypatch.setenv("THREADS", "5")
    settings = read_settings(env_file=file, port=7, host=None)
    assert (settings.port, settings.threads, settings.workers) == (7, 5, 4)


def test_a_file_that_is_missing_is_no_error(tmp_path: Path) -> None:
    assert read_settings(env_file=tmp_path / "none").port == 9090


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PORT=\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(env_file=tmp_path / ".env")


@pytest.mark.parametrize("name", ["LABEL_STUDIO_URL", "LABEL_STUDIO_HOST"])
@pytest.mark.parametrize(("value", "url"), [("studio:8080", "http://studio:8080"), ("https://x/ls/", "https://x/ls")])
def test_the_address_has_two_names_and_needs_no_scheme(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, url: str
) -> None:
    monkeypatch.setenv(name, value)
    assert read_settings(env_file=None).label_studio_url == url


@pytest.mark.parametrize("name", ["LABEL_STUDIO_API_KEY", "LABEL_STUDIO_ACCESS_TOKEN"])
def test_the_token_has_two_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "secret-token")
    settings = read_settings(env_file=None)
    assert settings.label_studio_api_key is not None
    assert settings.label_studio_api_key.get_secret_value() == "secret-token"


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BASIC_AUTH_USER", "BASIC_AUTH_PASS", "WORKERS", "LABEL_STUDIO_URL", "MODEL_DIR"):
        monkeypatch.setenv(name, "")
    settings = read_settings(env_file=None)
    assert (settings.basic_auth_user, settings.basic_auth_pass, settings.workers) == (None, None, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "70000"),
        ("WORKERS", "0"),
        ("THREADS", "-1"),
        ("LOG_LEVEL", "loud"),
        ("MAX_IMAGE_BYTES", "much"),
        ("MAX_IMAGE_PIXELS", "0"),
        ("PREDICT_BUDGET_S", "nan"),
        ("PREDICT_BUDGET_S", "inf"),
        ("LABEL_STUDIO_URL", "ftp://secret"),
        ("BASIC_AUTH_USER", "secret"),
        ("BASIC_AUTH_PASS", "secret"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        read_settings(env_file=None)
    assert name in caught.value.message
    assert "\n" not in caught.value.message
    assert "secret" not in caught.value.message


def test_a_user_name_with_a_colon_cannot_work() -> None:
    with pytest.raises(SettingsError, match="colon"):
        read_settings(env_file=None, basic_auth_user="a:b", basic_auth_pass="c")


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(SettingsError, match="unknown setting prot"):
        read_settings(env_file=None, prot=1)


def test_sizes_may_have_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_IMAGE_BYTES", "64 MB")
    assert read_settings(env_file=None).limits.bytes == 64_000_000


def test_a_model_directory_counts_once_it_holds_a_model(tmp_path: Path) -> None:
    assert read_settings(env_file=None, model_dir=tmp_path).bundle is None
    (tmp_path / "page.onnx").touch()
    assert read_settings(env_file=None, model_dir=tmp_path).bundle == tmp_path
    assert read_settings(env_file=None, model_dir=tmp_path, model_path=tmp_path / "x").bundle == tmp_path / "x"
    assert read_settings(env_file=None, model_dir=tmp_path / "typo").bundle == tmp_path / "typo"


def test_workers_read_the_same_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = read_settings(
        env_file=None,
        port=1,
        basic_auth_user="u",
        basic_auth_pass="p",
        label_studio_url="x/ls",
        label_studio_api_key="t",
        model_path=tmp_path,
        max_image_bytes="5KB",
    )
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    assert read_settings(env_file=None) == settings


def test_secrets_do_not_show() -> None:
    settings = read_settings(
        env_file=None, basic_auth_user="u", basic_auth_pass="secret", label_studio_api_key="secret"
    )
    assert "secret" not in repr(settings)


def test_every_setting_is_documented() -> None:
    text = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in LISTED if f"`{name}`" not in text] == []
