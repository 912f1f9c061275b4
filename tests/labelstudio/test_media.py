import asyncio
import base64
import logging
import time
from collections.abc import Iterator

import pytest

from imagefaulty.errors import SourceError, SourceForbidden, SourceNotFound, SourceTooLarge, SourceUnreachable
from imagefaulty.labelstudio.media import Access, MediaReader
from imagefaulty.labelstudio.references import Studio, TaskIdentity
from imagefaulty.labelstudio.tokens import Token
from tests.labelstudio.studio_server import LEGACY, PERSONAL, PICTURE, StudioServer, jwt, studio_server


@pytest.fixture
def studio() -> Iterator[StudioServer]:
    with studio_server() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[StudioServer]:
    with studio_server() as server:
        yield server


def access(server: StudioServer, *secrets: str, alias: str = "") -> Access:
    tokens = tuple(Token(secret, f"source {number}") for number, secret in enumerate(secrets, 1))
    return Access(Studio(server.url, (alias,) if alias else ()), tokens)


def read(
    reference: str, way: Access, *more: str, limit_bytes: int = 100_000, timeout_s: float = 5.0, task: int | None = 17
) -> list[bytes]:
    async def everything() -> list[bytes]:
        async with MediaReader(limit_bytes=limit_bytes, timeout_s=timeout_s) as reader:
            identity = TaskIdentity(task, 2)
            return [await reader.read(each, way, identity) for each in (reference, *more)]

    return asyncio.run(everything())


@pytest.mark.parametrize("prefix", ["", "/label"])
@pytest.mark.parametrize("secret", [LEGACY, PERSONAL])
@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("/data/upload/2/75766fab-page.jpg", "/data/upload/2/75766fab-page.jpg"),
        ("upload/2/75766fab-page.jpg", "/data/upload/2/75766fab-page.jpg"),
        ("/data/upload/2/ab-%C3%84kte%20%231.jpg", "/data/upload/2/ab-Äkte #1.jpg"),
        ("/data/upload/2/ab-Äkte 1.jpg", "/data/upload/2/ab-Äkte 1.jpg"),
        ("/data/upload/2/100%.jpg", "/data/upload/2/100%.jpg"),
        ("/data/local-files/?d=my scans/a.jpg", "/data/local-files/?d=my scans/a.jpg"),
        ("/data/local-files/?d=my%20scans/%C3%A4.jpg", "/data/local-files/?d=my scans/ä.jpg"),
        ("/storage-data/uploaded/?filepath=upload/1/x.jpg", "/storage-data/uploaded/?filepath=upload/1/x.jpg"),
    ],
)
def test_files_inside_label_studio_are_read(prefix: str, secret: str, reference: str, path: str) -> None:
    with studio_server(prefix) as server:
        server.files[path] = PICTURE
        assert read(reference, access(server, secret)) == [PICTURE]


def test_a_sub_path_in_the_reference_is_not_doubled() -> None:
    with studio_server("/label") as server:
        server.files["/data/upload/2/x.jpg"] = PICTURE
        assert read("/label/data/upload/2/x.jpg", access(server, LEGACY)) == [PICTURE]


def test_label_studio_is_recognised_under_its_other_name(studio: StudioServer) -> None:
    studio.files["/data/local-files/?d=a.jpg"] = PICTURE
    way = access(studio, LEGACY, alias="http://localhost:8080")
    assert read("http://localhost:8080/data/local-files/?d=a.jpg", way) == [PICTURE]


def test_an_access_token_is_sent_as_bearer(studio: StudioServer) -> None:
    secret = jwt(token_type="access", exp=8_000_000_000)
    studio.valid.add(secret)
    studio.files["/data/upload/x.jpg"] = PICTURE
    assert read("/data/upload/x.jpg", access(studio, secret)) == [PICTURE]


def test_a_personal_token_is_swapped_once_for_many_files(studio: StudioServer) -> None:
    studio.files["/data/upload/x.jpg"] = PICTURE
    read("/data/upload/x.jpg", access(studio, PERSONAL), *["/data/upload/x.jpg"] * 5)
    assert studio.swaps == 1
    assert not any(PERSONAL in header for _, header in studio.asked)


