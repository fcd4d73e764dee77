"""Refresh tokens that somebody made who saw everything of one but the key it is signed with."""

import hashlib
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.service import Login, Service, code_of
from tests.support.stores import kind_of

from authsvc.errors import ForgedRefreshToken
from authsvc.kit.redis import RedisClient
from authsvc.sessions.refresh_token import RefreshTokenSigner

SIGNER = RefreshTokenSigner(b"one secret of the service, long enough")


async def digest(redis: RedisClient) -> dict[bytes, str]:
    """What Redis holds of sessions, with the deadlines."""
    found = {}
    for name in await redis.execute("KEYS", "*"):
        if kind_of(name.decode()) not in {"session", "sessions"}:
            continue
        kind = await redis.execute("TYPE", name)
        value = await redis.execute("HGETALL" if kind == b"hash" else "ZRANGE", name, *_ALL.get(kind, ()))
        deadline = await redis.execute("PEXPIRETIME", name)
        found[name] = hashlib.sha256(repr((value, deadline)).encode()).hexdigest()
    return found


_ALL = {b"zset": ("0", "-1", "WITHSCORES")}


def forged(login: Login) -> list[str]:
    """A thousand tokens with the ids, the secret and the generation of a live session, and other tags."""
    raw = urlsafe_b64decode(login.refresh_token[4:])
    payload, tag = raw[:-32], raw[-32:]
    tags = [
        bytes(32),
        b"\xff" * 32,
        tag[::-1],
        tag[:-1] + bytes([tag[-1] ^ 1]),
        bytes([tag[0] ^ 128]) + tag[1:],
    ]
    tags += [secrets.token_bytes(32) for _ in range(695)]
    made = [payload + wrong for wrong in tags]
    others = (
        0,
        1,
        3,
        2**31,
        2**32 - 1,
        *range(4, 99),
    )  # the right tag, of another generation: it is the second
    made += [payload[:51] + generation.to_bytes(4, "big") + tag for generation in others]
    for number in range(200):  # a secret or an id that is another in one bit, under the right tag
        changed = bytearray(payload)
        changed[3 + number % 48] ^= 1 << number % 8
        made.append(bytes(changed) + tag)
    return ["rt1_" + urlsafe_b64encode(text).decode() for text in made]


# A063
async def test_a_thousand_forged_tags_neither_end_nor_rotate_nor_extend_a_session(service, redis):
    login = await service.refresh(await service.sign_up())
    tokens = forged(login)
    assert len(tokens) == 1000
    before = await digest(redis)
    assert before
    for number, token in enumerate(tokens):
        answer = await service.try_refresh(token)
        assert (answer.status_code, code_of(answer)) == (401, "invalid_refresh_token")
        if number % 10 == 0:
            for scope in ("current", "others", "all"):
                body = {"refresh_token": token, "scope": scope}
                assert (await service.client.post("/logout", json=body)).status_code == 401
    assert await digest(redis) == before
    assert await service.shows_user(login)
    assert await digest(redis) == before
    assert (await service.try_refresh(login.refresh_token)).status_code == 200
    assert await digest(redis) != before  # it would have been seen


# A064
@pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")
async def test_no_kind_of_token_stands_in_for_another(service: Service):
    login = await service.sign_up()
    as_bearer = {"Authorization": f"Bearer {login.refresh_token}"}
    for method, path in (("GET", "/user"), ("GET", "/sessions"), ("DELETE", f"/sessions/{login.session_id}")):
        answer = await service.client.request(method, path, headers=as_bearer)
        assert (answer.status_code, code_of(answer)) == (401, "invalid_token")
    for other in (login.access_token, str(login.session_id), f"rt1_{login.access_token}"):
        answer = await service.try_refresh(other)
        assert (answer.status_code, code_of(answer)) == (401, "invalid_refresh_token")
        answer = await service.client.post("/logout", json={"refresh_token": other})
        assert (answer.status_code, code_of(answer)) == (401, "not_authenticated")
    assert await service.is_alive(login)


# A063
async def test_no_bit_of_the_text_can_be_flipped(service, redis):
    login = await service.sign_up()
    before = await digest(redis)
    raw = login.refresh_token.encode()
    for place in range(len(raw)):
        for bit in range(7):
            flipped = bytearray(raw)
            flipped[place] ^= 1 << bit
            answer = await service.try_refresh(flipped.decode())
            assert answer.status_code == 401, (place, bit)
    assert await digest(redis) == before


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.from_regex(r"rt1_[A-Za-z0-9_\-]{110,122}", fullmatch=True))
def test_any_text_is_a_forgery(text: str):
    with pytest.raises(ForgedRefreshToken):
        SIGNER.verify(text)


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=87, max_size=87))
def test_any_bytes_are_a_forgery(raw: bytes):
    with pytest.raises(ForgedRefreshToken):
        SIGNER.verify("rt1_" + urlsafe_b64encode(raw).decode())
