import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagefaulty.errors import SettingsError, SourceError
from imagefaulty.labelstudio.references import Studio, TaskIdentity, resolve, shown, studio_url

ROOT = Studio("http://studio:8080", ("http://localhost:8080",))
SUB = Studio("http://studio/label", ("https://public.example/label",))
TASK = TaskIdentity(17, 2)
CLOUD = base64.urlsafe_b64encode(b"s3://bucket/scan.jpg").decode()


@pytest.mark.parametrize(
    ("reference", "url", "trusted"),
    [
        ("http://elsewhere/x.jpg", "http://elsewhere/x.jpg", False),
        ("https://studio:8080/x.jpg", "https://studio:8080/x.jpg", False),
        ("http://studio:8080@evil/x.jpg", "http://studio:8080@evil/x.jpg", False),
        ("http://STUDIO:8080/data/upload/1/x.jpg", "http://STUDIO:8080/data/upload/1/x.jpg", True),
        ("/data/upload/2/75766fab-page.jpg", "http://studio:8080/data/upload/2/75766fab-page.jpg", True),
        ("upload/2/75766fab-page.jpg", "http://studio:8080/data/upload/2/75766fab-page.jpg", True),
        ("data/upload/2/x.jpg", "http://studio:8080/data/upload/2/x.jpg", True),
        ("/data/local-files/?d=dir/a b.jpg", "http://studio:8080/data/local-files/?d=dir/a b.jpg", True),
        ("http://localhost:8080/data/local-files/?d=a.jpg", "http://studio:8080/data/local-files/?d=a.jpg", True),
        ("http://localhost/data/upload/x.jpg", "http://localhost/data/upload/x.jpg", False),
        ("/storage-data/uploaded/?filepath=upload/1/x.jpg", None, True),
        ("s3://bucket/scan.jpg", f"http://studio:8080/tasks/17/presign/?fileuri={CLOUD.replace('=', '%3D')}", True),
        ("http://studio:8080/tasks/1/resolve/?fileuri=eA==", "http://studio:8080/tasks/1/resolve/?fileuri=eA==", True),
        ("//cdn.example/x.jpg", "http://cdn.example/x.jpg", False),
    ],
)
def test_each_kind_of_reference_has_its_address(reference: str, url: str | None, *, trusted: bool) -> None:
    target = resolve(reference, ROOT, TASK)
    assert target.url == (url or f"http://studio:8080{reference}")
    assert target.trusted is trusted


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("/label/data/upload/1/x.jpg", "http://studio/label/data/upload/1/x.jpg"),
        ("/data/upload/1/x.jpg", "http://studio/label/data/upload/1/x.jpg"),
        ("upload/1/x.jpg", "http://studio/label/data/upload/1/x.jpg"),
        ("https://public.example/label/data/upload/1/x.jpg", "http://studio/label/data/upload/1/x.jpg"),
        ("https://public.example/labels/x.jpg", "https://public.example/labels/x.jpg"),
        ("gs://b/x.jpg", "http://studio/label/tasks/17/presign/?fileuri=Z3M6Ly9iL3guanBn"),
    ],
)
def test_a_sub_path_is_added_once(reference: str, url: str) -> None:
    assert resolve(reference, SUB, TASK).url == url


def test_cloud_files_without_a_task_are_signed_by_project() -> None:
    target = resolve("azure-blob://c/x.jpg", ROOT, TaskIdentity(None, 2))
    assert target.url.startswith("http://studio:8080/projects/2/presign/?fileuri=")


@pytest.mark.parametrize(
    ("reference", "studio", "message"),
    [
        ("/data/upload/1/x.jpg", Studio(), "set LABEL_STUDIO_URL"),
        ("s3://bucket/x.jpg", Studio(), "set LABEL_STUDIO_URL"),
        ("s3://bucket/x.jpg", ROOT, "send the task id"),
        ("file:///etc/passwd", ROOT, "file: addresses are not fetched"),
        ("C:\\scans\\x.jpg", ROOT, "c: addresses are not fetched"),
        ("http://[::1/x.jpg", ROOT, "not a usable address"),
        ("http:///x.jpg", ROOT, "not a usable address"),
        ("http://host:port/x.jpg", ROOT, "not a usable address"),
    ],
)
def test_a_hopeless_reference_is_refused_with_the_cure(reference: str, studio: Studio, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        resolve(reference, studio, TaskIdentity())
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("http://user:secret@host/x.jpg?X-Amz-Signature=secret#secret", "http://host/x.jpg"),
        ("http://a@b:secret@host/x.jpg", "http://host/x.jpg"),
        ("/data/local-files/?d=dir/a.jpg&token=secret", "/data/local-files/?d=dir/a.jpg"),
        ("data:image/png;base64,c2VjcmV0", "data: URI of 30 characters"),
        ("a\nb\x1b[0m", "a�b�[0m"),
        ("http://host/" + "x" * 500, "http://host/" + "x" * 187 + "…"),
    ],
)
def test_a_shown_reference_holds_no_secret_and_no_control_character(reference: str, text: str) -> None:
    assert shown(reference) == text


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("studio:8080", "http://studio:8080"),
        (" https://studio/label/ ", "https://studio/label"),
        ("", ""),
        ("localhost", "http://localhost"),
    ],
)
def test_an_address_is_brought_into_one_form(given_url: str, url: str) -> None:
    assert studio_url(given_url) == url


@pytest.mark.parametrize("given_url", ["ftp://h", "http://", "http://u:secret@h", "http://h:x", "http://h/?a=secret"])
def test_an_address_that_cannot_be_used_is_refused_without_quoting_it(given_url: str) -> None:
    with pytest.raises(SettingsError, match="LABEL_STUDIO_URL") as caught:
        studio_url(given_url)
    assert "secret" not in caught.value.message


@given(st.text(max_size=60), st.sampled_from([ROOT, SUB, Studio()]))
def test_any_reference_is_resolved_or_refused_in_one_line(reference: str, studio: Studio) -> None:
    try:
        address, message = resolve(reference, studio, TASK).url, ""
    except SourceError as error:
        address, message = "", error.message
    assert message.isprintable()
    assert message or address.startswith(("http://", "https://"))