def test_a_personal_token_is_swapped_again_when_label_studio_forgets_it(studio: StudioServer) -> None:
    studio.files["/data/upload/x.jpg"] = PICTURE
    way = access(studio, PERSONAL)

    async def twice() -> None:
        async with MediaReader(limit_bytes=100_000) as reader:
            await reader.read("/data/upload/x.jpg", way)
            studio.expire()
            assert await reader.read("/data/upload/x.jpg", way) == PICTURE

    asyncio.run(twice())
    assert studio.swaps == 2


def test_the_second_token_is_used_where_the_first_is_refused(
    studio: StudioServer, caplog: pytest.LogCaptureFixture
) -> None:
    studio.files["/data/upload/x.jpg"] = PICTURE
    wrong = jwt(token_type="refresh", jti="secret-wrong")
    with caplog.at_level(logging.WARNING):
        assert read("/data/upload/x.jpg", access(studio, wrong, LEGACY), "/data/upload/x.jpg") == [PICTURE] * 2
    assert caplog.messages == ["Label Studio refused the personal access token from source 1"]
    # For the second file, the token that worked goes first.
    assert sum(path.startswith("/api/token") for path, _ in studio.asked) == 1


def test_refused_tokens_are_named_without_being_shown(studio: StudioServer) -> None:
    studio.legacy_enabled = False
    wrong = jwt(token_type="refresh", jti="secret-wrong")
    with pytest.raises(SourceForbidden) as caught:
        read("/data/upload/x.jpg", access(studio, wrong, LEGACY))
    assert "the personal access token from source 1 and the legacy token from source 2" in caught.value.message
    assert "set LABEL_STUDIO_API_KEY" in caught.value.message
    assert wrong not in caught.value.message
    assert LEGACY not in caught.value.message


def test_a_missing_token_is_named(studio: StudioServer) -> None:
    with pytest.raises(SourceForbidden, match="set LABEL_STUDIO_API_KEY"):
        read("/data/upload/x.jpg", access(studio))


def test_the_token_never_goes_to_another_host(studio: StudioServer, elsewhere: StudioServer) -> None:
    elsewhere.files["/x.jpg"] = PICTURE
    assert read(f"{elsewhere.url}/x.jpg", access(studio, LEGACY)) == [PICTURE]
    assert elsewhere.asked == [("/x.jpg", "")]


def test_the_token_does_not_follow_a_redirect_to_another_host_nor_back(
    studio: StudioServer, elsewhere: StudioServer
) -> None:
    secret_file = f"{studio.url}/data/upload/x.jpg"
    studio.files["/data/upload/x.jpg"] = PICTURE
    way = access(studio, LEGACY)
    back = f"{elsewhere.url}/behave/redirect/302?to={secret_file}"
    with pytest.raises(SourceForbidden, match="where Label Studio's token is not sent"):
        read(f"{studio.url}/behave/redirect/307?to={back}", way)
    assert [header for _, header in elsewhere.asked] == [""]
    # A foreign address must not be able to spend the token either.
    with pytest.raises(SourceForbidden):
        read(back, way)
    assert studio.asked[-1] == ("/data/upload/x.jpg", "")


def test_no_cookie_is_kept(studio: StudioServer) -> None:
    read(f"{studio.url}/behave/cookie", Access(Studio()), f"{studio.url}/behave/cookie")
    assert studio.cookies == ["", ""]


@pytest.mark.parametrize("presign", [True, False])
def test_cloud_files_come_through_label_studio(studio: StudioServer, elsewhere: StudioServer, *, presign: bool) -> None:
    elsewhere.files["/scan.jpg?X-Amz-Signature=secret"] = PICTURE
    studio.files["s3://bucket/scan.jpg"] = PICTURE
    studio.presign_to = elsewhere.url if presign else ""
    assert read("s3://bucket/scan.jpg", access(studio, LEGACY)) == [PICTURE]
    assert [header for _, header in elsewhere.asked] == ([""] if presign else [])
    assert studio.asked[0][0].startswith("/tasks/17/presign/?fileuri=")


