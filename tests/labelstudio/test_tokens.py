import asyncio
import base64
import json
import time

import pytest

from imagefaulty.labelstudio.tokens import Token


def jwt(**claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part(claims)}.c2ln"


class Swaps:
    """Counts swaps; each gives an access token that lives for a while."""

    def __init__(self, lifetime_s: float = 300.0) -> None:
        self.count = 0
        self._lifetime_s = lifetime_s

    async def __call__(self, secret: str) -> str:
        assert secret
        self.count += 1
        await asyncio.sleep(0.01)
        return jwt(token_type="access", exp=time.time() + self._lifetime_s, number=self.count)


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        ("0123456789abcdef0123456789abcdef01234567", "legacy"),
        (jwt(token_type="refresh", exp=8_000_000_000), "personal"),
        (jwt(token_type="access", exp=1), "access"),
        ("a.b.c", "legacy"),
        ("..", "legacy"),
        ("", "legacy"),
        ("x.W10.y", "legacy"),
    ],
)
def test_the_kind_is_read_from_the_token(secret: str, kind: str) -> None:
    assert Token(secret, "test").kind == kind


def test_legacy_and_access_tokens_are_sent_as_they_are() -> None:
    access = jwt(token_type="access")
    assert asyncio.run(Token(" abc\n", "test").header(Swaps())) == "Token abc"
    assert asyncio.run(Token(access, "test").header(Swaps())) == f"Bearer {access}"


def test_many_askers_share_one_swap() -> None:
    swaps = Swaps()

    async def ask() -> set[str]:
        token = Token(jwt(token_type="refresh"), "test")
        return set(await asyncio.gather(*(token.header(swaps) for _ in range(20))))

    assert len(asyncio.run(ask())) == 1
    assert swaps.count == 1


def test_an_access_token_is_swapped_again_half_a_minute_before_it_expires() -> None:
    swaps = Swaps(lifetime_s=29)

    async def ask() -> None:
        token = Token(jwt(token_type="refresh"), "test")
        await token.header(swaps)
        await token.header(swaps)

    asyncio.run(ask())
    assert swaps.count == 2


def test_a_rejected_header_is_replaced_once_however_many_saw_it_rejected() -> None:
    swaps = Swaps()

    async def ask() -> set[str]:
        token = Token(jwt(token_type="refresh"), "test")
        old = await token.header(swaps)
        return set(await asyncio.gather(*(token.header(swaps, rejected=old) for _ in range(20))))

    assert len(asyncio.run(ask())) == 1
    assert swaps.count == 2


def test_a_token_never_shows_its_secret() -> None:
    secret = jwt(token_type="refresh", jti="secret")
    token = Token(secret, "LABEL_STUDIO_API_KEY")
    assert repr(token) == "<Token: the personal access token from LABEL_STUDIO_API_KEY>"
    assert secret not in token.description
