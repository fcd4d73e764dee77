"""The table of signing keys.

There is no state column: times alone say which key does what, so that every instance comes to the same
answer from its clock.
"""

from sqlalchemy import Column, LargeBinary, Table, Text

from authsvc.kit.database import UtcDateTime, metadata

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("algorithm", Text, nullable=False),
    Column("public_jwk", Text, nullable=False),  # JSON, public members only
    Column("private_key", LargeBinary, nullable=False),  # sealed by KeyCipher
    Column("created_at", UtcDateTime, nullable=False),
    Column("active_from", UtcDateTime, nullable=False),
)