def test_a_redirect_to_the_login_page_is_a_refusal(studio: StudioServer) -> None:
    with pytest.raises(SourceForbidden, match="refused the legacy token"):
        read(f"{studio.url}/behave/redirect/302?to=/user/login/?next=/x", access(studio, LEGACY))


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/behave/status/404", SourceNotFound, "does not exist there"),
        ("/behave/status/410", SourceNotFound, "does not exist there"),
        ("/behave/status/403", SourceForbidden, "check the permissions"),
        ("/behave/status/401", SourceForbidden, "wants a login"),
        ("/behave/status/500", SourceUnreachable, "answered 500"),
        ("/behave/status/429?after=3600", SourceUnreachable, "is busy (429)"),
        ("/behave/redirect/302", SourceError, "redirects more than 5 times"),
        ("/behave/redirect/302?to=file:///etc/passwd", SourceForbidden, "redirects to file:///etc/passwd"),
        ("/behave/page", SourceError, "a web page instead of an image"),
        ("/behave/broken", SourceUnreachable, "broke off"),
        ("/behave/endless", SourceTooLarge, "more than 100,000 bytes"),
        ("/behave/endless/declared", SourceTooLarge, "raise MAX_IMAGE_BYTES"),
        ("/behave/slow/3", SourceUnreachable, "1 s"),
        ("/behave/drip", SourceUnreachable, "did not arrive within 1 s"),
    ],
)
def test_a_host_that_fails_is_named_with_the_cure(
    elsewhere: StudioServer, path: str, error: type[SourceError], message: str
) -> None:
    started = time.monotonic()
    with pytest.raises(error) as caught:
        read(elsewhere.url + path, Access(Studio()), timeout_s=1.0 if "slow" in path or "drip" in path else 8.0)
    assert message in caught.value.message
    assert f"127.0.0.1:{elsewhere.server_port}" in caught.value.message
    assert time.monotonic() - started < 6


def test_what_may_pass_is_tried_again(elsewhere: StudioServer) -> None:
    assert read(f"{elsewhere.url}/behave/flaky/a", Access(Studio())) == [PICTURE]
    assert elsewhere.failures["a"] == 3


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_what_will_not_pass_is_not_tried_again(elsewhere: StudioServer, status: int) -> None:
    with pytest.raises(SourceError):
        read(f"{elsewhere.url}/behave/status/{status}", Access(Studio()))
    assert len(elsewhere.asked) == 1


def test_a_refused_connection_names_the_container_trap() -> None:
    with pytest.raises(SourceUnreachable, match="from a container"):
        read("http://localhost:9/x.jpg", Access(Studio()), timeout_s=10)


def test_messages_hold_no_password_and_no_signature(elsewhere: StudioServer) -> None:
    address = elsewhere.url.replace("//", "//user:secret@") + "/behave/status/404?X-Amz-Signature=secret"
    with pytest.raises(SourceNotFound) as caught:
        read(address, Access(Studio()))
    assert "secret" not in caught.value.message
    assert elsewhere.asked[0][1] == "Basic " + base64.b64encode(b"user:secret").decode()


def test_the_clients_own_log_is_not_needed_to_know_what_happened(
    elsewhere: StudioServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        read(f"{elsewhere.url}/behave/flaky/b?token=secret", Access(Studio()))
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("reference", "data"),
    [
        ("data:image/png;base64," + base64.b64encode(PICTURE).decode(), PICTURE),
        ("data:image/png;base64,aGk", b"hi"),
        ("data:image/png;base64,aGk%3D", b"hi"),
        ("DATA:;BASE64,aGk=", b"hi"),
        ("data:,a%20b", b"a b"),
    ],
)
def test_data_uris_are_decoded(reference: str, data: bytes) -> None:
    assert read(reference, Access(Studio())) == [data]


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        ("data:image/png;base64,a", SourceError),
        ("data:image/png;base64", SourceError),
        ("data:image/png;base64," + "A" * 200_000, SourceTooLarge),
        ("data:," + "A" * 100_001, SourceTooLarge),
    ],
)
def test_a_bad_data_uri_is_refused_without_quoting_it(reference: str, error: type[SourceError]) -> None:
    with pytest.raises(error, match="data: URI of") as caught:
        read(reference, Access(Studio()))
    assert len(caught.value.message) < 200


def test_a_label_studio_that_moved_is_named(studio: StudioServer, elsewhere: StudioServer) -> None:
    way = Access(Studio(f"{studio.url}/nowhere"), (Token(PERSONAL, "LABEL_STUDIO_API_KEY"),))
    with pytest.raises(SourceForbidden):
        read("/data/upload/x.jpg", way)
    assert elsewhere.asked == []
