from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from imagefaulty.customising import Customisation, load_customisation
from imagefaulty.errors import SettingsError
from tests.bundles import tiny_bundle
from tests.conftest import REPOSITORY

CLASS = """
from imagefaulty.customising import Customisation

class {name}(Customisation):
    version = "{version}"
"""


def test_without_a_file_nothing_changes(tmp_path: Path) -> None:
    home = tiny_bundle(tmp_path)
    inspector = load_customisation(None).inspector(home)
    assert inspector.bundle.model_version.startswith("tiny-1.0-")


def test_the_file_in_the_label_directory_changes_nothing_until_it_is_edited(tmp_path: Path) -> None:
    home = tiny_bundle(tmp_path)
    hooks = load_customisation(REPOSITORY / "label" / "model.py")
    assert type(hooks).__name__ == "ImageFaulty"
    plain = load_customisation(None).inspector(home)
    assert hooks.inspector(home).bundle.model_version == plain.bundle.model_version
    assert hooks.finish({"result": []}, {}) == {"result": []}


def test_every_hook_stands_in_the_label_directory() -> None:
    hooks = type(load_customisation(REPOSITORY / "label" / "model.py"))
    own = {name for name in vars(Customisation) if not name.startswith("_")} - {"inspector"}
    assert own <= set(vars(hooks))


def test_a_class_is_named_after_a_colon_where_there_are_several(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(CLASS.format(name="One", version=1) + CLASS.format(name="Two", version=2))
    assert load_customisation(f"{path}:Two").version == "2"
    with pytest.raises(SettingsError, match=r"give the name of one subclass.*One, Two"):
        load_customisation(path)
    with pytest.raises(SettingsError, match="it has: One, Two"):
        load_customisation(f"{path}:Three")


def test_two_files_of_one_name_do_not_mix(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "model.py").write_text(CLASS.format(name="Mine", version=number))
    assert [load_customisation(tmp_path / str(n) / "model.py").version for n in (1, 2)] == ["1", "2"]


def test_a_module_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "archive_rules.py").write_text(CLASS.format(name="Rules", version=7))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_customisation("archive_rules").version == "7"
    assert load_customisation("archive_rules:Rules").version == "7"
    del sys.modules["archive_rules"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "it has: none"),
        ("import nowhere_at_all", "cannot be loaded (ModuleNotFoundError: No module named 'nowhere_at_all')"),
        ("1 / 0", "cannot be loaded (ZeroDivisionError"),
        ("def", "cannot be loaded (SyntaxError"),
    ],
)
def test_a_file_that_cannot_be_used_is_said_in_words(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_customisation(path)
    assert message in caught.value.message


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.py: no such file"):
        load_customisation("nowhere.py")


def test_the_code_in_the_documentation_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (REPOSITORY / "docs" / "customising.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    Image.new("RGB", (600, 800), (20, 20, 20)).save(tmp_path / "scan.jpg")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "customising.md", "exec"), {})  # noqa: S102 - our own documentation
    assert capsys.readouterr().out == "yes\n"


@pytest.mark.parametrize("hook", ["choose_bundle", "extra_checks"])
def test_a_hook_that_fails_is_named_with_its_error(tmp_path: Path, hook: str) -> None:
    def fail(*_: object) -> None:
        raise KeyError("stamps")

    hooks = type("Mine", (Customisation,), {hook: fail})()
    with pytest.raises(SettingsError, match=rf"{hook}\(\) failed \(KeyError: 'stamps'\)"):
        hooks.inspector(tiny_bundle(tmp_path))


def test_a_rule_that_forgets_to_return_fails_the_page_with_a_reason(tmp_path: Path) -> None:
    hooks = type("Mine", (Customisation,), {"judge": lambda _self, _finding: None})()
    page = tmp_path / "page.png"
    Image.new("RGB", (60, 80), "white").save(page)
    failure = hooks.inspector(tiny_bundle(tmp_path)).inspect(page).failure
    assert failure is not None
    assert "returned NoneType, not a Finding" in failure.message
