"""What Alembic's commands run, such as ``revision --autogenerate``: on the connection of `alembic_config`."""

from alembic import context

from authsvc.audit import tables as audit_tables  # noqa: F401 - registers its table with the metadata
from authsvc.kit.database import metadata
from authsvc.sessions import tables as sessions_tables  # noqa: F401 - likewise
from authsvc.tokens import tables as tokens_tables  # noqa: F401 - likewise
from authsvc.users import tables as users_tables  # noqa: F401 - likewise

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
