"""Every call of the API that takes a body, with a body that fits."""

from typing import Any

from tests.support.service import NEW_PASSWORD, PASSWORD

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/register"): {
        "username": "grace",
        "password": PASSWORD,
        "name": "Grace Hopper",
        "email": "grace@example.com",
    },
    ("POST", "/login"): {"username": "ada", "password": PASSWORD},
    ("POST", "/refresh_jwt"): {"refresh_token": "rt1_x"},
    ("POST", "/logout"): {"refresh_token": "rt1_x", "scope": "current"},
    ("PATCH", "/user"): {"name": "Ada King", "email": "king@example.com"},
    ("POST", "/user/password"): {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    ("DELETE", "/user"): {"password": PASSWORD},
}
"""(method, path) -> a body with every field that is documented."""

BODYLESS = (
    ("GET", "/user"),
    ("GET", "/sessions"),
    ("DELETE", "/sessions/01234567-89ab-4cde-8f01-23456789abcd"),
)
"""The other calls that ask who is there."""
