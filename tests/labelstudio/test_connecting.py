"""Addresses of backends, and the configuration that a blank project gets."""

from __future__ import annotations

import pytest

from imagefaulty.checks import CHECK_NAMES
from imagefaulty.errors import SettingsError
from imagefaulty.labelstudio.config import parse_label_config
from imagefaulty.labelstudio.connecting import backend_address, fixed_label_config, is_blank, is_loopback


def test_the_packaged_configuration_is_the_example(labelling_config: str) -> None:
    assert fixed_label_config() == labelling_config
    assert {binding.check for binding in parse_label_config(fixed_label_config()).bindings} == set(CHECK_NAMES)


@pytest.mark.parametrize("text", ["", "  ", "<View></View>", "<View/>"])
def test_a_new_projects_configuration_is_blank(text: str) -> None:
    assert is_blank(text)


def test_a_configuration_with_a_tag_is_not_blank() -> None:
    assert not is_blank('<View><Text name="text" value="$text"/></View>')


def test_an_address_is_tidied() -> None:
    assert backend_address(" imagefaulty:9090/ ").url == "http://imagefaulty:9090"
    assert backend_address("https://host/backend/", "user", "pass").url == "https://host/backend"


@pytest.mark.parametrize(
    ("url", "user", "password", "told"),
    [
        ("ftp://host", "", "", "is no address"),
        ("http://user:pass@host", "", "", "must not hold a password"),
        ("http://host?x=1", "", "", "query"),
        ("http://host", "user", "", "together"),
    ],
)
def test_an_address_that_label_studio_could_not_use_is_refused(url: str, user: str, password: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as refusal:
        backend_address(url, user, password)
    assert "pass@" not in str(refusal.value)


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(backend_address("host:1", "user", "secret"))


@pytest.mark.parametrize(
    ("url", "expected"), [("http://localhost:1", True), ("http://127.8.0.1", True), ("http://host", False)]
)
def test_loopback_is_recognised(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
