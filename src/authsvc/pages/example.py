"""The first steps with curl, for whoever has just found this service."""

import shlex

BEGINNING = """\
url={url}
json='content-type: application/json'
ada='{{"username": "ada", "password": "nine purple kettles sing"}}'
show='\\n%{{http_code}}\\n'

curl -s -w "$show" $url/register -H "$json" -d "$ada"

tokens=$(curl -s -w "$show" $url/login -H "$json" -d "$ada"); echo "$tokens"
access=$(echo "$tokens" | sed -n 's/.*"access_token":"\\([^"]*\\)".*/\\1/p')
refresh=$(echo "$tokens" | sed -n 's/.*"refresh_token":"\\([^"]*\\)".*/\\1/p')

curl -s -w "$show" $url/user -H "authorization: Bearer $access"
"""
"""Register, log in, ask: prints 201, 200, 200 after the answers. To be formatted with the ``url``.

For any POSIX shell. No comments: pasted into zsh they would be commands.
"""


def example(url: str) -> str:
    """Return what to paste to try the service at ``url``."""
    return BEGINNING.format(url=shlex.quote(url))
