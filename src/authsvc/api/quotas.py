"""Which limits there are, told with every answer of the calls that count: ``RateLimit-Policy``.

draft-ietf-httpapi-ratelimit-headers-11, section 3. What is left of a limit is not told before it is used up:
by the count of an account anybody could see whether its owner is at work, and so whether it exists.
"""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from authsvc.throttle.rules import Rule, Rules

_CHECKS_A_PASSWORD = (("POST", "/login"), ("POST", "/user/password"), ("DELETE", "/user"))


def quota_policies(rules: Rules) -> dict[tuple[str, str], str]:
    """Return the value of the header, by method and path; limits of many clients together are not told."""
    passwords = _policy(rules.account, rules.account_address, rules.device, rules.address, rules.login)
    return {
        **dict.fromkeys(_CHECKS_A_PASSWORD, passwords),
        ("POST", "/register"): _policy(rules.registration),
    }


class QuotaPolicies:
    """Adds the header to whatever is answered. Plain ASGI."""

    def __init__(self, app: ASGIApp, policies: Mapping[tuple[str, str], str]) -> None:
        self._app = app
        self._headers = {
            call: (b"ratelimit-policy", policy.encode("ascii")) for call, policy in policies.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        header = self._headers.get((scope.get("method", ""), scope.get("path", "")))
        if header is None:
            await self._app(scope, receive, send)
            return

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        await self._app(scope, receive, send_with_policy)


def _policy(*rules: Rule) -> str:
    """Return a List of Strings with parameters (RFC 9651, sections 3.1 and 3.1.2)."""
    return ", ".join(
        f'"{rule.name}";q={rule.limit};w={max(1, round(rule.window.total_seconds()))}' for rule in rules
    )
