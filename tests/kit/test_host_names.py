import pytest

from authsvc.kit.host_names import canonical_host, canonical_origin, host_of_url


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Auth.Example.COM", "auth.example.com"),
        ("auth.example.com.", "auth.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("authsvc", "authsvc"),
        ("my_service", "my_service"),
        ("10.0.0.5", "10.0.0.5"),
        ("2001:DB8:0::1", "[2001:db8::1]"),
        ("[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_a_host_is_written_in_one_way(text, canonical):
    assert canonical_host(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "*.example.com",
        "a b",
        "a/b",
        "a:80",
        "-a",
        "a-",
        "a..b",
        ".",
        "a?b",
        "a@b",
        "[::1",
        "x" * 64,
        "a." * 200,
    ],
)
def test_what_is_no_host_is_refused(text):
    with pytest.raises(ValueError, match="must name hosts"):
        canonical_host(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("https://App.Example.com", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:80", "http://app.example.com"),
        ("http://app.example.com:443", "http://app.example.com:443"),
        ("http://localhost:05173", "http://localhost:5173"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_written_as_browsers_do(text, canonical):
    assert canonical_origin(text) == canonical


@pytest.mark.parametrize(
    "text",
    ["*", "null", "https://*", "https://a/", "https://a/b", "https://a?b", "ftp://a", "a", "https://", "https://a:b",
     "https://x@a", "https://a:123456", "https:// a", "https://a,https://b"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(text):
    with pytest.raises(ValueError, match="must "):
        canonical_origin(text)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://auth.example.com", "auth.example.com"),
        ("http://localhost:8000", "localhost"),
        ("https://Auth.Example.com:8443/sub", "auth.example.com"),
        ("http://[::1]:8000/", "[::1]"),
    ],
)
def test_the_host_of_a_url_is_found(url, host):
    assert host_of_url(url) == host


@pytest.mark.parametrize("url", ["https://", "https://:80", "https://a:b:c", "https://a:x/"])
def test_a_url_without_a_host_is_refused(url):
    with pytest.raises(ValueError, match="must name"):
        host_of_url(url)
