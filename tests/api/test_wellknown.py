import pytest

pytestmark = pytest.mark.parametrize("stores", ["stand-ins"], indirect=True, scope="session")


# A081
async def test_the_published_keys_are_public_and_may_be_kept_a_while(client):
    answer = await client.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"].startswith("public, max-age=")
    keys = answer.json()["keys"]
    assert keys
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}


async def test_who_has_the_keys_already_gets_none(client):
    first = await client.get("/.well-known/jwks.json")
    again = await client.get("/.well-known/jwks.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == first.headers["cache-control"]
    other = await client.get("/.well-known/jwks.json", headers={"If-None-Match": '"something else"'})
    assert other.json() == first.json()
