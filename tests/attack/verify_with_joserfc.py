"""Verify tokens as a resource server would, with joserfc alone. Runs in an environment of its own.

Standard input: ``{"jwks", "algorithm", "issuer", "audience", "tokens"}`` as JSON. Prints how many are valid.
"""

import json
import sys

from joserfc import jwt
from joserfc.jwk import KeySet


def main() -> int:
    """Count the tokens that are valid; the exit code is 1 unless all are."""
    given = json.load(sys.stdin)
    keys = KeySet.import_key_set(given["jwks"])
    claims = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": given["issuer"]},
        aud={"essential": True, "value": given["audience"]},
        exp={"essential": True},
        sub={"essential": True},
        jti={"essential": True},
    )
    valid = 0
    for text in given["tokens"]:
        token = jwt.decode(text, keys, algorithms=[given["algorithm"]])
        claims.validate(token.claims)
        valid += token.header["typ"] == "at+jwt"
    print(valid)
    return int(valid != len(given["tokens"]))


if __name__ == "__main__":
    sys.exit(main())
