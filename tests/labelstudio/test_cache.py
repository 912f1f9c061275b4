import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagefaulty.errors import SettingsError, SourceForbidden
from imagefaulty.labelstudio.cache import DiskCache
from imagefaulty.labelstudio.media import Access, MediaReader
from imagefaulty.labelstudio.references import Studio
from imagefaulty.labelstudio.tokens import Token
from tests.labelstudio.studio_server import LEGACY, PICTURE, StudioServer, studio_server

MODIFIED = "Sun, 22 Nov 2026 21:22:37 GMT"


@pytest.fixture
def server() -> Iterator[StudioServer]:
    with studio_server() as running:
        running.files["/a.png"] = PICTURE
        running.validators = {"ETag": '"one"'}
        yield running


def cache_in(folder: Path, limit_bytes: int = 1 << 20) -> DiskCache:
    return DiskCache(folder / "cache", limit_bytes=limit_bytes)


def read(cache: DiskCache, *references: str, access: Access | None = None) -> list[bytes]:
    async def reading() -> list[bytes]:
        async with MediaReader(limit_bytes=100_000, cache=cache) as reader:
            return [await reader.read(reference, access or Access(Studio())) for reference in references]

    return asyncio.run(reading())


def stored(folder: Path) -> list[Path]:
    return sorted((folder / "cache").glob("*.image"))


@pytest.mark.parametrize("validators", [{"ETag": '"one"'}, {"Last-Modified": MODIFIED}])
def test_a_file_that_still_holds_is_not_sent_again(
    server: StudioServer, tmp_path: Path, validators: dict[str, str]
) -> None:
    server.validators = validators
    cache = cache_in(tmp_path)
    assert read(cache, *[f"{server.url}/a.png"] * 3) == [PICTURE] * 3
    assert len(server.asked) == 3, "the source is asked each time"
    assert (server.sent_bodies, cache.hits) == (1, 2)


def test_a_file_that_changed_is_fetched(server: StudioServer, tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    read(cache, f"{server.url}/a.png")
    server.files["/a.png"], server.validators = b"new", {"ETag": '"two"'}
    assert read(cache, *[f"{server.url}/a.png"] * 2) == [b"new", b"new"]
    assert len(stored(tmp_path)) == 1


@pytest.mark.parametrize("validators", [{}, {"ETag": '"one"', "Cache-Control": "private, no-store"}])
def test_what_cannot_or_must_not_be_kept_is_not_kept(
    server: StudioServer, tmp_path: Path, validators: dict[str, str]
) -> None:
    server.validators = validators
    assert read(cache_in(tmp_path), f"{server.url}/a.png") == [PICTURE]
    assert stored(tmp_path) == []


def test_the_copy_of_a_protected_file_is_for_those_who_may_read_it(server: StudioServer, tmp_path: Path) -> None:
    server.files["/data/upload/x.png"] = PICTURE
    cache = cache_in(tmp_path)
    studio = Studio(server.url)
    assert read(cache, "/data/upload/x.png", access=Access(studio, (Token(LEGACY, "test"),))) == [PICTURE]
    with pytest.raises(SourceForbidden):
        read(cache, "/data/upload/x.png", access=Access(studio, (Token("0" * 40, "test"),)))
    with pytest.raises(SourceForbidden):
        read(cache, "/data/upload/x.png", access=Access(studio))


def test_a_damaged_copy_is_fetched_again(server: StudioServer, tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    read(cache, f"{server.url}/a.png")
    (path,) = stored(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    assert read(cache, f"{server.url}/a.png") == [PICTURE]
    path.write_bytes(b"{}\n")
    assert read(cache, f"{server.url}/a.png") == [PICTURE]
    assert (server.sent_bodies, cache.hits) == (3, 0)


def test_validators_go_to_the_host_that_gave_them_only(server: StudioServer, tmp_path: Path) -> None:
    with studio_server() as other:
        other.files["/b.png"] = b"other"
        other.validators = dict(server.validators)
        cache = cache_in(tmp_path)
        address = f"{server.url}/behave/redirect/302?to={server.url}/a.png"
        assert read(cache, address) == [PICTURE]
        elsewhere = address.replace(f"to={server.url}/a.png", f"to={other.url}/b.png")
        (path,) = stored(tmp_path)
        path.rename(cache._path(elsewhere))
        assert read(cache, elsewhere) == [b"other"], "the same tag of another host means nothing"


def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path: Path) -> None:
    cache = cache_in(tmp_path, limit_bytes=10_000)
    for number in range(30):
        cache.store(f"http://h/{number}", bytes(900), origin="http://h:80", etag="x", modified="")
        for path in stored(tmp_path):
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))
        first = cache.find("http://h/0")
        assert first is not None
        assert cache.read("http://h/0", first) == bytes(900)
    assert sum(path.stat().st_size for path in stored(tmp_path)) <= 10_000
    assert cache.find("http://h/29")
    assert cache.find("http://h/1") is None


def test_a_file_too_large_for_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache = cache_in(tmp_path, limit_bytes=10_000)
    cache.store("http://h/a", bytes(1001), origin="http://h:80", etag="x", modified="")
    assert stored(tmp_path) == []


def test_what_a_crash_left_behind_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    old, new, foreign = (tmp_path / "cache" / name for name in ("old.part", "new.part", "README"))
    for path in (old, new, foreign):
        path.write_bytes(b"x")
    os.utime(old, (0, time.time() - 7200))
    cache_in(tmp_path)
    assert [path.exists() for path in (old, new, foreign)] == [False, True, True]


def test_processes_may_share_a_directory(tmp_path: Path) -> None:
    caches = [cache_in(tmp_path, limit_bytes=50_000) for _ in range(4)]
    problems: list[str] = []

    def work(cache: DiskCache, seed: int) -> None:
        for number in range(100):
            address = f"http://h/{(number * seed) % 20}"
            body = address.encode() * 100
            cache.store(address, body, origin="http://h:80", etag="x", modified="")
            copy = cache.find(address)
            if copy and (data := cache.read(address, copy)) not in (None, body):
                problems.append(f"{address}: {data!r}")

    threads = [threading.Thread(target=work, args=(cache, seed)) for seed, cache in enumerate(caches, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".image"] == []


def test_only_the_owner_may_read_the_files(server: StudioServer, tmp_path: Path) -> None:
    read(cache_in(tmp_path), f"{server.url}/a.png")
    assert [path.stat().st_mode & 0o077 for path in stored(tmp_path)] == [0]


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsError, match=r"CACHE_DIR .*file.* cannot be written"):
        DiskCache(tmp_path / "file" / "cache", limit_bytes=1)


def test_a_directory_that_vanishes_costs_nothing_but_the_copies(server: StudioServer, tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    (tmp_path / "cache").rmdir()
    assert read(cache, f"{server.url}/a.png") == [PICTURE]
