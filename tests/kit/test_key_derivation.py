from authsvc.kit.key_derivation import derive_key

SECRET = b"\x0b" * 22


def test_it_is_hkdf():
    """The vector is RFC 5869's test case 3: SHA-256, no salt, no info."""
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    assert derive_key(SECRET, "", length=42).hex() == expected


def test_another_purpose_or_another_secret_gives_another_key():
    keys = {
        derive_key(secret, purpose)
        for secret in (SECRET, SECRET + b"\x00")
        for purpose in ("a", "b", "ab", "")
    }
    assert len(keys) == 8
    assert {len(key) for key in keys} == {32}
