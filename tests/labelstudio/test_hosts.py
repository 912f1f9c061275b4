import asyncio
import time

import pytest

from imagefaulty.errors import SettingsError, SourceError, SourceForbidden, SourceUnreachable
from imagefaulty.labelstudio.hosts import HostList
from imagefaulty.labelstudio.media import Access, MediaReader
from imagefaulty.labelstudio.references import Studio, TaskIdentity
from imagefaulty.labelstudio.tokens import Token
from tests.integration.processes import free_port
from tests.labelstudio.studio_server import LEGACY, PICTURE, studio_server


@pytest.mark.parametrize(
    ("text", "url", "admitted"),
    [
        ("", "http://anything:1/x", True),
        ("scans.example.org", "https://scans.example.org/x", True),
        ("Scans.Example.org", "http://SCANS.example.org.:8080/x", True),
        ("scans.example.org", "https://evil-scans.example.org/x", False),
        ("scans.example.org", "https://scans.example.org@evil.org/x", False),
        ("*.example.org", "https://a.b.example.org/x", True),
        ("*.example.org", "https://example.org/x", False),
        ("*.example.org", "https://badexample.org/x", False),
        ("a, b  10.0.0.5:9000", "http://10.0.0.5:9000/x", True),
        ("a, b  10.0.0.5:9000", "http://10.0.0.5/x", False),
        ("h:443", "https://h/x", True),
        ("[::1]:8080", "http://[::1]:8080/x", True),
        ("a", "http://169.254.169.254/latest/meta-data", False),
    ],
)
def test_hosts_are_admitted_by_name_and_port(text: str, url: str, admitted: bool) -> None:
    assert HostList.read(text).admits(url) is admitted


@pytest.mark.parametrize("text", ["https://a.org", "a.org/x", "a*b", "user@a", "*", "a:b", "::1"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="IMAGE_HOSTS"):
        HostList.read(text)


def read(reference: str, hosts: str, access: Access | None = None) -> bytes:
    async def reading() -> bytes:
        async with MediaReader(limit_bytes=100_000, hosts=HostList.read(hosts)) as reader:
            return await reader.read(reference, access or Access(Studio()))

    return asyncio.run(reading())


def test_other_hosts_are_refused_before_they_are_asked() -> None:
    with studio_server() as server:
        server.files["/a.png"] = PICTURE
        with pytest.raises(SourceForbidden, match=r"127\.0\.0\.1; add it to IMAGE_HOSTS"):
            read(f"{server.url}/a.png", "scans.example.org")
        assert server.asked == []
        assert read(f"{server.url}/a.png", "127.0.0.1") == PICTURE


def test_label_studio_itself_may_always_be_asked_but_not_whom_it_redirects_to() -> None:
    with studio_server() as studio, studio_server() as bucket:
        studio.files["/data/upload/a.png"] = PICTURE
        bucket.files["/a.png?X-Amz-Signature=secret"] = PICTURE
        studio.presign_to = bucket.url
        access = Access(Studio(studio.url), (Token(LEGACY, "test"),))
        assert read("/data/upload/a.png", "scans.example.org", access) == PICTURE

        async def presigned(hosts: str) -> bytes:
            async with MediaReader(limit_bytes=100_000, hosts=HostList.read(hosts)) as reader:
                return await reader.read("s3://b/a.png", access, TaskIdentity(1))

        with pytest.raises(SourceForbidden, match="IMAGE_HOSTS"):
            asyncio.run(presigned("scans.example.org"))
        assert bucket.asked == []
        assert asyncio.run(presigned(f"127.0.0.1:{bucket.server_port}")) == PICTURE


@pytest.mark.parametrize("reference", ["http:///x.png", "http://h:99999/x", "https://"])
def test_an_address_without_a_host_is_refused_in_words(reference: str) -> None:
    with pytest.raises(SourceError, match="not a usable address"):
        read(reference, "")


def test_a_host_that_does_not_answer_is_left_alone_for_a_while() -> None:
    dead = f"http://127.0.0.1:{free_port()}/a.png"

    async def reading() -> tuple[str, str, float, bytes]:
        async with MediaReader(limit_bytes=100_000) as reader:
            with pytest.raises(SourceUnreachable) as first:
                await reader.read(dead, Access(Studio()))
            started = time.monotonic()
            with pytest.raises(SourceUnreachable) as second:
                await reader.read(dead, Access(Studio()))
            took = time.monotonic() - started
            with studio_server() as server:
                server.files["/a.png"] = PICTURE
                return (
                    str(first.value),
                    str(second.value),
                    took,
                    await reader.read(f"{server.url}/a.png", Access(Studio())),
                )

    first, second, took, other = asyncio.run(reading())
    assert "a moment ago" not in first
    assert "a moment ago" in second
    assert took < 0.1, "no attempts, no pauses"
    assert other == PICTURE, "other hosts are asked as before"
